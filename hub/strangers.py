"""SQLite files that anyone may have made: what is asked of one before anything in it is read.

It does not look at values: whoever reads them checks them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from netsiege.errors import JournalError


def distrust(database: sqlite3.Connection, tables: Iterable[str], most_bytes: int) -> None:
    """Sets what SQLite advises for files of strangers, and a limit for each value.

    Raises `JournalError` unless all of `tables` are there, as tables, with columns that are stored.
    """
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most_bytes)
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        database.execute(f"PRAGMA {pragma}")
    for table in tables:
        row = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        # views, virtual tables, and columns that are computed could go on for ever
        if row is None or not str(row[0]).upper().startswith("CREATE TABLE"):
            raise JournalError(f"it has no table {table}")
        if any(column[6] for column in database.execute(f"PRAGMA table_xinfo({table})")):
            raise JournalError(f"the table {table} has columns that are computed")
