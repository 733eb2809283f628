"""Attacks step by step on any goal of a task, not only on those that `solver` finds the shortest for.

A plan takes every host on its best way, one after the other, and never does anything twice. For one host or
one datum that is the shortest attack where the solver says so; for several it works, but a shorter one may
exist. Where no plan is found there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import pairwise

from attrs import Factory, define, frozen

from netsiege.errors import ConfigError
from netsiege.game import IP, Action, ActionType, Data, Network, Service
from netsiege.game.values import int_to_ip, ip_to_int
from netsiege.scenarios.attack_search import (
    Key,
    Position,
    Search,
    Terrain,
    bare,
    key_of,
    mask_of,
)
from netsiege.scenarios.generate.reach import members
from netsiege.scenarios.model import ALL, ALL_ATTACKERS, RANDOM, DataItem, ServiceItem, View


@frozen
class Way:
    """An attack: its actions, or None and what cannot be had.

    `is_shortest` is whether it is sure that no other is shorter.
    """

    actions: tuple[Action, ...] | None
    is_shortest: bool = True
    missing: str = ""


def is_drawn(goal: View) -> bool:
    """Whether a goal differs from episode to episode, or depends on where other seats are."""
    words = [*goal.known_hosts, *goal.controlled_hosts]
    for _, items in (*goal.known_services, *goal.known_data, *goal.known_blocks):
        words += [item for item in items if isinstance(item, str)]
    return RANDOM in words or ALL_ATTACKERS in words


def way_to(terrain: Terrain, position: Position, goal: View) -> Way:
    """The shortest attack known to reach a goal, which is neither drawn nor empty, from a position."""
    ground = terrain.ground
    if position.is_plain:
        start = [int_to_ip(ground.numbers[i]) for i in members(position.controlled)]
        try:
            plan = terrain.attack.shortest(start, goal)
        except ConfigError:
            plan = None
        if plan is not None:
            return Way(plan.actions)
    builder = _Builder(terrain, Search(terrain, position))
    try:
        builder.reach(goal)
    except _Missing as missing:
        return Way(None, missing=str(missing))
    actions = tuple(builder.actions)
    return Way(actions, is_shortest=len(actions) <= 1)


class _Missing(Exception):
    """A part of a goal that cannot be had."""


@define(eq=False)
class _Builder:
    """Collects the actions of a plan, and what is had after them."""

    terrain: Terrain
    search: Search
    actions: list[Action] = Factory(list)
    _taken: list[int] = Factory(list)
    _found: int = 0
    _searched: set[int] = Factory(set)
    """Where data have been looked for."""
    _brought: dict[int, set[Key]] = Factory(dict)
    """Data that have come to lie, and are known, where they did not at first."""
    _services: dict[int, set[ServiceItem]] = Factory(dict)
    """Those that are known."""

    def __attrs_post_init__(self) -> None:
        position = self.search.position
        self._taken = list(members(position.controlled))
        self._found = position.hosts | position.controlled
        self._services = {i: set(known) for i, known in position.services.items()}

    def reach(self, goal: View) -> None:
        """Does all that a goal asks for. Raises `_Missing` for what cannot be had."""
        at = self.terrain.at
        for text in goal.known_networks:
            self._learn_network(Network.from_text(text))
        for i in members(self.terrain.hosts(goal.controlled_hosts)):
            self._take(i)
        for i in members(self.terrain.hosts(goal.known_hosts)):
            self._find(i)
        for address, items in goal.known_data:
            for key in self._wanted(items):
                self._bring(at(address), key)
        for address, services in goal.known_services:
            self._learn_services(at(address), services)
        pairs = [(address, other) for address, blocked in goal.known_blocks for other in blocked]
        # blocks come last, or they might be in the way
        for i, other in [self._blocker(*pair) for pair in pairs]:
            self._act(ActionType.BlockIP, i, i, blocked_host=IP(other))

    # --- hosts and networks -------------------------------------------------------------------------------

    def _learn_network(self, network: Network) -> None:
        opener = self.search.opened.get(network, -1)
        if opener == -1:
            raise _Missing(f"network {network} never becomes known")
        if opener is not None:
            self._take(opener)

    def _take(self, i: int) -> None:
        """Takes a host, and all others on the way to it."""
        if i not in self.search.hops:
            raise _Missing(f"{self._name(i)} cannot be taken")
        needed: set[int] = set()
        asked = [i]
        while asked:
            j = asked.pop()
            if j not in needed and j not in self._taken:
                needed.add(j)
                asked += [k for k in (self._source(j), self._opener(j)) if k is not None]
        for j in self.search.order:
            if j in needed:
                self._take_next(j)

    def _source(self, i: int) -> int | None:
        """From where a host is taken: one that is taken already if that is possible."""
        reach = self.terrain.ground.reach
        return next((j for j in self._taken if reach[j] >> i & 1), self.search.before.get(i))

    def _opener(self, i: int) -> int | None:
        """What has to be taken to know the network of a host that has to be scanned for."""
        if self._found >> i & 1 or i in self.search.position.services:
            return None
        return self.search.opened[self._network(i)]

    def _network(self, i: int) -> Network:
        """The network to scan for a host: one that is known soonest."""
        address = IP(int_to_ip(self.terrain.ground.numbers[i]))
        return next(network for network in self.search.opened if address in network)

    def _take_next(self, i: int) -> None:
        """Takes a host that is reached from one that is taken."""
        source = self._source(i)
        assert source is not None, "only those of the start have none"
        if i not in self.search.position.services:
            self._find(i, source)
            self._look(source, i)
        service = min(Service(each.name, each.type, each.version, each.local) for each in self._services[i])
        self._act(ActionType.ExploitService, source, i, target_service=service)
        self._taken.append(i)

    def _find(self, i: int, source: int | None = None) -> None:
        """Finds a host by a scan, if need be."""
        if self._found >> i & 1:
            return
        if not self.search.found >> i & 1:
            raise _Missing(f"{self._name(i)} is never found")
        network = self._network(i)
        if source is None:
            opener = self.search.opened[network]
            if opener is not None:
                self._take(opener)
            source = self._beside(i)
        span = self.terrain.ground.span(network)
        self.actions.append(
            Action(ActionType.ScanNetwork, {"source_host": self._ip(source), "target_network": network})
        )
        self._found |= self.terrain.ground.reach[source] & span

    def _beside(self, i: int) -> int:
        """A host that is taken, or taken now, and reaches another one."""
        reach = self.terrain.ground.reach
        source = next((j for j in (*self._taken, *self.search.order) if reach[j] >> i & 1), None)
        if source is None:
            raise _Missing(f"{self._name(i)} is never reached")
        self._take(source)
        return source

    def _learn_services(self, i: int, items: Iterable[ServiceItem | str]) -> None:
        there = {bare(each) for each in self.terrain.ground.hosts[i].services}
        wanted = set(there) if ALL in items else {bare(e) for e in items if isinstance(e, ServiceItem)}
        if not wanted <= there:
            raise _Missing(f"{self._name(i)} has no such service")
        if wanted <= self._services.get(i, set()):
            return
        if any(each.local for each in wanted):
            self._take(i)
        else:
            self._find(i)
        if not wanted <= self._services.get(i, set()):
            self._look(i if i in self._taken else self._beside(i), i)

    def _look(self, source: int, i: int) -> None:
        """Learns of all services of a host that are seen from there."""
        self._act(ActionType.FindServices, source, i)
        there = {bare(each) for each in self.terrain.ground.hosts[i].services}
        self._services[i] = {each for each in there if i in self._taken or not each.local}

    # --- data ---------------------------------------------------------------------------------------------

    def _wanted(self, items: Iterable[DataItem | str]) -> Iterator[Key]:
        if ALL in items:
            yield from sorted(
                {
                    key_of(item)
                    for i in range(len(self.terrain.ground.numbers))
                    for item in self.terrain.data(i)
                }
            )
        yield from (key_of(item) for item in items if isinstance(item, DataItem))

    def _bring(self, place: int, key: Key) -> None:
        """Makes a datum known at a place, by way of as few hosts as it takes."""
        if key in self._brought.get(place, ()) or key in self.search.position.data.get(place, ()):
            return
        way = self._carried(place, key)
        if way is None:
            raise _Missing(f"data {key[1]} of {key[0]} cannot be brought to {self._name(place)}")
        for i in way:
            self._take(i)
        self._search_data(way[0], key)
        for source, target in pairwise(way):
            self._move(source, target, key)

    def _carried(self, place: int, key: Key) -> list[int] | None:
        """Hosts from where a datum lies to where it must go, each reaching the next one."""
        ground = self.terrain.ground
        left = self.search.taken
        sources = self.terrain.holders(key) | mask_of(i for i, keys in self._brought.items() if key in keys)
        row: list[tuple[int, int]] = []
        before: dict[int, int] = {}
        for i in members(sources & left):
            heappush(row, (self._price(i), i))
        left &= ~sources
        while row:
            cost, i = heappop(row)
            if i == place:
                way = [i]
                while way[-1] in before:
                    way.append(before[way[-1]])
                return way[::-1]
            new = left & (ground.reach[i] | self._siblings(i))
            left &= ~new
            for j in members(new):
                before[j] = i
                heappush(row, (cost + 1 + self._price(j), j))
        return None

    def _price(self, i: int) -> int:
        """About how many actions it takes to have a host."""
        return 0 if i in self._taken else 3 * self.search.hops[i]

    def _siblings(self, i: int) -> int:
        """The addresses of a host: what is brought to one lies at all of them."""
        host = self.terrain.ground.hosts[i]
        return (
            mask_of(self.terrain.at(address) for address in host.addresses) if len(host.addresses) > 1 else 0
        )

    def _search_data(self, i: int, key: Key) -> None:
        known = self._brought.get(i, set()) | self.search.position.data.get(i, frozenset())
        if key in known or i in self._searched:
            return
        self._act(ActionType.FindData, i, i)
        self._searched.add(i)

    def _move(self, source: int, target: int, key: Key) -> None:
        held = self._brought.setdefault(target, set())
        if key in held:
            return
        ground = self.terrain.ground
        if ground.hosts[source] is ground.hosts[target]:
            self._act(ActionType.FindData, target, target)
        else:
            item = self._item(key)
            datum = Data(item.owner, item.id, item.size, item.type, item.content)
            self._act(ActionType.ExfiltrateData, source, target, data=datum)
        held.add(key)

    def _item(self, key: Key) -> DataItem:
        every = (item for i in range(len(self.terrain.ground.numbers)) for item in self.terrain.data(i))
        return next((item for item in every if key_of(item) == key), DataItem(*key))

    # --- the rest -----------------------------------------------------------------------------------------

    def _blocker(self, address: str, other: str) -> tuple[int, str]:
        """Which of two hosts can be taken, and is now, and whom it has to block."""
        pairs = [(self.terrain.index.get(ip_to_int(a)), b) for a, b in ((address, other), (other, address))]
        able = [(i, there) for i, there in pairs if i is not None and i in self.search.hops]
        if able and address != other:
            i, there = min(able, key=lambda pair: self._price(pair[0]))
            self._take(i)
            return i, there
        raise _Missing(f"{other} cannot be blocked at {address}")

    def _act(self, kind: ActionType, source: int, target: int, **more: object) -> None:
        self.actions.append(
            Action(kind, {"source_host": self._ip(source), "target_host": self._ip(target), **more})
        )

    def _ip(self, i: int) -> IP:
        return IP(self._name(i))

    def _name(self, i: int) -> str:
        return int_to_ip(self.terrain.ground.numbers[i])
