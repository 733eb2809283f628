"""A ROUTER socket, and what it does not tell: when a connection ends, and how to end one.

Its monitor names descriptors; the descriptor that a peer's first frame came from leads from the event to the
peer, and to the peer's TCP connection.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import zmq
from zmq.utils.monitor import parse_monitor_message

from netsiege.errors import ConfigError
from netsiege.protocol import (
    HEARTBEAT_IVL_MS,
    HEARTBEAT_TIMEOUT_MS,
    MAX_AGENT_FRAME_BYTES,
    MAX_BATCH,
    MAX_WORKER_FRAME_BYTES,
    WORKER_HEARTBEAT_IVL_MS,
    WORKER_HEARTBEAT_TIMEOUT_MS,
)

AGENT_QUEUE_MAX: Final = 2 * MAX_BATCH
"""Frames that wait for one agent, who cannot have asked for more; who reads more slowly is cut off."""
# plain numbers: combining an enumeration's members costs half a microsecond
NOBLOCK: Final = int(zmq.NOBLOCK)
SNDMORE_NOBLOCK: Final = int(zmq.SNDMORE | zmq.NOBLOCK)
RCVMORE: Final = zmq.RCVMORE

BACKLOG_MAX_BYTES: Final = 128 << 20
"""What one agent may leave unread, in bytes: the largest batches are a tenth of that."""
BACKLOG_CHECK_BYTES: Final = 16 << 20
"""How much an agent is sent before it is looked at whether it reads."""

TCP_INFO_BYTES: Final = 256
BYTES_ACKED: Final = struct.Struct("120xQ")
MIN_RTT: Final = struct.Struct("148xI")
"""In Linux's `struct tcp_info`: `tcpi_bytes_acked`, and `tcpi_min_rtt` in microseconds."""


class Port:
    """One ROUTER, its monitor, and which descriptor each peer came in on."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], bind: str, what: str) -> None:
        self.what = what
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 200)
        self.socket.setsockopt(zmq.IPV6, int("[" in bind))  # it would write every IPv4 address as one of IPv6
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        beat_ms, timeout_ms = HEARTBEAT_IVL_MS, HEARTBEAT_TIMEOUT_MS
        if what == "workers":
            beat_ms, timeout_ms = WORKER_HEARTBEAT_IVL_MS, WORKER_HEARTBEAT_TIMEOUT_MS
        self.socket.setsockopt(zmq.HEARTBEAT_IVL, beat_ms)
        self.socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, timeout_ms)
        self.socket.setsockopt(zmq.HEARTBEAT_TTL, beat_ms + timeout_ms)
        self.socket.setsockopt(zmq.BACKLOG, 4_096)
        if what == "agents":
            self.socket.setsockopt(zmq.SNDHWM, AGENT_QUEUE_MAX)
            self.socket.setsockopt(zmq.MAXMSGSIZE, 2 * MAX_AGENT_FRAME_BYTES)
        else:
            # each seat has at most one event in flight, which bounds this queue already
            self.socket.setsockopt(zmq.SNDHWM, 0)
            self.socket.setsockopt(zmq.RCVHWM, 0)
            self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_WORKER_FRAME_BYTES)
        # pyzmq's own methods, without the layer around them that handles what is never asked for here
        bare: Any = super(zmq.Socket, self.socket)
        self._recv, self._send, self._get = bare.recv, bare.send, bare.get
        self.monitor = self.socket.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
        self.peer_of: dict[int, bytes] = {}
        self.descriptor_of: dict[bytes, int] = {}
        self.departed: dict[bytes, float] = {}
        """Peers whose end was heard, and when: what they had still said may be read only afterwards."""
        self.gone: list[bytes] = []
        self._sent: defaultdict[bytes, int] = defaultdict(int)
        self._looked_at: dict[bytes, int] = {}
        """Bytes sent to each peer, and how many it was when it was last looked at whether it reads them."""
        try:
            self.socket.bind(bind)
        except zmq.ZMQError as error:
            self.close()
            raise ConfigError(f"cannot listen for {what} at {bind}: {error.strerror}") from None
        self.endpoint = self.socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")

    def receive(self) -> tuple[bytes, bytes | None] | None:
        """The next message: the peer and its frame, or None for the frame if there was not exactly one.

        Returns None when nothing is there.
        """
        recv, get = self._recv, self._get
        try:
            peer = recv(NOBLOCK)
        except zmq.Again:
            return None
        if peer in self.descriptor_of or peer in self.departed:
            frame = recv(NOBLOCK)
        else:
            first = recv(NOBLOCK, copy=False)
            self._note_descriptor(peer, first)
            frame = first.bytes
        if not get(RCVMORE):
            return peer, frame
        while get(RCVMORE):
            recv(NOBLOCK)
        return peer, None

    def _note_descriptor(self, peer: bytes, frame: zmq.Frame) -> None:
        """Binds a new peer to its descriptor.

        The descriptor may have been another peer's a moment ago: whatever the monitor has said before
        this frame arrived is heard first. A peer whose end was heard before its first frame was read is
        bound to nothing useful; the arena's sweep finds it. `SRCFD` is marked as deprecated in libzmq; it
        is used only here.
        """
        self.hear_monitor()
        try:
            descriptor = int(frame.get(zmq.SRCFD))
        except zmq.ZMQError:
            descriptor = -1
        self.peer_of[descriptor] = peer
        self.descriptor_of[peer] = descriptor

    def hear_monitor(self) -> None:
        """Notes in `gone` whose connections have ended."""
        while True:
            try:
                event = parse_monitor_message(self.monitor.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                return
            peer = self.peer_of.pop(event["value"], None)
            if peer is not None and event["event"] == zmq.EVENT_DISCONNECTED:
                self._depart(peer)

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
        self._sent[peer] += len(frame)
        return True

    def give_up(self, peer: bytes) -> None:
        """Ends the connection of a peer that is gone or does not read."""
        self.cut(peer)
        self._depart(peer)

    def give_up_mute(self) -> None:
        """Ends the connections of peers that leave too many bytes unread: call it a few times a second.

        A high-water mark counts frames, and says nothing about their size.
        """
        for peer, sent in list(self._sent.items()):
            if sent - self._looked_at.get(peer, 0) > BACKLOG_CHECK_BYTES:
                acked = self._tcp_number(peer, BYTES_ACKED)
                if acked is not None and sent - acked > BACKLOG_MAX_BYTES:
                    self.give_up(peer)
                else:
                    self._looked_at[peer] = sent if acked is None else min(sent, acked)

    def cut(self, peer: bytes) -> None:
        """Ends a peer's TCP connection: a ROUTER cannot."""
        with self._connection(peer) as connection:
            if connection is not None:
                connection.shutdown(socket.SHUT_RDWR)

    def round_trip_s(self, peer: bytes) -> float:
        """The least that a packet of the peer's connection took there and back, as the kernel knows it."""
        return (self._tcp_number(peer, MIN_RTT) or 0) / 1e6

    def _tcp_number(self, peer: bytes, field: struct.Struct) -> int | None:
        with self._connection(peer) as connection:
            if connection is not None and connection.family != socket.AF_UNIX:
                told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
                return int(field.unpack_from(told)[0]) if len(told) >= field.size else None
        return None

    @contextlib.contextmanager
    def _connection(self, peer: bytes) -> Iterator[socket.socket | None]:
        """A peer's connection, by a descriptor of our own; None if it has none."""
        self.hear_monitor()  # whose end was heard has no descriptor here: it may be another's by now
        descriptor = self.descriptor_of.get(peer, -1)
        try:
            connection = socket.socket(fileno=os.dup(descriptor)) if descriptor >= 0 else None
        except OSError:
            connection = None
        if connection is None:
            yield None
            return
        with connection, contextlib.suppress(OSError):
            yield connection

    def _depart(self, peer: bytes) -> None:
        self.peer_of.pop(self.descriptor_of.pop(peer, -1), None)
        self._sent.pop(peer, None)
        self._looked_at.pop(peer, None)
        self.departed[peer] = time.monotonic()
        self.gone.append(peer)

    def forget_departed(self, before_s: float) -> None:
        """Forgets the peers that have been gone since before then."""
        while self.departed and next(iter(self.departed.values())) < before_s:
            del self.departed[next(iter(self.departed))]

    def close(self) -> None:
        """Closes socket and monitor; what was sent has a moment to leave."""
        self.socket.disable_monitor()
        self.monitor.close(0)
        self.socket.close()
