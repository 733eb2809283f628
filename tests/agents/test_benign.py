"""The benign user with office hours."""

import itertools

import pytest

from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker
from netsiege.agents.benign.office_benign import OfficeBenign
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.tables import compile_spec
from netsiege.errors import ConfigError
from netsiege.game import IP, ActionType, AgentRole, Data, GameState, Observation
from netsiege.options import play_setup

HOSTS = [IP(f"10.0.0.{i}") for i in range(1, 7)]
FILES = [Data("user", f"file{i}") for i in range(6)]
LOG = Data("system", "logfile", 2, "log", "[]")
OFFICE = Observation(
    GameState(
        controlled_hosts=HOSTS,
        known_hosts=HOSTS,
        known_data={host: [LOG, *FILES] if i < 3 else [LOG] for i, host in enumerate(HOSTS)},
    ),
    0,
    False,
)


def user(**parameters):
    return OfficeBenign(role=AgentRole.Benign, **parameters)


def moves_of(agent, count, observation=OFFICE):
    return [agent.choose_action(observation) for _ in range(count)]


def test_office_user_only_looks_and_copies_and_leaves_logs_alone():
    moves = [move for move in moves_of(user(busy=1.0, think_moves=0.0, habit=0.5), 600) if move]
    assert {move.type for move in moves} == {
        ActionType.FindServices,
        ActionType.FindData,
        ActionType.ExfiltrateData,
    }
    assert all(move.parameters.get("data", FILES[0]).type != "log" for move in moves)


def test_office_user_who_cannot_use_its_favourites_leaves_logs_alone_too():
    known = [*HOSTS[:2], *(IP(f"10.1.0.{i}") for i in range(50))]
    logs = {host: [LOG] for host in HOSTS[:2]}
    state = GameState(controlled_hosts=HOSTS[:2], known_hosts=known, known_data=logs)
    moves = moves_of(
        user(busy=1.0, think_moves=0.0, favourites=1, habit=0.0), 500, Observation(state, 0, False)
    )
    assert ActionType.ExfiltrateData not in {move.type for move in moves}


def test_office_user_works_in_one_shift_a_day():
    moves = moves_of(user(day_moves=20, busy=0.3, think_moves=0.0), 200)
    works = [move is not None for move in moves]
    assert works[:180] == works[20:]
    assert sum(works) == 60
    runs = [len(list(run)) for at_work, run in itertools.groupby(works) if at_work]
    assert max(runs) == 6
    assert len(runs) in (10, 11)  # a shift that is under way when it starts is cut in two


def test_office_user_who_is_never_busy_passes():
    assert moves_of(user(busy=0.0), 100) == [None] * 100


@pytest.mark.parametrize("think_moves", [0.0, 1.0, 3.0])
def test_office_user_thinks_that_long_on_average(think_moves):
    moves = moves_of(user(busy=1.0, think_moves=think_moves), 1500)
    acted = sum(move is not None for move in moves)
    assert acted / 1500 == pytest.approx(1 / (1 + think_moves), rel=0.12)


def test_office_user_prefers_few_hosts_and_data():
    moves = moves_of(user(busy=1.0, think_moves=0.0, favourites=2, habit=0.0), 300)
    assert len({m.parameters[key] for m in moves for key in ("source_host", "target_host")}) == 2
    assert len({m.parameters["data"] for m in moves if "data" in m.parameters}) <= 2


def test_office_users_of_other_seeds_have_other_favourites():
    found = set()
    for seed in range(8):
        agent = user(busy=1.0, think_moves=0.0)
        agent.rng.seed(seed)
        found.add(frozenset(m.parameters["target_host"] for m in moves_of(agent, 60)))
    assert len(found) > 2


def test_office_user_with_a_habit_goes_on_where_it_was():
    def changes(habit):
        targets = [
            m.parameters["target_host"]
            for m in moves_of(user(busy=1.0, think_moves=0.0, favourites=6, habit=habit), 600)
        ]
        return sum(a != b for a, b in itertools.pairwise(targets))

    assert changes(1.0) == 0
    assert changes(0.9) < changes(0.3) / 2


def test_office_user_in_another_network_has_other_habits():
    agent = user(busy=1.0, think_moves=0.0)
    moves_of(agent, 30)
    elsewhere = [IP(f"10.9.0.{i}") for i in range(1, 7)]
    moved = Observation(GameState(controlled_hosts=elsewhere, known_hosts=elsewhere), 0, False)
    moves = moves_of(agent, 40, moved)
    targets = {m.parameters["target_host"] for m in moves}
    assert targets < set(elsewhere)
    assert len(targets) <= 2


def test_office_user_with_nothing_to_do_passes():
    assert moves_of(user(busy=1.0, think_moves=0.0), 5, Observation(GameState(), 0, False)) == [None] * 5


def test_office_user_is_equal_to_another_of_the_same_seed_and_draws_from_its_rng_alone():
    assert moves_of(user(), 200) == moves_of(user(), 200)


def test_office_user_refuses_a_share_that_is_none():
    with pytest.raises(ConfigError, match="busy"):
        user(busy=1.1)


def test_office_user_plays_a_whole_match_without_disturbing_it():
    spec, _, _ = play_setup(None, "two_networks", None, "none", 2)
    agents = [ScriptedAttacker(role="Attacker"), *(user(busy=1.0) for _ in range(2))]
    match = LocalMatch(compile_spec(spec.to_bytes()), agents, 3)
    assert [match.play_episode().winner for _ in range(3)] == ["Attacker"] * 3
