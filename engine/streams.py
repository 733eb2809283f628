"""Named random streams: each purpose and each seat draws from its own, all derived from one seed.

A name gives the same stream on every machine and Python version, and drawing more from one stream shifts
no other. A stream is its name and the number of draws so far: making one costs nothing, and so does keeping
one in a snapshot.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Final

_BITS: Final = 64
_SCALE: Final = 2.0**-53
_SHA256: Final = hashlib.sha256
_FIRST: Final = struct.Struct(">Q").unpack_from


Named = tuple[int, str]
"""A seed still to be derived: the arguments of `derive`."""


def derive(seed: int, name: str) -> int:
    """A 64-bit number: the first 8 bytes, big-endian, of the SHA-256 of `{seed}/{name}`."""
    return _FIRST(_SHA256(f"{seed}/{name}".encode()).digest())[0]  # type: ignore[no-any-return]  # struct says Any


class Stream:
    """Draw number n is derived from the seed and `{name}/{n}`, n counting from 1."""

    __slots__ = ("_name", "_seed", "draws")

    def __init__(self, seed: int, name: str, draws: int = 0) -> None:
        self._seed = seed
        self._name = name
        self.draws = draws
        """How many have been made."""

    def _next(self) -> int:
        self.draws += 1
        return _FIRST(_SHA256(f"{self._seed}/{self._name}/{self.draws}".encode()).digest())[0]  # type: ignore[no-any-return]  # struct says Any

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return (self._next() >> 11) * _SCALE

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1, each equally likely up to one part in 2**64 / `limit`."""
        return self._next() * limit >> _BITS
