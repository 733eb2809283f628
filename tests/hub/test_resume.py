"""Sessions that lose their connection, and come back."""

import pytest

from netsiege.errors import MatchOver
from netsiege.game import IP, Action, ActionType, Observation
from netsiege.hub.resume import FAREWELL_S
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    Cause,
    Code,
    End,
    Error,
    Flag,
    Hello,
    Kind,
    Open,
    Resumed,
    SessionRole,
    Welcome,
)
from netsiege.protocol.play import action_body
from tests.hub.rig import STEP_REPLY, Rig, room, seated_body

LOOK = Action(ActionType.FindServices, {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.2")})


class Scene:
    """One attacker in a match of one seat, whose connection can go and come."""

    def __init__(self, *rooms):
        self.rig = Rig(*rooms)
        self.worker = self.rig.worker(b"w")
        self.agent = self.rig.agent(b"a")
        self.agent.join()
        [(self.lease, self.opening)] = self.worker.opened()
        self.worker.seat(self.lease, self.opening)
        self.agent.answers()
        self.seat = self.agent.seat

    def step(self):
        return self.agent.ask(self.agent.session.step(self.seat, LOOK))

    def reply(self, request, sequence=1, kind=Kind.OBS, body=STEP_REPLY, flags=Flag.MOVE):
        self.worker.out(self.lease, 0, kind, request, body, flags, sequence)

    def come_back(self, peer=b"a2", token=None):
        """Says HELLO with the token over another connection; the frames that this brings."""
        self.back = self.rig.mute(peer)
        hello = Hello("a", SessionRole.AGENT, token or self.agent.session.token)
        self.say(peer, Kind.HELLO, 0, 900, hello.encode())
        return self.heard()

    def say(self, peer, kind, handle, request, body=b""):
        self.rig.from_agent(peer, AGENT_HEAD.pack(VERSION, kind, handle, request) + body)

    def heard(self):
        frames, self.back.frames[:] = self.back.frames[:], []
        return [(Kind(f[1]), *AGENT_HEAD.unpack_from(f)[2:], f[HEAD_BYTES:]) for f in frames]

    def view(self):
        """The worker says how the seats stand that it was asked about."""
        for kind, lease, number, _ in self.worker.take():
            if kind == Kind.VIEW:
                self.worker.viewed(lease, number, seated_body(self.opening, number))

    def welcome(self, frames):
        [(kind, _, request, body)] = frames
        assert (kind, request) == (Kind.WELCOME, 900)
        return Welcome.decode(body)


def test_session_that_comes_back_is_told_what_it_holds_and_then_how_it_stands():
    scene = Scene()
    scene.reply(scene.step())
    scene.rig.lose_agent(b"a")
    held = scene.welcome(scene.come_back()).seats
    assert [(seat.handle, seat.answered, seat.pending) for seat in held] == [(scene.seat.handle, 3, 0)]
    scene.view()
    [(kind, handle, request, body)] = scene.heard()
    assert (kind, handle, request) == (Kind.RESUMED, scene.seat.handle, 0)
    told = Resumed.decode(body)
    assert (told.answered, told.refusal) == (3, None)


def test_reply_that_comes_while_the_session_is_away_is_told_as_answered():
    scene = Scene()
    asked = scene.step()
    scene.rig.lose_agent(b"a")
    scene.reply(asked)
    assert scene.welcome(scene.come_back()).seats[0].answered == asked
    scene.view()
    assert Resumed.decode(scene.heard()[0][3]).answered == asked


def test_request_that_is_pending_is_answered_after_the_seat_is_resumed():
    scene = Scene()
    asked = scene.step()
    scene.rig.lose_agent(b"a")
    assert scene.welcome(scene.come_back()).seats[0].pending == asked
    scene.view()
    assert scene.heard()[0][0] == Kind.RESUMED
    scene.reply(asked)
    assert [(kind, request) for kind, _, request, _ in scene.heard()] == [(Kind.OBS, asked)]


def test_refusal_that_was_missed_is_told_again():
    scene = Scene()
    asked = scene.step()
    scene.rig.lose_agent(b"a")
    no = Error(Code.BAD_ACTION, "no").encode()
    scene.reply(asked, kind=Kind.ERROR, body=no)
    scene.come_back()
    scene.view()
    assert Resumed.decode(scene.heard()[0][3]).refusal == no


def test_nothing_is_said_about_a_seat_before_it_is_resumed():
    scene = Scene()
    asked = scene.step()
    scene.rig.lose_agent(b"a")
    scene.come_back()
    scene.reply(asked)
    assert scene.heard() == []
    scene.view()
    assert [kind for kind, *_ in scene.heard()] == [Kind.RESUMED]


def test_repeated_request_that_is_pending_is_played_once():
    scene = Scene()
    number, frame = scene.agent.session.step(scene.seat, LOOK)
    for _ in range(3):
        scene.rig.from_agent(b"a", frame)
    assert len(scene.worker.events()) == 1
    scene.reply(number)
    assert len(scene.agent.answers()) == 1


def test_repeated_request_that_was_answered_is_answered_again_and_not_played():
    scene = Scene()
    asked = scene.step()
    scene.reply(asked)
    scene.worker.take()
    heard = len(scene.agent.frames)
    scene.say(b"a", Kind.STEP, scene.seat.handle, asked, action_body(LOOK))
    scene.view()
    [resumed] = scene.agent.frames[heard:]
    assert resumed[1] == Kind.RESUMED
    assert Resumed.decode(resumed[HEAD_BYTES:]).answered == asked
    scene.reply(scene.step(), 2)
    assert isinstance(scene.agent.answers()[-1], Observation)


def test_pass_does_not_make_the_last_answer_forgotten():
    scene = Scene(room(move_s=5.0))
    asked = scene.step()
    scene.reply(asked)
    scene.rig.tick(6)
    scene.reply(0, 2)
    assert scene.rig.arena.seats[scene.seat.handle].answered == asked


def test_old_connection_has_no_say_after_another_has_taken_over():
    scene = Scene()
    scene.come_back()
    scene.view()
    before = scene.rig.arena.events
    heard = len(scene.agent.frames)
    assert Error.decode(scene.agent.frames[-1][HEAD_BYTES:]).code == Code.SESSION_TAKEN
    scene.say(b"a", Kind.STEP, scene.seat.handle, 77, action_body(LOOK))
    assert scene.rig.arena.events == before
    assert Error.decode(scene.agent.frames[heard][HEAD_BYTES:]).code == Code.SESSION_TAKEN


def test_second_request_is_refused_also_while_the_seat_is_not_resumed_yet():
    scene = Scene()
    first = scene.step()
    scene.rig.lose_agent(b"a")
    scene.come_back()
    scene.say(b"a2", Kind.STEP, scene.seat.handle, first + 1, action_body(LOOK))
    assert Error.decode(scene.heard()[0][3]).code == Code.BUSY
    assert len(scene.worker.events()) == 1


def test_unknown_token_is_refused():
    scene = Scene()
    [(kind, _, _, body)] = scene.come_back(token=b"nobody")
    assert kind == Kind.ERROR
    assert Error.decode(body).code == Code.UNKNOWN_SESSION


def test_token_of_another_session_over_a_connection_that_has_one_is_refused():
    scene = Scene()
    other = scene.rig.agent(b"b")
    scene.say(b"b", Kind.HELLO, 0, 9, Hello("b", SessionRole.AGENT, scene.agent.session.token).encode())
    assert Error.decode(other.frames[-1][HEAD_BYTES:]).code == Code.BAD_REQUEST


def test_seat_of_a_session_that_stays_away_is_forfeited_after_the_grace_period():
    scene = Scene(room(grace_s=5.0))
    scene.rig.lose_agent(b"a")
    scene.rig.tick(4.9)
    assert scene.worker.events() == []
    scene.rig.tick(0.2)
    assert [(event[3], event[5]) for event in scene.worker.events()] == [(Kind.LEAVE, b"\x01")]
    scene.rig.tick(5)
    assert scene.worker.events() == []


def test_session_that_comes_back_too_late_hears_that_its_seat_is_lost():
    scene = Scene(room(grace_s=5.0))
    scene.rig.lose_agent(b"a")
    scene.rig.tick(6)
    scene.reply(0, kind=Kind.END, body=End(Cause.DISCONNECT).encode(), flags=Flag.OVER)
    welcome = scene.welcome(scene.come_back())
    assert welcome.seats == ()
    assert [(lost.handle, lost.kind) for lost in welcome.lost] == [(scene.seat.handle, Kind.END)]


def test_session_without_seats_is_forgotten_in_the_end():
    scene = Scene(room(grace_s=5.0))
    scene.rig.lose_agent(b"a")
    scene.rig.tick(6)
    scene.reply(0, kind=Kind.END, body=End(Cause.DISCONNECT).encode(), flags=Flag.OVER)
    scene.rig.tick(FAREWELL_S)
    arena = scene.rig.arena
    assert (arena.tokens, arena.away, arena.seats, arena.matches) == ({}, {}, {}, {})


def test_session_that_never_played_is_forgotten_at_once():
    rig = Rig()
    rig.agent(b"a")
    rig.lose_agent(b"a")
    assert (rig.arena.tokens, rig.arena.sessions) == ({}, {})


def test_view_is_asked_of_the_next_worker_if_the_first_dies_before_it_answers():
    scene = Scene()
    scene.rig.lose_agent(b"a")
    scene.come_back()
    scene.rig.lose_worker(b"w")
    other = scene.rig.worker(b"v")
    kinds = [(kind, lease, number) for kind, lease, number, _ in other.take()]
    lease = next(lease for kind, lease, _ in kinds if kind == Kind.OPEN)
    assert (Kind.VIEW, lease, 0) in kinds
    other.viewed(lease, 0, seated_body(scene.opening, 0))
    assert [kind for kind, *_ in scene.heard()] == [Kind.RESUMED]


def test_seat_that_ends_before_it_is_resumed_is_told_of_its_end():
    scene = Scene()
    scene.rig.lose_agent(b"a")
    scene.come_back()
    scene.reply(0, kind=Kind.END, body=End(Cause.TIME).encode(), flags=Flag.OVER)
    assert [kind for kind, *_ in scene.heard()] == [Kind.END]
    scene.view()
    assert scene.heard() == []


def test_end_before_the_seat_is_resumed_answers_what_the_session_may_not_have_heard():
    scene = Scene()
    asked = scene.step()
    scene.reply(asked)
    scene.rig.lose_agent(b"a")
    scene.come_back()
    scene.reply(0, kind=Kind.END, body=End(Cause.TIME).encode(), flags=Flag.OVER)
    assert [(kind, request) for kind, _, request, _ in scene.heard()] == [(Kind.END, asked)]


def test_waiting_join_ends_with_its_connection():
    rig = Rig(room(seats=(("Attacker", 2),)))
    worker = rig.worker(b"w")
    rig.agent(b"a").join()
    rig.lose_agent(b"a")
    rig.agent(b"b").join()
    assert worker.opened() == []


def test_seats_of_another_session_are_not_given_away():
    scene = Scene()
    other = scene.rig.agent(b"b")
    other.session.seats[scene.seat.handle] = scene.seat
    scene.say(b"b", Kind.STEP, scene.seat.handle, 5, action_body(LOOK))
    assert Error.decode(other.frames[-1][HEAD_BYTES:]).code == Code.UNKNOWN_SEAT
    assert scene.worker.events() == []


@pytest.mark.parametrize("away", [True, False])
def test_match_that_ends_while_a_session_is_away_closes(away):
    scene = Scene()
    if away:
        scene.rig.lose_agent(b"a")
    scene.reply(0, kind=Kind.END, body=End(Cause.FINISHED).encode(), flags=Flag.OVER)
    assert scene.rig.arena.matches == {}
    if not away:
        assert isinstance(scene.seat.ended, MatchOver)


def test_batch_that_is_said_twice_is_played_once():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join(), agent.join()
    leases = worker.seat_all()
    _, frame = agent.session.step_many([(seat, LOOK) for seat in agent.session.seats.values()])
    rig.from_agent(b"a", frame)
    rig.from_agent(b"a", frame)
    events = worker.events()
    assert len(events) == 2
    worker.out(leases[0], 0, Kind.OBS, events[0][4], STEP_REPLY, Flag.MOVE)
    rig.from_agent(b"a", frame)
    kinds = [kind for kind, *_ in worker.take()]
    assert kinds == [Kind.VIEW]


def test_director_that_comes_back_is_a_new_session():
    rig = Rig()
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.ask(director.session.watch("default"))
    rig.lose_agent(b"d")
    assert rig.arena.rooms["default"].watchers == {}
    assert rig.arena.tokens == {}


def test_open_carries_nothing_of_a_session_that_is_gone():
    scene = Scene()
    assert isinstance(scene.opening, Open)
    scene.say(b"a", Kind.BYE, 0, 50)
    scene.rig.lose_worker(b"w")
    kinds = [kind for kind, *_ in scene.rig.worker(b"v").take()]
    assert Kind.VIEW not in kinds


def test_batch_is_not_overtaken_by_what_comes_after_it_in_the_same_frame():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    [lease] = worker.seat_all()
    asked = agent.ask(agent.session.step_many([(agent.seat, LOOK)]))
    heard = len(agent.frames)
    worker.out_many(
        (lease, 1, 0, int(Kind.OBS), int(Flag.MOVE), asked, STEP_REPLY),
        (lease, 2, 0, int(Kind.OBS), int(Flag.MOVE), 0, STEP_REPLY),
    )
    assert [frame[1] for frame in agent.frames[heard:]] == [Kind.OBS_MANY, Kind.OBS]
