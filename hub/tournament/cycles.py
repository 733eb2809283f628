"""Cycles in who beats whom: A beats B, B beats C, C beats A. They say that no single rating tells all."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from heapq import nsmallest
from typing import Final

from attrs import frozen

MOST: Final = 20
"""Cycles told of, the clearest first: a field of fifty equals has thousands by chance alone."""


@frozen
class Cycle:
    """Each of `entrants` beats the next, and the last beats the first, the alphabet's first leading.

    `margin` is the lowest of the mean scores by which they do: above a half, and the nearer to it the more
    likely is the cycle an accident.
    """

    entrants: tuple[str, ...]
    margin: float

    def __str__(self) -> str:
        return " beats ".join((*self.entrants, self.entrants[0]))


def cycles(scores: Mapping[tuple[str, str], float], most: int = MOST) -> tuple[Cycle, ...]:
    """The cycles in the mean scores of a against b, by (a, b); a score above a half is a beating.

    All cycles of three, and a shortest one through every pair that is in longer cycles only: the `most` that
    are shortest, of those the ones with the widest margins.
    """
    names = sorted({name for pair in scores for name in pair})
    beats: dict[str, list[str]] = {name: [] for name in names}
    for (a, b), score in sorted(scores.items()):
        if score > 0.5 and a != b:
            beats[a].append(b)
    losers = {name: set(told) for name, told in beats.items()}
    winners = {name: {other for other in names if name in losers[other]} for name in names}
    reached = _reached(names, beats)
    found: set[tuple[str, ...]] = set()
    for a in names:
        for b in beats[a]:
            closing = losers[b] & winners[a]
            found.update((a, b, c) for c in closing if a < b and a < c)  # the others lead theirs
            if not closing and a in reached[b]:
                found.add(_led(_path(beats, b, a)))
    ranked = nsmallest(most, ((len(each), -_margin(scores, each), each) for each in found))
    return tuple(Cycle(entrants, -margin) for _, margin, entrants in ranked)


def _reached(names: list[str], beats: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """Whom each beats, or beats somebody who beats, and so on (Warshall)."""
    places = {name: i for i, name in enumerate(names)}
    masks = [sum(1 << places[loser] for loser in beats[name]) for name in names]
    for i in range(len(names)):
        for j, mask in enumerate(masks):
            if mask >> i & 1:
                masks[j] |= masks[i]
    return {a: {b for b, i in places.items() if masks[places[a]] >> i & 1} for a in names}


def _led(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same cycle, the alphabet's first leading."""
    first = names.index(min(names))
    return names[first:] + names[:first]


def _margin(scores: Mapping[tuple[str, str], float], names: tuple[str, ...]) -> float:
    return min(map(scores.__getitem__, zip(names, (*names[1:], names[0]), strict=True)))


def _path(beats: Mapping[str, list[str]], start: str, end: str) -> tuple[str, ...]:
    """A shortest way from one to the other along who beats whom; there must be one."""
    came = {start: ""}
    queue = deque([start])
    while end not in came:
        name = queue.popleft()
        for loser in beats[name]:
            if loser not in came:
                came[loser] = name
                queue.append(loser)
    way = [end]
    while way[-1] != start:
        way.append(came[way[-1]])
    return tuple(reversed(way))
