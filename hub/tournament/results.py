"""A cup's results: what tables, page and files show. `results_files` writes them.

Equal outcomes of equal cups give equal results: no time, place or order of arrival is in them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Final

from attrs import asdict, evolve, frozen

from netsiege.errors import JournalError
from netsiege.hub.tournament import standing as standings
from netsiege.hub.tournament.cycles import Cycle
from netsiege.hub.tournament.levels import Level, levels_of
from netsiege.hub.tournament.model import COMPARE, Cup, Outcome
from netsiege.hub.tournament.records import Bench, Reader
from netsiege.hub.tournament.schedule import comparing, may_stop, schedule_of
from netsiege.hub.tournament.slices import (
    ATTACKER_NAME,
    CAUSE,
    DEFENDER_NAME,
    FORFEIT,
    NUMBER,
    Played,
)
from netsiege.hub.tournament.standing import Standing
from netsiege.hub.tournament.student import Estimate

ATTACK: Final = "attack"
DEFENCE: Final = "defence"
OVERALL: Final = "overall"
CLOSER: Final = 1.4
CLOSER_IF_LARGE: Final = 2.0
"""By how many times the games of a point of a curve are more than those of the one before it."""
LARGE: Final = 20_000
"""Games of a cup whose tables take a while."""
FEWEST: Final = 12
"""Games of the first point of a curve, at least."""
POINTS: Final = 14


@frozen
class Row:
    """An entrant in a table. `over_next` is the likelihood that it is better than the one below it, from 0
    to 1; None for the last, and where there is too little to tell.
    """

    rank: int
    entrant: str
    rating: Estimate
    games: int
    score: float
    mean_return: Estimate | None
    over_next: float | None


@frozen
class Table:
    """A ranking, best first, in one role or `overall`, over the grounds that `grounds` names: "all", "seen"
    or "unseen".
    """

    grounds: str
    role: str
    rows: tuple[Row, ...]


@frozen
class Duel:
    """What came of one attacker against one defender: games, and the attacker's share of them."""

    attacker: str
    defender: str
    games: int
    attacker_score: float


@frozen
class Curve:
    """How an entrant's rating in a role came about: the figure after so many games of the cup, in order."""

    role: str
    entrant: str
    points: tuple[tuple[int, Estimate], ...]


@frozen
class Forfeits:
    """What an entrant forfeited: how many of its games, and by which causes."""

    entrant: str
    games: int
    forfeits: int
    causes: tuple[tuple[str, int], ...]


@frozen
class Compared:
    """What a comparison has come to: "accept H0", "accept H1" or, as long as nothing is decided, "continue".

    `elo` is by how much a is better, of the mean score of a slice; `better`, `as_good` and `worse` count
    slices. `llr` is the log likelihood ratio of the hypotheses, between the bounds at which one is accepted.
    """

    a: str
    b: str
    state: str
    elo: Estimate
    games: int
    slices: int
    better: int
    as_good: int
    worse: int
    llr: float
    bounds: tuple[float, float]
    elo0: float
    elo1: float
    alpha: float
    beta: float


@frozen
class Results:
    """All that a cup's page shows. `games` counts verdicts; `counted` those that the tables are made of, as
    only whole pairs count; `scheduled` is how many there will be, as far as that is known. `stopped` says
    that the cup is over without all of its games, as its rule says; `comparison` is None in cups that are
    none. `levels` are those of the grounds that are suites.
    """

    cup: Cup
    software: str
    digest: str
    scheduled: int
    games: int
    counted: int
    tables: tuple[Table, ...]
    duels: tuple[Duel, ...]
    cycles: tuple[Cycle, ...]
    curves: tuple[Curve, ...]
    forfeits: tuple[Forfeits, ...]
    benched: tuple[Bench, ...]
    stopped: bool = False
    comparison: Compared | None = None
    levels: tuple[Level, ...] = ()

    def table(self, role: str, grounds: str = "all") -> Table | None:
        """That table, if the cup has it."""
        return next((t for t in self.tables if (t.role, t.grounds) == (role, grounds)), None)


def forfeits_of(rows: Sequence[Played]) -> tuple[Forfeits, ...]:
    """Who forfeited how often and why, the most first."""
    played = Counter(map(itemgetter(ATTACKER_NAME), rows)) + Counter(map(itemgetter(DEFENDER_NAME), rows))
    causes: dict[str, Counter[str]] = {}
    for row in filter(itemgetter(FORFEIT), rows):
        causes.setdefault(row[FORFEIT], Counter())[row[CAUSE]] += 1
    made = [
        Forfeits(name, played[name], mine.total(), tuple(sorted(mine.items())))
        for name, mine in causes.items()
    ]
    return tuple(sorted(made, key=lambda each: (-each.forfeits, each.entrant)))


def read_results(store: Reader, *, curves: bool = True) -> Results:
    """What a store has come to so far, as of one moment.

    Without curves it takes half of the time or less. What was played beside the last game of a cup that has
    stopped early is left out. Raises `JournalError` if the store is damaged.
    """
    with store.at_once():
        found = _find(store)
    return _results_found(store, *found, curves=curves)


def read_all(store: Reader) -> tuple[Results, list[Outcome]]:
    """The results with curves, and the outcomes that they are made of."""
    with store.at_once():
        found, outcomes = _find(store), store.outcomes()
    results = _results_found(store, *found, curves=True)
    return results, outcomes[: results.games]


def _find(store: Reader) -> tuple[list[Played], list[Bench], int, int | None]:
    return store.played(), store.benched(), store.planned() or store.counts().games, store.ended()


def _results_found(
    store: Reader,
    rows: list[Played],
    benched: list[Bench],
    scheduled: int,
    ended: int | None,
    *,
    curves: bool,
) -> Results:
    stopped = False
    if ended is not None:
        scheduled = ended
        rows = rows[: bisect_left(rows, ended, key=itemgetter(NUMBER))]
        stopped = ended < schedule_of(store.cup).expected and may_stop(store.cup)
    try:
        told = results_of(store.cup, rows, benched, scheduled, curves=curves)
    except ValueError as error:  # they are not in order, or none of this cup
        raise JournalError(f"{store.path}: is damaged: {error}") from None
    return evolve(told, software=store.software, digest=store.digest, stopped=stopped)


def results_of(
    cup: Cup,
    rows: Sequence[Played],
    benched: Sequence[Bench] = (),
    scheduled: int | None = None,
    *,
    curves: bool = True,
) -> Results:
    """The results of these games, which are in the order of the schedule. Raises ValueError if they are not,
    or not of this cup.
    """
    standing = Standing(cup)
    steps: list[tuple[int, standings.Table]] = []
    done = 0
    for upto in checkpoints(len(rows)) if curves else ():
        standing.extend_rows(rows[done:upto])
        done = upto
        if upto < len(rows):
            steps.append((upto, standing.tables().all))
    standing.extend_rows(rows[done:])
    tables = standing.tables()
    steps.append((len(rows), tables.all))
    views = (("all", tables.all), ("seen", tables.seen), ("unseen", tables.unseen))
    return Results(
        cup=cup,
        software="",
        digest="",
        scheduled=len(rows) if scheduled is None else scheduled,
        games=len(rows),
        counted=standing.counted,
        tables=tuple(made for grounds, table in views if table for made in _tables(grounds, table)),
        duels=tuple(_duels(tables.all)),
        cycles=tables.all.cycles,
        curves=_curves(steps) if curves else (),
        forfeits=forfeits_of(rows),
        benched=tuple(benched),
        comparison=_compared(cup, rows) if cup.format.kind == COMPARE else None,
        levels=levels_of(cup, rows),
    )


def _compared(cup: Cup, rows: Iterable[Played]) -> Compared:
    told = comparing(cup)
    for number, row in enumerate(rows):
        if row[NUMBER] != number:  # later ones have to wait for it
            break
        told.add(row)
    test, tested = told.test, told.test.hypotheses
    return Compared(
        a=told.a,
        b=told.b,
        state=str(test.state),
        elo=test.estimate(),
        games=told.games,
        slices=test.pairs,
        better=told.wins,
        as_good=told.ties,
        worse=test.pairs - told.wins - told.ties,
        llr=test.llr,
        bounds=tested.bounds,
        **asdict(tested),
    )


def checkpoints(games: int) -> list[int]:
    """After how many games a curve has a point: the last has all of them, each other one a fixed share of the
    next, so that all points together cost but a few times the last.
    """
    closer = CLOSER if games < LARGE else CLOSER_IF_LARGE
    made: list[int] = []
    left = float(games)
    while left >= FEWEST and len(made) < POINTS:
        made.append(int(left))
        left /= closer
    return made[::-1]


def _part(row: standings.Row, role: str) -> tuple[Estimate, float | None] | None:
    """An entrant's rating in a role and how likely it is above the next; None if it is not rated there."""
    if role == OVERALL:
        return None if row.overall is None else (row.overall, row.superiority)
    part = row.attack if role == ATTACK else row.defence
    return None if part is None else (part.rating, part.superiority)


def _tables(grounds: str, table: standings.Table) -> Iterator[Table]:
    for role in (OVERALL, ATTACK, DEFENCE):
        found = [(row, part) for row in table.rows if (part := _part(row, role)) is not None]
        found.sort(key=lambda each: (-each[1][0].value, each[0].entrant))
        if found:
            rows = (_row(rank, row, role, *part) for rank, (row, part) in enumerate(found, 1))
            yield Table(grounds, role, tuple(rows))


def _row(rank: int, row: standings.Row, role: str, rating: Estimate, over_next: float | None) -> Row:
    if role == OVERALL:
        parts = [part for part in (row.attack, row.defence) if part is not None]
        games = sum(part.games for part in parts)
        return Row(rank, row.entrant, rating, games, sum(p.wins for p in parts) / games, None, over_next)
    part = row.attack if role == ATTACK else row.defence
    assert part is not None
    score = part.wins / part.games
    return Row(rank, row.entrant, rating, part.games, score, part.mean_return, over_next)


def _duels(table: standings.Table) -> Iterator[Duel]:
    for (attacker, defender), met in sorted(table.meetings.items()):
        if met.attack_games:
            yield Duel(attacker, defender, met.attack_games, met.attack_score / met.attack_games)


def _curves(steps: Sequence[tuple[int, standings.Table]]) -> tuple[Curve, ...]:
    points: dict[tuple[str, str], list[tuple[int, Estimate]]] = {}
    for games, table in steps:
        for row in table.rows:
            for role in (ATTACK, DEFENCE, OVERALL):
                part = _part(row, role)
                if part is not None:
                    points.setdefault((role, row.entrant), []).append((games, part[0]))
    return tuple(Curve(role, name, tuple(told)) for (role, name), told in sorted(points.items()))
