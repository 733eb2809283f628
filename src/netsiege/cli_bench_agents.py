"""The commands of `netsiege bench` that compare agents: options in, calls out, as in `cli`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from netsiege.cli_types import MAX_SEED, Json, Ruleset

if TYPE_CHECKING:
    from netsiege.agents.comparison import Comparison, Conditions

Agents = Annotated[
    Optional[list[str]],
    typer.Option(
        "--agent",
        metavar="NAME",
        help="Only this one, its parameters after commas; may be said often. Default: all bundled ones.",
    ),
]
Scenarios = Annotated[
    Optional[list[str]],
    typer.Option(
        "--scenario",
        metavar="NAME",
        help="A bundled scenario, or a YAML file; may be said often. "
        "Default: two_networks_tiny, two_networks, three_net_scenario.",
    ),
]
Suites = Annotated[
    Optional[list[str]],
    typer.Option(
        "--suite",
        metavar="NAME",
        help="A suite of generated networks, unseen-100 or unseen-30; those that learn train on others. "
        "May be said often; then without the default scenarios.",
    ),
]
Episodes = Annotated[
    Optional[int], typer.Option(min=1, help="Of each evaluation. Default: 500; with --quick 30.")
]
TrainEpisodes = Annotated[
    Optional[int],
    typer.Option(min=1, help="Of each training of those that learn. Default: 3000; with --quick 300."),
]
PlannerEpisodes = Annotated[
    Optional[int],
    typer.Option(
        min=1,
        help="Of agents that simulate before each move, which takes long. Default: 200; with --quick 3.",
    ),
]
LLMEpisodes = Annotated[
    Optional[int],
    typer.Option(
        min=1, help="Of agents with a language model, if one is named. Default: 10; with --quick 2."
    ),
]
EpisodesOf = Annotated[
    Optional[list[str]],
    typer.Option(metavar="NAME=N", help="Other evaluations of one agent; may be said often."),
]
Markdown = Annotated[
    Optional[Path],
    typer.Option(
        metavar="FILE",
        help="Write the tables into this file, between `<!-- agents -->` and `<!-- /agents -->`.",
    ),
]


def bench_agents(
    agent: Agents = None,
    scenario: Scenarios = None,
    suite: Suites = None,
    ruleset: Ruleset = None,
    episodes: Episodes = None,
    train_episodes: TrainEpisodes = None,
    planner_episodes: PlannerEpisodes = None,
    llm_episodes: LLMEpisodes = None,
    episodes_of: EpisodesOf = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal tables.")] = 0,
    processes: Annotated[
        Optional[int], typer.Option(min=1, max=256, help="Default: as many as there are processors.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few episodes and short trainings: a glance.")
    ] = False,
    markdown: Markdown = None,
    as_json: Json = False,
) -> None:
    """Win rate, return and steps of every agent on several scenarios; those that learn are trained first."""
    from attrs import evolve

    from netsiege.agents.comparison import plan_comparison
    from netsiege.agents.comparison_run import cores, run_comparison
    from netsiege.agents.comparison_table import check_marks
    from netsiege.local import ending_on_sigterm

    counts = {
        "episodes": episodes,
        "train_episodes": train_episodes,
        "planner_episodes": planner_episodes,
        "llm_episodes": llm_episodes,
    }
    places = [*(scenario or ()), *map(_known_suite, suite or ())]
    conditions = evolve(_conditions(quick, places, counts, episodes_of or [], seed), ruleset=ruleset)
    if markdown is not None:
        check_marks(markdown)
    program = plan_comparison(conditions, agent or ())
    for warning in program.warnings:
        print(f"netsiege: warning: {warning}", file=sys.stderr)
    with ending_on_sigterm():
        comparison = run_comparison(program, processes or cores(), _progress)
    _tell(comparison, markdown, as_json)


def bench_generalisation(
    agent: Agents = None,
    scenario: Annotated[
        str, typer.Option(help="The network that is seen: a bundled scenario, or a YAML file.")
    ] = "two_networks",
    suite: Annotated[
        str, typer.Option(help="The networks that are not: unseen-100 or unseen-30.")
    ] = "unseen-100",
    episodes: Annotated[
        Optional[int],
        typer.Option(min=1, help="Of each evaluation; on a suite at most its networks. Default: 200."),
    ] = None,
    train_episodes: Annotated[
        Optional[int], typer.Option(min=1, help="Of each training. Default: 3000.")
    ] = None,
    unseen_train_episodes: Annotated[
        Optional[int],
        typer.Option(min=1, help="Of each training for the suite, on others of its kind. Default: 300."),
    ] = None,
    planner_episodes: Annotated[
        Optional[int], typer.Option(min=1, help="Of agents that simulate before each move. Default: 10.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Equal seeds give equal tables.")] = 0,
    processes: Annotated[
        Optional[int], typer.Option(min=1, max=256, help="Default: as many as there are processors.")
    ] = None,
    markdown: Annotated[
        Optional[Path],
        typer.Option(
            metavar="FILE",
            help="Write the table into this file, between `<!-- generalisation -->` and "
            "`<!-- /generalisation -->`.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Win rates of attackers on a seen network, under other addresses, on unseen ones, by both rulesets."""
    from netsiege.agents import generalisation
    from netsiege.agents.comparison_run import cores
    from netsiege.agents.comparison_table import check_marks, markdown_of, put_between_marks
    from netsiege.local import ending_on_sigterm
    from netsiege.show_comparison import print_sections

    counts = {
        "episodes": episodes,
        "train_episodes": train_episodes,
        "unseen_train_episodes": unseen_train_episodes,
        "planner_episodes": planner_episodes,
    }
    conditions = generalisation.conditions_of(scenario, _known_suite(suite), seed, counts)
    if markdown is not None:
        check_marks(markdown, generalisation.MARKS)
    trials = generalisation.plan_trials(conditions, agent or ())
    with ending_on_sigterm():
        told = generalisation.run_trials(trials, processes or cores(), _progress)
    tables, notes = generalisation.sections(told), generalisation.notes(told)
    if as_json:
        print(json.dumps(told.as_dict(), indent=2))
    elif markdown is None:
        print_sections(tables)
        print(notes)
    if markdown is not None:
        text = "\n\n".join([*map(markdown_of, tables), notes])
        put_between_marks(markdown, f"{text}\n", generalisation.MARKS)
        print(f"netsiege: the table is in {markdown}", file=sys.stderr)


def _tell(comparison: Comparison, markdown: Path | None, as_json: bool) -> None:
    """Prints the tables, or puts them into a file. Raises `ConfigError`; they are printed then, too."""
    from netsiege.agents.comparison_table import markdown as as_markdown
    from netsiege.agents.comparison_table import put_between_marks, sections
    from netsiege.errors import ConfigError
    from netsiege.show_comparison import print_sections

    if as_json:
        print(json.dumps(comparison.as_dict(), indent=2))
    elif markdown is None:
        print_sections(sections(comparison))
    if markdown is not None:
        try:
            put_between_marks(markdown, as_markdown(comparison))
        except ConfigError:  # it was another file before; minutes of work are not to be lost
            if not as_json:
                print_sections(sections(comparison))
            raise
        print(f"netsiege: the tables are in {markdown}", file=sys.stderr)


def _known_suite(name: str) -> str:
    """Raises `ConfigError` if there is no such suite."""
    from netsiege.scenarios.generate import suite_networks

    suite_networks(name)
    return name


def _conditions(
    quick: bool,
    scenarios: list[str] | None,
    counts: dict[str, int | None],
    episodes_of: list[str],
    seed: int,
) -> Conditions:
    """What was said, over what is usual. Raises `ConfigError`."""
    from attrs import evolve

    from netsiege.agents.comparison import Conditions
    from netsiege.errors import ConfigError
    from netsiege.shown import shown

    exceptions: dict[str, int] = {}
    for said in episodes_of:
        name, _, count = said.rpartition("=")
        if not (name and re.fullmatch(r"[1-9][0-9]{0,6}", count)):
            raise ConfigError(f"--episodes-of: write NAME=N with N from 1 to 9999999, not {shown(said)!r}")
        exceptions[name] = int(count)
    usual = Conditions.quick() if quick else Conditions()
    said_counts: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
    return evolve(
        usual,
        scenarios=tuple(scenarios or usual.scenarios),
        episodes_of=exceptions,
        seed=seed,
        **said_counts,
    )


def _progress(line: str) -> None:
    print(line, file=sys.stderr)
