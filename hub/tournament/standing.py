"""The standing of a cup: what its tables say, from the outcomes that have been counted.

Only whole pairs count: where two entrants both play both roles, a game waits for the other one of its pair.
Outcomes are fed in the order of the schedule, each once; whatever the order of arrival, the same
games give the same tables.

Returns are means over games, with intervals clustered by slice like those of the ratings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from math import dist

from attrs import frozen

from netsiege.hub.tournament.collector import no_collector
from netsiege.hub.tournament.cycles import Cycle, cycles
from netsiege.hub.tournament.linear import Vector, dot
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, ROLES, Cup, Outcome
from netsiege.hub.tournament.ratings import OVERALL, Ratings, rate
from netsiege.hub.tournament.slices import (
    ATTACKER_RETURN,
    DEFENDER_RETURN,
    SCORE,
    Group,
    Played,
    Slices,
    row_of,
)
from netsiege.hub.tournament.student import Estimate, estimate


@frozen
class Part:
    """How an entrant fares in one role. `superiority` is the likelihood of being stronger than who is rated
    next below it in that role; None for the last, and where there is too little to tell.
    """

    games: int
    wins: float
    forfeits: int
    rating: Estimate
    mean_return: Estimate
    superiority: float | None


@frozen
class Row:
    """An entrant in the table. `overall` and its `superiority` are for those that play both roles."""

    entrant: str
    games: int
    attack: Part | None
    defence: Part | None
    overall: Estimate | None
    superiority: float | None

    @property
    def forfeits(self) -> int:
        """In both roles."""
        return sum(part.forfeits for part in (self.attack, self.defence) if part)


@frozen
class Meeting:
    """One entrant against another: its score of so many games; `attack_` counts those where it attacks."""

    games: int
    score: float
    attack_games: int
    attack_score: float


@frozen
class Table:
    """Those who played, the best first: by overall rating, then those of one role by that role's rating.

    `meetings` has both directions of every two that met.
    """

    rows: tuple[Row, ...]
    meetings: dict[tuple[str, str], Meeting]
    cycles: tuple[Cycle, ...]
    ratings: Ratings | None
    """The fit behind the rows; None before the first game."""
    games: int
    slices: int


@frozen
class Tables:
    """The table of all grounds; those of seen and of unseen ones apart, if there are games on both."""

    all: Table
    seen: Table | None
    unseen: Table | None


class Standing:
    """Counts outcomes. Adding one costs the same however many there are; a table goes over all slices."""

    def __init__(self, cup: Cup) -> None:
        self._both = frozenset(entrant.name for entrant in cup.entrants if entrant.plays_both)
        self._unseen = frozenset(ground.label for ground in cup.grounds if ground.unseen)
        self._slices = Slices(self._both)

    @property
    def counted(self) -> int:
        """How many games the tables are made of."""
        return self._slices.counted

    def extend(self, outcomes: Iterable[Outcome]) -> None:
        """Adds outcomes. ValueError if they are out of order; then none is added."""
        self.extend_rows([row_of(outcome) for outcome in outcomes])

    @no_collector()
    def extend_rows(self, rows: Sequence[Played]) -> None:
        """Adds outcomes that are told as rows. Raises as `extend` does."""
        self._slices.add(rows)

    @no_collector()
    def tables(self) -> Tables:
        """The tables as of now."""
        groups = self._slices.groups()
        whole = _table(groups, self._both)
        seen = [group for group in groups if group.ground not in self._unseen]
        if len(seen) in (0, len(groups)):
            return Tables(whole, None, None)
        unseen = [group for group in groups if group.ground in self._unseen]
        return Tables(whole, _table(seen, self._both), _table(unseen, self._both))


class _Record:
    """What an entrant did in one role, and its games and the sum of its returns in each slice."""

    def __init__(self) -> None:
        self.games = 0
        self.wins = 0.0
        self.forfeits = 0
        self._games: list[int] = []
        self._returns: Vector = []

    def add(self, games: int, wins: float, returns: Vector, forfeits: int) -> None:
        """More slices, of so many games each; wins and forfeits are those of all of them."""
        self.games += games * len(returns)
        self.wins += wins
        self.forfeits += forfeits
        self._games += [games] * len(returns)
        self._returns += returns

    def mean_return(self) -> Estimate:
        """The mean over games, as a ratio of sums over slices, with the ratio's interval."""
        mean = sum(self._returns) / self.games
        slices = len(self._games)
        squares = dot(self._games, self._games)
        spread = dist(self._returns, [games * mean for games in self._games])
        factor = slices / max(1, slices - 1)
        variance = factor * spread * spread / self.games**2  # which may be infinite
        return estimate(mean, variance, self.games**2 / squares - 1)


def _table(groups: Sequence[Group], both: Collection[str]) -> Table:
    games = sum(group.games for group in groups)
    if not games:
        return Table((), {}, (), None, 0, 0)
    ratings = rate(groups, both=both)
    meetings = _meetings(groups)
    won = {
        pair: meeting.score / meeting.games
        for pair, meeting in meetings.items()
        if pair[0] in both and pair[1] in both
    }
    return Table(_rows(_records(groups), ratings), meetings, cycles(won), ratings, games, ratings.slices)


def _records(groups: Iterable[Group]) -> dict[tuple[str, str], _Record]:
    """What each entrant did in each role."""
    records: defaultdict[tuple[str, str], _Record] = defaultdict(_Record)
    for group in groups:
        for name, games in group.shape.attackers.items():
            returns = group.by_slice(ATTACKER_RETURN, games)
            wins = group.total(SCORE, games)
            records[ATTACKER, name].add(len(games), wins, returns, group.forfeits(name, games))
        for name, games in group.shape.defenders.items():
            returns = group.by_slice(DEFENDER_RETURN, games)
            wins = len(games) * len(returns) - group.total(SCORE, games)
            records[DEFENDER, name].add(len(games), wins, returns, group.forfeits(name, games))
    return records


def _rows(records: dict[tuple[str, str], _Record], ratings: Ratings) -> tuple[Row, ...]:
    """The rows in the order of the table."""
    parts: dict[tuple[str, str], Part] = {}
    for role in ROLES:
        scale = ratings.scales[role]
        rated = scale.ratings()
        above = _superiorities(ratings, role, list(rated))
        for name, rating in rated.items():
            record = records[role, name]
            parts[role, name] = Part(
                record.games, record.wins, record.forfeits, rating, record.mean_return(), above[name]
            )
    overall = ratings.scales[OVERALL].ratings()
    above = _superiorities(ratings, OVERALL, list(overall))
    order = dict.fromkeys([*overall, *(name for _, name in parts)])  # parts are the best first, in each role
    rows = []
    for name in order:
        attack, defence = parts.get((ATTACKER, name)), parts.get((DEFENDER, name))
        games = sum(part.games for part in (attack, defence) if part)
        rows.append(Row(name, games, attack, defence, overall.get(name), above.get(name)))
    return tuple(rows)


def _superiorities(ratings: Ratings, kind: str, ranking: Sequence[str]) -> dict[str, float | None]:
    """How likely each is stronger than the next of the ranking."""
    scale = ratings.scales[kind]
    told: dict[str, float | None] = dict.fromkeys(ranking)
    for name, after in pairwise(ranking):
        told[name] = scale.superiority(name, after)
    return told


def _meetings(groups: Iterable[Group]) -> dict[tuple[str, str], Meeting]:
    """Both directions of every two that met, sorted."""
    sums: dict[tuple[str, str], list[float]] = {}
    for group in groups:
        for (attacker, defender), places in group.shape.cells.items():
            if not defender or attacker == defender:
                continue
            games, score = len(places) * group.slices, group.total(SCORE, places)
            one = sums.setdefault((attacker, defender), [0, 0.0, 0, 0.0])
            other = sums.setdefault((defender, attacker), [0, 0.0, 0, 0.0])
            one[0] += games
            one[1] += score
            one[2] += games
            one[3] += score
            other[0] += games
            other[1] += games - score
    return {
        pair: Meeting(int(games), score, int(attacks), attack_score)
        for pair, (games, score, attacks, attack_score) in sorted(sums.items())
    }
