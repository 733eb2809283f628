"""Episodes on generated networks: another one each time, of a suite or out of recipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.agents.arrangement import Arrangement, arrange
from netsiege.agents.evaluation import evaluate
from netsiege.agents.learning.table import FILE
from netsiege.agents.learning.training import Plan, Training
from netsiege.agents.networks import HOSTS, Matches, Networks, choose_networks, read_hosts
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError
from netsiege.scenarios.generate import SUITES, recipe_names
from tests.commands import command
from tests.lengths import lasting

SUITE = Networks("unseen-100")
SMALL = Networks(recipes=("office", "plant"), hosts=(8, 12))
ENTRIES = SUITES["unseen-100"]


def arranged(networks: Networks, agent: str = "random-attacker", *opponents: str) -> Arrangement:
    return arrange(choose_agent(agent), opponents, spec=networks.network(0, 0).spec)


def plan_on(networks: Networks | None, algorithm: str = "conceptual", **more: Any) -> Plan:
    return Plan(
        algorithm,
        None,
        None,
        more.pop("opponents", ()),
        more.pop("episodes", 4),
        3,
        networks=networks,
        **more,
    )


# --- which network comes when -------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6))
def test_suite_comes_in_its_order_whatever_the_seed(seed: int, episode: int) -> None:
    made = SUITE.network(seed, episode)
    assert made.topology.name == ENTRIES[episode % 100].name
    assert made.difficulty == ENTRIES[episode % 100].steps


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 10**6), st.integers(5, 30), st.integers(0, 20))
def test_recipes_come_in_turn_with_hosts_as_asked_and_the_same_from_the_same_seed(
    seed: int, episode: int, least: int, more: int
) -> None:
    networks = Networks(recipes=recipe_names(), hosts=(least, least + more))
    made = networks.network(seed, episode)
    assert made == networks.network(seed, episode)
    recipe, hosts, _ = made.topology.name.rsplit("-", 2)
    assert recipe == recipe_names()[episode % len(recipe_names())]
    assert least <= int(hosts) <= least + more
    assert networks.network(seed, episode + len(recipe_names())).topology.name != made.topology.name


def test_another_seed_gives_other_networks_of_a_recipe() -> None:
    assert SMALL.network(1, 0).topology != SMALL.network(2, 0).topology


@pytest.mark.parametrize(("said", "hosts"), [("5", (5, 5)), ("8-50", (8, 50)), ("5000", (5000, 5000))])
def test_hosts_are_a_number_or_from_and_to(said: str, hosts: tuple[int, int]) -> None:
    assert read_hosts(said) == hosts


@pytest.mark.parametrize("said", ["", "4", "9-8", "8-5001", "8-", "a", "8-9-10", "\n8", "8\x1b"])
def test_other_hosts_are_refused(said: str) -> None:
    with pytest.raises(ConfigError, match=r"--hosts: '.*' is neither N nor N-M from 5 to 5000"):
        read_hosts(said)


def test_options_choose_networks() -> None:
    assert choose_networks(None, (), None, has_scenario=True) is None
    assert choose_networks("unseen-30", (), None, has_scenario=False) == Networks("unseen-30")
    made = choose_networks(None, ("office",), None, has_scenario=False)
    assert made == Networks(recipes=("office",), hosts=HOSTS)


def test_recipe_that_makes_no_network_so_small_is_refused_at_once(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "scenarios/data/recipes/office.yaml").read_text()
    extra = "".join(f"  more{i}: {{share: 1, services: {{ssh: 1}}}}\n" for i in range(5))
    path = tmp_path / "many.yaml"
    path.write_text(text.replace("\nfirewall:", f"{extra}\nfirewall:"))
    with pytest.raises(ConfigError, match="office: 8 hosts are too few for 10 roles"):
        Networks(recipes=(str(path),))


# --- evaluation ---------------------------------------------------------------------------------------------


def test_each_episode_is_on_its_network_and_all_agents_are_seated_anew() -> None:
    arrangement = arranged(SUITE, "random-attacker", "random-defender")
    matches = Matches(arrangement, 1, SUITE)
    for episode in (0, 1, 2, 101):
        match, steps = matches.of(episode)
        spec = match.tables.spec
        assert spec.topology.name == ENTRIES[episode % 100].name
        assert steps == ENTRIES[episode % 100].steps
        assert spec.task.seats == (("Attacker", 1), ("Defender", 1))
        assert spec.task.pacing == arrangement.spec.task.pacing
        goals = {agent.seat.goal_description for agent in arrangement.agents if agent.seat is not None}
        assert {role.goal_description for role in spec.task.roles if role.role != "Benign"} == goals


def test_without_networks_all_episodes_are_of_one_match() -> None:
    arrangement = arrange(choose_agent("random-attacker"))
    matches = Matches(arrangement, 1)
    assert matches.of(0)[0] is matches.of(5)[0]
    assert matches.of(0)[1] is None


def test_evaluation_on_a_suite_tells_levels_that_add_up_and_is_the_same_again() -> None:
    told, again = (evaluate(arranged(SUITE, "scripted-attacker"), 4, 7, networks=SUITE) for _ in range(2))
    assert told == again
    assert told.scenario == "unseen-100"
    assert [level.steps for level in told.levels] == sorted({entry.steps for entry in ENTRIES[:4]})
    assert sum(level.episodes for level in told.levels) == told.episodes == 4
    assert sum(level.wins for level in told.levels) == told.wins > 0
    plain = told.as_dict()
    assert [level["shortest_attack"] for level in plain["by_difficulty"]] == [8, 14, 17]
    assert plain["by_difficulty"][0]["episodes"] == told.levels[0].episodes


def test_evaluation_on_one_scenario_has_no_levels() -> None:
    told = evaluate(arrange(choose_agent("random-attacker")), 2, 7)
    assert told.levels == ()
    assert "by_difficulty" not in told.as_dict()


# --- training -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "opponents"),
    [("conceptual", ()), ("q-learning", ("scripted-defender",)), ("q-defender", ("scripted-attacker",))],
)
def test_training_on_new_networks_is_the_same_again_and_goes_on(
    tmp_path: Path, algorithm: str, opponents: tuple[str, ...]
) -> None:
    plan = plan_on(SMALL, algorithm, opponents=opponents)
    for name in ("once", "again"):
        training = Training.start(plan, tmp_path / name)
        assert training.run()
        assert training.where == "networks of office, plant"
        assert len(training.learner.table) > 0
    once, again = ((tmp_path / name / FILE).read_bytes() for name in ("once", "again"))
    assert once == again
    longer = Training.resume(plan, tmp_path / "once")
    assert longer.done
    assert longer.plan.networks == SMALL


def test_training_that_was_begun_elsewhere_is_refused(tmp_path: Path) -> None:
    Training.start(plan_on(SMALL, episodes=1), tmp_path).run()
    for other in (None, Networks("unseen-100"), Networks(recipes=("office", "plant"), hosts=(8, 13))):
        with pytest.raises(ConfigError, match="begun with another networks"):
            Training.resume(plan_on(other, episodes=1), tmp_path)


def test_model_of_a_training_without_networks_says_nothing_of_them(tmp_path: Path) -> None:
    Training.start(plan_on(None, episodes=1), tmp_path).run()
    assert "networks" not in json.loads((tmp_path / FILE).read_text())["plan"]


@pytest.mark.soak
def test_conceptual_learner_gets_better_at_networks_that_it_has_not_seen(tmp_path: Path) -> None:
    easy = Networks(recipes=("office",), hosts=(8, 12))
    plan = plan_on(easy, episodes=lasting(400, 700))
    Training.start(plan, tmp_path).run()
    before, after = (
        evaluate(
            arrange(choose_agent("conceptual", **model), spec=easy.network(9, 0).spec), 100, 9, networks=easy
        )
        for model in ({}, {"model": str(tmp_path)})
    )
    assert after.win_rate.value > before.win_rate.value
    assert after.mean_steps.high < before.mean_steps.low


# --- the commands -------------------------------------------------------------------------------------------


def test_commands_train_on_a_recipe_and_evaluate_on_a_suite(tmp_path: Path) -> None:
    words = ("train", "conceptual", "--recipe", "office", "--hosts", "8-12", "--episodes", 2)
    trained = command(*words, "--out", "model", "--json", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    plan = json.loads((tmp_path / "model" / FILE).read_text())["plan"]
    assert plan["networks"] == {"suite": "", "recipes": ["office"], "hosts": [8, 12]}
    words = ("evaluate", "conceptual", "--model", "model", "--suite", "unseen-100", "--episodes", 2)
    told = json.loads(command(*words, "--json", cwd=tmp_path).stdout)
    assert (told["scenario"], told["episodes"]) == ("unseen-100", 2)
    assert sum(level["episodes"] for level in told["by_difficulty"]) == 2
    assert "by steps of the shortest attack" in command(*words, cwd=tmp_path).stdout


def test_training_on_a_suite_is_told_that_it_is_not_unseen_any_more(tmp_path: Path) -> None:
    words = ("train", "conceptual", "--suite", "unseen-100", "--episodes", 1, "--out", "model")
    assert "unseen-100 is not unseen: say so with its figures" in command(*words, cwd=tmp_path).stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--suite", "unsen-100"), "suite: there is none called 'unsen-100'; nearest: unseen-100"),
        (("--recipe", "ofice"), "recipe: there is none called 'ofice'; nearest: office"),
        (("--suite", "unseen-100", "--scenario", "two_networks"), "--suite: says where to play, and so do "),
        (("--recipe", "office", "--task", "two_networks"), "--recipe: says where to play, and so do "),
        (("--suite", "unseen-100", "--recipe", "office"), "--suite: has networks of its own"),
        (("--suite", "unseen-100", "--hosts", "9"), "--suite: has networks of its own"),
        (("--hosts", "9"), "--hosts: says how large networks out of a recipe are; write --recipe too"),
        (("--recipe", "office", "--hosts", "9-8"), "--hosts: '9-8' is neither N nor N-M from 5 to 5000"),
    ],
)
@pytest.mark.parametrize("verb", [("evaluate", "conceptual"), ("train", "conceptual", "--out", "model")])
def test_mistake_in_the_options_is_told(
    tmp_path: Path, verb: tuple[str, ...], words: tuple[str, ...], said: str
) -> None:
    done = command(*verb, *words, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"netsiege: {said}" in done.stderr
