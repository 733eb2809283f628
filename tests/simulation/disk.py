"""What survives the hub: its real journal, in memory or in a file.

A file is copied as a killed process leaves it, with a torn end of its log.
"""

import contextlib
import io
import shutil
import sqlite3
import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

from netsiege.hub import archive, journal
from netsiege.hub.archive import read_matches
from netsiege.hub.journal import SqliteJournal
from netsiege.hub.turns import TurnLog

TORN = b"torn" * 64
"""What the commit in progress has left at the end of the log."""


class _NoThread:
    """A checkpoint is of no use in memory."""

    def __init__(self, **_):
        pass

    def start(self):
        pass


class _MemoryTurns:
    """The log of turns, in memory."""

    def __init__(self):
        self.turns = []

    @property
    def last(self):
        return max((turn for turn, _ in self.turns), default=0)

    def write(self, turn, events):
        self.turns.append((turn, events))

    def read(self):
        return iter(list(self.turns))

    def forget(self, oldest):
        self.turns = [(turn, events) for turn, events in self.turns if turn > oldest]


class MemoryDisk:
    """The real journal on a database in memory: a transaction is there as a whole, or not."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", isolation_level=None)
        self.turns = _MemoryTurns()

    def open(self):
        """The journal of a process that has just begun."""
        with contextlib.ExitStack() as undo:
            for name, value in (
                ("_lock", lambda _path: io.BytesIO()),
                ("_connect", lambda _path: self.database),
                ("TurnLog", lambda _path, _name: self.turns),
                ("threading", SimpleNamespace(Event=threading.Event, Thread=_NoThread)),
            ):
                undo.callback(setattr, journal, name, getattr(journal, name))
                setattr(journal, name, value)
            return SqliteJournal("in memory")

    def crash(self):
        if self.database.in_transaction:
            self.database.rollback()

    def turns_kept(self):
        return len(self.turns.turns)

    def ask(self, query):
        return self.database.execute(query).fetchall()

    def matches(self):
        """All matches, as anyone reads them from a journal's file."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "m.journal"
            path.write_bytes(self.database.serialize())
            name = self.database.execute("SELECT name FROM meta").fetchone()[0]
            log = TurnLog(path, name)
            for turn, events in self.turns.turns:
                log.write(turn, events)
            log.close()
            return list(read_matches(path))

    def close(self):
        self.database.close()


class FileDisk:
    """A journal in a file, with its thread. A crash leaves the file and its log as they are."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="netsiege-simulation-")
        self._crashes = 0
        self._path = Path(self._directory.name) / "0.journal"
        self._journal = None

    def open(self):
        self._journal = SqliteJournal(self._path)
        return self._journal

    def crash(self):
        """Takes a copy while the process still has the file, and lets the copy be the disk."""
        self._crashes += 1
        left = self._path.with_name(f"{self._crashes}.journal")
        for ending in ("", "-wal"):
            there = self._path.with_name(self._path.name + ending)
            if there.exists():
                shutil.copyfile(there, left.with_name(left.name + ending))
        with left.with_name(left.name + "-wal").open("ab") as log:
            log.write(TORN)
        for file in sorted(self._path.parent.glob(f"{self._path.name}-turns-*")):
            copy = left.with_name(file.name.replace(self._path.name, left.name, 1))
            shutil.copyfile(file, copy)
            with copy.open("ab") as log:
                log.write(TORN)
        if self._journal._database.in_transaction:
            self._journal._database.rollback()
        self._journal.close()
        self._path = left

    def ask(self, query):
        return self._journal._database.execute(query).fetchall()

    def turns_kept(self):
        return sum(1 for _ in self._journal._turns.read())

    def matches(self):
        return list(read_matches(self._path))

    def close(self):
        if self._journal is not None:
            self._journal.close()
        self._directory.cleanup()


@contextlib.contextmanager
def clock_of(clock):
    """The journal's modules ask the virtual clock for the time of day."""
    before = journal.time, archive.time
    journal.time = archive.time = SimpleNamespace(time=lambda: 1e9 + clock.now_s)
    try:
        yield
    finally:
        journal.time, archive.time = before
