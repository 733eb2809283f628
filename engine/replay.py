"""Matches in files: what went in, a fingerprint of everything that came out, and how it ended.

A `.siege` file is one codec byte (1: zlib) and a msgpack list of the format's version and the fields of
`Replay`. It holds the spec, the engine's digest, seeds, seats and events, so that anyone can play the match
again. What should come out is said in one of two ways. `links` are eight bytes of a SHA-256 chain over all
outputs so far, after each event: the first place where two runs differ can be named without either. To make
them takes playing the match again, so files that are written by the thousand have the hub's sum over all
outputs, `told`, alone. Files of version 1, which ended with the chain, load too.

A file may come from anyone: whatever is in it, loading takes bounded memory, and gives a replay or an error.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from attrs import frozen

from netsiege.engine.words import say_action
from netsiege.errors import ConfigError, ProtocolError, SiegeError
from netsiege.protocol import (
    EVENT_HEAD,
    MAX_AGENT_FRAME_BYTES,
    MAX_SEED,
    Cause,
    Kind,
    Message,
    Result,
    SeatSpec,
    pack,
)
from netsiege.protocol.bounded import unpack_bounded
from netsiege.protocol.declare import (
    a_text,
    a_whole,
    an_opaque,
    declared,
    many,
    maybe,
    one_of,
    or_empty,
    quoted,
    told_name,
)
from netsiege.protocol.play import read_action
from netsiege.shown import LINE_CHARS, shown

VERSION: Final = 2
ZLIB: Final = b"\x01"
LEVEL: Final = 3
"""A third less time than 6, and files a twentieth larger: cups write them by the thousand."""
MAX_BYTES: Final = 1 << 28
"""What a file may unpack to: a few hundred of the largest events, or as many small ones as there may be."""
MAX_EVENTS: Final = 1 << 22
LINK_BYTES: Final = 8
"""Of the chain kept after each event: two runs that differ agree by chance once in 2**64."""

_MAX_VALUES: Final = 2 * MAX_EVENTS + (1 << 22)
"""Events and links, and results beside them."""
_V1_FIELDS: Final = 8
"""Those up to the links, which stood in one piece; version 1 had no others."""


def _an_event(value: Any) -> bytes:
    event = an_opaque(value)
    if not EVENT_HEAD.size <= len(event) <= EVENT_HEAD.size + MAX_AGENT_FRAME_BYTES:
        raise ValueError("an event is malformed")
    return event


def _a_link(value: Any) -> bytes:
    link = an_opaque(value)
    if len(link) != LINK_BYTES:
        raise ValueError(f"a link of the chain has {LINK_BYTES} bytes, not {len(link)}")
    return link


@frozen
class Told(Message):
    """What a hub took from the match's workers: how many outputs, and their `netsiege.protocol.link`."""

    outputs: int = declared(a_whole(0, MAX_SEED))
    chain: int = declared(a_whole(0, 0xFFFFFFFF))


@frozen
class Replay(Message):
    """A match: how it was made, its events (each `EVENT_HEAD` and a body), the chain, and how it ended.

    `links` has one more entry than `events`: the first is of the opening. It may be empty if there is a
    `told`. `room` is empty and `told` is None for a match that no hub has run; `cause` is None for one that
    has not ended. Files of version 1 have neither `room`, `ruleset`, `results`, `cause` nor `told`. `engine`
    is the digest of the one that played.
    """

    spec: bytes = declared(an_opaque)
    engine: bytes = declared(an_opaque)
    match: int = declared(a_whole(0, MAX_SEED))
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    seats: tuple[SeatSpec, ...] = declared(many(SeatSpec.read))
    events: tuple[bytes, ...] = declared(many(_an_event, MAX_EVENTS))
    links: tuple[bytes, ...] = declared(many(_a_link, MAX_EVENTS + 1))
    room: str = declared(or_empty(told_name), default="")
    ruleset: str = declared(a_text(64), default="")
    results: tuple[Result, ...] = declared(many(Result.read, MAX_EVENTS), default=())
    """Of every episode that was settled, in their order."""
    cause: str | None = declared(maybe(one_of(Cause)), default=None)
    text: str = declared(a_text(512), default="")
    """What the hub had to say about the end, for people."""
    told: Told | None = declared(maybe(Told.read), default=None)  # noqa: RUF009  # declares, as the others do

    def to_bytes(self) -> bytes:
        """What a file unpacks to. Raises `SiegeError` if that is more than a file may hold."""
        too_long = why_too_long(self.events)
        plain = b"" if too_long else pack([VERSION, self.encode()])
        if len(plain) > MAX_BYTES:
            too_long = f"it takes {len(plain)} bytes, more than a file holds: {MAX_BYTES}"
        if too_long:
            raise SiegeError(too_long)
        return plain

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file: all of it, or nothing, if we are killed meanwhile.

        Raises `ConfigError` if that cannot be done, or nobody could read it again.
        """
        label = _label(path)
        try:
            plain = self.to_bytes()
        except SiegeError as error:
            raise ConfigError(f"{label}: {error}") from None
        try:
            part = Path(f"{os.fspath(path)}.part")
            part.write_bytes(ZLIB + zlib.compress(plain, LEVEL))
            part.replace(path)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{label}: cannot be written: {_reason(error)}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a file of this version or an earlier one. Raises `ConfigError` for anything else."""
        label = _label(path)
        try:
            with Path(path).open("rb") as file:
                text = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{label}: cannot be read: {_reason(error)}") from None
        try:
            return cls._read(text)
        except ProtocolError as error:
            raise ConfigError(f"{label}: not a replay: {shown(error.text, LINE_CHARS)}") from None
        except (ValueError, zlib.error) as error:
            raise ConfigError(f"{label}: not a replay: {shown(str(error), LINE_CHARS)}") from None

    @classmethod
    def _read(cls, text: bytes) -> Self:
        if text[:1] != ZLIB:
            raise ValueError("the first byte is no codec of a replay")
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(text[1:], MAX_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError("it is cut off, or unpacks to too much")
        told = unpack_bounded(plain, _MAX_VALUES)
        del plain  # as large as all that follows
        if not isinstance(told, list) or len(told) < 2:
            raise ValueError("what it unpacks to is no list of a version and more")
        version, *rest = told
        if version == 1:
            replay = cls._read_first(rest)
        elif version == VERSION:
            replay = cls.read(unpack_bounded(an_opaque(rest[0]), _MAX_VALUES))
        else:
            raise ValueError(f"it is of version {quoted(version, 20)}; this NetSiege reads 1 and {VERSION}")
        if len(replay.links) != len(replay.events) + 1 and (replay.links or replay.told is None):
            raise ValueError("the chain does not fit the events")
        return replay

    @classmethod
    def _read_first(cls, fields: list[Any]) -> Self:
        if len(fields) != _V1_FIELDS:
            raise ValueError(f"a file of version 1 has {_V1_FIELDS} fields, not {len(fields)}")
        joined = an_opaque(fields[-1])
        links = [joined[i : i + LINK_BYTES] for i in range(0, len(joined), LINK_BYTES)]
        return cls.read([*fields[:-1], links, "", "", [], None, "", None])

    def seat_name(self, seat: int) -> str:
        """Role and index of a seat, for people."""
        if not 0 <= seat < len(self.seats):
            return f"seat {seat}"
        return f"{shown(self.seats[seat].role)} {self.seats[seat].index}"

    def describe_event(self, number: int) -> str:
        """What event `number` is, for people; 0 is the opening."""
        if number == 0:
            return "the opening"
        event = self.events[number - 1]
        seat, kind, _ = EVENT_HEAD.unpack_from(event)
        return f"event {number}, {self.seat_name(seat)}: {_what(kind, event[EVENT_HEAD.size :])}"


def _what(kind: int, body: bytes) -> str:
    if kind not in Kind.__members__.values():
        return f"kind {kind}"
    if kind != Kind.STEP:
        return Kind(kind).name
    try:
        return f"STEP {say_action(read_action(body))}"
    except ProtocolError as error:
        return f"STEP ({shown(error.text)})"


def why_too_long(events: Sequence[bytes]) -> str | None:
    """Why no file can hold a match of these events, in words; None if one can."""
    if len(events) > MAX_EVENTS:
        return f"its {len(events)} events are more than a file holds: {MAX_EVENTS}"
    size = sum(map(len, events))
    return f"its events take {size} bytes: more than a file holds, {MAX_BYTES}" if size > MAX_BYTES else None


def _label(path: str | os.PathLike[str]) -> str:
    return shown(os.fspath(path), LINE_CHARS)


def _reason(error: OSError | ValueError) -> str:
    return shown((error.strerror if isinstance(error, OSError) else None) or str(error))
