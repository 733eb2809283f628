"""The files of a cup's results: `results.json`, `results.csv`, `run.json`.

Equal outcomes of equal cups give equal bytes. What differs between two runs of a cup goes to `run.json`.

`results.json` has the fields of `Results` (by the names and in the order there) and a `format`. A figure is
`{"value", "low", "high"}`, with a 95% interval, whose ends are null where there is too little to tell.
Ratings are in Elo points, each role's centred on zero. Scores are shares of games won, from 0 to 1.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import Attribute, asdict

from netsiege.files import replace_file
from netsiege.hub.tournament.grounds import network_of
from netsiege.hub.tournament.model import Cup, Format, Ground, Outcome
from netsiege.hub.tournament.results import Results
from netsiege.hub.tournament.student import Estimate
from netsiege.hub.tournament.words import say_cup, say_ground, say_player
from netsiege.shown import shown

FORMAT: Final = 1
DIGITS: Final = 6
"""Behind the point."""
MODE: Final = 0o644
COLUMNS: Final = (
    "game",
    "pair",
    "round",
    "ground",
    "network",
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
"""Of `results.csv`; `network` is that of a suite, and empty on other grounds."""


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
        "format": asdict(cup.format, filter=_is_said),
        "words": say_cup(cup),
        "entrants": [
            {"name": each.name, "plays": {role: say_player(player) for role, player in each.players}}
            for each in cup.entrants
        ],
        "grounds": [
            {"label": each.label, "unseen": each.unseen, "words": say_ground(each)} for each in cup.grounds
        ],
    }


def _is_said(field: Attribute[Any], value: object) -> bool:
    """What is as it is by default belongs to another format."""
    return field.name in ("kind", "games") or value not in (field.default, Format().hypotheses)


def dump_results(results: Results) -> str:
    """The text of `results.json`."""
    return dump(results_dict(results))


def dump_csv(cup: Cup, outcomes: Sequence[Outcome]) -> str:
    """The text of `results.csv`: a line for each game, in the order of the schedule.

    Names are as `shown` has them; one that a spreadsheet would take for a formula has an apostrophe before.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    safe, grounds = _Safe(), {ground.label: ground for ground in cup.grounds}
    writer.writerows(
        (
            g.id,
            g.pair,
            g.round,
            safe[g.ground],
            _network(grounds.get(g.ground), g.slice),
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


def _network(ground: Ground | None, number: int) -> str:
    network = network_of(ground, number) if ground is not None else None
    return network.name if network is not None else ""


def write_results(
    folder: Path, results: Results, outcomes: Sequence[Outcome], run: Mapping[str, object]
) -> None:
    """Writes the files anew, each whole or not at all. `run` is what belongs to this run alone: times, the
    machine. Raises `ConfigError` if one cannot be written.
    """
    replace_file(folder / "results.json", dump_results(results), MODE)
    replace_file(folder / "results.csv", dump_csv(results.cup, outcomes), MODE)
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
