"""What is asked of a SQLite file that anyone may have made."""

import contextlib
import sqlite3

import pytest

from netsiege.errors import JournalError
from netsiege.hub.strangers import distrust


@pytest.fixture
def database():
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.executescript("CREATE TABLE a (x INTEGER); CREATE TABLE b (y TEXT)")
        yield made


def test_tables_that_are_stored_are_taken_whatever_else_is_there(database):
    database.execute("CREATE VIEW c AS SELECT 1")
    distrust(database, ["a", "b"], 1_000)


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        ("SELECT 1", "it has no table a"),
        ("CREATE VIEW a AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c",
         "it has no table a"),
        ("CREATE VIRTUAL TABLE a USING fts5(x)", "it has no table a"),
        ("CREATE INDEX a ON b (y)", "it has no table a"),
        ("CREATE TABLE a (x INTEGER, y BLOB AS (zeroblob(1000000000)))",
         "the table a has columns that are computed"),
        ("CREATE TABLE a (x INTEGER, y BLOB AS (zeroblob(9)) STORED)",
         "the table a has columns that are computed"),
    ],
)  # fmt: skip  # a table
def test_what_is_no_table_of_stored_values_is_refused_by_name(database, instead, said):
    database.executescript(f"DROP TABLE a; {instead}")
    with pytest.raises(JournalError, match=f"^{said}$"):
        distrust(database, ["b", "a"], 1_000)


def test_value_beyond_the_limit_is_not_read(database):
    database.execute("INSERT INTO b VALUES (printf('%.*c', 2000, 'x'))")
    distrust(database, ["a", "b"], 1_000)
    with pytest.raises(sqlite3.DataError, match="too big"):
        database.execute("SELECT y FROM b").fetchall()


def test_settings_are_those_that_sqlite_advises(database):
    distrust(database, ["a"], 1_000)
    for pragma, value in (("trusted_schema", 0), ("cell_size_check", 1)):
        assert database.execute(f"PRAGMA {pragma}").fetchone() == (value,)
