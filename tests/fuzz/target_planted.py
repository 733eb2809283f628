"""A target that breaks, for engines to prove themselves on: one that finds nothing here finds nothing.

It is not in the catalogue. It does what targets do: decode, and raise on what should not be possible.
"""

from __future__ import annotations

from typing import Final

from netsiege.errors import ProtocolError
from netsiege.protocol import Reset

MAX_BYTES: Final = 32


def one_input(data: bytes) -> None:
    """Breaks on a RESET to other addresses by a seed."""
    try:
        told = Reset.decode(data)
    except ProtocolError:
        return
    assert told.seed is None or not told.randomize_topology, "planted"


def seeds() -> list[bytes]:
    """Another RESET."""
    return [Reset().encode()]
