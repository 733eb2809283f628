"""Moves that may bring an attacker something new, and what they promise.

A move is left out if it was tried before, or if it could not tell the attacker anything. From each network,
only one source is looked at: the first that has not tried it. What a move promises is the chance that it
succeeds, as far as the belief says, times how much its kind is liked.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Final

from netsiege.agents.planning.belief import Belief
from netsiege.agents.planning.chart import Groups, Key, listed
from netsiege.agents.planning.firewall import ALIKE
from netsiege.engine.actions import EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN, Action
from netsiege.engine.board import LOG
from netsiege.engine.knowledge import Knowledge

LIKINGS: Final = {SCAN: 2.0, FIND_SERVICES: 2.0, FIND_DATA: 4.0, EXPLOIT: 3.0, EXFILTRATE: 4.0}
"""How much a kind of move is liked beside the others."""
LEAST: Final = 0.01
"""What promises less is left out as long as there is something else."""

Move = tuple[Key, Action, float]
"""The key of an action, the action as the engine takes it, and what it promises."""


def moves_of(belief: Belief, knows: Knowledge, tried: Set[Key]) -> list[Move]:
    """The moves, in an order that depends on the arguments alone."""
    groups = belief.chart.by_network(knows.controlled)
    moves = [
        *_carry(belief, knows, tried),
        *_search(belief, knows, tried),
        *_enter(belief, knows, tried, groups),
        *_scan(belief, knows, tried, groups),
    ]
    return [move for move in moves if move[2] >= LEAST] or [(key, action, LEAST) for key, action, _ in moves]


def _search(belief: Belief, knows: Knowledge, tried: Set[Key]) -> Iterator[Move]:
    """For data, on hosts of which no log is known."""
    for host in listed(knows.controlled):
        key = (FIND_DATA, host, host)
        if LOG not in knows.data.get(host, ()) and key not in tried:
            yield key, key, LIKINGS[FIND_DATA] * belief.wishes.wish(belief.chart.hidden.get(host, LOG))


def _enter(belief: Belief, knows: Knowledge, tried: Set[Key], groups: Groups) -> Iterator[Move]:
    """Other hosts, by one of their services each, and asks for these first."""
    for target in listed(knows.hosts & ~knows.controlled):
        offered = knows.services.get(target, 0)
        code = EXPLOIT if offered else FIND_SERVICES
        rest = (target, (offered & -offered).bit_length() - 1) if offered else (target,)
        for group in groups:
            doubt = 1.0
            for source in group:
                key = (code, source, *rest)
                if key not in tried:
                    # who was told the services has a way to the host
                    asked = offered and (FIND_SERVICES, source, target) in tried
                    yield (
                        key,
                        key,
                        LIKINGS[code] * doubt * (1.0 if asked else belief.firewall.chance(source, target)),
                    )
                    break
                doubt *= 1 - ALIKE


def _scan(belief: Belief, knows: Knowledge, tried: Set[Key], groups: Groups) -> Iterator[Move]:
    board = belief.chart.board
    for network in listed(knows.networks):
        number, prefix = board.networks[network]
        members = board.members(number, prefix)
        for group in groups:
            doubt = 1.0
            for source in group:
                key = (SCAN, source, network)
                if key not in tried:
                    news = belief.firewall.news(source, members & ~knows.hosts)
                    yield key, (SCAN, source, members), LIKINGS[SCAN] * doubt * news
                    break
                doubt *= 1 - ALIKE


def _carry(belief: Belief, knows: Knowledge, tried: Set[Key]) -> Iterator[Move]:
    """Data to where they may be wanted; over other hosts, if the straight way has failed."""
    places = belief.wishes.places
    for source, data in knows.data.items():
        if not knows.controlled >> source & 1:
            continue
        for third, datum in data.items():
            if third == LOG:
                continue
            for place in listed(places & ~(1 << source)):
                if third in knows.data.get(place, ()):
                    continue
                key = (EXFILTRATE, source, place, third)
                if key not in tried:
                    promise = (
                        LIKINGS[EXFILTRATE]
                        * belief.wishes.wish(third)
                        * belief.firewall.chance(source, place)
                    )
                    yield key, (*key, datum), promise
                    continue
                yield from _relay(belief, knows, tried, key, datum)


def _relay(
    belief: Belief, knows: Knowledge, tried: Set[Key], straight: Key, datum: list[object]
) -> Iterator[Move]:
    _, source, place, third = straight
    for relay in listed(knows.controlled & ~belief.wishes.places & ~(1 << source)):
        key = (EXFILTRATE, source, relay, third)
        if key not in tried and third not in knows.data.get(relay, ()):
            both = belief.firewall.chance(source, relay) * belief.firewall.chance(relay, place)
            yield key, (*key, datum), LIKINGS[EXFILTRATE] * belief.wishes.wish(third) * both
