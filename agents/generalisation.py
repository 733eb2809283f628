"""How attackers do where they have been, and where not: by each ruleset, alone and against defenders.

They play on one network; on the same under other addresses, drawn anew for each episode; and on the networks
of a suite, which nobody has seen. Those that learn are trained for it, alone and by the same ruleset: on that
network for the first two, and on other networks out of the suite's recipes for the last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from netsiege.agents.arrangement import arrange
from netsiege.agents.comparison import Conditions, bundled_agents, lacks_endpoint, learns, training_networks
from netsiege.agents.comparison_run import do_all
from netsiege.agents.comparison_table import Section, percent
from netsiege.agents.evaluation import Evaluation, evaluate
from netsiege.agents.learning.training import Plan, Training
from netsiege.agents.networks import Networks
from netsiege.agents.parameters import settle
from netsiege.agents.registry import AgentChoice, choose_agent
from netsiege.engine.streams import derive
from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.scenarios import load_spec
from netsiege.scenarios.model import NETSECGAME, SIEGE

MARKS: Final = ("<!-- generalisation -->", "<!-- /generalisation -->")
SCENARIO: Final = "two_networks"
SUITE: Final = "unseen-100"
DEFENDERS: Final = {NETSECGAME: ("scripted-defender",), SIEGE: ("scripted-defender", "responder")}
"""By ruleset: the responder needs responses, and plays like the scripted one where there are none."""
NOBODY: Final = "nobody"
PLACES: Final = ("seen", "re-addressed", "unseen")


@frozen
class Terms(Conditions):
    """What is the same for all attackers. `scenarios` are two: a network, and a suite."""

    scenarios: tuple[str, ...] = (SCENARIO, SUITE)
    episodes: int = 200
    planner_episodes: int = 10
    unseen_train_episodes: int = 300
    """On networks out of the suite's recipes: episodes there take longer than on the one network."""


@frozen
class Trial:
    """One attacker by one ruleset: all that it plays."""

    number: int
    said: str
    ruleset: str
    conditions: Terms

    @property
    def choice(self) -> AgentChoice:
        """The agent."""
        return choose_agent(self.said, AgentRole.Attacker)

    @property
    def episodes(self) -> int:
        """In each place; on a suite no more than it has networks."""
        return self.conditions.episodes_for(self.said.partition(",")[0], self.choice.cls)

    @property
    def opponents(self) -> tuple[str, ...]:
        """Each of them alone; nobody first."""
        return (NOBODY, *DEFENDERS[self.ruleset])

    def seed(self, what: str) -> int:
        """Of a training, the same whoever is trained, or of evaluations."""
        return derive(self.conditions.seed, f"generalise/{what}")


@frozen
class Line:
    """What an attacker has achieved by a ruleset against somebody, in the order of `PLACES`."""

    said: str
    ruleset: str
    defender: str
    told: tuple[Evaluation, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain: dict[str, Any] = {"agent": self.said, "ruleset": self.ruleset, "defender": self.defender}
        return plain | {
            place: each.as_dict() | {"agent": self.said}
            for place, each in zip(PLACES, self.told, strict=True)
        }


@frozen
class Generalisation:
    """What came of it, in the order of agents, rulesets and defenders."""

    conditions: Terms
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON. Equal conditions give equal ones."""
        asked = self.conditions
        return {
            "seed": asked.seed,
            "scenario": asked.scenarios[0],
            "suite": asked.scenarios[1],
            "train_episodes": asked.train_episodes,
            "unseen_train_episodes": asked.unseen_train_episodes,
            "lines": [line.as_dict() for line in self.lines],
        }


def conditions_of(scenario: str, suite: str, seed: int, counts: Mapping[str, int | None]) -> Terms:
    """The usual ones with what is said; a count that is None is not. Raises `ConfigError`."""
    load_spec(None, scenario)  # before anything is trained
    said: dict[str, Any] = {name: count for name, count in counts.items() if count is not None}
    return Terms(scenarios=(scenario, suite), seed=seed, **said)


def plan_trials(conditions: Terms | None = None, agents: Sequence[str] = ()) -> tuple[Trial, ...]:
    """Of these attackers, or of all bundled ones that can play. Raises `ConfigError`."""
    choices = [choose_agent(said) for said in dict.fromkeys(agents or bundled_agents())]
    wrong = [each.said for each in choices if AgentRole.Attacker not in each.cls.plays]
    if agents and wrong:
        raise ConfigError([f"--agent: {said!r} does not attack" for said in wrong])
    able = [each.said for each in choices if each.said not in wrong and not lacks_endpoint(each)]
    pairs = [(said, ruleset) for said in able for ruleset in DEFENDERS]
    return tuple(Trial(number, *pair, conditions or Terms()) for number, pair in enumerate(pairs))


def try_out(trial: Trial, folder: Path) -> tuple[Line, ...]:
    """Trains the attacker if it learns, its models in `folder`, and plays. Equal trials give equal lines."""
    scenario, suite = trial.conditions.scenarios
    here, there = _trained(trial, scenario, folder), _trained(trial, suite, folder)
    return tuple(
        Line(
            trial.said,
            trial.ruleset,
            defender,
            (
                _play(trial, here, defender),
                _play(trial, here, defender, readdressed=True),
                _play(trial, there, defender, networks=Networks(suite)),
            ),
        )
        for defender in trial.opponents
    )


def _trained(trial: Trial, where: str, folder: Path) -> AgentChoice:
    """The attacker as it plays there."""
    choice = trial.choice
    if not learns(choice):
        return choice
    told = settle(trial.said, choice.cls.parameters, choice.parameters)
    networks = training_networks(where)
    plan = Plan(
        trial.said,
        where if networks is None else None,
        None,
        (),
        trial.conditions.train_episodes if networks is None else trial.conditions.unseen_train_episodes,
        trial.seed("train"),
        rate=told["rate"],
        discount=told["discount"],
        networks=networks,
        ruleset=trial.ruleset,
    )
    model = folder / f"model-{trial.number}-{'seen' if networks is None else 'unseen'}"
    Training.start(plan, model).run()
    return choose_agent(trial.said, AgentRole.Attacker, model=str(model))


def _play(
    trial: Trial,
    choice: AgentChoice,
    defender: str,
    *,
    readdressed: bool = False,
    networks: Networks | None = None,
) -> Evaluation:
    seed = trial.seed("evaluate")
    arrangement = arrange(
        choice,
        () if defender == NOBODY else (defender,),
        scenario=trial.conditions.scenarios[0] if networks is None else None,
        spec=None if networks is None else networks.network(seed, 0).spec,
        readdressed=readdressed,
        ruleset=trial.ruleset,
    )
    episodes = trial.episodes
    if networks is not None and networks.count is not None:
        episodes = min(episodes, networks.count)
    return evaluate(arrangement, episodes, seed, readdressed=readdressed, networks=networks)


def run_trials(
    trials: Sequence[Trial], processes: int, progress: Callable[[str], None] = lambda _line: None
) -> Generalisation:
    """Does all. Equal trials give the same, whatever `processes`. Raises `SiegeError` if one of them dies."""
    lines: dict[int, tuple[Line, ...]] = {}
    # those of few episodes think long, and those that learn are trained: the long ones first
    jobs = sorted(trials, key=lambda each: (each.episodes, not learns(each.choice), each.number))
    with closing(do_all(jobs, try_out, _label, processes, progress)) as results:
        for trial, made, took_s in results:
            lines[trial.number] = made
            progress(f"[{len(lines)} of {len(jobs)}] {_label(trial)}; {took_s:.1f} s")
    asked = trials[0].conditions if trials else Terms()
    return Generalisation(asked, tuple(line for number in sorted(lines) for line in lines[number]))


def _label(trial: Trial) -> str:
    return f"{trial.said} by {trial.ruleset}"


def sections(told: Generalisation) -> tuple[Section, ...]:
    """The one table: a row for every attacker, ruleset and defender, without what the row above says."""
    scenario, suite = told.conditions.scenarios
    headings = ("attacker", "ruleset", "against", scenario, f"{scenario}, re-addressed", suite)
    rows = [
        (line.said, line.ruleset, line.defender, *(percent(each.win_rate) for each in line.told))
        for line in told.lines
    ]
    above = [("", "", ""), *(row[:3] for row in rows)]
    lines = tuple(
        ("" if row[0] == last[0] else row[0], "" if row[:2] == last[:2] else row[1], *row[2:])
        for row, last in zip(rows, above, strict=False)
    )
    return (Section(_title(told), headings, lines, texts=3),)


def _title(told: Generalisation) -> str:
    seen = "Wins of attackers, on a network, the same under other addresses, and networks that none has seen"
    names = [said for said in dict.fromkeys(line.said for line in told.lines) if learns(choose_agent(said))]
    if not names:
        return seen
    asked = told.conditions
    counts = f"{asked.train_episodes:,} episodes, for unseen ones {asked.unseen_train_episodes:,} on others"
    return f"{seen}; trained before, for {counts}: {', '.join(names)}"


def notes(told: Generalisation) -> str:
    """What a reader of the table has to know besides, in a line."""
    counts = {line.said: tuple(each.episodes for each in line.told) for line in told.lines}
    most = max(counts.values(), default=(0,) * len(PLACES))
    others = [f"{_and(count)} of {said}" for said, count in counts.items() if count != most]
    episodes = "; ".join([f"Episodes: {_and(most)}", *others])
    return f"In brackets: 95% intervals. {episodes}. Seed {told.conditions.seed}."


def _and(counts: Sequence[int]) -> str:
    return " / ".join(f"{count:,}" for count in counts)
