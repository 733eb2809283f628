"""The commands about what agents can: `netsiege train`, `netsiege evaluate`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from netsiege.cli_types import MAX_SEED, Json, Ruleset, Scenario, Task

if TYPE_CHECKING:
    from pathlib import Path

    from netsiege.agents.learning.training import Plan, Training

EXIT_INTERRUPTED = 130
EPISODES = 500
"""Of an evaluation on one scenario."""

Opponents = Annotated[
    Optional[list[str]],  # typer reads Optional
    typer.Option(
        "--opponent", metavar="NAME", help="An agent to meet, its parameters after commas; may be said often."
    ),
]
Readdressed = Annotated[
    bool, typer.Option("--readdressed", help="Every episode under other addresses of hosts and networks.")
]

Suite = Annotated[
    Optional[str],
    typer.Option(
        metavar="NAME", help="Every episode on the next network of a suite: unseen-100 or unseen-30."
    ),
]
Recipes = Annotated[
    Optional[list[str]],
    typer.Option(
        "--recipe", metavar="NAME", help="Every episode on a new network of a recipe; may be said often."
    ),
]
Hosts = Annotated[
    Optional[str], typer.Option(metavar="N[-M]", help="How large networks of a recipe are. Default: 8-50.")
]


def train(
    algorithm: Annotated[
        str, typer.Argument(help="q-learning, sarsa, conceptual or q-defender, or another that learns.")
    ],
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="Where model, log and curve go.")],
    scenario: Scenario = None,
    task: Task = None,
    suite: Suite = None,
    recipe: Recipes = None,
    hosts: Hosts = None,
    opponent: Opponents = None,
    ruleset: Ruleset = None,
    episodes: Annotated[int, typer.Option(min=1, help="How many episodes.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal models.")] = 0,
    rate: Annotated[
        Optional[float],
        typer.Option(min=1e-6, max=1, help="The learning rate; the algorithm's own unless said."),
    ] = None,
    discount: Annotated[
        Optional[float], typer.Option(min=0, max=1, help="Of later rewards; the algorithm's own unless said.")
    ] = None,
    schedule: Annotated[
        str, typer.Option(help="How the share of explorations (ε) falls: linear, exponential, constant.")
    ] = "linear",
    epsilon_start: Annotated[float, typer.Option(min=0, max=1, help="ε at first.")] = 1.0,
    epsilon_end: Annotated[float, typer.Option(min=0, max=1, help="ε at last.")] = 0.02,
    readdressed: Readdressed = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")] = False,
    as_json: Json = False,
) -> None:
    """Train an agent in this process, at the engine's speed; it plays anywhere with --model DIR."""
    from pathlib import Path

    from netsiege.agents.learning.quick_training import open_training
    from netsiege.agents.learning.training import SCHEDULES, Plan
    from netsiege.agents.networks import choose_networks
    from netsiege.errors import ConfigError
    from netsiege.local import Stop
    from netsiege.show_learning import TrainingProgress

    if schedule not in SCHEDULES:
        raise ConfigError(f"--schedule: {schedule!r} is none of {', '.join(SCHEDULES)}")
    plan = Plan(
        algorithm,
        scenario,
        task,
        tuple(opponent or ()),
        episodes,
        seed,
        schedule=schedule,
        epsilon_start=epsilon_start,
        epsilon_end=epsilon_end,
        readdressed=readdressed,
        networks=choose_networks(suite, recipe or (), hosts, has_scenario=bool(scenario or task)),
        ruleset=ruleset,
        **{name: value for name, value in (("rate", rate), ("discount", discount)) if value is not None},
    )
    folder = Path(out)
    training = open_training(plan, folder, resume=resume)
    for warning in training.arrangement.warnings:
        print(f"netsiege: warning: {warning}", file=sys.stderr)
    if suite is not None:
        print(
            f"netsiege: to what is learned here, {suite} is not unseen: say so with its figures",
            file=sys.stderr,
        )
    with Stop() as stop, TrainingProgress(plan.episodes, training) as progress:
        done = training.run(stop, progress.advance)
    _say_what_was_learned(training, folder, plan, as_json)
    if not done:
        print(f"netsiege: stopped after {training.episode} episodes; --resume goes on", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED if stop.signal is None else 128 + stop.signal)


def _say_what_was_learned(training: Training, folder: Path, plan: Plan, as_json: bool) -> None:
    from netsiege.agents.learning.curve import FILE, draw_curve
    from netsiege.errors import ConfigError

    written = [folder / "model.json", folder / "log.jsonl"]
    if training.lines:
        try:
            draw_curve(training.lines, f"{plan.algorithm} on {training.where}", folder / FILE)
            written.append(folder / FILE)
        except ConfigError as error:
            print(f"netsiege: no curve: {error}", file=sys.stderr)
    last = training.lines[-1] if training.lines else {}
    if as_json:
        print(json.dumps({"files": [str(path) for path in written], **last}, indent=2))
        return
    if last:
        print(
            f"the last episodes: {last['win_rate']:.0%} won, return {last['mean_return']:.1f}, "
            f"{last['mean_steps']:.1f} steps, explorations included"
        )
    for path in written:
        print(path)


def evaluate(
    agent: Annotated[str, typer.Argument(help="An agent of `netsiege agent list`, or module:Class.")],
    scenario: Scenario = None,
    task: Task = None,
    suite: Suite = None,
    recipe: Recipes = None,
    hosts: Hosts = None,
    opponent: Opponents = None,
    ruleset: Ruleset = None,
    episodes: Annotated[
        Optional[int],
        typer.Option(min=1, help=f"How many episodes. Default: {EPISODES}; of a suite, one a network."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal figures.")] = 0,
    role: Annotated[Optional[str], typer.Option(help="Attacker, Defender or Benign.")] = None,
    model: Annotated[Optional[str], typer.Option(metavar="DIR", help="What it has learned.")] = None,
    readdressed: Readdressed = False,
    as_json: Json = False,
) -> None:
    """Play many episodes in this process, and print win rate, return and steps with 95% intervals."""
    from netsiege.agents.arrangement import arrange
    from netsiege.agents.evaluation import evaluate as measure
    from netsiege.agents.networks import choose_networks
    from netsiege.agents.registry import choose_agent, read_role
    from netsiege.show import EpisodeProgress
    from netsiege.show_learning import print_evaluation

    wanted = read_role(role)
    choice = choose_agent(agent, wanted, **({} if model is None else {"model": model}))
    networks = choose_networks(suite, recipe or (), hosts, has_scenario=bool(scenario or task))
    count = episodes or (networks.count if networks is not None else None) or EPISODES
    spec = None if networks is None else networks.network(seed, 0).spec
    arrangement = arrange(
        choice,
        opponent or (),
        scenario=scenario,
        task=task,
        spec=spec,
        role=wanted,
        readdressed=readdressed,
        ruleset=ruleset,
    )
    for warning in arrangement.warnings:
        print(f"netsiege: warning: {warning}", file=sys.stderr)
    where = arrangement.spec.topology.name if networks is None else networks.label
    with EpisodeProgress(count, where) as bar:
        told = measure(
            arrangement, count, seed, readdressed=readdressed, networks=networks, progress=bar.advance
        )
    if as_json:
        print(json.dumps(told.as_dict(), indent=2))
    else:
        print_evaluation(told)
