"""Swiss cups: round after round, entrants meet others that have done about as well. Pure.

Each round plays new slices, the same for all of its meetings, and is drawn from the outcomes of all rounds
before it. An entrant's *standing* is how much more it has scored in a game than the average of the role that
it played there, so that attackers, defenders and those that are both stand in one order; who has not played
stands at zero. Those that stand alike are put in an order by the cup's seed, anew in every round.

A round has as many meetings as there can be. In this order of importance:

1. No two meet more often than they must, so that no meeting is repeated as long as a whole round without one
   can be drawn.
2. Who has sat out most often meets somebody; among those with equally many, the better one does.
3. From the top down, each meets the opponent that stands nearest.

Sitting out counts neither for nor against: standings are means.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import combinations

from attrs import define, frozen

from netsiege.hub.tournament.blocks import MOST, Block, Leg, legs_between
from netsiege.hub.tournament.matching import Matching
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Entrant, Game, Outcome


class Swiss:
    """The schedule of a Swiss cup. See `Schedule`: its outcomes only ever grow."""

    def __init__(self, cup: Cup) -> None:
        self._cup = cup
        self._rounds = cup.format.rounds or rounds_enough(cup)
        self._meetings = meetings_of_a_round(cup)
        self._blocks: list[Block] = []
        self._record = Record(cup)

    @property
    def rounds(self) -> int:
        """How many rounds there are."""
        return self._rounds

    @property
    def expected(self) -> int:
        """How many games there are; the most, if some play both roles and some do not."""
        pairs = min(sum(each.plays_both for each in self._cup.entrants) // 2, self._meetings)
        games_of_a_slice = (self._meetings + pairs) * len(self._cup.grounds)
        return self._rounds * self._cup.format.games * games_of_a_slice

    def next_games(
        self, outcomes: Sequence[Outcome], first: int | None = None, most: int = MOST
    ) -> list[Game]:
        """Up to `most` games from number `first` on (the first without outcome), of the rounds drawn so far.

        Raises ValueError if an outcome is of another game than this schedule has at its place.
        """
        self._draw(outcomes)
        number = len(outcomes) if first is None else first
        found: list[Game] = []
        for block in self._blocks[bisect_right(self._blocks, number, key=_end) :]:
            found += block.next_games((), number + len(found), most - len(found))
        return found

    def end(self, outcomes: Sequence[Outcome]) -> int | None:
        """How many games there were, once all rounds are played."""
        self._draw(outcomes)
        return self._blocks[-1].end(outcomes) if len(self._blocks) == self._rounds else None

    def _draw(self, outcomes: Sequence[Outcome]) -> None:
        """Draw every round that the outcomes decide and that is not drawn yet."""
        while len(self._blocks) < self._rounds:
            if self._blocks:
                last = self._blocks[-1]
                if len(outcomes) < _end(last):
                    return
                self._record.add(_checked(last, outcomes[last.first_id : _end(last)]))
            self._blocks.append(self._next_block())

    def _next_block(self) -> Block:
        number, games = len(self._blocks), self._cup.format.games
        meetings = draw_round(self._cup, self._record, number)
        by_name = {entrant.name: entrant for entrant in self._cup.entrants}
        legs: list[Leg] = []
        for one, other in meetings:
            legs += legs_between(by_name[one], by_name[other])
        self._record.note(meetings)
        start = _end(self._blocks[-1]) if self._blocks else 0
        return Block(self._cup, tuple(legs), games, start, number * games, number)


@define
class _Sum:
    """Scores, and of how many games."""

    total: Fraction = Fraction()
    games: int = 0

    def add(self, total: Fraction, games: int = 1) -> None:
        self.total += total
        self.games += games

    @property
    def mean(self) -> Fraction:
        """Of a game; zero without any."""
        return self.total / self.games if self.games else Fraction()


class Record:
    """What has been so far: who met whom how often, who sat out, and what each scored."""

    def __init__(self, cup: Cup) -> None:
        self._names = [entrant.name for entrant in cup.entrants]
        self.met: Counter[frozenset[str]] = Counter()
        self.sat_out: Counter[str] = Counter()
        self._sums: defaultdict[tuple[str, str], _Sum] = defaultdict(_Sum)
        """By entrant and role."""

    def note(self, meetings: Iterable[tuple[str, str]]) -> None:
        """A round is drawn."""
        busy = set()
        for one, other in meetings:
            self.met[frozenset((one, other))] += 1
            busy |= {one, other}
        self.sat_out.update(name for name in self._names if name not in busy)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """A round is played."""
        for outcome in outcomes:
            score = Fraction(outcome.score)
            self._sums[outcome.game.attacker, ATTACKER].add(score)
            self._sums[outcome.game.defender, DEFENDER].add(1 - score)

    def standings(self) -> dict[str, Fraction]:
        """Of each entrant: its mean score above the average of the role it played, over all its games."""
        of_roles: defaultdict[str, _Sum] = defaultdict(_Sum)
        for (_, role), each in self._sums.items():
            of_roles[role].add(each.total, each.games)
        above: defaultdict[str, _Sum] = defaultdict(_Sum)
        for (name, role), each in self._sums.items():
            above[name].add(each.total - each.games * of_roles[role].mean, each.games)
        return {name: above[name].mean for name in self._names}


def draw_round(cup: Cup, record: Record, number: int) -> list[tuple[str, str]]:
    """Who meets whom in a round, from the top down."""
    standings = record.standings()
    order = sorted(
        (entrant.name for entrant in cup.entrants),
        key=lambda name: (-standings[name], _lot(cup, number, name)),
    )
    spare = len(order) - 2 * meetings_of_a_round(cup)
    drawn = _least_repeated(cup, record, order, spare)
    drawn.choose_who_sits_out([record.sat_out[name] for name in order])
    drawn.choose_opponents()
    mates = drawn.matching.mate
    return [(name, order[mates[rank]]) for rank, name in enumerate(order) if rank < mates[rank] < len(order)]


@frozen
class _Drawn:
    """A round that is being drawn. Vertices are ranks, from the best; those from `field` on are where to sit
    out. Every vertex has a partner throughout.
    """

    matching: Matching
    allowed: Sequence[Sequence[int]]
    """Whom each may meet, from the best."""
    field: int

    def choose_who_sits_out(self, before: Sequence[int]) -> None:
        """Those who have done so least often `before`, and of these the worst."""
        # whoever cannot be spared once cannot be spared together with others either: each is asked once
        asked = iter(sorted(range(self.field), key=lambda rank: (before[rank], -rank)))
        for place in range(self.field, len(self.matching.mate)):
            next(rank for rank in asked if self.matching.fix(rank, place))

    def choose_opponents(self) -> None:
        """From the top down, the best of those below who leaves opponents for all others."""
        busy = {rank for rank in range(self.field) if self.matching.mate[rank] >= self.field}
        for rank in range(self.field):
            if rank not in busy:
                below = (other for other in self.allowed[rank] if other not in busy)
                busy |= {rank, next(other for other in below if self.matching.fix(rank, other))}


def meetings_of_a_round(cup: Cup) -> int:
    """How many meetings a round has: as many as possible."""
    matching = Matching(_neighbours(_playable(cup.entrants), len(cup.entrants)))
    matching.fill()
    return matching.size


def rounds_enough(cup: Cup) -> int:
    """As many rounds as it takes to have met log2 of the field on average, or everybody if that is less."""
    field, meetings = len(cup.entrants), meetings_of_a_round(cup)
    if not meetings:
        return 1
    possible = len(_playable(cup.entrants))
    wanted = math.ceil(math.ceil(math.log2(field)) * field / (2 * meetings))
    return max(1, min(wanted, math.ceil(possible / meetings)))


def _playable(entrants: Sequence[Entrant]) -> list[tuple[int, int]]:
    """All meetings that there can be, by index."""
    numbered = combinations(enumerate(entrants), 2)
    return [(i, j) for (i, one), (j, other) in numbered if legs_between(one, other)]


def _neighbours(edges: Iterable[tuple[int, int]], vertices: int) -> list[list[int]]:
    neighbours: list[list[int]] = [[] for _ in range(vertices)]
    for one, other in edges:
        neighbours[one].append(other)
        neighbours[other].append(one)
    return neighbours


def _least_repeated(cup: Cup, record: Record, order: Sequence[str], spare: int) -> _Drawn:
    """Some way to draw a round, with a limit on repetitions that is as low as it can be."""
    by_name = {entrant.name: entrant for entrant in cup.entrants}
    met = {
        (i, j): record.met[frozenset((order[i], order[j]))]
        for i, j in _playable([by_name[name] for name in order])
    }
    field, total = len(order), len(order) + spare
    seats = [(rank, place) for rank in range(field) for place in range(field, total)]
    for limit in sorted(set(met.values())):
        allowed = [edge for edge, times in met.items() if times <= limit]
        matching = Matching(_neighbours([*allowed, *seats], total))
        matching.fill()
        if 2 * matching.size == total:
            return _Drawn(matching, _neighbours(allowed, field), field)
    raise AssertionError("with all meetings allowed, as many as possible are possible")


def _lot(cup: Cup, number: int, name: str) -> bytes:
    text = cup.seed.to_bytes(8, "big") + number.to_bytes(8, "big") + name.encode()
    return hashlib.sha256(b"netsiege swiss\0" + text).digest()


def _end(block: Block) -> int:
    return block.first_id + block.expected


def _checked(block: Block, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    for number, outcome in enumerate(outcomes, block.first_id):
        if outcome.game != block.game(number):
            raise ValueError(f"the outcome at place {number} is of another game than the schedule has there")
    return outcomes
