"""What an attacker can do on a scenario under a task: hosts to take, from where, and the shortest attack.

Nobody defends here, and the moves are those that an agent is offered. A start or a goal that is drawn
differs between episodes: hosts that are drawn to start from are all looked at, up to `MAX_STARTS` draws; what
else a start draws is left out, and for a goal that is drawn there is no attack to tell.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any, Final

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.game import Action, ActionType, AgentRole
from netsiege.game.values import int_to_ip
from netsiege.scenarios.attack_plan import Way, is_drawn, way_to
from netsiege.scenarios.attack_search import Position, Search, Terrain, key_of, mask_of, position_of
from netsiege.scenarios.generate.reach import Ground, ground_of, members
from netsiege.scenarios.model import ALL, RANDOM, DataItem, ServiceItem, Spec, Topology, View

MAX_STARTS: Final = 500
"""Draws of a start that are looked at."""


_RULESET: Final = "netsecgame"
_ON_PATH: Final = (ActionType.ExploitService, ActionType.FindData, ActionType.ExfiltrateData)


@frozen
class Node:
    """A host that an attacker starts from or can take, at one of its addresses."""

    address: str
    host: str
    network: str
    hops: int
    """How many hosts have to be taken to have it, itself included; 0 for those to start from."""
    services: tuple[ServiceItem, ...]
    """Those that can be exploited from outside."""
    data: tuple[DataItem, ...]
    """Of those that the goal asks for, what lies there at first."""
    is_wanted: bool
    """Whether the goal has to be had there: the host itself, or something at its address."""


@frozen
class Start:
    """An outcome of the draw of a start: which hosts were drawn, and the attack from there."""

    drawn: tuple[str, ...]
    way: Way


@frozen
class AttackGraph:
    """See the module. `reach` has, for each node, those that it can take, as a mask of their numbers.

    A node may seem to take itself, which means nothing.
    """

    scenario: str
    task: str
    role: str
    goal: str
    """As the task describes it."""
    wanted: tuple[str, ...]
    """What the goal asks for, part by part."""
    nodes: tuple[Node, ...]
    reach: tuple[int, ...]
    starts: tuple[Start, ...]
    """Every draw that was looked at; none if there is nothing to reach, or the goal is drawn."""
    notes: tuple[str, ...]
    """What is left out."""

    @property
    def best(self) -> Start | None:
        """A draw with the shortest of all attacks, the first of several; None if there is no attack."""
        return min(self._won, key=lambda start: len(start.way.actions or ()), default=None)

    @property
    def lengths(self) -> tuple[int, int] | None:
        """Steps of the shortest attack from the best draw and from the worst of those that can win."""
        steps = [len(start.way.actions or ()) for start in self._won]
        return (min(steps), max(steps)) if steps else None

    @property
    def lost(self) -> tuple[Start, ...]:
        """The draws from which the goal cannot be reached."""
        return tuple(start for start in self.starts if start.way.actions is None)

    @property
    def _won(self) -> list[Start]:
        return [start for start in self.starts if start.way.actions is not None]

    @property
    def path(self) -> tuple[str, ...]:
        """The addresses on the shortest attack: where it starts from, and what it takes, in that order."""
        if self.best is None:
            return ()
        ends: dict[str, None] = {}
        for action in self.best.way.actions or ():
            if action.type in _ON_PATH:
                ends |= dict.fromkeys(str(action.parameters[e]) for e in ("source_host", "target_host"))
        return tuple(ends)


def attack_graph(spec: Spec, role: str = AgentRole.Attacker.value) -> AttackGraph:
    """The graph of a role of a task. Raises ConfigError if the task does not have it."""
    played = spec.task.role(role)
    if played is None:
        raise ConfigError(f"{spec.task.name}: has no {role} whose attacks could be shown")
    terrain = Terrain(_ground(spec))
    draws, notes = _draws(spec.topology, terrain, played.start)
    positions = {drawn: position_of(terrain, played.start, drawn) for drawn in draws}
    hops, taken = _taken(terrain, list(positions.values()))
    numbers = sorted(hops, key=lambda i: (hops[i], i))
    can_win = not (played.goal.is_empty or is_drawn(played.goal))
    notes += [] if can_win else [_no_attack(played.goal)]
    if spec.task.ruleset != _RULESET:
        notes.append(
            f"worked out by the rules of {_RULESET}, where nothing fails, not by {spec.task.ruleset}"
        )
    starts = tuple(
        Start(drawn, way_to(terrain, position, played.goal))
        for drawn, position in (positions if can_win else {}).items()
    )
    return AttackGraph(
        spec.topology.name,
        spec.task.name,
        role,
        played.goal_description,
        tuple(_parts(played.goal)),
        tuple(_nodes(terrain, numbers, hops, played.goal)),
        _reach(terrain.ground, numbers, taken),
        starts,
        tuple(notes),
    )


def _ground(spec: Spec) -> Ground:
    ground = ground_of(spec.topology)
    if spec.task.use_firewall:
        return ground
    everyone = (1 << len(ground.numbers)) - 1
    return attrs.evolve(ground, reach=(everyone,) * len(ground.numbers))


def _draws(topology: Topology, terrain: Terrain, start: View) -> tuple[list[tuple[str, ...]], list[str]]:
    """What may be drawn to be controlled at first, and what is left out."""
    listed = terrain.hosts(start.controlled_hosts)
    able = [a for host in topology.hosts if host.start for a in host.addresses]
    able = [address for address in able if not listed >> terrain.at(address) & 1]
    count = min(start.controlled_hosts.count(RANDOM), len(able))
    draws = list(islice(combinations(able, count), MAX_STARTS + 1))
    notes = []
    if len(draws) > MAX_STARTS:
        notes.append(f"only the first {MAX_STARTS} draws of a start are looked at")
    items = (item for _, listed in (*start.known_services, *start.known_data) for item in listed)
    if RANDOM in start.known_hosts or RANDOM in items:
        notes.append("known hosts, services and data that a start draws are left out")
    return draws[:MAX_STARTS], notes


def _no_attack(goal: View) -> str:
    if goal.is_empty:
        return "the goal asks for nothing: there is no attack that reaches it"
    return "the goal is another one in every episode: there is no attack that always reaches it"


def _taken(terrain: Terrain, positions: Sequence[Position]) -> tuple[dict[int, int], int]:
    """From whichever of some positions: hops to all that is had, and what can be taken, as a mask."""
    ground = terrain.ground
    alike: dict[Hashable, list[Position]] = {}
    for position in positions:
        # starts in one network that reach the same lead to the same, but for themselves
        controlled = members(position.controlled)
        alike.setdefault(tuple(sorted((ground.homes[i], ground.reach[i]) for i in controlled)), []).append(
            position
        )
    hops: dict[int, int] = {}
    taken = 0
    for first, *others in alike.values():
        search = Search(terrain, first)
        for i, count in search.hops.items():
            hops[i] = min(count, hops.get(i, count))
        taken |= mask_of(search.before)
        for other in others:  # takes what only the first has had from the start
            taken |= first.controlled & ~other.controlled & terrain.open_services
    starts = (i for position in positions for i in members(position.controlled))
    return hops | dict.fromkeys(starts, 0), taken


def _nodes(terrain: Terrain, numbers: Sequence[int], hops: dict[int, int], goal: View) -> Iterator[Node]:
    asked = [items for _, items in goal.known_data]
    keys = {key_of(item) for items in asked for item in items if isinstance(item, DataItem)}
    wants_all = any(ALL in items for items in asked)
    places = terrain.hosts((*goal.controlled_hosts, *goal.known_hosts)) if not is_drawn(goal) else 0
    for address, _ in (*goal.known_data, *goal.known_services, *goal.known_blocks):
        places |= 1 << terrain.at(address)
    for i in numbers:
        host = terrain.ground.hosts[i]
        yield Node(
            int_to_ip(terrain.ground.numbers[i]),
            host.name,
            str(terrain.ground.homes[i]),
            hops[i],
            tuple(attrs.evolve(each, data=()) for each in host.services if not each.local),
            tuple(item for item in terrain.data(i) if wants_all or key_of(item) in keys),
            bool(places >> i & 1),
        )


def _reach(ground: Ground, numbers: Sequence[int], taken: int) -> tuple[int, ...]:
    """For each node, in the numbers of nodes, which of those that can be taken it reaches."""
    place = {i: number for number, i in enumerate(numbers)}
    # whole networks reach the same
    reached = {ground.reach[i] & taken for i in numbers}
    numbered = {mask: mask_of(place[j] for j in members(mask)) for mask in reached}
    return tuple(numbered[ground.reach[i] & taken] for i in numbers)


def _parts(goal: View) -> Iterator[str]:
    """What a goal asks for, in words."""
    yield from (f"network {each} is known" for each in goal.known_networks)
    yield from (f"host {each} is known" for each in goal.known_hosts)
    yield from (f"host {each} is controlled" for each in goal.controlled_hosts)
    for address, services in goal.known_services:
        yield from (f"{_service(each)} of {address} is known" for each in services)
    for address, items in goal.known_data:
        yield from (f"{_datum(each)} is known at {address}" for each in items)
    for address, blocked in goal.known_blocks:
        yield from (f"{each} is blocked at {address}" for each in blocked)


def _service(item: ServiceItem | str) -> str:
    return f"service {item if isinstance(item, str) else item.name}"


def _datum(item: DataItem | str) -> str:
    return f"data {item if isinstance(item, str) else item_name(item)}"


def item_name(item: DataItem) -> str:
    """A datum in a word."""
    return f"{item.owner}/{item.id}" + (f" ({item.type})" if item.type else "")


@frozen
class Step:
    """An action in words: what is done, from where, to which host or network, and what else it is about."""

    action: str
    source: str
    target: str
    what: str = ""


def step_of(action: Action) -> Step:
    """The words of an action."""
    given = action.parameters
    target = given["target_network"] if action.type is ActionType.ScanNetwork else given["target_host"]
    say = _SAYINGS.get(action.type, _say_nothing)
    return Step(action.type.name, str(given["source_host"]), str(target), say(given))


def _say_nothing(_given: Mapping[str, Any]) -> str:
    return ""


_SAYINGS: Final[dict[ActionType, Callable[[Mapping[str, Any]], str]]] = {
    ActionType.ExploitService: lambda given: (
        f"{given['target_service'].name} {given['target_service'].version}"
    ),
    ActionType.ExfiltrateData: lambda given: f"{given['data'].owner}/{given['data'].id}",
    ActionType.BlockIP: lambda given: str(given["blocked_host"]),
}
