"""Tables that are learned: the updates, what they are learned on, trainings that stop and go on."""

import json
import re

import attrs
import pytest

from netsiege.agents.arrangement import arrange
from netsiege.agents.attackers import ConceptualAttacker, QLearningAttacker, SarsaAttacker
from netsiege.agents.evaluation import evaluate
from netsiege.agents.learning import training
from netsiege.agents.learning.campaign import Campaign, action_of
from netsiege.agents.learning.table import FILE, Table
from netsiege.agents.learning.training import CONSTANT, EXPONENTIAL, LINEAR, LOG_FILE, Plan, Training
from netsiege.agents.local_match import LocalMatch
from netsiege.agents.registry import choose_agent
from netsiege.engine.streams import derive
from netsiege.errors import ConfigError
from netsiege.game import IP, Data, GameState, Network, Observation, Service, generate_valid_actions
from netsiege.scenarios import load_spec
from tests.lengths import lasting

WINDOW = 20
"""Episodes of a line of the log, in the tests of stopping."""
TINY = "two_networks_tiny"
HOME, OUTSIDE, SERVER = IP("192.168.2.2"), IP("213.47.23.195"), IP("192.168.1.2")
SSH = Service("ssh", "passive", "1", False)
SECRET = Data("Ann", "plans")


def plan(algorithm="q-learning", scenario=TINY, episodes=300, seed=1, **more):
    return Plan(algorithm, scenario, None, (), episodes, seed, **more)


def score(algorithm, folder, scenario=TINY, episodes=200, *, readdressed=False, spec=None):
    choice = choose_agent(algorithm, model=str(folder))
    arranged = arrange(choice, scenario=scenario, readdressed=readdressed)
    if spec is not None:
        arranged = attrs.evolve(arranged, spec=spec(arranged.spec))
    return evaluate(arranged, episodes, 7, readdressed=readdressed)


# --- updates ----------------------------------------------------------------------------------------------


def test_value_moves_by_the_rate_towards_the_target_after_its_first_visits():
    table = Table()
    table.learn((0,), ("a",), 8.0, 0.25)
    assert table.value((0,), ("a",)) == 8.0
    table.learn((0,), ("a",), 4.0, 0.25)
    assert table.value((0,), ("a",)) == 6.0
    for _ in range(3):
        table.learn((0,), ("a",), 6.0, 0.25)
    table.learn((0,), ("a",), 10.0, 0.25)
    assert table.value((0,), ("a",)) == 7.0
    assert table.value((0,), ("b",)) == 0.0


def state(**more):
    known = {"controlled_hosts": {HOME, OUTSIDE}, "known_hosts": {HOME, OUTSIDE}}
    known["known_networks"] = {Network("192.168.1.0", 24), Network("192.168.2.0", 24)}
    return GameState(**(known | more))


@pytest.mark.parametrize(("cls", "worth"), [(QLearningAttacker, 9.0), (SarsaAttacker, 2.0)])
def test_learner_adds_the_discounted_worth_of_what_comes_next_to_the_reward(cls, worth):
    agent = cls(discount=0.5, rate=0.1, epsilon=1.0)
    first, then = state(), state(known_hosts={HOME, OUTSIDE, SERVER})
    agent.training = True
    agent.episode_started(Observation(first, 0, False))
    agent.choose_action(Observation(first, 0, False))
    last = agent._last
    memory = agent._memory
    situation, moves = memory.options(then)
    made = sorted(moves)[0]
    for kind in moves:
        agent.table.learn(situation, kind, 2.0 if kind == made else 9.0, 1.0)
    agent._choose = lambda _situation, _kinds: made
    agent.choose_action(Observation(then, -1, False))
    assert agent.table.value(*last) == -1 + 0.5 * worth


def test_last_reward_of_an_episode_is_all_that_its_last_move_is_worth():
    agent = QLearningAttacker()
    match = LocalMatch(load_spec(scenario=TINY), [agent], 3)
    agent.training, agent.epsilon = True, 1.0
    told = []
    learn = agent.table.learn
    agent.table.learn = lambda *what: told.append(what) or learn(*what)
    result = match.play_episode()
    assert told[-1][2] == agent.seat.observation.reward != -1
    assert len(told) == result.steps[0]


# --- what is learned on -----------------------------------------------------------------------------------


def moved(known, hosts, networks):
    """A state under other addresses."""
    where = dict(zip([HOME, OUTSIDE, SERVER], hosts, strict=True))
    nets = dict(zip(sorted(known.known_networks), networks, strict=True))
    return GameState(
        [where[h] for h in known.controlled_hosts],
        [where[h] for h in known.known_hosts],
        {where[h]: items for h, items in known.known_services.items()},
        {where[h]: items for h, items in known.known_data.items()},
        [nets[n] for n in known.known_networks],
    )


def test_situation_and_kinds_are_the_same_under_other_addresses():
    known = state(
        known_hosts={HOME, OUTSIDE, SERVER},
        known_services={SERVER: [SSH]},
        known_data={HOME: [SECRET]},
    )
    hosts = [IP("10.9.0.77"), IP("9.9.9.9"), IP("10.1.200.3")]
    other = moved(known, hosts, [Network("10.1.0.0", 16), Network("10.9.0.0", 24)])
    one, another = Campaign().options(known), Campaign().options(other)
    assert one[0] == another[0]
    assert {kind: len(moves) for kind, moves in one[1].items()} == {
        kind: len(moves) for kind, moves in another[1].items()
    }


def test_moves_are_valid_actions_and_none_is_offered_twice_from_one_source():
    agent = choose_agent("random-attacker").make()
    made = set()

    class Watched(QLearningAttacker):
        def choose_action(self, observation):
            _, moves = self._memory.options(observation.state)
            valid = generate_valid_actions(observation.state)
            for each in (move for kind in moves.values() for move in kind):
                assert action_of(each) in valid
                assert each not in made
            action = super().choose_action(observation)
            made.update(move for kind in moves.values() for move in kind if action_of(move) == action)
            return action

    agent = Watched()
    result = LocalMatch(load_spec(scenario=TINY), [agent], 5).play_episode()
    assert len(made) >= result.steps[0] - 1


def test_names_matter_to_q_learning_and_not_to_the_conceptual_learner():
    known = state(known_hosts={HOME, OUTSIDE, SERVER}, known_services={SERVER: [SSH]})
    renamed = state(
        known_hosts={HOME, OUTSIDE, SERVER}, known_services={SERVER: [attrs.evolve(SSH, name="x")]}
    )
    for named in (True, False):
        one, other = (list(Campaign(named).options(each)[1]) for each in (known, renamed))
        assert (one == other) != named


def test_episode_that_nobody_announced_is_noticed():
    agent = QLearningAttacker()
    agent.episode_started(Observation(state(), 0, False))
    agent.choose_action(Observation(state(known_hosts={HOME, OUTSIDE, SERVER}), 0, False))
    before = agent._memory
    agent.choose_action(Observation(state(), 0, False))
    assert agent._memory is not before


# --- trainings --------------------------------------------------------------------------------------------


def files(folder):
    return (folder / FILE).read_bytes(), (folder / LOG_FILE).read_bytes()


@pytest.mark.parametrize("opponents", [(), ("random-defender",)])
def test_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch, opponents):
    monkeypatch.setattr(training, "WINDOW", WINDOW)
    asked = attrs.evolve(plan(episodes=2 * WINDOW + 10), opponents=opponents)
    straight, stopped = Training.start(asked, tmp_path / "a"), Training.start(asked, tmp_path / "b")
    assert straight.run()
    assert not stopped.run(stop=lambda: stopped.episode >= WINDOW)
    assert stopped.episode == WINDOW
    again = Training.resume(asked, tmp_path / "b")
    assert again.episode == WINDOW
    assert again.run()
    assert files(tmp_path / "a") == files(tmp_path / "b")
    lines = [json.loads(line) for line in (tmp_path / "a" / LOG_FILE).read_text().splitlines()]
    assert [line["episode"] for line in lines] == [20, 40, 50]


def test_training_that_died_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "WINDOW", WINDOW)
    asked = plan(episodes=2 * WINDOW)
    assert Training.start(asked, tmp_path / "a").run()
    first = Training.start(asked, tmp_path / "b")
    first.run(stop=lambda: first.episode >= WINDOW)
    with (tmp_path / "b" / LOG_FILE).open("a") as log:  # the log is written before the model
        log.write(json.dumps({"episode": 2 * WINDOW, "win_rate": 0}) + "\n")
    assert Training.resume(asked, tmp_path / "b").run()
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_other_seed_learns_something_else(tmp_path):
    for seed in (1, 2):
        Training.start(plan(seed=seed, episodes=20), tmp_path / str(seed)).run()
    assert files(tmp_path / "1")[0] != files(tmp_path / "2")[0]


def test_training_is_not_begun_over_a_model_nor_gone_on_with_under_another_plan(tmp_path):
    Training.start(plan(episodes=100), tmp_path / "a").run()
    with pytest.raises(ConfigError, match="--resume goes on with it"):
        Training.start(plan(episodes=100), tmp_path / "a")
    with pytest.raises(ConfigError, match=r"begun with another episodes \(100\), seed \(1\)"):
        Training.resume(plan(episodes=200, seed=2), tmp_path / "a")
    with pytest.raises(ConfigError, match="there is no model"):
        Training.resume(plan(), tmp_path / "none")
    with pytest.raises(ConfigError, match="does not learn; what does: conceptual, q-defender, q-learning"):
        Training.start(plan("random-attacker"), tmp_path / "b")


def test_explorations_fall_as_the_schedule_says():
    told = {each: plan(episodes=100, schedule=each, epsilon_start=0.8) for each in (LINEAR, EXPONENTIAL)}
    for each in told.values():
        shares = [each.epsilon(n) for n in range(100)]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == pytest.approx(0.8)
        assert shares[60:] == pytest.approx([0.02] * 40)
    assert told[LINEAR].epsilon(30) > told[EXPONENTIAL].epsilon(30)
    assert {plan(schedule=CONSTANT, epsilon_start=0.3).epsilon(n) for n in range(300)} == {0.3}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "\xff",
        "[" * 10_000,
        '{"format": 2, "table": []}',
        '{"format": 1, "table": 7}',
        '{"format": 1, "table": [[1]]}',
        '{"format": 1, "table": [[[0], [1.5], 0, 0]]}',
    ],
)
def test_file_that_is_no_model_is_a_mistake_that_names_it(tmp_path, text):
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / FILE))):
        QLearningAttacker(model=str(tmp_path))


def test_model_of_another_algorithm_is_a_mistake(tmp_path):
    Training.start(plan(episodes=100), tmp_path).run()
    with pytest.raises(ConfigError, match="a model of 'q-learning', which 'sarsa' cannot use"):
        SarsaAttacker(model=str(tmp_path))


# --- it learns --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "algorithm",
    [
        "q-learning",
        pytest.param("sarsa", marks=pytest.mark.soak),
        pytest.param("conceptual", marks=pytest.mark.soak),
    ],
)
def test_learner_wins_tiny_networks_in_few_steps_after_a_thousand_episodes(tmp_path, algorithm):
    before = evaluate(arrange(choose_agent(algorithm), scenario=TINY), 100, 7)
    Training.start(plan(algorithm, episodes=1_000), tmp_path).run()
    after = score(algorithm, tmp_path)
    assert after.win_rate.value >= 0.98
    assert after.mean_steps.high < 12 < before.mean_steps.low


def renamed(spec):
    """The spec with all services called otherwise."""
    text = spec.to_bytes().replace(b"microsoft-ds", b"unmicrosoft-").replace(b"\xa3ssh", b"\xa3shs")
    return type(spec).from_bytes(text)


@pytest.mark.soak
@pytest.mark.parametrize("seed", lasting((1, 4), range(1, 6)))
def test_q_learning_reaches_its_targets_with_each_seed(tmp_path, seed):
    for scenario, least in ((TINY, 0.98), ("two_networks", 0.94)):
        Training.start(plan(scenario=scenario, episodes=3_000, seed=seed), tmp_path / scenario).run()
        told = score("q-learning", tmp_path / scenario, scenario, 500)
        assert told.win_rate.value >= least
        assert told.mean_steps.value <= 30
        elsewhere = score("q-learning", tmp_path / scenario, scenario, 300, readdressed=True)
        assert elsewhere.win_rate.value >= least


@pytest.mark.soak
def test_conceptual_learner_keeps_its_strength_under_other_names_and_addresses(tmp_path):
    Training.start(plan("conceptual", "two_networks", lasting(1_500, 3_000)), tmp_path).run()
    episodes = lasting(150, 300)
    here = score("conceptual", tmp_path, "two_networks", episodes)
    assert here.win_rate.value >= 0.9
    moved_away = score("conceptual", tmp_path, "two_networks", episodes, readdressed=True, spec=renamed)
    assert moved_away.win_rate.value >= 0.9 * here.win_rate.value


def test_model_of_one_network_holds_no_address_of_it(tmp_path):
    Training.start(plan(episodes=200), tmp_path).run()
    text = (tmp_path / FILE).read_text()
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", text)
    assert ConceptualAttacker.named is False
    assert derive(1, "train/0") != derive(1, "train/1")
