"""Keys that lose their rights while they are in use: sessions and seats end within two seconds."""

import asyncio
import concurrent.futures
import threading
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from netsiege.aio import AsyncClient
from netsiege.errors import AuthError
from netsiege.game import AgentRole
from netsiege.hub.authority import Grant, Right
from netsiege.protocol import Code, Hello, Kind, SessionRole
from tests.attacks.conftest import PATIENCE_S, answer, raw, refusal, rooms, wait_until

SOON_S = 2.0 + 1.0
"""How soon it ends, as the hub looks once a second; and what a busy machine may add to that."""
TOMORROW = timedelta(days=1)


class Moment:
    """When the rights change: all have begun by then; those who are left alone end when it is `over`."""

    def __init__(self, parties):
        self._barrier = threading.Barrier(parties)
        self.over = threading.Event()
        self._until_s = 0.0

    def begin(self):
        self._barrier.wait(PATIENCE_S)
        self._until_s = time.monotonic() + SOON_S

    @property
    def lasts(self):
        return not self.over.is_set() and time.monotonic() < self._until_s


def plays(hub, keys, moment):
    """Passes until the hub has something against it; returns that."""
    with hub.client(keys, reconnect_s=30) as client:
        [seat] = client.join(AgentRole.Attacker)
        moment.begin()
        try:
            while moment.lasts:
                client.step(seat, None)
        except AuthError as error:
            assert client.failed
            return error
    return None


def plays_asynchronously(hub, keys, moment):
    async def play():
        async with AsyncClient(hub.agents, "tester", keys=keys) as client:
            seat = await client.join(AgentRole.Attacker)
            await asyncio.to_thread(moment.begin)
            try:
                while moment.lasts:
                    await client.step(seat, None)
            except AuthError as error:
                return error
        return None

    return asyncio.run(play())


def listens(client, moment):
    """Listens until the hub has something against it; returns that."""
    try:
        while moment.lasts:
            client.pump(0.05)
    except AuthError as error:
        return error
    return None


def waits_for_a_seat(hub, keys, moment):
    with hub.client(keys) as client:
        client.send(client.session.join("crowd", AgentRole.Attacker))
        moment.begin()
        return listens(client, moment)


def watches(hub, keys, moment):
    with hub.client(keys, SessionRole.SPECTATOR) as client:
        client.watch("crowd")
        moment.begin()
        return listens(client, moment)


def idles(hub, keys, moment):
    with hub.client(keys) as client:
        moment.begin()
        return listens(client, moment)


AGENT, WATCHER = Grant("", Right.AGENT), Grant("", Right.SPECTATOR)
FOR_TODAY = {"expires": datetime.now(UTC) + TOMORROW}
CASES = {
    # what it does, what it may, and what it may afterwards
    "revoked": (plays, AGENT, None),
    "revoked, asynchronous": (plays_asynchronously, AGENT, None),
    "revoked, idle": (idles, AGENT, None),
    "other rooms": (plays, AGENT, attrs.evolve(AGENT, rooms=("cup-*",))),
    "other roles": (plays, AGENT, attrs.evolve(AGENT, roles=("Defender", "Benign"))),
    "other right": (plays, AGENT, WATCHER),
    "other rooms than waited for": (waits_for_a_seat, AGENT, attrs.evolve(AGENT, rooms=("default",))),
    "other roles than waited for": (waits_for_a_seat, AGENT, attrs.evolve(AGENT, roles=("Defender",))),
    "other rooms than watched": (watches, WATCHER, attrs.evolve(WATCHER, rooms=("default",))),
    "expired": (plays, attrs.evolve(AGENT, **FOR_TODAY), attrs.evolve(AGENT, **FOR_TODAY)),
    "expired, watching": (watches, attrs.evolve(WATCHER, **FOR_TODAY), attrs.evolve(WATCHER, **FOR_TODAY)),
}
LEFT_ALONE = {
    "may still play": (plays, AGENT, attrs.evolve(AGENT, roles=("Attacker",), rooms=("def*",))),
    "may still watch": (watches, WATCHER, attrs.evolve(WATCHER, rooms=("crowd",))),
}


def test_whoever_may_no_longer_do_what_it_does_is_told_and_ends_with_its_seats(start):
    [crowd] = rooms("crowd", seats={"Attacker": 10})
    hub = start(*rooms(), crowd, work=True)
    cases = CASES | LEFT_ALONE
    keys = hub.issue_all([attrs.evolve(before, name=name) for name, (_, before, _) in cases.items()])
    moment = Moment(len(cases) + 1)
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        told = {name: pool.submit(case[0], hub, keys[name], moment) for name, case in cases.items()}
        moment.begin()
        for name, (_, before, after) in cases.items():
            if after != before:
                hub.regrant(keys[name], name, after)
        hub.now = lambda: datetime.now(UTC) + 2 * TOMORROW
        alone = [name for name in CASES if told[name].result() is None]
        moment.over.set()
        disturbed = [name for name in LEFT_ALONE if told[name].result() is not None]
    assert (alone, disturbed) == ([], [])
    for name in ("revoked", "expired", "other right"):
        with pytest.raises(AuthError):
            hub.client(keys[name]).open()
    wait_until(lambda: hub.loop.open_matches == 0, "the end of the matches")
    assert [room.waiting for room in hub.status().rooms] == [0, 0]


def test_connection_that_was_let_in_before_its_key_was_revoked_opens_no_session(start):
    hub = start()
    keys = hub.issue("alice")
    dealer = hub.dealer(keys, say_hello=False)
    dealer.send(raw(Kind.PING))
    answer(dealer, Kind.ERROR)
    hub.regrant(keys, "alice", None)
    hub.learn()
    dealer.send(raw(Kind.HELLO, 0, 2, Hello("alice").encode()))
    assert refusal(dealer)[0] == Code.NOT_ALLOWED
    assert hub.status().sessions == 1


def test_worker_whose_key_was_revoked_is_told_and_its_matches_move(start):
    hub = start()
    hub.work(hub.issue("engines", Right.WORKER))
    with hub.client(hub.issue("alice")) as client:
        [seat] = client.join(AgentRole.Attacker)
        before = client.step(seat, None)
        hub.work()
        hub.file.revoke("engines")
        wait_until(lambda: hub.failures, "the end of the worker", SOON_S)
        assert isinstance(hub.failures.pop(), AuthError)
        assert client.step(seat, None).state == before.state
        assert [worker.matches for worker in hub.status().workers] == [1]
