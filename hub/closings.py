"""Where connections came from that were over before anybody could look: the kernel's own notices.

A peer that resets its connection at once leaves a descriptor that is closed, or has no address any more, by
the time that a monitor's event about it is read. Linux tells everybody who asks about each TCP connection
that ends (https://man7.org/linux/man-pages/man7/sock_diag.7.html); that is asked for only during a storm of
such connections. Elsewhere, and where a container does not allow it, nothing is heard.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from typing import Final

_SOCK_DIAG: Final = 4
"""`NETLINK_SOCK_DIAG`."""
_GROUPS: Final = 1 << 0 | 1 << 2
"""Connections of IPv4 and of IPv6 that end: `SKNLGRP_INET_TCP_DESTROY`, `SKNLGRP_INET6_TCP_DESTROY`."""
_HEAD: Final = struct.Struct("=16xBxxx2s2s16x16s")
"""A netlink header, then of `struct inet_diag_msg` the family, both ports and the other side's address."""
_NOTICES_MAX: Final = 2_000
"""At most so many are read at once: a tenth of a second of the fastest storm."""
_MESSAGE_BYTES: Final = 4_096


class Closings:
    """Listens for the ends of connections to one port while it is open. Not open at first."""

    def __init__(self, port: int) -> None:
        self._port = port.to_bytes(2, "big")
        self._notices: socket.socket | None = None

    def open(self) -> None:
        """Listens from now on, if that is possible here."""
        if self._notices is not None or sys.platform != "linux":
            return
        with contextlib.suppress(OSError):
            notices = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _SOCK_DIAG)
            try:
                notices.bind((0, _GROUPS))
            except OSError:
                notices.close()
                raise
            self._notices = notices

    def hosts(self) -> list[str]:
        """Where the connections came from that have ended since the last time; one entry for each."""
        found: list[str] = []
        for _ in range(_NOTICES_MAX if self._notices is not None else 0):
            try:
                told = self._next()
            except BlockingIOError:
                break
            except OSError:  # too many came: some are lost
                continue
            if told:
                found.append(told)
        return found

    def _next(self) -> str:
        assert self._notices is not None
        told = self._notices.recv(_MESSAGE_BYTES)
        if len(told) < _HEAD.size:
            return ""
        family, own_port, _, address = _HEAD.unpack_from(told)
        if own_port != self._port:
            return ""
        if family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, address[:4])
        return socket.inet_ntop(socket.AF_INET6, address) if family == socket.AF_INET6 else ""

    def close(self) -> None:
        """Listens no more."""
        if self._notices is not None:
            self._notices.close()
        self._notices = None
