import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import HubUnreachable, ProtocolError
from netsiege.game import Action, ActionType, AgentRole, GameState
from netsiege.protocol import (
    MAX_AGENT_FRAME_BYTES,
    MAX_REQUEST,
    Code,
    Error,
    Held,
    Kind,
    Wait,
    pack,
)
from netsiege.protocol.play import Seated, Seen, observation_body
from netsiege.session import Session
from tests.sdk.hub_frames import frame


def seated_session(handle=7, ruleset="netsecgame", info=()):
    session = Session("me")
    number, _ = session.join("default", AgentRole.Attacker)
    first = observation_body(Seen.FULL, 0, list(info), GameState().to_wire())
    told = Seated(1, "Attacker", 0, 5, None, 100, "goal", "hash", ruleset, first)
    session.receive(frame(Kind.SEATED, handle, number, told.encode()))
    return session, session.seats[handle]


@pytest.mark.parametrize(
    ("ruleset", "count", "has_responses"), [("netsecgame", 9, False), ("siege-1", len(ActionType), True)]
)
def test_seat_is_told_the_action_types_of_its_ruleset(ruleset, count, has_responses):
    _, seat = seated_session(ruleset=ruleset)
    assert seat.ruleset == ruleset
    assert seat.has_responses is has_responses
    assert seat.observation.info["actions"] == list(seat.actions)
    assert len(set(seat.actions)) == count
    assert {"ActionType.ScanNetwork", "ActionType.ResetGame"} < set(seat.actions)


def test_seat_takes_the_action_types_from_its_first_observation_if_they_are_there():
    named = ["ActionType.ScanNetwork", "ActionType.BlockIP"]
    _, seat = seated_session(ruleset="siege-1", info=["actions", named])
    assert seat.actions == tuple(named)
    assert not seat.has_responses


@pytest.mark.parametrize("junk", [None, 7, "ActionType.IsolateHost"])
def test_action_types_that_are_no_list_are_none(junk):
    _, seat = seated_session(ruleset="siege-1", info=["actions", junk])
    assert seat.actions == ()


def test_request_numbers_are_new_and_never_zero():
    session = Session("me")
    session._last_request = MAX_REQUEST - 1
    numbers = [session.ping()[0] for _ in range(3)]
    assert numbers == [MAX_REQUEST, 1, 2]


def test_request_numbers_skip_those_still_open():
    session = Session("me")
    session.ping()
    session._last_request = 0
    assert session.ping()[0] == 2


def test_reply_that_is_held_is_not_final():
    session = Session("me")
    number, _ = session.join("default", AgentRole.Attacker)
    assert session.receive(frame(Kind.WAIT, 0, number, Wait(Held.PLAYERS).encode())) == []
    assert session.held(number) == Held.PLAYERS
    assert session.is_open(number)


def test_seat_moves_once_until_it_is_answered():
    session, seat = seated_session()
    session.step(seat, None)
    with pytest.raises(ProtocolError, match="BUSY"):
        session.step(seat, None)
    with pytest.raises(ProtocolError, match="BUSY"):
        session.step_many([(seat, None)])


def test_error_about_an_action_leaves_the_seat_to_move_again():
    session, seat = seated_session()
    number, _ = session.step(seat, None)
    body = Error(Code.BAD_ACTION, "no").encode()
    [settled] = session.receive(frame(Kind.ERROR, seat.handle, number, body))
    assert settled.answer.code == Code.BAD_ACTION
    assert seat.ended is None
    session.step(seat, None)


def test_error_that_the_seat_is_unknown_ends_it():
    session, seat = seated_session()
    number, _ = session.step(seat, None)
    session.receive(frame(Kind.ERROR, seat.handle, number, Error(Code.UNKNOWN_SEAT, "no").encode()))
    with pytest.raises(ProtocolError, match="UNKNOWN_SEAT"):
        session.step(seat, None)


def test_step_many_refused_as_a_whole_frees_all_its_seats():
    session, seat = seated_session()
    number, _ = session.step_many([(seat, None)])
    [settled] = session.receive(frame(Kind.ERROR, 0, number, Error(Code.OVERLOADED, "no").encode()))
    assert settled.seat is seat
    assert not session.is_open(number)
    session.step(seat, None)


def test_observation_nobody_asked_for_updates_the_seat():
    session, seat = seated_session()
    number, _ = session.step(seat, None)
    body = observation_body(Seen.NONE, -1, [], [1, [16843009]])
    session.receive(frame(Kind.OBS, seat.handle, 0, body))
    assert [str(ip) for ip in seat.state.known_hosts] == ["1.1.1.1"]
    assert session.is_open(number)


def test_action_too_large_for_the_hub_is_refused_before_it_is_sent():
    session, seat = seated_session()
    data = {"owner": "u", "id": "d", "type": "log", "size": 1, "content": "x" * MAX_AGENT_FRAME_BYTES}
    parameters = {"source_host": {"ip": "1.1.1.1"}, "target_host": {"ip": "1.1.1.1"}, "data": data}
    action = Action.from_dict({"action_type": "ExfiltrateData", "parameters": parameters})
    with pytest.raises(ProtocolError, match="TOO_LARGE"):
        session.step(seat, action)
    session.step(seat, None)


def test_hub_that_closes_is_an_error_that_nobody_asked_for():
    session, _ = seated_session()
    [settled] = session.receive(frame(Kind.ERROR, 0, 0, Error(Code.HUB_CLOSING, "closing").encode()))
    assert isinstance(settled.answer, HubUnreachable)


@pytest.mark.parametrize(
    "wrong", [b"", b"\x01", frame(Kind.PONG, version=2), frame(Kind.HELLO), frame(200), frame(Kind.OBS_MANY)]
)
def test_frame_that_no_hub_sends_is_refused(wrong):
    session, _ = seated_session()
    with pytest.raises(ProtocolError):
        session.receive(wrong)


@pytest.mark.parametrize(
    "record",
    [
        (7, [], b""),
        ([], int(Kind.OBS), b""),
        (None, int(Kind.OBS), b""),
        (7, True, b""),
        (7, 18.0, b""),
        (7, int(Kind.OBS), "text"),
        (7, int(Kind.OBS), [[]]),
        (7, int(Kind.END), None),
    ],
)
def test_record_of_many_observations_that_is_none_is_refused(record):
    session, seat = seated_session()
    number, _ = session.step(seat, None)
    with pytest.raises(ProtocolError, match="MALFORMED"):
        session.receive(frame(Kind.OBS_MANY, 0, number, pack(list(record))))


@given(
    st.binary(max_size=30)
    | st.builds(
        frame,
        st.sampled_from([int(k) for k in Kind]),
        st.sampled_from([0, 7, 8]),
        st.integers(0, 2),
        st.binary(max_size=12)
        | st.lists(
            st.none() | st.integers(0, 24) | st.text(max_size=5) | st.binary(max_size=5) | st.just([[]]),
            max_size=10,
        ).map(pack),
    )
)
def test_frame_of_any_bytes_is_taken_or_refused(wrong):
    session, seat = seated_session()
    session.step(seat, None)
    with contextlib.suppress(ProtocolError):
        session.receive(wrong)
