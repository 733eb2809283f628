"""Connections that are opened and left hanging, and storms of them: the honest connect and play meanwhile."""

import contextlib
import time

import pytest

from netsiege.client import Client
from netsiege.game import AgentRole
from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KeyPair, Keys, save_pair
from tests.attacks import zmtp
from tests.attacks.conftest import wait_until
from tests.e2e.conftest import start_hub  # noqa: F401  # a fixture

CROWD = 1_000
HANDSHAKE_S = 1.5
SPARE_BYTES = 16 << 20
"""What a crowd may leave behind: memory that malloc keeps for the next one."""
HONEST, CROWDED = "127.0.0.1", "127.0.0.2"


def silent(_hub_public):
    return b""


def partial_greeting(_hub_public):
    return zmtp.greeting(b"CURVE")[:11]


def greeting(_hub_public):
    return zmtp.greeting(b"CURVE")


def greeting_and_hello(hub_public):
    return zmtp.greeting(b"CURVE") + zmtp.recorded_hello(hub_public)


@pytest.fixture
def guarded(request, tmp_path):
    """A hub process with keys and a worker, and the keys of an honest agent."""
    pair, own = KeyPair.new(), KeyPair.new()
    save_pair(tmp_path / HUB_KEY, pair, "a test's hub")
    AuthorizedFile(tmp_path / AUTHORIZED_KEYS).add(own.public, Grant("alice", Right.ADMIN))
    options = ("--keys", str(tmp_path), "--limit", f"handshake_s={HANDSHAKE_S}")
    return request.getfixturevalue("start_hub")(*options), Keys(own, pair.public)


def play(hub, keys, steps=20):
    """An honest agent connects and plays; returns how long it took."""
    started_s = time.monotonic()
    with Client(hub.address, "alice", keys=keys) as client:
        [seat] = client.join(AgentRole.Attacker)
        for _ in range(steps):
            client.step(seat, None)
    return time.monotonic() - started_s


@pytest.mark.soak
@pytest.mark.alone
def test_thousand_half_open_handshakes_keep_nobody_out_and_are_gone_in_time(guarded):
    hub, keys = guarded
    pid = hub.process.pid
    play(hub, keys)
    stages = [stage(keys.hub) for stage in (silent, partial_greeting, greeting, greeting_and_hello)]
    before, memory_before = zmtp.descriptors(pid), zmtp.memory_bytes(pid)
    with contextlib.ExitStack() as ends:
        crowd = []
        for number in range(CROWD):
            crowd.append(ends.enter_context(zmtp.connect(hub.address, CROWDED)))
            crowd[-1].sendall(stages[number % len(stages)])
        since_s = time.monotonic()
        wait_until(lambda: zmtp.descriptors(pid) >= before + CROWD, "the crowd", HANDSHAKE_S)
        assert play(hub, keys) < HANDSHAKE_S
        wait_until(lambda: zmtp.descriptors(pid) <= before + 1, "the end of the crowd", 10 * HANDSHAKE_S)
        assert time.monotonic() - since_s < 5 * HANDSHAKE_S
        wait_until(lambda: all(map(zmtp.has_ended, crowd)), "the crowd's notice")
        play(hub, keys)
    assert zmtp.memory_bytes(pid) < memory_before + SPARE_BYTES


def test_connection_that_shakes_hands_and_says_no_hello_is_gone_in_time(start):
    hub = start(limits=Limits(hello_s=0.3))
    alice = hub.issue("alice")
    hub.status()
    with hub.client(alice) as client:
        client.status()
        for say in (False, True):
            hub.dealer(alice, say_hello=say)
        wait_until(lambda: hub.connections == 4, "the connections")
        assert hub.is_refused("hello_s")
        wait_until(lambda: hub.connections == 3, "the end of the one that was silent")
        client.status()
    assert hub.refusals("hello_s") == 1


def test_connection_that_says_anything_but_hello_is_gone_in_time(start):
    hub = start(keyed=False, limits=Limits(hello_s=0.3))
    with zmtp.connect(hub.agents) as stranger:
        zmtp.shake_hands(stranger)
        until_s = time.monotonic() + 5
        while not zmtp.has_ended(stranger):
            assert time.monotonic() < until_s
            with contextlib.suppress(OSError):
                stranger.sendall(zmtp.message(b"\x01\x07" + bytes(12)) + zmtp.ping())
            time.sleep(0.02)
    assert hub.refusals("hello_s") == 1


def test_worker_that_is_never_ready_is_gone_in_time(start):
    hub = start(limits=Limits(hello_s=0.3))
    hub.dealer(hub.issue("engines", Right.WORKER), endpoint=hub.workers, say_hello=False)
    assert hub.is_refused("hello_s")
    hub.work()
    assert hub.status().workers


def open_from(hub, address, count):
    """So many connections from an address; how many of them are still there once the hub has seen them."""
    with contextlib.ExitStack() as ends:
        crowd = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                crowd.append(ends.enter_context(zmtp.connect(hub.agents, address)))
        last_s, left = time.monotonic(), count
        while time.monotonic() < last_s + 0.2:
            now = count - sum(map(zmtp.has_ended, crowd))
            if now != left:
                last_s, left = time.monotonic(), now
            time.sleep(0.01)
        return left


def test_storm_from_one_address_is_turned_away_while_another_is_served(start):
    hub = start(limits=Limits(connections_burst=50, connections_per_s=1, handshake_s=30, storm_s=0))
    alice = hub.issue("alice")
    hub.status()
    left = open_from(hub, CROWDED, 300)
    assert 50 <= left <= 55
    assert hub.is_refused("connections_per_s", 245)
    with hub.client(alice) as client:  # from 127.0.0.1
        client.status()
    assert open_from(hub, "127.0.0.3", 20) == 20


def test_one_address_holds_only_so_many_connections(start):
    hub = start(limits=Limits(connections_per_address=20, handshake_s=30))
    alice = hub.issue("alice")
    hub.status()
    with contextlib.ExitStack() as ends:
        crowd = [ends.enter_context(zmtp.connect(hub.agents, CROWDED)) for _ in range(20)]
        wait_until(lambda: hub.connections == 21, "the crowd")
        assert open_from(hub, CROWDED, 10) == 0
        assert hub.refusals("connections_per_address") == 10
        assert open_from(hub, "127.0.0.3", 20) == 20
        with hub.client(alice) as client:
            client.status()
        assert not any(map(zmtp.has_ended, crowd))
    wait_until(lambda: hub.connections == 1, "the end of the crowd")
    assert open_from(hub, CROWDED, 10) == 10


def test_connections_of_all_addresses_together_have_a_limit(start):
    hub = start(limits=Limits(connections=30, handshake_s=30))
    with contextlib.ExitStack() as ends:
        hub.status()
        for number in range(29):
            ends.enter_context(zmtp.connect(hub.agents, f"127.0.1.{number + 1}"))
        wait_until(lambda: hub.connections == 30, "the crowd")
        assert open_from(hub, HONEST, 3) == 0
        assert hub.refusals("connections") == 3
        assert hub.status()
    assert DEFAULT_LIMITS.connections > 30
