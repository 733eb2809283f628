"""The commands of `netsiege bench`: options in, calls out, as in `cli`."""

from __future__ import annotations

import json
import sys
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


def _print(figures: list[dict[str, Any]], as_json: bool) -> None:
    from netsiege.figures import format_table

    print(json.dumps(figures, indent=2) if as_json else format_table(figures))


def _progress(line: str) -> None:
    print(line, file=sys.stderr)
