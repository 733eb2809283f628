"""Agents that were written for NetSecGame, over our hub."""

import gc
import json
import logging
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from netsiege.client import Client
from netsiege.compat.netsecgame import (
    Action,
    ActionType,
    AgentInfo,
    AgentRole,
    BaseAgent,
    GameState,
    GameStatus,
    Observation,
    generate_valid_actions,
)
from netsiege.protocol import SessionRole
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec
from tests.e2e.conftest import RunningHub, wait_until

AGENTS = Path(__file__).with_name("agents")
# What came of the same programs, unchanged, on NetSecGame's own server: 0.2.0, two_networks_tiny, with the
# goal, start and rewards of our task of that name. Nobody but the agents draws anything there.
RANDOM_RETURNS = [-110, -110, 39, -110, -110]
LEARNING_RETURNS = [
    *(-110, -110, 53, 84, -110, -110, 42, 58, -110, 48, 40, -110, 31, 30, 44, 19, 58, 77, 56, 44),
    *(18, 61, 77, 59, 64, 75, 28, 81, 79, 91, 9, 92, 75, 79, 92, 33, 56, 93, 67, 91),
]

JOIN_KEYS = {"message", "max_steps", "goal_description", "actions", "configuration_hash"}


def run_agent(name, folder, hub, *words):
    """Runs an agent's program with one changed name; what it has printed, as JSON."""
    text = (AGENTS / name).read_text()
    assert "from netsecgame import" in text
    program = folder / name
    program.write_text(re.sub(r"\bnetsecgame\b", "netsiege.compat.netsecgame", text))
    done = subprocess.run(
        [sys.executable, str(program), "127.0.0.1", str(hub.port), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def make_agent(hub):
    agents = []

    def make(kind=BaseAgent, role=AgentRole.Attacker, port=None, **options):
        agents.append(kind("127.0.0.1", port or hub.port, role, **options))
        return agents[-1]

    yield make
    for agent in agents:
        agent.terminate_connection()


@pytest.fixture
def agent(make_agent):
    made = make_agent()
    assert made.register() is not None
    return made


def open_room(hub, name, *, episodes=None, **overrides):
    with Client(hub.address, "director", SessionRole.DIRECTOR) as director:
        director.open_room(room_of(name, load_spec(**overrides), 1, episodes))


def matches(hub, room="default"):
    with Client(hub.address, "status", SessionRole.SPECTATOR) as client:
        return next(each.open_matches for each in client.status().rooms if each.name == room)


def look(state):
    host = min(state.controlled_hosts)
    return Action(ActionType.FindData, {"source_host": host, "target_host": host})


def play_out(agent, observation):
    while not observation.end:
        observation = agent.make_step(look(observation.state))
    return observation


# --- whole programs ---------------------------------------------------------------------------------------


def test_random_agent_plays_the_same_games_with_one_changed_name(hub, tmp_path):
    told = run_agent("random_agent.py", tmp_path, hub, len(RANDOM_RETURNS))
    assert set(told["info"]) == JOIN_KEYS
    assert told["returns"] == RANDOM_RETURNS
    assert [end == "AgentStatus.Success" for end in told["ends"]] == [each > 0 for each in RANDOM_RETURNS]


def test_q_learning_agent_learns_the_same_with_one_changed_name(hub, tmp_path):
    returns = run_agent("q_agent.py", tmp_path, hub, len(LEARNING_RETURNS), tmp_path / "table")
    assert returns == LEARNING_RETURNS


# --- shapes -----------------------------------------------------------------------------------------------


def test_registering_gives_the_message_as_info(make_agent):
    observation = make_agent().register()
    assert isinstance(observation, Observation)
    assert (observation.reward, observation.end) == (0, False)
    assert set(observation.info) == JOIN_KEYS
    assert observation.info["actions"] == [str(kind) for kind in ActionType]
    assert observation.info["max_steps"] == 100
    assert observation.state.controlled_hosts <= observation.state.known_hosts


def test_info_is_empty_until_the_end_and_then_says_why(agent):
    observation = agent.make_step(look(agent.request_game_reset().state))
    assert observation.info == {}
    observation = play_out(agent, observation)
    assert (observation.reward, observation.info) == (-11, {"end_reason": "AgentStatus.TimeoutReached"})


def test_step_after_the_end_is_forbidden_and_changes_nothing(agent):
    last = play_out(agent, agent.request_game_reset())
    status, seen, message = agent.communicate(look(last.state))
    assert (status, message) == (GameStatus.FORBIDDEN, None)
    assert seen["state"] == last.state.as_dict
    assert (seen["reward"], seen["end"]) == (last.reward, True)
    assert set(seen["info"]) == {"end_reason", "info"}


def test_reset_gives_the_last_trajectory_when_asked(agent):
    first = agent.request_game_reset()
    assert set(first.info) == JOIN_KEYS - {"actions"}
    last = agent.make_step(look(first.state))
    told = agent.request_game_reset(request_trajectory=True, seed=1).info["last_trajectory"]
    assert (told["agent_name"], told["agent_role"]) == ("BaseAgent", "Attacker")
    assert [GameState.from_dict(each) for each in told["trajectory"]["states"]] == [first.state, last.state]
    assert [Action.from_dict(each) for each in told["trajectory"]["actions"]] == [look(first.state)]
    assert told["trajectory"]["rewards"] == [-1]


def test_equal_seeds_of_resets_give_equal_starts(hub, make_agent):
    open_room(hub, "larger", scenario="two_networks")
    agent = make_agent(room="larger")
    agent.register()
    starts = [agent.request_game_reset(seed=seed).state for seed in (1, 2, 3, 4, 1, 2, 3, 4)]
    assert starts[:4] == starts[4:]
    assert any(start != starts[0] for start in starts)


def test_what_an_agent_changes_in_its_state_and_info_stays_with_it(agent, make_agent):
    first = agent.request_game_reset()
    action = look(first.state)
    seen = agent.make_step(action)
    kept = GameState.from_dict(seen.state.as_dict)
    assert kept.known_data
    mine = seen.state
    for part in (*mine.known_data.values(), mine.known_data, mine.known_networks, mine.controlled_hosts):
        part.clear()
    seen.info["end_reason"] = "mine"
    after = agent.make_step(action)
    assert after.info == {}
    assert after.state.controlled_hosts == kept.controlled_hosts
    assert after.state.known_networks == kept.known_networks
    assert after.state.known_data.keys() == kept.known_data.keys()
    make_agent().register().info["actions"].clear()
    assert make_agent().register().info["actions"]


def test_communicate_answers_as_the_server_does(make_agent):
    agent = make_agent()
    who = AgentInfo("somebody", "attacker")
    status, seen, message = agent.communicate(Action(ActionType.JoinGame, {"agent_info": who}))
    assert (status, seen["reward"], seen["end"], seen["info"]) == (GameStatus.CREATED, 0, False, {})
    assert set(message) == JOIN_KEYS
    state = GameState.from_dict(seen["state"])
    status, seen, message = agent.communicate(look(state))
    assert (status, seen["reward"], message) == (GameStatus.OK, -1, None)
    status, seen, message = agent.communicate(Action(ActionType.ResetGame))
    assert (status, seen["info"], set(message)) == (GameStatus.RESET_DONE, {}, JOIN_KEYS - {"actions"})
    status, seen, _ = agent.communicate(Action(ActionType.QuitGame))
    assert (status, seen) == (GameStatus.OK, {})
    status, seen, message = agent.communicate(look(state))
    assert (status, seen) == (GameStatus.BAD_REQUEST, {})
    assert "JoinGame" in message["message"]
    assert agent.register() is not None
    with pytest.raises(ValueError, match="is no Action"):
        agent.communicate("FindData")


# --- what goes wrong --------------------------------------------------------------------------------------


def test_second_registration_is_refused_and_the_seat_goes_on(agent, caplog):
    assert agent.register() is None
    assert "Agent already exists." in caplog.text
    assert agent.request_game_reset() is not None


def test_action_before_registering_is_refused(make_agent, caplog):
    agent = make_agent()
    host = {"ip": "192.168.2.2"}
    action = {"action_type": "FindData", "parameters": {"source_host": host, "target_host": host}}
    assert agent.make_step(Action.from_dict(action)) is None
    assert "join the game first" in caplog.text
    assert agent.request_game_reset() is None
    assert agent.register() is not None


@pytest.mark.parametrize("role", ["Spectator", AgentRole.Defender, None])
def test_role_that_is_not_there_is_told_none(make_agent, caplog, role):
    assert make_agent(role=role).register() is None
    assert caplog.records[-1].levelno == logging.ERROR


def test_role_may_be_text(make_agent):
    assert make_agent(role="attacker").register() is not None


def test_action_without_form_is_refused_and_costs_nothing(agent, caplog):
    first = agent.request_game_reset(seed=1)
    host = min(first.state.controlled_hosts)
    for parameters in ({}, {"source_host": host}, {"source_host": "external", "target_host": host}):
        assert agent.make_step(Action(ActionType.FindServices, parameters)) is None
    assert "target_host is missing" in caplog.text
    agent.make_step(look(first.state))
    told = agent.request_game_reset(request_trajectory=True, seed=1).info["last_trajectory"]
    assert len(told["trajectory"]["actions"]) == 1


def test_reset_that_cannot_be_granted_is_told_none(agent, caplog):
    with pytest.raises(ValueError, match="needs a seed"):
        agent.request_game_reset(randomize_topology=True)
    assert agent.request_game_reset(seed=-1) is None
    assert "not reset" in caplog.text
    assert agent.request_game_reset(randomize_topology=True, seed=1) is not None


def test_block_may_name_its_target_as_the_whitebox_does(agent):
    first = agent.request_game_reset()
    host = min(first.state.controlled_hosts)
    other = min(first.state.known_hosts - {host})
    parameters = {"source_host": host, "target_host": host, "blocked_ip": other}
    assert agent.make_step(Action(ActionType.BlockIP, parameters)) is not None


def test_agent_without_a_hub_is_told_none(caplog):
    agent = BaseAgent("127.0.0.1", 1, AgentRole.Attacker)
    assert agent.socket is None
    assert "nothing answers" in caplog.text
    assert agent.register() is None
    with pytest.raises(ConnectionError, match="not connected"):
        agent.make_step(Action(ActionType.QuitGame))
    agent.terminate_connection()


def test_hub_that_ends_is_a_connection_error():
    hub = RunningHub("--workers", "1")
    agent = BaseAgent("127.0.0.1", hub.port, AgentRole.Attacker)
    first = agent.register()
    assert agent.socket is not None
    hub.stop()
    with pytest.raises(ConnectionError):
        agent.make_step(look(first.state))
    assert agent.socket is None
    assert agent.register() is None


def test_last_episode_of_a_match_is_followed_by_another_match(hub, make_agent, caplog):
    open_room(hub, "short", episodes=1)
    agent = make_agent(room="short")
    first = agent.register()
    assert play_out(agent, first).end
    again = agent.request_game_reset()
    assert set(again.info) >= JOIN_KEYS - {"actions"}
    assert not again.end
    assert agent.make_step(look(again.state)).reward == -1


def test_action_in_a_match_that_is_over_is_refused_until_the_reset(hub, make_agent, caplog):
    open_room(hub, "patient", clock={"move_s": 0.05})
    agent = make_agent(room="patient")
    first = agent.register()
    wait_until(lambda: not matches(hub, "patient"), "the forfeit")
    assert agent.make_step(look(first.state)) is None
    assert "ask for a reset" in caplog.text
    assert agent.request_game_reset() is not None


def test_seat_that_was_lost_can_be_left(hub, make_agent):
    open_room(hub, "hasty", clock={"move_s": 0.05})
    agent = make_agent(room="hasty")
    agent.register()
    wait_until(lambda: not matches(hub, "hasty"), "the forfeit")
    assert agent.communicate(Action(ActionType.QuitGame))[0] is GameStatus.OK
    assert agent.register() is not None


# --- sessions ---------------------------------------------------------------------------------------------


def test_room_and_name_come_from_the_environment(hub, make_agent, monkeypatch):
    open_room(hub, "other")
    monkeypatch.setenv("NETSIEGE_ROOM", "other")
    monkeypatch.setenv("NETSIEGE_NAME", "somebody")
    agent = make_agent()
    agent.register()
    assert matches(hub, "other") == 1
    told = agent.request_game_reset(request_trajectory=True).info["last_trajectory"]
    assert told["agent_name"] == "somebody"


def test_agent_that_nobody_holds_any_more_gives_its_seat_up(hub, make_agent):
    open_room(hub, "lonely")
    agent = BaseAgent("127.0.0.1", hub.port, AgentRole.Attacker, room="lonely")
    agent.register()
    assert matches(hub, "lonely") == 1
    del agent
    gc.collect()
    wait_until(lambda: not matches(hub, "lonely"), "the seat to be given up")


def test_players_of_a_match_begin_and_reset_together(hub, make_agent):
    open_room(hub, "duel", seats={"Attacker": 1, "Defender": 1})
    agents = [make_agent(role=role, room="duel") for role in (AgentRole.Attacker, AgentRole.Defender)]

    def both(call):
        found = {}
        threads = [threading.Thread(target=lambda a=a: found.__setitem__(a, call(a))) for a in agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        return [found[each] for each in agents]

    attacker, defender = both(lambda each: each.register())
    assert {a.type for a in generate_valid_actions(defender.state, include_blocks=True)} >= {
        ActionType.BlockIP,
        ActionType.FindData,
    }
    for agent, seen in zip(agents, (attacker, defender), strict=True):
        assert agent.make_step(look(seen.state)).reward == -1
    assert all(
        seen.info["message"].startswith("Resetting") for seen in both(lambda a: a.request_game_reset())
    )
