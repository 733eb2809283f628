"""Matches inside one process, evaluations, and how agents are named with their parameters."""

import json

import pytest

from netsiege.agents.arrangement import arrange
from netsiege.agents.base import BaseAgent
from netsiege.agents.evaluation import evaluate, mean, share
from netsiege.agents.local_match import LocalMatch
from netsiege.agents.parameters import Parameter
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError, ProtocolError
from netsiege.game import Action, ActionType, AgentRole
from netsiege.hub.seating import derive_seed
from netsiege.options import play_setup
from netsiege.scenarios import load_spec
from tests.e2e.conftest import netsiege


def test_local_match_is_the_match_that_a_hub_would_play(tmp_path):
    done = netsiege(
        "play", "--scenario", "two_networks", "--episodes", "3", "--seed", "5", "--json", cwd=tmp_path
    )
    told = json.loads(done.stdout)
    spec, entrants, _ = play_setup(None, "two_networks", None, None, None)
    agents = [choose_agent(each.agent + f"-{each.role.value.lower()}").make(each.role) for each in entrants]
    match = LocalMatch(spec, agents, derive_seed(5, 0))
    for episode in told["results"]:
        result = match.play_episode()
        assert list(result.returns) == episode["returns"]
        assert (result.winner, result.cause) == (episode["winner"], episode["reason"])


def test_agents_of_a_local_match_hear_of_the_start_and_the_end_of_each_episode():
    heard = []

    class Watcher(choose_agent("random-attacker").cls):
        def episode_started(self, observation):
            heard.append(("start", observation.end))

        def episode_ended(self, summary):
            heard.append(("end", summary.episode, summary.steps, summary.total_reward))

    match = LocalMatch(load_spec(scenario="two_networks_tiny"), [Watcher()], 1)
    results = [match.play_episode() for _ in range(3)]
    assert heard[::2] == [("start", False)] * 3
    assert heard[1::2] == [("end", n, r.steps[0], r.returns[0]) for n, r in enumerate(results)]


def test_episode_of_a_seed_is_the_same_whatever_was_played_before():
    spec = load_spec(scenario="two_networks")
    results = []
    for before in (0, 3):
        agent = choose_agent("random-attacker").make()
        match = LocalMatch(spec, [agent], 9)
        for _ in range(before):
            match.play_episode()
        agent.rng.seed(4)
        results.append(match.play_episode(seed=77))
    assert results[0].returns == results[1].returns


def test_action_that_is_none_ends_a_local_match_with_what_is_wrong_about_it():
    class Wrong(BaseAgent):
        def choose_action(self, observation):
            return Action(ActionType.ScanNetwork, {"source_host": "nowhere"})

    with pytest.raises(ProtocolError, match="target_network is missing"):
        LocalMatch(load_spec(scenario="two_networks_tiny"), [Wrong()], 1).play_episode()


# --- evaluations ------------------------------------------------------------------------------------------


def test_share_has_wilsons_interval():
    told = share(8, 10)
    assert (told.value, round(told.low, 4), round(told.high, 4)) == (0.8, 0.4902, 0.9433)
    assert share(0, 5).low == 0.0
    assert share(5, 5).high == 1.0


def test_mean_has_the_normal_interval():
    told = mean([1.0, 2.0, 3.0, 4.0])
    assert told.value == 2.5
    assert told.high - told.value == pytest.approx(1.959964 * 1.290994 / 2, abs=1e-5)
    assert mean([3.0]) == mean([3.0, 3.0])


def test_evaluation_of_one_seed_is_always_the_same_and_of_another_different():
    def measure(seed):
        return evaluate(
            arrange(choose_agent("random-attacker"), scenario="two_networks_tiny"), 50, seed
        ).as_dict()

    assert measure(1) == measure(1) != measure(2)


def test_evaluation_counts_for_the_agent_that_it_is_about():
    arranged = arrange(choose_agent("random-defender"), ["random-attacker"], scenario="two_networks")
    assert [agent.role for agent in arranged.agents] == [AgentRole.Attacker, AgentRole.Defender]
    assert arranged.subject == 1
    told = evaluate(arranged, 20, 1)
    assert told.agent == "random-defender"
    assert told.wins == round(told.win_rate.value * 20)


@pytest.mark.parametrize(
    ("agent", "opponents", "what"),
    [
        ("random-attacker", ["random-attacker"], "plays Attacker only, like the one it is to meet"),
        ("random-attacker", ["nobody"], "there is no agent 'nobody'"),
    ],
)
def test_arrangement_that_cannot_be_is_a_mistake(agent, opponents, what):
    with pytest.raises(ConfigError, match=what):
        arrange(choose_agent(agent), opponents, task="two_networks")


def test_evaluate_prints_figures_with_intervals_and_json(tmp_path):
    done = netsiege("evaluate", "random-attacker", "--episodes", "20", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert told["win_rate_interval"][0] <= told["win_rate"] <= told["win_rate_interval"][1]
    assert {"mean_return", "mean_return_interval", "mean_steps", "mean_steps_interval"} <= told.keys()


def test_train_makes_a_model_that_plays_and_a_mistake_is_told_in_a_line(tmp_path):
    out = str(tmp_path / "made")
    words = ("train", "q-learning", "--episodes", "200", "--seed", "1", "--out", out)
    done = netsiege(*words, cwd=tmp_path, timeout=300)  # compiles first
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "curve.png",
        "log.jsonl",
        "model.json",
    ]
    played = netsiege(
        "play", "--attacker", f"q-learning,model={out}", "--episodes", "2", "--defender", "none", cwd=tmp_path
    )
    assert played.returncode == 0, played.stderr
    again = netsiege("train", "q-learning", "--episodes", "200", "--out", out, cwd=tmp_path)
    assert again.returncode == 2
    assert "--resume goes on with it" in again.stderr


# --- parameters -------------------------------------------------------------------------------------------


class Tunable(BaseAgent):
    """Has one of each kind."""

    parameters = {  # noqa: RUF012  # as the class says it
        "share": Parameter(0.5, "a share", 0, 1),
        "count": Parameter(3, "a number", 1),
        "word": Parameter("x", "a word"),
        "bold": Parameter(False, "a choice"),
    }


def test_parameters_are_read_from_texts_and_become_attributes():
    choice = choose_agent(f"{__name__}:Tunable,share=0.25,count=7,word=a b,bold=yes")
    agent = choice.make()
    assert (agent.share, agent.count, agent.word, agent.bold) == (0.25, 7, "a b", True)
    assert (Tunable().share, Tunable(share=1).share) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("share=2", "share: 2 is not from 0 to 1"),
        ("share=nan", "share: nan is not from 0 to 1"),
        ("share=x", "share: 'x' is not a number"),
        ("count=1.5", "count: '1.5' is not a whole number"),
        ("count=0", "count: 0 is not at least 1"),
        ("bold=perhaps", "bold: 'perhaps' is not true or false"),
        ("shar=1", "no parameter 'shar'; did you mean 'share'?"),
        ("zzz=1", "it has share, count, word, bold"),
        ("share", "'share' has no value"),
    ],
)
def test_parameter_that_is_wrong_is_a_mistake_that_names_it(said, what):
    with pytest.raises(ConfigError) as caught:
        choose_agent(f"{__name__}:Tunable,{said}")
    assert what in str(caught.value)
