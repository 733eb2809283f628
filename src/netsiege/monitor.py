"""What a socket's monitor says, as libzmq packs it (zmq_socket_monitor(3)).

pyzmq's reader of it brings asyncio along, which every hub and worker would load to no use.
"""

from __future__ import annotations

import struct
from typing import Final

import zmq

_EVENT: Final = struct.Struct("=Hi")


def next_event(monitor: zmq.Socket[bytes]) -> tuple[int, int] | None:
    """The next event and its value (a descriptor or an error number, mostly); None if there is none now."""
    try:
        told, _endpoint = monitor.recv_multipart(zmq.NOBLOCK)
    except zmq.Again:
        return None
    event, value = _EVENT.unpack(told)
    return event, value
