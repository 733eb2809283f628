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

TORN = b"torn" * 64
"""What the commit in progress has left at the end of the log."""


class _NoThread:
    """A checkpoint is of no use in memory."""

    def __init__(self, **_):
        pass

    def start(self):
        pass


class MemoryDisk:
    """The real journal on a database in memory: a transaction is there as a whole, or not."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", isolation_level=None)

    def open(self):
        """The journal of a process that has just begun."""
        with contextlib.ExitStack() as undo:
            for name, value in (
                ("_lock", lambda _path: io.BytesIO()),
                ("_connect", lambda _path: self.database),
                ("threading", SimpleNamespace(Event=threading.Event, Thread=_NoThread)),
            ):
                undo.callback(setattr, journal, name, getattr(journal, name))
                setattr(journal, name, value)
            return SqliteJournal("in memory")

    def crash(self):
        if self.database.in_transaction:
            self.database.rollback()

    def turns_kept(self):
        return self.database.execute("SELECT COUNT(*) FROM turns").fetchone()[0]

    def matches(self):
        """All matches, as anyone reads them from a journal's file."""
        with tempfile.NamedTemporaryFile(suffix=".journal") as file:
            file.write(self.database.serialize())
            file.flush()
            return list(read_matches(file.name))

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
        if self._journal._database.in_transaction:
            self._journal._database.rollback()
        self._journal.close()
        self._path = left

    def turns_kept(self):
        return self._journal._database.execute("SELECT COUNT(*) FROM turns").fetchone()[0]

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
