from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ProtocolError
from netsiege.game import Action, ActionType, GameState
from netsiege.protocol import Code, pack
from netsiege.protocol.play import (
    PASS,
    Seen,
    action_body,
    observation_body,
    read_action,
    read_observation,
    read_trajectory,
    trajectory_body,
    trajectory_step,
)
from tests import strategies as some


@given(some.all_actions)
def test_action_body_survives_the_wire(action):
    assert read_action(action_body(action)) == action


def test_action_body_of_none_is_a_pass():
    assert action_body(None) == PASS
    assert read_action(PASS) is None


@given(st.binary(max_size=40))
def test_action_body_of_any_bytes_is_read_or_refused(body):
    try:
        read_action(body)
    except ProtocolError as error:
        assert error.code == Code.BAD_ACTION


def test_action_without_a_source_is_refused_before_it_is_sent():
    with pytest.raises(ProtocolError, match=r"BAD_ACTION: .*source_host is missing"):
        action_body(Action(ActionType.FindData, {}))


@given(some.states, some.states)
def test_observation_in_full_and_as_delta_tell_the_same(before, after):
    info = ["end_reason", "AgentStatus.Success"]
    full, seen = read_observation(observation_body(Seen.END | Seen.FULL, 99, info, after.to_wire()), None)
    delta, _ = read_observation(observation_body(Seen.END, 99, info, after.delta_from(before)), before)
    assert full == delta
    assert full.state == after
    assert full.end
    assert seen == Seen.END | Seen.FULL
    assert full.info == {"end_reason": "AgentStatus.Success"}


def test_observation_as_delta_needs_a_state_before_it():
    with pytest.raises(ProtocolError, match="before any full state"):
        read_observation(observation_body(Seen.NONE, -1, [], []), None)


def test_observation_of_a_typical_step_is_small():
    assert len(observation_body(Seen.NONE, -1, [], [2, [3232236034]])) <= 20


@pytest.mark.parametrize(
    "wire",
    [
        None,
        [],
        [0, -1, []],
        [8, -1, [], []],
        [0, "x", [], []],
        [0, -1, ["a"], []],
        [0, -1, [1, 2], []],
        [0, -1, [], [99, []]],
        [4, -1, [], [[], [], []]],
    ],
)
def test_observation_that_is_malformed_is_refused(wire):
    with pytest.raises(ProtocolError) as caught:
        read_observation(pack(wire), GameState())
    assert caught.value.code == Code.MALFORMED


NESTED = [b"\x91" * depth + b"\x90" for depth in (400, 900, 1_000, 1_020, 1_100)]


@pytest.mark.parametrize("nested", NESTED, ids=len)
def test_body_that_is_nested_deeply_is_refused_and_raises_nothing_else(nested):
    for before in (b"", b"\x91", b"\x92\x00"):
        with pytest.raises(ProtocolError, match="BAD_ACTION"):
            read_action(before + nested)
    for at in (0, 1, 2, 3):
        for flags in (Seen.NONE, Seen.FULL):
            fields = [pack(int(flags)), pack(-1), pack([]), pack([])]
            for wrong in (nested, b"\x92" + nested + b"\x90", b"\x92\x01\x91" + nested):
                body = b"\x94" + b"".join([*fields[:at], wrong, *fields[at + 1 :]])
                with pytest.raises(ProtocolError, match="MALFORMED"):
                    read_observation(body, GameState())
    for at in (0, 1):
        fields = [pack([]), pack([]), pack(None), pack("Attacker"), pack("me")]
        with pytest.raises(ProtocolError, match="MALFORMED"):
            read_trajectory(b"\x95" + b"".join([*fields[:at], nested, *fields[at + 1 :]]))


@given(st.lists(some.states, min_size=1, max_size=4), some.all_actions)
def test_trajectory_survives_the_wire_in_netsecgames_form(states, action):
    steps = [
        trajectory_step(action.to_wire(), -1, later.delta_from(earlier))
        for earlier, later in pairwise(states)
    ]
    told = read_trajectory(trajectory_body(states[0].to_wire(), steps, "AgentStatus.Fail", "Attacker", "me"))
    assert [GameState.from_dict(s) for s in told["trajectory"]["states"]] == states
    assert told["trajectory"]["actions"] == [action.as_dict] * (len(states) - 1)
    assert told["trajectory"]["rewards"] == [-1] * (len(states) - 1)
    assert (told["end_reason"], told["agent_role"], told["agent_name"]) == (
        "AgentStatus.Fail",
        "Attacker",
        "me",
    )


@given(st.binary(max_size=40))
def test_trajectory_of_any_bytes_is_read_or_refused(body):
    try:
        read_trajectory(body)
    except ProtocolError as error:
        assert error.code == Code.MALFORMED
