"""Choices made out of bytes: the same bytes always make the same choices, and any bytes make some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Tape:
    """Reads `data` from its start. At its end every choice is the first one."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether all bytes have been used."""
        return self._at >= len(self._data)

    def byte(self) -> int:
        """From 0 to 255."""
        at = self._at
        if at >= len(self._data):
            return 0
        self._at = at + 1
        return self._data[at]

    def whole(self, count: int) -> int:
        """A number of `count` bytes."""
        return int.from_bytes(self.take(count).ljust(count, b"\0"), "big")

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return self.byte() % limit if limit <= 256 else self.whole(3) % limit

    def pick(self, choices: Sequence[T]) -> T:
        """One of them; there must be one."""
        return choices[self.below(len(choices))]

    def chance(self, one_in: int) -> bool:
        """True once in so many times, never at the end of the tape."""
        return self.byte() % one_in == one_in - 1

    def take(self, count: int) -> bytes:
        """The next `count` bytes, or what is left of them."""
        taken = self._data[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def short(self) -> bytes:
        """A few bytes: up to 255, by their number in front."""
        return self.take(self.byte())

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._data))


def written(*parts: int | bytes) -> bytes:
    """A tape from numbers of one byte and pieces of text as they are: how seeds are written down."""
    return b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)


def short(text: bytes) -> bytes:
    """What `Tape.short` reads as `text`. Raises ValueError if that is over 255 bytes."""
    return bytes([len(text)]) + text
