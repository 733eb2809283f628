"""Matches that are played while a hub is attacked in every way at once come out as they would without."""

import contextlib
import threading
from itertools import count

import pytest
import zmq

from netsiege.agents.attackers import RandomAttacker
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.errors import SiegeError
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.limits import Limits
from netsiege.protocol import Hello, Join, Kind, pack
from netsiege.protocol.play import action_body
from netsiege.replays import extract, read_journal
from tests.attacks import zmtp
from tests.attacks.conftest import PATIENCE_S, raw, rooms, wait_until

AGENTS = 6
EPISODES = 2
LIMITS = Limits(idle_talk_per_s=200, shut_out_s=0, handshake_s=0.5, hello_s=0.5)


def play(hub, started=lambda: None):
    """What honest agents get out of their matches: steps, rewards and the end of each episode."""
    keys = hub.issue("honest")
    agents = [RandomAttacker(address=hub.agents, keys=keys) for _ in range(AGENTS)]
    for agent in agents:  # one after the other: whose match is which is always the same
        agent.register()
    started()
    played = {}

    def run(number, agent):
        summaries = agent.play(EPISODES)
        played[number] = [(each.steps, each.total_reward, each.end_reason) for each in summaries]
        agent.terminate_connection()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(agents)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(6 * PATIENCE_S)
    wait_until(lambda: not hub.status().rooms[0].open_matches, "the end of the matches")
    return played


class Attack:
    """Strangers and an agent that misbehaves, again and again until it `ends`."""

    def __init__(self, hub):
        self._hub = hub
        self._mallory = hub.issue("mallory")
        self._context = zmq.Context()
        self._done = threading.Event()
        self.rounds = 0
        self._threads = [threading.Thread(target=each) for each in (self._flood, self._connect)]

    def begin(self):
        seats = list(self._hub.loop._arena.seats)  # which nobody is told; here they are
        self._frames = [raw(kind, seat, 7, action_body(None)) for seat in seats for kind in (3, 5, 6)]
        self._frames += [
            b"garbage",
            raw(Kind.PING, 0, 8),
            raw(Kind.STEP_MANY, 0, 9, pack([seats[0], b"\xc0"])),
        ]
        self._frames += [raw(Kind.JOIN, 0, n, Join("other", "Attacker").encode()) for n in range(10, 40)]
        for thread in self._threads:
            thread.start()

    def end(self):
        self._done.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
        self._context.term()

    def _flood(self):
        """What an agent with a key can say: until it is shown the door, then again."""
        while not self._done.is_set():
            self.rounds += 1
            with self._context.socket(zmq.DEALER) as dealer:
                dealer.linger, dealer.reconnect_ivl = 0, -1
                self._mallory.secure(dealer)
                dealer.connect(self._hub.agents)
                dealer.send(raw(Kind.HELLO, 0, 1, Hello("mallory").encode()))
                for _ in range(100):
                    for frame in self._frames:
                        with contextlib.suppress(zmq.Again):
                            dealer.send(frame, zmq.NOBLOCK)
                    if self._done.wait(0.002):
                        break

    def _connect(self):
        """What a stranger can do: handshakes that are left hanging, and keys that nobody knows."""
        greeting, crowd = zmtp.greeting(b"CURVE"), []
        for number in count():
            with contextlib.suppress(OSError):
                crowd.append(zmtp.connect(self._hub.agents, f"127.0.3.{1 + number % 50}"))
                crowd[-1].sendall(greeting[: number % 65])
            with contextlib.suppress(SiegeError):
                self._hub.client(self._hub.stranger()).open(0.01)
            if len(crowd) > 50 or self._done.is_set():
                crowd.pop(0).close()
            if self._done.wait(0.002):
                break
        for each in crowd:
            each.close()


@pytest.mark.soak
def test_matches_under_attack_come_out_as_without(start, tmp_path):
    expected = play(start(*rooms("default", "other"), work=True))
    path = tmp_path / "hub.journal"
    with contextlib.closing(SqliteJournal(str(path))) as journal:
        hub = start(*rooms("default", "other"), work=True, limits=LIMITS, journal=journal)
        attack = Attack(hub)
        try:
            assert play(hub, attack.begin) == expected
        finally:
            attack.end()
        assert attack.rounds > 1
        assert hub.refusals("overloaded") > 0
        assert hub.refusals("unknown_seat") > 0
        hub.close()
    extracted = list(extract(read_journal(path), tmp_path / "out"))
    assert [each.failure for each in extracted if each.failure] == []
    replays = [Replay.load(each.path) for each in extracted if each.room == "default" and each.path]
    assert len(replays) == AGENTS
    assert all(verify(replay).same for replay in replays)
    steps = sorted(tuple(result.steps[0] for result in replay.results) for replay in replays)
    assert steps == sorted(tuple(each[0] for each in episodes) for episodes in expected.values())
