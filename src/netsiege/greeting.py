"""What the other side says before any hands are shaken: ZMTP's greeting, over a bare socket."""

from __future__ import annotations

import contextlib
import socket
from typing import Final
from urllib.parse import urlsplit

PATIENCE_S: Final = 0.5
_SIGNATURE: Final = b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
_VERSION: Final = b"\x03\x01"
_MECHANISM: Final = slice(12, 32)
_GREETING: Final = 64


def mechanism_at(address: str, patience_s: float = PATIENCE_S) -> str | None:
    """The mechanism of security that a ZeroMQ socket asks for, such as "CURVE"; None if none answers.

    A ZeroMQ socket that sees another mechanism than its own closes the connection, and what it was about to
    send with it. So this says everything but the mechanism, and the whole greeting comes. Waits at most
    `patience_s` for each of the connection and the greeting. (Source: ZMTP 3.1, RFC 37.)
    """
    parts = urlsplit(address)
    greeting = b""
    where = parts.hostname or "", parts.port or 0
    with contextlib.suppress(OSError), socket.create_connection(where, patience_s) as peer:
        peer.sendall(_SIGNATURE + _VERSION)
        while len(greeting) < _GREETING and (piece := peer.recv(_GREETING - len(greeting))):
            greeting += piece
    if len(greeting) < _GREETING or greeting[0] != 0xFF or not greeting[9] & 1:
        return None
    return greeting[_MECHANISM].rstrip(b"\0").decode("ascii", "replace")
