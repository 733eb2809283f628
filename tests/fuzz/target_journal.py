"""Journals that are damaged, or made up: a hub that starts on one, and people who read its matches.

The file is a real one with another value in some place, or other bytes; so are the turns beside it.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

from netsiege.errors import ConfigError, JournalError, SiegeError
from netsiege.hub import ledger
from netsiege.hub.archive import read_matches
from netsiege.hub.arena import Arena
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.turns import HEAD, TurnLog, read_turns
from netsiege.protocol import AGENT_HEAD, VERSION, Hello, Join, Kind
from netsiege.replays import from_record
from netsiege.scenarios.model import REALTIME
from tests.fuzz import samples, scratch, target_broker
from tests.fuzz.hall import Hall
from tests.fuzz.honest import Pair
from tests.fuzz.seasoned import SeasonedHost
from tests.fuzz.small import SmallConstants
from tests.fuzz.tape import Tape, written
from tests.fuzz.values import FLOATS, TEXTS, WHOLE, bent, body, torn

MAX_BYTES: Final = 80
TABLES: Final = ("matches", "chunks", "rooms", "meta")
ODD_FILES: Final = (b"", b"no journal", b"SQLite format 3\0", b"\0" * 4_096)


# --- a real one -------------------------------------------------------------------------------------------


@cache
def real() -> tuple[bytes, str, tuple[tuple[int, bytes], ...]]:
    """A journal's database, its name and its turns: matches that have ended, and some that have not."""
    path = scratch.folder() / "real.journal"
    journal = SqliteJournal(path)
    with SmallConstants(), closing(journal):
        hall = Hall(target_broker.rooms(REALTIME), journal=journal)
        hall.add_host(SeasonedHost(), target_broker.READY)
        pair = Pair(hall, keyed=False)
        pair.finish()
        _stranger(hall, b"duel", leaves=True)
        _stranger(hall, b"duel", leaves=False)
        _stranger(hall, b"crowd", leaves=False)
    with closing(sqlite3.connect(path)) as database:
        name = database.execute("SELECT name FROM meta").fetchone()[0]
        database.execute("PRAGMA journal_mode = DELETE")  # a database in memory has no log
        return database.serialize(), name, tuple(read_turns(path, name))


def _stranger(hall: Hall, room: bytes, *, leaves: bool) -> None:
    peer = hall.new_peer()
    seats = count(1)

    def say(kind: int, handle: int, said: bytes) -> None:
        hall.from_agent(peer, AGENT_HEAD.pack(VERSION, kind, handle, next(seats)) + said)

    say(Kind.HELLO, 0, Hello("stranger").encode())
    say(Kind.JOIN, 0, Join(room.decode(), "Attacker").encode())
    say(Kind.JOIN, 0, Join(room.decode(), "Attacker").encode())
    for handle in list(hall.arena.sessions[peer].seats):
        for action in samples.actions()[:7]:
            say(Kind.STEP, handle, action)
        if leaves:
            say(Kind.LEAVE, handle, b"")


# --- and what becomes of it -------------------------------------------------------------------------------


class _Turns:
    """Stands for the log of turns of a journal that is in memory."""

    def __init__(self, turns: list[tuple[int, bytes]]) -> None:
        self.turns = turns
        self.last = max((turn for turn, _ in turns), default=0)

    def read(self) -> Iterator[tuple[int, bytes]]:
        return iter(self.turns)


def _bend_turns(tape: Tape) -> list[tuple[int, bytes]]:
    turns = list(real()[2])
    if not turns or tape.chance(2):
        return turns
    at = tape.whole(2) % len(turns)
    kind = tape.below(5)
    if kind == 0:
        del turns[at]
    elif kind == 1:
        turns.insert(at, turns[tape.whole(2) % len(turns)])
    elif kind == 2:
        del turns[at:]
    else:
        turns[at] = (turns[at][0], bent(tape, turns[at][1]))
    return turns


def _bend_value(tape: Tape, before: Any) -> Any:
    kind = tape.below(6)
    if isinstance(before, bytes) and kind < 3:
        return bent(tape, before)
    if isinstance(before, int) and kind < 2:
        return before + tape.pick((1, -1, 2))
    if kind == 3:
        return tape.pick([number for number in WHOLE if number < 1 << 63])
    if kind == 4:
        return tape.pick((None, b"", *FLOATS))
    return tape.pick(TEXTS) if kind == 5 else body(tape)


def _bend_rows(tape: Tape, database: sqlite3.Connection) -> None:
    """Another value in some row of some table, or a row more or less."""
    table = tape.pick(TABLES)
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    key = "name" if table in ("rooms", "meta") else "rowid"
    keys = [row[0] for row in database.execute(f"SELECT {key} FROM {table}")]
    if not keys:
        return
    row, column = tape.pick(keys), tape.pick(columns)
    if tape.chance(8):
        database.execute(f"DELETE FROM {table} WHERE {key} = ?", (row,))
        return
    before = database.execute(f"SELECT {column} FROM {table} WHERE {key} = ?", (row,)).fetchone()[0]
    value = _bend_value(tape, before)
    with suppress(sqlite3.IntegrityError, UnicodeEncodeError, OverflowError):
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, row))


def _bent(tape: Tape) -> tuple[bytes, list[tuple[int, bytes]]]:
    """The bytes of a database, and turns."""
    whole, _, _ = real()
    kind = tape.below(8)
    if kind == 0:
        return tape.pick(ODD_FILES), _bend_turns(tape)
    if kind == 1:
        return torn(tape, whole), _bend_turns(tape)
    if kind == 2:
        at = tape.whole(3) % len(whole)
        return whole[:at] + tape.take(1 + tape.below(4)) + whole[at + 4 :], _bend_turns(tape)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.deserialize(whole)
        for _ in range(1 + tape.below(2)):
            _bend_rows(tape, database)
        return database.serialize(), _bend_turns(tape)


# --- who reads it -----------------------------------------------------------------------------------------


def hub_starts(whole: bytes, turns: list[tuple[int, bytes]]) -> None:
    """A hub starts on it. Raises `ConfigError`, `JournalError` or SQLite's errors if it cannot."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        journal = SqliteJournal.__new__(SqliteJournal)
        journal.path = Path("in memory")
        journal._database = database
        journal._turns = _Turns(turns)  # type: ignore[assignment]  # as much of it as loading needs
        database.deserialize(whole)
        kept = journal.load()
    numbers = count(1 << 50)
    arena = Arena((), lambda: next(numbers), 5.0, journaling=True)
    ledger.restore(arena, kept, tuple(target_broker.rooms(REALTIME)))


def _reads(whole: bytes, turns: list[tuple[int, bytes]], name: str) -> None:
    """Somebody reads its matches, and plays them again."""
    path = scratch.folder() / "read.journal"
    path.write_bytes(whole)
    log = path.with_name(f"{path.name}-turns-{name}-000000000001")
    log.write_bytes(
        b"".join(HEAD.pack(len(said), _checksum(turn, said), turn) + said for turn, said in turns)
    )
    try:
        for record in read_matches(path):
            with suppress(SiegeError):
                from_record(record)
    except ConfigError as error:
        assert error.problems
    finally:
        log.unlink()


def _checksum(turn: int, events: bytes) -> int:
    return zlib.crc32(events, turn & 0xFFFFFFFF)


def _log(tape: Tape) -> None:
    """The files of turns alone: their bytes are anything."""
    path, name = scratch.folder() / "log.journal", "name"
    file = path.with_name(f"{path.name}-turns-{name}-000000000001")
    whole = b"".join(
        HEAD.pack(len(said), _checksum(turn, said), turn) + said for turn, said in real()[2][:20]
    )
    file.write_bytes(torn(tape, whole))
    found = list(read_turns(path, name))
    assert len(found) <= 20
    log = TurnLog(path, name)
    with closing(log):
        assert log.last == max((turn for turn, _ in found), default=0)
        log.write(log.last + 1, b"more")
        assert [*found, (log.last, b"more")] == list(log.read())
    file.unlink()


def one_input(data: bytes) -> None:
    """A tape that damages a journal."""
    tape = Tape(data)
    if tape.chance(10):
        _log(tape)
        return
    whole, turns = _bent(tape)
    if whole:  # an empty file is a new journal
        with suppress(ConfigError, JournalError, sqlite3.Error):
            hub_starts(whole, turns)
    _reads(whole, turns, real()[1])


def seeds() -> list[bytes]:
    """Each table, with other values in each column of some rows."""
    found = [
        written(0, 3, 0, table, row, column, 1, value, 2, 0)
        for table, columns in enumerate((11, 9, 2, 2))
        for column in range(columns)
        for row, value in ((0, 0), (1, 3), (2, 5))
    ]
    return [
        *found,
        written(9, 0, 30, 1, 4),
        written(0, 0, 0),
        written(0, 1, 0, 99, 1),
        written(0, 2, 0, 30, 0, 1),
    ]
