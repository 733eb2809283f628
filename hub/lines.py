"""The connections of a ROUTER, which libzmq keeps to itself: where they come from, what they send, their end.

The socket's monitor names a descriptor when a connection is taken and when it ends; the first frame that is
read from a peer names the descriptor that it came in on. Between the two lies what a poller never sees: peers
that shake no hands, say nothing, or send a message that never ends. The kernel counts the bytes of each
connection (Linux: `TCP_INFO`), so that these show, and any of them can be cut.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from attrs import define, frozen

from netsiege.hub.closings import Closings
from netsiege.hub.limits import Limits
from netsiege.hub.sieve import Sieve
from netsiege.hub.storms import Storms

LOOKS: Final = 128
"""Connections that one `look` looks at at least, about 5 µs each."""
ROUND_LOOKS: Final = 20
"""So many looks at most until all have been looked at: a second's."""
STUCK_FRAMES: Final = 1.5
"""The beginning of a message that is larger than so many of the largest frames will never be one."""
IDLE_BYTES_PER_S: Final = 4_096
"""What a connection may send without saying anything: heartbeats."""

TCP_INFO_BYTES: Final = 256
BYTES: Final = struct.Struct("120xQQ")
MIN_RTT: Final = struct.Struct("148xI")
"""In Linux's `struct tcp_info`: `tcpi_bytes_acked` and `tcpi_bytes_received`; `tcpi_min_rtt` in µs."""


@define(eq=False)
class Line:
    """One connection. `peer` and `user` are known from its first message on.

    `heard` counts the bytes of messages that were read, what they take on the wire included, and `sent` those
    that were sent. From what these and the kernel's own counts were at the last look come `unread`, which
    makes no message that was read, and `unsent`, which the peer has not taken. `stuck` is `unread` as long as
    no message comes at all: then it is the beginning of one. `proven_s` is when the connection was last seen
    to have a session, or when it was taken, if it never had one.
    """

    descriptor: int
    address: str
    origin: object
    proven_s: float
    peer: bytes = b""
    user: str = ""
    heard: int = 0
    sent: int = 0
    looked_s: float = 0.0
    looked_heard: int = 0
    looked_sent: int = 0
    looked_received: int = 0
    looked_acked: int = 0
    unread: int = 0
    stuck: int = 0
    unsent: int = 0


@frozen
class Bounds:
    """The limits that hold at one port, those of a frame and of what is unread among them.

    `counts`: whether those of an address hold for this one. `note` is told who is cut, and for which limit.
    """

    limits: Limits
    frame_bytes: int
    unread_bytes: int
    counts: Callable[[str], bool]
    note: Callable[[str, Line], None]


@frozen
class _Together:
    """What all connections have of something, and what the one with the most has of it."""

    all: int = 0
    most: int = 0

    @classmethod
    def of(cls, each: Iterable[int]) -> _Together:
        """Of these numbers."""
        found = list(each)
        return cls(sum(found), max(found, default=0))

    def leads(self, own: int, most: float) -> bool:
        """Whether all have more than they may together, and nobody more than this one."""
        return self.all > most and own >= self.most


class Lines:
    """All connections of a port."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._by_descriptor: dict[int, Line] = {}
        self._of_address: Counter[str] = Counter()
        self._storms = Storms(bounds.limits)
        self._sieve: Sieve | None = None
        self._closings: Closings | None = None
        self._round: list[Line] = []
        self._unread = _Together()
        self._stuck = _Together()
        self._unsent = _Together()

    def __len__(self) -> int:
        return len(self._by_descriptor)

    # --- comings and goings -------------------------------------------------------------------------------

    def listening(self, descriptor: int) -> None:
        """The port listens with this descriptor."""
        self._sieve = Sieve(descriptor)
        self._closings = Closings(self._sieve.port)

    def close(self) -> None:
        """The port is about to listen no more."""
        if self._sieve is not None and self._closings is not None:
            self._sieve.close()
            self._closings.close()

    def accepted(self, descriptor: int, now_s: float) -> None:
        """A connection was taken: it is cut at once if there are too many. The last one has `ended`."""
        with _open(descriptor) as connection:
            origin = _origin(connection)
        line = Line(descriptor, address_of(origin), origin, now_s, looked_s=now_s)
        self._by_descriptor[descriptor] = line
        self._of_address[line.address] += 1
        if origin is None:
            self._storms.was_nobody()
        reason = self._too_many(line, now_s)
        if reason:
            self.turn_away(line, reason)

    def _too_many(self, line: Line, now_s: float) -> str:
        limits = self._bounds.limits
        if len(self._by_descriptor) > limits.connections:
            return "connections"
        if not self._bounds.counts(line.address):
            return ""
        if self._of_address[line.address] > limits.connections_per_address:
            return "connections_per_address"
        return "" if self._storms.may_connect(line.address, now_s) else "connections_per_s"

    def ended(self, descriptor: int, now_s: float) -> Line | None:
        """A connection has ended: it is forgotten. Returns it if it was known."""
        line = self._by_descriptor.pop(descriptor, None)
        if line is not None:
            self._of_address[line.address] -= 1
            if not self._of_address[line.address]:
                del self._of_address[line.address]
            if not line.peer and self._bounds.counts(line.address):
                self._storms.was_stranger(line.address, now_s)
            line.descriptor = -1
        return line

    def of(self, descriptor: int) -> Line | None:
        """The connection that has a descriptor."""
        return self._by_descriptor.get(descriptor)

    # --- looking ------------------------------------------------------------------------------------------

    def look(self, now_s: float, proven: Callable[[bytes], bool]) -> None:
        """Looks at the next of the connections: who takes too much, or has no session for too long, is cut.

        Call it 20 times a second. `proven` says whether a peer has a session.
        """
        self.leave_outside(now_s)
        if not self._round:
            self._round = list(self._by_descriptor.values())
            self._end_round()
        looks = max(LOOKS, len(self._by_descriptor) // ROUND_LOOKS)
        for _ in range(min(looks, len(self._round))):
            line = self._round.pop()
            reason = self._reason(line, now_s, proven) if line.descriptor >= 0 else ""
            if reason:
                self.turn_away(line, reason)

    def leave_outside(self, now_s: float) -> None:
        """Who connects faster than it may, again and again, is not heard any more for a while.

        For whoever hears of connections without an end; `look` does it, too.
        """
        if self._sieve is None or self._closings is None:
            return
        addresses = (address_of((host, 0)) for host in self._closings.hosts())
        self._storms.have_hung_up(each for each in addresses if self._bounds.counts(each))
        (self._closings.open if self._storms.is_nameless() else self._closings.close)()
        for address in self._storms.begun(now_s):
            self._bounds.note("storm", Line(-1, address, None, now_s))
        self._sieve.drop(self._storms.outside(now_s))

    def _end_round(self) -> None:
        """Once all have been looked at: if there is too much together, the largest goes next."""
        self._unread = _Together.of(line.unread for line in self._by_descriptor.values())
        self._stuck = _Together.of(line.stuck for line in self._by_descriptor.values())
        self._unsent = _Together.of(line.unsent for line in self._by_descriptor.values())

    def _reason(self, line: Line, now_s: float, proven: Callable[[bytes], bool]) -> str:
        limits = self._bounds.limits
        if line.peer and proven(line.peer):
            line.proven_s = now_s
        elif now_s - line.proven_s > limits.hello_s:
            return "hello_s"
        with _open(line.descriptor) as connection:
            told = _tcp_info(connection)
        if len(told) < BYTES.size + 8:
            return ""
        acked, received = BYTES.unpack_from(told)
        _take_in(line, acked, received, now_s)
        return self._too_much(line)

    def _too_much(self, line: Line) -> str:
        """The limit that a connection is over, if any: one of its own, or one of all with it in the lead."""
        limits, unread_bytes = self._bounds.limits, self._bounds.unread_bytes
        stuck_bytes = STUCK_FRAMES * self._bounds.frame_bytes
        over = {
            "unread_bytes": line.unread > unread_bytes or line.stuck > stuck_bytes,
            "unsent_bytes": line.unsent > limits.unsent_bytes,
            "all_unread_bytes": self._unread.leads(line.unread, max(limits.all_unread_bytes, unread_bytes)),
            "stuck_bytes": self._stuck.leads(line.stuck, max(limits.stuck_bytes, stuck_bytes)),
            "all_unsent_bytes": self._unsent.leads(line.unsent, limits.all_unsent_bytes),
        }
        return next((limit for limit, is_over in over.items() if is_over), "")

    # --- one of them --------------------------------------------------------------------------------------

    def turn_away(self, line: Line, reason: str) -> None:
        """Cuts a connection for a limit that it does not keep."""
        self._bounds.note(reason, line)
        self.cut(line)

    def cut(self, line: Line) -> None:
        """Ends a TCP connection: a ROUTER cannot. The monitor tells of the end in a moment."""
        with _open(line.descriptor) as connection:
            # the descriptor may have been closed, and given to another, since the monitor was heard
            if connection is not None and _origin(connection) in (line.origin, None):
                connection.shutdown(socket.SHUT_RDWR)

    def round_trip_s(self, line: Line) -> float:
        """The least that a packet took there and back, as the kernel knows it; 0 if it does not."""
        with _open(line.descriptor) as connection:
            told = _tcp_info(connection)
        return MIN_RTT.unpack_from(told)[0] / 1e6 if len(told) >= MIN_RTT.size else 0.0


def _take_in(line: Line, acked: int, received: int, now_s: float) -> None:
    """What the kernel has counted by now. Nothing falls below 0, so that no credit is saved up for later."""
    heard = line.heard - line.looked_heard + int(IDLE_BYTES_PER_S * (now_s - line.looked_s))
    line.unread = max(0, line.unread + received - line.looked_received - heard)
    line.stuck = line.unread if line.heard == line.looked_heard else 0
    line.unsent = max(0, line.unsent + line.sent - line.looked_sent - (acked - line.looked_acked))
    line.looked_s, line.looked_heard, line.looked_sent = now_s, line.heard, line.sent
    line.looked_received, line.looked_acked = received, acked


def address_of(origin: object) -> str:
    """The address that a limit goes by: an IPv4 address, or an IPv6 address's /64; empty for no TCP."""
    if not isinstance(origin, tuple):
        return ""
    try:
        address = ipaddress.ip_address(str(origin[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        if not address.is_loopback:
            return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


@contextlib.contextmanager
def _open(descriptor: int) -> Iterator[socket.socket | None]:
    """A connection by a descriptor of our own, since libzmq may close its own at any time; None if it has."""
    try:
        copy = os.dup(descriptor) if descriptor >= 0 else -1
    except OSError:
        copy = -1
    try:
        connection = socket.socket(fileno=copy) if copy >= 0 else None
    except OSError:  # it is another file by now
        os.close(copy)
        connection = None
    if connection is None:
        yield None
        return
    with connection, contextlib.suppress(OSError):
        yield connection


def _origin(connection: socket.socket | None) -> object:
    """Where a connection comes from: host and port, or anything but a tuple for what is no TCP."""
    try:
        return connection.getpeername() if connection is not None else None
    except OSError:
        return None


def _tcp_info(connection: socket.socket | None) -> bytes:
    if connection is None or connection.family == socket.AF_UNIX:
        return b""
    try:
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
    except OSError:
        return b""
