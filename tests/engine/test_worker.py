"""The worker's loop over real sockets: a few tests, each waiting for a condition with a deadline."""

import logging
import threading
import time
from contextlib import contextmanager

import pytest
import zmq

from netsiege.engine.identity import engine_digest
from netsiege.engine.worker import run_worker
from netsiege.protocol import (
    EVENT_HEAD,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    Code,
    Error,
    Kind,
    Open,
    Ready,
    WorkerPong,
)
from netsiege.protocol import Spec as SpecMessage
from netsiege.protocol.play import action_body
from netsiege.scenarios.model import RoleTask, Spec
from tests.engine.tiny import ATTACKER, CLIENT, TOPOLOGY, find_data, make_seats, make_task

DEADLINE_S = 20
ENDLESS = RoleTask("Attacker", ATTACKER.start)
SPEC = Spec(TOPOLOGY, make_task(roles=(ENDLESS,))).to_bytes()
IDLE = action_body(find_data(CLIENT, CLIENT))


class Hub:
    """The workers' side of a hub, by hand."""

    def __init__(self, context, port=None):
        self.socket = context.socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.set_hwm(0)  # a ROUTER drops what is above its mark without a word
        self.port = port or self.socket.bind_to_random_port("tcp://127.0.0.1")
        end = time.monotonic() + DEADLINE_S
        while port:
            try:
                self.socket.bind(f"tcp://127.0.0.1:{port}")
                break
            except zmq.ZMQError:
                # the port is given back in the background
                assert time.monotonic() < end
                threading.Event().wait(0.02)

    def receive(self, *kinds):
        """The next frame of one of these kinds, with the worker's routing id."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            if self.socket.poll(100):
                peer, frame = self.socket.recv_multipart()
                if frame[1] in kinds:
                    return peer, frame
        raise AssertionError(f"no {kinds} came")

    def send(self, peer, kind, lease=0, number=0, body=b""):
        self.socket.send_multipart([peer, WORKER_HEAD.pack(VERSION, kind, lease, number) + body])

    def open(self, peer, lease):
        self.send(peer, Kind.SPEC, body=SpecMessage(b"d", SPEC).encode())
        self.send(peer, Kind.OPEN, lease, 0, Open(1, b"d", 7, None, tuple(make_seats("Attacker"))).encode())
        return self.receive(Kind.OUT)

    def step(self, peer, lease, sequence):
        body = EVENT_HEAD.pack(0, Kind.STEP, sequence) + IDLE
        self.send(peer, Kind.EVENT, lease, sequence, body)


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@contextmanager
def worker(address):
    stopped = threading.Event()
    thread = threading.Thread(target=run_worker, args=(address, 3, "tester", stopped.is_set))
    thread.start()
    try:
        yield stopped
    finally:
        stopped.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


@pytest.fixture
def hub(context):
    hub = Hub(context)
    yield hub
    hub.socket.close()


@pytest.fixture
def at_work(hub):
    with worker(f"tcp://127.0.0.1:{hub.port}"):
        yield hub.receive(Kind.READY)


def test_worker_says_what_it_is_and_plays(hub, at_work):
    peer, frame = at_work
    ready = Ready.decode(frame[HEAD_BYTES:])
    assert (ready.name, ready.slots, ready.rulesets) == ("tester", 3, ("netsecgame",))
    assert ready.engine == engine_digest()
    hub.open(peer, 5)
    hub.step(peer, 5, 1)
    _, out = hub.receive(Kind.OUT)
    assert WORKER_HEAD.unpack_from(out) == (VERSION, Kind.OUT, 5, 1)


def test_worker_answers_everything_that_is_queued(hub, at_work):
    """More events at once than one wake-up: none may be left lying."""
    peer, _ = at_work
    hub.open(peer, 5)
    for sequence in range(1, 3001):
        hub.step(peer, 5, sequence)
    for sequence in range(1, 3001):
        _, out = hub.receive(Kind.OUT)
        assert WORKER_HEAD.unpack_from(out)[3] == sequence
    hub.send(peer, Kind.W_PING)
    _, pong = hub.receive(Kind.W_PONG)
    assert WorkerPong.decode(pong[HEAD_BYTES:]).events_done == 3000


def test_worker_that_is_unknown_says_ready_again_without_its_matches(hub, at_work):
    peer, _ = at_work
    hub.open(peer, 5)
    hub.send(peer, Kind.UNKNOWN)
    peer, _ = hub.receive(Kind.READY)
    hub.step(peer, 5, 1)
    hub.send(peer, Kind.W_PING)
    _, frame = hub.receive(Kind.OUT, Kind.W_PONG)
    assert frame[1] == Kind.W_PONG, "the match is gone, so nothing answered the step"


def test_worker_comes_back_when_the_hub_does(context, hub, at_work):
    peer, _ = at_work
    hub.open(peer, 5)
    port = hub.port
    hub.socket.close()
    again = Hub(context, port)
    peer, _ = again.receive(Kind.READY)
    again.open(peer, 5)
    again.step(peer, 5, 1)
    assert again.receive(Kind.OUT)
    again.socket.close()


def test_worker_logs_what_the_hub_refuses(hub, at_work, caplog):
    peer, _ = at_work
    with caplog.at_level(logging.ERROR):
        hub.send(peer, Kind.ERROR, body=Error(Code.MALFORMED, "no such thing").encode())
        hub.send(peer, Kind.ERROR, body=b"\x90")
        hub.send(peer, Kind.W_PING)
        hub.receive(Kind.W_PONG)
    assert "no such thing" in caplog.text


def test_worker_waits_for_a_hub_that_is_not_there_and_says_so_once(context, caplog):
    placeholder = Hub(context)
    port = placeholder.port
    placeholder.socket.close()
    with caplog.at_level(logging.WARNING), worker(f"tcp://127.0.0.1:{port}"):
        end = time.monotonic() + DEADLINE_S
        while "hub_unreachable" not in caplog.text and time.monotonic() < end:
            threading.Event().wait(0.05)
        late = Hub(context, port)
        assert late.receive(Kind.READY)
        late.socket.close()
    assert caplog.text.count("hub_unreachable") in (1, 2), "once for the start, once when the late one left"


def test_worker_that_is_stopped_takes_its_leave(hub):
    with worker(f"tcp://127.0.0.1:{hub.port}") as stopped:
        hub.receive(Kind.READY)
        stopped.set()
        assert hub.receive(Kind.GONE)


def test_engine_digest_covers_the_code_and_does_not_change_by_itself():
    assert engine_digest() == engine_digest()
    assert len(engine_digest()) == 32
    assert engine_digest(("netsiege.game",)) != engine_digest(("netsiege.protocol",))
