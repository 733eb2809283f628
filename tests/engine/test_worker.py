"""The worker's loop over real sockets: a few tests, each waiting for a condition with a deadline."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress

import pytest
import zmq

from netsiege.engine.identity import engine_digest
from netsiege.engine.worker import run_worker
from netsiege.protocol import (
    EVENT_HEAD,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    WORKER_HEARTBEAT_IVL_MS,
    WORKER_HEARTBEAT_TIMEOUT_MS,
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
        self.socket.heartbeat_ivl = WORKER_HEARTBEAT_IVL_MS
        self.socket.heartbeat_timeout = WORKER_HEARTBEAT_TIMEOUT_MS
        self.losses = self.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
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

    def close(self):
        if not self.socket.closed:
            self.socket.disable_monitor()
            self.losses.close(0)
            self.socket.close()

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
    hub.close()


@pytest.fixture
def at_work(hub):
    with worker(f"tcp://127.0.0.1:{hub.port}"):
        yield hub.receive(Kind.READY)


def test_worker_says_what_it_is_and_plays(hub, at_work):
    peer, frame = at_work
    ready = Ready.decode(frame[HEAD_BYTES:])
    assert (ready.name, ready.slots, ready.rulesets) == ("tester", 3, ("netsecgame", "siege-1"))
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
    assert WorkerPong.decode(pong[HEAD_BYTES:]).events_done == 3001, "an opening and its events"


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
    hub.close()
    again = Hub(context, port)
    peer, _ = again.receive(Kind.READY)
    again.open(peer, 5)
    again.step(peer, 5, 1)
    assert again.receive(Kind.OUT)
    again.close()


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
    placeholder.close()
    with caplog.at_level(logging.WARNING), worker(f"tcp://127.0.0.1:{port}"):
        end = time.monotonic() + DEADLINE_S
        while "hub_unreachable" not in caplog.text and time.monotonic() < end:
            threading.Event().wait(0.05)
        late = Hub(context, port)
        assert late.receive(Kind.READY)
        late.close()
    assert caplog.text.count("hub_unreachable") in (1, 2), "once for the start, once when the late one left"


def test_worker_that_is_stopped_takes_its_leave(hub):
    with worker(f"tcp://127.0.0.1:{hub.port}") as stopped:
        hub.receive(Kind.READY)
        stopped.set()
        assert hub.receive(Kind.GONE)


# --- workers in processes of their own --------------------------------------------------------------------

PROCESS = """
import sys, time
from netsiege.engine import worker
from netsiege.local import Stop
from netsiege.protocol import WORKER_HEAD, Kind

BUSY_S = float(sys.argv[2])

class Host(worker.GameHost):
    # a W_PING numbered 1 is hard work: until somebody says stop, and so many seconds at most
    def receive(self, frame):
        if WORKER_HEAD.unpack_from(frame)[1::2] == (Kind.W_PING, 1):
            print("busy", flush=True)
            end = time.monotonic() + BUSY_S
            while time.monotonic() < end and not stop():
                pass
        return super().receive(frame)

worker.GameHost = Host
with Stop() as stop:
    worker.run_worker(sys.argv[1], 3, "process", stop)
"""


@contextmanager
def process(hub, busy_s):
    """A worker that has said READY, and its routing id."""
    command = [sys.executable, "-c", PROCESS, f"tcp://127.0.0.1:{hub.port}", str(busy_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running, hub.receive(Kind.READY)[0]
        finally:
            with suppress(ProcessLookupError):
                running.send_signal(signal.SIGCONT)
            running.kill()


def test_worker_that_is_terminated_ends_the_frame_in_hand_and_takes_its_leave(hub):
    with process(hub, DEADLINE_S) as (running, peer):
        hub.send(peer, Kind.W_PING, 0, 1)
        assert running.stdout.readline() == "busy\n"
        running.terminate()
        assert [hub.receive(Kind.W_PONG, Kind.GONE)[1][1] for _ in range(2)] == [Kind.W_PONG, Kind.GONE]
        assert running.wait(DEADLINE_S) == 0


@pytest.mark.soak
@pytest.mark.alone
def test_worker_whose_interpreter_is_busy_keeps_its_connection(hub):
    busy_s = 4.0
    assert busy_s * 1000 > 2 * (WORKER_HEARTBEAT_IVL_MS + WORKER_HEARTBEAT_TIMEOUT_MS)
    with process(hub, busy_s) as (running, peer):
        hub.send(peer, Kind.W_PING, 0, 1)
        assert running.stdout.readline() == "busy\n"
        begun = time.monotonic()
        hub.receive(Kind.W_PONG)
        assert time.monotonic() - begun > busy_s / 2
        assert not hub.losses.poll(0), "libzmq answers heartbeats from a thread of its own"


@pytest.mark.soak
@pytest.mark.alone
def test_worker_that_is_stopped_in_its_tracks_is_noticed_within_two_seconds(hub):
    with process(hub, 0) as (running, peer):
        os.kill(running.pid, signal.SIGSTOP)
        assert hub.losses.poll(2_000)
        os.kill(running.pid, signal.SIGCONT)
        again, _ = hub.receive(Kind.READY)
        assert again != peer, "it has noticed too, and begins anew"


def test_engine_digest_covers_the_code_and_does_not_change_by_itself():
    assert engine_digest() == engine_digest()
    assert len(engine_digest()) == 32
    assert engine_digest(("netsiege.game",)) != engine_digest(("netsiege.protocol",))
