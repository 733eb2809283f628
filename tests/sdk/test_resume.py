import pytest

from netsiege.errors import Forfeited, HubUnreachable, MatchOver, ProtocolError, WorkerLost
from netsiege.game import AgentRole, Observation
from netsiege.protocol import (
    MAX_REQUEST,
    Cause,
    Code,
    End,
    Held,
    Hello,
    Kind,
    OpenRoom,
    Reset,
    SessionRole,
    Wait,
    Watching,
    unpack,
)
from netsiege.session import Interrupted, Seat, Session, Unwanted, Unwatched
from tests.sdk.hub_frames import (
    TOKEN,
    body_of,
    come_back,
    delta,
    frame,
    full,
    heads,
    hosts,
    obs_many,
    refusal,
    resumed,
    seated,
    take_outbox,
    welcome,
    welcomed_session,
)

# --- HELLO and WELCOME ------------------------------------------------------------------------------------


def test_hello_carries_the_token_that_the_session_was_made_with_or_got():
    fresh = Session("me")
    number, sent = fresh.hello()
    assert Hello.decode(body_of(sent)).token is None
    fresh.receive(welcome(number))
    assert fresh.token == TOKEN
    for session in (fresh, Session("me", token=TOKEN)):
        assert Hello.decode(body_of(session.hello()[1])).token == TOKEN


def test_welcome_that_comes_from_no_resume_sends_nothing_again():
    session = Session("me")
    number, _ = session.hello()
    join, _ = session.join("default", AgentRole.Attacker)
    [settled] = session.receive(welcome(number))
    assert settled.request == number
    assert session.outbox == []
    assert session.is_open(join)


def test_welcome_that_comes_twice_is_taken_once():
    session, [seat] = welcomed_session(7)
    session.step(seat, None)
    number, _ = session.hello()
    session.receive(welcome(number, [(7, 0, 0)]))
    take_outbox(session)
    assert session.receive(welcome(number, [(7, 0, 0)])) == []
    assert session.outbox == []


def test_hello_said_again_takes_the_place_of_the_one_that_was_lost():
    session, _ = welcomed_session(7)
    lost, _ = session.hello()
    assert not session.welcomed
    again, _ = session.hello()
    assert not session.is_open(lost)
    assert session.receive(welcome(lost)) == []
    assert not session.welcomed
    session.receive(welcome(again, [(7, 0, 0)]))
    assert session.welcomed


def test_request_numbers_go_on_above_every_one_heard_in_welcome():
    session = Session("me", token=TOKEN)
    number, _ = session.hello()
    end = End(Cause.FINISHED).encode()
    session.receive(welcome(number, [(7, 40, 0), (8, 3, 50)], [(9, Kind.END, 60, end)]))
    assert session.ping()[0] == 61
    number, _ = session.hello()
    session.receive(welcome(number, [(7, MAX_REQUEST, 0)]))
    assert session.ping()[0] == 1


# --- what is sent again -----------------------------------------------------------------------------------


def test_step_that_the_hub_has_not_taken_is_sent_again_as_it_was():
    session, [seat] = welcomed_session(7)
    number, sent = session.step(seat, None)
    settled, again = come_back(session, [(7, 2, 0)])
    assert settled == []
    assert again == [sent]
    assert session.is_open(number)


@pytest.mark.parametrize("held", ["answered", "pending"])
def test_step_that_the_hub_has_taken_is_not_sent_again(held):
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    _, again = come_back(session, [(7, number, 0) if held == "answered" else (7, 2, number)])
    assert again == []
    assert session.is_open(number)


def test_requests_that_concern_no_seat_are_sent_again_in_their_order():
    session = Session("me", SessionRole.DIRECTOR)
    number, _ = session.hello()
    session.receive(welcome(number))
    room = OpenRoom("r", ("Attacker",), (), 1, 7, None, None, b"spec")
    sent = [session.open_room(room), session.watch("r"), session.status(), session.ping()]
    sent += [session.join("r", AgentRole.Attacker), session.bye()]
    assert come_back(session) == ([], [each for _, each in sent])


def test_room_that_is_watched_is_watched_again_under_the_same_number():
    session = Session("me", SessionRole.DIRECTOR)
    session.receive(welcome(session.hello()[0]))
    watch, sent = session.watch("r")
    session.receive(frame(Kind.WATCHING, 0, watch, Watching("r").encode()))
    assert come_back(session) == ([], [sent])
    assert session.receive(frame(Kind.WATCHING, 0, watch, Watching("r").encode())) == []
    later, sent_later = session.watch("r")
    assert later != watch
    session.receive(frame(Kind.WATCHING, 0, later, Watching("r").encode()))
    assert come_back(session) == ([], [sent_later])


def test_room_that_a_hub_knows_no_longer_ends_its_news():
    session = Session("me", SessionRole.DIRECTOR)
    session.receive(welcome(session.hello()[0]))
    watch, _ = session.watch("r")
    session.receive(frame(Kind.WATCHING, 0, watch, Watching("r").encode()))
    come_back(session)
    [settled] = session.receive(frame(Kind.ERROR, 0, watch, refusal(Code.UNKNOWN_ROOM)))
    assert isinstance(settled.answer, Unwatched)
    assert come_back(session) == ([], [])


def test_request_number_of_a_standing_watch_is_not_used_again():
    session = Session("me", SessionRole.DIRECTOR)
    session.receive(welcome(session.hello()[0]))
    watch, _ = session.watch("r")
    session.receive(frame(Kind.WATCHING, 0, watch, Watching("r").encode()))
    session._last_request = watch - 1
    assert session.ping()[0] == watch + 1


def test_step_many_that_the_hub_has_not_taken_is_sent_again_as_a_whole():
    session, seats = welcomed_session(7, 8)
    _, sent = session.step_many([(seat, None) for seat in seats])
    assert come_back(session, [(7, 2, 0), (8, 3, 0)]) == ([], [sent])


@pytest.mark.parametrize("held", [((7, 4, 0), (8, 3, 4)), ((7, 2, 4), (8, 3, 4)), ((7, 4, 0), (8, 4, 0))])
def test_step_many_that_the_hub_has_taken_is_not_sent_again(held):
    session, seats = welcomed_session(7, 8)
    number, _ = session.step_many([(seat, None) for seat in seats])
    assert number == 4
    assert come_back(session, held) == ([], [])


def test_step_many_of_which_one_answer_came_is_not_sent_again():
    session, seats = welcomed_session(7, 8)
    number, _ = session.step_many([(seat, None) for seat in seats])
    session.receive(obs_many(number, (7, int(Kind.OBS), delta(1))))
    session.step(seats[0], None)
    _, again = come_back(session, [(7, number, 0), (8, 3, number)])
    assert heads(again) == [(Kind.STEP, 7, number + 1)]


def test_step_many_with_a_seat_that_is_lost_is_sent_again_without_it():
    session, seats = welcomed_session(7, 8)
    number, _ = session.step_many([(seat, None) for seat in seats])
    lost = (7, Kind.END, 0, End(Cause.DISCONNECT).encode())
    [settled], [again] = come_back(session, [(8, 3, 0)], [lost])
    assert (settled.request, settled.seat) == (number, seats[0])
    assert heads([again]) == [(Kind.STEP_MANY, 0, number)]
    assert unpack(body_of(again))[::2] == [8]


def test_join_that_waits_is_sent_again():
    session, _ = welcomed_session()
    number, sent = session.join("default", AgentRole.Attacker)
    session.receive(frame(Kind.WAIT, 0, number, Wait(Held.PLAYERS).encode()))
    assert come_back(session) == ([], [sent])


@pytest.mark.parametrize("held", ["answered", "pending"])
def test_join_that_was_granted_is_not_sent_again_but_settled_by_resumed(held):
    session, _ = welcomed_session()
    join, _ = session.join("default", AgentRole.Attacker)
    _, again = come_back(session, [(9, join, 0) if held == "answered" else (9, 0, join)])
    assert again == []
    [settled] = session.receive(resumed(9, join, full(1, reward=0)))
    assert settled.request == join
    assert settled.answer is session.seats[9]
    assert settled.seat.state == hosts(1)
    assert settled.seat.observation.info["max_steps"] == 100
    assert not session.is_open(join)
    session.step(settled.seat, None)


def test_seated_that_follows_resumed_changes_nothing():
    session, _ = welcomed_session()
    join, _ = session.join("default", AgentRole.Attacker)
    come_back(session, [(9, 0, join)])
    [settled] = session.receive(resumed(9, 0, full(1, reward=0)))
    assert session.receive(frame(Kind.SEATED, 9, join, seated())) == []
    assert session.seats[9] is settled.answer


def test_join_taken_back_while_it_waited_is_settled_at_once():
    session, _ = welcomed_session()
    join, _ = session.join("default", AgentRole.Attacker)
    withdrawn, _ = session.withdraw(join)
    settled, again = come_back(session)
    assert again == []
    assert [(s.request, s.answer) for s in settled] == [
        (join, End(Cause.LEFT)),
        (withdrawn, End(Cause.LEFT)),
    ]


def test_join_taken_back_too_late_is_an_unwanted_seat():
    session, _ = welcomed_session()
    join, _ = session.join("default", AgentRole.Attacker)
    withdrawn, sent = session.withdraw(join)
    settled, again = come_back(session, [(9, join, 0)])
    assert (settled, again) == ([], [sent])
    [settled] = session.receive(resumed(9, join, full()))
    assert settled.answer == Unwanted(session.seats[9])
    session.receive(frame(Kind.ERROR, 0, withdrawn, refusal(Code.UNKNOWN_SEAT)))
    assert not session.is_open(withdrawn)


# --- RESUMED ----------------------------------------------------------------------------------------------


def test_resumed_settles_the_request_that_was_answered_meanwhile():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    come_back(session, [(7, number, 0)])
    told = full(1, 2, reward=99, end=True, info=["end_reason", "goal"])
    [settled] = session.receive(resumed(7, number, told))
    assert settled.request == number
    assert settled.answer == Observation(hosts(1, 2), 99, True, {"end_reason": "goal"})
    assert seat.observation == settled.answer
    assert not session.is_open(number)
    session.reset(seat, Reset())


def test_resumed_settles_a_request_that_was_refused_with_the_refusal():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    come_back(session, [(7, number, 0)])
    [settled] = session.receive(resumed(7, number, full(1), refusal(Code.BAD_ACTION, "wrong")))
    assert (settled.request, settled.answer.code) == (number, Code.BAD_ACTION)
    assert seat.state == hosts(1)
    assert seat.ended is None
    session.step(seat, None)


def test_resumed_with_a_refusal_that_ends_the_seat_ends_it():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    come_back(session, [(7, number, 0)])
    [settled] = session.receive(resumed(7, number, full(1), refusal(Code.MATCH_OVER, "over")))
    assert isinstance(settled.answer, MatchOver)
    with pytest.raises(MatchOver, match="over"):
        session.step(seat, None)


def test_resumed_before_the_answer_leaves_the_request_open():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    come_back(session, [(7, 2, number)])
    assert session.receive(resumed(7, 2, full(reward=0))) == []
    assert session.is_open(number)
    assert seat.observation.info["max_steps"] == 100, "the welcome is told only once"
    [settled] = session.receive(frame(Kind.OBS, 7, number, delta(1)))
    assert settled.answer.state == hosts(1)


def test_resumed_with_what_nobody_asked_for_updates_the_seat_in_full():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    session.receive(frame(Kind.OBS, 7, number, delta(1)))
    come_back(session, [(7, number, 0)])
    [settled] = session.receive(resumed(7, number, full(1, 2, info=["passed", True])))
    assert (settled.request, settled.seat) == (0, seat)
    assert seat.observation == Observation(hosts(1, 2), -1, False, {"passed": True})
    number, _ = session.step(seat, None)
    session.receive(frame(Kind.OBS, 7, number, delta(3)))
    assert seat.state == hosts(1, 2, 3)


def test_resumed_that_welcome_did_not_announce_tells_how_a_seat_of_ours_stands():
    """The hub's answer to a request that came twice; what it had to say about the seat meanwhile is in it."""
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    session.receive(frame(Kind.OBS, 7, number, delta(1)))
    [settled] = session.receive(resumed(7, number, full(1, 2)))
    assert (settled.request, seat.state) == (0, hosts(1, 2))
    number, _ = session.step(seat, None)
    [settled] = session.receive(resumed(7, number, full(1, 2, 3)))
    assert (settled.request, seat.state) == (number, hosts(1, 2, 3))
    assert session.receive(resumed(7, number, full(1, 2, 3))) == []


def test_resumed_about_a_seat_of_nobody_is_passed_over():
    session, _ = welcomed_session()
    assert session.receive(resumed(7, 2, full(1))) == []
    assert session.seats == {}


def test_resumed_settles_the_seats_of_a_step_many_one_by_one():
    session, seats = welcomed_session(7, 8)
    number, _ = session.step_many([(seat, None) for seat in seats])
    come_back(session, [(7, number, 0), (8, number, 0)])
    for handle, seat in ((7, seats[0]), (8, seats[1])):
        assert session.is_open(number)
        [settled] = session.receive(resumed(handle, number, full(handle)))
        assert (settled.request, settled.seat, settled.answer.state) == (number, seat, hosts(handle))
    assert not session.is_open(number)


def test_seats_are_awaited_until_the_hub_has_said_how_they_stand():
    session, seats = welcomed_session(7, 8)
    come_back(session, [(8, 3, 0), (7, 2, 0)])
    session.receive(resumed(7, 2, full()))
    assert set(session.awaited) == {8}
    session.receive(resumed(8, 3, full()))
    assert not session.awaited
    assert session.resumed_seats() == seats[::-1]


def test_connection_lost_before_resumed_is_resumed_by_the_next_one():
    session, [seat] = welcomed_session(7)
    number, sent = session.step(seat, None)
    assert come_back(session, [(7, 2, 0)]) == ([], [sent])
    assert come_back(session, [(7, 2, number)]) == ([], [])
    assert come_back(session, [(7, number, 0)]) == ([], [])
    [settled] = session.receive(resumed(7, number, full(1)))
    assert settled.answer.state == hosts(1)


# --- another process --------------------------------------------------------------------------------------


def another_process(seats=(), lost=()):
    session = Session("me", token=TOKEN)
    settled, again = come_back(session, seats, lost)
    assert again == []
    return session, settled


def test_seat_of_an_earlier_process_settles_as_one_that_nobody_asked_for():
    session, _ = another_process([(7, 30, 0)])
    [settled] = session.receive(resumed(7, 30, full(1, info=["end_reason", "x"])))
    assert (settled.request, settled.answer) == (0, settled.seat)
    seat = session.seats[7]
    assert isinstance(seat, Seat)
    assert (seat.role, seat.seed, seat.request) == (AgentRole.Attacker, 5, 0)
    assert seat.observation.info["end_reason"] == "x"
    assert seat.observation.info["goal_description"] == "goal"
    number, _ = session.step(seat, None)
    assert number == 31


def test_request_of_an_earlier_process_keeps_its_seat_busy_until_it_is_answered():
    session, _ = another_process([(7, 29, 30)])
    session.receive(resumed(7, 29, full(1)))
    seat = session.seats[7]
    assert seat.request == 30
    with pytest.raises(ProtocolError, match="BUSY"):
        session.step(seat, None)
    [settled] = session.receive(frame(Kind.OBS, 7, 30, delta(2)))
    assert (settled.request, settled.answer.state) == (30, hosts(1, 2))
    assert not session.is_open(30)
    session.step(seat, None)


def test_request_of_an_earlier_process_that_resumed_has_answered_is_not_open():
    session, _ = another_process([(7, 29, 30)])
    session.receive(resumed(7, 30, full(1)))
    assert not session.is_open(30)
    session.step(session.seats[7], None)


def test_step_many_of_an_earlier_process_is_answered_seat_by_seat():
    session, _ = another_process([(7, 29, 30), (8, 29, 30)])
    session.receive(resumed(7, 29, full(1)))
    session.receive(resumed(8, 29, full(1)))
    session.receive(obs_many(30, (7, int(Kind.OBS), delta(2))))
    assert session.is_open(30)
    session.receive(obs_many(30, (8, int(Kind.OBS), delta(3))))
    assert not session.is_open(30)
    assert session.seats[8].state == hosts(1, 3)


def test_request_of_an_earlier_process_that_the_hub_has_lost_is_refused_rather_than_waited_for():
    session, _ = another_process([(7, 29, 30)])
    session.receive(resumed(7, 29, full(1)))
    [settled], again = come_back(session, [(7, 29, 0)])
    assert (settled.request, settled.answer.code) == (30, Code.BAD_REQUEST)
    assert again == []
    session.step(session.seats[7], None)


def test_seats_that_an_earlier_process_lost_say_what_ended_them_only_if_none_is_left():
    ends = [(8, Kind.END, 3, End(Cause.FINISHED).encode()), (9, Kind.END, 4, End(Cause.DISCONNECT).encode())]
    session, settled = another_process([(7, 30, 0)], ends)
    assert settled == []
    session.receive(resumed(7, 30, full(1)))
    assert session.resumed_seats() == [session.seats[7]]
    session, _ = another_process((), ends)
    with pytest.raises(Forfeited):
        session.resumed_seats()


def test_last_words_that_were_heard_before_are_no_news():
    session, [seat] = welcomed_session(7)
    number, _ = session.leave(seat)
    end = End(Cause.LEFT).encode()
    session.receive(frame(Kind.END, 7, number, end))
    assert come_back(session, (), [(7, Kind.END, number, end)]) == ([], [])
    assert session.resumed_seats() == []


def test_seat_of_an_earlier_process_that_ends_before_it_is_resumed_is_not_awaited():
    session, _ = another_process([(7, 29, 0)])
    session.receive(frame(Kind.ERROR, 7, 0, refusal(Code.WORKER_LOST, "gone")))
    assert not session.awaited
    with pytest.raises(WorkerLost, match="gone"):
        session.resumed_seats()


# --- seats that are gone ----------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("said", [True, False])
def test_seat_that_ended_meanwhile_ends_as_if_that_had_been_heard(asked, said):
    session, [seat] = welcomed_session(7)
    number = session.step(seat, None)[0] if asked else 0
    end = End(Cause.DISCONNECT, "away too long")
    [settled], again = come_back(session, (), [(7, Kind.END, number if said else 0, end.encode())])
    assert (settled.request, settled.seat, settled.answer) == (number, seat, end)
    assert again == []
    assert not session.is_open(number)
    assert session.seats == {}
    with pytest.raises(Forfeited, match="away too long"):
        session.step(seat, None)


def test_seat_that_ended_with_an_error_meanwhile_raises_it():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    [settled], _ = come_back(session, (), [(7, Kind.ERROR, number, refusal(Code.WORKER_LOST, "died"))])
    assert isinstance(settled.answer, WorkerLost)
    assert isinstance(seat.ended, WorkerLost)


def test_seat_with_two_last_words_ends_once():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    end = End(Cause.DISCONNECT).encode()
    settled, _ = come_back(session, (), [(7, Kind.END, n, end) for n in (number - 1, number)])
    assert [(s.request, s.seat) for s in settled] == [(number, seat)]


@pytest.mark.parametrize("request_known", [True, False])
def test_join_whose_seat_ended_before_it_was_known_is_settled_or_asked_again(request_known):
    session, _ = welcomed_session()
    join, sent = session.join("default", AgentRole.Attacker)
    lost = (9, Kind.ERROR, join if request_known else 0, refusal(Code.WORKER_LOST, "died"))
    settled, again = come_back(session, (), [lost])
    assert session.is_open(join) is not request_known
    if request_known:
        assert [type(s.answer) for s in settled] == [WorkerLost]
    else:
        assert again == [sent]


@pytest.mark.parametrize("granted", [(9, 2, 0), (9, 0, 2)])
@pytest.mark.parametrize("told", [2, 0])
def test_join_whose_seat_ends_before_it_is_resumed_is_settled(granted, told):
    session, _ = welcomed_session()
    join, _ = session.join("default", AgentRole.Attacker)
    come_back(session, [granted])
    [settled] = session.receive(frame(Kind.END, 9, told, End(Cause.FINISHED).encode()))
    assert settled.request == join
    assert isinstance(settled.answer, MatchOver)
    assert not session.is_open(join)


@pytest.mark.parametrize("asked", [True, False])
def test_seat_that_welcome_does_not_name_is_lost_and_not_played_to_its_end(asked):
    session, [gone, seat] = welcomed_session(7, 8)
    number = session.step(gone, None)[0] if asked else 0
    [settled], again = come_back(session, [(8, 3, 0)])
    assert (settled.request, settled.seat) == (number, gone)
    assert isinstance(settled.answer, HubUnreachable)
    assert again == []
    with pytest.raises(HubUnreachable, match="does not know this seat any more"):
        session.step(gone, None)
    session.step(seat, None)


def test_leave_whose_answer_was_lost_has_reached_its_aim():
    session, [seat] = welcomed_session(7)
    number, _ = session.leave(seat)
    [settled], _ = come_back(session)
    assert (settled.request, settled.answer) == (number, End(Cause.LEFT))


def test_step_that_crossed_the_end_of_its_seat_is_settled():
    session, [seat] = welcomed_session(7)
    number, _ = session.step(seat, None)
    session.receive(frame(Kind.END, 7, 0, End(Cause.TIME, "slow").encode()))
    assert session.is_open(number)
    [settled], again = come_back(session)
    assert (settled.request, again) == (number, [])
    assert isinstance(settled.answer, Forfeited)
    assert not session.is_open(number)


# --- a hub that knows the session no longer ---------------------------------------------------------------


def forgotten(session):
    number, _ = session.hello()
    settled = session.receive(frame(Kind.ERROR, 0, number, refusal(Code.UNKNOWN_SESSION)))
    [hello] = take_outbox(session)
    assert Hello.decode(body_of(hello)).token is None
    assert heads([hello]) == [(Kind.HELLO, 0, number)]
    assert session.token is None
    assert session.is_open(number)
    return number, settled


def test_unknown_session_without_seats_is_begun_anew_and_goes_on():
    session, _ = welcomed_session()
    _, sent = session.join("default", AgentRole.Attacker)
    number, settled = forgotten(session)
    assert settled == []
    session.receive(welcome(number, token=b"another"))
    assert session.token == b"another"
    assert take_outbox(session) == [sent]


def test_unknown_session_of_an_earlier_process_is_begun_anew():
    session = Session("me", token=TOKEN)
    number, settled = forgotten(session)
    session.receive(welcome(number, token=b"another"))
    assert (settled, session.resumed_seats(), session.welcomed) == ([], [], True)


def test_unknown_session_with_seats_ends_them_and_what_was_asked_of_them():
    session, [first, second] = welcomed_session(7, 8)
    number, _ = session.step(first, None)
    _, joining = session.join("default", AgentRole.Attacker)
    hello, settled = forgotten(session)
    assert [(s.request, s.seat) for s in settled] == [(number, first), (0, second)]
    for seat in (first, second):
        with pytest.raises(HubUnreachable, match=r"does not know this session any more.*journal.*grace"):
            session.step(seat, None)
    assert not session.is_open(number)
    session.receive(welcome(hello, token=b"another"))
    assert take_outbox(session) == [joining], "what concerns no seat goes on"


def test_unknown_session_leaves_no_seat_to_be_awaited():
    session, _ = welcomed_session(7)
    come_back(session, [(7, 2, 0)])
    assert session.awaited
    forgotten(session)
    assert not session.awaited


# --- a connection that is of no use any more --------------------------------------------------------------


@pytest.mark.parametrize("code", [Code.HELLO_FIRST, Code.HUB_PAUSED])
def test_hub_that_was_restarted_or_pauses_interrupts_but_settles_nothing(code):
    session, [seat] = welcomed_session(7)
    number, sent = session.step(seat, None)
    where = (7, number) if code == Code.HELLO_FIRST else (0, 0)
    [settled] = session.receive(frame(Kind.ERROR, *where, refusal(code, "paused")))
    assert (settled.request, settled.seat) == (0, None)
    assert isinstance(settled.answer, Interrupted)
    assert isinstance(settled.answer.error, HubUnreachable)
    assert session.is_open(number)
    assert seat.ended is None
    assert come_back(session, [(7, 2, 0)])[1] == [sent]


def test_hello_first_before_any_welcome_refuses_the_request():
    session = Session("me")
    number, _ = session.join("default", AgentRole.Attacker)
    [settled] = session.receive(frame(Kind.ERROR, 0, number, refusal(Code.HELLO_FIRST)))
    assert settled.request == number
    assert isinstance(settled.answer, HubUnreachable)


@pytest.mark.parametrize("handle", [0, 7])
def test_hub_that_closes_ends_everything_for_whoever_carries_the_session(handle):
    session, _ = welcomed_session(7)
    [settled] = session.receive(frame(Kind.ERROR, handle, 0, refusal(Code.HUB_CLOSING, "closing")))
    assert (settled.request, settled.seat) == (0, None)
    assert isinstance(settled.answer, HubUnreachable)


@pytest.mark.parametrize("about", ["nothing", "a request", "a seat"])
def test_session_that_was_taken_over_ends_with_all_its_seats(about):
    session, [moving, waiting] = welcomed_session(7, 8)
    number, _ = session.step(moving, None)
    where = {"nothing": (0, 0), "a request": (0, number), "a seat": (7, number)}[about]
    *seats, last = session.receive(frame(Kind.ERROR, *where, refusal(Code.SESSION_TAKEN, "taken over")))
    assert [(s.request, s.seat) for s in seats] == [(number, moving), (0, waiting)]
    assert (last.request, last.seat) == (0, None)
    assert isinstance(last.answer, HubUnreachable)
    assert session.seats == {}
    for seat in (moving, waiting):
        with pytest.raises(HubUnreachable, match=r"^taken over$"):
            session.step(seat, None)


def test_session_that_was_taken_over_awaits_no_seat():
    session, _ = welcomed_session(7)
    come_back(session, [(7, 2, 0), (9, 3, 0)])
    session.receive(frame(Kind.ERROR, 0, 0, refusal(Code.SESSION_TAKEN)))
    assert not session.awaited
