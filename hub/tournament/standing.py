"""The standing of a cup: what its tables say, from the outcomes that have been counted.

Only whole pairs count: where two entrants both play both roles, a game waits for its twin with the roles
swapped. Outcomes are fed in the order of the schedule, each once; whatever the order of arrival, the same
games give the same tables.

Returns are means over games, with intervals clustered by slice like those of the ratings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from attrs import frozen

from netsiege.hub.tournament.cycles import Cycle, cycles
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, ROLES, Cup, Outcome
from netsiege.hub.tournament.ratings import OVERALL, Counts, Ratings, SliceKey, Tally, rate
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

    def extend(self, outcomes: Iterable[Outcome]) -> None:
        """Adds all of them, one after the other."""
        for outcome in outcomes:
            self.add(outcome)

    def _count(self, outcome: Outcome) -> None:
        game = outcome.game
        tallies = self._slices.setdefault((game.ground, game.slice), {})
        cell = game.attacker, game.defender
        tally = tallies.get(cell)
        if tally is None:
            tally = tallies[cell] = Tally()
        tally.games += 1
        tally.score += outcome.score
        tally.returns[0] += outcome.returns[0]
        tally.returns[1] += outcome.returns[1]
        if outcome.forfeit:
            tally.forfeits[outcome.forfeit != game.attacker] += 1
        self.counted += 1

    def tables(self) -> Tables:
        """The tables as of now."""
        unseen = {key: told for key, told in self._slices.items() if key[0] in self._unseen}
        whole = _table(self._slices, self._both)
        if not unseen or len(unseen) == len(self._slices):
            return Tables(whole, None, None)
        seen = {key: told for key, told in self._slices.items() if key not in unseen}
        return Tables(whole, _table(seen, self._both), _table(unseen, self._both))


class _Record:
    """What an entrant did in one role, and its returns by slice: games and sum."""

    def __init__(self) -> None:
        self.games = 0
        self.wins = 0.0
        self.forfeits = 0
        self.returns: list[tuple[int, float]] = []

    def mean_return(self) -> Estimate:
        """The mean over games, as a ratio of sums over slices, with the ratio's interval."""
        mean = sum(total for _, total in self.returns) / self.games
        slices = len(self.returns)
        squares = sum(games * games for games, _ in self.returns)
        spread = sum((total - games * mean) ** 2 for games, total in self.returns)
        factor = slices / max(1, slices - 1)
        variance = factor * spread / self.games**2
        return estimate(mean, variance, self.games**2 / squares - 1)


def _table(counts: Counts, both: Collection[str]) -> Table:
    records, pairings = _records(counts)
    games = sum(record.games for (role, _), record in records.items() if role == ATTACKER)
    if not games:
        return Table((), {}, (), None, 0, 0)
    ratings = rate(counts, both=both)
    meetings = _meetings(pairings)
    won = {
        pair: meeting.score / meeting.games
        for pair, meeting in meetings.items()
        if pair[0] in both and pair[1] in both
    }
    return Table(_rows(records, ratings), meetings, cycles(won), ratings, games, len(counts))


def _records(
    counts: Counts,
) -> tuple[dict[tuple[str, str], _Record], dict[tuple[str, str], list[float]]]:
    """What each entrant did in each role; games and the attacker's score of each attacker and defender."""
    records: dict[tuple[str, str], _Record] = {}
    pairings: dict[tuple[str, str], list[float]] = {}
    for tallies in counts.values():
        here: dict[tuple[str, str], list[float]] = {}
        for cell, tally in tallies.items():
            n, score = tally.games, tally.score
            pairing = pairings.setdefault(cell, [0, 0.0])
            pairing[0] += n
            pairing[1] += score
            for i, wins in ((0, score), (1, n - score)):
                sums = here.setdefault((ROLES[i], cell[i]), [0, 0.0, 0.0, 0])
                sums[0] += n
                sums[1] += wins
                sums[2] += tally.returns[i]
                sums[3] += tally.forfeits[i]
        for key, (games, wins, total, forfeits) in here.items():
            record = records.get(key)
            if record is None:
                record = records[key] = _Record()
            record.games += int(games)
            record.wins += wins
            record.forfeits += int(forfeits)
            record.returns.append((int(games), total))
    records.pop((DEFENDER, ""), None)
    return records, pairings


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


def _meetings(pairings: dict[tuple[str, str], list[float]]) -> dict[tuple[str, str], Meeting]:
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
