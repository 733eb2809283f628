"""A hub with keys, its loop in a thread, an engine worker in another, and what it takes to get at it."""

import contextlib
import threading
import time
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType

import attrs
import pytest
import zmq

import netsiege.engine.worker
import netsiege.hub.loop
from netsiege.client import Client
from netsiege.engine.worker import run_worker
from netsiege.errors import SiegeError
from netsiege.hub.authority import AuthorizedFile, Grant, Right
from netsiege.hub.gate import KeyGate
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.loop import HubLoop
from netsiege.keys import AUTHORIZED_KEYS, HUB_KEY, KEYS_VARIABLE, NO_KEYS, KeyPair, Keys, save_pair
from netsiege.protocol import AGENT_HEAD, HEAD_BYTES, VERSION, Error, Hello, Kind, SessionRole
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec

PATIENCE_S = 10
"""How long anything that a test expects may take; nothing waits for so long unless it is broken."""
SLOTS = 1_000
SHORT = Limits(idle_talk_per_s=100)
"""Patience that floods exhaust on slow machines too."""


def wait_until(condition, what, limit_s=PATIENCE_S):
    """Waits for something to become true; fails the test when it does not in time."""
    deadline_s = time.monotonic() + limit_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, f"never came: {what}"
        time.sleep(0.005)
    return value


@pytest.fixture(autouse=True)
def _no_keys_of_whoever_runs_the_tests(monkeypatch):
    monkeypatch.delenv(KEYS_VARIABLE, raising=False)


@pytest.fixture(autouse=True)
def _short_ticks(monkeypatch):
    """Hubs in threads look ten times as often at what is no message, so that nobody waits for that."""
    monkeypatch.setattr(netsiege.hub.loop, "TICK_S", 0.005)
    monkeypatch.setattr(netsiege.engine.worker, "POLL_MS", 10)


def rooms(*names, seed=5, seats=MappingProxyType({"Attacker": 1})):
    """Rooms of one attacker a match, or of other seats."""
    spec = load_spec(scenario="two_networks_tiny", seats=dict(seats))
    return [room_of(name, spec, seed) for name in names or ("default",)]


class GuardedHub:
    """A hub in a thread. With `folder`, it has keys: `issue` makes them."""

    def __init__(self, folder, opened, limits, keyed=True, journal=None):
        self.pair = KeyPair.new()
        self.file = AuthorizedFile(folder / AUTHORIZED_KEYS)
        self.now = lambda: datetime.now(UTC)
        gate = None
        if keyed:
            save_pair(folder / HUB_KEY, self.pair, "a test's hub")
            self.file.create()
            gate = KeyGate(self.pair, self.file, self._clock, limits)
        self.gate, self.keyed = gate, keyed
        anywhere = "tcp://127.0.0.1:0"
        self.loop = HubLoop(anywhere, anywhere, opened, journal, gate=gate, limits=limits)
        self.agents, self.workers = self.loop.agents_endpoint, self.loop.workers_endpoint
        self._context = zmq.Context()
        self._dealers = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self.loop.run, args=(self._done.is_set,))]
        self._threads[0].start()
        self._watcher = None
        self.failures = []
        """What has ended an engine worker."""

    def _clock(self):
        return self.now()

    # --- keys ---------------------------------------------------------------------------------------------

    def issue(self, name, right=Right.AGENT, **limits):
        """A new key that the hub knows from now on."""
        return self.issue_all([Grant(name, right, **limits)])[name]

    def issue_all(self, grants):
        """New keys, by the names of their grants."""
        keys = {grant.name: Keys(KeyPair.new(), self.pair.public) for grant in grants}
        for grant in grants:
            self.file.add(keys[grant.name].own.public, grant)
        self.learn()
        return keys

    def invite(self, name, right=Right.AGENT, **limits):
        """A new invitation, as the keys that it connects with."""
        pair = KeyPair.new()
        self.file.invite(pair.public, Grant(name, right, **limits))
        self.learn()
        return Keys(pair, self.pair.public)

    def stranger(self):
        """A key that the hub does not know."""
        return Keys(KeyPair.new(), self.pair.public)

    def regrant(self, keys, name, grant):
        """Writes another grant for a key into the file, or none."""
        self.file.revoke(name)
        if grant is not None:
            self.file.add(keys.own.public, attrs.evolve(grant, name=name))

    def learn(self):
        """Waits until the hub has read the file."""
        wait_until(lambda: not self.file.changed(), "the hub's reading of the file")

    # --- those who come -----------------------------------------------------------------------------------

    def client(self, keys=NO_KEYS, role=SessionRole.AGENT, **options):
        """A client of the SDK, not open yet, that does not try again."""
        options.setdefault("reconnect_s", 0)
        return Client(self.agents, "tester", role, keys=keys, **options)

    def dealer(self, keys=None, *, endpoint=None, routing_id=None, say_hello=True, role="agent"):
        """A bare socket, from the first word on; closed at the end of the test."""
        dealer = self._context.socket(zmq.DEALER)
        self._dealers.append(dealer)
        dealer.linger, dealer.sndhwm, dealer.rcvhwm = 0, 0, 0
        dealer.reconnect_ivl = -1
        dealer.sndtimeo = 1_000 * PATIENCE_S
        if keys is not None:
            keys.secure(dealer)
        if routing_id is not None:
            dealer.routing_id = routing_id
        dealer.connect(endpoint or self.agents)
        if say_hello:
            dealer.send(raw(Kind.HELLO, body=Hello("bare", role).encode()))
        return dealer

    def work(self, keys=None):
        """Starts an engine worker in a thread."""
        if keys is None and self.keyed:
            keys = Keys(self.gate.lend("a test's worker", Right.WORKER), self.pair.public)
        known = len(self.status().workers)
        self._threads.append(threading.Thread(target=self._work, args=(keys,)))
        self._threads[-1].start()
        wait_until(lambda: len(self.status().workers) > known, "a worker")

    def _work(self, keys):
        try:
            run_worker(self.workers, SLOTS, "tester", self._done.is_set, keys)
        except SiegeError as error:
            self.failures.append(error)

    def watcher(self):
        """Someone who may see all of the hub's numbers."""
        keys = NO_KEYS
        if self.keyed:
            keys = Keys(self.gate.lend("a test's watcher", Right.SPECTATOR), self.pair.public)
        return self.client(keys, SessionRole.SPECTATOR).open(PATIENCE_S)

    def status(self):
        """The hub in numbers."""
        if self._watcher is None:
            self._watcher = self.watcher()
        return self._watcher.status()

    def refusals(self, reason):
        """How often the hub has refused something for a reason."""
        return {each.reason: each.count for each in self.status().refusals}.get(reason, 0)

    def is_refused(self, reason, times=1):
        """Waits until the hub has refused something for a reason, so many times."""
        wait_until(lambda: self.refusals(reason) >= times, f"a refusal for {reason}")
        return True

    @property
    def connections(self):
        """How many connections of agents the hub knows."""
        return len(self.loop._agents.lines)

    def close(self):
        if self._done.is_set():
            return
        if self._watcher is not None:
            self._watcher.close()
        for dealer in self._dealers:
            dealer.close(0)
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        self._context.term()
        self.loop.close()
        assert self.failures == []


@pytest.fixture
def start(tmp_path):
    """Starts a hub with keys; with `work`, an engine worker too."""
    numbers = count()
    with contextlib.ExitStack() as ends:

        def start(*opened, limits=DEFAULT_LIMITS, work=False, **options):
            folder = tmp_path / f"hub-{next(numbers)}"
            folder.mkdir()
            hub = GuardedHub(folder, opened or rooms(), limits, **options)
            ends.callback(hub.close)
            if work:
                hub.work()
            return hub

        yield start


def raw(kind, handle=0, request=1, body=b""):
    """A frame of an agent."""
    return AGENT_HEAD.pack(VERSION, kind, handle, request) + body


def answer(dealer, *kinds):
    """The next answer of one of these kinds, any if none are named: its kind, seat, request and body."""
    deadline_s = time.monotonic() + PATIENCE_S
    while (left_s := deadline_s - time.monotonic()) > 0 and dealer.poll(int(left_s * 1_000)):
        frame = dealer.recv()
        _, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        sweep = kind == Kind.PONG and not request  # the hub's own, to find out who is still there
        if kind in kinds or not (kinds or sweep):
            return Kind(kind), handle, request, frame[HEAD_BYTES:]
    raise AssertionError(f"no {kinds or 'answer'} came")


def refusal(dealer):
    """The code and the text of the next refusal."""
    error = Error.decode(answer(dealer, Kind.ERROR)[3])
    return error.code, error.text


def send_if_it_can(dealer, frame):
    """Sends unless the connection has ended: such a socket waits for another one for ever."""
    with contextlib.suppress(zmq.Again):
        dealer.send(frame, zmq.NOBLOCK)


def flood_until_silence(dealer, frames):
    """Sends until the hub has hung up; returns the codes of the last refusals."""
    codes, deadline_s = [], time.monotonic() + PATIENCE_S
    monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    try:
        while not monitor.poll(0):
            assert time.monotonic() < deadline_s, "the hub never hung up"
            for frame in [next(frames) for _ in range(50)]:
                send_if_it_can(dealer, frame)
            with contextlib.suppress(zmq.Again):
                while True:
                    frame = dealer.recv(zmq.NOBLOCK)
                    if frame[1] == Kind.ERROR:
                        codes = [*codes[-3:], Error.decode(frame[HEAD_BYTES:]).code]
    finally:
        dealer.disable_monitor()
        monitor.close(0)
    return codes
