"""Matches in files: what went in, a fingerprint of everything that came out, and how it ended.

A `.siege` file is one codec byte (1: zlib) and a msgpack list of the format's version and the fields of
`Replay`. It holds the spec, the engine's digest, seeds, seats and events, so that anyone can play the match
again, and after each event eight bytes of a SHA-256 chain over all outputs so far: the first place where two
runs differ can be named without either. Files of version 1, which ended with the chain, load too.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any, Final, Self

from attrs import frozen

from netsiege.engine.words import say_action
from netsiege.errors import ConfigError, ProtocolError
from netsiege.protocol import (
    EVENT_HEAD,
    MAX_NAME_CHARS,
    MAX_SEED,
    Cause,
    Kind,
    Message,
    Result,
    SeatSpec,
    pack,
    unpack,
)
from netsiege.protocol.declare import a_text, a_whole, an_opaque, declared, many, maybe, one_of
from netsiege.protocol.play import read_action

VERSION: Final = 2
ZLIB: Final = b"\x01"
MAX_BYTES: Final = 1 << 30
"""What a file may unpack to: enough for some ten million events."""
LINK_BYTES: Final = 8
"""Of the chain kept after each event: two runs that differ agree by chance once in 2**64."""

_MAX_EVENTS: Final = 1 << 27
_V1_FIELDS: Final = 8
"""Those up to the links, which stood in one piece; version 1 had no others."""


def _an_event(value: Any) -> bytes:
    event = an_opaque(value)
    if len(event) < EVENT_HEAD.size:
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

    `links` has one more entry than `events`: the first is of the opening. `room` is empty and `told` is None
    for a match that no hub has run; `cause` is None for one that has not ended. Files of version 1 have
    neither `room`, `ruleset`, `results`, `cause` nor `told`. `engine` is the digest of the one that played.
    """

    spec: bytes = declared(an_opaque)
    engine: bytes = declared(an_opaque)
    match: int = declared(a_whole(0, MAX_SEED))
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    seats: tuple[SeatSpec, ...] = declared(many(SeatSpec.read))
    events: tuple[bytes, ...] = declared(many(_an_event, _MAX_EVENTS))
    links: tuple[bytes, ...] = declared(many(_a_link, _MAX_EVENTS + 1))
    room: str = declared(a_text(MAX_NAME_CHARS), default="")
    ruleset: str = declared(a_text(64), default="")
    results: tuple[Result, ...] = declared(many(Result.read, _MAX_EVENTS), default=())
    """Of every episode that was settled, in their order."""
    cause: str | None = declared(maybe(one_of(Cause)), default=None)
    text: str = declared(a_text(512), default="")
    """What the hub had to say about the end, for people."""
    told: Told | None = declared(maybe(Told.read), default=None)  # noqa: RUF009  # declares, as the others do

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file. Raises `ConfigError` if that cannot be done."""
        try:
            Path(path).write_bytes(ZLIB + zlib.compress(pack([VERSION, self.encode()]), 6))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a file of this version or an earlier one. Raises `ConfigError` for anything else."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            return cls._read(text)
        except ProtocolError as error:
            raise ConfigError(f"{path}: not a replay: {error.text}") from None
        except (ValueError, zlib.error) as error:
            raise ConfigError(f"{path}: not a replay: {error}") from None

    @classmethod
    def _read(cls, text: bytes) -> Self:
        if text[:1] != ZLIB:
            raise ValueError("the first byte is no codec of a replay")
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(text[1:], MAX_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError("it is cut off, or unpacks to too much")
        told = unpack(plain)
        if not isinstance(told, list) or len(told) < 2:
            raise ValueError("what it unpacks to is no list of a version and more")
        version, *rest = told
        if version == 1:
            replay = cls._read_first(rest)
        elif version == VERSION:
            replay = cls.decode(an_opaque(rest[0]))
        else:
            raise ValueError(f"it is of version {version!r:.20}; this NetSiege reads 1 and {VERSION}")
        if len(replay.links) != len(replay.events) + 1:
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
        return f"{self.seats[seat].role} {self.seats[seat].index}"

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
        return f"STEP ({error.text})"
