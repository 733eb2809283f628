"""msgpack out of files that strangers hand over, read with bounds on what it becomes in memory.

`unpack` is for frames, which are small. In a file a byte may stand for a list of its own, and a few megabytes
for more than a machine has: here values are counted, before any room is made for them.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, NoReturn

import msgpack

from netsiege.errors import ProtocolError
from netsiege.protocol.frames import Code, unpack

MAX_DEPTH: Final = 8
"""Lists in lists: our own files have 4."""
LIST_COST: Final = 2
"""A list counts as so many values: it takes about as much memory, even an empty one."""

_LISTS: Final = frozenset((*range(0x90, 0xA0), 0xDC, 0xDD))
"""The first bytes of lists in msgpack."""
_PIECE_BYTES: Final = 1 << 18


def unpack_bounded(body: bytes | memoryview, most: int) -> Any:
    """The inverse of `pack`, as strict as `unpack`, of at most `most` values; see `LIST_COST`.

    A value takes up to 60 bytes of memory beside its content, which is no more than `body` is long. Raises
    `ProtocolError(MALFORMED)` for more of them, for lists nested deeper than `MAX_DEPTH`, and for anything
    that `unpack` refuses.
    """
    if len(body) * LIST_COST < most:  # few enough even if each byte stands for a list of its own
        with contextlib.suppress(ProtocolError):  # the reader knows better what is wrong
            return _shallow(unpack(body))
    reader = _Reader(memoryview(body), most)
    try:
        value = reader.value(0)
    except ProtocolError:
        raise
    except (ValueError, msgpack.UnpackException) as error:
        _refuse_for(f"it is not msgpack: {str(error) or type(error).__name__}")
    if reader.at != len(body):
        _refuse_for("something follows its last value")
    return value


class _Reader:
    """Walks over the lists itself, and lets msgpack read what stands in them."""

    def __init__(self, view: memoryview, most: int) -> None:
        self._view = view
        self._left = most
        self._given = 0
        self._unpacker = msgpack.Unpacker(
            self,
            read_size=_PIECE_BYTES,
            max_buffer_size=len(view) + 2 * _PIECE_BYTES,
            raw=False,
            ext_hook=_refuse,
            object_pairs_hook=_refuse,
            max_str_len=len(view),
            max_bin_len=len(view),
            max_array_len=0,
            max_map_len=0,
            max_ext_len=0,
        )

    @property
    def at(self) -> int:
        """How far it has been read."""
        return self._unpacker.tell()  # type: ignore[no-any-return]  # msgpack ships no types

    def read(self, size: int) -> bytes:
        """The next piece, for the unpacker."""
        piece = bytes(self._view[self._given : self._given + size])
        self._given += len(piece)
        return piece

    def value(self, depth: int) -> Any:
        """The next value."""
        if self.at >= len(self._view):
            _refuse_for("it is cut off")
        if self._view[self.at] not in _LISTS:
            return self._unpacker.unpack()
        count = self._unpacker.read_array_header()
        self._left -= count + LIST_COST
        if self._left < 0 or depth >= MAX_DEPTH:
            _refuse_for("it has too many values" if self._left < 0 else "it is nested too deeply")
        return self._values(count, depth + 1)

    def _values(self, count: int, depth: int) -> list[Any]:
        view, unpack, tell = self._view, self._unpacker.unpack, self._unpacker.tell
        values: list[Any] = []
        for _ in range(count):
            at = tell()
            if at < len(view) and view[at] not in _LISTS:
                values.append(unpack())
            else:
                values.append(self.value(depth))
        return values


def _shallow(value: Any, depth: int = 0) -> Any:
    """The value, if no lists in it are nested too deeply."""
    if type(value) is list:
        if depth >= MAX_DEPTH:
            _refuse_for("it is nested too deeply")
        if list in map(type, value):
            for each in value:
                _shallow(each, depth + 1)
    return value


def _refuse(*_unused: object) -> NoReturn:
    _refuse_for("maps and extension types have no place in it")


def _refuse_for(text: str) -> NoReturn:
    raise ProtocolError(Code.MALFORMED, text)
