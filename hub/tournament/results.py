"""A cup's results: what tables, page and files show, and the files `results.json`, `results.csv`, `run.json`.

Equal outcomes of equal cups give equal bytes: no time, place or order of arrival is in the results. What
differs between two runs of a cup goes to `run.json`.

`results.json` has the fields of `Results` (by the names and in the order below) and a `format`. A figure is
`{"value", "low", "high"}`, with a 95% interval, whose ends are null where there is too little to tell.
Ratings are in Elo points, each role's centred on zero. Scores are shares of games won, from 0 to 1.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, frozen

from netsiege.files import replace_file
from netsiege.hub.tournament import standing as standings
from netsiege.hub.tournament.cycles import Cycle
from netsiege.hub.tournament.model import Cup, Outcome
from netsiege.hub.tournament.records import Bench, Reader
from netsiege.hub.tournament.standing import Standing
from netsiege.hub.tournament.student import Estimate
from netsiege.hub.tournament.words import say_cup, say_ground, say_player
from netsiege.shown import shown

FORMAT: Final = 1
ATTACK: Final = "attack"
DEFENCE: Final = "defence"
OVERALL: Final = "overall"
DIGITS: Final = 6
"""Behind the point."""
MODE: Final = 0o644
CLOSER: Final = 1.4
CLOSER_IF_LARGE: Final = 2.0
"""By how many times the games of a point of a curve are more than those of the one before it."""
LARGE: Final = 20_000
"""Games of a cup whose tables take a while."""
FEWEST: Final = 12
"""Games of the first point of a curve, at least."""
POINTS: Final = 14

COLUMNS: Final = (
    "game",
    "pair",
    "round",
    "ground",
    "slice",
    "seed",
    "attacker",
    "defender",
    "attacker_score",
    "cause",
    "forfeit",
    "attacker_return",
    "defender_return",
    "attacker_steps",
    "defender_steps",
)
"""Of `results.csv`."""


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
class Results:
    """All that a cup's page shows. `games` counts verdicts; `counted` those that the tables are made of, as
    only whole pairs count; `scheduled` is what the schedule has so far.
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

    def table(self, role: str, grounds: str = "all") -> Table | None:
        """That table, if the cup has it."""
        return next((t for t in self.tables if (t.role, t.grounds) == (role, grounds)), None)


def forfeits_of(outcomes: Iterable[Outcome]) -> tuple[Forfeits, ...]:
    """Who forfeited how often and why, the most first."""
    played: dict[str, int] = {}
    causes: dict[str, dict[str, int]] = {}
    for each in outcomes:
        for name in {each.game.attacker, each.game.defender}:
            played[name] = played.get(name, 0) + 1
        if each.forfeit:
            mine = causes.setdefault(each.forfeit, {})
            mine[each.cause] = mine.get(each.cause, 0) + 1
    made = [
        Forfeits(name, played.get(name, 0), sum(mine.values()), tuple(sorted(mine.items())))
        for name, mine in causes.items()
    ]
    return tuple(sorted(made, key=lambda each: (-each.forfeits, each.entrant)))


def read_results(store: Reader, *, curves: bool = True) -> tuple[Results, list[Outcome]]:
    """What a store has come to so far, as of one moment, and the verdicts that it is made of.

    Without curves it takes half of the time or less. Raises `JournalError` if the store is damaged.
    """
    with store.at_once():
        outcomes, benched, scheduled = store.outcomes(), store.benched(), store.counts().games
    told = results_of(store.cup, outcomes, benched, scheduled, curves=curves)
    return evolve(told, software=store.software, digest=store.digest), outcomes


def results_of(
    cup: Cup,
    outcomes: Sequence[Outcome],
    benched: Sequence[Bench] = (),
    scheduled: int | None = None,
    *,
    curves: bool = True,
) -> Results:
    """The results of these outcomes, which are in the order of the schedule."""
    standing = Standing(cup)
    steps: list[tuple[int, standings.Table]] = []
    done = 0
    for upto in checkpoints(len(outcomes)) if curves else ():
        standing.extend(outcomes[done:upto])
        done = upto
        if upto < len(outcomes):
            steps.append((upto, standing.tables().all))
    standing.extend(outcomes[done:])
    tables = standing.tables()
    steps.append((len(outcomes), tables.all))
    views = (("all", tables.all), ("seen", tables.seen), ("unseen", tables.unseen))
    return Results(
        cup=cup,
        software="",
        digest="",
        scheduled=len(outcomes) if scheduled is None else scheduled,
        games=len(outcomes),
        counted=standing.counted,
        tables=tuple(made for grounds, table in views if table for made in _tables(grounds, table)),
        duels=tuple(_duels(tables.all)),
        cycles=tables.all.cycles,
        curves=_curves(steps) if curves else (),
        forfeits=forfeits_of(outcomes),
        benched=tuple(benched),
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


def results_dict(results: Results) -> dict[str, Any]:
    """The results as `results.json` has them."""
    told = asdict(results, recurse=True, value_serializer=_plain)
    curves = [
        {"role": c.role, "entrant": c.entrant, "points": [{"games": n, **_figure(f)} for n, f in c.points]}
        for c in results.curves
    ]
    forfeits = [{**asdict(each), "causes": dict(each.causes)} for each in results.forfeits]
    return {"format": FORMAT, **told, "cup": cup_dict(results.cup), "curves": curves, "forfeits": forfeits}


def cup_dict(cup: Cup) -> dict[str, Any]:
    """A cup for all to read: who plays, on what, and how; of command lines only the program."""
    return {
        "name": cup.name,
        "seed": cup.seed,
        "format": asdict(cup.format),
        "words": say_cup(cup),
        "entrants": [
            {"name": each.name, "plays": {role: say_player(player) for role, player in each.players}}
            for each in cup.entrants
        ],
        "grounds": [
            {"label": each.label, "unseen": each.unseen, "words": say_ground(each)} for each in cup.grounds
        ],
    }


def dump_results(results: Results) -> str:
    """The text of `results.json`."""
    return dump(results_dict(results))


def dump_csv(outcomes: Sequence[Outcome]) -> str:
    """The text of `results.csv`: a line for each game, in the order of the schedule.

    Names are as `shown` has them; one that a spreadsheet would take for a formula has an apostrophe before.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    safe = _Safe()
    writer.writerows(
        (
            g.id,
            g.pair,
            g.round,
            safe[g.ground],
            g.slice,
            g.seed,
            safe[g.attacker],
            safe[g.defender],
            f"{each.score:g}",
            safe[each.cause],
            safe[each.forfeit],
            *each.returns,
            *each.steps,
        )
        for each in outcomes
        for g in (each.game,)
    )
    return file.getvalue()


def write_results(
    folder: Path, results: Results, outcomes: Sequence[Outcome], run: Mapping[str, object]
) -> None:
    """Writes the files anew, each whole or not at all. `run` is what belongs to this run alone: times, the
    machine. Raises `ConfigError` if one cannot be written.
    """
    replace_file(folder / "results.json", dump_results(results), MODE)
    replace_file(folder / "results.csv", dump_csv(outcomes), MODE)
    replace_file(folder / "run.json", dump(dict(run)), MODE)


def dump(value: dict[str, Any]) -> str:
    """JSON for people and programs."""
    return json.dumps(value, indent=1, allow_nan=False) + "\n"


class _Safe(dict[str, str]):
    """Names as a spreadsheet may have them, each worked out once."""

    def __missing__(self, name: str) -> str:
        plain = shown(name)
        self[name] = f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain
        return self[name]


def _figure(figure: Estimate) -> dict[str, float | None]:
    return {key: _number(value) for key, value in asdict(figure).items()}


def _number(value: float | None) -> float | None:
    """A number as JSON can have it, and the same wherever it was worked out: last digits may differ."""
    return round(value, DIGITS) if value is not None and math.isfinite(value) else None


def _plain(_owner: object, _field: object, value: Any) -> Any:
    return _number(value) if isinstance(value, float) else value
