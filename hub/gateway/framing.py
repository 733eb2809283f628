"""Where one JSON object ends and the next begins, in a stream of bytes without delimiters. Pure.

NetSecGame's agents write one JSON object after the other and nothing between them; how the network cuts and
merges what they write has no say here. Whitespace between objects is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

MAX_BYTES: Final = 1 << 20
"""Of one object: a log of 10,000 entries that is exfiltrated has less."""
ENDLESS_BYTES: Final = 64 * MAX_BYTES
"""Who writes so much of one object will not come to an end."""

_BRACE: Final = ord("{")
_BACKSLASH: Final = ord("\\")
_QUOTE: Final = ord('"')
_OUTSIDE: Final = re.compile(rb"[{}\"]")
_INSIDE: Final = re.compile(rb"[\"\\]")
_BEGINS: Final = re.compile(rb"\S")


class Trouble(Enum):
    """What cannot be read as an object; it was skipped."""

    NO_OBJECT = "it does not begin with {"
    TOO_LARGE = f"it has more than {MAX_BYTES:,} bytes"
    ENDLESS = f"it has more than {ENDLESS_BYTES:,} bytes"
    UNFINISHED = "it does not end"


class Splitter:
    """Cuts a stream into objects. Holds at most one that is not whole, and looks at each byte once."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._depth = 0
        self._looked = 0
        """How much of what is held was looked at, …"""
        self._in_text = False
        """… and whether it ended within a string."""
        self._skipping = False
        """Of an object that is too large nothing is held."""
        self._skipped = 0
        self._astray = False
        """What does not begin an object was told of already."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is held: what comes next begins something."""
        return not (self._held or self._depth or self._astray)

    @property
    def held_bytes(self) -> int:
        """How much is held of an object that is not whole."""
        return len(self._held)

    @property
    def is_waiting(self) -> bool:
        """Whether an object has begun that has not ended."""
        return self._depth > 0

    def feed(self, data: bytes) -> Iterator[bytes | Trouble]:
        """The objects that end in these bytes, and what is wrong with what is none."""
        self._held += data
        while self._held:
            if not self._depth:
                start = _BEGINS.search(self._held)
                if start is None:
                    self._drop(len(self._held))
                    return
                if self._held[start.start()] != _BRACE:
                    brace = self._held.find(_BRACE, start.start())
                    self._drop(brace if brace >= 0 else len(self._held))
                    if not self._astray:
                        self._astray = True
                        yield Trouble.NO_OBJECT
                    continue
                self._drop(start.start())
                self._astray = False
            end = self._end_of_object()
            if end is None:
                if len(self._held) > MAX_BYTES and not self._skipping:
                    self._skipping = True
                    yield Trouble.TOO_LARGE
                if self._skipping:
                    self._skipped += self._looked
                    self._drop(self._looked)
                    if self._skipped > ENDLESS_BYTES:
                        yield Trouble.ENDLESS
                return
            whole = bytes(self._held[:end])
            self._drop(end)
            if not self._skipping:
                yield whole if len(whole) <= MAX_BYTES else Trouble.TOO_LARGE
            self._skipping, self._skipped = False, 0

    def give_up(self) -> Trouble | None:
        """Forgets what has begun and not ended; says so if there was anything."""
        was_waiting, told = self._depth > 0, self._skipping
        self.__init__()  # type: ignore[misc]  # as new
        return Trouble.UNFINISHED if was_waiting and not told else None

    def found(self) -> None:
        """What does not begin an object was answered: more of it is something new."""
        self._astray = False

    def _drop(self, count: int) -> None:
        del self._held[:count]
        self._looked = 0

    def _end_of_object(self) -> int | None:
        """Behind the brace that closes the object; None if it is not there yet."""
        held, at, depth, in_text = self._held, self._looked, self._depth, self._in_text
        size = len(held)
        while True:
            found = (_INSIDE if in_text else _OUTSIDE).search(held, at)
            if found is None:
                at = size
                break
            at = found.end()
            mark = held[at - 1]
            if mark == _BACKSLASH:
                if at == size:  # what it escapes is not there yet
                    at -= 1
                    break
                at += 1
            elif mark == _QUOTE:
                in_text = not in_text
            elif mark == _BRACE:
                depth += 1
            else:
                depth -= 1
                if not depth:
                    self._depth, self._in_text = 0, False
                    return at
        self._looked, self._depth, self._in_text = at, depth, in_text
        return None
