import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netsiege.errors import Forfeited, MatchOver, ProtocolError, WorkerLost
from netsiege.game import IP, Action, ActionType, AgentRole, Observation
from netsiege.hub.arena import SWEEP_TICKS
from netsiege.hub.leasing import PROGRESS_LIMIT_S
from netsiege.hub.seating import derive_seed
from netsiege.protocol import (
    AGENT_HEAD,
    DEFAULT_GRACE_S,
    MAX_AGENT_FRAME_BYTES,
    VERSION,
    WORKER_HEAD,
    Cause,
    Code,
    End,
    Error,
    Fault,
    Flag,
    Held,
    Kind,
    OpenRoom,
    Reset,
    Result,
    SeatCount,
    SessionRole,
    WorkerPong,
    pack,
)
from netsiege.protocol.play import action_body
from netsiege.session import Seat, Unwanted
from tests.hub.rig import STEP_REPLY, Rig, room

LOOK = Action(ActionType.FindData, {"source_host": IP("1.1.1.1"), "target_host": IP("1.1.1.1")})


def seated(rig, worker, *agents, role=AgentRole.Attacker):
    """Seats each agent in a one-seat match of its own; returns the leases."""
    leases = []
    for agent in agents:
        agent.join(role)
        leases += worker.seat_all()
        agent.answers()
    return leases


def test_join_of_a_one_seat_room_opens_a_match_at_once():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    joined = agent.join()
    kinds = [kind for kind, *_ in worker.take()]
    assert kinds == [Kind.SPEC, Kind.OPEN]
    assert agent.session.is_open(joined)


def test_join_seats_the_agent_with_the_engines_words():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    worker.seat_all()
    assert isinstance(agent.answers()[-1], Seat)
    assert agent.seat.role is AgentRole.Attacker
    assert agent.seat.observation.info["max_steps"] == 100


def test_spec_goes_to_each_worker_once():
    rig = Rig()
    workers = [rig.worker(b"w1"), rig.worker(b"w2")]
    for peer in (b"a", b"b", b"c", b"d"):
        rig.agent(peer).join()
    for worker in workers:
        kinds = [kind for kind, *_ in worker.take()]
        assert kinds.count(Kind.SPEC) == 1
        assert kinds.count(Kind.OPEN) == 2


def test_matches_go_to_the_worker_with_the_smallest_share_of_its_slots_taken():
    rig = Rig()
    small, large = rig.worker(b"s", slots=2), rig.worker(b"l", slots=6)
    for i in range(8):
        rig.agent(b"%d" % i).join()
    assert (len(small.opened()), len(large.opened())) == (2, 6)


def test_match_seeds_differ_and_follow_from_the_rooms_seed():
    rig = Rig()
    worker = rig.worker(b"w")
    for peer in (b"a", b"b"):
        rig.agent(peer).join()
    seeds = [opening.seed for _, opening in worker.opened()]
    assert seeds == [derive_seed(7, 0), derive_seed(7, 1)]
    assert seeds[0] != seeds[1]


def test_join_waits_for_players_and_says_so():
    rig = Rig(room(seats=(("Attacker", 1), ("Defender", 1))))
    worker, attacker, other = rig.worker(b"w"), rig.agent(b"a"), rig.agent(b"b")
    first = attacker.join()
    assert attacker.session.held(first) == Held.PLAYERS
    assert other.session.held(other.join()) == Held.PLAYERS
    assert worker.opened() == []
    rig.agent(b"d").join(AgentRole.Defender)
    [(_, opening)] = worker.opened()
    assert [(s.role, s.index, s.name) for s in opening.seats] == [("Attacker", 0, "a"), ("Defender", 0, "d")]


def test_join_waits_for_a_worker_and_says_so():
    rig = Rig()
    agent = rig.agent(b"a")
    assert agent.session.held(agent.join()) == Held.WORKER
    worker = rig.worker(b"w", slots=1)
    assert len(worker.opened()) == 1


def test_join_waits_for_a_free_slot_and_gets_it_when_a_match_ends():
    rig = Rig()
    worker, first, second = rig.worker(b"w", slots=1), rig.agent(b"a"), rig.agent(b"b")
    [lease] = seated(rig, worker, first)
    assert second.session.held(second.join()) == Held.WORKER
    left = first.ask(first.session.leave(first.seat))
    worker.take()
    worker.out(lease, 0, Kind.END, left, End(Cause.LEFT).encode(), Flag.OVER)
    assert [kind for kind, *_ in worker.take()] == [Kind.CLOSE, Kind.OPEN]


def test_room_without_fixed_seats_takes_the_first_players_of_any_role():
    rig = Rig(room(seats=(), players=3))
    worker = rig.worker(b"w")
    for peer, role in ((b"1", "Benign"), (b"2", "Attacker"), (b"3", "Benign"), (b"4", "Attacker")):
        rig.agent(peer).join(AgentRole(role))
    [(_, opening)] = worker.opened()
    assert [(s.role, s.index, s.name) for s in opening.seats] == [
        ("Attacker", 0, "2"),
        ("Benign", 0, "1"),
        ("Benign", 1, "3"),
    ]


def test_step_reaches_the_worker_with_lease_sequence_and_seat():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    asked = agent.ask(agent.session.step(agent.seat, LOOK))
    assert worker.events() == [(lease, 1, 0, Kind.STEP, asked, action_body(LOOK))]
    worker.out(lease, 0, Kind.OBS, asked, STEP_REPLY, Flag.MOVE)
    [observation] = agent.answers()
    assert isinstance(observation, Observation)
    agent.ask(agent.session.step(agent.seat, None))
    assert worker.events()[0][1] == 2


def refused(agent):
    [error] = agent.answers()
    assert isinstance(error, ProtocolError)
    return error.code


def raw(kind, handle=0, request=5, body=b"", version=VERSION):
    return AGENT_HEAD.pack(version, kind, handle, request) + body


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"", Code.MALFORMED),
        (b"\x01\x03", Code.MALFORMED),
        (raw(Kind.STEP, 42), Code.UNKNOWN_SEAT),
        (raw(Kind.LEAVE, 42), Code.UNKNOWN_SEAT),
        (raw(Kind.PING, version=2), Code.VERSION),
        (raw(Kind.PING, request=0), Code.MALFORMED),
        (raw(Kind.OBS), Code.MALFORMED),
        (raw(255), Code.MALFORMED),
        (raw(Kind.TIMEOUT), Code.MALFORMED),
        (raw(Kind.JOIN, body=b"junk"), Code.MALFORMED),
        (raw(Kind.JOIN, body=pack(["nowhere", "Attacker", ""])), Code.UNKNOWN_ROOM),
        (raw(Kind.JOIN, body=pack(["default", "Defender", ""])), Code.BAD_ROLE),
        (raw(Kind.JOIN, body=pack(["default", "King", ""])), Code.BAD_ROLE),
        (raw(Kind.STEP_MANY, body=b"\xc1"), Code.MALFORMED),
        (raw(Kind.STEP_MANY, body=pack([])), Code.MALFORMED),
        (raw(Kind.STEP_MANY, body=pack([1])), Code.MALFORMED),
        (raw(Kind.STEP_MANY, body=pack([[], b""])), Code.MALFORMED),
        (raw(Kind.STEP_MANY, body=pack([1, b"", 1, b""])), Code.MALFORMED),
        (raw(Kind.STEP_MANY, body=pack([1, b""])), Code.UNKNOWN_SEAT),
        (raw(Kind.PING, body=b"x" * MAX_AGENT_FRAME_BYTES), Code.TOO_LARGE),
        (raw(Kind.STEP, body=b"x" * MAX_AGENT_FRAME_BYTES), Code.TOO_LARGE),
    ],
)
def test_agent_message_that_makes_no_sense_gets_a_typed_error(frame, code):
    rig = Rig()
    agent = rig.agent(b"a")
    agent.answers()
    rig.from_agent(b"a", frame)
    error = Error.decode(agent.frames[-1][14:])
    assert agent.frames[-1][1] == Kind.ERROR
    assert error.code == code
    assert len(agent.frames) == 2


def test_unknown_connection_may_only_say_hello():
    rig = Rig()
    rig.from_agent(b"x", raw(Kind.JOIN, body=pack(["default", "Attacker", ""])))
    [(peer, frame)] = rig.nobody
    assert peer == b"x"
    assert Error.decode(frame[14:]).code == Code.HELLO_FIRST


def test_seat_of_another_session_is_unknown():
    rig = Rig()
    worker, owner, thief = rig.worker(b"w"), rig.agent(b"a"), rig.agent(b"t")
    seated(rig, worker, owner)
    thief.answers()
    for kind in (Kind.STEP, Kind.LEAVE, Kind.RESET):
        rig.from_agent(b"t", raw(kind, owner.seat.handle))
        assert Error.decode(thief.frames[-1][14:]).code == Code.UNKNOWN_SEAT
    rig.from_agent(b"t", raw(Kind.STEP_MANY, body=pack([owner.seat.handle, b""])))
    assert refused(thief) == Code.UNKNOWN_SEAT
    assert worker.events() == []


def test_second_request_of_a_seat_is_refused_while_the_first_is_open():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    agent.ask(agent.session.step(agent.seat, LOOK))
    for kind, body in (
        (Kind.STEP, b""),
        (Kind.RESET, Reset().encode()),
        (Kind.STEP_MANY, pack([agent.seat.handle, b""])),
    ):
        rig.from_agent(b"a", raw(kind, 0 if kind == Kind.STEP_MANY else agent.seat.handle, 99, body))
        assert Error.decode(agent.frames[-1][14:]).code == Code.BUSY
    assert len(worker.events()) == 1


def test_step_many_is_grouped_by_worker_and_answered_seat_by_seat():
    rig = Rig()
    workers = [rig.worker(b"w1"), rig.worker(b"w2")]
    agent = rig.agent(b"a")
    for _ in range(4):
        agent.join()
    leases = {worker: worker.seat_all() for worker in workers}
    seats = list(agent.session.seats.values())
    agent.answers()
    agent.frames.clear()
    asked = agent.ask(agent.session.step_many([(seat, LOOK) for seat in seats]))
    for worker in workers:
        [(kind, _, count, _)] = [(k, a, n, b) for k, a, n, b in worker.take() if k == Kind.EVENT_MANY]
        assert (kind, count) == (Kind.EVENT_MANY, 2)
        worker.out_many(*[(lease, 1, 0, Kind.OBS, Flag.MOVE, asked, STEP_REPLY) for lease in leases[worker]])
    assert [frame[1] for frame in agent.frames] == [Kind.OBS_MANY] * 2
    assert len(agent.answers()) == 4
    assert not agent.session.is_open(asked)
    assert all(not seat.request for seat in seats)


def test_step_many_with_one_bad_seat_moves_none():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    rig.from_agent(b"a", raw(Kind.STEP_MANY, 0, 9, pack([agent.seat.handle, b"", 12345, b""])))
    assert refused(agent) == Code.UNKNOWN_SEAT
    assert worker.events() == []
    agent.ask(agent.session.step(agent.seat, LOOK))
    assert len(worker.events()) == 1


def test_answer_held_in_a_batch_comes_later_under_the_same_request():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join(), agent.join()
    leases = worker.seat_all()
    agent.answers()
    asked = agent.ask(agent.session.step_many([(s, LOOK) for s in agent.session.seats.values()]))
    wait = pack([Held.PEERS])
    worker.out_many(
        (leases[0], 1, 0, int(Kind.WAIT), 0, asked, wait),
        (leases[1], 1, 0, int(Kind.OBS), 1, asked, STEP_REPLY),
    )
    assert len(agent.answers()) == 1
    assert agent.session.held(asked) == Held.PEERS
    worker.out(leases[0], 0, Kind.OBS, asked, STEP_REPLY)
    assert len(agent.answers()) == 1
    assert not agent.session.is_open(asked)


def test_worker_that_the_hub_does_not_know_is_told_so():
    rig = Rig()
    rig.from_worker(b"ghost", WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, 0) + WorkerPong(1).encode())
    assert [frame[1] for _, frame in rig.nobody] == [Kind.UNKNOWN]


def test_match_that_breaks_in_the_engine_is_told_to_its_seats_only():
    rig = Rig()
    worker, unlucky, other = rig.worker(b"w"), rig.agent(b"a"), rig.agent(b"b")
    leases = seated(rig, worker, unlucky, other)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.FAULT, leases[0], 3) + Fault("boom").encode())
    assert isinstance(unlucky.answers()[0], WorkerLost)
    assert other.answers() == []
    other.ask(other.session.step(other.seat, LOOK))
    assert len(worker.events()) == 1


def test_agent_that_is_gone_leaves_its_matches_and_the_waiting_room():
    rig = Rig(room("one"), room("two", seats=(("Attacker", 2),)))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join(room="one")
    worker.seat_all()
    agent.join(room="two")
    rig.lose_agent(b"a")
    assert worker.events() == []
    rig.tick(DEFAULT_GRACE_S)
    assert [(event[3], event[5]) for event in worker.events()] == [(Kind.LEAVE, b"\x01")]
    rig.agent(b"b").join(room="two")
    assert worker.opened() == []


def test_bye_leaves_the_matches_and_is_answered():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    agent.ask(agent.session.bye())
    assert agent.answers()[-1] == End(Cause.LEFT)
    assert [(event[3], event[5]) for event in worker.events()] == [(Kind.LEAVE, b"")]
    worker.out(lease, 0, Kind.END, 0, End(Cause.LEFT).encode(), Flag.OVER)
    assert [kind for kind, *_ in worker.take()] == [Kind.CLOSE]


def test_seat_that_is_over_answers_what_was_held_and_ends():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    seat = agent.seat
    step = agent.ask(agent.session.step(seat, LOOK))
    rig.from_agent(b"a", raw(Kind.LEAVE, seat.handle, 77))
    worker.out(lease, 0, Kind.END, 77, End(Cause.LEFT).encode(), Flag.OVER)
    assert not agent.session.is_open(step)
    assert isinstance(seat.ended, MatchOver)
    assert [frame[1] for frame in agent.frames[-2:]] == [Kind.END, Kind.END]


def test_forfeit_raises_forfeited_from_then_on():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    seat = agent.seat
    worker.out(lease, 0, Kind.END, 0, End(Cause.TIME).encode(), Flag.OVER)
    with pytest.raises(Forfeited, match="time"):
        agent.session.step(seat, LOOK)


def test_seat_that_does_not_move_in_time_is_told_to_the_engine_once():
    rig = Rig(room(move_s=10.0))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    rig.tick(9.9)
    assert worker.events() == []
    rig.tick(0.2)
    assert worker.events() == [(lease, 1, 0, Kind.TIMEOUT, 0, b"")]
    rig.tick(60)
    assert worker.events() == []


def test_seat_that_is_refused_gains_no_time_by_it():
    rig = Rig(room(move_s=10.0))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    for _ in range(3):
        rig.tick(3)
        asked = agent.ask(agent.session.step(agent.seat, LOOK))
        worker.out(lease, 0, Kind.ERROR, asked, Error(Code.BAD_ACTION, "no").encode(), Flag.MOVE)
    worker.take()
    rig.tick(1.1)
    assert [event[3] for event in worker.events()] == [Kind.TIMEOUT]


def test_seat_that_waits_for_an_answer_has_no_clock_running():
    rig = Rig(room(move_s=10.0))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    agent.ask(agent.session.step(agent.seat, LOOK))
    worker.take()
    rig.tick(100)
    assert worker.events() == []


def test_worker_that_gets_nowhere_is_given_up():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    agent.ask(agent.session.step(agent.seat, LOOK))
    rig.pass_time(PROGRESS_LIMIT_S - 1)
    assert agent.answers() == []
    rig.pass_time(3)
    assert rig.arena.workers == {}
    assert worker.take()[-1][0] == Kind.UNKNOWN
    assert len(rig.worker(b"v").opened()) == 1


def test_hub_that_was_stopped_itself_blames_no_worker():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    agent.ask(agent.session.step(agent.seat, LOOK))
    rig.tick(1)
    rig.tick(3_600)
    assert list(rig.arena.workers) == [b"w"]


def test_worker_that_has_nothing_to_do_or_gets_on_is_kept():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, 0) + WorkerPong(1).encode())
    for _ in range(5):
        rig.pass_time(PROGRESS_LIMIT_S)
    agent.ask(agent.session.step(agent.seat, LOOK))
    rig.pass_time(PROGRESS_LIMIT_S - 1)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, 0) + WorkerPong(2).encode())
    rig.pass_time(PROGRESS_LIMIT_S)
    assert agent.answers() == []
    assert list(rig.arena.workers) == [b"w"]


def test_director_opens_rooms_and_hears_of_episodes_and_matches():
    rig = Rig()
    worker, director = rig.worker(b"w"), rig.agent(b"d", SessionRole.DIRECTOR)
    director.ask(director.session.open_room(room("cup", episodes=1)))
    watching = director.ask(director.session.watch("cup"))
    agent = rig.agent(b"a")
    agent.join(room="cup")
    [lease] = worker.seat_all()
    result = Result(0, "Attacker", Cause.GOAL, ("Success",), (5,), (95,), True).encode()
    director.answers()
    worker.out(lease, 0xFFFF, Kind.RESULT, 0, result)
    worker.out(lease, 0, Kind.END, 0, End(Cause.FINISHED).encode(), Flag.OVER)
    episode, match = director.answers()
    assert (episode.room, episode.result, episode.players[0].name) == ("cup", result, "a")
    assert (match.room, match.cause) == ("cup", Cause.FINISHED)
    assert AGENT_HEAD.unpack_from(director.frames[-1])[3] == watching


@pytest.mark.parametrize("role", [SessionRole.AGENT, SessionRole.SPECTATOR])
def test_only_a_director_opens_rooms(role):
    rig = Rig()
    agent = rig.agent(b"a", role)
    agent.ask(agent.session.open_room(room("cup")))
    assert Error.decode(agent.frames[-1][14:]).code == Code.NOT_ALLOWED
    assert list(rig.arena.rooms) == ["default"]


def test_room_of_a_taken_name_or_with_impossible_seats_is_refused():
    rig = Rig()
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.answers()
    director.ask(director.session.open_room(room("default", players=2)))
    assert refused(director) == Code.BAD_REQUEST
    director.ask(director.session.open_room(room("x", seats=(("King", 1),))))
    assert refused(director) == Code.BAD_REQUEST


def test_room_that_is_asked_for_twice_is_opened_once():
    rig = Rig()
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.answers()
    for _ in range(2):
        director.ask(director.session.open_room(room("x")))
    assert [answer.name for answer in director.answers()] == ["x", "x"]


def test_agent_cannot_watch_and_spectator_cannot_play():
    rig = Rig()
    agent, spectator = rig.agent(b"a"), rig.agent(b"s", SessionRole.SPECTATOR)
    agent.ask(agent.session.watch("default"))
    spectator.join()
    for each in (agent, spectator):
        assert Error.decode(each.frames[-1][14:]).code == Code.NOT_ALLOWED


def test_status_counts_sessions_rooms_and_workers():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    agent.ask(agent.session.status())
    [state] = agent.answers()
    assert (state.sessions, state.rooms[0].open_matches, state.workers[0].matches) == (1, 1, 1)


def test_hub_that_closes_tells_every_session():
    rig = Rig()
    agent = rig.agent(b"a")
    rig.arena.close()
    rig.flush()
    assert Error.decode(agent.frames[-1][14:]).code == Code.HUB_CLOSING


kinds = st.sampled_from([int(k) for k in Kind]) | st.integers(0, 255)
bodies = st.binary(max_size=40) | st.lists(
    st.integers(0, 2**16)
    | st.binary(max_size=4)
    | st.sampled_from(["default", "Attacker", "agent", "a"])
    | st.none(),
    max_size=14,
).map(pack)


@settings(max_examples=300)
@given(st.data())
def test_hostile_peers_never_break_the_broker(data):
    rig = Rig(room(move_s=1.0), room("two", seats=(("Attacker", 2),)))
    worker = rig.worker(b"w")
    good = rig.agent(b"good")
    [lease] = seated(rig, worker, good)
    numbers = st.sampled_from([0, 1, lease, good.seat.handle, 2**64 - 1])
    for _ in range(data.draw(st.integers(1, 12))):
        frame = data.draw(
            st.binary(max_size=20)
            | st.builds(
                lambda k, n, r, b: AGENT_HEAD.pack(VERSION, k, n, r) + b,
                kinds,
                numbers,
                st.integers(0, 3),
                bodies,
            )
        )
        peer = data.draw(st.sampled_from([b"evil", b"evil2"]))
        if data.draw(st.booleans()):
            rig.from_agent(peer, frame)
        else:
            rig.from_worker(peer, frame)
        rig.tick(0.01)
    asked = good.ask(good.session.step(good.seat, LOOK))
    worker.out(lease, 0, Kind.OBS, asked, STEP_REPLY, Flag.MOVE)
    assert isinstance(good.answers()[-1], Observation)


def test_draws_of_the_rig_are_not_the_real_ones():
    """The loop draws handles from the system; equal runs of the rig must not leak into it."""
    from netsiege.hub.loop import _draw_u64  # noqa: PLC0415

    assert len({_draw_u64() for _ in range(1_000)} | {int.from_bytes(os.urandom(8))}) == 1_001


@pytest.mark.parametrize(
    ("roles", "seats"),
    [
        (("Attacker", "Attacker"), (("Attacker", 1),)),
        (("Attacker",), (("Attacker", 1), ("Attacker", 1))),
        (("Attacker", "Defender"), (("Attacker", 65_534), ("Defender", 1))),
        ((), ()),
    ],
)
def test_room_whose_seats_make_no_match_is_refused(roles, seats):
    rig = Rig()
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.answers()
    counts = tuple(SeatCount(role, count) for role, count in seats)
    director.ask(director.session.open_room(OpenRoom("x", roles, counts, 1, 1, None, None, b"")))
    assert refused(director) == Code.BAD_REQUEST


@pytest.mark.parametrize(
    ("index", "kind", "number"), [(-1, 18, 0), (70_000, 18, 0), (0, 300, 0), (0, 18, 2**32)]
)
def test_worker_whose_numbers_are_out_of_range_is_refused(index, kind, number):
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    heard = len(agent.frames)
    worker.out_many((lease, 1, index, kind, 0, number, STEP_REPLY))
    assert [kind for kind, *_ in worker.take()] == [Kind.ERROR]
    assert len(agent.frames) == heard


@pytest.mark.parametrize(
    "bad", [(7, 1, 0, 300, 0, 0, b""), (7, 1, 0, 18, 0, 0, "text"), (7, 1, 0, 18.0, 0, 0, b"")]
)
def test_batch_with_one_bad_record_is_refused_whole(bad):
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    [lease] = seated(rig, worker, agent)
    asked = agent.ask(agent.session.step_many([(agent.seat, LOOK)]))
    worker.take()
    worker.out_many((lease, 1, 0, int(Kind.OBS), int(Flag.MOVE), asked, STEP_REPLY), bad)
    assert [kind for kind, *_ in worker.take()] == [Kind.ERROR]
    assert agent.session.is_open(asked)


def test_answers_in_batches_leave_a_match_as_single_ones_do():
    """The chain and the counts, too: the match may move to another worker at any time."""
    states = []
    for many in (False, True):
        rig = Rig()
        worker, agent = rig.worker(b"w"), rig.agent(b"a")
        [lease] = seated(rig, worker, agent)
        for sequence in range(1, 4):
            asked = agent.ask(agent.session.step_many([(agent.seat, LOOK)]))
            record = (0, int(Kind.OBS), asked, STEP_REPLY, int(Flag.MOVE))
            if many:
                index, kind, request, body, flags = record
                worker.out_many((lease, sequence, index, kind, flags, request, body))
            else:
                worker.out(lease, *record, sequence)
        [match] = rig.arena.matches.values()
        [seat] = match.seats
        told = [frame for frame in agent.frames if frame[1] == Kind.OBS_MANY]
        states.append(
            (match.replied, match.outputs, match.chain, seat.request, seat.answered, seat.batched, told)
        )
    assert states[0] == states[1]
    assert states[0][:2] == (3, 4)


def test_stranger_among_workers_is_told_once_until_it_is_ready():
    rig = Rig()
    for _ in range(3):
        rig.from_worker(b"g", WORKER_HEAD.pack(VERSION, Kind.OUT, 5, 1) + b"12345678")
    assert [frame[1] for _, frame in rig.nobody] == [Kind.UNKNOWN]
    rig.worker(b"g")
    rig.lose_worker(b"g")
    rig.from_worker(b"g", WORKER_HEAD.pack(VERSION, Kind.OUT, 5, 1) + b"12345678")
    assert [frame[1] for frame in rig.workers[b"g"].frames] == [Kind.UNKNOWN]


def test_second_leave_of_a_seat_is_refused():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    seated(rig, worker, agent)
    for number in (50, 51):
        rig.from_agent(b"a", raw(Kind.LEAVE, agent.seat.handle, number))
    assert Error.decode(agent.frames[-1][14:]).code == Code.BUSY
    assert len(worker.events()) == 1


def test_bye_answers_all_that_was_open():
    rig = Rig(room("one"), room("two", seats=(("Attacker", 2),)))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join(room="one")
    worker.seat_all()
    reset = agent.ask(agent.session.reset(agent.seat, Reset()))
    join = agent.join(room="two")
    agent.ask(agent.session.bye())
    assert not agent.session.is_open(reset)
    assert not agent.session.is_open(join)


def test_join_that_is_taken_back_leaves_the_waiting_room():
    rig = Rig(room(seats=(("Attacker", 2),)))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    join = agent.join()
    agent.ask(agent.session.withdraw(join))
    assert not agent.session.is_open(join)
    rig.agent(b"b").join()
    assert worker.opened() == []
    agent.join()
    assert len(worker.opened()) == 1


def test_join_that_is_taken_back_too_late_settles_as_unwanted():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    join = agent.join()
    agent.answers()
    agent.ask(agent.session.withdraw(join))
    worker.seat_all()
    error, unwanted = agent.answers()
    assert error.code == Code.UNKNOWN_SEAT
    assert isinstance(unwanted, Unwanted)
    agent.ask(agent.session.leave(unwanted.seat))
    assert [event[3] for event in worker.events()] == [Kind.LEAVE]


def test_join_said_twice_is_answered_once():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    number, frame = agent.session.join("default", AgentRole.Attacker)
    heard = len(agent.frames)
    rig.from_agent(b"a", frame)
    assert len(worker.opened()) == 1
    assert len(agent.frames) == heard
    assert agent.session.is_open(number)


def test_every_session_is_looked_at_within_the_sweep():
    rig = Rig()
    agents = [rig.agent(b"%d" % i) for i in range(250)]
    heard = [len(agent.frames) for agent in agents]
    for _ in range(SWEEP_TICKS + 1):
        rig.tick(0.05)
    pongs = [len(agent.frames) - before for agent, before in zip(agents, heard, strict=True)]
    assert min(pongs) >= 1
    assert max(pongs) <= 2
    assert all(agent.answers()[1:] == [] for agent in agents)
