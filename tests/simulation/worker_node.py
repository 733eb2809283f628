"""Workers: the real worker's turn and game host, on sockets that are simulated.

A worker dies between any two frames that it sends, and stalls for as long as a fault says. One that meets a
poisoned event dies of it, every time; one that lies says something else of what it takes over from others.
"""

import random

import zmq

from netsiege.engine.worker import _Worker
from netsiege.protocol import (
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    WORKER_HEAD,
    Kind,
    Open,
    Ready,
    pack,
    unpack,
)
from tests.simulation.network import WORKERS, Socket

LIE = b"\x00"
"""What a worker that lies adds to each body."""
POISON = b"\xa6poison"
"""The body of a STEP of which workers die: msgpack, but no action."""


class WorkerCrashed(BaseException):
    """The process is gone."""


class Viewed(bytes):
    """A VIEWED that knows after which event of the match it was said."""

    events = 0


class _Link:
    """Stands for the ZeroMQ socket of a worker."""

    def __init__(self, node):
        self.node = node
        self.socket = Socket(node.world.network, node, WORKERS)

    def recv(self, _flags=0):
        """The worker gets only so many frames a turn, so that others come in between."""
        if not self.socket.inbox or not self.node.may_take:
            raise zmq.Again
        self.node.may_take -= 1
        return self.socket.inbox.popleft()

    def send(self, frame, _flags=0):
        self.node.operate()
        self.socket.send(frame)

    def setsockopt(self, _option, _value):
        pass


class _SimWorker(_Worker):
    """The real worker, but for its sockets and a look over its host's shoulder."""

    def __init__(self, node, ready):
        self.node = node
        super().__init__(None, "hub", ready, None)

    @property
    def _host(self):
        return self._watched

    @_host.setter
    def _host(self, host):
        self._watched = _WatchedHost(self.node, host)

    def _connect(self):
        self._connected = False
        self._socket = _Link(self.node)
        self.node.events.clear()

    def _disconnect(self):
        self._socket.socket.close()


class _WatchedHost:
    """A game host that a poisoned event kills, and whose VIEWED know when they were said."""

    def __init__(self, node, host):
        self.node, self.host = node, host
        self.lies = set()
        """Leases of matches that are lied about."""

    @property
    def leases(self):
        return self.host.leases

    def receive(self, frame):
        lease = _poisoned_lease(frame) if POISON in frame else 0
        if lease:
            self.node.world.poisoned_a_worker(lease)
            raise WorkerCrashed
        if self.node.lies and frame[1] == Kind.OPEN:
            self._may_lie_about(frame)
        frames = self.host.receive(frame)
        if frame[1] == Kind.VIEW and frames and frames[0][1] == Kind.VIEWED:
            viewed = Viewed(frames[0])
            viewed.events = self.host._matches[WORKER_HEAD.unpack_from(frame)[2]].game.events
            return [viewed]
        return [self._falsified(each) for each in frames] if self.lies else frames

    def _may_lie_about(self, frame):
        """Lies about a match if the hub is able to find out: agents have been told of it."""
        world = self.node.world
        match = world.reference.arena.matches.get(unpack(frame[HEAD_BYTES:])[0])
        if match is not None and match.behind:
            world.lied_about.add(match.id)
            world.count("lies")
            self.lies.add(WORKER_HEAD.unpack_from(frame)[2])

    def _falsified(self, frame):
        """An output of a match that is lied about says something else; as many come as of the true one."""
        if frame[1] == Kind.OUT and WORKER_HEAD.unpack_from(frame)[2] in self.lies:
            return frame + LIE
        if frame[1] != Kind.OUT_MANY:
            return frame
        flat = unpack(frame[HEAD_BYTES:])
        for i in range(0, len(flat), 7):
            if flat[i] in self.lies:
                flat[i + 6] += LIE
        return frame[:HEAD_BYTES] + pack(flat)


def _poisoned_lease(frame):
    """The lease under which a poisoned event comes; 0 if none does."""
    kind, lease = frame[1], WORKER_HEAD.unpack_from(frame)[2]
    bodies = []
    if kind == Kind.EVENT:
        bodies = [frame[EVENT_BODY_AT:]]
    elif kind == Kind.EVENT_MANY:
        flat = unpack(frame[HEAD_BYTES:])
        return next((flat[i - 5] for i in range(5, len(flat), 6) if flat[i] == POISON), 0)
    elif kind == Kind.OPEN:
        bodies = [event[EVENT_HEAD.size :] for event in Open.decode(frame[HEAD_BYTES:]).events]
    return lease if POISON in bodies else 0


class WorkerNode:
    """One worker process."""

    def __init__(self, world, name, slots, engine):
        self.world, self.name, self.engine = world, name, engine
        self.rng = random.Random(f"{world.plan.seed}/{name}")
        self.unreachable_until_s = 0.0
        self.stalled_until_s = 0.0
        self.alive = True
        self.fuse = -1
        """After so many more frames sent the process dies; negative: it does not."""
        self.lies = False
        self.may_take = 0
        self.events = []
        """What the monitor has to say."""
        self._turn_due = False
        self.worker = _SimWorker(self, Ready(name, slots, engine, ("netsecgame",), name.encode()))

    @property
    def socket(self):
        return self.worker._socket.socket

    def operate(self):
        """One frame is about to be sent."""
        if self.fuse >= 0:
            if self.fuse == 0:
                raise WorkerCrashed
            self.fuse -= 1

    # --- what the socket says -----------------------------------------------------------------------------

    def readable(self, socket):
        if socket is self.socket:
            self._soon()

    def connected(self, socket):
        if socket is self.socket:
            self.events.append(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            self._soon()

    def disconnected(self, socket):
        if socket is self.socket:
            self.events.append(zmq.EVENT_DISCONNECTED)
            self._soon()

    # --- turns --------------------------------------------------------------------------------------------

    def wake(self):
        """Looks at its socket soon, whatever it has heard."""
        self._turn_due = False
        self._soon()

    def _soon(self):
        if self.alive and not self._turn_due:
            self._turn_due = True
            clock = self.world.clock
            clock.at(max(clock.now_s + self.rng.uniform(0.0, 0.001), self.stalled_until_s), self._turn)

    def _turn(self):
        """`_Worker.turn`, once the poll is over."""
        self._turn_due = False
        if not self.alive:
            return
        if self.world.clock.now_s < self.stalled_until_s:
            self._soon()
            return
        try:
            if self.socket.inbox:
                self.may_take = self.rng.randint(1, 20)
                self.worker._drain()
            if self.events:
                self.worker._look(self.events.pop(0))
        except WorkerCrashed:
            self.die()
            return
        if self.socket.inbox or self.events:
            self._soon()

    def die(self, *, late=False):
        """The process is gone; the hub notices at once, or by its heartbeat."""
        self.alive = False
        self.world.history.note(self.name, "dies", b"", b"")
        self.socket.crash(self.rng.uniform(0.5, 1.7) if late else self.rng.uniform(0.0, 0.02))
        self.world.worker_ended(self)

    def begin_anew(self):
        """The process loses all its matches, and says so."""
        try:
            self.worker._say_ready()
        except WorkerCrashed:
            self.die()

    def leave(self):
        """The process is asked to end, and takes its leave."""
        self.world.history.note(self.name, "leaves", b"", b"")
        try:
            self.may_take = len(self.socket.inbox)
            self.worker._drain()
            self.worker.close()
        except WorkerCrashed:
            self.die()
            return
        self.alive = False
        self.world.worker_ended(self)
