"""Peers that send or leave unread more than anyone needs: they go, the others notice nothing."""

import contextlib
import struct
import threading
import time
from itertools import count, repeat

import pytest
import zmq

from netsiege.client import Client
from netsiege.game import IP, Action, ActionType
from netsiege.hub import port
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.lines import Bounds
from netsiege.hub.loop import HubLoop
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Code,
    Error,
    Flag,
    Hello,
    Join,
    Kind,
    Ready,
    SessionRole,
    pack,
)
from netsiege.protocol.play import action_body
from tests.hub.rig import STEP_REPLY, Rig, room

LOOK = Action(ActionType.FindServices, {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.2")})
STEP = action_body(LOOK)
IDLE_TALK_MAX = DEFAULT_LIMITS.idle_talk_per_s


def raw(kind, handle=0, request=1, body=b""):
    return AGENT_HEAD.pack(VERSION, kind, handle, request) + body


@pytest.fixture
def rig():
    return Rig()


def flood(rig, peer, frame, count=IDLE_TALK_MAX + 50):
    for _ in range(count):
        rig.from_agent(peer, frame)


def test_joins_that_are_taken_back_at_once_are_a_flood_too(rig):
    rig.mute(b"a")
    rig.from_agent(b"a", raw(Kind.HELLO, body=Hello("a").encode()))
    join = Join("default", "Attacker").encode()
    for n in range(2, 2 * IDLE_TALK_MAX + 100, 2):
        rig.from_agent(b"a", raw(Kind.JOIN, 0, n, join))
        rig.from_agent(b"a", raw(Kind.LEAVE, 0, n + 1, pack(n)))
    assert rig.arena.to_cut == [b"a"]


@pytest.mark.parametrize(
    "frame",
    [b"garbage", raw(Kind.PING), raw(99), raw(Kind.STEP, 12345, 7), raw(Kind.STATUS), raw(Kind.WATCH)],
)
def test_flood_is_refused_once_more_and_then_ignored(rig, frame):
    worker, agent = rig.worker(b"w"), rig.mute(b"a")
    rig.from_agent(b"a", raw(Kind.HELLO, body=Hello("a").encode()))
    flood(rig, b"a", frame)
    last = Error.decode(agent.frames[-1][HEAD_BYTES:])
    assert last.code == Code.OVERLOADED
    assert len(agent.frames) <= IDLE_TALK_MAX + 2
    assert rig.arena.to_cut == [b"a"]
    assert worker.events() == []


def test_flood_costs_the_seats(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    worker.seat_all()
    flood(rig, b"a", b"garbage")
    assert [(event[3], event[5]) for event in worker.events()] == [(Kind.LEAVE, b"\x02")]
    assert rig.arena.tokens == {}


def test_repeated_request_asks_the_engine_once_and_is_a_flood_in_the_end(rig):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    [lease] = worker.seat_all()
    agent.answers()
    asked = agent.ask(agent.session.step(agent.seat, LOOK))
    worker.out(lease, 0, Kind.OBS, asked, STEP_REPLY)
    handle = agent.seat.handle
    worker.take()
    flood(rig, b"a", raw(Kind.STEP, handle, asked, STEP))
    kinds = [kind for kind, *_ in worker.take()]
    assert kinds == [Kind.VIEW, Kind.EVENT]
    assert rig.arena.to_cut == [b"a"]


def test_as_much_as_anyone_needs_is_no_flood(rig):
    agent = rig.mute(b"a")
    rig.from_agent(b"a", raw(Kind.HELLO, body=Hello("a").encode()))
    for _ in range(20):
        flood(rig, b"a", raw(Kind.PING), IDLE_TALK_MAX // 2)
        rig.tick(1.0)
    assert rig.arena.to_cut == []
    assert all(frame[1] in (Kind.WELCOME, Kind.PONG) for frame in agent.frames)


def test_door_opens_again_in_the_end(rig):
    rig.mute(b"a")
    flood(rig, b"a", b"garbage")
    rig.tick(61)
    assert rig.arena.shut_out == {}


@pytest.fixture
def limits():
    return DEFAULT_LIMITS


@pytest.fixture
def hub(limits):
    """A hub's loop in a thread; nobody works for it."""
    loop = HubLoop("tcp://127.0.0.1:0", "tcp://127.0.0.1:0", [room()], limits=limits)
    done = threading.Event()
    thread = threading.Thread(target=loop.run, args=(done.is_set,))
    thread.start()
    yield loop
    done.set()
    thread.join()
    loop.close()


@pytest.fixture
def stranger(hub):
    """A session that sends what it likes and reads nothing."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, -1)
    socket.connect(hub.agents_endpoint)
    socket.send(raw(Kind.HELLO, body=Hello("stranger").encode()))
    yield socket
    socket.close(0)


def is_shown_the_door(hub, stranger, frames):
    """Whether the stranger's session has ended after ten seconds of sending, while another is served."""
    with Client(hub.agents_endpoint, "bystander", SessionRole.SPECTATOR) as bystander:
        until_s = time.monotonic() + 10
        while bystander.status().sessions < 2:
            assert time.monotonic() < until_s
        while time.monotonic() < until_s:
            try:
                for _ in range(300):
                    stranger.send(next(frames), zmq.NOBLOCK)
            except zmq.Again:
                stranger.poll(10, zmq.POLLOUT)
            if bystander.status().sessions == 1:
                return True
    return False


def test_connection_with_a_routing_id_of_its_own_is_cut_unheard(hub):
    context = zmq.Context()
    for address, mine in ((hub.agents_endpoint, b"mine"), (hub.workers_endpoint, b"\0\x6b\x8b\x45\x67")):
        socket = context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.ROUTING_ID, mine)
        socket.setsockopt(zmq.RECONNECT_IVL, -1)
        monitor = socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        socket.connect(address)
        socket.send(raw(Kind.HELLO, body=Hello("x").encode()))
        assert monitor.poll(5_000)
        assert not socket.poll(0)
        socket.disable_monitor()
        monitor.close(0)
        socket.close()
    assert hub._arena.tally.counts == {"chosen_routing_id": 2}
    context.term()


@contextlib.contextmanager
def a_port():
    """A port of its own, and the context that it is in."""
    context = zmq.Context()
    bounds = Bounds(DEFAULT_LIMITS, 1 << 20, 1 << 23, lambda _address: False, lambda _why, _line: None)
    with contextlib.closing(port.Port(context, "tcp://127.0.0.1:0", port.agents_side(bounds))) as ours:
        yield ours, context
    context.term()


def test_routing_ids_begin_elsewhere_at_each_hub():
    firsts = set()
    for _ in range(4):
        with a_port() as (ours, context):
            dealer = context.socket(zmq.DEALER)
            dealer.connect(ours.endpoint)
            dealer.send(b"x")
            assert ours.socket.poll(5_000)
            firsts.add(ours.receive()[0])
            dealer.close()
    assert len(firsts) == 4


class Endless:
    """A monitor that tells of handshakes without an end, until it is over."""

    def __init__(self):
        self.told = 0
        self.over = False

    def recv_multipart(self, _flags):
        if self.over:
            raise zmq.Again
        self.told += 1
        return [struct.pack("=HI", zmq.EVENT_HANDSHAKE_SUCCEEDED, 0), b"tcp://127.0.0.1:1"]


def test_storm_that_is_faster_than_it_is_heard_is_ended_while_it_is_heard(monkeypatch):
    with a_port() as (ours, _):
        endless = Endless()
        with monkeypatch.context() as patched:
            patched.setattr(ours, "monitor", endless)
            patched.setattr(ours.lines, "leave_outside", lambda _now_s: setattr(endless, "over", True))
            ours.hear_monitor()  # or this would never return
        assert endless.told == port.EVENTS_IN_A_ROW


def test_no_more_is_heard_in_a_row_than_was_asked_for(monkeypatch):
    with a_port() as (ours, _):
        endless = Endless()
        with monkeypatch.context() as patched:
            patched.setattr(ours, "monitor", endless)
            ours.hear_monitor(10)
        assert endless.told == 10


def test_flooder_is_shown_the_door_and_others_are_served(hub, stranger):
    assert is_shown_the_door(hub, stranger, repeat(b"garbage"))
    assert len(hub._arena.shut_out) == 1  # nothing else tells it from who does not read


@pytest.mark.parametrize(
    ("limits", "queue"), [(Limits(unsent_bytes=16 << 20), port.AGENT_QUEUE_MAX), (DEFAULT_LIMITS, 20)]
)
def test_one_who_does_not_read_is_shown_the_door_and_others_are_served(request, monkeypatch, limits, queue):
    monkeypatch.setattr(port, "AGENT_QUEUE_MAX", queue)
    hub, stranger = request.getfixturevalue("hub"), request.getfixturevalue("stranger")
    context = zmq.Context()
    worker = context.socket(zmq.DEALER)
    worker.setsockopt(zmq.LINGER, 0)
    worker.connect(hub.workers_endpoint)
    worker.send(WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + Ready("w", 9, b"e", ("r",)).encode())
    stranger.send(raw(Kind.JOIN, 0, 2, Join("default", "Attacker").encode()))
    opened = next(frame for frame in iter(worker.recv, None) if frame[1] == Kind.OPEN)
    lease = WORKER_HEAD.unpack_from(opened)[2]
    large = bytes(1 << 20)

    def say(kind, request, sequence):
        head = WORKER_HEAD.pack(VERSION, Kind.OUT, lease, sequence)
        worker.send(head + OUT_HEAD.pack(0, kind, Flag.MOVE, request) + large)

    say(Kind.SEATED, 0, 0)
    with Client(hub.agents_endpoint, "bystander", SessionRole.SPECTATOR) as bystander:
        until_s = time.monotonic() + 30
        for number in count(3):
            say(Kind.OBS, number, number - 2)
            if bystander.status().sessions == 1:
                break
            assert time.monotonic() < until_s
    assert number > 8
    worker.close()
    context.term()
