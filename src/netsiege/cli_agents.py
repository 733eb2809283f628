"""The commands about agents: `netsiege agent run`, `new`, `list`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.cli_types import DEFAULT_HUB, HubAddress, Json, Keys, Parent
from netsiege.errors import ConfigError, SiegeError

if TYPE_CHECKING:
    from netsiege.agents.attendance import Tally

Seats = Annotated[
    Optional[int],
    typer.Option(min=1, help="Seats to play at once over one connection. Default: 1; 8 with --attend."),
]
Attend = Annotated[
    bool, typer.Option("--attend", help="Play all matches that it is called to, until the room is closed.")
]
Called = Annotated[
    Optional[str], typer.Option("--name", help="What it is called in its matches. Default: the agent.")
]

agent_app = typer.Typer(
    help="Run an agent against a hub, list the agents there are, or begin one of your own.",
    no_args_is_help=True,
)


@agent_app.command("run")
def agent_run(
    name: Annotated[
        str,
        typer.Argument(
            help="An agent of `netsiege agent list`, or module:Class; `NAME,PARAMETER=VALUE` sets one."
        ),
    ],
    hub: HubAddress = DEFAULT_HUB,
    role: Annotated[
        Optional[str], typer.Option(help="Attacker, Defender or Benign. Default: what it plays.")
    ] = None,
    room: Annotated[str, typer.Option(help="The hub's room to play in.")] = "default",
    episodes: Annotated[
        Optional[int], typer.Option(min=1, help="Episodes to play. Default: as many as the match has, or 1.")
    ] = None,
    seats: Seats = None,
    attend: Attend = False,
    called: Called = None,
    wait: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the hub to answer.")] = 2.5,
    model: Annotated[
        Optional[str], typer.Option(metavar="DIR", help="What a learned agent has learned.")
    ] = None,
    keys: Keys = None,
    as_json: Json = False,
    parent: Parent = None,
) -> None:
    """Run an agent against a hub."""
    from netsiege.agents.runner import attend_hall, run_agent
    from netsiege.local import end_with_parent

    if attend and episodes is not None:
        raise ConfigError("--episodes does not go with --attend: there every match is played to its end")
    end_with_parent(parent)
    options = {"room": room, "wait_s": wait, "called": called, "keys": keys, "model": model}
    with _telling_whose_fault_it_is(name, parent):
        if attend:
            _print_tally(attend_hall(name, hub, role, seats=seats or 8, **options), as_json)
            return
        played = run_agent(name, hub, role, episodes=episodes, seats=seats or 1, **options)
    from netsiege.show import print_summaries

    print_summaries(played, as_json)


def _print_tally(tally: Tally, as_json: bool) -> None:
    """What an agent has played in a hall, in one line or document."""
    import json

    from netsiege.shown import shown

    mean = tally.total_reward / tally.episodes if tally.episodes else 0.0
    if as_json:
        reasons = {shown(reason): count for reason, count in sorted(tally.end_reasons.items())}
        told = {"matches": tally.matches, "episodes": tally.episodes, "steps": tally.steps}
        print(json.dumps({**told, "mean_return": mean, "end_reasons": reasons}, indent=2))
    else:
        print(
            f"matches {tally.matches}, episodes {tally.episodes}, steps {tally.steps}, mean return {mean:.2f}"
        )


@contextmanager
def _telling_whose_fault_it_is(name: str, parent: int | None) -> Iterator[None]:
    """Tells the agent's own failures, with their traceback, and mistakes of whoever named it, from ours."""
    import os

    from netsiege.shown import shown_lines

    try:
        yield
    except ConfigError as error:
        if parent is None:
            raise
        # whoever has started this process learns from the exit code that the agent cannot be made
        for line in shown_lines(str(error)):
            print(f"netsiege: {line}", file=sys.stderr)
        raise typer.Exit(os.EX_CONFIG) from None
    except SiegeError:
        raise
    except Exception as error:  # the agent's own code, which is not ours to report
        import traceback

        traceback.print_exc()
        raise SiegeError(f"the agent {name} raised {type(error).__name__}") from error


@agent_app.command("new")
def agent_new(
    name: Annotated[str, typer.Argument(help="The package's name, my_agent say.")],
    role: Annotated[str, typer.Option(help="Attacker, Defender or Benign.")] = "Attacker",
    out: Annotated[
        Optional[str], typer.Option("--out", metavar="DIR", help="Where to make it. Default: here.")
    ] = None,
) -> None:
    """Make the package of a new agent, with tests."""
    from pathlib import Path

    from netsiege.agents.template import make_package

    made = make_package(name, None if out is None else Path(out), role)
    for note in made.notes:
        print(f"netsiege: {note}", file=sys.stderr)
    for file in made.files:
        print(made.folder / file)


@agent_app.command("list")
def agent_list(
    name: Annotated[
        Optional[str], typer.Argument(help="Of which to tell more. Default: all, in a line each.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the agents that can be run by name, or tell what can be set on one."""
    from netsiege.agents.registry import describe_agent, list_agents
    from netsiege.show import print_agent, print_agents

    if name is None or as_json:
        print_agents(list_agents() if name is None else (describe_agent(name),), as_json)
    else:
        print_agent(describe_agent(name))
