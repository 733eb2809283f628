"""How a body declares its fields: a base class, and a reader for each kind of value.

A reader returns the value it accepts and raises ValueError for any other.
"""

from __future__ import annotations

import enum
import math
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, Self

import attrs
from attrs import frozen

from netsiege.errors import ProtocolError
from netsiege.protocol.frames import MAX_NAME_CHARS, MAX_SEATS, Code, pack, unpack

Reader = Callable[[Any], Any]

MARKS_IN_A_ROW: Final = 4
"""No word needs more combining marks on one letter (Unicode's UTS 39, 5.4, draws the line there too)."""
BLANKS: Final = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U0001d159\U000e0100-\U000e01ef]"
)
"""Letters, marks and symbols by their category that show nothing: fillers, joiners, variation selectors."""
_ACTING: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff"
    r"\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f]"
)
"""Controls, line separators, surrogates, and what is invisible or turns the direction of text: the same in
every version of Unicode that a Python of ours has."""


def declared(read: Reader, **more: Any) -> Any:
    """A field of a message, with the reader that checks it."""
    return attrs.field(metadata={"read": read}, **more)


def quoted(value: Any, limit: int = 40) -> str:
    """`value` for a message to people: text and bytes by how they begin, what may be nested by its size only.

    Whatever msgpack can carry is quoted, and a large value as fast as a small one.
    """
    if value is None or isinstance(value, bool | int | float):
        return f"{value!r:.{limit}}"
    if isinstance(value, str | bytes):
        return f"{value[:limit]!r:.{limit}}"
    size = f" of {len(value)}" if isinstance(value, list | tuple) else ""
    return f"a {type(value).__name__}{size}"


def a_text(limit: int) -> Reader:
    """Text of at most `limit` characters."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or len(value) > limit:
            raise ValueError(f"expected text of at most {limit} characters, got {quoted(value)}")
        return value

    return read


def clean_name(value: Any) -> str:
    """`value` if it can be shown as a name: 1 to 64 printable characters. Raises ValueError otherwise.

    Nothing in it is invisible, blank (but for spaces between words), or acts on what is around it: control,
    format, private and unassigned characters, marks with nothing before them to stand on, and more than
    `MARKS_IN_A_ROW` of them are refused. What is a mark, and what is assigned, Python's Unicode tables say,
    which grow from release to release: `told_name` is for names that somebody else has checked.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARS:
        raise ValueError(f"a name has 1 to {MAX_NAME_CHARS} characters, not {quoted(value, 80)}")
    if value != value.strip() or not value.isprintable() or BLANKS.search(value):
        raise ValueError(f"a name has printable characters only, not {quoted(value, 80)}")
    if value.isascii():
        return value
    marks = MARKS_IN_A_ROW  # one that comes first would stand on what is shown before the name
    for c in value:
        if unicodedata.category(c)[0] == "M":
            marks += 1
        else:
            marks = MARKS_IN_A_ROW if c == " " else 0
        if marks > MARKS_IN_A_ROW:
            said = f"at most {MARKS_IN_A_ROW} marks in a row, with a letter before them"
            raise ValueError(f"a name has {said}, not {quoted(value, 80)}")
    return value


def told_name(value: Any) -> str:
    """`value` if it may be a name that another process has taken for clean. Raises ValueError otherwise.

    Whatever `clean_name` accepts under any Python passes: a name that one process has let in must not break
    the next one. What acts on a terminal does not.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NAME_CHARS or _ACTING.search(value):
        raise ValueError(f"{quoted(value, 80)} is no name")
    return value


def a_whole(low: int, high: int) -> Reader:
    """A whole number from `low` to `high`."""

    def read(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"expected a whole number from {low} to {high}, got {quoted(value)}")
        return value

    return read


def a_number(value: Any) -> float:
    """A whole number or a float, but none of the floats that are no numbers."""
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {quoted(value)}")
    return value  # type: ignore[no-any-return]  # just checked


def a_truth(value: Any) -> bool:
    """A boolean."""
    if type(value) is not bool:
        raise ValueError(f"expected true or false, got {quoted(value)}")
    return value


def an_opaque(value: Any) -> bytes:
    """Bytes that are somebody else's business."""
    if type(value) is not bytes:
        raise ValueError(f"expected bytes, got {quoted(value)}")
    return value


def one_of(words: type[enum.StrEnum]) -> Reader:
    """A word of an enumeration."""

    def read(value: Any) -> str:
        # an enumeration that is asked for anything but text quotes it in its own way
        if not isinstance(value, str) or value not in words.__members__.values():
            raise ValueError(f"{quoted(value)} is not one of {', '.join(words)}")
        return words(value)

    return read


def maybe(read: Reader) -> Reader:
    """None, or what `read` accepts."""
    return lambda value: None if value is None else read(value)


def or_empty(read: Reader) -> Reader:
    """Empty text, or what `read` accepts."""
    return lambda value: "" if value == "" else read(value)


def many(read: Reader, limit: int = MAX_SEATS) -> Reader:
    """A list of at most `limit`, each as `read` accepts; becomes a tuple."""

    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > limit:
            raise ValueError(f"expected a list of at most {limit}, got {quoted(value)}")
        return tuple(read(v) for v in value)

    return read_all


@frozen
class Message:
    """Base of the bodies: a list of the declared fields, in order, each of the declared type."""

    def encode(self) -> bytes:
        """The body as msgpack."""
        return pack(_plain(self))

    @classmethod
    def decode(cls, body: bytes | memoryview) -> Self:
        """The inverse of `encode`. Raises `ProtocolError(MALFORMED)` for any other shape."""
        try:
            return cls.read(unpack(body))
        except ValueError as error:
            raise ProtocolError(Code.MALFORMED, str(error)) from None

    @classmethod
    def read(cls, values: Any) -> Self:
        """From the unpacked list; ValueError for any other shape."""
        readers = _readers(cls)
        if not isinstance(values, list) or len(values) != len(readers):
            raise ValueError(f"{cls.__name__} is a list of {len(readers)}: {', '.join(readers)}")
        read = []
        for (name, reader), value in zip(readers.items(), values, strict=True):
            try:
                read.append(reader(value))
            except ValueError as error:
                raise ValueError(f"{cls.__name__}.{name}: {error}") from None
        return cls(*read)


_READERS: Final[dict[type[Message], dict[str, Reader]]] = {}


def _readers(cls: type[Message]) -> dict[str, Reader]:
    """The fields of a message, in order, and what reads each."""
    readers = _READERS.get(cls)
    if readers is None:
        readers = _READERS[cls] = {field.name: field.metadata["read"] for field in attrs.fields(cls)}
    return readers


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return [_plain(getattr(value, name)) for name in _readers(type(value))]
    if not isinstance(value, tuple | list) or set(map(type, value)) <= {bytes}:  # a match has many events
        return value
    return [_plain(v) for v in value]
