"""The command line: options in, calls out. The composition root, so it may import everything; but only
inside commands, so that each starts quickly.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn, Optional

import typer

from netsiege.cli_agents import agent_app
from netsiege.cli_asked import asked_for
from netsiege.cli_bench import bench_app
from netsiege.cli_cup import tournament_app
from netsiege.cli_gateway import gateway
from netsiege.cli_generate import scenario_generate
from netsiege.cli_keys import keys_app
from netsiege.cli_learn import evaluate, train
from netsiege.cli_replay import replay_app
from netsiege.cli_show import scenario_show
from netsiege.cli_types import DEFAULT_HUB, HubAddress, Json, Keys, Parent, Ruleset, Scenario, Seed, Task
from netsiege.errors import (
    AuthError,
    ConfigError,
    HubUnreachable,
    ProtocolError,
    SiegeError,
)

if TYPE_CHECKING:
    from netsiege.protocol import OpenRoom, State

EXIT_DONE, EXIT_FAILED, EXIT_MISTAKE, EXIT_BUG, EXIT_INTERRUPTED = 0, 1, 2, 70, 130

app = typer.Typer(
    name="netsiege",
    help="An arena for network-security agents.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it takes longer to load than everything else, and takes [tui] for markup
    context_settings={"help_option_names": ["-h", "--help"]},
)
scenario_app = typer.Typer(help="Look at scenarios, and check your own.", no_args_is_help=True)
app.command()(train)
app.command()(evaluate)
app.command()(gateway)
app.add_typer(agent_app, name="agent")
app.add_typer(scenario_app, name="scenario")
scenario_app.command("show")(scenario_show)
scenario_app.command("generate")(scenario_generate)
app.add_typer(replay_app, name="replay")
app.add_typer(tournament_app, name="tournament")
app.add_typer(keys_app, name="keys")
app.add_typer(bench_app, name="bench")

DEFAULT_WORKERS_HUB = "tcp://127.0.0.1:9101"


@app.command()
def play(
    scenario: Scenario = None,
    task: Task = None,
    attacker: Annotated[Optional[str], typer.Option(help="The attacking agent.")] = None,
    defender: Annotated[Optional[str], typer.Option(help="The defending agent, or `none`.")] = None,
    benign: Annotated[
        Optional[str], typer.Option(help="How many random benign users, or the agent that is one.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, help="How many episodes.")] = 10,
    seed: Seed = None,
    ruleset: Ruleset = None,
    workers: Annotated[int, typer.Option(min=1, help="Engine workers.")] = 1,
    as_json: Json = False,
) -> None:
    """Play a match here: starts a hub, workers and agents, and prints how it went."""
    from netsiege.local import ending_on_sigterm
    from netsiege.options import play_setup
    from netsiege.play import play as play_match
    from netsiege.show import EpisodeProgress, print_report

    spec, entrants, warnings = play_setup(task, scenario, attacker, defender, benign, ruleset)
    _warn_all(warnings)
    if seed is None:
        seed = spec.task.seed if spec.task.seed is not None else _new_seed()
    with ending_on_sigterm(), EpisodeProgress(episodes, spec.topology.name) as progress:
        report = play_match(spec, entrants, episodes, seed, workers=workers, progress=progress.advance)
    if as_json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        print_report(report)


@app.command()
def tui(
    hub: Annotated[
        Optional[str], typer.Option("--hub", help="A hub to join. Default: a match of your own, here.")
    ] = None,
    role: Annotated[Optional[str], typer.Option(help="Attacker or Defender.")] = None,
    room: Annotated[Optional[str], typer.Option(help="The hub's room to play in.")] = None,
    scenario: Scenario = None,
    task: Task = None,
    seed: Seed = None,
    keys: Keys = None,
) -> None:
    """Play by hand, as attacker or defender. Needs the extra [tui]."""
    from netsiege.tui import run_tui

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigError("a game by hand needs a terminal: its input and output are not one")
    run_tui(hub, role, room, scenario, task, seed, keys)


@app.command()
def hub(
    bind: Annotated[str, typer.Option(help="Where agents connect.")] = DEFAULT_HUB,
    workers_bind: Annotated[str, typer.Option(help="Where workers connect.")] = DEFAULT_WORKERS_HUB,
    workers: Annotated[int, typer.Option(min=0, help="Local engine workers to start; 0 for none.")] = 1,
    task: Annotated[
        Optional[str], typer.Option(help="The task of the room `default`: a bundled one, or a YAML file.")
    ] = None,
    seed: Seed = None,
    journal: Annotated[
        Optional[str],
        typer.Option(help="A file, with more beside it, that keeps everything: a hub goes on from it."),
    ] = None,
    keys: Keys = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let agents in without keys from other machines, too.")
    ] = False,
    limit: Annotated[
        Optional[list[str]],
        typer.Option(metavar="NAME=VALUE", help="Change a limit; may be said often. `list` prints them."),
    ] = None,
    nsg_port: Annotated[
        Optional[int],
        typer.Option(
            "--nsg-port", min=0, max=65_535, help="Let NetSecGame's agents play: the port of a gateway."
        ),
    ] = None,
    nsg_whitebox: Annotated[
        bool, typer.Option("--nsg-whitebox", help="Tell these all actions that there are.")
    ] = False,
    no_default_room: Annotated[bool, typer.Option("--no-default-room", hidden=True)] = False,
    parent: Parent = None,
) -> None:
    """Run a hub: agents connect to it, and engine workers, from here and from other machines."""
    from netsiege.hub.ledger import Insist
    from netsiege.hub.limits import DEFAULT_LIMITS
    from netsiege.serve import Gateway, serve_hub
    from netsiege.shown import log_to_stderr

    limits = DEFAULT_LIMITS.with_changes(said for said in limit or () if said != "list")
    if "list" in (limit or ()):
        from netsiege.show import print_limits

        print_limits(limits)
        return
    log_to_stderr(all_of_it=False)
    rooms, kept = ([], []) if no_default_room else _default_room(task, seed)
    signal_number = serve_hub(
        bind,
        workers_bind,
        rooms,
        workers=workers,
        insecure=insecure,
        kept=kept,
        parent=parent,
        journal=journal,
        insist=Insist(task=task is not None, seed=seed is not None),
        keys=keys,
        limits=limits,
        beside=None if nsg_port is None else Gateway(nsg_port, nsg_whitebox, task),
    )
    _exit_after(signal_number)


def _default_room(task: str | None, seed: int | None) -> tuple[list[OpenRoom], list[str]]:
    """The room `default`, and its name if its trajectories are to be kept."""
    from netsiege.options import hub_spec
    from netsiege.protocol import DEFAULT_ROOM
    from netsiege.rooms import room_of

    spec, warnings = hub_spec(task)
    _warn_all(warnings)
    if seed is None:
        seed = spec.task.seed if spec.task.seed is not None else _new_seed()
    return [room_of(DEFAULT_ROOM, spec, seed)], [DEFAULT_ROOM] if spec.task.save_trajectories else []


@app.command()
def worker(
    hub: Annotated[
        str, typer.Option("--hub", help="Where the hub listens for workers.")
    ] = DEFAULT_WORKERS_HUB,
    slots: Annotated[int, typer.Option(min=1, help="How many matches it may run at once.")] = 4_096,
    name: Annotated[
        Optional[str], typer.Option(help="How the hub shows it. Default: host and process.")
    ] = None,
    keys: Keys = None,
    parent: Parent = None,
) -> None:
    """Run an engine worker for a hub, here or on another machine."""
    from netsiege.engine.worker import run_worker
    from netsiege.keys import keys_from
    from netsiege.local import Stop
    from netsiege.shown import log_to_stderr
    from netsiege.wire import check_address

    log_to_stderr()
    with Stop(parent) as stop:
        run_worker(check_address(hub), slots, name, stop, keys_from(keys))
    _exit_after(stop.signal)


@app.command()
def status(hub: HubAddress = DEFAULT_HUB, keys: Keys = None, as_json: Json = False) -> None:
    """Show what a hub is doing; with the key of an agent, only what concerns it."""
    from netsiege.show import print_state, state_dict

    state = _state_of(hub, keys)
    if as_json:
        print(json.dumps(state_dict(state), indent=2))
    else:
        print_state(state)


def _state_of(hub: str, keys: str | None) -> State:
    from netsiege.client import Client
    from netsiege.protocol import SessionRole

    client = Client(hub, "status", SessionRole.AGENT, keys=keys)
    try:
        with client:
            return client.status()
    except AuthError:
        if not client.heard:  # nothing that another role would change
            raise
        with Client(hub, "status", SessionRole.SPECTATOR, keys=keys) as spectator:
            return spectator.status()


@scenario_app.command("list")
def scenario_list(as_json: Json = False) -> None:
    """List the bundled scenarios."""
    from netsiege.scenarios import list_scenarios
    from netsiege.show import print_scenarios

    print_scenarios(list_scenarios(), as_json)


@scenario_app.command("draw")
def scenario_draw(
    name: Annotated[str, typer.Argument(help="A bundled scenario, or a YAML file.")],
    out: Annotated[
        Optional[str], typer.Option("--out", help="The picture: .svg or .png. Default: NAME.svg.")
    ] = None,
) -> None:
    """Draw a scenario: networks, hosts, services, data, firewall. Needs the extra [plots]."""
    from netsiege.scenarios import draw, load_topology

    topology = load_topology(name)
    path = out if out is not None else f"{topology.name}.svg"
    draw(topology, path)
    print(path)


@scenario_app.command("validate")
def scenario_validate(
    files: Annotated[list[str], typer.Argument(help="YAML files: scenarios or tasks.")],
) -> None:
    """Check scenario and task files; names every problem. Exit code 1 if there is any."""
    from netsiege.scenarios import check_file

    failed = False
    for file in files:
        problems, warnings = check_file(file)
        _warn_all(warnings)
        for problem in problems:
            print(problem, file=sys.stderr)
        if not problems:
            print(f"{file}: valid")
        failed = failed or bool(problems)
    if failed:
        raise typer.Exit(EXIT_FAILED)


@scenario_app.command("import-cyst")
def scenario_import_cyst(
    module: Annotated[str, typer.Argument(help="A Python module, dotted, or a .py file. Its code is run.")],
    out: Annotated[
        Optional[str], typer.Option("--out", metavar="FILE", help="Where it goes. Default: to the terminal.")
    ] = None,
) -> None:
    """Turn a CYST configuration, NetSecGame's topologies, into a scenario file. Needs CYST (Python 3.12)."""
    from pathlib import Path

    from netsiege.files import write_new
    from netsiege.scenarios.cyst import import_cyst

    imported = import_cyst(module)
    _warn_all(imported.warnings)
    if out is None:
        print(imported.text, end="")
    else:
        write_new(Path(out), imported.text, 0o644)
        print(out)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        import netsiege

        print(f"netsiege {netsiege.__version__}")
        raise typer.Exit(EXIT_DONE)
    if context.invoked_subcommand is None:
        print(context.get_help())


def _warn_all(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _new_seed() -> int:
    import secrets

    return secrets.randbits(64)


def _exit_after(signal_number: int | None) -> None:
    import signal

    if signal_number == signal.SIGINT:
        raise typer.Exit(EXIT_INTERRUPTED)


def main() -> NoReturn:
    """The entry point: one line and exit code 2 for a user's mistake, a traceback and 70 for ours."""
    try:
        asked_for(app, sys.argv[1:])(prog_name="netsiege")
    except (ConfigError, HubUnreachable, AuthError, ProtocolError) as error:
        code = _complain(str(error), EXIT_MISTAKE)
    except SiegeError as error:
        code = _complain(str(error), EXIT_FAILED)
    except Exception:  # the process edge: what arrives here is a bug of ours
        import traceback

        traceback.print_exc()
        code = _complain("this is a bug; please report it with the lines above", EXIT_BUG)
    raise SystemExit(code)


def _complain(text: str, code: int) -> int:
    from netsiege.shown import shown_lines

    for line in shown_lines(text):
        print(f"netsiege: {line}", file=sys.stderr)
    return code
