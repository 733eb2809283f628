"""The hub: the real loop, broker, arena and journal, on ports that are simulated.

It dies between any two operations: taking a frame, sending one, before and after a commit.
"""

import random
from collections import deque

from netsiege.hub import ledger
from netsiege.hub.arena import Arena
from netsiege.hub.broker import Broker
from netsiege.hub.limits import Limits
from netsiege.hub.loop import TICK_S, HubLoop
from tests.simulation.clock import Violation
from tests.simulation.network import AGENTS, NOTICE_S, WORKERS

QUEUE_MAX = 200
"""Frames that wait for one agent before it is cut off."""


class HubCrashed(BaseException):
    """The process is gone."""


class SimPort:
    """Stands for `netsiege.hub.port.Port`."""

    def __init__(self, hub, side, watch):
        self.hub, self.side, self.watch = hub, side, watch
        self.wires = {}
        self.known = set()
        self.departed = {}
        self.inbox = deque()
        self._gone = []
        self._ended = []
        self.lines = self

    # --- the network's side -------------------------------------------------------------------------------

    def accepted(self, wire):
        self.wires[wire.peer] = wire

    def arrived(self, peer, frame):
        if self.hub.has(self):
            self.inbox.append((peer, frame))
            self.hub.wake()

    def connection_ended(self, peer):
        if self.hub.has(self):
            self._ended.append(peer)
            self.hub.wake()

    # --- the loop's side ----------------------------------------------------------------------------------

    @property
    def has_news(self):
        return bool(self._ended)

    @property
    def gone(self):
        """Peers whose end was heard and has not been dealt with yet."""
        return self._gone

    @gone.setter
    def gone(self, rest):
        dealt_with, self._gone = self._gone, rest
        for peer in dealt_with:
            self.hub.world.registry.connection_gone(self.side, peer)

    def receive(self):
        self.hub.operate()
        if not self.inbox:
            return None
        peer, frame = self.inbox.popleft()
        if peer not in self.known and peer not in self.departed:
            self.hear_monitor()
            self.known.add(peer)
        self.hub.world.history.note("hub", f"takes from {self.side}", peer, frame or b"")
        return peer, frame

    def hear_monitor(self, _most=None):
        ended, self._ended = self._ended, []
        for peer in ended:
            self.wires.pop(peer, None)
            if peer in self.known:
                self._depart(peer)

    def send(self, peer, frame):
        self.hub.operate()
        wire = self.wires.get(peer)
        if wire is None or (self.side == AGENTS and _unread(wire) > QUEUE_MAX):
            self.hub.world.registry.not_sent(self.side, peer, frame)
            self.give_up(peer)
            return False
        self.hub.world.history.note("hub", f"sends to {self.side}", peer, frame)
        self.watch(peer, frame)
        wire.send_down(frame)
        return True

    def give_up(self, peer):
        self.cut(peer)
        self._depart(peer)

    def look(self, _now_s, _proven):
        """Whoever leaves too much unread is cut off, before the queue is full."""
        for peer in [peer for peer, wire in self.wires.items() if _unread(wire) > QUEUE_MAX // 2]:
            self.give_up(peer)

    def cut(self, peer):
        wire = self.wires.get(peer)
        if wire is not None:
            wire.snap(0.001, 0.001)

    def round_trip_s(self, peer):
        return 0.001

    def _depart(self, peer):
        self.known.discard(peer)
        self.wires.pop(peer, None)
        self.departed[peer] = self.hub.now_s
        self._gone.append(peer)

    def forget_departed(self, before_s):
        for peer in [peer for peer, since_s in self.departed.items() if since_s < before_s]:
            del self.departed[peer]


def _unread(wire):
    return len(wire.down.queue) + wire.socket.unread()


class WatchedJournal:
    """The real journal; the reference hears of what it has kept, and before or after the hub may die."""

    lasting = True

    def __init__(self, hub, inner):
        self.hub, self.inner = hub, inner

    def load(self):
        return self.inner.load()

    def commit(self, turn, events, records, oldest):
        self.hub.operate()
        self.inner.commit(turn, events, records, oldest)
        self.hub.world.reference.committed(events, records)
        self.hub.operate()


class WatchedBroker:
    """The real broker; nothing may raise in it, and the registry looks at what each frame leads to."""

    def __init__(self, hub, broker):
        self.hub, self.broker = hub, broker

    def from_agent(self, peer, frame, now_s):
        registry = self.hub.world.registry
        return self._watched(registry.agent_frame, self.broker.from_agent, peer, frame, now_s)

    def from_worker(self, peer, frame, now_s):
        registry = self.hub.world.registry
        return self._watched(registry.worker_frame, self.broker.from_worker, peer, frame, now_s)

    def _watched(self, look, take, peer, frame, now_s):
        try:
            after = look(peer, frame)
            sent = take(peer, frame, now_s)
            if after is not None:
                after(sent)
        except Exception as error:
            raise Violation("nothing raises", f"{type(error).__name__}: {error}") from error
        return sent


class HubNode:
    """One hub, again and again."""

    def __init__(self, world, disk, rooms):
        self.world, self.disk, self.rooms = world, disk, rooms
        self.alive = False
        self.skew_s = 0.0
        self.fuse = -1
        """After so many more operations the process dies; negative: it does not."""
        self.stalled_until_s = 0.0
        self.starts = 0
        self._ports = {}
        self._turn_at_s = float("inf")
        self._turn_number = 0

    def port(self, side):
        """The port that can be connected to; None if the hub is down, or stopped."""
        is_stopped = self.world.clock.now_s < self.stalled_until_s
        return None if is_stopped or not self.alive else self._ports.get(side)

    def has(self, port):
        """Whether a port is of the process that runs now."""
        return self.alive and self._ports.get(port.side) is port

    @property
    def now_s(self):
        """The hub's own clock, which starts anywhere and may jump."""
        return self.world.clock.now_s + self.skew_s

    @property
    def has_heard_all_agents(self):
        """Whether nothing of an agent is on its way, also of those that are dead by now."""
        port = self._ports[AGENTS]
        return not port.inbox and not any(wire.up.queue for wire in port.wires.values())

    @property
    def arena(self):
        return self.loop._arena

    def operate(self):
        """One operation is about to happen."""
        if self.fuse >= 0:
            if self.fuse == 0:
                self.fuse = -1
                raise HubCrashed
            self.fuse -= 1

    def start(self):
        """A process begins, on what the disk has."""
        world, number = self.world, self.starts
        self.starts += 1
        self.skew_s = world.streams["hub"].uniform(0, 1_000)
        world.history.note("hub", "starts", b"", b"")
        journal = WatchedJournal(self, self.disk.open())
        draws = random.Random(f"{world.plan.seed}/handles/{number}")
        loop = self.loop = HubLoop.__new__(HubLoop)
        loop._journal = journal
        loop._arena = Arena(
            (),
            lambda: draws.getrandbits(64) or 1,
            self.now_s,
            journaling=True,
            round_trip_s=loop._round_trip_s,
            limits=Limits(idle_talk_per_s=60),
        )
        try:
            ledger.restore(loop._arena, journal.load(), self.rooms)
        except Exception as error:
            raise Violation("nothing raises", f"restart: {type(error).__name__}: {error}") from error
        loop._broker = WatchedBroker(self, Broker(loop._arena))
        loop._to_cut = []
        loop._gate = None
        loop._agents = SimPort(self, AGENTS, world.reference.to_agent)
        loop._workers = SimPort(self, WORKERS, world.registry.to_worker)
        self._ports = {AGENTS: loop._agents, WORKERS: loop._workers}
        self.alive = True
        self._next_tick_s = 0.0
        world.registry.hub_started(loop._arena)
        world.reference.hub_started(loop._arena)
        self.wake()

    def wake(self):
        """Something is to be done: a turn will come soon."""
        if self.alive:
            self._plan_turn(self.world.clock.now_s + self.world.streams["hub"].uniform(0.0, 0.001))

    def _plan_turn(self, when_s):
        when_s = max(when_s, self.stalled_until_s)
        if when_s < self._turn_at_s:
            self._turn_at_s = when_s
            self._turn_number += 1
            self.world.clock.at(when_s, self._turn, self._turn_number)

    def _turn(self, number):
        if number != self._turn_number or not self.alive:
            return
        if self.world.clock.now_s < self.stalled_until_s:
            self._turn_at_s = float("inf")
            self._plan_turn(self.stalled_until_s)
            return
        self._turn_at_s = float("inf")
        loop, now_s = self.loop, self.now_s
        agents, workers = loop._agents, loop._workers
        try:
            self._one_turn(loop, agents, workers, now_s)
        except HubCrashed:
            self.die()
            return
        self.world.registry.check(self.arena)
        if agents.inbox or workers.inbox or agents.has_news or workers.has_news:
            self.wake()
        self._plan_turn(self.world.clock.now_s + max(0.0, self._next_tick_s - self.now_s) + 1e-6)

    def _one_turn(self, loop, agents, workers, now_s):
        """`HubLoop.run`, between two polls."""
        from_agents, from_workers = bool(agents.inbox), bool(workers.inbox)
        if from_agents:
            loop._drain_agents(now_s)
        if from_workers:
            loop._drain_workers(now_s)
        if agents.has_news or workers.has_news:
            agents.hear_monitor()
            workers.hear_monitor()
        if agents.gone or workers.gone:
            loop._see_off(now_s)
        if now_s >= self._next_tick_s:
            self._next_tick_s = now_s + TICK_S * self.world.tick_scale
            loop._tick(now_s)

    def stall(self, length_s):
        """The process is stopped; whoever waits for its heartbeat too long gives its connection up."""
        self.world.history.note("hub", f"stops {length_s:.1f} s")
        self.stalled_until_s = self.world.clock.now_s + length_s
        rng = self.world.streams["hub"]
        for port in self._ports.values():
            notice_s = NOTICE_S[port.side]
            for wire in list(port.wires.values()):
                if length_s > notice_s:
                    wire.snap(rng.uniform(0.6, 1.0) * notice_s, length_s)

    def die(self, *, late=False):
        """The process is gone: all connections break, and the disk has what was committed."""
        world = self.world
        world.history.note("hub", "dies", b"", b"")
        self.alive = False
        self.fuse = -1
        self.stalled_until_s = 0.0
        self._turn_at_s = float("inf")
        rng = world.streams["hub"]
        for port in self._ports.values():
            for wire in list(port.wires.values()):
                wire.snap(rng.uniform(0.0, 2.0 if late else 0.02), 0.0, keep_up=0)
        self.disk.crash()
        world.registry.hub_died()
        world.reference.hub_died()
        world.clock.after(rng.uniform(0.05, 2.0), self.start)

    def pause(self):
        """The process ends as it should, and says so."""
        try:
            self.arena.close(paused=True)
            self.loop._flush()
        except HubCrashed:
            pass
        self.world.history.note("hub", "pauses", b"", b"")
        for port in self._ports.values():
            for wire in list(port.wires.values()):
                wire.snap(0.01, 0.0, keep_up=0, keep_down=len(wire.down.queue))
        self.die()
