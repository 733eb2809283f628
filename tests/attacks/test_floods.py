"""Floods over sessions that may be there: they end, their keys stay out for a while, nobody else notices."""

import contextlib
import threading
import time
from datetime import timedelta
from itertools import count

import pytest

from netsiege.errors import AuthError
from netsiege.game import AgentRole
from netsiege.hub.authority import Grant, Right
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.protocol import Code, Hello, Join, Kind, pack
from netsiege.protocol.play import action_body
from tests.attacks import zmtp
from tests.attacks.conftest import (
    PATIENCE_S,
    SHORT,
    answer,
    flood_until_silence,
    raw,
    send_if_it_can,
    wait_until,
)

PASS = action_body(None)


@contextlib.contextmanager
def playing(hub):
    """An honest agent that plays all the time in a thread, and must never be refused anything."""
    done, failures, steps = threading.Event(), [], count()
    keys = hub.issue("honest")

    def play():
        try:
            with hub.client(keys, reconnect_s=0) as client:
                [seat] = client.join(AgentRole.Attacker)
                while not done.is_set():
                    client.step(seat, None)
                    next(steps)
        except Exception as error:  # what ends it fails the test
            failures.append(error)

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
        before = next(steps)
        wait_until(lambda: next(steps) > before + 50 or failures, "steps")
    finally:
        done.set()
        thread.join(PATIENCE_S)
    assert failures == []


def session(hub, keys, seated=False):
    """A bare session, and the handle of its seat."""
    dealer = hub.dealer(keys)
    answer(dealer, Kind.WELCOME)
    if not seated:
        return dealer, 0
    dealer.send(raw(Kind.JOIN, 0, 2, Join("default", "Attacker").encode()))
    return dealer, answer(dealer, Kind.SEATED)[1]


FLOODS = {
    "garbage": lambda _seat, _n: b"garbage",
    "pings": lambda _seat, n: raw(Kind.PING, 0, n),
    "states": lambda _seat, n: raw(Kind.STATUS, 0, n),
    "hellos": lambda _seat, n: raw(Kind.HELLO, 0, n, Hello("x").encode()),
    "unknown_kinds": lambda _seat, n: raw(99, 0, n),
    "old_versions": lambda _seat, n: b"\x00" + raw(Kind.PING, 0, n)[1:],
    "request_0": lambda seat, _n: raw(Kind.STEP, seat, 0, PASS),
    "steps_of_no_seat": lambda seat, n: raw(Kind.STEP, seat ^ n, n, PASS),
    "steps_without_waiting": lambda seat, n: raw(Kind.STEP, seat, n, PASS),
    "steps_repeated": lambda seat, n: raw(Kind.STEP, seat, 3 + n % 2, PASS),
    "batches_refused": lambda seat, n: raw(Kind.STEP_MANY, 0, n, pack([seat, PASS, seat, PASS])),
    "joins_refused": lambda _seat, n: raw(Kind.JOIN, 0, n, Join("absent", "Attacker").encode()),
    "joins_taken_back": lambda _seat, n: raw(Kind.LEAVE, 0, n, pack(n)),
    "enrolments": lambda _seat, n: raw(Kind.ENROL, 0, n, pack([bytes(32)])),
    "rooms": lambda _seat, n: raw(Kind.OPEN_ROOM, 0, n, bytes(100)),
}


@pytest.mark.soak
def test_every_flood_ends_its_session_and_its_seats_and_disturbs_nobody(start):
    hub = start(limits=SHORT, work=True)
    keys = hub.issue_all([Grant(flood, Right.AGENT) for flood in FLOODS])
    with playing(hub):
        wait_until(lambda: hub.loop.open_matches == 1, "its match")
        for number, (flood, make) in enumerate(FLOODS.items(), 1):
            dealer, handle = session(hub, keys[flood], seated=True)
            flood_until_silence(dealer, (make(handle, n) for n in count(3)))
            wait_until(lambda: hub.loop.open_matches == 1, f"the end of the match of {flood}")
            assert hub.refusals("overloaded") == number, flood


def test_key_of_a_flood_stays_out_for_a_while_and_comes_back_then(start):
    hub = start(limits=Limits(idle_talk_per_s=100, shut_out_s=60), work=True)
    mallory, now = hub.issue("mallory"), hub.now()
    hub.now = lambda: now
    with playing(hub):
        dealer, _ = session(hub, mallory)
        codes = flood_until_silence(dealer, (raw(Kind.PING, 0, n) for n in count(3)))
        # who sends on while the hub hangs up may lose the last answer with the connection
        assert set(codes[-1:]) <= {Code.OVERLOADED}
        for later_s in (0, 30, 59):
            hub.now = lambda later_s=later_s: now + timedelta(seconds=later_s)
            with pytest.raises(AuthError):
                hub.client(mallory).open()
        assert hub.refusals("key_refused") == 3
        hub.now = lambda: now + timedelta(seconds=60)
        with hub.client(mallory) as client:
            client.status()


def test_flooder_that_comes_back_at_once_again_and_again_is_refused_at_the_handshake(start):
    hub = start(limits=Limits(idle_talk_per_s=100, shut_out_s=60), work=True)
    mallory = hub.issue("mallory")
    with playing(hub):
        dealer, _ = session(hub, mallory)
        flood_until_silence(dealer, (b"garbage" for _ in count()))
        before = hub.refusals("malformed")
        again = [hub.dealer(mallory) for _ in range(20)]
        for each in again:
            for _ in range(200):
                send_if_it_can(each, b"garbage")
        hub.is_refused("key_refused", len(again))
        assert hub.refusals("malformed") == before
    assert not any(each.poll(0) for each in again)


def test_sessions_of_a_key_that_flood_together_end_though_none_does_alone(start):
    hub = start(limits=SHORT, work=True)
    mallory = hub.issue("mallory")
    with playing(hub):
        crowd = [session(hub, mallory)[0] for _ in range(20)]
        sessions = hub.status().sessions
        deadline_s = time.monotonic() + PATIENCE_S
        for n in count(3, 10):
            for each in crowd:
                for i in range(10):
                    send_if_it_can(each, raw(Kind.PING, 0, n + i))
            if hub.refusals("overloaded"):
                break
            assert time.monotonic() < deadline_s
            time.sleep(0.2)  # 50 a second and session, where 100 are allowed
        wait_until(lambda: hub.status().sessions < sessions, "the end of one")
        with pytest.raises(AuthError):
            hub.client(mallory).open()


def test_sessions_of_a_key_that_say_no_more_than_they_need_are_left_alone(start):
    hub = start(limits=SHORT)
    alice = hub.issue("alice")
    crowd = [session(hub, alice)[0] for _ in range(15)]
    for each in crowd:
        for n in range(3, 13):
            each.send(raw(Kind.PING, 0, n))
        assert [answer(each, Kind.PONG)[2] for _ in range(10)]
    assert hub.refusals("overloaded") == 0


@pytest.mark.soak
def test_storm_of_handshakes_with_unknown_keys_keeps_nobody_out(start):
    hub = start(limits=Limits(stranger_cost=1), work=True)  # else their address would be left outside
    with playing(hub):
        for _ in range(100):
            hub.dealer(hub.stranger())
        hub.is_refused("key_refused", 100)
        with hub.client(hub.issue("late")) as client:
            client.status()


def test_one_who_reads_nothing_is_cut_and_the_others_are_served(start):
    hub = start(keyed=False, limits=Limits(unsent_bytes=65_536, idle_talk_per_s=100_000))
    watcher = hub.watcher()
    with watcher, zmtp.connect(hub.agents) as stranger:
        zmtp.shake_hands(stranger)
        stranger.sendall(zmtp.message(raw(Kind.HELLO, body=Hello("deaf").encode())))
        stranger.settimeout(PATIENCE_S)
        absent = zmtp.message(raw(Kind.JOIN, 0, 2, Join("x" * 64, "Attacker").encode()))
        deadline_s = time.monotonic() + PATIENCE_S
        while not hub.refusals("unsent_bytes"):
            assert time.monotonic() < deadline_s
            with contextlib.suppress(OSError):
                stranger.sendall(absent * 300)
            watcher.status()
    assert DEFAULT_LIMITS.unsent_bytes > 65_536
