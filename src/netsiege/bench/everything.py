"""All benchmarks one after the other, `netsiege bench all`, and what becomes of the figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.agents.comparison_table import check_marks, put_between_marks
from netsiege.bench import floor as floors
from netsiege.bench import startup, tournament
from netsiege.bench.machine import describe_machine
from netsiege.engine import bench as engine
from netsiege.engine.bench_load import moves_of_a_game
from netsiege.errors import ConfigError
from netsiege.figures import format_markdown
from netsiege.hub import bench as hub
from netsiege.hub import bench_gateway as gateway
from netsiege.options import hub_spec

MARKS: Final = ("<!-- bench -->", "<!-- /bench -->")
QUICK_ROUNDS: Final = 4
TRIES: Final = 3
"""How often a figure has to be below its floor to be called so."""

Figures = list[dict[str, Any]]
Progress = Callable[[str], None]


@frozen
class Peers:
    """What is measured beside ours: whether anything is, and the Pythons of NetSecGame and of the others."""

    measured: bool = True
    original: str | None = None
    python: str | None = None


def run_hub(quick: bool, progress: Progress) -> Figures:
    """Measures the hub, with a game of its room `default` for the real worker."""
    spec, _ = hub_spec(None)
    return hub.run(quick, moves=moves_of_a_game(spec.to_bytes()), progress=progress)


def run_all(quick: bool, peers: Peers, progress: Progress) -> Figures:
    """Measures everything; `quick` takes about a minute. Raises `SiegeError` if anything fails."""

    def told(part: str) -> Progress:
        return lambda line: progress(f"{part}: {line}")

    figures = engine.run(
        quick,
        peers=peers.measured,
        nsg_python=peers.original,
        peers_python=peers.python,
        rounds=QUICK_ROUNDS if quick else None,
        progress=told("engine"),
    )
    figures += run_hub(quick, told("hub"))
    figures += gateway.run(quick, original=peers.original, progress=told("gateway"))
    figures += startup.run(quick, progress=told("startup"))
    figures += tournament.run(quick, progress=told("tournament"))
    return figures


def check_outputs(
    quick: bool, runs: int, markdown: Path | None, floor: Path | None, record: Path | None
) -> None:
    """Looks before minutes of work whether they can be made use of. Raises `ConfigError` if not."""
    if runs > 1 and record is None:
        raise ConfigError("--runs: is for --record")
    if markdown is not None:
        check_marks(markdown, MARKS)
    for option, path in (("--floor", floor), ("--record", record)):
        if path is not None:
            if not quick:
                raise ConfigError(f"{option}: holds for the ratios of --quick: say both")
            floors.read_floor(path)


def check_floor(path: Path, figures: Sequence[dict[str, Any]], progress: Progress) -> list[str]:
    """One line for each figure that is below the floor in all of `TRIES` measurements.

    The first of them are `figures`. A machine that others share makes one in a hundred ratios fall by chance;
    code that has become slower is found each time. Raises `SiegeError` if measuring fails.
    """
    floor = floors.read_floor(path)
    problems = floors.fallen(floor, figures)
    for again in range(2, TRIES + 1):
        if not problems:
            break
        for problem in problems:
            progress(f"netsiege: {problem.line}")
        progress(f"netsiege: measured once more, lest it was a busy moment ({again} of {TRIES})")
        figures = run_all(True, Peers(measured=False), progress)
        found = {problem.name: problem for problem in floors.fallen(floor, figures)}
        problems = [found[problem.name] for problem in problems if problem.name in found]
    return [problem.line for problem in problems]


def settle(
    runs: Sequence[Sequence[dict[str, Any]]], markdown: Path | None, record: Path | None, progress: Progress
) -> None:
    """Writes the table of the first run and the ratios of all of them where they are to go.

    Raises `ConfigError` if a file cannot be written, or is another one by now.
    """
    if markdown is not None:
        text = f"{format_markdown(runs[0])}\n\nMeasured on {describe_machine()}.\n"
        put_between_marks(markdown, text, MARKS)
        progress(f"netsiege: the table is in {markdown}")
    if record is not None:
        missing = floors.record(record, floors.read_floor(record), runs)
        kept = f"; not measured, and kept: {', '.join(missing)}" if missing else ""
        progress(f"netsiege: the ratios are in {record}{kept}")
