"""What an agent knows, and what it is told after each step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

from attrs import field, frozen

from netsiege.game.values import IP, Data, Network, Service, fixed_list, int_to_ip, ip_to_int

K = TypeVar("K")
V = TypeVar("V")


class FrozenMap(Mapping[K, V], Generic[K, V]):
    """A mapping that never changes and can be hashed; equal to any mapping with the same items.

    Keeps the order it was given. Does not copy the values: give it ones that do not change either.
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[K, V] | Iterable[tuple[K, V]] = ()) -> None:
        self._items: dict[K, V] = dict(items)
        self._hash: int | None = None

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenMap):
            return self._items == other._items
        return self._items == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type[FrozenMap[K, V]], tuple[dict[K, V]]]:
        # the cached hash must not travel: text hashes differently in another process
        return FrozenMap, (dict(self._items),)


def _ips(value: Iterable[IP]) -> frozenset[IP]:
    return frozenset(value)


def _networks(value: Iterable[Network]) -> frozenset[Network]:
    return frozenset(value)


def _set_map(value: Mapping[IP, Iterable[Any]]) -> FrozenMap[IP, frozenset[Any]]:
    return FrozenMap({key: frozenset(items) for key, items in value.items()})


@frozen(order=False, slots=False)
class GameState:
    """What one agent knows. Takes any sets and dicts and keeps frozen copies of them."""

    controlled_hosts: frozenset[IP] = field(factory=frozenset, converter=_ips)
    known_hosts: frozenset[IP] = field(factory=frozenset, converter=_ips)
    known_services: FrozenMap[IP, frozenset[Service]] = field(factory=dict, converter=_set_map)
    known_data: FrozenMap[IP, frozenset[Data]] = field(factory=dict, converter=_set_map)
    known_networks: frozenset[Network] = field(factory=frozenset, converter=_networks)
    known_blocks: FrozenMap[IP, frozenset[IP]] = field(factory=dict, converter=_set_map)

    def __str__(self) -> str:
        return (
            f"State<nets:{set(self.known_networks)}; known:{set(self.known_hosts)}; "
            f"owned:{set(self.controlled_hosts)}; services:{self.known_services}; "
            f"data:{self.known_data}; blocks:{self.known_blocks}>"
        )

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        maps: tuple[FrozenMap[IP, frozenset[Any]], ...] = (
            self.known_services,
            self.known_data,
            self.known_blocks,
        )
        return (
            tuple(sorted(self.known_networks)),
            tuple(sorted(self.known_hosts)),
            tuple(sorted(self.controlled_hosts)),
            *(tuple((ip, tuple(sorted(m[ip]))) for ip in sorted(m)) for m in maps),
        )

    def __lt__(self, other: object) -> bool:
        return self._key < other._key if isinstance(other, GameState) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._key <= other._key if isinstance(other, GameState) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._key > other._key if isinstance(other, GameState) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._key >= other._key if isinstance(other, GameState) else NotImplemented

    @property
    def as_dict(self) -> dict[str, Any]:
        """NetSecGame's JSON form; every list is sorted, so equal states give equal dicts."""
        return {
            "known_networks": [n.as_dict for n in sorted(self.known_networks)],
            "known_hosts": [h.as_dict for h in sorted(self.known_hosts)],
            "controlled_hosts": [h.as_dict for h in sorted(self.controlled_hosts)],
            "known_services": _map_dict(self.known_services),
            "known_data": _map_dict(self.known_data),
            "known_blocks": _map_dict(self.known_blocks),
        }

    def as_json(self) -> str:
        """`as_dict` as JSON text."""
        return json.dumps(self.as_dict)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`; `known_blocks` may be absent. ValueError or KeyError otherwise."""
        blocks = data.get("known_blocks", {})
        return cls(
            known_networks=(Network.from_dict(n) for n in data["known_networks"]),
            known_hosts=(IP.from_dict(h) for h in data["known_hosts"]),
            controlled_hosts=(IP.from_dict(h) for h in data["controlled_hosts"]),
            known_services={
                IP(ip): [Service.from_dict(s) for s in items] for ip, items in data["known_services"].items()
            },
            known_data={
                IP(ip): [Data.from_dict(d) for d in items] for ip, items in data["known_data"].items()
            },
            known_blocks={IP(ip): [IP.from_dict(h) for h in items] for ip, items in blocks.items()},
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `as_json`."""
        return cls.from_dict(json.loads(text))

    def to_wire(self) -> list[Any]:
        """`[networks, hosts, controlled, services, data, blocks]`, the last three as `[[ip, items], …]`.

        Addresses are numbers and everything is sorted: equal states give equal bytes.
        """
        return [
            sorted(n.to_wire() for n in self.known_networks),
            sorted(h.to_wire() for h in self.known_hosts),
            sorted(h.to_wire() for h in self.controlled_hosts),
            _map_wire(self.known_services),
            _map_wire(self.known_data),
            _map_wire(self.known_blocks),
        ]

    @classmethod
    def from_wire(cls, wire: Any) -> Self:
        """The inverse of `to_wire`; ValueError for anything else."""
        networks, hosts, controlled, services, data, blocks = fixed_list(wire, 6, "state")
        return cls(
            known_networks=[Network.from_wire(n) for n in _listed(networks)],
            known_hosts=[IP(int_to_ip(h)) for h in _listed(hosts)],
            controlled_hosts=[IP(int_to_ip(h)) for h in _listed(controlled)],
            known_services=_map_from_wire(services, Service.from_wire),
            known_data=_map_from_wire(data, Data.from_wire),
            known_blocks=_map_from_wire(blocks, IP.from_wire),
        )

    def apply(self, delta: Any) -> GameState:
        """This state after a delta (see `netsiege.protocol`); ValueError if it is malformed.

        A delta is a flat list `[field, value, field, value, …]`. Fields 0 to 2 add networks, hosts and
        controlled hosts; 3 to 5 replace what is known of the services, data and blocks of the hosts they
        name (an empty list forgets the host); 8 to 10 take networks, hosts and controlled hosts away.
        """
        if not isinstance(delta, list) or len(delta) % 2:
            raise ValueError("a delta is a flat list of fields and values")
        if not delta:
            return self
        changed: dict[str, Any] = {}
        for code, value in zip(delta[::2], delta[1::2], strict=True):
            name = _DELTA_FIELDS.get(code) if type(code) is int else None
            if name is None:
                said = code if isinstance(code, int) else f"a {type(code).__name__}"
                raise ValueError(f"unknown delta field {said}")
            before = changed.get(name, getattr(self, name))
            if code in (3, 4, 5):
                reader = (Service.from_wire, Data.from_wire, IP.from_wire)[code - 3]
                news = _map_from_wire(value, reader)
                merged = {**before, **news}
                changed[name] = {ip: items for ip, items in merged.items() if items}
            else:
                items = {Network.from_wire(v) if code in (0, 8) else IP(int_to_ip(v)) for v in _listed(value)}
                changed[name] = before - items if code >= 8 else before | items
        return GameState(
            changed.get("controlled_hosts", self.controlled_hosts),
            changed.get("known_hosts", self.known_hosts),
            changed.get("known_services", self.known_services),
            changed.get("known_data", self.known_data),
            changed.get("known_networks", self.known_networks),
            changed.get("known_blocks", self.known_blocks),
        )

    def delta_from(self, earlier: GameState) -> list[Any]:
        """The shortest delta that turns `earlier` into this state."""
        delta: list[Any] = []
        for code in (0, 1, 2):
            now, before = getattr(self, _DELTA_FIELDS[code]), getattr(earlier, _DELTA_FIELDS[code])
            if now - before:
                delta += [code, sorted(x.to_wire() for x in now - before)]
            if before - now:
                delta += [code + 8, sorted(x.to_wire() for x in before - now)]
        for code in (3, 4, 5):
            now, before = getattr(self, _DELTA_FIELDS[code]), getattr(earlier, _DELTA_FIELDS[code])
            differing = [ip for ip in now.keys() | before.keys() if _differ(now.get(ip), before.get(ip))]
            if differing:
                news = [[ip_to_int(ip.ip), sorted(x.to_wire() for x in now.get(ip, ()))] for ip in differing]
                delta += [code, sorted(news)]
        return delta


_DELTA_FIELDS: dict[int, str] = {
    0: "known_networks",
    1: "known_hosts",
    2: "controlled_hosts",
    3: "known_services",
    4: "known_data",
    5: "known_blocks",
    8: "known_networks",
    9: "known_hosts",
    10: "controlled_hosts",
}


def _differ(now: Iterable[Any] | None, before: Iterable[Any] | None) -> bool:
    if now is None or before is None:
        return now is not before
    # a Data compares equal when only its content differs, but the other side must still hear of it
    return sorted(x.to_wire() for x in now) != sorted(x.to_wire() for x in before)


def _map_dict(mapping: FrozenMap[IP, frozenset[Any]]) -> dict[str, Any]:
    return {ip.ip: [x.as_dict for x in sorted(mapping[ip])] for ip in sorted(mapping)}


def _map_wire(mapping: FrozenMap[IP, frozenset[Any]]) -> list[Any]:
    return sorted([ip.to_wire(), sorted(x.to_wire() for x in items)] for ip, items in mapping.items())


def _listed(wire: Any) -> list[Any]:
    if not isinstance(wire, list):
        raise ValueError("expected a list")
    return wire


def _map_from_wire(wire: Any, read: Any) -> dict[IP, list[Any]]:
    found: dict[IP, list[Any]] = {}
    for pair in _listed(wire):
        number, items = fixed_list(pair, 2, "entry of a host")
        ip = IP(int_to_ip(number))
        if ip in found:
            raise ValueError(f"{ip} is listed twice")
        found[ip] = [read(item) for item in _listed(items)]
    return found


def _info(value: Mapping[str, Any]) -> FrozenMap[str, Any]:
    return FrozenMap(value)


@frozen(order=False)
class Observation:
    """What a seat is told after a step, a reset or on joining. Unpacks as `state, reward, end, info`."""

    state: GameState
    reward: float
    end: bool
    info: FrozenMap[str, Any] = field(factory=dict, converter=_info, hash=False)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.state, self.reward, self.end, self.info))

    @property
    def as_dict(self) -> dict[str, Any]:
        """NetSecGame's JSON form."""
        return {"state": self.state.as_dict, "reward": self.reward, "end": self.end, "info": dict(self.info)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`."""
        return cls(GameState.from_dict(data["state"]), data["reward"], data["end"], data.get("info") or {})

    def _key(self) -> tuple[Any, ...]:
        return (self.state, self.reward, self.end, repr(sorted(self.info.items())))

    def __lt__(self, other: object) -> bool:
        return self._key() < other._key() if isinstance(other, Observation) else NotImplemented

    def __le__(self, other: object) -> bool:
        return self._key() <= other._key() if isinstance(other, Observation) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return self._key() > other._key() if isinstance(other, Observation) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return self._key() >= other._key() if isinstance(other, Observation) else NotImplemented
