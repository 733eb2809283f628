"""What an attacker can get hold of from a start position, and how, under the rules of `netsecgame`.

As in `netsiege.scenarios.generate.solver`, only moves are looked at that an agent is offered, and nobody
defends. Nothing that is known is ever forgotten, so that whatever can be had at all is found, and each host
on the way that takes the fewest actions by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from typing import Final

from attrs import Factory, define, field, frozen

from netsiege.game import Network
from netsiege.game.private import is_private
from netsiege.game.values import ip_to_int
from netsiege.scenarios.generate.reach import Ground, members
from netsiege.scenarios.generate.solver import Attack, known_networks
from netsiege.scenarios.model import ALL, ALL_LOCAL, RANDOM, DataItem, ServiceItem, View

Key = tuple[str, str, str]
"""Owner, id and type of a datum: what tells data apart."""

LOG: Final[Key] = ("system", "logfile", "log")
"""Of the datum that every host has, written by nobody."""

SCAN, LOOK, EXPLOIT = 1, 1, 1
"""Actions that it takes to find a host, to learn of its services, and to take it."""


def key_of(item: DataItem) -> Key:
    """What tells a datum apart from others."""
    return item.owner, item.id, item.type


@frozen(eq=False)
class Terrain:
    """A topology's addresses by number, with what lies there."""

    ground: Ground
    index: dict[int, int] = field(init=False)
    open_services: int = field(init=False)
    """The addresses of hosts with a service that is seen from outside."""
    private: int = field(init=False)
    attack: Attack = field(init=False)
    """Finds the shortest attacks, on simple goals."""

    @index.default
    def _(self) -> dict[int, int]:
        return {number: i for i, number in enumerate(self.ground.numbers)}

    @open_services.default
    def _(self) -> int:
        hosts = self.ground.hosts
        return mask_of(i for i, host in enumerate(hosts) if not all(each.local for each in host.services))

    @private.default
    def _(self) -> int:
        return mask_of(i for i, home in enumerate(self.ground.homes) if is_private(ip_to_int(home.ip)))

    @attack.default
    def _(self) -> Attack:
        return Attack(self.ground)

    def at(self, address: str) -> int:
        """The number of an address."""
        return self.index[ip_to_int(address)]

    def hosts(self, words: Iterable[str]) -> int:
        """The addresses that words of a view stand for; what is drawn is left out."""
        listed = mask_of(self.at(word) for word in words if word not in (RANDOM, ALL_LOCAL))
        return listed | (self.private if ALL_LOCAL in words else 0)

    def data(self, i: int) -> Iterator[DataItem]:
        """The data that lie there at first, logs aside."""
        return (item for service in self.ground.hosts[i].services for item in service.data)

    def holders(self, key: Key) -> int:
        """Where a datum lies: all addresses of these hosts."""
        if key == LOG:
            return (1 << len(self.ground.numbers)) - 1
        return mask_of(
            i for i in range(len(self.ground.numbers)) if any(key_of(item) == key for item in self.data(i))
        )


@frozen(eq=False)
class Position:
    """What an attacker has at first. Hosts are masks of addresses, other keys are their numbers."""

    controlled: int
    networks: tuple[Network, ...]
    hosts: int = 0
    services: Mapping[int, tuple[ServiceItem, ...]] = Factory(dict)
    """Those that are there, without owners and data."""
    data: Mapping[int, frozenset[Key]] = Factory(dict)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but controlled hosts, and what follows from them."""
        return not (self.hosts & ~self.controlled or self.services or self.data)


def position_of(terrain: Terrain, start: View, drawn: Iterable[str] = ()) -> Position:
    """A start position whose `random` hosts to control are `drawn`; whatever else is drawn is left out."""
    controlled = terrain.hosts((*start.controlled_hosts, *drawn))
    networks = known_networks(terrain.ground, members(controlled))
    services: dict[int, tuple[ServiceItem, ...]] = {}
    for address, items in start.known_services:
        there = {bare(each) for each in terrain.ground.hosts[terrain.at(address)].services}
        known = there if ALL in items else there & {bare(i) for i in items if isinstance(i, ServiceItem)}
        if known:
            services[terrain.at(address)] = tuple(sorted(known, key=_order))
    data: dict[int, frozenset[Key]] = {}
    for address, listed in start.known_data:
        i = terrain.at(address)
        every = (key_of(item) for item in terrain.data(i) if ALL in listed)
        data[i] = frozenset((*every, *(key_of(item) for item in listed if isinstance(item, DataItem))))
    return Position(
        controlled,
        tuple(sorted({*networks, *map(Network.from_text, start.known_networks)})),
        terrain.hosts(start.known_hosts) | controlled,
        services,
        {i: keys for i, keys in data.items() if keys},
    )


def bare(service: ServiceItem) -> ServiceItem:
    """A service without owner and data."""
    return ServiceItem(service.name, service.type, service.version, service.local)


def _order(service: ServiceItem) -> tuple[str, str, str, bool]:
    return service.name, service.type, service.version, service.local


@define(eq=False)
class Search:
    """Everything that can be had from a position, worked out when made."""

    terrain: Terrain
    position: Position
    order: list[int] = Factory(list)
    """The addresses that can be taken, those of the start included, by the number of actions it takes."""
    hops: dict[int, int] = Factory(dict)
    """How many have to be taken to have one of these, itself included; 0 for those of the start."""
    before: dict[int, int] = Factory(dict)
    """From which of these another one is taken; those of the start are left out."""
    opened: dict[Network, int | None] = Factory(dict)
    """The networks that become known, and by taking which address; None for those of the start."""
    found: int = 0
    """The hosts that can be known."""
    _listed: int = 0
    """Addresses in the networks known so far."""
    _left: int = 0
    _costs: dict[int, int] = Factory(dict)
    _row: list[tuple[int, int]] = Factory(list)

    def __attrs_post_init__(self) -> None:
        terrain, position = self.terrain, self.position
        self.opened = dict.fromkeys(position.networks)
        self._listed = _union(terrain.ground.span(network) for network in position.networks)
        self.found = position.hosts | position.controlled
        self._left = (terrain.open_services | mask_of(position.services)) & ~position.controlled
        self._row = [(0, i) for i in members(position.controlled)]
        self.hops = dict.fromkeys(members(position.controlled), 0)
        heapify(self._row)
        while self._row:
            cost, i = heappop(self._row)
            self._take(cost, i)

    @property
    def taken(self) -> int:
        """The addresses that can be taken, as a mask."""
        return mask_of(self.order)

    def _take(self, cost: int, i: int) -> None:
        ground = self.terrain.ground
        self._costs[i] = cost
        self.order.append(i)
        home = ground.homes[i]
        if home not in self.opened:
            self.opened[home] = i
            new = ground.span(home) & ~self._listed
            self._listed |= new
            for source in self.order:
                self._look(cost, source, new)
        self._look(cost, i, self._listed | self.position.hosts | mask_of(self.position.services))

    def _look(self, cost: int, source: int, among: int) -> None:
        """Puts into the row what can be taken next. Whatever comes first is the best way to it."""
        reach = self.terrain.ground.reach[source]
        self.found |= reach & among & self._listed
        new = reach & among & self._left
        self._left &= ~new
        for i in members(new):
            self.before[i] = source
            self.hops[i] = self.hops[source] + 1
            heappush(self._row, (cost + self._weight(i), i))

    def _weight(self, i: int) -> int:
        if i in self.position.services:
            return EXPLOIT
        return LOOK + EXPLOIT + (0 if self.position.hosts >> i & 1 else SCAN)


def mask_of(indexes: Iterable[int]) -> int:
    """A set of addresses."""
    mask = 0
    for i in indexes:
        mask |= 1 << i
    return mask


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
