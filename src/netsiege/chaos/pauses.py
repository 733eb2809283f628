"""How long agents waited around each fault, from what they, and the workers, have written down. Pure.

A wait is a step and its answer. A fault hits the matches that its worker has at that moment, the hub's all of
them. The hub may lease a match that has lost its worker to one that comes to harm, too, or is stopped without
its knowing: that is a hit of both. A wait counts for the fault that has hit its match. If none has, it counts
for the one that it lasted over: what happens to one worker may hold up the others' matches. If it is several,
it counts for `OVERLAP`.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import define, frozen

from netsiege.chaos.agents import Played
from netsiege.chaos.faults import HUB, NOTHING, STOP, Done
from netsiege.chaos.workers import Lease

OVERLAP: Final = "overlap"
"""Pauses with several faults at once."""
AFTERMATH_S: Final = 0.25
"""A step that is asked so soon after a fault waits for what that one has done, too."""
NEARBY_S: Final = 1.0
"""For how long after a moment without harm it is looked how long steps wait."""


@frozen
class Wait:
    """A step of a match: when it was asked and answered."""

    match: int
    from_s: float
    to_s: float

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.to_s - self.from_s


def waits_of(played: Iterable[Played]) -> list[Wait]:
    """All steps that were answered, by when they were asked."""
    waits = [
        Wait(seat.match, asked.asked_s, asked.heard_s)
        for seat in played
        for asked in seat.asked
        if asked.heard_s is not None and asked.body is not None
    ]
    return sorted(waits, key=lambda wait: wait.from_s)


UNSEEN_S: Final = 2.0
"""For so long at most a hub goes on with a worker that has been stopped, and may lease it more matches."""
PLACED_S: Final = 0.2
"""How long a match may take to be at work again, once its worker is known to be lost."""
LONGEST_S: Final = 10.0
"""So long after a fault its matches are at work again, or nothing is counted for it."""
PASSING_S: Final = 0.5
"""A lease so short was taken back before its worker had even heard of it: matches are moved in bursts."""


def pauses(waits: Sequence[Wait], faults: Sequence[Done], leases: Iterable[Lease]) -> dict[str, list[float]]:
    """The longest wait around each fault, by kind, in seconds."""
    victims = _victims(faults, leases)
    times = [fault.at_s for fault in faults]
    longest = [0.0] * len(faults)
    overlapping: dict[tuple[int, ...], float] = {}
    for wait in waits:
        first = bisect.bisect_left(times, wait.from_s - LONGEST_S)
        past = bisect.bisect_right(times, wait.to_s)
        near = range(first, past)
        met = [i for i in near if _hits(faults[i], victims[i], wait)]
        met = met or [i for i in near if _is_near(faults[i], wait)]
        if len(met) > 1 and faults[met[0]].kind != NOTHING:
            overlapping[tuple(met)] = max(overlapping.get(tuple(met), 0.0), wait.seconds)
            continue
        for i in met:
            longest[i] = max(longest[i], wait.seconds)
    found: dict[str, list[float]] = defaultdict(list)
    for fault, seconds in zip(faults, longest, strict=True):
        if seconds:
            found[fault.kind].append(seconds)
    if overlapping:
        found[OVERLAP] = list(overlapping.values())
    return dict(found)


@define
class _Held:
    """A lease, and when its match was at work elsewhere afterwards."""

    lease: Lease
    again_s: float = math.inf


def _by_worker(leases: Iterable[Lease]) -> dict[str, list[_Held]]:
    """A lease ends when the next one of its match begins: a worker that was stopped does not hear of it."""
    held: dict[str, list[_Held]] = defaultdict(list)
    last: dict[int, _Held] = {}
    for lease in sorted(leases, key=lambda lease: lease.from_s):
        one = _Held(lease)
        held[lease.worker].append(one)
        if lease.to_s - lease.from_s < PASSING_S:
            continue
        if lease.match in last:
            last[lease.match].again_s = lease.from_s
        last[lease.match] = one
    return held


Victims = dict[int, float]
"""The matches that a fault hits, and when they are at work again."""


def _victims(faults: Sequence[Done], leases: Iterable[Lease]) -> list[Victims | None]:
    """What each fault hits; None: everything."""
    held = _by_worker(leases)
    victims: list[Victims | None] = [None if fault.kind == HUB else {} for fault in faults]
    for fault, mine in zip(faults, victims, strict=True):
        if mine is None:
            continue
        for one in held[fault.worker]:
            if one.lease.from_s <= fault.at_s <= min(one.lease.to_s, one.again_s):
                mine[one.lease.match] = one.again_s
                _spread(fault, one, faults, victims)
    return victims


def _spread(fault: Done, one: _Held, faults: Sequence[Done], victims: Sequence[Victims | None]) -> None:
    """A match that is not at work again in time has been leased to others that came to harm."""
    expected_s = PLACED_S + (UNSEEN_S if fault.kind == STOP else 0.0)
    if one.again_s - fault.at_s <= expected_s or one.again_s == math.inf:
        return
    for other, theirs in zip(faults, victims, strict=True):
        since_s = fault.at_s - (UNSEEN_S if other.kind == STOP else 0.0)
        if theirs is not None and other.kind != NOTHING and since_s <= other.at_s <= one.again_s:
            theirs[one.lease.match] = one.again_s


def _hits(fault: Done, victims: Victims | None, wait: Wait) -> bool:
    if fault.kind == NOTHING or fault.at_s > wait.to_s:
        return False
    soon_s = fault.at_s + AFTERMATH_S
    if victims is None:
        return wait.from_s <= soon_s
    again_s = victims.get(wait.match)
    return again_s is not None and wait.from_s <= (soon_s if again_s == math.inf else max(soon_s, again_s))


def _is_near(fault: Done, wait: Wait) -> bool:
    """Whether a fault may have held up a match that it has not hit."""
    return wait.from_s <= fault.at_s + (NEARBY_S if fault.kind == NOTHING else AFTERMATH_S)
