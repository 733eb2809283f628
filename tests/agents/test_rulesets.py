"""Agents by another ruleset: where that is asked for, and what changes where actions fail by chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.agents.arrangement import Arrangement, arrange
from netsiege.agents.attackers.trail import Trail
from netsiege.agents.chance import PATIENCE
from netsiege.agents.comparison import Conditions, measure, plan_comparison
from netsiege.agents.comparison_table import markdown_of
from netsiege.agents.defenders.watch import LOOK, Watch
from netsiege.agents.evaluation import evaluate
from netsiege.agents.generalisation import (
    DEFENDERS,
    MARKS,
    conditions_of,
    notes,
    plan_trials,
    run_trials,
    sections,
)
from netsiege.agents.learning.campaign import Campaign
from netsiege.agents.learning.training import Plan, Training
from netsiege.agents.networks import Matches, Networks
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError
from netsiege.game import IP, Action, ActionType, GameState, Network
from netsiege.options import play_setup
from netsiege.scenarios import load_spec, under
from netsiege.scenarios.model import NETSECGAME, RULESETS, SIEGE, SiegeRules
from tests.commands import command

HOME, OTHER = IP("10.0.0.1"), IP("10.0.0.2")
NET = Network("10.0.0.0", 24)
STATE = GameState(controlled_hosts={HOME}, known_hosts={HOME, OTHER}, known_networks={NET})
TRIES = [
    Action(ActionType.ScanNetwork, {"source_host": HOME, "target_network": NET}),
    Action(ActionType.FindServices, {"source_host": HOME, "target_host": OTHER}),
    Action(ActionType.FindData, {"source_host": HOME, "target_host": HOME}),
]
SUITE = Networks("unseen-100")


def arranged(agent: str, *opponents: str, ruleset: str | None = SIEGE, **more: Any) -> Arrangement:
    where = {} if "spec" in more else {"scenario": "two_networks"}
    return arrange(choose_agent(agent), opponents, ruleset=ruleset, **where, **more)


# --- where it is asked for ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ruleset", RULESETS)
def test_spec_that_comes_from_no_file_is_played_by_the_ruleset_asked_for(ruleset: str) -> None:
    spec = SUITE.network(0, 0).spec
    made = under(spec, ruleset)
    assert (made.task.ruleset, made.task.rules) == (ruleset, SiegeRules() if ruleset == SIEGE else None)
    services = [service for host in made.topology.hosts for service in host.services]
    assert any(service.vulnerabilities for service in services) == (ruleset == SIEGE)
    assert under(made, NETSECGAME).task == spec.task
    assert under(spec, None) == spec


def test_ruleset_that_is_none_is_told_with_those_that_there_are() -> None:
    for ask in (
        lambda: under(SUITE.network(0, 0).spec, "seige-1"),
        lambda: arranged("scripted-attacker", ruleset="seige-1"),
        lambda: play_setup(None, None, None, None, None, "seige-1"),
    ):
        with pytest.raises(ConfigError) as caught:
            ask()
        assert caught.value.problems == ("options: ruleset: 'seige-1' is not one of netsecgame, siege-1",)


def test_all_networks_of_an_arrangement_are_played_by_its_ruleset() -> None:
    made = arranged("scripted-attacker", spec=SUITE.network(0, 0).spec)
    matches = Matches(made, 1, SUITE)
    for episode in range(3):
        match, _ = matches.of(episode)
        assert match.tables.ruleset == SIEGE
    # without what is known of its services nothing could be exploited, and nobody could win
    assert evaluate(made, 3, 1, networks=SUITE).wins > 0


def test_figures_depend_on_the_ruleset() -> None:
    told = [evaluate(arranged("scripted-attacker", ruleset=each), 12, 3) for each in (*RULESETS, None)]
    assert told[0] == told[2]
    assert told[1].mean_steps.value > told[0].mean_steps.value


def test_play_is_by_the_ruleset_asked_for() -> None:
    assert play_setup(None, "two_networks", None, None, None, SIEGE)[0].task.ruleset == SIEGE
    assert play_setup(None, "two_networks", None, None, None)[0].task.ruleset == NETSECGAME


def test_training_keeps_its_ruleset_and_goes_on_by_no_other(tmp_path: Path) -> None:
    plan = Plan("q-learning", "two_networks_tiny", None, (), 3, 1, ruleset=SIEGE)
    Training.start(plan, tmp_path / "siege").run()
    assert json.loads((tmp_path / "siege" / "model.json").read_text())["plan"]["ruleset"] == SIEGE
    with pytest.raises(ConfigError, match="ruleset \\('siege-1'\\)"):
        Training.resume(attrs.evolve(plan, ruleset=None), tmp_path / "siege")
    Training.start(attrs.evolve(plan, ruleset=None), tmp_path / "usual").run()
    assert "ruleset" not in json.loads((tmp_path / "usual" / "model.json").read_text())["plan"]


@pytest.mark.soak
def test_commands_take_a_ruleset(tmp_path: Path) -> None:
    words = ("q-learning", "--scenario", "two_networks_tiny", "--ruleset", SIEGE)
    trained = command("train", *words, "--episodes", 20, "--out", "model", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    told = command("evaluate", *words, "--model", "model", "--episodes", 5, "--json", cwd=tmp_path)
    assert json.loads(told.stdout)["episodes"] == 5, told.stderr
    words = ("play", "--ruleset", SIEGE, "--attacker", "scripted-attacker", "--defender", "responder")
    assert json.loads(command(*words, "--episodes", 2, "--json", cwd=tmp_path).stdout)["episodes"] == 2
    words = ("bench", "agents", "--quick", "--agent", "responder", "--suite", "unseen-100")
    told = command(*words, "--ruleset", SIEGE, "--episodes", 3, "--processes", 1, cwd=tmp_path)
    assert "unseen-100" in told.stdout
    assert "ruleset siege-1" in told.stdout
    for words in (("evaluate", "responder"), ("bench", "agents"), ("play",)):
        told = command(*words, "--ruleset", "siege1", cwd=tmp_path)
        assert told.returncode == 2
        assert told.stderr.endswith("ruleset: 'siege1' is not one of netsecgame, siege-1\n")


def test_comparison_on_a_suite_trains_on_other_networks(tmp_path: Path) -> None:
    conditions = Conditions(("unseen-100",), SIEGE, episodes=2, train_episodes=1)
    [job] = plan_comparison(conditions, ["conceptual"]).jobs
    networks = job.plan.networks
    assert networks is not None
    assert (networks.recipes, networks.hosts) == (("office", "fortress", "plant"), (8, 50))
    assert networks.suite == ""
    row = measure(job, tmp_path)
    assert row.told is not None
    assert (row.scenario, row.told.episodes) == ("unseen-100", 2)


def test_false_positives_under_siege_are_those_of_the_scores(tmp_path: Path) -> None:
    conditions = Conditions(("two_networks",), SIEGE, episodes=4)
    [job] = plan_comparison(conditions, ["responder,caution=0.2"]).jobs
    row = measure(job, tmp_path)
    made = job.arrange()
    counted: list[int] = []
    guard = made.agents[made.subject]

    def count(_result: object) -> None:
        assert guard.seat is not None
        counted.append(guard.seat.observation.info["scores"]["false_positives"])

    evaluate(made, job.episodes, job.seed, progress=count)
    assert row.false_positives is not None
    assert sum(counted) > 0
    assert row.false_positives.value > 0


# --- what has failed may succeed yet ------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.sampled_from(TRIES), st.integers(1, 5))
def test_action_that_teaches_nothing_is_tried_as_patience_says(action: Action, patience: int) -> None:
    trail = Trail(STATE, STATE.controlled_hosts, patience=patience)
    for number in range(1, patience + 1):
        assert action not in trail.tried
        trail.note(action)
        trail.observe(STATE)
        assert (action in trail.tried) == (number == patience)
        assert bool(trail.scans) == (action is TRIES[0] and number == patience)


@given(st.sampled_from(TRIES[1:]))
def test_action_that_teaches_something_counts_as_tried(action: Action) -> None:
    trail = Trail(STATE, STATE.controlled_hosts, patience=PATIENCE)
    trail.note(action)
    trail.observe(GameState(known_networks={NET}, known_hosts={HOME, OTHER, IP("10.0.0.3")}))
    assert action in trail.tried


@pytest.mark.parametrize("patience", [1, 3])
def test_learners_offer_what_fails_again_as_often_as_patience_says(patience: int) -> None:
    campaign, count = Campaign(patience=patience), 0
    while moves := [m for kind, ms in campaign.options(STATE)[1].items() if kind[0] == 1 for m in ms]:
        campaign.note(moves[0])
        count += 1
        assert count < 9
    assert count == patience
    watch, looks = Watch(frozenset(), patience), 0
    while moves := [m for kind, ms in watch.options(STATE)[1].items() if kind[0] == LOOK for m in ms]:
        watch.note(moves[0])
        looks += 1
        assert looks < 9
    assert looks == patience


def test_scripted_attacker_insists_where_actions_fail_by_chance() -> None:
    told = evaluate(arranged("scripted-attacker"), 40, 5)
    assert told.wins >= 38
    assert told.mean_steps.value < 20


# --- the table of both rulesets -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trials():
    conditions = conditions_of(
        "two_networks_tiny", "unseen-100", 0, {"episodes": 2, "train_episodes": 2, "planner_episodes": None}
    )
    return plan_trials(conditions, ["scripted-attacker"])


def test_generalisation_has_a_line_for_each_ruleset_and_defender(trials) -> None:
    told = run_trials(trials, 1)
    pairs = [(ruleset, who) for ruleset, whos in DEFENDERS.items() for who in ("nobody", *whos)]
    assert [(line.ruleset, line.defender) for line in told.lines] == pairs
    for line in told.lines:
        assert [each.scenario for each in line.told] == ["two_networks_tiny"] * 2 + ["unseen-100"]
    assert json.loads(json.dumps(told.as_dict()))["lines"][0]["seen"]["win_rate"] == 1
    [section] = sections(told)
    assert {len(line) for line in section.lines} == {len(section.headings)}
    assert [line[0] for line in section.lines] == ["scripted-attacker"] + [""] * 4
    assert markdown_of(section).count("\n| ") == 7
    assert "Episodes: 2 / 2 / 2. Seed 0." in notes(told)


def test_only_attackers_are_tried_out() -> None:
    with pytest.raises(ConfigError, match="--agent: 'responder' does not attack"):
        plan_trials(agents=["responder", "scripted-attacker"])
    names = {trial.said for trial in plan_trials()}
    assert {"scripted-attacker", "q-learning", "belief-planner"} <= names
    assert not {"responder", "office-benign"} & names


@pytest.mark.soak
def test_generalisation_is_the_same_whatever_the_number_of_processes(tmp_path: Path) -> None:
    words = ("bench", "generalisation", "--scenario", "two_networks_tiny", "--agent", "q-learning")
    words = (*words, "--episodes", "3", "--train-episodes", "5", "--unseen-train-episodes", "2")
    file = tmp_path / "README.md"
    file.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    texts = []
    for processes in (1, 2):
        told = command(*words, "--processes", processes, "--markdown", file, "--json", cwd=tmp_path)
        assert told.returncode == 0, told.stderr
        texts.append((told.stdout, file.read_text()))
    assert texts[0] == texts[1]
    assert "old" not in texts[0][1]
    assert "| q-learning | netsecgame | nobody |" in texts[0][1]


def test_scenario_that_is_not_there_is_told_before_anything_is_trained() -> None:
    with pytest.raises(ConfigError, match="there is none called 'two_network'"):
        conditions_of("two_network", "unseen-100", 0, {})


def test_ruleset_of_a_file_is_kept_unless_another_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: two_networks\nruleset: siege-1\nrules: {users: false}\n")
    path = str(tmp_path / "mine.yaml")
    rules = arrange(choose_agent("scripted-attacker"), task=path).spec.task.rules
    assert rules == SiegeRules(users=False)
    assert arrange(choose_agent("scripted-attacker"), task=path, ruleset=NETSECGAME).spec.task.rules is None
    assert load_spec(path, ruleset=SIEGE).task.rules == SiegeRules(users=False)
