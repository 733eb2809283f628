"""The learned defender: what it learns on, its updates, its trainings, and how often it wins."""

import json
import re

import attrs
import pytest

from netsiege.agents.arrangement import arrange
from netsiege.agents.briefing import addresses_in
from netsiege.agents.defenders import QLearningDefender
from netsiege.agents.defenders.watch import BLOCK, LOOK, WAIT, Watch, action_of
from netsiege.agents.evaluation import evaluate
from netsiege.agents.learning import training
from netsiege.agents.learning.table import FILE
from netsiege.agents.learning.training import LOG_FILE, Plan, Training
from netsiege.agents.local_match import LocalMatch
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError
from netsiege.game import IP, ActionType, AgentRole, Data, GameState, Network, Observation
from netsiege.scenarios.model import Rewards
from netsiege.session import Seat
from tests.lengths import lasting

A, B, C, D, E = (IP(f"10.0.0.{i}") for i in range(1, 6))
OUTSIDE = IP("203.0.113.9")
HOME = Network("10.0.0.0", 24)
SAFE = Data("user", "payroll")
TINY, SMALL = "two_networks_tiny", "two_networks_small"
ATTACKER, USER = "scripted-attacker", "office-benign"
WINDOW = 10
"""Episodes of a line of the log, in the tests of stopping."""


def log(*entries):
    lines = [{"source_host": str(source), "action_type": f"ActionType.{kind}"} for source, kind in entries]
    content = json.dumps(lines) if lines else ""
    return Data("system", "logfile", len(content), "log", content)


def known(data=(), blocks=(), controlled=(A, B, C, D, E), networks=(HOME,)):
    return GameState(
        controlled_hosts=controlled,
        known_hosts=controlled,
        known_data=dict(data),
        known_networks=networks,
        known_blocks=dict(blocks),
    )


def kinds(state, named=(OUTSIDE,)):
    """How many moves there are of each kind."""
    return {kind: len(moves) for kind, moves in Watch(frozenset(named)).options(state)[1].items()}


# --- what is learned on -----------------------------------------------------------------------------------


def test_defender_who_knows_nothing_may_look_and_cut_off_whom_the_goal_names():
    assert kinds(known()) == {(LOOK, 0, 0): 5, (BLOCK, "named", 0, 0): 5}
    assert kinds(known(), named=()) == {(LOOK, 0, 0): 5}


def test_defender_waits_once_nothing_is_left_to_look_into():
    read = {host: [log()] for host in (A, B, C, D)}
    assert kinds(known(read), named=()) == {(LOOK, 0, 0): 1}
    assert kinds(known({**read, E: [log()]}), named=()) == {(WAIT,): 1}
    assert kinds(known(controlled=()), named=()) == {(WAIT,): 1}


@pytest.mark.parametrize(
    ("entries", "standing"),
    [
        ([(E, "ScanNetwork")], "intruder"),
        ([(E, "ExploitService")], "intruder"),
        ([(E, "FindServices")], "asker"),
        ([(E, "ExfiltrateData")], "user"),
        ([(E, "FindServices"), (E, "ScanNetwork"), (E, "FindData")], "intruder"),
    ],
)
def test_source_is_told_by_the_worst_that_logs_say_of_it_and_ways_in_use_are_told_from_others(
    entries, standing
):
    told = kinds(known({A: [log(*entries), SAFE], B: [log()]}))
    assert told[BLOCK, standing, 2, 1] == 1
    assert told[BLOCK, standing, 1, 0] == 1
    assert told[BLOCK, standing, 0, 0] == 2


def test_source_that_asks_more_hosts_than_users_do_is_a_sweeper_and_suspected():
    asked = [log((E, "FindServices"))]
    assert (BLOCK, "sweeper", 1, 1) not in kinds(known({A: asked, B: asked, C: asked}))
    told = kinds(known({A: asked, B: asked, C: asked, D: asked}))
    assert told[BLOCK, "sweeper", 1, 1] == 4
    assert told[BLOCK, "named", 0, 1] == 1


def test_exploited_host_is_suspected_and_its_neighbours_are_looked_into_as_such():
    far = IP("10.0.1.1")
    networks = (HOME, Network("10.0.1.0", 24))
    told = kinds(known({A: [log((OUTSIDE, "ExploitService"))]}, controlled=(A, B, far), networks=networks))
    assert told[LOOK, 0, 1] == told[LOOK, 0, 0] == 1
    assert told[BLOCK, "taken", 0, 0] == 2
    assert told[BLOCK, "named", 1, 1] == 1


def test_what_a_host_does_to_itself_gives_it_away_only_if_no_defender_would_do_it():
    assert kinds(known({A: [log((A, "FindData"))]}))[BLOCK, "named", 1, 0] == 1
    assert kinds(known({A: [log((A, "ScanNetwork"))]}))[BLOCK, "named", 1, 1] == 1


def test_moves_that_are_made_are_not_offered_again_whether_they_worked_or_not():
    state = known({A: [log()]}, {A: [OUTSIDE]})
    watch = Watch(frozenset({OUTSIDE}))
    _, moves = watch.options(state)
    assert (BLOCK, A, OUTSIDE) not in moves.get((BLOCK, "named", 1, 0), [])
    watch.note((LOOK, B, None))
    watch.note((BLOCK, C, OUTSIDE))
    _, moves = watch.options(state)
    assert [host for _, host, _ in moves[LOOK, 0, 0]] == [C, D, E]
    assert [host for _, host, _ in moves[BLOCK, "named", 0, 0]] == [B, D, E]


def test_situation_counts_suspects_unread_hosts_moves_and_hosts_that_are_open_to_whom_the_goal_names():
    watch = Watch(frozenset({OUTSIDE}))
    assert watch.options(known())[0] == (0, 3, 0, 0, 2, 0)
    for _ in range(3):
        watch.note((WAIT, None, None))
    data = {A: [log((E, "ScanNetwork")), SAFE], B: [log()], C: [log()], D: [log()]}
    assert watch.options(known(data))[0] == (1, 1, 1, 1, 2, 1)
    cut = {host: [OUTSIDE] for host in (A, B, C, E)}
    assert watch.options(known(data, cut))[0] == (1, 1, 1, 0, 1, 0)
    for _ in range(30):
        watch.note((WAIT, None, None))
    assert watch.options(known(data, cut))[0][2] == 4


def test_situation_and_kinds_are_the_same_under_other_addresses():
    here = (A, B, C, D, E, OUTSIDE)
    there = (*(IP(f"172.16.9.{i}") for i in (200, 7, 99, 1, 3)), IP("9.9.9.9"))
    told = []
    for a, b, c, d, e, outside in (here, there):
        data = {
            a: [log((e, "ScanNetwork"), (c, "FindServices")), SAFE],
            b: [log((outside, "ExploitService"), (d, "ExfiltrateData"))],
            c: [log((c, "FindData"))],
        }
        network = Network("10.0.0.0" if a == A else "172.16.9.0", 24)
        state = known(data, {a: [outside]}, (a, b, c, d, e), (network,))
        situation, moves = Watch(frozenset({outside})).options(state)
        told.append((situation, {kind: len(each) for kind, each in moves.items()}))
    assert told[0] == told[1]
    assert len(told[0][1]) > 8


def test_moves_become_looks_blocks_and_passes_on_the_host_itself():
    assert action_of((WAIT, None, None)) is None
    look, block = action_of((LOOK, A, None)), action_of((BLOCK, A, OUTSIDE))
    assert look.type is ActionType.FindData
    assert block.type is ActionType.BlockIP
    assert block.parameters["blocked_host"] == OUTSIDE
    for action in (look, block):
        assert action.parameters["source_host"] == action.parameters["target_host"] == A


def test_addresses_of_a_text_are_those_that_can_be_some():
    assert addresses_in("Guard 10.0.0.1, not 1.2.3.999; 9.9.9.9.") == {A, IP("9.9.9.9")}


def seated(goal):
    agent = QLearningDefender(role=AgentRole.Defender)
    agent.seated(Seat(1, 1, AgentRole.Defender, 0, 7, 1, 100, goal, Observation(known(), 0, False)))
    return agent


def hunted(agent):
    """Whom it may cut off before it has looked anywhere."""
    moves = agent._memory.options(known())[1]
    return {other for kind in moves if kind[0] == BLOCK for _, _, other in moves[kind]}


def test_defender_hunts_whom_its_goal_names_now_and_never_its_own_hosts():
    agent = seated(f"Keep 10.0.0.2 safe from {OUTSIDE}.")
    assert hunted(agent) == {OUTSIDE}
    moved = Observation(known(), 0, False, {"goal_description": "Keep all safe from 198.51.100.7."})
    agent.seat.hear(moved)
    agent.episode_started(moved)
    assert hunted(agent) == {IP("198.51.100.7")}


@pytest.mark.parametrize("said", ["scripted-defender", "q-defender"])
def test_defender_reads_its_goal_anew_where_addresses_change(said):
    arranged = arrange(choose_agent(said), (ATTACKER,), scenario=TINY, readdressed=True)
    defender = arranged.agents[arranged.subject]
    cut = set()
    choose = defender.choose_action

    def watched(observation):
        action = choose(observation)
        if action is not None and action.type is ActionType.BlockIP:
            cut.add(action.parameters["blocked_host"])
        return action

    defender.choose_action = watched
    match = LocalMatch(arranged.spec, arranged.agents, 3)
    for seed in (1, 2):
        cut.clear()
        match.play_episode(seed=seed, randomize_topology=True)
        attacker = next(agent for agent in arranged.agents if agent.role is AgentRole.Attacker)
        outside = {host for host in attacker.seat.observation.state.controlled_hosts if not host.is_private()}
        assert outside <= cut


def test_episode_that_nobody_announced_is_noticed():
    agent = seated("")
    for state in (known({A: [log()]}), known({A: [log()]}, {A: [OUTSIDE], OUTSIDE: [A]})):
        agent.choose_action(Observation(state, 0, False))
        before = agent._memory
        agent.choose_action(Observation(state, -1, False))
        assert agent._memory is before
    agent.choose_action(Observation(known({A: [log()]}), 0, False))
    assert agent._memory is not before


# --- updates ----------------------------------------------------------------------------------------------


def test_update_adds_the_worth_of_the_best_kind_that_comes_next_to_the_reward():
    agent = seated(f"Stop {OUTSIDE}.")
    agent.training, agent.discount, agent.rate = True, 0.5, 0.5
    first, then = known(), known({A: [log()]})
    agent._choose = lambda _situation, _kinds: (LOOK, 0, 0)
    agent.choose_action(Observation(first, 0, False))
    start = (0, 3, 0, 0, 2, 0)
    assert agent._last == (start, (LOOK, 0, 0))
    agent.table.learn(start, (BLOCK, "named", 1, 0), 8.0, 1.0)
    agent.table.learn(start, (BLOCK, "named", 0, 0), 2.0, 1.0)
    agent.choose_action(Observation(then, -1, False))
    assert agent.table.value(start, (LOOK, 0, 0)) == -1 + 0.5 * 8
    agent.choose_action(Observation(then, -1, False))
    assert agent.table.value(start, (LOOK, 0, 0)) == 3.0  # visited twice: half of 3 and half of -1 + 8 / 2


def blocks_users(_situation, kinds):
    """A choice of whom logs show at work, once there is one."""
    return max(kinds, key=lambda kind: (kind[0] == BLOCK and kind[1] in ("user", "asker"), kind[0] == LOOK))


@pytest.mark.parametrize("attacker", [ATTACKER, "random-attacker"])
def test_last_reward_has_outcome_and_false_positives_and_is_all_that_the_last_move_is_worth(attacker):
    arranged = arrange(choose_agent("q-defender"), (attacker, "random-benign"), scenario="two_networks")
    agent = arranged.agents[arranged.subject]
    match = LocalMatch(arranged.spec, arranged.agents, 3)
    agent.training, agent._choose = True, blocks_users
    rewards = arranged.spec.task.rewards
    told, blamed = [], 0
    learn = agent.table.learn
    agent.table.learn = lambda *what: told.append(what) or learn(*what)
    for _ in range(4):
        told.clear()
        result = match.play_episode()
        assert len(told) == result.steps[arranged.subject]
        assert told[-1][2] == agent.seat.observation.reward
        outcome = rewards.success if result.winner == "Defender" else rewards.fail
        blamed += (told[-1][2] - rewards.step - outcome) / rewards.false_positive
    assert blamed == int(blamed)
    assert blamed > 0 or attacker == ATTACKER


# --- trainings --------------------------------------------------------------------------------------------


def plan(scenario=TINY, episodes=60, seed=1, opponents=(ATTACKER,), **more):
    return Plan("q-defender", scenario, None, tuple(opponents), episodes, seed, **more)


def files(folder):
    return (folder / FILE).read_bytes(), (folder / LOG_FILE).read_bytes()


def test_training_is_the_same_again_and_goes_on_as_if_it_had_not_been_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "WINDOW", WINDOW)
    asked = plan(episodes=2 * WINDOW)
    for name in ("a", "b"):
        assert Training.start(asked, tmp_path / name).run()
    stopped = Training.start(asked, tmp_path / "c")
    assert not stopped.run(stop=lambda: stopped.episode >= WINDOW)
    assert Training.resume(asked, tmp_path / "c").run()
    assert files(tmp_path / "a") == files(tmp_path / "b") == files(tmp_path / "c")
    assert not re.search(r"\d+\.\d+\.\d+\.\d+", (tmp_path / "a" / FILE).read_text())


def test_rate_and_discount_are_the_algorithms_own_unless_said():
    own = {name: QLearningDefender.parameters[name].default for name in ("rate", "discount")}
    assert {"rate": plan().rate, "discount": plan().discount} == own
    assert plan(discount=0.5).discount == 0.5
    attacker = Plan("q-learning", TINY, None, (), 10, 1)
    assert (attacker.rate, attacker.discount) == (0.1, 0.95)


@pytest.mark.parametrize("opponents", [(), (USER,)])
def test_training_of_a_defender_whom_nobody_attacks_is_a_mistake_that_says_what_to_add(tmp_path, opponents):
    with pytest.raises(ConfigError, match="nobody attacks; add an attacker: --opponent scripted-attacker"):
        Training.start(plan(opponents=opponents), tmp_path)
    assert not list(tmp_path.iterdir())


def test_model_of_an_attacker_is_a_mistake(tmp_path):
    Training.start(Plan("q-learning", TINY, None, (), 5, 1), tmp_path).run()
    with pytest.raises(ConfigError, match="a model of 'q-learning', which 'q-defender' cannot use"):
        QLearningDefender(model=str(tmp_path))


# --- it learns --------------------------------------------------------------------------------------------


def defended(scenario, model=""):
    """The share of episodes that it wins against the scripted attacker."""
    choice = choose_agent("q-defender", model=str(model))
    return evaluate(arrange(choice, (ATTACKER,), scenario=scenario), lasting(100, 200), 7).win_rate.value


def false_positives(scenario, model):
    """How many it causes per 100 moves of a user."""
    choice = choose_agent("q-defender", model=str(model))
    arranged = arrange(choice, (ATTACKER, USER), scenario=scenario)
    # nothing but false positives is rewarded, so that its return is their number
    task = attrs.evolve(arranged.spec.task, rewards=Rewards(false_positive=1))
    match = LocalMatch(attrs.evolve(arranged.spec, task=task), arranged.agents, 7)
    results = [match.play_episode() for _ in range(lasting(50, 100))]
    me = arranged.subject
    user = next(i for i, agent in enumerate(arranged.agents) if agent.role is AgentRole.Benign)
    return 100 * sum(each.returns[me] for each in results) / sum(each.steps[user] for each in results)


@pytest.mark.soak
@pytest.mark.parametrize(
    ("scenario", "episodes", "gain"), [(TINY, 150, 0.3), (SMALL, lasting(800, 3_000), 0.3)]
)
def test_trained_defender_wins_far_more_often_than_an_untrained_one_and_spares_users(
    tmp_path, scenario, episodes, gain
):
    untrained = defended(scenario)
    Training.start(plan(scenario, episodes), tmp_path).run()
    assert defended(scenario, tmp_path) >= untrained + gain
    assert false_positives(scenario, tmp_path) <= 2
