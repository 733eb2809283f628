"""The commands of `netsiege bench`: options in, calls out, as in `cli`.

Those that compare agents are in `cli_bench_agents`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from netsiege.cli_bench_agents import bench_agents, bench_generalisation
from netsiege.cli_types import Json

bench_app = typer.Typer(help="Measure, in medians and ratios within one run.")
bench_app.command("agents")(bench_agents)
bench_app.command("generalisation")(bench_generalisation)

Quick = Annotated[bool, typer.Option("--quick", help="Fewer and shorter rounds, less of them: a glance.")]
WithPeers = Annotated[
    bool,
    typer.Option(
        "--peers/--no-peers", help="Measure other environments beside the engine, where they are found."
    ),
]
PeersPython = Annotated[
    Optional[str],
    typer.Option(metavar="PYTHON", help="A Python that can import nasim or gymnasium. Default: this one."),
]
Original = Annotated[
    Optional[str],
    typer.Option(
        "--original",
        "--nsg-python",
        metavar="PYTHON",
        envvar="NETSIEGE_NSG_PYTHON",
        help="A Python that has netsecgame[server]: NetSecGame itself becomes a baseline.",
    ),
]

Markdown = Annotated[
    Optional[Path],
    typer.Option(
        metavar="FILE", help="Write the table into this file, between `<!-- bench -->` and `<!-- /bench -->`."
    ),
]
Floor = Annotated[
    Optional[Path],
    typer.Option(
        metavar="FILE",
        help="Compare with the ratios recorded in it; exit code 1 if one is 15% below, three times in a row.",
    ),
]
Record = Annotated[
    Optional[Path],
    typer.Option(metavar="FILE", help="Record the ratios of the figures that it guards in it."),
]


@bench_app.callback(invoke_without_command=True)
def _bench(
    context: typer.Context,
    profile: Annotated[
        Optional[Path],
        typer.Option(
            metavar="OUT.svg",
            help="Write a flame graph of the benchmark and of all Python processes that it starts, hubs and "
            "workers among them. Needs py-spy: the extra [bench].",
        ),
    ] = None,
) -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what starts has been compiled, as where it is installed
    if context.invoked_subcommand is None:
        if profile is not None:
            context.fail("--profile: of which benchmark? For example: netsiege bench --profile hub.svg hub")
        print(context.get_help())
    elif profile is not None:
        from netsiege.bench.flames import write_flames
        from netsiege.local import ending_on_sigterm

        with ending_on_sigterm():
            code = write_flames(profile, sys.argv)
        raise typer.Exit(code)


@bench_app.command("engine")
def bench_engine(
    quick: Quick = False,
    peers: WithPeers = True,
    nsg_python: Original = None,
    peers_python: PeersPython = None,
    as_json: Json = False,
) -> None:
    """Steps per second of the engine by size of network; reset, snapshot, restore, compile times, memory."""
    from netsiege.engine.bench import run
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        figures = run(
            quick, peers=peers, nsg_python=nsg_python, peers_python=peers_python, progress=_progress
        )
    _print(figures, as_json)


@bench_app.command("hub")
def bench_hub(quick: Quick = False, as_json: Json = False) -> None:
    """Round trips per second through the hub, beside ZeroMQ's own proxy; journal, keys, crowds, batches."""
    from netsiege.bench.everything import run_hub
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        _print(run_hub(quick, _progress), as_json)


@bench_app.command("gateway")
def bench_gateway(quick: Quick = False, original: Original = None, as_json: Json = False) -> None:
    """Steps per second and latency of NetSecGame's agents on the gateway, and on its own server."""
    from netsiege.hub.bench_gateway import run
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        _print(run(quick, original=original, progress=_progress), as_json)


@bench_app.command("startup")
def bench_startup(quick: Quick = False, as_json: Json = False) -> None:
    """How long `netsiege --help`, a first step in `netsiege play`, and a worker take to be there."""
    from netsiege.bench.startup import run
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        _print(run(quick, progress=_progress), as_json)


@bench_app.command("tournament")
def bench_tournament(
    quick: Quick = False,
    games: Annotated[
        Optional[int], typer.Option(min=2, help="Of each cup. Default: 1000; with --quick 100.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Of each agent in a game, at most.")] = 100,
    as_json: Json = False,
) -> None:
    """What a cup takes beside the same games played without one."""
    from netsiege.bench.tournament import run
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        _print(run(quick, games=games, steps=steps, progress=_progress), as_json)


@bench_app.command("all")
def bench_all(
    quick: Annotated[
        bool, typer.Option("--quick", help="A minute, without peers: for checks, with --floor.")
    ] = False,
    peers: WithPeers = True,
    original: Original = None,
    peers_python: PeersPython = None,
    markdown: Markdown = None,
    floor: Floor = None,
    record: Record = None,
    runs: Annotated[
        int, typer.Option(min=1, help="With --record: measure so often, and record the least ratios.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Engine, hub, gateway, startup and tournament, one after the other."""
    from netsiege.bench.everything import Peers, check_floor, check_outputs, run_all, settle
    from netsiege.local import ending_on_sigterm

    check_outputs(quick, runs, markdown, floor, record)
    chosen = Peers(measured=peers and not quick, original=None if quick else original, python=peers_python)
    with ending_on_sigterm():
        found = [run_all(quick, chosen, _progress) for _ in range(runs)]
        _print(found[0], as_json)
        settle(found, markdown, record, _progress)
        problems = [] if floor is None else check_floor(floor, found[0], _progress)
    for problem in problems:
        print(f"netsiege: {problem}", file=sys.stderr)
    if problems:
        raise typer.Exit(1)


@bench_app.command("endurance")
def bench_endurance(
    steps: Annotated[int, typer.Option(min=10_000, help="How many to play at least.")] = 10_000_000,
    matches: Annotated[int, typer.Option(min=1_000, help="How many to play at least.")] = 100_000,
    as_json: Json = False,
) -> None:
    """Whether a hub grows over millions of steps and thousands of matches; exit code 1 if it does."""
    from netsiege.bench.endurance import run
    from netsiege.local import ending_on_sigterm

    with ending_on_sigterm():
        figures, problem = run(steps, matches, progress=_progress)
    _print(figures, as_json)
    if problem:
        print(f"netsiege: {problem}", file=sys.stderr)
        raise typer.Exit(1)


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
    """Prints the figures; beside them, on stderr, the machine that they are of."""
    from netsiege.bench.machine import describe_machine
    from netsiege.figures import format_table

    print(json.dumps(figures, indent=2) if as_json else format_table(figures))
    print(f"netsiege: {describe_machine()}", file=sys.stderr)


def _progress(line: str) -> None:
    print(line, file=sys.stderr)
