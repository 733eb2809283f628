"""`netsiege tournament …`: cups between agents. A part of the composition root, like `cli`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.cli_types import MAX_SEED, Json, Keys

if TYPE_CHECKING:
    from netsiege.cups import Venue
    from netsiege.hub.tournament.store import Store

tournament_app = typer.Typer(
    help="Cups between agents: who is better, how sure that is, and replays that show it.",
    no_args_is_help=True,
)

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder of a cup's results.")]
Hub = Annotated[
    Optional[str],
    typer.Option("--hub", help="A hub that is there already. Default: one for the cup, here."),
]
Workers = Annotated[int, typer.Option(min=1, help="Engine workers of a hub for the cup.")]
Absent = Annotated[
    float,
    typer.Option(min=0.1, help="Seconds until games are forfeited to which a remote entrant does not come."),
]
Games = Annotated[
    Optional[int], typer.Option(min=1, help="How many slices a pairing plays on each scenario.")
]
Seed = Annotated[Optional[int], typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal cups.")]


@tournament_app.command("run")
def tournament_run(
    cup: Annotated[
        Optional[str], typer.Argument(metavar="CUP.yaml", help="What is played. Default: a small cup.")
    ] = None,
    out: Annotated[Optional[str], typer.Option("--out", metavar="DIR", help="Where results go.")] = None,
    hub: Hub = None,
    workers: Workers = 2,
    games: Games = None,
    seed: Seed = None,
    keys: Keys = None,
    journal: Annotated[
        Optional[str], typer.Option(help="The journal of that hub, if it is here: replays come out of it.")
    ] = None,
    absent: Absent = 60.0,
    replays: Annotated[
        float, typer.Option(min=0, max=1, help="The share of the games of which replays are kept.")
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Play a cup, and say who is better: a ranking with intervals, a folder of results and replays."""
    from netsiege.cups import Venue, begin, find_cup, new_folder

    loaded = find_cup(cup, games, seed)
    for warning in loaded.warnings:
        print(f"netsiege: warning: {warning}", file=sys.stderr)
    folder = new_folder(loaded.cup.name) if out is None else Path(out)
    venue = Venue(hub, keys, workers, journal, absent, replays)
    with begin(loaded.cup, folder, venue, Path() if cup is None else Path(cup).parent) as store:
        _play(store, venue, as_json)


@tournament_app.command("resume")
def tournament_resume(
    folder: Folder,
    hub: Hub = None,
    workers: Workers = 2,
    keys: Keys = None,
    absent: Absent = 60.0,
    as_json: Json = False,
) -> None:
    """Go on with a cup that was stopped, or whose processes were killed."""
    from netsiege.cups import Venue, resume, venue_of

    with resume(Path(folder)) as store:
        _play(store, venue_of(store, Venue(hub, keys, workers, absent_s=absent)), as_json)


@tournament_app.command("compare")
def tournament_compare(
    a: Annotated[str, typer.Argument(metavar="A", help="An agent, NAME,PARAMETER=VALUE or module:Class.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, of the same role.")],
    scenario: Annotated[
        Optional[list[str]], typer.Option(help="Where they play; may be said often. Default: two_networks.")
    ] = None,
    against: Annotated[
        Optional[list[str]], typer.Option(help="Whom both meet, if they play one role; may be said often.")
    ] = None,
    elo0: Annotated[float, typer.Option(help="H0: A is better by so many points of Elo, or less.")] = 0.0,
    elo1: Annotated[float, typer.Option(help="H1: A is better by so many, or more.")] = 30.0,
    alpha: Annotated[float, typer.Option(help="The risk to accept H1 where H0 is so.")] = 0.05,
    beta: Annotated[float, typer.Option(help="The risk to accept H0 where H1 is so.")] = 0.05,
    out: Annotated[Optional[str], typer.Option("--out", metavar="DIR", help="Where results go.")] = None,
    games: Annotated[int, typer.Option(min=1, help="Slices on each scenario, at most.")] = 5_000,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of the slices.")] = 0,
    hub: Hub = None,
    workers: Workers = 2,
    keys: Keys = None,
    as_json: Json = False,
) -> None:
    """Find out which of two agents is better, with no more games than that takes (a sequential test)."""
    from netsiege.cups import Venue, begin, find_comparison, new_folder

    settings = {"elo0": elo0, "elo1": elo1, "alpha": alpha, "beta": beta, "games": games, "seed": seed}
    loaded = find_comparison(a, b, scenario or ["two_networks"], against or [], settings)
    for warning in loaded.warnings:
        print(f"netsiege: warning: {warning}", file=sys.stderr)
    folder = new_folder(loaded.cup.name) if out is None else Path(out)
    venue = Venue(hub, keys, workers)
    with begin(loaded.cup, folder, venue, Path()) as store:
        _play(store, venue, as_json)


@tournament_app.command("show")
def tournament_show(
    folder: Folder,
    follow: Annotated[bool, typer.Option("--follow", help="Watch it until it is over.")] = False,
    game: Annotated[
        Optional[int],
        typer.Option("--game", metavar="N", help="All about one game, with what its entrants have printed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how a cup stands, or one of its games, while it runs or afterwards."""
    if game is None:
        from netsiege.show_cup import show_cup

        show_cup(Path(folder), follow=follow, as_json=as_json)
    elif follow:
        from netsiege.errors import ConfigError

        raise ConfigError("--follow watches the whole cup: leave it out, or --game")
    else:
        from netsiege.show_game import show_game

        show_game(Path(folder), game, as_json=as_json)


@tournament_app.command("verify")
def tournament_verify(folder: Folder) -> None:
    """Play all replays of a cup again, and work its schedule and its tables out anew.

    Exit code 1 if anything differs. The page, report.html, is not looked at: it shows what results.json says.
    """
    from netsiege.cup_verify import verify_cup

    checked = verify_cup(Path(folder))
    if checked.difference:
        print(checked.difference)
        raise SystemExit(1)
    print(checked.summary)


def _play(store: Store, venue: Venue, as_json: bool) -> None:
    from netsiege.cups import start_hub
    from netsiege.local import Children, Stop

    with Stop() as stop, Children() as children:
        hub = start_hub(children, store, venue)
        # it starts while this is loaded
        from netsiege.cup_play import run_cup
        from netsiege.hub.tournament.results import read_results
        from netsiege.hub.tournament.results_files import dump_results
        from netsiege.show_cup import print_results

        over = run_cup(store, venue, hub, stop)
    results = read_results(store, curves=as_json)
    folder = store.path.parent
    if as_json:
        print(dump_results(results), end="")
    else:
        print_results(results)
    if not as_json:
        print(f"{folder}: results.json, results.csv, report.html, replays")
    if not over:
        print(f"netsiege: stopped; netsiege tournament resume {folder} goes on", file=sys.stderr)
        raise SystemExit(130 if stop.signal is None else 128 + stop.signal)
