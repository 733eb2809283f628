"""A ROUTER socket of the hub, with the keys it asks for, and which connection each of its peers came over."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from typing import Any, Final

import zmq
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.hub.lines import Bounds, Line, Lines
from netsiege.keys import KeyPair
from netsiege.monitor import next_event
from netsiege.protocol import (
    MAX_BATCH,
    WORKER_HEARTBEAT_IVL_MS,
    WORKER_HEARTBEAT_TIMEOUT_MS,
)

AGENT_QUEUE_MAX: Final = 2 * MAX_BATCH
"""Frames that wait for one agent, who cannot have asked for more; who reads more slowly is cut off."""
# plain numbers: combining an enumeration's members costs half a microsecond
NOBLOCK: Final = int(zmq.NOBLOCK)
SNDMORE_NOBLOCK: Final = int(zmq.SNDMORE | zmq.NOBLOCK)

SEAL_BYTES: Final = 33
"""What CURVE adds to a message (RFC 26)."""
LONG_BYTES: Final = 256
SHORT_HEAD_BYTES: Final = 2
LONG_HEAD_BYTES: Final = 9
"""The head of a frame on the wire, and from which size on it is the long one (RFC 23)."""

KEEPALIVE_IDLE_S: Final = 5
KEEPALIVE_EVERY_S: Final = 2
KEEPALIVE_TRIES: Final = 3
"""A peer's machine that says nothing for so long is asked so often, and then is gone."""

EVENTS_IN_A_ROW: Final = 512
"""Of the monitor: then there is something else to do, too."""

CHOSEN_ID: Final = "chosen_routing_id"
"""Why a connection is cut whose peer says which routing id it wants."""


@frozen
class Side:
    """What is particular to a port: agents, or workers.

    `frame_bytes` ends a connection, `queue` is how many frames wait for a peer (0: no limit), and
    `beat_ms` and `timeout_ms` are those of libzmq's heartbeats; 0: the other side sends them, and TCP finds
    those that are gone and have sent none.
    """

    what: str
    frame_bytes: int
    bounds: Bounds
    queue: int
    beat_ms: int
    timeout_ms: int


def agents_side(bounds: Bounds) -> Side:
    """The side where agents connect: a frame that is a little too large gets an answer."""
    frame_bytes = 2 * bounds.frame_bytes
    return Side("agents", frame_bytes, bounds, AGENT_QUEUE_MAX, beat_ms=0, timeout_ms=0)


def workers_side(bounds: Bounds) -> Side:
    """The side where workers connect: each seat has one event in flight, which bounds the queue."""
    beat_ms, timeout_ms = WORKER_HEARTBEAT_IVL_MS, WORKER_HEARTBEAT_TIMEOUT_MS
    return Side("workers", bounds.frame_bytes, bounds, 0, beat_ms, timeout_ms)


class Port:
    """One ROUTER, its monitor and its connections. `gone` collects the peers whose connections have ended."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], bind: str, side: Side, keys: KeyPair | None = None
    ) -> None:
        self.what = side.what
        self.lines = Lines(side.bounds)
        self._line_of: dict[bytes, Line] = {}
        """By peer; those included whose end was heard a moment ago: what they said may be read only after."""
        self._departed: dict[bytes, float] = {}
        self.gone: list[bytes] = []
        self._keyed = keys is not None
        self._sealed = SEAL_BYTES if self._keyed else 0
        self.socket = _router(context, bind, side, keys)
        self._first_id = _first_id(context, self.socket)
        self._given = 0
        """Routing ids that libzmq has given since, at most: one for each handshake."""
        # pyzmq's own methods, without the layer around them that handles what is never asked for here
        bare: Any = super(zmq.Socket, self.socket)
        self._recv, self._send = bare.recv, bare.send
        self.monitor = self.socket.get_monitor_socket(
            zmq.EVENT_LISTENING | zmq.EVENT_ACCEPTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        try:
            self.socket.bind(bind)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"cannot listen for {side.what} at {bind}: {error.strerror}") from None
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def receive(self) -> tuple[bytes, bytes | None] | None:
        """The next message: the peer and its frame, or None for the frame if there was not exactly one.

        Returns None when nothing is there.
        """
        recv = self._recv
        while True:
            try:
                peer = recv(NOBLOCK)
            except zmq.Again:
                return None
            told = recv(NOBLOCK, copy=False)
            line = self._line_of.get(peer)
            if line is None or line.descriptor < 0:
                line = self._meet(peer, told)
            frame, many = told.bytes, told.more
            n_bytes = len(frame) + self._sealed
            line.heard += n_bytes + (SHORT_HEAD_BYTES if n_bytes < LONG_BYTES else LONG_HEAD_BYTES)
            if many:
                self._skip_the_rest(line)
            if line.peer == peer:
                return peer, None if many else frame

    def _skip_the_rest(self, line: Line) -> None:
        more = True
        while more:
            part = self._recv(NOBLOCK, copy=False)
            line.heard += len(part)
            more = part.more

    def _meet(self, peer: bytes, frame: zmq.Frame) -> Line:
        """Finds the connection of a peer that is new, or gone, and whose it is.

        The descriptor may have been another peer's a moment ago: whatever the monitor has said before this
        frame arrived is heard first. A peer whose end was heard before its first frame was read gets a
        connection that leads nowhere; the arena's sweep finds it. `SRCFD` is marked as deprecated in libzmq;
        it is used only here.

        Who chooses its own routing id is cut, and stays without a name: the id may be one that another peer
        had a moment ago, or is to get.
        """
        user = str(frame.get("User-Id")) if self._keyed else ""
        known = self._line_of.get(peer)
        if known is not None and known.user == user:
            return known
        self.hear_monitor()
        try:
            line = self.lines.of(int(frame.get(zmq.SRCFD)))
        except zmq.ZMQError:
            line = None
        if known is not None or self._is_chosen(peer):
            line = line or Line(-1, "", None, time.monotonic())
            line.user = user
            self.lines.turn_away(line, CHOSEN_ID)
            return line
        if line is None or line.peer:
            line = Line(-1, "", None, time.monotonic())
            self._departed[peer] = line.proven_s
        line.peer, line.user = peer, user
        self._line_of[peer] = line
        return line

    def _is_chosen(self, peer: bytes) -> bool:
        """Whether a routing id is none that libzmq has given: it counts them, one for each connection."""
        if len(peer) != len(self._first_id) or peer[0]:
            return True
        number = int.from_bytes(peer[1:], "big") - int.from_bytes(self._first_id[1:], "big")
        return not 0 < number % (1 << 32) <= self._given

    def hear_monitor(self, most: int = sys.maxsize) -> None:
        """Takes in which connections have come, and notes in `gone` whose have ended; `most` events of these.

        They may come faster than they are heard: who opens so many is kept outside meanwhile, as no end of
        them would be reached.
        """
        for number in range(1, most + 1):
            told = next_event(self.monitor)
            if told is None:
                return
            event, value = told
            if not number % EVENTS_IN_A_ROW:
                self.lines.leave_outside(time.monotonic())
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self._given += 1
            elif event == zmq.EVENT_LISTENING:
                self.lines.listening(value)
            else:
                line = self.lines.ended(value, time.monotonic())
                if line is not None and line.peer:
                    self._depart(line.peer)
                if event == zmq.EVENT_ACCEPTED:
                    self.lines.accepted(value, time.monotonic())

    def line_of(self, peer: bytes) -> Line | None:
        """The connection of a peer that has said something; it may have ended by now."""
        return self._line_of.get(peer)

    def send(self, peer: bytes, frame: bytes) -> bool:
        """Sends a frame; False if the peer is gone or reads too slowly, which ends its session."""
        try:
            self._send(peer, SNDMORE_NOBLOCK)
            self._send(frame, NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno not in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                raise
            self.give_up(peer)
            return False
        line = self._line_of.get(peer)
        if line is not None:
            line.sent += len(frame)
        return True

    def give_up(self, peer: bytes) -> None:
        """Ends the connection of a peer that is gone or does not read."""
        self.cut(peer)
        self._depart(peer)

    def cut(self, peer: bytes) -> None:
        """Ends a peer's TCP connection."""
        line = self._live(peer)
        if line is not None:
            self.lines.cut(line)

    def round_trip_s(self, peer: bytes) -> float:
        """The least that a packet of the peer's connection took there and back; 0 if that is not known."""
        line = self._live(peer)
        return self.lines.round_trip_s(line) if line is not None else 0.0

    def _live(self, peer: bytes) -> Line | None:
        self.hear_monitor()  # whose end was heard has no descriptor here: it may be another's by now
        return self._line_of.get(peer)

    def _depart(self, peer: bytes) -> None:
        self._departed.pop(peer, None)
        self._departed[peer] = time.monotonic()
        self.gone.append(peer)

    def forget_departed(self, before_s: float) -> None:
        """Forgets the peers that have been gone since before then."""
        while self._departed and next(iter(self._departed.values())) < before_s:
            peer = next(iter(self._departed))
            del self._departed[peer]
            self._line_of.pop(peer, None)

    def close(self) -> None:
        """Closes socket and monitor; what was sent has a moment to leave."""
        self.lines.close()
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close()


def _router(
    context: zmq.Context[zmq.Socket[bytes]], bind: str, side: Side, keys: KeyPair | None
) -> zmq.Socket[bytes]:
    _start_ids_anywhere()
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.LINGER, 200)
    router.setsockopt(zmq.IPV6, int("[" in bind))  # it would write every IPv4 address as one of IPv6
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    if side.beat_ms:
        router.setsockopt(zmq.HEARTBEAT_IVL, side.beat_ms)
        router.setsockopt(zmq.HEARTBEAT_TIMEOUT, side.timeout_ms)
        router.setsockopt(zmq.HEARTBEAT_TTL, side.beat_ms + side.timeout_ms)
    else:
        router.setsockopt(zmq.TCP_KEEPALIVE, 1)
        router.setsockopt(zmq.TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S)
        router.setsockopt(zmq.TCP_KEEPALIVE_INTVL, KEEPALIVE_EVERY_S)
        router.setsockopt(zmq.TCP_KEEPALIVE_CNT, KEEPALIVE_TRIES)
    router.setsockopt(zmq.HANDSHAKE_IVL, int(side.bounds.limits.handshake_s * 1_000))
    router.setsockopt(zmq.BACKLOG, 4_096)
    router.setsockopt(zmq.MAXMSGSIZE, side.frame_bytes)
    router.setsockopt(zmq.SNDHWM, side.queue)
    # with a limit, libzmq 4.3.5 ends the process if a connection breaks while what came over it is held back
    router.setsockopt(zmq.RCVHWM, 0)
    if keys is not None:
        router.setsockopt(zmq.CURVE_SERVER, 1)
        router.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
        router.setsockopt(zmq.ZAP_DOMAIN, side.what.encode())
        router.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)  # nobody is let in if nobody can be asked
    return router


def _start_ids_anywhere() -> None:
    """Lets the routing ids of the next ROUTER begin where nobody can guess.

    libzmq counts them up from a number of C's `rand`, which starts the same in every process; a peer that has
    taken the id that is next (it may choose any) ends the process with a failed assertion.
    """
    ctypes.CDLL(None).srand(int.from_bytes(os.urandom(4), "big"))


def _first_id(context: zmq.Context[zmq.Socket[bytes]], router: zmq.Socket[bytes]) -> bytes:
    """The routing id of a ROUTER's very first peer, which is one of our own."""
    with context.socket(zmq.DEALER) as peer:
        peer.setsockopt(zmq.LINGER, 0)
        endpoint = f"inproc://first-id-{id(router)}"
        router.bind(endpoint)
        peer.connect(endpoint)
        peer.send(b"")
        first, _ = router.recv_multipart()
        router.unbind(endpoint)
    return first
