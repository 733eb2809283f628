"""The scripted attacker wins whatever can be won, within the steps that a full sweep takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import pytest
from attrs import frozen

from netsiege.agents.attackers.random_attacker import RandomAttacker
from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker
from netsiege.agents.base import BaseAgent
from netsiege.agents.defenders.random_defender import RandomDefender
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.masks import bits
from netsiege.engine.tables import compile_spec
from netsiege.errors import ConfigError
from netsiege.game import (
    IP,
    Action,
    ActionType,
    AgentRole,
    Data,
    GameState,
    Network,
    Observation,
    Service,
    generate_valid_actions,
)
from netsiege.protocol import Result
from netsiege.scenarios import load_spec
from netsiege.scenarios.bundled import task_names
from netsiege.scenarios.model import DataItem, Rule, ServiceItem, Spec, View

OUTSIDE, SMB, WEB, CLIENT = "213.47.23.195", "192.168.1.2", "192.168.1.4", "192.168.2.2"
SECRET = DataItem("User1", "DataFromServer1")
SSH = ServiceItem("ssh", "passive", "8.1.0")
SHELL = ServiceItem("powershell", "passive", "10.0.19041", local=True)


def changed(spec: Spec, *, goal: View | None = None, **attacker: Any) -> Spec:
    """The spec with another goal and other settings of the attacker."""
    if goal is not None:
        attacker["goal"] = goal
    roles = tuple(attrs.evolve(r, **attacker) if r.role == "Attacker" else r for r in spec.task.roles)
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))


def of_task(spec: Spec, **changes: Any) -> Spec:
    return attrs.evolve(spec, task=attrs.evolve(spec.task, **changes))


def games(
    spec: Spec, seeds: int, agent: type[BaseAgent] = ScriptedAttacker, **parameters: Any
) -> list[Result]:
    """One episode for each seed, without opponents."""
    tables = compile_spec(spec.to_bytes())
    return [LocalMatch(tables, [agent(**parameters)], seed).play_episode() for seed in range(seeds)]


def wins(results: Iterable[Result]) -> int:
    return sum(result.winner == "Attacker" for result in results)


class Watched(ScriptedAttacker):
    """Checks each of its actions, and keeps them."""

    def episode_started(self, observation: Observation) -> None:
        super().episode_started(observation)
        self.played: list[Action] = []

    def choose_action(self, observation: Observation) -> Action | None:
        action = super().choose_action(observation)
        assert action is not None
        assert action in set(generate_valid_actions(observation.state))
        self.played.append(action)
        return action


# --- what a full sweep needs, from the topology alone ---------------------------------------------------


@frozen
class Sweep:
    """All that can be known from a start, and the most actions that it takes, none of them twice."""

    goal: View
    take_over: int
    """Everything is controlled, and all data are outside."""
    everything: int
    """All data are wherever they can be brought as well, and local services are known."""


def full_sweep(spec: Spec, seed: int) -> Sweep:
    """The closure of a start under the rules, for a match without opponents."""
    agent = RandomAttacker()
    board = LocalMatch(spec, [agent], seed).tables.board
    assert agent.seat is not None
    start = agent.seat.observation.state
    controlled = {board.index[host.to_wire()] for host in start.controlled_hosts}
    networks = {(n.first, n.mask) for n in start.known_networks}
    known: set[int] = set(controlled)
    first = len(controlled)
    size = 0
    while size != (size := len(controlled) + len(known) + len(networks)):
        for s in list(controlled):
            for number, mask in networks:
                known |= set(bits(board.members(number, mask) & board.reach[s]))
        for s in list(controlled):
            taken = {t for t in known if board.reach[s] >> t & 1 and board.open_services_at[board.node_of[t]]}
            controlled |= taken
            networks |= {
                (board.networks[n][0], board.networks[n][1])
                for t in taken
                for n in bits(board.networks_at[t])
            }
    places = {host: set(bits(board.items_at[board.node_of[host]])) for host in controlled}
    carried = True
    while carried:
        carried = False
        for source in controlled:
            for target in controlled:
                if board.reach[source] >> target & 1 and places[source] - places[target]:
                    places[target] |= places[source]
                    carried = True
    data = len({item for held in places.values() for item in held})
    outside = sum(not IP(board.texts[host]).is_private() for host in controlled)
    hosts = len(controlled)
    take_over = hosts * (len(networks) + 1) + (len(known) - first) + (hosts - first) + data * outside
    goal = View(
        known_networks=tuple(str(Network.from_wire([number, mask])) for number, mask in sorted(networks)),
        known_hosts=tuple(board.texts[host] for host in sorted(known)),
        controlled_hosts=tuple(board.texts[host] for host in sorted(controlled)),
        known_services=tuple(
            (board.texts[host], services)
            for host in sorted(controlled)
            if (
                services := tuple(
                    ServiceItem(*board.services[i]) for i in bits(board.services_at[board.node_of[host]])
                )
            )
        ),
        known_data=tuple(
            (
                board.texts[host],
                tuple(
                    DataItem(*(board.items[i][0], board.items[i][1], board.items[i][3])) for i in sorted(held)
                ),
            )
            for host, held in sorted(places.items())
            if held
        ),
    )
    return Sweep(goal, take_over, take_over + hosts + data * hosts + hosts * hosts)


@pytest.mark.parametrize("name", task_names())
def test_sweep_of_a_bundled_task_within_its_limit_wins_every_game(name: str) -> None:
    spec = load_spec(name)
    limit = spec.task.roles[0].max_steps
    sweep = full_sweep(spec, 0)
    assert limit is not None
    assert sweep.take_over <= limit
    played = games(spec, 50)
    assert wins(played) == 50
    assert max(result.steps[0] for result in played) <= 20


@pytest.mark.parametrize("name", task_names())
def test_sweep_for_any_data_brought_outside_takes_no_more_steps_than_a_take_over(name: str) -> None:
    spec = load_spec(name)
    sweep = full_sweep(spec, 0)
    loot = dict(sweep.goal.known_data)[OUTSIDE]
    goal = View(controlled_hosts=sweep.goal.controlled_hosts, known_data=((OUTSIDE, loot),))
    assert wins(games(changed(spec, goal=goal, max_steps=sweep.take_over), 3)) == 3


@pytest.mark.parametrize(
    ("name", "firewall"), [*((name, True) for name in task_names()), ("three_net_scenario", False)]
)
def test_sweep_for_everything_at_once_takes_no_more_steps_than_there_are_sensible_actions(
    name: str, firewall: bool
) -> None:
    spec = of_task(load_spec(name), use_firewall=firewall)
    sweep = full_sweep(spec, 0)
    match = LocalMatch(changed(spec, goal=sweep.goal, max_steps=sweep.everything), [ScriptedAttacker()], 0)
    assert match.play_episode().winner == "Attacker"


def test_sweep_for_everything_plays_only_valid_actions_and_none_twice() -> None:
    spec = load_spec("two_networks_small")
    match = LocalMatch(changed(spec, goal=full_sweep(spec, 0).goal, max_steps=None), [agent := Watched()], 0)
    assert match.play_episode().winner == "Attacker"
    assert len(set(agent.played)) == len(agent.played)


@pytest.mark.parametrize("name", ["one_network", "two_networks", "three_net_scenario"])
def test_sweep_under_other_addresses_wins_every_game(name: str) -> None:
    match = LocalMatch(of_task(load_spec(name), use_dynamic_addresses=True), [agent := Watched()], 1)
    seen = set()
    for seed in range(15):
        assert match.play_episode(seed=seed, randomize_topology=True).winner == "Attacker"
        assert agent.seat is not None
        seen.add(tuple(sorted(agent.seat.observation.state.known_networks)))
    assert len(seen) == 15


@pytest.mark.parametrize(
    "goal",
    [
        View(known_networks=("192.168.1.0/24",)),
        View(known_hosts=("192.168.1.6",)),
        View(controlled_hosts=("192.168.1.6",)),
        View(known_services=((WEB, (SSH,)),)),
        View(known_services=((SMB, (SHELL,)),)),
        View(known_services=((CLIENT, (SHELL,)),)),
        View(known_data=((SMB, (SECRET,)),)),
        View(known_data=((OUTSIDE, (SECRET,)),)),
        View(known_data=((WEB, (SECRET,)),)),
        View(known_data=((OUTSIDE, (DataItem("User2", "WebServerData"),)), (SMB, (SECRET,)))),
    ],
    ids=lambda goal: ",".join(f"{k}={v}" for k, v in attrs.asdict(goal, recurse=False).items() if v)[:60],
)
def test_sweep_for_a_goal_of_each_kind_wins(goal: View) -> None:
    assert wins(games(changed(load_spec("two_networks"), goal=goal, max_steps=250), 2)) == 2


def test_sweep_where_a_single_host_may_pass_the_firewall_finds_the_way_within_a_take_over() -> None:
    spec = load_spec("three_net_scenario")
    rules = (Rule("192.168.2.0/24", "192.168.1.0/24"), Rule("192.168.1.5/32", "192.168.3.0/24"))
    spec = attrs.evolve(spec, topology=attrs.evolve(spec.topology, rules=rules))
    limit = full_sweep(spec, 0).take_over
    assert wins(games(changed(spec, max_steps=limit), 5)) == 5


def test_sweep_for_data_at_the_start_host_of_a_task_without_machines_outside_wins() -> None:
    spec = load_spec("two_networks")
    start = View(controlled_hosts=("192.168.1.5",))
    goal = View(known_data=(("192.168.1.5", (SECRET,)),))
    assert wins(games(changed(spec, start=start, goal=goal, max_steps=30), 1)) == 1


def test_sweep_whose_goal_is_out_of_reach_goes_on_with_valid_actions_to_the_last_step() -> None:
    spec = changed(
        load_spec("two_networks_tiny"),
        goal=View(known_hosts=("192.168.1.1",), known_data=((CLIENT, (SECRET,)),)),
    )
    agent = Watched()
    result = LocalMatch(changed(spec, max_steps=200), [agent], 3).play_episode()
    assert (result.winner, len(agent.played)) == (None, 200)


# --- failures and blocks --------------------------------------------------------------------------------

A, B, TARGET = IP("192.168.1.2"), IP("192.168.1.9"), IP("192.168.1.3")
DOOR = Service("ssh", "passive", "8.1.0", False)


def moves(states: Sequence[GameState]) -> list[Action | None]:
    agent = ScriptedAttacker()
    return [agent.choose_action(Observation(state, -1, False)) for state in states]


def attempts(actions: Iterable[Action | None], kind: ActionType) -> list[IP]:
    """The sources from which that kind of action was tried, in order."""
    return [a.parameters["source_host"] for a in actions if a is not None and a.type is kind]


def test_exploit_that_shows_nothing_is_tried_from_the_next_source_and_then_given_up() -> None:
    state = GameState([A, B], [A, B, TARGET], {TARGET: {DOOR}})
    assert attempts(moves([state] * 6), ActionType.ExploitService) == [A, B]


def test_question_for_services_that_shows_nothing_is_asked_from_every_host() -> None:
    state = GameState([A, B], [A, B, TARGET])
    asked = [a for a in moves([state] * 6) if a is not None and a.parameters["target_host"] == TARGET]
    assert attempts(asked, ActionType.FindServices) == [A, B]


def test_exploit_from_a_source_that_is_known_to_be_cut_off_is_not_tried() -> None:
    state = GameState([A, B], [A, B, TARGET], {TARGET: {DOOR}}, known_blocks={A: {TARGET}, TARGET: {A}})
    assert attempts(moves([state] * 6), ActionType.ExploitService) == [B]


def test_exfiltration_over_a_cut_link_is_tried_over_another_host() -> None:
    outside, secret = IP(OUTSIDE), Data("User1", "secret")
    state = GameState(
        [A, B, outside], [A, B, outside], known_data={A: {secret}}, known_blocks={A: {outside}, outside: {A}}
    )
    carried = [a for a in moves([state] * 5) if a is not None and a.type is ActionType.ExfiltrateData]
    assert carried[0].parameters["target_host"] == B


def test_sweep_that_has_tried_everything_begins_again() -> None:
    state = GameState([A], [A])
    first, second, third = moves([state] * 3)
    assert (first, second) == (third, Action(ActionType.FindServices, {"source_host": A, "target_host": A}))


def test_sweep_that_controls_nothing_passes() -> None:
    assert moves([GameState()]) == [None]


class Cutter(RandomDefender):
    """Cuts pairs of hosts off from each other in its first moves, then watches."""

    cuts: tuple[tuple[str, str], ...] = ()

    def episode_started(self, observation: Observation) -> None:
        self.left = list(self.cuts)

    def choose_action(self, observation: Observation) -> Action | None:
        if not self.left:
            return None
        host, other = self.left.pop(0)
        where = {"source_host": IP(host), "target_host": IP(host)}
        return Action(ActionType.BlockIP, {**where, "blocked_host": IP(other)})


@pytest.mark.parametrize(
    "cuts",
    [[(SMB, CLIENT)], [(SMB, OUTSIDE)], [(SMB, CLIENT), (SMB, OUTSIDE)]],
    ids=["way in", "way out", "both"],
)
def test_sweep_against_a_cut_takes_a_way_around_within_the_limit(cuts: list[tuple[str, str]]) -> None:
    spec = of_task(load_spec("two_networks"), required_players=2)
    spec = changed(spec, start=View(controlled_hosts=(OUTSIDE, CLIENT)))
    defender = Cutter(role=AgentRole.Defender)
    defender.cuts = tuple(cuts)
    assert LocalMatch(spec, [Watched(), defender], 1).play_episode().winner == "Attacker"


def test_sweep_against_a_random_defender_plays_on_and_wins_most_games() -> None:
    tables = compile_spec(of_task(load_spec("two_networks"), required_players=2).to_bytes())
    played = [
        LocalMatch(tables, [Watched(), RandomDefender(role=AgentRole.Defender)], seed).play_episode()
        for seed in range(20)
    ]
    assert wins(played) >= 15


# --- episodes, seeds and strength -----------------------------------------------------------------------


class Unannounced(ScriptedAttacker):
    """Is not told that an episode begins."""

    def episode_started(self, observation: Observation) -> None:
        pass


def test_episode_that_is_not_announced_is_noticed_and_played_alike() -> None:
    tables = compile_spec(load_spec("three_net_scenario").to_bytes())
    told, untold = (LocalMatch(tables, [agent], 4) for agent in (ScriptedAttacker(), Unannounced()))
    for _ in range(8):
        assert untold.play_episode() == told.play_episode()


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 1.0])
def test_games_from_equal_seeds_are_equal(epsilon: float) -> None:
    def actions() -> list[list[Action]]:
        match = LocalMatch(load_spec("two_networks"), [agent := Watched(epsilon=epsilon)], 9)
        return [agent.played for _ in range(3) if match.play_episode()]

    assert actions() == actions()


def test_epsilon_between_zero_and_one_grades_the_strength() -> None:
    spec = changed(load_spec("two_networks"), max_steps=15)
    won = [wins(games(spec, 25, epsilon=epsilon)) for epsilon in (0, 0.3, 0.7, 1)]
    assert won == sorted(won, reverse=True)
    assert len(set(won[:3])) == 3
    assert won[0] == 25


def test_epsilon_of_one_plays_like_the_random_attacker() -> None:
    spec = changed(load_spec("two_networks_tiny"), max_steps=100)
    won, at_random = wins(games(spec, 25, epsilon=1)), wins(games(spec, 25, RandomAttacker))
    assert 0 < won < 25
    assert abs(won - at_random) < 10  # three standard deviations of the difference of two such counts


@pytest.mark.parametrize("epsilon", [-0.1, 1.1, "much"])
def test_epsilon_outside_its_range_is_refused(epsilon: object) -> None:
    with pytest.raises(ConfigError, match="epsilon"):
        ScriptedAttacker(epsilon=epsilon)
