"""Many who send messages that never end, or as much as they can, at once: the hub's memory has a bound."""

import contextlib
import multiprocessing
import threading
import time

import pytest
import zmq

from netsiege.client import Client
from netsiege.game import AgentRole
from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KeyPair, Keys, save_pair
from netsiege.protocol import Hello, Kind, SessionRole
from tests.attacks import zmtp
from tests.attacks.conftest import PATIENCE_S, raw
from tests.e2e.conftest import start_hub  # noqa: F401  # a fixture

pytestmark = [pytest.mark.soak, pytest.mark.alone]

MB = 1 << 20
CROWD = 32
RELAYS = 8
WITHHELD_MB = 400
POUR_S = 2.5
BOUND_MB = 2_000
"""By what a hub may grow. Of what makes no message yet `stuck_bytes` on the wire, of which a byte of empty
frames takes 32 in memory: 1,024 MB; and what comes in until it has looked, some 100 MB over loopback."""
STALL_S = 2.0
"""How long an honest agent may wait for an answer, on a machine that is busy with the attack itself."""


class Memory:
    """The most memory that a process has had meanwhile, in MB above what it had before."""

    def __init__(self, pid):
        self._pid, self._before = pid, zmtp.memory_bytes(pid)
        self.most_mb, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self._done.wait(0.005):
            self.most_mb = max(self.most_mb, (zmtp.memory_bytes(self._pid) - self._before) / MB)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._done.set()
        self._thread.join(PATIENCE_S)


class Bystander:
    """An honest agent that plays in a thread; `longest_s` is what an answer has taken at most."""

    def __init__(self, address, keys=""):
        self._client = Client(address, "bystander", keys=keys).open()
        [self._seat] = self._client.join(AgentRole.Attacker)
        self.longest_s, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._play)

    def _play(self):
        while not self._done.wait(0.002):
            started_s = time.monotonic()
            self._client.step(self._seat, None)
            self.longest_s = max(self.longest_s, time.monotonic() - started_s)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._done.set()
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        assert self._client.status()
        self._client.close()


def refusals(address, keys=""):
    with Client(address, "watcher", SessionRole.SPECTATOR, keys=keys) as client:
        return {each.reason: each.count for each in client.status().refusals}


def pour(connections, chunk):
    """Sends the same over all connections for a while, as fast as it goes, those that are cut excepted."""
    left = {connection: memoryview(chunk) for connection in connections}
    for connection in connections:
        connection.setblocking(False)
    until_s = time.monotonic() + POUR_S
    while left and time.monotonic() < until_s:
        for connection in list(left):
            try:
                left[connection] = left[connection][connection.send(left[connection]) :] or memoryview(chunk)
            except BlockingIOError:
                pass  # one that was cut while its window was closed hears nothing of it
            except OSError:
                del left[connection]


STREAMS = {
    "empty frames": zmtp.framed(b"", zmtp.MORE) * 32_768,
    "small frames": zmtp.framed(bytes(100), zmtp.MORE) * 600,
    "large frames": zmtp.framed(bytes(MB), zmtp.MORE),
    "large messages": zmtp.message(bytes(MB)),
    "small messages": zmtp.message(b"x") * 20_000,
}


@pytest.mark.parametrize("stream", STREAMS)
def test_crowd_that_sends_without_end_is_kept_within_the_bound(request, stream):
    hub = request.getfixturevalue("start_hub")("--limit", "hello_s=60")
    hello = zmtp.message(raw(Kind.HELLO, body=Hello("mallory").encode()))
    with Bystander(hub.address) as bystander, Memory(hub.process.pid) as memory:
        for first_words in (b"", hello):
            with contextlib.ExitStack() as ends:
                crowd = [ends.enter_context(zmtp.connect(hub.address)) for _ in range(CROWD)]
                for connection in crowd:
                    zmtp.shake_hands(connection)
                    connection.sendall(first_words)
                pour(crowd, STREAMS[stream])
    assert memory.most_mb < BOUND_MB
    assert bystander.longest_s < STALL_S


def _pour_sealed(addresses, keys):
    """Sends one message of many frames to each address, and waits to be killed."""
    context, frame = zmq.Context(), zmq.Frame(bytes(MB))
    dealers = [context.socket(zmq.DEALER) for _ in addresses]
    for dealer, address in zip(dealers, addresses, strict=True):
        dealer.linger, dealer.sndhwm = 0, 0
        Keys.read(keys).secure(dealer)
        dealer.connect(address)
        for _ in range(WITHHELD_MB):
            dealer.send(frame, zmq.SNDMORE, copy=False)
        dealer.send(b"")
    threading.Event().wait()


@pytest.mark.parametrize("right", [Right.AGENT, Right.WORKER])
def test_encrypted_messages_that_do_not_end_are_cut_within_the_bound(request, tmp_path, right):
    pair = KeyPair.new()
    save_pair(tmp_path / HUB_KEY, pair, "a test's hub")
    file, keys = AuthorizedFile(tmp_path / AUTHORIZED_KEYS), {}
    for name, each in (("alice", Right.ADMIN), ("mallory", right)):
        keys[name] = Keys(KeyPair.new(), pair.public)
        file.add(keys[name].own.public, Grant(name, each))
    hub = request.getfixturevalue("start_hub")("--keys", str(tmp_path), "--limit", "hello_s=60")
    endpoint = hub.workers_address if right == Right.WORKER else hub.address
    with (
        Bystander(hub.address, keys["alice"]) as bystander,
        Memory(hub.process.pid) as memory,
        contextlib.ExitStack() as ends,
    ):
        relays = [zmtp.Withholding(endpoint, 1 << 40) for _ in range(RELAYS)]
        for relay in relays:
            ends.callback(relay.close)
        # a process of its own: its libzmq may abort when it is cut in the middle of a message
        attacker = multiprocessing.get_context("spawn").Process(
            target=_pour_sealed,
            args=([relay.address for relay in relays], keys["mallory"].text()),
            daemon=True,
        )
        attacker.start()
        ends.callback(attacker.join)
        ends.callback(attacker.kill)
        for relay in relays:
            assert relay.cut.wait(PATIENCE_S)
    told = refusals(hub.address, keys["alice"])
    assert told.get("unread_bytes", 0) + told.get("stuck_bytes", 0) >= RELAYS
    assert memory.most_mb < BOUND_MB
    assert bystander.longest_s < STALL_S
