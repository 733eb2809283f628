"""The valid actions as tools for a model, and what it calls read back as actions.

What comes back is JSON that is looked up among what was offered and checked against the state. Nothing in it
is run, and nothing that is not valid passes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Generic, TypeVar

from attrs import define, frozen

from netsiege.agents.defenders.moves import block, look, respond
from netsiege.agents.llm.labels import (
    NO_ACTION,
    addresses_in,
    by_address,
    data_label,
    is_log,
    logged_sources,
    service_label,
)
from netsiege.agents.llm.validity import why_not
from netsiege.game import IP, Action, ActionType, AgentRole, Data, GameState, Network, Service
from netsiege.game.action import responses_of
from netsiege.game.action_types import NETSECGAMES, TABLE
from netsiege.game.entries import Entry
from netsiege.shown import shown

CHOICES = 40
"""Values that one parameter offers at most."""
ARGUMENTS_CHARS = 4_000
NOTE_CHARS = 300
NOTE = "note"
"""The tool that is no move."""
_SAID_CHARS = 80

T = TypeVar("T")


class Rejected(ValueError):
    """A tool call that is not played. The text tells the model why and what to do."""


@frozen
class Called:
    """A tool call as read: an action, a pass (`action` is None) or a note."""

    action: Action | None = None
    note: str | None = None


@define
class Choices(Generic[T]):
    """The values of one parameter by label, and how many there are in all."""

    by_label: dict[str, T]
    total: int

    def schema(self, says: str) -> dict[str, Any]:
        """The parameter in JSON schema."""
        if len(self.by_label) < self.total:
            says += f" ({len(self.by_label)} of {self.total} are offered)"
        return {"type": "string", "description": says, "enum": list(self.by_label)}


def offered(
    items: Iterable[T], label: Callable[[T], str], rank: Callable[[T], float], rng: random.Random
) -> Choices[T]:
    """At most `CHOICES` of the items, lowest rank first; among equals, those that `rng` draws.

    While all fit, the order is that of the items and nothing is drawn. Equal labels get a number.
    """
    every = list(items)
    chosen = every
    if len(every) > CHOICES:
        rng.shuffle(chosen := list(every))
        chosen = sorted(chosen, key=rank)[:CHOICES]
    found: dict[str, T] = {}
    for item in chosen:
        name, number = label(item), 1
        while name in found:
            number += 1
            name = f"{label(item)} #{number}"
        found[name] = item
    return Choices(found, len(every))


class Toolbox:
    """The tools of one move. The texts of names in them are cleaned and bounded."""

    def __init__(
        self,
        state: GameState,
        role: AgentRole,
        goal: str,
        rng: random.Random,
        has_responses: bool = False,
    ) -> None:
        self._state = state
        self._goal = goal
        self._readers: dict[str, Callable[[Mapping[str, Any]], Called]] = {}
        self.schema: list[dict[str, Any]] = []
        """In the form of the chat completions protocol."""
        self._named = set(addresses_in(goal))
        self._defends = role is AgentRole.Defender
        self._blockable: set[IP] = set()
        self._offer_looks(rng)
        self._offer_attacks(rng)
        if self._defends:
            self._offer_blocks(rng)
        if has_responses:
            for on_held in (True, False):
                kinds = [(kind, e) for kind, e in responses_of(role) if e.on_held is on_held]
                if kinds:
                    self._offer_responses(kinds, on_held, rng)
        self._add(NO_ACTION, "Do nothing this turn. Costs as much as any step.", {}, lambda _: Called())
        note = {"type": "string", "description": f"At most {NOTE_CHARS} characters."}
        says = "Keep a note for your later moves. It is no move: call an action tool as well."
        self._add(NOTE, says, {"text": note}, self._read_note)

    @property
    def names(self) -> tuple[str, ...]:
        """The tools that there are."""
        return tuple(self._readers)

    def read(self, name: str, arguments: str) -> Called:
        """What a tool call asks for. Raises `Rejected` for anything that is not valid now."""
        reader = self._readers.get(name)
        if reader is None:
            raise Rejected(
                f"there is no tool {shown(name, _SAID_CHARS)!r}; use one of {', '.join(self.names)}"
            )
        if len(arguments) > ARGUMENTS_CHARS:
            raise Rejected(f"the arguments of {name} are longer than {ARGUMENTS_CHARS} characters")
        try:
            given = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            raise Rejected(f"the arguments of {name} are not valid JSON") from None
        if not isinstance(given, dict):
            raise Rejected(f"the arguments of {name} must be a JSON object")
        return reader(given)

    # --- what is offered ----------------------------------------------------------------------------------

    def _hosts(self, hosts: Iterable[IP], rank: Callable[[IP], float], rng: random.Random) -> Choices[IP]:
        def ranked(host: IP) -> float:
            return -1e9 if host in self._named else rank(host)

        return offered(by_address(hosts), str, ranked, rng)

    def _offer_looks(self, rng: random.Random) -> None:
        state = self._state
        sources = self._hosts(state.controlled_hosts, lambda _: 0, rng)
        searched = self._hosts(state.controlled_hosts, lambda h: h in state.known_data, rng)
        targets = self._hosts(
            state.known_hosts, lambda h: (h in state.known_services) * 2 + (h in state.controlled_hosts), rng
        )
        networks = offered(sorted(state.known_networks), str, lambda _: 0, rng)
        source = sources.schema("A host that you control")
        self._offer(
            ActionType.ScanNetwork,
            {"source_host": source, "target_network": networks.schema("A known network")},
            source_host=_host(sources),
            target_network=_network(networks),
        )
        self._offer(
            ActionType.FindServices,
            {"source_host": source, "target_host": targets.schema("A known host")},
            source_host=_host(sources),
            target_host=_host(targets),
        )
        self._offer(
            ActionType.FindData,
            {"host": searched.schema("A host that you control")},
            host=_host(searched),
        )

    def _offer_attacks(self, rng: random.Random) -> None:
        state = self._state
        sources = self._hosts(state.controlled_hosts, lambda _: 0, rng)
        source = sources.schema("A host that you control and that reaches the other")
        services = offered(
            [(h, s) for h in by_address(state.known_services) for s in sorted(state.known_services[h])],
            lambda pair: f"{pair[0]} | {service_label(pair[1])}",
            lambda pair: pair[0] in state.controlled_hosts,
            rng,
        )
        holders = by_address(h for h in state.known_data if h in state.controlled_hosts)
        data = offered(
            [(h, d) for h in holders for d in sorted(state.known_data[h])],
            lambda pair: f"{pair[0]} | {data_label(pair[1])}",
            self._data_rank,
            rng,
        )
        if not self._defends:
            self._offer(
                ActionType.ExploitService,
                {"source_host": source, "service": services.schema("HOST | SERVICE")},
                source_host=_host(sources),
                service=_pair(services),
            )
        targets = self._hosts(state.controlled_hosts, lambda _: 0, rng)
        self._offer(
            ActionType.ExfiltrateData,
            {"data": data.schema("HOST | OWNER/DATA"), "target_host": targets.schema("Where it goes")},
            data=_pair(data),
            target_host=_host(targets),
        )

    def _data_rank(self, pair: tuple[IP, Data]) -> float:
        named = (pair[1].id in self._goal) + (pair[1].owner in self._goal)
        return is_log(pair[1]) * 3 - named

    def _offer_blocks(self, rng: random.Random) -> None:
        state = self._state
        logged = logged_sources(state)
        outside = [h for h in [*logged, *self._named] if h not in state.known_hosts]
        self._blockable = {*state.known_hosts, *outside}
        blocked = self._hosts(self._blockable, lambda h: -logged[h] - (h not in state.controlled_hosts), rng)
        targets = self._hosts(state.controlled_hosts, lambda h: -logged[h], rng)
        self._offer(
            ActionType.BlockIP,
            {
                "target_host": targets.schema("A host that you control: where the block is"),
                "blocked_host": blocked.schema("The host to shut out"),
            },
            target_host=_host(targets),
            blocked_host=_host(blocked),
        )

    def _offer_responses(
        self, kinds: Iterable[tuple[ActionType, Entry]], on_held: bool, rng: random.Random
    ) -> None:
        """Those to hosts that are held go from the host itself, others from any that is."""
        state = self._state
        logged = logged_sources(state)
        hosts = state.controlled_hosts if on_held else state.known_hosts
        targets = self._hosts(hosts, lambda h: -logged[h], rng)
        target = {"target_host": targets.schema("A host that you control" if on_held else "A known host")}
        services = offered(
            [(h, s) for h in by_address(hosts) for s in sorted(state.known_services.get(h, ()))],
            lambda pair: f"{pair[0]} | {service_label(pair[1])}",
            lambda pair: -logged[pair[0]],
            rng,
        )
        service = {"service": services.schema("HOST | SERVICE")}
        source: dict[str, dict[str, Any]] = {}
        readers: dict[str, Callable[[str, str], Any]] = {}
        if not on_held:
            sources = self._hosts(state.controlled_hosts, lambda _: 0, rng)
            source = {"source_host": sources.schema("A host that you control and that reaches the other")}
            readers = {"source_host": _host(sources)}
        for kind, entry in kinds:
            if "target_service" in entry.parameters:
                self._offer(kind, {**source, **service}, **readers, service=_pair(services))
            else:
                self._offer(kind, {**source, **target}, **readers, target_host=_host(targets))

    def _offer(
        self,
        kind: ActionType,
        properties: dict[str, dict[str, Any]],
        **readers: Callable[[str, str], Any],
    ) -> None:
        assert kind.entry is not None
        self._add(kind.key, kind.entry.explained, properties, self._reader(kind, **readers))

    def _add(
        self,
        name: str,
        says: str,
        properties: dict[str, dict[str, Any]],
        reader: Callable[[Mapping[str, Any]], Called],
    ) -> None:
        """Offers a tool, unless a parameter of it has no value."""
        if any(each.get("enum") == [] for each in properties.values()):
            return
        parameters = {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
        function = {"name": name, "description": says, "parameters": parameters}
        self.schema.append({"type": "function", "function": function})
        self._readers[name] = reader

    # --- what is read -------------------------------------------------------------------------------------

    def _read_note(self, given: Mapping[str, Any]) -> Called:
        text = given.get("text")
        if not isinstance(text, str) or not text.strip():
            raise Rejected("note needs a text")
        return Called(note=shown(text.strip(), NOTE_CHARS))

    def _reader(
        self, kind: ActionType, **readers: Callable[[str, str], Any]
    ) -> Callable[[Mapping[str, Any]], Called]:
        def read(given: Mapping[str, Any]) -> Called:
            values: dict[str, Any] = {}
            for name, reader in readers.items():
                said = given.get(name)
                if not isinstance(said, str):
                    raise Rejected(f"{name} is missing or no text; it takes one of the values in its enum")
                values[name] = reader(name, said)
            unknown = [name for name in given if name not in readers]
            if unknown:
                raise Rejected(
                    f"{shown(unknown[0], _SAID_CHARS)!r} is no parameter; give {', '.join(readers)}"
                )
            make = _ACTIONS.get(kind)
            action = Action(kind, values) if make is None else make(*values.values())
            problem = why_not(action, self._state, self._blockable)
            if problem:
                raise Rejected(problem)
            return Called(action)

        return read


def _to_service(kind: ActionType, source: IP, service: tuple[IP, Service]) -> Action:
    given = {"source_host": source, "target_host": service[0], "target_service": service[1]}
    return Action(kind, given)


def _to_host(kind: ActionType, source: IP, target: IP) -> Action:
    return Action(kind, {"source_host": source, "target_host": target})


def _to_own_service(kind: ActionType, service: tuple[IP, Service]) -> Action:
    return _to_service(kind, service[0], service)


def _exfiltrate(data: tuple[IP, Data], target: IP) -> Action:
    given = {"source_host": data[0], "target_host": target, "data": data[1]}
    return Action(ActionType.ExfiltrateData, given)


_RESPONDING: Final[dict[tuple[bool, bool], Callable[..., Action]]] = {
    (False, True): respond,
    (True, True): _to_own_service,
    (False, False): _to_host,
    (True, False): _to_service,
}
"""By whether a response is to a service, and whether only on hosts that are controlled."""
_ACTIONS: Final[dict[ActionType, Callable[..., Action]]] = {
    ActionType.FindData: look,
    ActionType.ExploitService: partial(_to_service, ActionType.ExploitService),
    ActionType.ExfiltrateData: _exfiltrate,
    ActionType.BlockIP: block,
    **{
        kind: partial(_RESPONDING["target_service" in entry.parameters, entry.on_held], kind)
        for kind, entry in TABLE[NETSECGAMES:]
    },
}
"""What makes an action of a tool's parameters, where they are not the action's own."""


def _host(choices: Choices[IP]) -> Callable[[str, str], IP]:
    """Reads an address, also one that was not offered: the state decides whether it is valid."""

    def read(name: str, said: str) -> IP:
        try:
            return choices.by_label.get(said) or IP(said)
        except ValueError:
            raise Rejected(f"{name}: {shown(said, _SAID_CHARS)!r} is not an IPv4 address") from None

    return read


def _network(choices: Choices[Network]) -> Callable[[str, str], Network]:
    def read(name: str, said: str) -> Network:
        if said in choices.by_label:
            return choices.by_label[said]
        address, _, mask = said.partition("/")
        try:
            return Network(address, int(mask))
        except ValueError:
            raise Rejected(
                f"{name}: {shown(said, _SAID_CHARS)!r} is not a network such as 10.0.0.0/24"
            ) from None

    return read


def _pair(choices: Choices[T]) -> Callable[[str, str], T]:
    def read(name: str, said: str) -> T:
        if said not in choices.by_label:
            raise Rejected(f"{name}: {shown(said, _SAID_CHARS)!r} is not one of the values in its enum")
        return choices.by_label[said]

    return read
