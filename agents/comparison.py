"""Every agent under the same conditions: what each has to do, and what it achieves.

Attackers play alone. Defenders meet the scripted attacker, beside a benign user if the task knows any: how
often that is kept from its work are their false positives. Benign users, whose episodes last as long as
somebody attacks, play beside the random attacker. Agents that learn are trained first, against the same
opponents; all agents of a role are then evaluated on the same episodes, which no training has drawn. On a
suite of generated networks they are trained on others, out of its recipes.

This module decides and measures; `comparison_run` runs it in several processes, `comparison_table` tells it.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.agents.arrangement import Arrangement, arrange
from netsiege.agents.base import BaseAgent
from netsiege.agents.evaluation import Evaluation, Figure, Z, evaluate, mean
from netsiege.agents.learning.training import Plan, Training
from netsiege.agents.llm.agent import LLMAgent
from netsiege.agents.llm.endpoint import MODEL_VARIABLE
from netsiege.agents.networks import Networks
from netsiege.agents.parameters import settle
from netsiege.agents.registry import GROUP, AgentChoice, choose_agent
from netsiege.engine.streams import derive
from netsiege.errors import ConfigError
from netsiege.game import Action, AgentRole, AgentStatus, Observation
from netsiege.protocol import Result
from netsiege.scenarios import load_spec_with_warnings, under
from netsiege.scenarios.generate import SUITES
from netsiege.scenarios.model import Rewards, Spec

PACKAGE: Final = "netsiege"
SCENARIOS: Final = ("two_networks_tiny", "two_networks", "three_net_scenario")
REFERENCE_ATTACKER: Final = "scripted-attacker"
"""Whom defenders meet."""
IDLE_ATTACKER: Final = "random-attacker"
"""Beside whom benign users play: it seldom ends an episode before its last step."""
REFERENCE_USER: Final = "office-benign"
NO_ENDPOINT: Final = "needs an endpoint"
ROLES: Final = (AgentRole.Attacker, AgentRole.Defender, AgentRole.Benign)


@frozen
class Conditions:
    """What is the same for all agents. How many episodes one plays is never decided by a clock.

    `planner_episodes` are for agents that simulate before each move (those with a parameter `simulations`),
    which takes long; `llm_episodes` for those with a language model. `episodes_of` has exceptions by name.
    """

    scenarios: tuple[str, ...] = SCENARIOS
    """And suites, among them."""
    ruleset: str | None = None
    """That of all; None: those of the tasks."""
    episodes: int = 500
    train_episodes: int = 3_000
    planner_episodes: int = 200
    llm_episodes: int = 10
    episodes_of: Mapping[str, int] = {}
    seed: int = 0

    @classmethod
    def quick(cls) -> Conditions:
        """For a glance: all agents, but few episodes."""
        return cls(episodes=30, train_episodes=300, planner_episodes=3, llm_episodes=2)

    def episodes_for(self, name: str, cls: type[BaseAgent]) -> int:
        """How many an agent plays on each scenario."""
        usual = self.episodes
        if issubclass(cls, LLMAgent):
            usual = self.llm_episodes
        elif "simulations" in cls.parameters:
            usual = self.planner_episodes
        return self.episodes_of.get(name, usual)


@frozen
class Job:
    """One agent on one scenario, with its opponents. Learners are trained for `trained` episodes before."""

    number: int
    said: str
    """The agent, as it was asked for."""
    role: AgentRole
    scenario: str
    """As it was asked for: a name or a file, or a suite."""
    ruleset: str | None
    opponents: tuple[str, ...]
    episodes: int
    trained: int
    train_seed: int
    seed: int

    @property
    def plan(self) -> Plan:
        """Of its training."""
        choice = choose_agent(self.said)
        told = settle(self.said, choice.cls.parameters, choice.parameters)
        rates = {name: told[name] for name in ("rate", "discount") if name in told}
        networks = training_networks(self.scenario)
        where = self.scenario if networks is None else None
        return Plan(
            self.said,
            where,
            None,
            self.opponents,
            self.trained,
            self.train_seed,
            networks=networks,
            ruleset=self.ruleset,
            **rates,
        )

    @property
    def networks(self) -> Networks | None:
        """Those of its suite, if it is played on one."""
        return Networks(self.scenario) if self.scenario in SUITES else None

    def arrange(self, **parameters: object) -> Arrangement:
        """Seats everyone. Raises `ConfigError`."""
        choice = choose_agent(self.said, self.role, **parameters)
        spec = spec_of(self.scenario, self.ruleset)[0]
        return arrange(choice, self.opponents, spec=spec, role=self.role)


@frozen
class Row:
    """What an agent has achieved on a scenario; or, without `told`, why it has not played: `note`."""

    agent: str
    role: AgentRole
    scenario: str | None = None
    opponents: tuple[str, ...] = ()
    trained: int = 0
    told: Evaluation | None = None
    false_positives: Figure | None = None
    """Of a defender, per 100 actions of the benign user."""
    actions: Figure | None = None
    """Of a benign user: its moves in an episode that are no passes."""
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what is not known is None."""
        plain: dict[str, Any] = {
            "agent": self.agent,
            "role": self.role.value,
            "scenario": self.scenario,
            "opponents": list(self.opponents),
            "trained_episodes": self.trained,
        }
        if self.told is not None:
            plain |= self.told.as_dict() | {"agent": self.agent}
        if self.role is AgentRole.Benign:
            for key in ("wins", "win_rate", "win_rate_interval"):
                plain.pop(key, None)  # there is nothing for it to win
        for name in ("false_positives", "actions"):
            figure: Figure | None = getattr(self, name)
            if figure is not None:
                key = {"false_positives": "false_positives_per_100"}.get(name, name)
                plain |= {key: figure.value, f"{key}_interval": [figure.low, figure.high]}
        return plain | {"note": self.note}


@frozen
class Program:
    """What is to be done: jobs, rows of agents that cannot play, and what was odd about the scenarios."""

    conditions: Conditions
    agents: tuple[str, ...]
    """In the order of the table."""
    jobs: tuple[Job, ...]
    rows: tuple[Row, ...]
    warnings: tuple[str, ...]


@frozen
class Comparison:
    """What came of it. Rows are in the order of roles, agents and scenarios."""

    conditions: Conditions
    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Equal conditions give equal ones."""
        asked = self.conditions
        return {
            "seed": asked.seed,
            "scenarios": list(asked.scenarios),
            "episodes": asked.episodes,
            "train_episodes": asked.train_episodes,
            "rows": [row.as_dict() for row in self.rows],
            **({} if asked.ruleset is None else {"ruleset": asked.ruleset}),
        }


# --- what is to be done -----------------------------------------------------------------------------------


def bundled_agents() -> tuple[str, ...]:
    """The names of the agents that come with NetSiege itself, sorted."""
    found = (point for point in entry_points(group=GROUP) if point.dist and point.dist.name == PACKAGE)
    return tuple(sorted({point.name for point in found}))


def plan_comparison(conditions: Conditions, agents: Sequence[str] = ()) -> Program:
    """The jobs of these agents (`NAME,PARAMETER=VALUE`), or of all bundled ones.

    Everything is looked at before anything is played. Raises `ConfigError` with all that is wrong.
    """
    chosen = [choose_agent(said) for said in dict.fromkeys(agents or bundled_agents())]
    choices = sorted(chosen, key=lambda each: ROLES.index(each.cls.plays[0]))
    names = [_name_of(choice) for choice in choices]
    strangers = [name for name in conditions.episodes_of if name not in names]
    if strangers:
        near = difflib.get_close_matches(strangers[0], names, 1) or [", ".join(names)]
        raise ConfigError(f"--episodes-of: no agent {strangers[0]!r} is compared; the nearest: {near[0]}")
    specs = {said: spec_of(said, conditions.ruleset) for said in dict.fromkeys(conditions.scenarios)}
    rows: list[Row] = []
    jobs: list[Job] = []
    for choice in choices:
        if lacks_endpoint(choice):
            rows.append(Row(choice.said, choice.cls.plays[0], note=NO_ENDPOINT))
            continue
        for said, (spec, _) in specs.items():
            jobs.append(_job(len(jobs), choice, said, spec, conditions))
    problems = dict.fromkeys(problem for job in jobs for problem in _problems_of(job))
    if problems:
        raise ConfigError(tuple(problems))
    odd = dict.fromkeys(warning for _, warnings in specs.values() for warning in warnings)
    said_all = tuple(choice.said for choice in choices)
    return Program(conditions, said_all, tuple(jobs), tuple(rows), tuple(odd))


def spec_of(said: str, ruleset: str | None) -> tuple[Spec, tuple[str, ...]]:
    """A scenario, or the first network of a suite, and what is odd about it. Raises `ConfigError`."""
    if said not in SUITES:
        return load_spec_with_warnings(None, said, ruleset=ruleset)
    return under(Networks(said).network(0, 0).spec, ruleset), ()


def training_networks(said: str) -> Networks | None:
    """For learners that are to be measured on a suite: new networks out of its recipes, none of its own."""
    if said not in SUITES:
        return None
    hosts = [entry.hosts for entry in SUITES[said]]
    recipes = dict.fromkeys(entry.recipe for entry in SUITES[said])
    return Networks(recipes=tuple(recipes), hosts=(min(hosts), max(hosts)))


def _name_of(choice: AgentChoice) -> str:
    return choice.said.partition(",")[0]


def lacks_endpoint(choice: AgentChoice) -> bool:
    """Whether nobody has named a language model for an agent that needs one."""
    if not issubclass(choice.cls, LLMAgent):
        return False
    return not (choice.parameters.get("model") or os.environ.get(MODEL_VARIABLE))


def learns(choice: AgentChoice) -> bool:
    """Whether an agent has to be trained first: it can be, and nobody has named a model."""
    return {"rate", "model"} <= {*choice.cls.parameters} and not choice.parameters.get("model")


def _job(number: int, choice: AgentChoice, said: str, spec: Spec, conditions: Conditions) -> Job:
    name, role = _name_of(choice), choice.cls.plays[0]
    place = said if said in SUITES else spec.topology.name
    return Job(
        number,
        choice.said,
        role,
        said,
        conditions.ruleset,
        _opponents(role, spec),
        conditions.episodes_for(name, choice.cls),
        conditions.train_episodes if learns(choice) else 0,
        derive(conditions.seed, f"compare/train/{place}/{choice.said}"),
        derive(conditions.seed, f"compare/evaluate/{place}/{role.value}"),
    )


def _opponents(role: AgentRole, spec: Spec) -> tuple[str, ...]:
    if role is AgentRole.Attacker:
        return ()
    if role is AgentRole.Benign:
        return (IDLE_ATTACKER,)
    knows_users = AgentRole.Benign.value in [part.role for part in spec.task.roles]
    return (REFERENCE_ATTACKER, REFERENCE_USER) if knows_users else (REFERENCE_ATTACKER,)


def _problems_of(job: Job) -> tuple[str, ...]:
    try:
        job.plan.arrange() if job.trained else job.arrange()
    except ConfigError as error:
        return error.problems
    return ()


# --- what comes of it -------------------------------------------------------------------------------------


class _Counted:
    """Stands in for an agent's `choose_action` and counts the moves that are no passes."""

    def __init__(self, agent: BaseAgent) -> None:
        self._choose = agent.choose_action
        self.actions = 0
        agent.choose_action = self  # type: ignore[method-assign]  # on this one agent only

    def __call__(self, observation: Observation) -> Action | None:
        action = self._choose(observation)
        self.actions += action is not None
        return action

    def take(self) -> int:
        """The count since the last time."""
        count, self.actions = self.actions, 0
        return count


def measure(job: Job, folder: Path) -> Row:
    """Trains the agent if it learns, its model in `folder`, and evaluates it. Equal jobs give equal rows."""
    model: dict[str, object] = {}
    if job.trained:
        model["model"] = str(folder / f"model-{job.number}")
        Training.start(job.plan, Path(str(model["model"]))).run()
    arrangement = job.arrange(**model)
    me, spec = arrangement.subject, arrangement.spec
    user = next((i for i, a in enumerate(arrangement.agents) if a.role is AgentRole.Benign), None)
    counted = None if user is None else _Counted(arrangement.agents[user])
    actions: list[int] = []
    wrongs: list[int] = []

    def note(result: Result) -> None:
        actions.append(counted.take() if counted is not None else 0)
        if job.role is AgentRole.Defender and spec.task.rewards.false_positive:
            wrongs.append(false_positives_of(result, me, spec.task.rewards, _scores(arrangement)))

    told = evaluate(arrangement, job.episodes, job.seed, networks=job.networks, progress=note)
    return Row(
        job.said,
        job.role,
        told.scenario,
        job.opponents,
        job.trained,
        told,
        per_hundred(wrongs, actions) if wrongs and any(actions) else None,
        mean(actions) if job.role is AgentRole.Benign else None,
    )


def _scores(arrangement: Arrangement) -> Mapping[str, Any]:
    """What the subject has been told at the end of the episode besides who won, where there are scores."""
    seat = arrangement.agents[arrangement.subject].seat
    return {} if seat is None else seat.observation.info.get("scores", {})


def false_positives_of(
    result: Result, seat: int, rewards: Rewards, scores: Mapping[str, Any] | None = None
) -> int:
    """How often a defender's blocks kept a benign user from something, from what it was paid.

    Where `scores` were told, these say so. Otherwise, a defender's return is the reward of its steps, that of
    its success or failure, and that of a false positive for each; the last one must not be 0.
    """
    if scores and "false_positives" in scores:
        return int(scores["false_positives"])
    won = result.statuses[seat] == AgentStatus.Success.value
    rest = (
        result.returns[seat] - rewards.step * result.steps[seat] - (rewards.success if won else rewards.fail)
    )
    return round(rest / rewards.false_positive)


def per_hundred(events: Sequence[int], chances: Sequence[int]) -> Figure:
    """Events for 100 chances over episodes, with the interval of a ratio of means. There must be a chance.

    W. G. Cochran, Sampling Techniques, 1977, section 2.11. Without any event it is what a Poisson process
    would have shown in one case of 40.
    """
    count, ratio = len(events), sum(events) / sum(chances)
    if not any(events):
        return Figure(0.0, 0.0, 100 * -math.log(0.025) / sum(chances))
    half = 0.0
    if count > 1:
        squares = math.fsum((e - ratio * c) ** 2 for e, c in zip(events, chances, strict=True))
        half = Z * math.sqrt(squares / (count * (count - 1))) / (sum(chances) / count)
    return Figure(100 * ratio, 100 * max(0.0, ratio - half), 100 * (ratio + half))
