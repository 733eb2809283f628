"""The shortest attack on a topology under the rules of `netsecgame`, for whoever knows where everything is.

Only moves are looked at that an agent is offered (`netsiege.game.generate_valid_actions`): it acts on hosts
that it has found in networks that it knows. (Whoever guesses an address needs no scan, and may be quicker.)
Under these rules no network becomes known but those of the start, and the private ones beside them, because
only hosts that were found in one can be taken. So each host that is taken costs the same: a scan by a host
that reaches it, a look at its services, an exploit; the fewest hosts are the fewest steps, and breadth first
finds them.

Every action succeeds there. Under `siege-1` an attack as short may be less likely than a longer one: how
likely it is, `netsiege.scenarios.odds` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Final

from attrs import field, frozen

from netsiege.errors import ConfigError
from netsiege.game import IP, Action, ActionType, Data, Network, Service
from netsiege.game.private import is_private
from netsiege.game.values import int_to_ip, ip_to_int
from netsiege.scenarios.generate.reach import Ground, ground_of, members
from netsiege.scenarios.model import DataItem, ServiceItem, Topology, View

_APART: Final = 256
"""Addresses between a private network and the ones beside it that a start knows of."""


@frozen
class Plan:
    """The actions of an attack in their order."""

    actions: tuple[Action, ...]

    def __len__(self) -> int:
        return len(self.actions)


def shortest_attack(topology: Topology, start: Sequence[str], goal: View) -> Plan | None:
    """The fewest actions from those controlled hosts to a goal; None if there is no way.

    The goal is one host to control, or one datum to know at an address: where it lies, or at one of the
    start's that is reached from wherever it lies. ConfigError for any other.
    """
    return Attack(ground_of(topology)).shortest(start, goal)


@frozen(eq=False)
class Attack:
    """Finds attacks on one topology; what is the same for all starts is worked out once."""

    ground: Ground
    _index: dict[int, int] = field(init=False)
    _open: int = field(init=False)
    """The addresses of hosts with a service that can be seen and exploited from outside."""

    @_index.default
    def _(self) -> dict[int, int]:
        return {number: i for i, number in enumerate(self.ground.numbers)}

    @_open.default
    def _(self) -> int:
        hosts = self.ground.hosts
        return sum(1 << i for i, host in enumerate(hosts) if not all(each.local for each in host.services))

    def shortest(self, start: Sequence[str], goal: View) -> Plan | None:
        """See `shortest_attack`."""
        taken = [self._index[ip_to_int(address)] for address in start]
        known = known_networks(self.ground, taken)
        if len(goal.controlled_hosts) == 1 and goal == View(controlled_hosts=goal.controlled_hosts):
            ends = self._at(goal.controlled_hosts[0])
            return self._plan(self._way(taken, known, ends), known, ())
        place, item = _one_datum(goal)
        (at,) = members(self._at(place))
        holders = self._holders(item)
        if holders >> at & 1:
            return self._plan(self._way(taken, known, 1 << at), known, (_find(place),))
        if at not in taken:
            raise ConfigError(f"{place}: to bring data to a host that is to be taken first is not worked out")
        if not all(self.ground.reach[i] >> at & 1 for i in members(holders)):
            raise ConfigError(f"{place}: to bring data there by way of another host is not worked out")
        way = self._way(taken, known, holders)
        if way is None:
            return None
        source = int_to_ip(self.ground.numbers[way[-1]])
        return self._plan(way, known, (_find(source), _bring(source, place, self._datum(way[-1], item))))

    def in_sight(self, start: Sequence[str]) -> int:
        """How many addresses there are in the networks that a start knows, its own included."""
        known = known_networks(self.ground, [self._index[ip_to_int(address)] for address in start])
        return _union(self.ground.span(network) for network in known).bit_count()

    def _at(self, address: str) -> int:
        return 1 << self._index[ip_to_int(address)]

    def _holders(self, item: DataItem) -> int:
        """Where a datum lies: all addresses of these hosts."""
        return sum(
            1 << i
            for i, host in enumerate(self.ground.hosts)
            if any(_is(each, item) for each in _data(host.services))
        )

    def _datum(self, i: int, item: DataItem) -> DataItem:
        return next(each for each in _data(self.ground.hosts[i].services) if _is(each, item))

    def _way(self, taken: Sequence[int], known: Iterable[Network], ends: int) -> list[int] | None:
        """The fewest hosts to be taken one from the other: the first is taken already, the last is an end."""
        ground = self.ground
        left = self._open & _union(ground.span(network) for network in known)
        before: dict[int, int] = {}
        row = list(taken)
        for i in taken:
            left &= ~(1 << i)
            if ends >> i & 1:
                return [i]
        for i in row:  # grows meanwhile
            new = ground.reach[i] & left
            left &= ~new
            before |= dict.fromkeys(members(new), i)
            found = next(members(new & ends), None)
            if found is not None:
                way = [found]
                while way[-1] in before:
                    way.append(before[way[-1]])
                return way[::-1]
            row += members(new)
        return None

    def _plan(self, way: list[int] | None, known: Sequence[Network], last: tuple[Action, ...]) -> Plan | None:
        if way is None:
            return None
        actions: list[Action] = []
        for source, target in pairwise(way):
            here, there = (IP(int_to_ip(self.ground.numbers[i])) for i in (source, target))
            service = min(
                Service(each.name, each.type, each.version, False)
                for each in self.ground.hosts[target].services
                if not each.local
            )
            network = next(each for each in known if there in each)
            actions += [
                Action(ActionType.ScanNetwork, {"source_host": here, "target_network": network}),
                Action(ActionType.FindServices, {"source_host": here, "target_host": there}),
                Action(
                    ActionType.ExploitService,
                    {"source_host": here, "target_host": there, "target_service": service},
                ),
            ]
        return Plan((*actions, *last))


def known_networks(ground: Ground, taken: Iterable[int]) -> tuple[Network, ...]:
    """The networks that whoever starts with control of these addresses knows, ascending."""
    found = set()
    for i in taken:
        home = ground.homes[i]
        number = ip_to_int(home.ip)
        beside = (number - _APART, number, number + _APART) if is_private(number) else (number,)
        found |= {Network(int_to_ip(n), home.mask) for n in beside if n == number or is_private(n)}
    return tuple(sorted(found))


def _one_datum(goal: View) -> tuple[str, DataItem]:
    """Where which datum has to be known, if that is all."""
    if len(goal.known_data) == 1 and goal == View(known_data=goal.known_data):
        place, items = goal.known_data[0]
        if len(items) == 1 and isinstance(items[0], DataItem):
            return place, items[0]
    raise ConfigError("the shortest attack is worked out for one host or one datum, not for such a goal")


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)


def _data(services: Iterable[ServiceItem]) -> Iterable[DataItem]:
    return (item for service in services for item in service.data)


def _is(one: DataItem, other: DataItem) -> bool:
    return (one.owner, one.id, one.type) == (other.owner, other.id, other.type)


def _find(place: str) -> Action:
    return Action(ActionType.FindData, {"source_host": IP(place), "target_host": IP(place)})


def _bring(source: str, place: str, item: DataItem) -> Action:
    datum = Data(item.owner, item.id, item.size, item.type, item.content)
    return Action(
        ActionType.ExfiltrateData, {"source_host": IP(source), "target_host": IP(place), "data": datum}
    )
