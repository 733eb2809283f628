"""Messages that are too large, never end, or are dear to read; and ZMTP that nobody else speaks."""

import contextlib
import itertools
import struct
import threading
import time

import msgpack
import pytest
import zmq

from netsiege.game import AgentRole
from netsiege.hub.authority import Right
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.protocol import Code, Hello, Kind, pack
from tests.attacks import zmtp
from tests.attacks.conftest import PATIENCE_S, answer, raw, refusal, wait_until

MB = 1 << 20
SMALL = Limits(
    agent_frame_bytes=1 << 16,
    agent_unread_bytes=1 << 18,
    worker_frame_bytes=1 << 17,
    worker_unread_bytes=1 << 19,
)
"""Limits that are reached soon: what is tested is that there are some."""
STALL_S = 0.5
"""How long one message may keep the others waiting, on a busy machine."""


class Bystander:
    """Someone who asks for the hub's numbers all the time; `longest_s` is the longest wait for them."""

    def __init__(self, hub):
        self._client, self._done = hub.watcher(), threading.Event()
        self.longest_s, self.asked = 0.0, 0
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._done.is_set():
            started_s = time.monotonic()
            self._client.status()
            self.longest_s = max(self.longest_s, time.monotonic() - started_s)
            self.asked += 1
            self._done.wait(0.005)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exception):
        self._done.set()
        self._thread.join(PATIENCE_S)
        self._client.close()
        assert self.asked > 0


def send_until_it_is_cut(connection, chunks):
    """Sends until the other side has ended the connection; returns how many bytes went out."""
    sent, deadline_s = 0, time.monotonic() + PATIENCE_S
    connection.setblocking(False)
    left = memoryview(b"")
    while time.monotonic() < deadline_s:
        try:
            if not left:
                left = memoryview(next(chunks))
            went = connection.send(left)
            sent, left = sent + went, left[went:]
        except BlockingIOError:
            if zmtp.has_ended(connection):
                return sent
            time.sleep(0.002)
        except OSError:
            return sent
    raise AssertionError("it was never cut")


def shaken(ends, hub, **options):
    connection = ends.enter_context(zmtp.connect(hub.agents, **options))
    zmtp.shake_hands(connection)
    return connection


@pytest.fixture
def ends():
    with contextlib.ExitStack() as ends:
        yield ends


# --- frames -----------------------------------------------------------------------------------------------


def test_frame_that_says_it_is_too_large_ends_the_connection_before_it_comes(start, ends):
    hub = start(keyed=False)
    for size in (10 * MB, 1 << 40, (1 << 64) - 1):
        stranger = shaken(ends, hub)
        stranger.sendall(bytes([zmtp.LARGE]) + struct.pack(">Q", size) + bytes(64))
        wait_until(lambda each=stranger: zmtp.has_ended(each), "the end")
    assert hub.status().sessions == 1


def test_frames_of_ten_megabytes_end_the_connection_and_disturb_nobody(start):
    hub = start(work=True)
    keys = hub.issue("mallory")
    with hub.client(hub.issue("alice")) as client, Bystander(hub) as bystander:
        [seat] = client.join(AgentRole.Attacker)
        honest = hub.connections
        for say_hello in (True, False):
            dealer = hub.dealer(keys, say_hello=say_hello)
            dealer.send(bytes(10 * MB))
            wait_until(lambda: hub.connections == honest + 1, "the connection")
            wait_until(lambda: hub.connections == honest, "the end of it")
            client.step(seat, None)
    assert bystander.longest_s < STALL_S


def test_frame_a_little_too_large_is_a_typed_error_and_the_door_when_it_comes_again(start):
    hub = start()
    mallory = hub.issue("mallory")
    dealer = hub.dealer(mallory)
    answer(dealer, Kind.WELCOME)
    too_large = raw(Kind.STEP, 1, 7, bytes(DEFAULT_LIMITS.agent_frame_bytes))
    dealer.send(too_large)
    assert refusal(dealer)[0] == Code.TOO_LARGE
    dealer.send(too_large)
    assert refusal(dealer)[0] == Code.OVERLOADED
    wait_until(lambda: hub.connections == 1, "the end of it")
    assert hub.refusals("too_large") >= 1


@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.JOIN, Kind.LEAVE, Kind.WATCH, Kind.ENROL, Kind.PING])
def test_request_that_is_never_large_is_refused_unread_when_it_is(start, kind):
    hub = start(keyed=False)
    dealer = hub.dealer()
    answer(dealer, Kind.WELCOME)
    dealer.send(raw(kind, 0, 2, bytes(100_000)))
    assert refusal(dealer)[0] == Code.TOO_LARGE


# --- messages of many frames ------------------------------------------------------------------------------


def test_message_of_many_frames_before_hello_is_cut_before_it_ends(start, ends):
    hub = start(keyed=False, limits=SMALL)
    with Bystander(hub) as bystander:
        for frame in (zmtp.framed(b"", zmtp.MORE), zmtp.framed(bytes(50_000), zmtp.MORE)):
            stranger = shaken(ends, hub)
            chunk = frame * (1 + 50_000 // len(frame))
            send_until_it_is_cut(stranger, itertools.repeat(chunk))
    assert hub.refusals("unread_bytes") >= 2
    assert bystander.longest_s < STALL_S


def test_message_of_many_frames_of_a_session_is_cut_before_it_ends(start, ends):
    hub = start(keyed=False, limits=SMALL)
    stranger = shaken(ends, hub)
    stranger.sendall(zmtp.message(raw(Kind.HELLO, body=Hello("mallory").encode())))
    wait_until(lambda: hub.status().sessions == 2, "the session")
    send_until_it_is_cut(stranger, itertools.repeat(zmtp.framed(bytes(1_000), zmtp.MORE) * 50))
    assert hub.refusals("unread_bytes") >= 1
    wait_until(lambda: hub.status().sessions == 1, "the end of the session")


@pytest.mark.parametrize("right", [Right.AGENT, Right.WORKER])
def test_encrypted_message_that_never_ends_is_cut(start, right):
    hub = start(limits=SMALL)
    endpoint = hub.workers if right == Right.WORKER else hub.agents
    relay = zmtp.Withholding(endpoint, 24 * MB)
    try:
        dealer = hub.dealer(hub.issue("mallory", right), endpoint=relay.address)
        for _ in range(300):
            dealer.send(bytes(100_000), zmq.SNDMORE)
        dealer.send(b"")
        assert relay.cut.wait(PATIENCE_S)
        assert hub.is_refused("unread_bytes")
    finally:
        relay.close()


def test_message_of_many_frames_that_ends_is_the_door(start):
    hub = start(work=True)
    mallory = hub.issue("mallory")
    with hub.client(hub.issue("alice")) as client, Bystander(hub) as bystander:
        [seat] = client.join(AgentRole.Attacker)
        dealer = hub.dealer(mallory)
        answer(dealer, Kind.WELCOME)
        honest = hub.status().sessions - 1
        dealer.send_multipart([b""] * 1_000)
        wait_until(lambda: hub.status().sessions == honest, "the end of the session")
        with pytest.raises(Exception, match="the hub refused this key"):
            hub.client(mallory).open()
        client.step(seat, None)
    assert bystander.longest_s < STALL_S


def test_worker_that_sends_messages_of_many_frames_is_cut(start):
    hub = start()
    worker = hub.dealer(hub.issue("engines", Right.WORKER), endpoint=hub.workers, say_hello=False)
    worker.send_multipart([b""] * 1_000)
    wait_until(lambda: len(hub.loop._workers.lines) == 0, "the end of it")
    hub.work()


# --- bodies -----------------------------------------------------------------------------------------------

LISTS = b"\xdd" + struct.pack(">I", 1_000_000) + b"\x90" * 1_000_000
DEEP = b"\xdd" + struct.pack(">I", 2_000) + (b"\x91" * 500 + b"\xc0") * 2_000
DECLARED = (b"\xdd" + struct.pack(">I", 1_000_000)) * 500 + b"\xc0" * 1_000_000
BOMBS = {"lists": LISTS, "deep": DEEP, "declared": DECLARED}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("kind", [Kind.HELLO, Kind.JOIN, Kind.LEAVE, Kind.STEP_MANY])
def test_large_body_that_is_dear_to_unpack_keeps_nobody_waiting(start, kind, bomb):
    hub = start(keyed=False)
    dealer = hub.dealer()
    answer(dealer, Kind.WELCOME)
    with Bystander(hub) as bystander:
        dealer.send(raw(kind, 0, 2, BOMBS[bomb]))
        assert refusal(dealer)[0] in (Code.TOO_LARGE, Code.MALFORMED)
    assert bystander.longest_s < STALL_S / 2


@pytest.mark.parametrize("depth", [6, 500, 513, 100_000])
def test_body_that_is_nested_deeply_is_malformed(start, depth):
    hub = start(keyed=False)
    dealer = hub.dealer()
    answer(dealer, Kind.WELCOME)
    for kind in (Kind.HELLO, Kind.JOIN, Kind.STEP_MANY, Kind.LEAVE):
        dealer.send(raw(kind, 0, 2, b"\x91" * depth + b"\xc0"))
        assert refusal(dealer)[0] in (Code.MALFORMED, Code.TOO_LARGE, Code.UNKNOWN_SEAT)
    assert hub.status().sessions == 2


def test_body_with_maps_or_extensions_is_malformed(start):
    hub = start(keyed=False)
    dealer = hub.dealer()
    answer(dealer, Kind.WELCOME)
    for body in (
        msgpack.packb({1: 2}),
        msgpack.packb([msgpack.ExtType(1, b"x")]),
        b"\xc1",
        b"",
        pack([1]) * 2,
    ):
        dealer.send(raw(Kind.JOIN, 0, 2, body))
        assert refusal(dealer)[0] == Code.MALFORMED


# --- ZMTP -------------------------------------------------------------------------------------------------

ODD_WORDS = {
    "subscriptions": zmtp.command(b"SUBSCRIBE", b"everything"),
    "cancellations": zmtp.command(b"CANCEL", b"everything"),
    "unknown": zmtp.command(b"FROBNICATE", bytes(100)),
    "pings": zmtp.ping(b"0123456789abcdef", 1),
    "pongs": zmtp.command(b"PONG", b"0123456789abcdef"),
    "readies": zmtp.ready(),
    "errors": zmtp.command(b"ERROR", b"\x05wrong"),
    "empty": zmtp.framed(b"", zmtp.COMMAND),
}


@pytest.mark.parametrize("words", ODD_WORDS)
def test_flood_of_commands_is_cut_and_disturbs_nobody(start, ends, words):
    hub = start(keyed=False, limits=SMALL, work=True)
    with hub.client() as client, Bystander(hub) as bystander:
        [seat] = client.join(AgentRole.Attacker)
        stranger = shaken(ends, hub)
        send_until_it_is_cut(stranger, itertools.repeat(ODD_WORDS[words] * 1_000))
        client.step(seat, None)
    assert bystander.longest_s < STALL_S


STRANGE = {
    "http": b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n",
    "tls": bytes.fromhex("16030100f5010000f10303") + bytes(200),
    "zmtp_1": b"\x01\x00" + b"\x0f\x00" + raw(Kind.HELLO)[:14],
    "zmtp_2": b"\xff" + bytes(8) + b"\x7f" + b"\x01\x05" + b"\x00\x00",
    "plain": zmtp.greeting(b"PLAIN") + zmtp.command(b"HELLO", b"\x05admin\x05admin"),
    "no_mechanism": zmtp.greeting(b"") + zmtp.ready(),
    "null": zmtp.greeting() + zmtp.ready() + zmtp.message(raw(Kind.HELLO, body=Hello("x").encode())),
    "curve_garbage": zmtp.greeting(b"CURVE") + zmtp.command(b"HELLO", bytes(194)),
    "curve_initiate": zmtp.greeting(b"CURVE") + zmtp.command(b"INITIATE", bytes(248)),
    "large_handshake": zmtp.greeting(b"CURVE")
    + bytes([zmtp.COMMAND | zmtp.LARGE])
    + struct.pack(">Q", 1 << 40),
}


@pytest.mark.parametrize("keyed", [True, False])
def test_strangers_that_speak_something_else_open_nothing_and_are_gone_in_time(start, ends, keyed):
    hub = start(keyed=keyed, limits=Limits(handshake_s=0.3, hello_s=0.3))
    hub.status()
    words = {name: said for name, said in STRANGE.items() if keyed or name != "null"}
    crowd = []
    for said in words.values():
        crowd.append(ends.enter_context(zmtp.connect(hub.agents)))
        with contextlib.suppress(OSError):
            crowd[-1].sendall(said)
    wait_until(lambda: all(map(zmtp.has_ended, crowd)), "the end of all of them")
    assert hub.status().sessions == 1
    wait_until(lambda: hub.connections == 1, "the hub's notice")
