"""Start positions and goals of a task file, read into `View` and checked against the topology.

The form is NetSecGame's. Where it would drop what it cannot use, and so make the goal weaker, this reports a
problem. Words are `random`, `all_local` for hosts; `random`, `all` for services and data; `all_attackers`
for blocks; in any case of letters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, TypeVar

from attrs import frozen

from netsiege.scenarios.limits import MAX_LISTED
from netsiege.scenarios.model import (
    ALL,
    ALL_ATTACKERS,
    ALL_LOCAL,
    RANDOM,
    DataItem,
    ServiceItem,
    Topology,
    View,
)
from netsiege.scenarios.reading import Place, address_of, shown

_PARTS: Final = (
    "known_networks",
    "known_hosts",
    "controlled_hosts",
    "known_services",
    "known_data",
    "known_blocks",
)
_GOAL: Final = ("description", "is_any_part_of_goal_random", *_PARTS)
_START: Final = ("blocked_ips", *_PARTS)
_HOST_WORDS: Final = (RANDOM, ALL_LOCAL)
_ITEM_WORDS: Final = (RANDOM, ALL)
_NAMED: Final = 8

_Item = TypeVar("_Item")
_ByHost = tuple[tuple[str, tuple[_Item, ...]], ...]


@frozen
class Facts:
    """What a view may refer to."""

    scenario: str
    networks: dict[str, None]
    services: dict[str, dict[ServiceItem, None]]
    """Of every address, without owners and data."""
    data_at: dict[str, tuple[DataItem, ...]]
    """Of every address, without sizes and content."""
    types_of: dict[tuple[str, str], dict[str, None]]
    """Of all data of that owner and id, log files included."""
    starts: int
    has_data: bool

    @classmethod
    def of(cls, topology: Topology) -> Facts:
        """The facts of a topology."""
        services: dict[str, dict[ServiceItem, None]] = {}
        data_at: dict[str, tuple[DataItem, ...]] = {}
        types_of: dict[tuple[str, str], dict[str, None]] = {("system", "logfile"): {"log": None}}
        for host in topology.hosts:
            bare = {ServiceItem(s.name, s.type, s.version, s.local): None for s in host.services}
            data = tuple(DataItem(d.owner, d.id, d.type) for s in host.services for d in s.data)
            services.update(dict.fromkeys(host.addresses, bare))
            data_at.update(dict.fromkeys(host.addresses, data))
            for item in data:
                types_of.setdefault((item.owner, item.id), {})[item.type] = None
        starts = sum(len(host.addresses) for host in topology.hosts if host.start)
        networks = dict.fromkeys(topology.networks)
        return cls(topology.name, networks, services, data_at, types_of, starts, any(data_at.values()))


def read_goal(place: Place, facts: Facts | None) -> View:
    """A goal. Without facts only the form is checked."""
    if _is_too_long(place):
        return View()
    fields = place.fields(_GOAL, unknown_is_problem=False)
    if "is_any_part_of_goal_random" in fields:
        fields["is_any_part_of_goal_random"].warn("has no effect: random parts are drawn for every episode")
    view = _Reader(facts, is_goal=True).view(fields)
    if isinstance(place.value, dict) and view.is_empty:
        place.warn("asks for nothing: it is never reached")
    return view


def read_start(place: Place, facts: Facts | None) -> View:
    """A start position. Without facts only the form is checked."""
    if _is_too_long(place):
        return View()
    fields = place.fields(_START, unknown_is_problem=False)
    for key in ("known_blocks", "blocked_ips"):
        if key in fields and fields.pop(key).value not in ({}, []):
            place.report.warn(f"{place.path}.{key}", "has no effect: nothing is blocked at the start")
    view = _Reader(facts, is_goal=False).view(fields)
    if isinstance(place.value, dict) and not fields.get("controlled_hosts", place).value:
        place.report.warn(f"{place.path}.controlled_hosts", "empty: this role can do nothing")
    return view


def _is_too_long(place: Place) -> bool:
    """Whether it lists more than a view may, which is reported before anything is read."""

    def count(value: object) -> int:
        if isinstance(value, dict):
            return sum(1 + count(each) for each in value.values())
        return len(value) if isinstance(value, list) else 0

    found = count(place.value)
    if found > MAX_LISTED:
        place.problem(f"lists {found} entries, more than {MAX_LISTED}")
    return found > MAX_LISTED


class _Reader:
    """Reads the parts of one view."""

    def __init__(self, facts: Facts | None, *, is_goal: bool) -> None:
        self._facts = facts
        self._is_goal = is_goal

    def view(self, fields: dict[str, Place]) -> View:
        """All parts; absent ones are empty."""
        networks, known, controlled, services, data, blocks = (fields.get(part) for part in _PARTS)
        return View(
            known_networks=self._networks(networks) if networks else (),
            known_hosts=self._hosts(known) if known else (),
            controlled_hosts=self._hosts(controlled) if controlled else (),
            known_services=self._by_host(services, self._services) if services else (),
            known_data=self._by_host(data, self._data) if data else (),
            known_blocks=self._by_host(blocks, self._blocks) if blocks else (),
        )

    def _networks(self, place: Place) -> tuple[str, ...]:
        found = []
        for entry in place.items("[192.168.1.0/24]"):
            if _word(entry, _HOST_WORDS) and not self._is_goal:
                # a goal would become weaker
                entry.warn(f"{shown(entry.value)} has no effect, as in NetSecGame: name the networks")
                continue
            network = entry.network()
            if network is None:
                continue
            found.append(str(network))
            if self._facts is not None and str(network) not in self._facts.networks:
                entry.problem(
                    f"'{network}' is no network of {self._facts.scenario}"
                    f"{place.nearest(network, self._facts.networks)}"
                )
        return tuple(found)

    def _hosts(self, place: Place) -> tuple[str, ...]:
        found = []
        for entry in place.items("[192.168.1.2, random]"):
            word = _word(entry, _HOST_WORDS)
            host = word or self._address(entry, entry.value, _HOST_WORDS)
            if host is not None:
                found.append(host)
        self._check_draws(place, found.count(RANDOM))
        return tuple(found)

    def _check_draws(self, place: Place, draws: int) -> None:
        # random parts of a goal are drawn from all hosts, those of a start from the hosts to start from
        if self._facts is None or self._is_goal or draws <= self._facts.starts:
            return
        if not self._facts.starts:
            place.problem(f"asks for a random host, but no host of {self._facts.scenario} says `start: true`")
        else:
            there = f"{self._facts.scenario} has {self._facts.starts} to start from"
            place.warn(f"asks for {draws} random hosts, but {there}")

    def _address(self, place: Place, value: object, words: Sequence[str] = ()) -> str | None:
        address = address_of(value)
        if address is None:
            what = (
                f"neither an IPv4 address nor one of {', '.join(words)}" if words else "not an IPv4 address"
            )
            place.problem(f"{shown(value)} is {what}")
        elif self._facts is not None and address not in self._facts.services:
            place.problem(
                f"no host of {self._facts.scenario} has the address '{address}'"
                f"{place.nearest(address, self._facts.services)}"
            )
        return address

    def _by_host(
        self, place: Place, read: Callable[[Place, str], tuple[_Item, ...] | None]
    ) -> _ByHost[_Item]:
        found = []
        for key, entry in place.entries():
            host = self._address(entry, key)
            items = read(entry, host or "")
            if host is not None and items is not None:
                found.append((host, items))
        return tuple(found)

    def _services(self, place: Place, host: str) -> tuple[ServiceItem | str, ...]:
        found: list[ServiceItem | str] = []
        known = self._facts.services.get(host) if self._facts is not None else None
        for entry in place.items("[[ssh, passive, 8.1.0, false]]"):
            word = _word(entry, _ITEM_WORDS)
            if word is not None:
                found.append(word)
                if known == {}:
                    entry.problem(f"'{host}' has no services to draw from")
                continue
            service = _read_service(entry)
            if service is None:
                continue
            found.append(service)
            if known is not None and service not in known:
                entry.problem(f"'{host}' has no such service{_nearest_service(entry, service, known)}")
        return tuple(found)

    def _data(self, place: Place, host: str) -> tuple[DataItem | str, ...]:
        found: list[DataItem | str] = []
        for entry in place.items("[[User1, DataFromServer1]]"):
            word = _word(entry, _ITEM_WORDS)
            if word is None:
                item = self._datum(entry)
                if item is not None:
                    found.append(item)
                continue
            found.append(word)
            if self._facts is not None:
                # a goal draws from the data of all hosts, a start from that of the host itself
                there = self._facts.has_data if self._is_goal else self._facts.data_at.get(host)
                if not there:
                    entry.problem(
                        f"{self._facts.scenario if self._is_goal else host} has no data to draw from"
                    )
        return tuple(found)

    def _datum(self, place: Place) -> DataItem | None:
        if not isinstance(place.value, list) or not 2 <= len(place.value) <= 3:
            place.problem(f"{shown(place.value)} is neither [owner, id] nor one of {', '.join(_ITEM_WORDS)}")
            return None
        owner, name, kind = [*(part.text() for part in place.items()), ""][:3]
        if owner is None or name is None or kind is None:
            return None
        if self._facts is None:
            return DataItem(owner, name, kind)
        types = self._facts.types_of.get((owner, name), {})
        if not types or (kind and kind not in types):
            choices = (_written(*key, each) for key, kinds in self._facts.types_of.items() for each in kinds)
            wanted = _written(owner, name, kind)
            place.problem(f"{self._facts.scenario} has no data {wanted}{place.nearest(wanted, choices)}")
            return None
        if not kind and len(types) > 1:
            few = ", ".join(islice(types, _NAMED)) + (", ..." if len(types) > _NAMED else "")
            place.problem(f"there are several of this owner and id: add the type, one of {few}")
        return DataItem(owner, name, kind or next(iter(types)))

    def _blocks(self, place: Place, _host: str) -> tuple[str, ...] | None:
        if _word(place, (ALL_ATTACKERS,)) or place.value == [ALL_ATTACKERS]:
            return (ALL_ATTACKERS,)
        if not isinstance(place.value, list):
            place.problem(f"{shown(place.value)} is neither a list of addresses nor {ALL_ATTACKERS}")
            return None
        return tuple(a for a in (self._address(e, e.value) for e in place.items()) if a is not None)


def _written(owner: str, name: str, kind: str) -> str:
    return f"[{owner}, {name}, {kind}]" if kind else f"[{owner}, {name}]"


def _word(place: Place, words: Sequence[str]) -> str | None:
    word = place.value.lower() if isinstance(place.value, str) else None
    return word if word in words else None


def _read_service(place: Place) -> ServiceItem | None:
    if not isinstance(place.value, list) or len(place.value) != 4:
        what = f"neither [name, type, version, is_local] nor one of {', '.join(_ITEM_WORDS)}"
        place.problem(f"{shown(place.value)} is {what}")
        return None
    name, kind, version, local = place.items()
    read = (name.text(), kind.text(), version.text(), local.flag())
    if read[0] is None or read[1] is None or read[2] is None or read[3] is None:
        return None
    return ServiceItem(read[0], read[1], read[2], read[3])


def _nearest_service(place: Place, service: ServiceItem, known: Iterable[ServiceItem]) -> str:
    def written(each: ServiceItem) -> str:
        return f"[{each.name}, {each.type}, {each.version}, {each.local}]"

    return place.nearest(written(service), (written(each) for each in known))
