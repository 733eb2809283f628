"""Matches in files: what went in, and a fingerprint of everything that came out.

A `.siege` file is one codec byte (1: zlib) and a msgpack list, version first. It holds the spec, the engine's
digest, seeds, seats and events, so that anyone can play the match again, and after each event eight bytes of
a SHA-256 chain over all outputs so far: the first place where two runs differ can be named without either.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

from attrs import frozen

from netsiege.engine.game import Game
from netsiege.engine.identity import engine_digest
from netsiege.engine.replies import Output
from netsiege.engine.tables import Tables, compile_spec
from netsiege.errors import ConfigError, ProtocolError, RuleError
from netsiege.protocol import EVENT_HEAD, OUT_HEAD, Kind, SeatSpec, pack, unpack
from netsiege.protocol.play import read_action

VERSION: Final = 1
ZLIB: Final = b"\x01"
MAX_BYTES: Final = 1 << 30
"""What a file may unpack to: enough for some ten million events."""
LINK_BYTES: Final = 8
"""Of the chain kept after each event: two runs that differ agree by chance once in 2**64."""

_LENGTH: Final = struct.Struct(">I")


class Chain:
    """A SHA-256 over everything a match says, in order."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def link(self, outputs: Iterable[Output]) -> bytes:
        """Adds the outputs of one event; the first bytes of the chain up to here."""
        sha = self._sha
        for seat, kind, flags, request, body in outputs:
            sha.update(OUT_HEAD.pack(seat, kind, flags, request) + _LENGTH.pack(len(body)) + body)
        sha.update(b".")
        return sha.digest()[:LINK_BYTES]


@frozen
class Replay:
    """A match: how it was made, its events (each `EVENT_HEAD` and a body), and the chain.

    `links` has one more entry than `events`: the first is of the opening.
    """

    spec: bytes
    engine: bytes
    match: int
    seed: int
    episodes: int | None
    seats: tuple[SeatSpec, ...]
    events: tuple[bytes, ...]
    links: tuple[bytes, ...]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file. Raises `ConfigError` if that cannot be done."""
        plain = [
            VERSION,
            self.spec,
            self.engine,
            self.match,
            self.seed,
            self.episodes,
            [[seat.role, seat.index, seat.name, seat.deltas] for seat in self.seats],
            list(self.events),
            b"".join(self.links),
        ]
        try:
            Path(path).write_bytes(ZLIB + zlib.compress(pack(plain), 6))
        except OSError as error:
            raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a file. Raises `ConfigError` for anything that is no replay of this version."""
        try:
            text = Path(path).read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        try:
            return cls._read(text)
        except (ValueError, TypeError, zlib.error, ProtocolError) as error:
            raise ConfigError(f"{path}: not a replay of this version: {error}") from None

    @classmethod
    def _read(cls, text: bytes) -> Self:
        if text[:1] != ZLIB:
            raise ValueError("the first byte is no codec of a replay")
        unpacker = zlib.decompressobj()
        plain = unpacker.decompress(text[1:], MAX_BYTES)
        if unpacker.unconsumed_tail or not unpacker.eof:
            raise ValueError("it is cut off, or unpacks to too much")
        version, spec, engine, match, seed, episodes, seats, events, links = unpack(plain)
        if version != VERSION:
            raise ValueError(f"it is of version {version}")
        if len(links) != LINK_BYTES * (len(events) + 1):
            raise ValueError("the chain does not fit the events")
        if not all(type(event) is bytes and len(event) >= EVENT_HEAD.size for event in events):
            raise ValueError("an event is malformed")
        return cls(
            spec,
            engine,
            match,
            seed,
            episodes,
            tuple(SeatSpec.read(seat) for seat in seats),
            tuple(events),
            tuple(links[i : i + LINK_BYTES] for i in range(0, len(links), LINK_BYTES)),
        )

    def describe_event(self, number: int) -> str:
        """What event `number` is, for people; 0 is the opening."""
        if number == 0:
            return "the opening"
        event = self.events[number - 1]
        seat, kind, _ = EVENT_HEAD.unpack_from(event)
        who = (
            f"{self.seats[seat].role} {self.seats[seat].index}" if seat < len(self.seats) else f"seat {seat}"
        )
        what = Kind(kind).name if kind in Kind.__members__.values() else f"kind {kind}"
        if kind == Kind.STEP:
            try:
                what = f"STEP {read_action(event[EVENT_HEAD.size :]) or 'pass'}"
            except ProtocolError as error:
                what = f"STEP ({error.text})"
        return f"event {number}, {who}: {what}"


class Recorder:
    """Plays a match and keeps what a replay needs. `handle` is `Game.handle`."""

    def __init__(
        self, spec: bytes, match: int, seed: int, seats: Sequence[SeatSpec], episodes: int | None
    ) -> None:
        self._spec = spec
        self._seats = tuple(seats)
        self.tables: Tables = compile_spec(spec)
        self.game = Game(self.tables, match, seed, seats, episodes)
        self._chain = Chain()
        self._events: list[bytes] = []
        self.opening = self.game.open()
        self.links = [self._chain.link(self.opening)]

    def handle(self, seat: int, kind: int, request: int, body: bytes) -> list[Output]:
        """Passes one event on."""
        outputs = self.game.handle(seat, kind, request, body)
        self._events.append(EVENT_HEAD.pack(seat, kind, request) + body)
        self.links.append(self._chain.link(outputs))
        return outputs

    def replay(self) -> Replay:
        """The match so far."""
        game = self.game
        return Replay(
            self._spec,
            engine_digest(),
            game.match,
            game.seed,
            game.episodes,
            self._seats,
            tuple(self._events),
            tuple(self.links),
        )


def verify(replay: Replay) -> int | None:
    """Plays a replay again: the first event (0: the opening) whose outputs differ; None if none does.

    Raises `RuleError` for a spec or an event that this engine cannot play.
    """
    recorder = Recorder(replay.spec, replay.match, replay.seed, replay.seats, replay.episodes)
    if recorder.links[0] != replay.links[0]:
        return 0
    for number, event in enumerate(replay.events, 1):
        seat, kind, request = EVENT_HEAD.unpack_from(event)
        recorder.handle(seat, kind, request, event[EVENT_HEAD.size :])
        if recorder.links[-1] != replay.links[number]:
            return number
    return None


@frozen
class Diagnosis:
    """What the doctor found: `text` for people; `event` is the first that differs, None if none does."""

    same: bool
    event: int | None
    text: str


def diagnose(one: Replay, other: Replay) -> Diagnosis:
    """Where two runs of what should be the same match diverge, and which of them this engine agrees with."""
    for name in ("spec", "seed", "match", "episodes", "seats"):
        if getattr(one, name) != getattr(other, name):
            return Diagnosis(False, None, f"these are not runs of the same match: their {name} differs")
    for number, (left, right) in enumerate(zip(one.links, other.links, strict=False)):
        if number and one.events[number - 1] != other.events[number - 1]:
            mine, theirs = one.describe_event(number), other.describe_event(number)
            return Diagnosis(False, number, f"the inputs differ first.\n  A: {mine}\n  B: {theirs}")
        if left != right:
            return Diagnosis(False, number, _difference(one, other, number))
    if len(one.events) != len(other.events):
        shorter = min(len(one.events), len(other.events))
        return Diagnosis(
            False, shorter + 1, f"one run ends after event {shorter}; up to there they are the same"
        )
    return Diagnosis(True, None, f"the runs are the same: {len(one.events)} events, equal outputs")


def _difference(one: Replay, other: Replay, number: int) -> str:
    lines = [f"the outputs differ first at {one.describe_event(number)}"]
    if one.engine != other.engine:
        lines.append("they were made by engines of different digests")
    for name, run in (("A", one), ("B", other)):
        try:
            found = verify(run)
        except RuleError as error:
            lines.append(f"{name} cannot be played here: {error}")
            continue
        agrees = "comes out the same" if found is None else f"comes out otherwise from event {found} on"
        lines.append(f"{name}, played again here, {agrees}")
    return "\n  ".join(lines)
