"""The commands of `netsiege bench`: options in, calls out, as in `cli`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

bench_app = typer.Typer(help="Measure, in medians and ratios within one run.", no_args_is_help=True)

Quick = Annotated[bool, typer.Option("--quick", help="Fewer and shorter rounds, less of them: a glance.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; progress goes to stderr.")]


@bench_app.command("engine")
def bench_engine(
    quick: Quick = False,
    peers: Annotated[bool, typer.Option(help="Measure other environments too, where they are found.")] = True,
    nsg_python: Annotated[
        Optional[str],
        typer.Option(help="A Python that can import netsecgame: NetSecGame itself becomes a baseline."),
    ] = None,
    peers_python: Annotated[
        Optional[str], typer.Option(help="A Python that can import nasim or gymnasium. Default: this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Steps per second of the engine by size of network; reset, snapshot, restore, compile times."""
    from netsiege.engine.bench import run

    _print(
        run(quick, peers=peers, nsg_python=nsg_python, peers_python=peers_python, progress=_progress), as_json
    )


@bench_app.command("hub")
def bench_hub(quick: Quick = False, as_json: Json = False) -> None:
    """Round trips per second through the hub, beside ZeroMQ's own proxy; with a journal, and in batches."""
    from netsiege.engine.bench_load import moves_of_a_game
    from netsiege.hub.bench import run
    from netsiege.local import ending_on_sigterm
    from netsiege.options import hub_spec

    spec, _ = hub_spec(None)
    with ending_on_sigterm():
        _print(run(quick, moves=moves_of_a_game(spec.to_bytes()), progress=_progress), as_json)


@bench_app.command("chaos")
def bench_chaos(
    kills: Annotated[
        int, typer.Option(min=0, help="Faults in the run with faults of all kinds; 0 leaves it out.")
    ] = 1_000,
    hub_kills: Annotated[
        int,
        typer.Option(min=0, help="How often the hub is killed with many matches open; 0 leaves that out."),
    ] = 3,
    matches: Annotated[
        int, typer.Option(min=16, help="About how many matches are open at a time, with all kinds of faults.")
    ] = 64,
    open_matches: Annotated[
        int, typer.Option(min=4, help="How many are open when only the hub is killed.")
    ] = 1_000,
    workers: Annotated[int, typer.Option(min=2, help="Engine workers.")] = 3,
    every: Annotated[float, typer.Option(min=0.15, help="Seconds from fault to fault, on average.")] = 0.7,
    busy: Annotated[
        bool, typer.Option(help="Look whether a busy worker is left alone and a stopped one is found.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, max=(1 << 32) - 1, help="Of faults and of matches.")] = 1,
    keep: Annotated[
        Optional[Path],
        typer.Option(help="An empty folder that is to keep the journals, replays, notes and logs."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Kill and stop workers and the hub: how long agents wait, and whether anything is lost."""
    from netsiege.chaos.bench import run_chaos
    from netsiege.chaos.mixed import Plan
    from netsiege.local import ending_on_sigterm

    plan = Plan(kills, matches, workers, seed, every)
    with ending_on_sigterm():
        report = run_chaos(plan, hub_kills, open_matches, busy, keep, _progress)
    _print(report.figures, as_json)
    for problem in report.problems:
        print(f"netsiege: {problem}", file=sys.stderr)
    if report.kept is not None:
        print(f"netsiege: what was written down is in {report.kept}", file=sys.stderr)
    if report.problems:
        raise typer.Exit(1)


@bench_app.command("workers")
def bench_workers(
    quick: Quick = False,
    seed: Annotated[int, typer.Option(min=0, max=(1 << 32) - 1, help="Of the matches.")] = 1,
    as_json: Json = False,
) -> None:
    """Steps per second with 1, 2 and 4 workers whose engine takes 5 ms for each."""
    from netsiege.chaos.bench import run_workers
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        _print(run_workers(quick, seed, _progress).figures, as_json)


def _print(figures: list[dict[str, Any]], as_json: bool) -> None:
    from netsiege.figures import format_table

    print(json.dumps(figures, indent=2) if as_json else format_table(figures))


def _progress(line: str) -> None:
    print(line, file=sys.stderr)
