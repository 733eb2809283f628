"""The standing of a cup: what its tables say, from the outcomes that have been counted.

Only whole pairs count: where two entrants both play both roles, a game waits for its twin with the roles
swapped. Outcomes are fed in the order of the schedule, each once; whatever the order of arrival, the same
games give the same tables.

Returns are means over games, with intervals clustered by slice like those of the ratings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from attrs import frozen

from netsiege.hub.tournament.collector import no_collector
from netsiege.hub.tournament.cycles import Cycle, cycles
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, ROLES, Cup, Outcome
from netsiege.hub.tournament.ratings import OVERALL, Cell, Counts, Ratings, SliceKey, Sums, Tally, rate
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
        self._slices: dict[SliceKey, dict[tuple[str, str], Tally]] = {}
        self._cells: Sums = {}
        self._halves: dict[int, Outcome] = {}
        self._last = -1
        self.counted = 0

    @property
    def waiting(self) -> int:
        """How many outcomes wait for the other half of their pair."""
        return len(self._halves)

    def has_twin(self, outcome: Outcome) -> bool:
        """Whether the game is one of a pair: its two entrants differ, and both play both roles."""
        game = outcome.game
        return game.attacker != game.defender and game.attacker in self._both and game.defender in self._both

    def add(self, outcome: Outcome) -> None:
        """Counts it, if it has no twin or its twin is there already. ValueError if it is out of order."""
        game = outcome.game
        if game.id <= self._last:
            raise ValueError(f"game {game.id} comes after game {self._last}: outcomes go by the schedule")
        self._last = game.id
        if self.has_twin(outcome):
            twin = self._halves.pop(game.pair, None)
            if twin is None:
                self._halves[game.pair] = outcome
                return
            self._count(twin)
        self._count(outcome)

    @no_collector()
    def extend(self, outcomes: Iterable[Outcome]) -> None:
        """Adds all of them, one after the other."""
        for outcome in outcomes:
            self.add(outcome)

    def _count(self, outcome: Outcome) -> None:
        game = outcome.game
        self.counted += 1
        key = game.ground, game.slice
        tallies = self._slices.get(key)
        if tallies is None:
            tallies = self._slices[key] = {}
        attacker_return, defender_return = outcome.returns
        attacker_forfeits = int(outcome.forfeit == game.attacker)
        defender_forfeits = int(bool(outcome.forfeit)) - attacker_forfeits
        cell = game.attacker, game.defender
        sums = self._cells.get((*cell, game.ground))
        if sums is None:
            self._cells[*cell, game.ground] = [1, outcome.score]
        else:
            sums[0] += 1
            sums[1] += outcome.score
        tally = tallies.get(cell)
        if tally is None:
            forfeits = (attacker_forfeits, defender_forfeits)
            tallies[cell] = Tally(1, outcome.score, attacker_return, defender_return, *forfeits)
            return
        tally.games += 1
        tally.score += outcome.score
        tally.attacker_return += attacker_return
        tally.defender_return += defender_return
        tally.attacker_forfeits += attacker_forfeits
        tally.defender_forfeits += defender_forfeits

    @no_collector()
    def tables(self) -> Tables:
        """The tables as of now."""
        whole = _table(self._slices, self._cells, self._both)
        if len({key[0] in self._unseen for key in self._slices}) < 2:
            return Tables(whole, None, None)
        return Tables(whole, self._table_of(unseen=False), self._table_of(unseen=True))

    def _table_of(self, *, unseen: bool) -> Table:
        """That of the grounds that are unseen, or of those that are not."""
        slices = {key: told for key, told in self._slices.items() if (key[0] in self._unseen) == unseen}
        cells = {key: sums for key, sums in self._cells.items() if (key[2] in self._unseen) == unseen}
        return _table(slices, cells, self._both)


class _Record:
    """What an entrant did in one role, and its games and the sum of its returns in each slice."""

    def __init__(self) -> None:
        self.games = 0
        self.wins = 0.0
        self.forfeits = 0
        self._games: list[int] = []
        self._returns: list[float] = []

    def add(self, games: int, wins: float, returns: float, forfeits: int) -> None:
        """One more slice."""
        self.games += games
        self.wins += wins
        self.forfeits += forfeits
        self._games.append(games)
        self._returns.append(returns)

    def mean_return(self) -> Estimate:
        """The mean over games, as a ratio of sums over slices, with the ratio's interval."""
        mean = sum(self._returns) / self.games
        slices = len(self._games)
        squares = sum(games * games for games in self._games)
        each = zip(self._games, self._returns, strict=True)
        spread = sum((total - games * mean) ** 2 for games, total in each)
        factor = slices / max(1, slices - 1)
        variance = factor * spread / self.games**2
        return estimate(mean, variance, self.games**2 / squares - 1)


def _table(counts: Counts, cells: Sums, both: Collection[str]) -> Table:
    records = _records(counts)
    games = sum(record.games for (role, _), record in records.items() if role == ATTACKER)
    if not games:
        return Table((), {}, (), None, 0, 0)
    ratings = rate(counts, both=both, cells=cells)
    meetings = _meetings(_pairings(cells))
    won = {
        pair: meeting.score / meeting.games
        for pair, meeting in meetings.items()
        if pair[0] in both and pair[1] in both
    }
    return Table(_rows(records, ratings), meetings, cycles(won), ratings, games, len(counts))


def _records(counts: Counts) -> dict[tuple[str, str], _Record]:
    """What each entrant did in each role."""
    attackers: defaultdict[str, _Record] = defaultdict(_Record)
    defenders: defaultdict[str, _Record] = defaultdict(_Record)
    for tallies in counts.values():
        attack: dict[str, list[Any]] = {}  # games, wins, the sum of the returns, forfeits
        defence: dict[str, list[Any]] = {}
        for (attacker, defender), tally in tallies.items():
            games, score = tally.games, tally.score
            sums = attack.get(attacker)
            if sums is None:
                sums = attack[attacker] = [0, 0.0, 0.0, 0]
            sums[0] += games
            sums[1] += score
            sums[2] += tally.attacker_return
            sums[3] += tally.attacker_forfeits
            sums = defence.get(defender)
            if sums is None:
                sums = defence[defender] = [0, 0.0, 0.0, 0]
            sums[0] += games
            sums[1] += games - score
            sums[2] += tally.defender_return
            sums[3] += tally.defender_forfeits
        for records, told in ((attackers, attack), (defenders, defence)):
            for name, each in told.items():
                records[name].add(*each)
    defenders.pop("", None)
    return {
        (role, name): record
        for role, records in ((ATTACKER, attackers), (DEFENDER, defenders))
        for name, record in records.items()
    }


def _pairings(cells: Sums) -> dict[Cell, list[float]]:
    """Games and the attacker's score of each attacker against each defender."""
    pairings: dict[Cell, list[float]] = {}
    for (attacker, defender, _), (games, score) in cells.items():
        sums = pairings.setdefault((attacker, defender), [0, 0.0])
        sums[0] += games
        sums[1] += score
    return pairings


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


def _meetings(pairings: dict[Cell, list[float]]) -> dict[tuple[str, str], Meeting]:
    """Both directions of every two that met, sorted."""
    sums: dict[tuple[str, str], list[float]] = {}
    for (attacker, defender), (games, score) in pairings.items():
        if not defender or attacker == defender:
            continue
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
