"""`netsiege bench chaos` and `netsiege bench workers`: what is run, and the figures that come of it."""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from netsiege.chaos import liveness, mixed, restarts, throughput
from netsiege.chaos.faults import CRASH, HUB, KILL, NOTHING, STOP, TERM
from netsiege.chaos.mixed import Progress
from netsiege.chaos.pauses import OVERLAP
from netsiege.errors import ConfigError, SiegeError
from netsiege.figures import Row, figures_of

BUSY_S: Final = 10.0
STOPS: Final = 3
DIED_MS: Final = 300.0
STOPPED_MS: Final = 2_500.0
FOUND_S: Final = 2.0
RESUMED_S: Final = 5.0
KINDS: Final = (NOTHING, KILL, CRASH, TERM, STOP, HUB, OVERLAP)
TARGETS_MS: Final = {KILL: DIED_MS, CRASH: DIED_MS, TERM: DIED_MS, STOP: STOPPED_MS}
SHOWN_MAX: Final = 20
"""Of so many problems the text is kept: if everything is wrong, a few say so."""


@frozen
class Report:
    """Figures as `netsiege.figures` has them, and what was found to be wrong: nothing, it is to be hoped.

    `kept` is the folder with everything that the processes have left behind, if it was kept.
    """

    figures: list[dict[str, Any]]
    problems: list[str] = field(factory=list)
    kept: Path | None = None


def run_chaos(
    plan: mixed.Plan, hub_kills: int, open_matches: int, busy: bool, keep: Path | None, progress: Progress
) -> Report:
    """All of it; parts with nothing to do are left out.

    Raises `SiegeError` if a part cannot be brought to its end. Whatever is wrong, the folder is kept.
    """
    rows: list[Row] = []
    problems: list[str] = []
    with _folder(keep, problems) as folder:
        if plan.kills:
            harm = mixed.run(folder / "mixed", plan, progress)
            rows += _rows_of_harm(harm)
            problems += harm.problems
        if hub_kills:
            found = restarts.run(
                folder / "restarts", hub_kills, open_matches, plan.workers, plan.seed, progress
            )
            rows += _rows_of_restarts(found)
            problems += found.problems
        if busy:
            alive = liveness.run(folder / "liveness", BUSY_S, STOPS, plan.seed, progress)
            rows += _rows_of_liveness(alive)
            problems += alive.problems
    rows.append(Row("problems", "", False, None, [float(len(problems))]))
    kept = folder if problems or keep is not None else None
    return Report(figures_of(rows), shortened(problems), kept)


def run_workers(quick: bool, seed: int, progress: Progress) -> Report:
    """What more workers bring. Raises `SiegeError` if anything fails."""
    with _folder(None, []) as folder:
        return Report(figures_of(throughput.run(folder, quick, seed, progress)))


@contextmanager
def _folder(keep: Path | None, problems: Sequence[str]) -> Iterator[Path]:
    """Where everything is written: kept if asked for, and whenever something is wrong."""
    if keep is None:
        folder = Path(tempfile.mkdtemp(prefix="netsiege-chaos-"))
    else:
        folder = keep
        _make(folder)
    try:
        yield folder
    except SiegeError as error:
        raise SiegeError(f"{error}\nwhat was written down is in {folder}") from error
    except BaseException:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if keep is None and not problems:
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be made: {error.strerror}") from None
    if any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty; choose a folder that is, or that is not there yet")


def shortened(problems: list[str]) -> list[str]:
    """The first problems, and how many more there are."""
    more = len(problems) - SHOWN_MAX
    return [*problems[:SHOWN_MAX], f"and {more} more"] if more > 0 else problems


# --- figures ----------------------------------------------------------------------------------------------


def _rows_of_harm(harm: mixed.Harm) -> list[Row]:
    rows = [
        Row("faults", "", False, None, [float(len(harm.faults))]),
        Row("faults.time", "s", False, None, [harm.played_s]),
        Row("matches", "", True, None, [float(harm.matches)]),
        Row("steps", "", True, None, [float(harm.steps)]),
        Row("failovers", "", True, None, [float(harm.failovers)]),
    ]
    for kind in KINDS:
        seconds = sorted(harm.pauses.get(kind, ()))
        if not seconds:
            continue
        rows.append(Row(f"pause.{kind}.count", "", True, None, [float(len(seconds))]))
        for name, value in (
            ("median", statistics.median(seconds)),
            ("p95", _p95(seconds)),
            ("max", seconds[-1]),
        ):
            baseline = None if kind == NOTHING else f"pause.{NOTHING}.{name}"
            note = _above(value * 1e3, TARGETS_MS.get(kind, math.inf), "ms")
            rows.append(Row(f"pause.{kind}.{name}", "ms", False, baseline, [value * 1e3], note))
    return rows


def _p95(ordered: Sequence[float]) -> float:
    """The least of the values that 95 of a hundred do not exceed."""
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def _above(value: float, target: float, unit: str) -> str:
    return f"above the target of {target:g} {unit}" if value > target else ""


def _rows_of_restarts(found: restarts.Restarts) -> list[Row]:
    note = _above(max(found.resumed_s), RESUMED_S, "s")
    return [
        Row("restarts.matches", "", True, None, [float(found.matches)]),
        Row("restarts.steps", "", True, None, [float(found.steps)]),
        Row("restarts.resumed", "s", False, None, found.resumed_s, note),
        Row("restarts.resumed.max", "s", False, None, [max(found.resumed_s)], note),
    ]


def _rows_of_liveness(alive: liveness.Liveness) -> list[Row]:
    note = _above(max(alive.found_s), FOUND_S, "s")
    return [
        Row("busy.spun", "s", True, None, [alive.spun_s]),
        Row("busy.wait", "s", False, "busy.spun", [alive.busy_s]),
        Row("stopped.found", "s", False, None, alive.found_s, note),
        Row("stopped.found.max", "s", False, None, [max(alive.found_s)], note),
    ]
