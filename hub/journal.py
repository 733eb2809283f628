"""Where the hub keeps what it must not lose: an SQLite database and the files beside it, or nothing at all.

What a turn of the hub's loop has brought is committed at once: all its events in one write (`turns`), the
rarer records (`ledger`) in a transaction. A commit survives the end of the process however it comes; it is on
the disk, safe from the end of the machine too, after the next checkpoint, which another thread makes about
once a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

from netsiege.errors import ConfigError, JournalError, SiegeError
from netsiege.hub.archive import load_kept
from netsiege.hub.entries import (
    Chunk,
    GameArranged,
    GameClosed,
    GameNews,
    Kept,
    MatchEnded,
    MatchMade,
    Record,
    RoomClosed,
    RoomOpened,
)
from netsiege.hub.turns import TurnLog
from netsiege.protocol import pack

FORMAT: Final = 3
BUSY_MS: Final = 5_000
"""How long another program may keep the file locked."""
CHECKPOINT_EVERY_S: Final = 1.0
LOG_MAX_BYTES: Final = 32 << 20
"""While commits never pause, no checkpoint of another thread can begin the log anew: beyond this size a
commit does, which takes some 50 ms."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS meta (format INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rooms (
    name TEXT PRIMARY KEY, opened BLOB NOT NULL, closed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS games (
    name TEXT PRIMARY KEY, asked BLOB NOT NULL, news BLOB, closed INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS games_open ON games (closed) WHERE NOT closed;
CREATE TABLE IF NOT EXISTS matches (
    id INTEGER PRIMARY KEY, room TEXT NOT NULL, ordinal INTEGER NOT NULL, turn INTEGER NOT NULL,
    made BLOB NOT NULL, ended_s REAL, cause TEXT, text TEXT, outputs INTEGER, chain INTEGER, lost BLOB);
CREATE INDEX IF NOT EXISTS matches_ended ON matches (ended_s);
CREATE TABLE IF NOT EXISTS chunks (
    match INTEGER NOT NULL, upto INTEGER NOT NULL, turn INTEGER NOT NULL, events BLOB NOT NULL,
    base INTEGER NOT NULL, snapshot BLOB, outputs INTEGER NOT NULL, chain INTEGER NOT NULL, seats BLOB);
CREATE INDEX IF NOT EXISTS chunks_match ON chunks (match);
"""


class Journal(Protocol):
    """What a hub needs of a journal."""

    @property
    def lasting(self) -> bool:
        """Whether anything is kept: if not, the hub need not say anything to `commit`."""

    def load(self) -> Kept:
        """Everything that was committed, as far as open matches need it. Raises `JournalError`."""

    def commit(self, turn: int, events: Sequence[object], records: Sequence[Record], oldest: int) -> None:
        """Keeps turn number `turn`; returns when it is kept. Turns up to `oldest` may be forgotten.

        `events` are flat: match, sequence, event. Raises `JournalError`.
        """

    def close(self) -> None:
        """Ends orderly."""


class MemoryJournal:
    """Keeps nothing: matches survive their workers, by what the arena itself keeps, but not the hub."""

    lasting: Final = False

    def load(self) -> Kept:
        """Nothing."""
        return Kept([], [], [], 0, 0)

    def commit(self, turn: int, events: Sequence[object], records: Sequence[Record], oldest: int) -> None:
        """Forgets it."""

    def close(self) -> None:
        """Has nothing to end."""


class SqliteJournal:
    """A journal in a file, for its owner only. Only one hub at a time can have it.

    Raises `ConfigError` if the file cannot be had, is no journal, or another hub's.
    """

    lasting: Final = True
    _log_is_long = False

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()
        self._lock = _lock(self.path)
        try:
            self._database = _connect(self.path)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA wal_autocheckpoint = 0")
            self._database.executescript(SCHEMA)
            self._turns = TurnLog(self.path, _name_of(self._database, self.path))
        except (sqlite3.Error, OSError) as error:
            self._lock.close()
            raise ConfigError(f"{self.path}: no journal, and none can be made of it: {error}") from None
        except ConfigError:
            self._lock.close()
            raise
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._checkpoint, name="checkpoint", daemon=True)
        self._thread.start()

    def load(self) -> Kept:
        """Everything that open matches need, and the ends of the last minute."""
        try:
            return load_kept(self._database, self._turns.last, self._turns.read())
        except (sqlite3.Error, ValueError, TypeError, SiegeError) as error:
            raise JournalError(f"{self.path}: the journal cannot be read: {error}") from error

    def commit(self, turn: int, events: Sequence[object], records: Sequence[Record], oldest: int) -> None:
        """Keeps a turn: some ten microseconds, and more for records."""
        execute = self._database.execute
        try:
            if self._log_is_long:
                self._log_is_long = False
                self._begin_log_anew()
            self._turns.write(turn, pack(events))
            if oldest:
                self._turns.forget(oldest)
            if not records:
                return
            execute("BEGIN IMMEDIATE")
            for record in records:
                statement, values = _WRITERS[type(record)](record, turn)
                execute(statement, values)
            execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            why = (
                "another program has locked it" if "locked" in str(error) else f"{error} (is the disk full?)"
            )
            raise JournalError(
                f"{self.path}: the journal cannot be written: {why}. Nothing that agents have been told is "
                f"lost: mend it, and start the hub again with the same journal"
            ) from error

    def _begin_log_anew(self) -> None:
        """Everything into its place, unless somebody reads just now."""
        self._database.execute("PRAGMA busy_timeout = 0")
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def _checkpoint(self) -> None:
        """Moves what was committed from the log to its place, without holding up commits."""
        log_file = self.path.with_name(self.path.name + "-wal")
        while not self._stop.wait(CHECKPOINT_EVERY_S):
            # whether the file can be written, commits find out
            with (
                contextlib.suppress(sqlite3.Error, OSError),
                contextlib.closing(_connect(self.path)) as database,
            ):
                self._turns.sync()
                database.execute("PRAGMA wal_checkpoint(PASSIVE)")
                self._log_is_long = log_file.stat().st_size > LOG_MAX_BYTES

    def close(self) -> None:
        """Writes everything to its place and lets the file go."""
        self._stop.set()
        self._thread.join()
        self._turns.close()
        self._database.close()
        self._lock.close()


def _connect(path: Path) -> sqlite3.Connection:
    # it holds the secrets of sessions; what SQLite puts beside it gets the same mode
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, timeout=BUSY_MS / 1_000, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA synchronous = NORMAL")
    return database


def _lock(path: Path) -> IO[bytes]:
    """A lock that ends with the process, however that ends."""
    where = path.with_name(path.name + ".lock")
    try:
        lock = where.open("ab")
    except OSError as error:
        raise ConfigError(f"{where}: cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigError(f"{path}: another hub is writing this journal") from None
    return lock


def _name_of(database: sqlite3.Connection, path: Path) -> str:
    """The journal's name, which tells its turns from those of another one that was here before."""
    row = database.execute("SELECT format, name FROM meta").fetchone()
    if row is None:
        row = FORMAT, os.urandom(8).hex()
        database.execute("INSERT INTO meta VALUES (?, ?)", row)
    if row[0] != FORMAT:
        raise ConfigError(f"{path}: a journal of format {row[0]}; this hub reads {FORMAT}")
    return str(row[1])


# --- writing ----------------------------------------------------------------------------------------------


def _write_room(record: RoomOpened, _turn: int) -> tuple[str, tuple[Any, ...]]:
    return "INSERT OR REPLACE INTO rooms (name, opened) VALUES (?, ?)", (record.name, record.opened)


def _write_arranged(record: GameArranged, _turn: int) -> tuple[str, tuple[Any, ...]]:
    return "INSERT OR REPLACE INTO games (name, asked) VALUES (?, ?)", (record.name, record.asked)


def _write_news(record: GameNews, _turn: int) -> tuple[str, tuple[Any, ...]]:
    return "UPDATE games SET news = ? WHERE name = ?", (pack(record.news), record.name)


def _write_game_closed(record: GameClosed, _turn: int) -> tuple[str, tuple[Any, ...]]:
    return "UPDATE games SET closed = 1, news = NULL WHERE name = ?", (record.name,)


def _write_room_closed(record: RoomClosed, _turn: int) -> tuple[str, tuple[Any, ...]]:
    return "UPDATE rooms SET closed = 1 WHERE name = ?", (record.name,)


def _write_made(record: MatchMade, turn: int) -> tuple[str, tuple[Any, ...]]:
    made = [record.seed, record.engine, record.rulesets, record.players, record.specs, record.seats]
    values = (record.id, record.room, record.ordinal, turn - 1, pack(made))
    return "INSERT INTO matches (id, room, ordinal, turn, made) VALUES (?, ?, ?, ?, ?)", values


def _write_chunk(record: Chunk, turn: int) -> tuple[str, tuple[Any, ...]]:
    values = (
        record.match,
        record.upto,
        turn - 1,
        pack(record.events),
        record.base,
        record.snapshot,
        record.outputs,
        record.chain,
        pack(record.seats),
    )
    return "INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values


def _write_ended(record: MatchEnded, _turn: int) -> tuple[str, tuple[Any, ...]]:
    values = (time.time(), record.cause, record.text, record.outputs, record.chain, pack(record.lost))
    return (
        "UPDATE matches SET ended_s = ?, cause = ?, text = ?, outputs = ?, chain = ?, lost = ? WHERE id = ?",
        (*values, record.match),
    )


_WRITERS: Final[dict[type, Any]] = {
    RoomOpened: _write_room,
    RoomClosed: _write_room_closed,
    GameArranged: _write_arranged,
    GameNews: _write_news,
    GameClosed: _write_game_closed,
    MatchMade: _write_made,
    Chunk: _write_chunk,
    MatchEnded: _write_ended,
}
