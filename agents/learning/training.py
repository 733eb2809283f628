"""Training: episodes inside this process, a model that is saved again and again, and a log of how it went.

An episode's draws come from the training's seed and the episode's number alone, and a model is saved between
episodes only. So a training that was interrupted, however, goes on from its last checkpoint as if it had not
been: equal plans give equal models, to the byte.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import define, field, frozen

from netsiege.agents.arrangement import Arrangement, arrange
from netsiege.agents.learning.learner import TabularLearner
from netsiege.agents.learning.table import FILE, Table
from netsiege.agents.networks import Matches, Networks
from netsiege.agents.registry import choose_agent, list_agents
from netsiege.engine.streams import derive
from netsiege.errors import ConfigError
from netsiege.files import replace_file
from netsiege.game import AgentRole, AgentStatus
from netsiege.protocol import Result

LOG_FILE: Final = "log.jsonl"
WINDOW: Final = 100
"""Episodes that one line of the log is about."""
CHECKPOINT_EVERY: Final = 1_000
"""Episodes after which the model is saved."""
LINEAR, EXPONENTIAL, CONSTANT = "linear", "exponential", "constant"
SCHEDULES: Final = (LINEAR, EXPONENTIAL, CONSTANT)


@frozen
class Plan:
    """What decides what is learned: two trainings of one plan are the same."""

    algorithm: str
    scenario: str | None
    task: str | None
    opponents: tuple[str, ...]
    episodes: int
    seed: int
    rate: float = field()
    """Like `discount`, the algorithm's own unless said."""
    discount: float = field()
    schedule: str = LINEAR
    epsilon_start: float = 1.0
    epsilon_end: float = 0.02
    explore: float = 0.6
    """The share of the episodes over which ε falls."""
    readdressed: bool = False
    networks: Networks | None = None
    """Each episode is played on the next of these, instead of on a scenario."""
    ruleset: str | None = None
    """Instead of the task's."""

    @rate.default
    def _(self) -> float:
        return _default_of(self.algorithm, "rate", 0.1)

    @discount.default
    def _(self) -> float:
        return _default_of(self.algorithm, "discount", 0.95)

    def epsilon(self, episode: int) -> float:
        """The share of explorations among the moves of an episode."""
        if self.schedule == CONSTANT:
            return self.epsilon_start
        done = min(1.0, episode / max(1.0, self.explore * self.episodes))
        if self.schedule == LINEAR:
            return self.epsilon_start + done * (self.epsilon_end - self.epsilon_start)
        ratio = max(self.epsilon_end, 1e-9) / max(self.epsilon_start, 1e-9)
        return self.epsilon_start * math.exp(done * math.log(ratio))

    def arrange(self) -> Arrangement:
        """The learner and its opponents. Raises `ConfigError`."""
        choice = choose_agent(self.algorithm)
        if not issubclass(choice.cls, TabularLearner):
            learners = ", ".join(each.name for each in list_agents() if "rate" in each.parameters)
            raise ConfigError(f"{self.algorithm!r} does not learn; what does: {learners}")
        choice = attrs.evolve(choice, parameters={"rate": self.rate, "discount": self.discount})
        made = arrange(
            choice,
            self.opponents,
            scenario=self.scenario,
            task=self.task,
            spec=None if self.networks is None else self.networks.network(self.seed, 0).spec,
            readdressed=self.readdressed,
            ruleset=self.ruleset,
        )
        if all(agent.role is not AgentRole.Attacker for agent in made.agents):
            said = "learns from attacks, and nobody attacks; add an attacker: --opponent scripted-attacker"
            raise ConfigError(f"{self.algorithm} {said}")
        return made


def _default_of(algorithm: str, name: str, otherwise: float) -> float:
    """What an algorithm says of one of its parameters. Raises `ConfigError` if there is no such agent."""
    declared = choose_agent(algorithm).cls.parameters.get(name)
    return otherwise if declared is None else float(declared.default)


@define
class _Window:
    """Sums over the episodes since the last line of the log."""

    episodes: int = 0
    wins: int = 0
    total_return: float = 0.0
    steps: int = 0

    def add(self, result: Result, seat: int) -> None:
        self.episodes += 1
        self.wins += result.statuses[seat] == AgentStatus.Success.value
        self.total_return += result.returns[seat]
        self.steps += result.steps[seat]

    def line(self, episode: int, epsilon: float, values: int) -> dict[str, Any]:
        return {
            "episode": episode,
            "epsilon": round(epsilon, 6),
            "win_rate": self.wins / self.episodes,
            "mean_return": self.total_return / self.episodes,
            "mean_steps": self.steps / self.episodes,
            "values": values,
        }


@define(eq=False)
class Training:
    """One training in a folder: `model.json`, `log.jsonl`. Use `start` or `resume`, then `run`."""

    plan: Plan
    folder: Path
    learner: TabularLearner[Any]
    arrangement: Arrangement
    episode: int = 0
    """Episodes that were learned from."""
    lines: list[dict[str, Any]] = field(factory=list)
    """The log."""

    @classmethod
    def start(cls, plan: Plan, folder: Path) -> Training:
        """A new one. Raises `ConfigError` if the plan is none, or the folder has a model already."""
        if (folder / FILE).exists():
            raise ConfigError(f"{folder}: there is a model already; --resume goes on with it")
        return cls._of(plan, folder)

    @classmethod
    def resume(cls, plan: Plan, folder: Path) -> Training:
        """Goes on from the last checkpoint. Raises `ConfigError` if it was begun with another plan."""
        table, about = Table.load(folder)
        made = cls._of(plan, folder)
        begun, asked = about.get("plan"), _plain(plan)
        if begun != asked:
            raise ConfigError(f"{folder}: the training was begun with another {_differences(begun, asked)}")
        made.learner.table, made.episode = table, int(about["episode"])
        made.lines = _read_log(folder / LOG_FILE, made.episode)
        return made

    @classmethod
    def _of(cls, plan: Plan, folder: Path) -> Training:
        arrangement = plan.arrange()
        learner = arrangement.agents[arrangement.subject]
        assert isinstance(learner, TabularLearner)
        return cls(plan, folder, learner, arrangement)

    @property
    def where(self) -> str:
        """What is played on, in a word."""
        networks = self.plan.networks
        return self.arrangement.spec.topology.name if networks is None else networks.label

    @property
    def done(self) -> bool:
        """Whether all episodes were played."""
        return self.episode >= self.plan.episodes

    def run(
        self,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int, Result], None] = lambda _episode, _result: None,
    ) -> bool:
        """Trains to the end, or until `stop()`, which is asked between windows; True at the end.

        Either way the folder has everything that was learned. Raises `ConfigError` if it cannot be written.
        """
        matches = Matches(self.arrangement, self.plan.seed, self.plan.networks)
        self.learner.training = True
        self.save()
        while not self.done and not stop():
            self._play_window(matches, progress)
            if self.episode % CHECKPOINT_EVERY == 0:
                self.save()
        self.save()
        return self.done

    def _play_window(self, matches: Matches, progress: Callable[[int, Result], None]) -> None:
        """Plays until there is another line of the log."""
        window = _Window()
        while not self.done and (self.episode % WINDOW or not window.episodes):
            result = self._play(matches)
            window.add(result, self.arrangement.subject)
            progress(self.episode, result)
        epsilon = self.plan.epsilon(self.episode - 1)
        self.lines.append(window.line(self.episode, epsilon, len(self.learner.table)))

    def _play(self, matches: Matches) -> Result:
        seed, number = self.plan.seed, self.episode
        match, _ = matches.of(number)
        for i, agent in enumerate(self.arrangement.agents):
            agent.rng.seed(derive(seed, f"train/{number}/agent/{i}"))
        self.learner.epsilon = self.plan.epsilon(number)
        drawn = derive(seed, f"train/{number}")
        result = match.play_episode(seed=drawn, randomize_topology=self.plan.readdressed)
        self.episode += 1
        return result

    def save(self) -> None:
        """Writes the log, then the model: a log that is ahead of its model is cut when it is read."""
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / LOG_FILE, "".join(json.dumps(line) + "\n" for line in self.lines), 0o644)
        about = {"algorithm": self.learner.algorithm, "episode": self.episode, "plan": _plain(self.plan)}
        self.learner.table.save(self.folder, about)


_LATER: Final = ("networks", "ruleset")


def _plain(plan: Plan) -> dict[str, Any]:
    told = {**attrs.asdict(plan), "opponents": list(plan.opponents)}
    told["networks"] = None if plan.networks is None else plan.networks.as_dict()
    # without these, a model says what it has always said
    return {name: value for name, value in told.items() if name not in _LATER or value is not None}


def _differences(begun: object, asked: dict[str, Any]) -> str:
    """What of a plan was otherwise, and how."""
    if not isinstance(begun, dict):
        return "all"
    names = [name for name in {**asked, **begun} if begun.get(name) != asked.get(name)]
    return ", ".join(f"{name} ({begun.get(name)!r})" for name in names)


def _read_log(path: Path, episode: int) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if line["episode"] <= episode]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{path}: this is no log of a training: {error}") from None
