"""How many moves the goal is away for somebody who knows how everything is: what a hypothesis is worth."""

from __future__ import annotations

import heapq
import math
from typing import Final

from netsiege.agents.planning.belief import Hypothesis
from netsiege.agents.planning.chart import Chart, listed
from netsiege.engine.board import LOG
from netsiege.engine.knowledge import Knowledge

FAR: Final = math.inf


def distance(chart: Chart, knows: Knowledge, hypothesis: Hypothesis) -> float:
    """The fewest moves to the goal, infinite if there is no way.

    To take a host over takes an exploit, before it a question for its services unless they are known, and
    before that a scan unless it is known. Scans that serve two hosts on the way are counted twice.
    """
    goal, reach = hypothesis.goal, hypothesis.reach
    away = _take_over(knows, reach)
    total = max((away.get(host, FAR) for host in listed(goal.controlled)), default=0.0)
    for place, keys in goal.data:
        for key in keys:
            if key not in knows.data.get(place, ()):
                total += away.get(place, FAR) + _fetch(chart, knows, reach, away, place, key)
    return total


def _take_over(knows: Knowledge, reach: tuple[int, ...]) -> dict[int, float]:
    """Host -> the moves until it is controlled, for all that can be (Dijkstra)."""
    away = dict.fromkeys(listed(knows.controlled), 0.0)
    queue = [(0.0, host) for host in away]
    while queue:
        moves, source = heapq.heappop(queue)
        if moves > away[source]:
            continue
        for target in listed(reach[source] & ~knows.controlled):
            cost = 1.0 if knows.services.get(target) else 2.0 if knows.hosts >> target & 1 else 3.0
            if moves + cost < away.get(target, FAR):
                away[target] = moves + cost
                heapq.heappush(queue, (moves + cost, target))
    return away


def _fetch(
    chart: Chart, knows: Knowledge, reach: tuple[int, ...], away: dict[int, float], place: int, key: int
) -> float:
    """The moves that it takes to find a datum and to bring it to a place, over one other host at most."""
    best = FAR
    for source, moves in away.items():
        if key in knows.data.get(source, ()):
            search = 0.0
        elif chart.hidden.get(source) == key and LOG not in knows.data.get(source, ()):
            search = 1.0
        else:
            continue
        if reach[source] >> place & 1:
            carry = 1.0
        else:
            carry = min(
                (
                    2.0 + way
                    for relay, way in away.items()
                    if reach[source] >> relay & reach[relay] >> place & 1
                ),
                default=FAR,
            )
        best = min(best, moves + search + carry)
    return best
