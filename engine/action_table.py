"""All actions of a scenario, numbered once and for good, and a seat's valid ones, without ever listing them.

An action's *index* counts over the whole scenario, by code, then source, then target, then what comes
third: it depends on the scenario and its task alone, and not on what anyone knows. (Under other addresses,
`Tables.readdressed`, it is another scenario.) A seat's *valid* actions are numbered apart, in the same order.

An action here is the body of a STEP. An exfiltration's index tells data apart by owner, id and type, as the
game does; its body carries the size and content that the seat knows, or those of the topology.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, product
from typing import Any, Final

from netsiege.engine import valid
from netsiege.engine.actions import SHAPES
from netsiege.engine.board import Wire
from netsiege.engine.forms import make_forms
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import bits, mask_of, select
from netsiege.engine.tables import Tables
from netsiege.engine.valid import Codes, Parts
from netsiege.errors import ProtocolError, RuleError
from netsiege.game import IP, Action, AgentRole, Data, Network, Service
from netsiege.game.action import CODE_OF, PLAYED, responses_of
from netsiege.protocol import pack
from netsiege.protocol.play import PASS

Below = Callable[[int], int]
"""Draws a whole number from 0 to its argument less 1: `Stream.below`, `random.Random.randrange`."""

_HEADS: Final = tuple(bytes([0x90 + 1 + len(names), code]) for code, (_, names) in enumerate(PLAYED))
"""What the body of an action of each code begins with: a msgpack list, its first element the code."""


class ActionTable:
    """See the module. Made from compiled tables in time proportional to the hosts."""

    __slots__ = ("_addresses", "_ends", "_forms", "_responses", "_tables", "size")

    def __init__(self, tables: Tables) -> None:
        board = tables.board
        self._tables = tables
        self._addresses = tuple(pack(number) for number in board.numbers)
        forms = make_forms(board, self._addresses, offered(tables), _usual_data(tables))
        self._forms = tuple(forms[shape] for shape in SHAPES[: tables.codes])
        self._responses = {
            role: frozenset(CODE_OF[kind] for kind, _ in responses_of(role)).intersection(range(tables.codes))
            for role in AgentRole
        }
        self._ends = tuple(accumulate(len(board.numbers) * form.width for form in self._forms))
        self.size = self._ends[-1]
        """How many actions the scenario has."""

    # --- over the whole scenario --------------------------------------------------------------------------

    def action(self, index: int) -> bytes:
        """The action of that index. Raises IndexError if there is none."""
        return self._body(self._parts(index), None)

    def rank(self, body: bytes) -> int:
        """The index of an action.

        Raises `ProtocolError(BAD_ACTION)` for what is no action, RuleError for a pass and for an action on
        what the scenario does not have.
        """
        code, source, target, third = self._read(body)
        form = self._forms[code]
        return (self._ends[code - 1] if code else 0) + source * form.width + form.place(target, third)

    def all_actions(self, include_blocks: bool = False) -> Iterator[Action]:
        """What NetSecGame's white box lists, in its order: every combination that the topology has."""
        tables, board = self._tables, self._tables.board
        hosts = [IP(text) for text in sorted(board.texts)]
        networks = sorted(Network.from_text(text) for text in tables.spec.topology.networks)
        place = {text: i for i, text in enumerate(board.texts)}
        services = [
            (host, Service(*board.services[i]))
            for host in hosts
            for i in bits(board.services_at[board.node_of[place[host.ip]]])
        ]
        data = sorted(
            Data(*datum)
            for key, datum in enumerate(_usual_data(tables))
            if key == 0 or board.key_items[key]  # views may speak of more
        )
        pairs = ((source, (target,)) for source, target in product(hosts, hosts))
        yield from _listed(0, product(hosts, ((network,) for network in networks)))
        yield from _listed(1, pairs)
        yield from _listed(3, product(hosts, services))
        yield from _listed(2, product(hosts, ((target,) for target in hosts)))
        yield from _listed(4, product(hosts, product(hosts, data)))
        if include_blocks:
            yield from _listed(5, product(hosts, product(hosts, hosts)))

    # --- as far as a seat knows ---------------------------------------------------------------------------

    # Responses of a role are included, if they are asked for, as far as the ruleset has them.

    def _included(self, role: AgentRole, include_responses: bool) -> Codes:
        return self._responses[role] if include_responses else ()

    def count(
        self,
        knows: Knowledge,
        include_blocks: bool = True,
        include_responses: bool = False,
        role: AgentRole = AgentRole.Defender,
    ) -> int:
        """How many actions are valid for a seat."""
        included = self._included(role, include_responses)
        return valid.count(self._tables.board, knows, include_blocks, included)

    def nth(
        self,
        knows: Knowledge,
        number: int,
        include_blocks: bool = True,
        include_responses: bool = False,
        role: AgentRole = AgentRole.Defender,
    ) -> bytes:
        """The valid action of that number, counted from 0. Raises IndexError if there is none."""
        included = self._included(role, include_responses)
        parts = valid.locate(self._tables.board, knows, number, include_blocks, included)
        return self._body(parts, knows)

    def sample(
        self,
        knows: Knowledge,
        below: Below,
        include_blocks: bool = True,
        include_responses: bool = False,
        role: AgentRole = AgentRole.Defender,
    ) -> bytes:
        """One of the valid actions, each equally likely; a pass if there is none."""
        board, included = self._tables.board, self._included(role, include_responses)
        count = valid.count(board, knows, include_blocks, included)
        if not count:
            return PASS
        parts = valid.locate(board, knows, below(count), include_blocks, included)
        return self._body(parts, knows)

    def is_valid(
        self,
        knows: Knowledge,
        body: bytes,
        include_blocks: bool = True,
        include_responses: bool = False,
        role: AgentRole = AgentRole.Defender,
    ) -> bool:
        """Whether an action is one of the seat's valid ones. Never raises."""
        try:
            parts = self._read(body)
        except (ProtocolError, RuleError):
            return False
        included = self._included(role, include_responses)
        return valid.is_valid(self._tables.board, knows, parts, include_blocks, included)

    def is_valid_index(
        self,
        knows: Knowledge,
        index: int,
        include_blocks: bool = True,
        include_responses: bool = False,
        role: AgentRole = AgentRole.Defender,
    ) -> bool:
        """The same for an index. Raises IndexError if there is none such."""
        parts = self._parts(index)
        included = self._included(role, include_responses)
        return valid.is_valid(self._tables.board, knows, parts, include_blocks, included)

    # --- between numbers and bodies -----------------------------------------------------------------------

    def _parts(self, index: int) -> Parts:
        if not 0 <= index < self.size:
            raise IndexError(f"the scenario has {self.size} actions; there is no number {index}")
        code = bisect_right(self._ends, index)
        form = self._forms[code]
        source, place = divmod(index - (self._ends[code - 1] if code else 0), form.width)
        return (code, source, *form.split(place))

    def _body(self, parts: Parts, knows: Knowledge | None) -> bytes:
        code, source, target, third = parts
        return _HEADS[code] + self._addresses[source] + self._forms[code].pack(source, target, third, knows)

    def _read(self, body: bytes) -> Parts:
        action = self._tables.reader.read(body)
        if action is None:
            raise RuleError("a pass is no action")
        code, source = action[:2]
        target, third = self._forms[code].read(body, action)
        if source < 0 or target < 0 or third < 0:
            raise RuleError("the scenario does not have all that the action speaks of")
        return (code, source, target, third)


def offered(tables: Tables) -> tuple[int, ...]:
    """Address -> mask of the services that the topology or a start position puts there."""
    board = tables.board
    masks = [board.services_at[node] for node in board.node_of]
    for role in tables.roles.values():
        for choice in role.start.services:
            masks[choice.address] |= mask_of(choice.listed)
    return tuple(masks)


def _usual_data(tables: Tables) -> list[Wire]:
    """For each key a datum as it lies somewhere; an empty one of a log, or of what lies nowhere."""
    board = tables.board
    usual: list[Wire] = []
    for (owner, name, kind), items in zip(board.keys, board.key_items, strict=True):
        usual.append(board.items[select(items, 0)] if items else [owner, name, 0, kind, ""])
    return usual


def _listed(code: int, choices: Iterator[tuple[Any, Any]]) -> Iterator[Action]:
    kind, names = PLAYED[code]
    for source, others in choices:
        yield Action(kind, dict(zip(names, (source, *others), strict=True)))
