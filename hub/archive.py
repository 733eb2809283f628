"""Reading journals: what a hub goes on from, and the matches that anyone can play again.

A hub trusts its own journal; `read_matches` trusts nothing: whatever is in the file, it takes bounded memory
for each match, and one that makes no sense does not keep the others from being read.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import define, frozen

from netsiege.errors import ConfigError, JournalError, ProtocolError
from netsiege.hub.entries import Kept, KeptGame, MatchEnded, MatchMade, OpenMatch
from netsiege.hub.strangers import distrust
from netsiege.hub.turns import read_turns
from netsiege.protocol import (
    MAX_SEED,
    MAX_WORKER_FRAME_BYTES,
    Arrange,
    Cause,
    OpenRoom,
    SeatSpec,
    unpack,
)
from netsiege.protocol.bounded import unpack_bounded
from netsiege.protocol.declare import (
    Reader,
    a_text,
    a_whole,
    an_opaque,
    many,
    maybe,
    one_of,
    quoted,
    told_name,
)

REMEMBER_ENDED_S: Final = 60.0
"""How long the last words about the seats of a match are told to sessions after a restart."""
MAX_EVENTS: Final = 1 << 22
MAX_EVENT_BYTES: Final = 1 << 28
"""Of one match that is to be played again: a replay holds no more."""
MAX_BLOB_BYTES: Final = MAX_WORKER_FRAME_BYTES
"""Of one value in the file: a snapshot and the events since have come in a frame."""
MAX_LOG_BYTES: Final = 1 << 29
"""Of all turns that are still there."""
MAX_ROOMS: Final = 1 << 16

_TABLES: Final = ("meta", "rooms", "games", "matches", "chunks")
_MADE_VALUES: Final = 1 << 21
"""In the record of how a match was made: enough for as many seats as there can be."""
_ERRORS: Final = (
    sqlite3.Error,
    OSError,
    ProtocolError,
    JournalError,
    LookupError,
    ValueError,
    TypeError,
    OverflowError,
)
"""What reading a file raises that anyone may have made."""


@define
class _Events:
    """The events of a match as they are found: each at least once, and in order."""

    match: int
    known: int
    events: list[bytes]
    size_bytes: int = 0

    def add(self, sequence: int, event: bytes) -> None:
        if sequence == self.known + 1:
            self.events.append(event)
            self.size_bytes += len(event)
            self.known = sequence
        elif sequence > self.known:
            raise JournalError(f"match {self.match}: event {sequence} comes after event {self.known}")

    def add_chunk(self, upto: int, events: list[bytes]) -> None:
        if upto - len(events) == self.known:
            self.events += events
            self.size_bytes += sum(map(len, events))
            self.known = upto
            return
        for sequence, event in enumerate(events, upto - len(events) + 1):
            self.add(sequence, event)


def load_kept(database: sqlite3.Connection, last_turn: int, log: Iterable[tuple[int, bytes]]) -> Kept:
    """Everything that open matches need, and the ends of the last minute."""
    made = dict(database.execute("SELECT room, MAX(ordinal) + 1 FROM matches GROUP BY room"))
    rooms, closed = [], []
    for name, opened, is_closed in database.execute("SELECT name, opened, closed FROM rooms"):
        if is_closed:
            closed.append(OpenRoom.decode(opened))
        else:
            rooms.append((OpenRoom.decode(opened), made.get(name, 0)))
    under_way = _load_open(database, log)
    # of an earlier match of that name, which was closed, only the end is there
    begun = {each.made.room for each in under_way}
    games = [
        KeptGame(Arrange.decode(asked), _read_news(news), name in begun or news is not None)
        for name, asked, news in database.execute("SELECT name, asked, news FROM games WHERE NOT closed")
    ]
    last = database.execute("SELECT COALESCE(MAX(id), 0) FROM matches").fetchone()[0]
    filed = database.execute("SELECT COALESCE(MAX(turn) + 1, 0) FROM chunks").fetchone()[0]
    made_in = database.execute("SELECT COALESCE(MAX(turn) + 1, 0) FROM matches").fetchone()[0]
    turns = max(last_turn, filed, made_in)
    return Kept(rooms, under_way, _load_ended(database), last, turns, closed, games)


def _read_news(news: bytes | None) -> list[tuple[int, bytes]]:
    return [(kind, body) for kind, body in unpack(news)] if news is not None else []


def _load_open(database: sqlite3.Connection, log: Iterable[tuple[int, bytes]]) -> list[OpenMatch]:
    rows = database.execute(
        "SELECT id, room, ordinal, turn, made FROM matches WHERE ended_s IS NULL ORDER BY id"
    ).fetchall()
    found: dict[int, _Events] = {}
    heads: dict[int, dict[str, Any]] = {}
    for number, room, ordinal, turn, made in rows:
        heads[number] = _load_head(database, number, turn)
        heads[number]["made"] = _read_made(number, room, ordinal, unpack(made))
        events = heads[number].pop("events")
        found[number] = _Events(number, heads[number]["base"] + len(events), events)
    for _, blob in log:
        flat = iter(unpack(blob))
        for number, sequence, event in zip(flat, flat, flat, strict=True):
            if number in found:
                found[number].add(sequence, event)
    return [OpenMatch(events=found[number].events, **head) for number, head in heads.items()]


def _load_head(database: sqlite3.Connection, number: int, turn: int) -> dict[str, Any]:
    """A match's newest snapshot, the events filed after it, and its seats as filed last."""
    head: dict[str, Any] = {"base": 0, "snapshot": None, "outputs": 0, "chain": 0, "seats": None}
    head |= {"filed": 0, "filed_turn": turn}
    newest = database.execute(
        "SELECT base, snapshot, outputs, chain FROM chunks WHERE match = ? AND snapshot IS NOT NULL "
        "ORDER BY rowid DESC LIMIT 1",
        (number,),
    ).fetchone()
    if newest is not None:
        head |= dict(zip(("base", "snapshot", "outputs", "chain"), newest, strict=True))
    found = _Events(number, head["base"], [])
    for upto, filed_turn, events, seats in database.execute(
        "SELECT upto, turn, events, seats FROM chunks WHERE match = ? AND upto >= ? ORDER BY rowid",
        (number, head["base"]),
    ):
        found.add_chunk(upto, unpack(events))
        head |= {"filed": upto, "filed_turn": filed_turn, "seats": unpack(seats)}
    head["events"] = found.events
    return head


def _read_made(number: int, room: str, ordinal: int, made: Any) -> MatchMade:
    seed, engine, rulesets, players, specs, seats = made
    return MatchMade(number, ordinal, room, seed, engine, tuple(rulesets), players, specs, seats)


def _load_ended(database: sqlite3.Connection) -> list[MatchEnded]:
    rows = database.execute(
        "SELECT id, cause, text, outputs, chain, lost FROM matches WHERE ended_s > ? ORDER BY ended_s",
        (time.time() - REMEMBER_ENDED_S,),
    )
    return [
        MatchEnded(number, cause, text, outputs, chain, unpack(lost))
        for number, cause, text, outputs, chain, lost in rows
    ]


@frozen
class MatchRecord:
    """A match as a journal has it: all that it takes to play it again.

    `outputs` and `chain` (see `netsiege.protocol.link`) say what its workers have told; like `cause` they are
    None while the match is open. An event is an `EVENT_HEAD` and its body, if all is well. If there is a
    `problem`, it says why the match cannot be read, and only `id` and `room` mean anything.
    """

    id: int
    room: str
    spec: bytes
    engine: bytes
    rulesets: tuple[str, ...]
    seed: int
    episodes: int | None
    seats: tuple[SeatSpec, ...]
    events: tuple[bytes, ...]
    outputs: int | None
    chain: int | None
    cause: str | None
    text: str
    problem: str = ""


def read_matches(path: str | os.PathLike[str], only: Collection[int] | None = None) -> Iterator[MatchRecord]:
    """The matches of a journal, those that are open included, in the order in which they were made.

    With `only`, those of these numbers that are there; if they have ended, how long that takes goes by how
    many they are. Reads only; a hub may be writing. A match that cannot be read has a `problem`. Raises
    `ConfigError` if the file is no journal, or so damaged that the matches cannot be told apart.
    """
    try:
        where = Path(path).resolve()
        if not where.is_file():
            raise ConfigError(f"{path}: there is no such file")
        with contextlib.closing(
            sqlite3.connect(f"{where.as_uri()}?mode=ro", uri=True, timeout=5.0)
        ) as database:
            database.execute("PRAGMA query_only = ON")
            distrust(database, _TABLES, MAX_BLOB_BYTES)
            found = database.execute("SELECT name FROM meta").fetchone()
            name = a_text(64)(found[0] if found is not None else None)
            # before the rest, which may have more filed by then: what is in both is taken once
            unfiled = only is None or any(_is_open(database, number) for number in only)
            log = list(read_turns(where, name, MAX_LOG_BYTES)) if unfiled else []
            yield from _read(database, log, only)
    except _ERRORS as error:
        raise ConfigError(f"{path}: cannot be read as a journal: {_said(error)}") from None


def _said(error: Exception) -> str:
    """What an error says: a line or more, in which it may quote the file."""
    return (str(error) or type(error).__name__)[:300]


def _is_open(database: sqlite3.Connection, number: int) -> bool:
    row = database.execute("SELECT ended_s FROM matches WHERE id = ?", (number,)).fetchone()
    return row is not None and row[0] is None


def _read(
    database: sqlite3.Connection, log: list[tuple[int, bytes]], only: Collection[int] | None
) -> Iterator[MatchRecord]:
    database.execute("BEGIN")
    rooms = _read_rooms(database)
    unfiled = _unfiled(database, log)
    last = -1
    for number, *fields in _rows(database, only):
        if not last < number <= MAX_SEED:
            raise JournalError(f"match {number} comes after match {last}")
        last, room = number, fields[0]
        told = _like(database, room, rooms)
        if told is None:
            raise JournalError(f"there is no room {quoted(room)}, but match {number} of it")
        try:
            record = _record(database, number, fields, told, unfiled)
        except _ERRORS as error:
            unread = (b"", b"", (), 0, None, (), (), None, None, Cause.FAULT, "")
            record = MatchRecord(number, room, *unread, _said(error))
        yield record


def _rows(database: sqlite3.Connection, only: Collection[int] | None) -> Iterator[Any]:
    select = "SELECT id, room, ordinal, made, outputs, chain, cause, text FROM matches"
    if only is None:
        yield from database.execute(f"{select} ORDER BY id")
    else:
        for number in sorted(set(only)):
            yield from database.execute(f"{select} WHERE id = ?", (number,))


def _read_rooms(database: sqlite3.Connection) -> dict[str, OpenRoom]:
    rooms: dict[str, OpenRoom] = {}
    for name, opened in database.execute("SELECT name, opened FROM rooms"):
        if name in rooms or len(rooms) >= MAX_ROOMS:
            raise JournalError(f"there are too many rooms, or two of the name {quoted(name)}")
        rooms[told_name(name)] = OpenRoom.read(unpack_bounded(an_opaque(opened), _MADE_VALUES))
    return rooms


def _like(database: sqlite3.Connection, name: str, rooms: dict[str, OpenRoom]) -> OpenRoom | None:
    """What a match's room says: one of `rooms`, or that after which the match was arranged."""
    if name in rooms:
        return rooms[name]
    row = database.execute("SELECT asked FROM games WHERE name = ?", (name,)).fetchone()
    asked = Arrange.read(unpack_bounded(an_opaque(row[0]), _MADE_VALUES)) if row is not None else None
    if asked is None or asked.like not in rooms:
        return None
    return attrs.evolve(rooms[asked.like], episodes=1)


def _record(
    database: sqlite3.Connection,
    number: int,
    fields: list[Any],
    told: OpenRoom,
    unfiled: dict[int, list[tuple[int, bytes]]],
) -> MatchRecord:
    room, ordinal, text, outputs, chain, cause, why = fields
    made = _read_made(number, room, ordinal, unpack_bounded(an_opaque(text), _MADE_VALUES))
    return MatchRecord(
        number,
        room,
        told.spec,
        _checked("engine", an_opaque, made.engine),
        _checked("rulesets", many(a_text(64), 64), list(made.rulesets)),
        _checked("seed", a_whole(0, MAX_SEED), made.seed),
        told.episodes,
        _checked("seats", many(SeatSpec.read), made.specs),
        tuple(_all_events(database, number, unfiled)),
        _checked("outputs", maybe(a_whole(0, MAX_SEED)), outputs),
        _checked("chain", maybe(a_whole(0, 0xFFFFFFFF)), chain),
        _checked("cause", maybe(one_of(Cause)), cause),
        _checked("text", a_text(512), why or ""),
    )


def _checked(what: str, read: Reader, value: Any) -> Any:
    try:
        return read(value)
    except ValueError as error:
        raise JournalError(f"{what}: {error}") from None


def _unfiled(
    database: sqlite3.Connection, log: Iterable[tuple[int, bytes]]
) -> dict[int, list[tuple[int, bytes]]]:
    """The events of open matches in the turns that are still there."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for (number,) in database.execute("SELECT id FROM matches WHERE ended_s IS NULL ORDER BY id"):
        if number in found:
            raise JournalError(f"match {number} is there twice")
        found[number] = []
    for turn, blob in log if found else ():
        values = unpack_bounded(blob, 3 * MAX_EVENTS)
        if not isinstance(values, list) or len(values) % 3:
            raise JournalError(f"turn {turn} is no list of matches, numbers and events")
        flat = iter(values)
        for number, sequence, event in zip(flat, flat, flat, strict=True):
            if type(number) is int and number in found:
                found[number].append((sequence, event))
    return found


def _all_events(
    database: sqlite3.Connection, number: int, unfiled: dict[int, list[tuple[int, bytes]]]
) -> list[bytes]:
    found = _Events(number, 0, [])
    chunks = database.execute("SELECT upto, events FROM chunks WHERE match = ? ORDER BY rowid", (number,))
    for count, (upto, events) in enumerate(chunks):
        found.add_chunk(_checked("chunk", a_whole(0, MAX_SEED), upto), _listed(events))
        if len(found.events) > MAX_EVENTS or found.size_bytes > MAX_EVENT_BYTES or count > MAX_EVENTS:
            raise JournalError(f"more than {MAX_EVENTS} events, or {MAX_EVENT_BYTES} bytes of them")
    for sequence, event in unfiled.get(number, ()):
        found.add(_checked("event", a_whole(0, MAX_SEED), sequence), an_opaque(event))
    return found.events


def _listed(blob: Any) -> list[bytes]:
    events = unpack_bounded(an_opaque(blob), 2 * MAX_EVENTS)
    if not isinstance(events, list):
        raise JournalError("a chunk is no list of events")
    if set(map(type, events)) <= {bytes}:
        return events
    return [_checked("event", an_opaque, event) for event in events]
