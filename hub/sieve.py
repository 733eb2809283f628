"""What a listening socket does not even hear: the kernel drops attempts to connect from some addresses.

A connection that is turned away after it was taken has cost a hub nearly as much as one that is served, and
whoever made it may be back at once. Linux runs a small program on each packet of a socket
(https://docs.kernel.org/networking/filter.html), which takes no privilege and well below a microsecond; whose
first packet is dropped repeats it a second later, then ever more seldom. Elsewhere nothing is dropped.
"""

from __future__ import annotations

import ctypes
import ipaddress
import logging
import os
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from typing import Final

log = logging.getLogger(__name__)

ADDRESSES_MAX: Final = 300
"""So many at once: older systems have 20 KB for what is attached to a socket."""

_INSTRUCTION: Final = struct.Struct("=HBBI")
_PROGRAM: Final = struct.Struct("@HP")
_ATTACH, _DETACH = 26, 27
"""Linux's `SO_ATTACH_FILTER` and `SO_DETACH_FILTER`, which Python's `socket` does not name."""
_LOAD_BYTE, _LOAD_WORD, _STORE, _RECALL, _RETURN = 0x30, 0x20, 0x02, 0x60, 0x06
_GO, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x05, 0x15, 0x35, 0x45
_NETWORK: Final = 0x1_0000_0000 - 0x10_0000
"""Where the header of the network layer begins, as the kernel has it; that of TCP begins at 0."""
_FLAGS_AT, _ACK = 13, 0x10
_VERSION_6: Final = 0x60
_SOURCE_4_AT, _SOURCE_6_AT = 12, 8


class Sieve:
    """What a listening socket lets through, at first everything. Closed before its owner closes its own."""

    def __init__(self, descriptor: int) -> None:
        self._listener = socket.socket(fileno=os.dup(descriptor))
        inet = self._listener.family in (socket.AF_INET, socket.AF_INET6)
        self._works = inet and sys.platform == "linux"
        self._dropped: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """The TCP port; 0 for a socket without one."""
        name = self._listener.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def drop(self, addresses: Iterable[str]) -> None:
        """From now on, drops attempts to connect from these addresses, IPv6 ones by their /64, and no others.

        Connections that there are go on: only what begins one is dropped. Of too many, the last count.
        """
        wanted = tuple(addresses)[-ADDRESSES_MAX:]
        if wanted == self._dropped or not self._works:
            return
        try:
            if self._dropped:  # both would not find room
                self._listener.setsockopt(socket.SOL_SOCKET, _DETACH, 0)
            if wanted:
                code = program(wanted)
                held = ctypes.create_string_buffer(code, len(code))
                given = _PROGRAM.pack(len(code) // _INSTRUCTION.size, ctypes.addressof(held))
                self._listener.setsockopt(socket.SOL_SOCKET, _ATTACH, given)
        except OSError as error:
            log.warning("storms_are_not_dropped: %s", error)
            self._works = False
        self._dropped = wanted

    def close(self) -> None:
        """Lets go of the socket; the filter ends with it."""
        self._listener.close()


def program(addresses: Sequence[str]) -> bytes:
    """The instructions that drop what begins a connection from one of these addresses or networks."""
    networks = [ipaddress.ip_network(address) for address in addresses]
    of_4 = [int(network.network_address) for network in networks if network.version == 4]
    of_6 = [int(network.network_address) >> 64 for network in networks if network.version == 6]
    drop, keep = _do(_RETURN, 0), _do(_RETURN, 0xFFFF_FFFF)
    made_4 = [_do(_LOAD_WORD, _NETWORK + _SOURCE_4_AT)]
    for word in of_4:
        made_4 += [_do(_IF_EQUAL, word, no=1), drop]
    made_6 = []
    for cell, at in enumerate((_SOURCE_6_AT, _SOURCE_6_AT + 4)):
        made_6 += [_do(_LOAD_WORD, _NETWORK + at), _do(_STORE, cell)]
    for words in of_6:
        high, low = divmod(words, 1 << 32)
        made_6 += [_do(_RECALL, 0), _do(_IF_EQUAL, high, no=3)]
        made_6 += [_do(_RECALL, 1), _do(_IF_EQUAL, low, no=1), drop]
    begins = [_do(_LOAD_BYTE, _FLAGS_AT), _do(_IF_ANY_BIT, _ACK, no=1), keep]
    # a socket of IPv6 may be asked over IPv4 as well
    version = [_do(_LOAD_BYTE, _NETWORK), _do(_IF_AT_LEAST, _VERSION_6, no=1), _do(_GO, len(made_4) + 1)]
    return b"".join([*begins, *version, *made_4, keep, *made_6, keep])


def _do(what: int, value: int, *, no: int = 0) -> bytes:
    """One instruction; `no`: how many to skip if its condition does not hold."""
    return _INSTRUCTION.pack(what, 0, no, value)
