"""The belief planner: what it believes is what it has seen, what it reckons is so, and it wins."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.agents.attackers import BeliefPlanner, RandomAttacker
from netsiege.agents.attackers.trail import Trail
from netsiege.agents.defenders import RandomDefender
from netsiege.agents.local_match import LocalMatch
from netsiege.agents.planning.belief import Belief, Hypothesis
from netsiege.agents.planning.chart import PHANTOMS, draw_chart
from netsiege.agents.planning.distance import distance
from netsiege.agents.planning.search import Search
from netsiege.engine.action_table import ActionTable
from netsiege.engine.episode import SUCCESS, Episode
from netsiege.engine.goals import Goal
from netsiege.engine.masks import bits
from netsiege.game import IP, Action, ActionType, AgentRole, Data, GameState, Network, Observation, Service
from netsiege.protocol import SeatSpec, pack
from netsiege.scenarios import load_spec
from netsiege.scenarios.bundled import task_names
from netsiege.scenarios.model import DataItem, Spec, View
from tests.lengths import lasting

OUTSIDE, HOME, NEIGHBOUR, SERVER = IP("213.47.23.195"), IP("10.0.2.2"), IP("10.0.2.3"), IP("10.0.1.2")
DESKS, SERVERS, INTERNET = Network("10.0.2.0", 24), Network("10.0.1.0", 24), Network("213.47.23.192", 26)
SMB = Service("microsoft-ds", "passive", "10")
START = GameState(
    known_networks=[DESKS, SERVERS],
    known_hosts=[OUTSIDE, HOME],
    controlled_hosts=[OUTSIDE, HOME],
)


def scan(source: IP, network: Network) -> Action:
    return Action(ActionType.ScanNetwork, {"source_host": source, "target_network": network})


def trail_of(state: GameState, *steps: tuple[Action, GameState]) -> Trail:
    """A trail that has seen these states come of these actions."""
    trail = Trail(state, state.controlled_hosts)
    trail.observe(state)
    for action, after in steps:
        trail.note(action)
        trail.observe(after)
    return trail


class Watching(RandomAttacker):
    """Keeps the states that it sees, and what it remembers of them."""

    def episode_started(self, observation: Observation) -> None:
        self.trail = Trail(observation.state, observation.state.controlled_hosts)
        self.trails: list[Trail] = []

    def choose_action(self, observation: Observation) -> Action | None:
        self.trail.observe(observation.state)
        self.trails.append(
            attrs.evolve(
                self.trail,
                tried=set(self.trail.tried),
                scans=set(self.trail.scans),
                open=set(self.trail.open),
                shut=set(self.trail.shut),
            )
        )
        action = super().choose_action(observation)
        self.trail.note(action)
        return action


def trails(task: str, seed: int) -> list[Trail]:
    """What a random attacker remembers after each move of an episode."""
    agent = Watching()
    LocalMatch(load_spec(task), [agent], seed).play_episode()
    return agent.trails


# --- the chart ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", task_names())
def test_chart_has_all_that_is_known_and_nothing_else(task):
    for trail in trails(task, 5)[::7]:
        chart = draw_chart(trail.state)
        assert chart.knows.full(chart.board) == trail.state.to_wire()
        strangers = {IP(chart.board.texts[i]) for i in bits(chart.phantoms)}
        assert strangers.isdisjoint(trail.state.known_hosts | trail.state.controlled_hosts)
        for network in trail.state.known_networks:
            assert sum(each in network for each in strangers) == (PHANTOMS if network.is_private() else 0)


def test_a_full_network_has_no_phantoms():
    tiny = Network("10.0.0.0", 30)
    state = GameState([IP("10.0.0.1")], [IP("10.0.0.1"), IP("10.0.0.2")], {}, {}, [tiny])
    assert draw_chart(state).phantoms == 0


def test_actions_keep_their_meaning_as_keys():
    for trail in trails("two_networks", 3)[::5]:
        chart = draw_chart(trail.state)
        for action in trail.tried:
            key = chart.key_of(action)
            if key is not None:
                assert chart.action_of(key) == action


# --- the belief ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["two_networks", "three_net_scenario"])
def test_hypotheses_agree_with_what_was_seen(task):
    rng = random.Random(1)
    for trail in trails(task, 2)[::9]:
        belief = Belief(trail, "")
        for _ in range(5):
            hypothesis = belief.draw(rng)
            assert_agrees(belief, hypothesis)


def assert_agrees(belief: Belief, hypothesis: Hypothesis) -> None:
    chart, trail = belief.chart, belief.trail
    for source, target in trail.open:
        here, there = chart.index(source), chart.index(target)
        assert here is not None
        assert there is not None
        assert hypothesis.reach[here] >> there & 1
    for source, target in trail.shut - trail.open:
        here, there = chart.index(source), chart.index(target)
        assert here is not None
        assert there is not None
        assert not hypothesis.reach[here] >> there & 1
    for source, network in trail.scans:
        here = chart.index(source)
        assert here is not None
        missed = chart.phantoms & chart.board.members(network.first, network.mask)
        assert not hypothesis.reach[here] & missed & ~(1 << here)


def test_scans_make_phantoms_unlikely():
    rng = random.Random(1)

    def share_there(trail: Trail) -> float:
        belief = Belief(trail, "")
        desks = belief.chart.board.members(DESKS.first, DESKS.mask) & belief.chart.phantoms
        drawn = [belief.draw(rng) for _ in range(300)]
        seen = [any(row & desks & ~(1 << a) for a, row in enumerate(h.reach)) for h in drawn]
        return sum(seen) / len(seen)

    before = share_there(trail_of(START))
    from_outside = share_there(trail_of(START, (scan(OUTSIDE, DESKS), START)))
    from_inside = share_there(trail_of(START, (scan(HOME, DESKS), START)))
    assert before > from_outside > from_inside


def test_what_opened_for_one_is_likely_open_for_its_neighbours():
    both = attrs.evolve(
        START,
        known_hosts=[*START.known_hosts, NEIGHBOUR],
        controlled_hosts=[*START.controlled_hosts, NEIGHBOUR],
    )
    found = attrs.evolve(both, known_hosts=[*both.known_hosts, SERVER])

    def chance(*steps: tuple[Action, GameState]) -> float:
        belief = Belief(trail_of(both, *steps), "")
        here, there = belief.chart.index(NEIGHBOUR), belief.chart.index(SERVER)
        assert here is not None
        assert there is not None
        return belief.firewall.chance(here, there)

    opened = chance((scan(HOME, SERVERS), found))
    failed = chance((scan(HOME, SERVERS), both), (scan(OUTSIDE, SERVERS), found))
    assert opened > 0.8
    assert failed < 0.2


def goals_of(state: GameState, description: str) -> list[Goal]:
    return [Belief(trail_of(state), description).draw(random.Random(n)).goal for n in range(40)]


def test_data_that_the_goal_names_are_wanted_where_it_says():
    loot = {HOME: [Data("User1", "plans"), Data("User2", "recipes")]}
    state = attrs.evolve(START, known_data=loot)
    chart = draw_chart(state)
    place, key = chart.index(OUTSIDE), chart.board.key_index["User1", "plans", ""]
    for goal in goals_of(state, "Bring the plans of User1 to 213.47.23.195."):
        assert goal.data == ((place, frozenset({key})),)


def test_without_a_name_that_is_known_the_datum_lies_where_nobody_has_looked():
    state = attrs.evolve(START, known_hosts=[*START.known_hosts, SERVER])
    said = "Find what is worth something."
    belief = Belief(trail_of(state), said)
    hidden = {key for goal in goals_of(state, said) for _, keys in goal.data for key in keys}
    assert hidden <= set(belief.chart.hidden.values())
    assert belief.chart.hidden[belief.chart.index(SERVER)] in hidden


def test_an_address_of_the_goal_may_have_to_be_controlled():
    state = attrs.evolve(START, known_hosts=[*START.known_hosts, SERVER])
    target = draw_chart(state).index(SERVER)
    assert any(goal.controlled == 1 << target for goal in goals_of(state, "Take over 10.0.1.2."))


# --- the distance -------------------------------------------------------------------------------------------


def shortest(belief: Belief, hypothesis: Hypothesis, most: int) -> int | None:
    """The fewest moves of the engine to the goal, by playing all valid ones in all that may be known."""
    tables = belief.chart.tables
    actions = ActionTable(tables)
    lines: list[list[bytes]] = [[]]
    known = set()
    for depth in range(most + 1):
        longer = []
        for line in lines:
            episode = Episode(tables, 0, (SeatSpec("Attacker", 0, "", True),), ())
            [player] = episode.players
            player.knows, player.goal = belief.chart.knows.copy(), hypothesis.goal
            player.watched, player.limit = hypothesis.goal.fields, 0
            episode.world.reach = hypothesis.reach
            for body in line:
                episode.play(player, 0, tables.reader.read(body), b"")
            if player.status == SUCCESS:
                return depth
            held = {host: sorted(data) for host, data in sorted(player.knows.data.items())}
            state = pack([player.knows.full(belief.chart.board)[:4], held])  # logs differ by what was done
            if state not in known:
                known.add(state)
                count = actions.count(player.knows, include_blocks=False)
                longer += [[*line, actions.nth(player.knows, n, include_blocks=False)] for n in range(count)]
        lines = longer
    return None


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_distance_is_what_the_engine_needs(seed):
    state = GameState([HOME, OUTSIDE], [HOME, OUTSIDE, SERVER, NEIGHBOUR], {SERVER: [SMB]}, {}, [SERVERS])
    belief = Belief(trail_of(state), "Bring something to 213.47.23.195.")
    hypothesis = belief.draw(random.Random(seed))
    said = distance(belief.chart, belief.chart.knows, hypothesis)
    found = shortest(belief, hypothesis, 4)
    assert said == found if found is not None else said > 4


def supposed(belief: Belief, ways: list[tuple[int, int]], goal: Goal) -> Hypothesis:
    reach = [1 << host for host in range(len(belief.chart.home))]
    for source, target in ways:
        reach[source] |= 1 << target
    return Hypothesis(tuple(reach), goal)


def check_distance(belief: Belief, hypothesis: Hypothesis, expected: int) -> None:
    assert distance(belief.chart, belief.chart.knows, hypothesis) == expected
    assert shortest(belief, hypothesis, expected) == expected


def test_a_host_that_nobody_knows_takes_a_scan_a_question_and_an_exploit():
    belief = Belief(trail_of(START), "")
    home, phantom = belief.chart.index(HOME), bits(belief.chart.phantoms)[0]
    assert home is not None
    goal = Goal(0, 0, 1 << phantom, (), (), (), ())
    check_distance(belief, supposed(belief, [(home, phantom)], goal), 3)


def test_data_go_over_another_host_where_the_straight_way_is_shut():
    mine = [HOME, OUTSIDE, NEIGHBOUR]
    belief = Belief(trail_of(GameState(mine, mine, {}, {HOME: [Data("Ann", "plans")]}, [DESKS])), "")
    home, outside, neighbour = (belief.chart.board.index[host.to_wire()] for host in mine)
    goal = Goal(
        0, 0, 0, (), ((outside, frozenset({belief.chart.board.key_index["Ann", "plans", ""]})),), (), ()
    )
    check_distance(belief, supposed(belief, [(home, neighbour), (neighbour, outside)], goal), 2)
    check_distance(belief, supposed(belief, [(home, neighbour), (home, outside)], goal), 1)


# --- the agent ----------------------------------------------------------------------------------------------


def play(spec: Spec, seeds: range, *, randomize: bool = False, **parameters: int) -> list[int]:
    """The steps of the episodes that were won; all have to be."""
    match = LocalMatch(spec, [BeliefPlanner(**parameters)], 1)
    results = [match.play_episode(seed=seed, randomize_topology=randomize) for seed in seeds]
    assert [result.winner for result in results] == ["Attacker"] * len(results)
    return [result.steps[0] for result in results]


def test_wins_and_does_the_same_again():
    spec = load_spec("two_networks_tiny")
    assert play(spec, range(3), simulations=60) == play(spec, range(3), simulations=60)


def with_goal(task: str, goal: View, description: str) -> Spec:
    spec = load_spec(task)
    roles = tuple(
        attrs.evolve(role, goal=goal, goal_description=description) if role.role == "Attacker" else role
        for role in spec.task.roles
    )
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))


def test_takes_over_the_host_that_the_goal_names():
    goal = View(controlled_hosts=("192.168.1.4",))
    [steps] = play(with_goal("two_networks", goal, "Take over 192.168.1.4."), range(1), simulations=60)
    assert steps < 10


def test_a_goal_that_is_not_told_is_reached_all_the_same():
    goal = View(known_data=(("213.47.23.195", (DataItem("User1", "DatabaseData"),)),))
    play(with_goal("two_networks_small", goal, ""), range(1), simulations=30)


def test_plays_against_a_defender_that_blocks():
    spec = load_spec("two_networks_tiny")
    agents = [BeliefPlanner(simulations=20), RandomDefender(role=AgentRole.Defender)]
    match = LocalMatch(spec, agents, 4)
    assert all(match.play_episode(seed=seed).steps[0] <= 100 for seed in range(3))


def test_nothing_is_left_to_plan_when_the_goal_cannot_be():
    """What is controlled is all there is: the script takes over, and passes in the end."""
    state = GameState([OUTSIDE], [OUTSIDE], {}, {}, [])
    belief = Belief(trail_of(state), "")
    assert Search(belief, random.Random(1), frozenset(), 0).best(10) is None
    assert BeliefPlanner(simulations=10).choose_action(Observation(state, 0, False, {})) is not None


@pytest.mark.soak
@pytest.mark.parametrize("task", task_names())
def test_wins_every_bundled_task_under_any_addresses(task):
    spec, seeds = load_spec(task), range(lasting(4, 10))
    play(spec, seeds)
    changed = attrs.evolve(spec, task=attrs.evolve(spec.task, use_dynamic_addresses=True))
    play(changed, seeds, randomize=True)
