"""Reading journals: what a hub goes on from, and the matches that anyone can play again."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from attrs import define, frozen

from netsiege.errors import ConfigError, JournalError, ProtocolError
from netsiege.hub.ledger import Kept, MatchEnded, MatchMade, OpenMatch
from netsiege.hub.turns import read_turns
from netsiege.protocol import OpenRoom, SeatSpec, unpack

REMEMBER_ENDED_S: Final = 60.0
"""How long the last words about the seats of a match are told to sessions after a restart."""


@define
class _Events:
    """The events of a match as they are found: each at least once, and in order."""

    match: int
    known: int
    events: list[bytes]

    def add(self, sequence: int, event: bytes) -> None:
        if sequence == self.known + 1:
            self.events.append(event)
            self.known = sequence
        elif sequence > self.known:
            raise JournalError(f"match {self.match}: event {sequence} comes after event {self.known}")

    def add_chunk(self, upto: int, events: list[bytes]) -> None:
        for sequence, event in enumerate(events, upto - len(events) + 1):
            self.add(sequence, event)


def load_kept(database: sqlite3.Connection, last_turn: int, log: Iterable[tuple[int, bytes]]) -> Kept:
    """Everything that open matches need, and the ends of the last minute."""
    made = dict(database.execute("SELECT room, MAX(ordinal) + 1 FROM matches GROUP BY room"))
    rooms = [
        (OpenRoom.decode(opened), made.get(name, 0))
        for name, opened in database.execute("SELECT name, opened FROM rooms")
    ]
    last = database.execute("SELECT COALESCE(MAX(id), 0) FROM matches").fetchone()[0]
    filed = database.execute("SELECT COALESCE(MAX(turn) + 1, 0) FROM chunks").fetchone()[0]
    made_in = database.execute("SELECT COALESCE(MAX(turn) + 1, 0) FROM matches").fetchone()[0]
    turns = max(last_turn, filed, made_in)
    return Kept(rooms, _load_open(database, log), _load_ended(database), last, turns)


def _load_open(database: sqlite3.Connection, log: Iterable[tuple[int, bytes]]) -> list[OpenMatch]:
    rows = database.execute(
        "SELECT id, room, ordinal, turn, made FROM matches WHERE ended_s IS NULL ORDER BY id"
    ).fetchall()
    found: dict[int, _Events] = {}
    heads: dict[int, dict[str, Any]] = {}
    for number, room, ordinal, turn, made in rows:
        heads[number] = _load_head(database, number, turn)
        heads[number]["made"] = _read_made(number, room, ordinal, made)
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


def _read_made(number: int, room: str, ordinal: int, text: bytes) -> MatchMade:
    seed, engine, rulesets, players, specs, seats = unpack(text)
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
    None while the match is open. An event is an `EVENT_HEAD` and its body.
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


def read_matches(path: str | os.PathLike[str]) -> Iterator[MatchRecord]:
    """The matches of a journal, those that are open included, in the order in which they were made.

    Reads only; a hub may be writing. Raises `ConfigError` if the file is no journal, or damaged.
    """
    where = Path(path)
    if not where.is_file():
        raise ConfigError(f"{path}: there is no such file")
    try:
        with contextlib.closing(
            sqlite3.connect(f"{where.resolve().as_uri()}?mode=ro", uri=True, timeout=5.0)
        ) as database:
            name = database.execute("SELECT name FROM meta").fetchone()[0]
            # before the rest, which may have more filed by then: what is in both is taken once
            log = list(read_turns(where.resolve(), name))
            yield from _read(database, log)
    except (sqlite3.Error, OSError, ProtocolError, JournalError, LookupError, ValueError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be read as a journal: {error}") from None


def _read(database: sqlite3.Connection, log: list[tuple[int, bytes]]) -> Iterator[MatchRecord]:
    database.execute("BEGIN")
    rooms = {name: OpenRoom.decode(opened) for name, opened in database.execute("SELECT * FROM rooms")}
    unfiled = _unfiled(database, log)
    rows = database.execute(
        "SELECT id, room, ordinal, made, outputs, chain, cause, text FROM matches ORDER BY id"
    ).fetchall()
    for number, room, ordinal, text, outputs, chain, cause, why in rows:
        made, told = _read_made(number, room, ordinal, text), rooms[room]
        yield MatchRecord(
            number,
            room,
            told.spec,
            made.engine,
            made.rulesets,
            made.seed,
            told.episodes,
            tuple(SeatSpec.read(seat) for seat in made.specs),
            tuple(_all_events(database, number, unfiled)),
            outputs,
            chain,
            cause,
            why or "",
        )


def _unfiled(
    database: sqlite3.Connection, log: Iterable[tuple[int, bytes]]
) -> dict[int, list[tuple[int, bytes]]]:
    """The events of open matches in the turns that are still there."""
    found: dict[int, list[tuple[int, bytes]]] = {
        number: [] for (number,) in database.execute("SELECT id FROM matches WHERE ended_s IS NULL")
    }
    for _, blob in log:
        flat = iter(unpack(blob))
        for number, sequence, event in zip(flat, flat, flat, strict=True):
            if number in found:
                found[number].append((sequence, event))
    return found


def _all_events(
    database: sqlite3.Connection, number: int, unfiled: dict[int, list[tuple[int, bytes]]]
) -> list[bytes]:
    found = _Events(number, 0, [])
    for upto, events in database.execute(
        "SELECT upto, events FROM chunks WHERE match = ? ORDER BY rowid", (number,)
    ):
        found.add_chunk(upto, unpack(events))
    for sequence, event in unfiled.get(number, ()):
        found.add(sequence, event)
    return found.events
