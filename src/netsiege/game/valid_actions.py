"""Which actions make sense in a state, counted and indexed without building them all."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence, Set
from functools import partial
from operator import attrgetter
from typing import overload

from netsiege.game.action import Action, responses_of
from netsiege.game.action_types import ActionType
from netsiege.game.state import GameState
from netsiege.game.values import IP, AgentRole, Service

# the same orders as the classes' own, which compare field by field in Python and cost ten times as much
_BY_IP = attrgetter("ip")
_BY_SERVICE = attrgetter("name", "type", "version", "is_local")
_BY_DATA = attrgetter("owner", "id", "type")

_Segment = tuple[int, Callable[[int], Action]]
_Target = tuple[IP] | tuple[IP, Service]


class ValidActions(Set[Action], Sequence[Action]):
    """A sorted-by-construction set of actions that is also a sequence: `len`, `in`, `[i]`, iteration.

    The order depends on the state alone. Nothing is built before it is asked for, so counting and drawing
    cost about the number of hosts, not the number of actions. Compares equal to any set of the same actions.
    """

    __slots__ = ("_ends", "_segments")

    def __init__(self, segments: Sequence[_Segment]) -> None:
        self._segments = [s for s in segments if s[0]]
        self._ends: list[int] = []
        total = 0
        for count, _ in self._segments:
            total += count
            self._ends.append(total)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> Action: ...
    @overload
    def __getitem__(self, index: slice) -> list[Action]: ...
    def __getitem__(self, index: int | slice) -> Action | list[Action]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("index out of range")
        segment = bisect_right(self._ends, index)
        start = self._ends[segment - 1] if segment else 0
        return self._segments[segment][1](index - start)

    def __iter__(self) -> Iterator[Action]:
        for count, build in self._segments:
            for i in range(count):
                yield build(i)

    def __contains__(self, action: object) -> bool:
        return any(action == each for each in self)

    def __eq__(self, other: object) -> bool:
        return set(self) == other if isinstance(other, Set) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a set that equals plain sets cannot be hashed like a tuple

    def choice(self, rng: random.Random) -> Action:
        """One action, each equally likely. Raises IndexError when there is none."""
        return self[rng.randrange(len(self))] if self else self[0]


def generate_valid_actions(
    state: GameState,
    include_blocks: bool = False,
    include_responses: bool = False,
    role: AgentRole = AgentRole.Defender,
) -> ValidActions:
    """The actions that can be expected to do something, as far as `state` knows.

    The same set as NetSecGame's function of this name: scans of known networks, service scans of known
    hosts, exploits of known services, data searches on controlled hosts, exfiltration of known data to other
    controlled hosts and, if asked for, blocks; known blocks are left out. Responses, which NetSecGame does
    not have, are those of `role`: from each controlled host to each that it reaches, or to a known service
    there; for those that go to any host (`Entry.on_held`), to each known one.
    """
    controlled = sorted(state.controlled_hosts, key=_BY_IP)
    known = sorted(state.known_hosts, key=_BY_IP)
    networks = sorted(state.known_networks)
    services = {h: sorted(state.known_services[h], key=_BY_SERVICE) for h in state.known_services}
    served = sorted(services, key=_BY_IP)
    blocks = state.known_blocks

    def reachable(source: IP, hosts: list[IP]) -> list[IP]:
        blocked = blocks.get(source)
        return [h for h in hosts if h not in blocked] if blocked else hosts

    segments: list[_Segment] = [
        _segment(ActionType.ScanNetwork, "source_host", controlled, "target_network", networks)
    ]
    for source in controlled:
        segments.append(
            _segment(
                ActionType.FindServices, "source_host", [source], "target_host", reachable(source, known)
            )
        )
    for source in controlled:
        for target in reachable(source, served):
            segments.append(
                _segment(
                    ActionType.ExploitService,
                    "source_host",
                    [source],
                    "target_service",
                    services[target],
                    target_host=target,
                )
            )
    segments.append(
        (
            len(controlled),
            lambda i: Action(
                ActionType.FindData, {"source_host": controlled[i], "target_host": controlled[i]}
            ),
        )
    )
    if controlled:
        for source in sorted(state.known_data, key=_BY_IP):
            targets = reachable(source, [h for h in controlled if h != source])
            data = sorted(state.known_data[source], key=_BY_DATA)
            segments.append(
                _segment(ActionType.ExfiltrateData, "data", data, "target_host", targets, source_host=source)
            )
    if include_blocks:
        for source in controlled:
            segments.append(
                _segment(
                    ActionType.BlockIP,
                    "target_host",
                    reachable(source, controlled),
                    "blocked_host",
                    known,
                    source_host=source,
                )
            )
    if include_responses:
        segments += _responses(state, role, (controlled, known), (controlled, served))
    return ValidActions(segments)


def _responses(
    state: GameState, role: AgentRole, hosts: Sequence[Sequence[IP]], served: Sequence[Sequence[IP]]
) -> Iterator[_Segment]:
    """By type, then by source. Sources that are cut off from nothing share their lists.

    `hosts` and `served` (those with services) are the controlled ones, then the known ones.
    """
    controlled = hosts[0]
    for kind, entry in responses_of(role):
        names = entry.parameters
        targets: list[_Target] = (
            _with_services(state, served[not entry.on_held])
            if "target_service" in names
            else [(host,) for host in hosts[not entry.on_held]]
        )
        for source in controlled:
            blocked = state.known_blocks.get(source)
            reached = [target for target in targets if target[0] not in blocked] if blocked else targets
            yield len(reached), partial(_response, kind, names, source, reached)


def _with_services(state: GameState, hosts: Sequence[IP]) -> list[_Target]:
    known = state.known_services
    return [(host, service) for host in hosts for service in sorted(known.get(host, ()), key=_BY_SERVICE)]


def _response(
    kind: ActionType, names: tuple[str, ...], source: IP, targets: Sequence[_Target], i: int
) -> Action:
    return Action(kind, dict(zip(names, (source, *targets[i]), strict=True)))


def _segment(
    kind: ActionType, outer: str, outers: Sequence[object], inner: str, inners: Sequence[object], **fixed: IP
) -> _Segment:
    def build(i: int) -> Action:
        return Action(kind, {**fixed, outer: outers[i // len(inners)], inner: inners[i % len(inners)]})

    return (len(outers) * len(inners), build)
