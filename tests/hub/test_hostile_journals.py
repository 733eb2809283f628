"""Journals of strangers: matches, matches with a problem, or one line of error; never anything else."""

import contextlib
import random
import sqlite3
import struct
import zlib

import pytest

from netsiege.errors import ConfigError, SiegeError
from netsiege.hub import archive, turns
from netsiege.hub.archive import read_matches
from netsiege.hub.entries import Chunk, MatchEnded, MatchMade, RoomOpened
from netsiege.hub.journal import SqliteJournal
from netsiege.protocol import EVENT_HEAD, Kind, pack
from netsiege.replays import from_record
from tests.hub.rig import room

EVENTS = [EVENT_HEAD.pack(0, Kind.STEP, n) + b"x" for n in range(1, 9)]
MANY = [EVENT_HEAD.pack(0, Kind.STEP, n) + b"x" for n in range(1, 21)]
ODD = [
    None, 0, -1, 2**62, 1.5, "", "a", "\x1b[31m\nx", b"", b"\xff" * 9, b"\x90", b"\xdd\x7f\xff\xff\xff",
    b"\x91" * 300, pack([[]]), pack([b"\0" * 3] * 5), pack([1] * 9_999), pack([1, b"", [], [], [], []]),
]  # fmt: skip  # a bag, no table
COLUMNS = [
    "matches.room", "matches.made", "matches.ended_s", "matches.cause", "matches.text", "matches.outputs",
    "matches.chain", "chunks.match", "chunks.upto", "chunks.events", "rooms.name", "rooms.opened",
    "meta.name",
]  # fmt: skip  # a bag, no table
ENDLESS = """
DROP TABLE matches;
CREATE VIEW matches AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)
SELECT x AS id, 'default' AS room, 0 AS ordinal, x'90' AS made, 1.0 AS ended_s, 'goal' AS cause, '' AS text,
    0 AS outputs, 0 AS chain FROM c
"""


def made(number):
    players, specs = [["Attacker", 0, "a"]], [["Attacker", 0, "a", True]]
    seats = [[number, 1, b"token", "a", True]]
    return MatchMade(number, number - 1, "default", 7, b"engine", ("netsecgame",), players, specs, seats)


@pytest.fixture
def path(tmp_path):
    """A journal of a match that has ended, and of one that is open and partly in the turns."""
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    journal.commit(1, [], [RoomOpened("default", room().encode()), made(1), made(2)], 0)
    flat = [part for n, event in enumerate(EVENTS, 1) for part in (2, n, event)]
    journal.commit(
        2, flat, [Chunk(1, 20, MANY, 0, None, 9, 9, []), Chunk(2, 4, EVENTS[:4], 0, None, 5, 5, [])], 0
    )
    journal.commit(3, [], [MatchEnded(1, "finished", "", 9, 9, [])], 0)
    journal.close()
    return path


def change(path, script, *values):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        if values:
            database.execute(script, values)
        else:
            database.executescript(script)


def problems(path):
    return [record.problem for record in read_matches(path)]


def test_journal_as_a_hub_writes_it_has_no_problems(path):
    first, second = read_matches(path)
    assert (first.events, second.events) == (tuple(MANY), tuple(EVENTS))
    assert (first.cause, second.cause) == ("finished", None)
    assert (first.problem, second.problem) == ("", "")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("UPDATE matches SET made = x'90' WHERE id = 1", "not enough values"),
        ("UPDATE matches SET made = x'80' WHERE id = 1", "maps and extension types"),
        ("UPDATE matches SET made = 'text' WHERE id = 1", "expected bytes"),
        ("UPDATE matches SET outputs = -1 WHERE id = 1", "outputs: expected a whole number"),
        ("UPDATE matches SET chain = 'x' WHERE id = 1", "chain: expected a whole number"),
        ("UPDATE matches SET cause = 'boredom' WHERE id = 1", "cause: 'boredom' is not one of"),
        ("UPDATE matches SET text = 7 WHERE id = 1", ""),
        ("UPDATE chunks SET events = x'9105' WHERE match = 1", "event: expected bytes"),
        ("UPDATE chunks SET events = x'05' WHERE match = 1", "no list of events"),
        ("UPDATE chunks SET upto = 99 WHERE match = 1", "match 1: event 80 comes after event 0"),
        ("UPDATE chunks SET upto = 'x' WHERE match = 1", "chunk: expected a whole number"),
    ],
)
def test_match_that_makes_no_sense_has_a_problem_and_the_other_is_read(path, script, problem):
    change(path, script)
    first, second = read_matches(path)
    assert problem in first.problem
    assert second.events == tuple(EVENTS)
    assert second.problem == ""
    if problem:
        with pytest.raises(SiegeError, match=r"^match 1 of room default: "):
            from_record(first)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("DELETE FROM meta", "expected text"),
        ("DROP TABLE rooms", "it has no table rooms"),
        (ENDLESS, "it has no table matches"),
        ("DROP TABLE chunks; CREATE TABLE chunks (match, upto, events BLOB AS (zeroblob(1000000000)))",
         "the table chunks has columns that are computed"),
        ("ALTER TABLE matches DROP COLUMN text", "no such column: text"),
        ("UPDATE rooms SET opened = x'90'", "OpenRoom is a list"),
        ("UPDATE rooms SET name = 'other'", "there is no room 'default', but match 1 of it"),
        ("INSERT INTO rooms SELECT char(27), opened, closed FROM rooms", "is no name"),
        ("UPDATE matches SET id = -5 WHERE id = 1", "match -5 comes after match -1"),
    ],
)  # fmt: skip  # a table
def test_journal_that_makes_no_sense_is_refused_in_a_line(path, script, said):
    change(path, script)
    with pytest.raises(ConfigError) as refused:
        list(read_matches(path))
    assert said in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("seed", range(60))
def test_journal_with_odd_values_or_torn_bytes_is_read_or_refused(path, seed):
    rng = random.Random(seed)
    if seed % 3:
        table, column = rng.choice(COLUMNS).split(".")
        with contextlib.suppress(sqlite3.Error):
            change(path, f"UPDATE {table} SET {column} = ?", rng.choice(ODD))
    else:
        text = bytearray(path.read_bytes())
        for _ in range(rng.randint(1, 9)):
            text[rng.randrange(len(text))] = rng.choice((0, 255, rng.randrange(256)))
        path.write_bytes(text)
    try:
        records = list(read_matches(path))
    except ConfigError:
        return
    for record in records:
        if record.problem or record.cause is None:
            continue
        with contextlib.suppress(SiegeError):
            from_record(record)


@pytest.mark.parametrize(
    ("blob", "said"),
    [
        (pack([2, 9]), "turn 9 is no list"),
        (pack(7), "turn 9 is no list"),
        (b"\xdd\x7f\xff\xff\xff", "too many values"),
        (b"\x90" * 50, "something follows"),
        (pack([[], [], []]), None),
        (pack([None, None, None]), None),
    ],
)
def test_turn_that_makes_no_sense_is_refused_or_left_out(path, blob, said):
    [file] = path.parent.glob("*-turns-*")
    record = struct.Struct(">IIQ").pack(len(blob), zlib.crc32(blob, 9), 9) + blob
    file.write_bytes(file.read_bytes() + record)
    if said is None:
        assert problems(path) == ["", ""]
        return
    with pytest.raises(ConfigError, match=said):
        list(read_matches(path))


def test_event_out_of_the_turns_that_makes_no_sense_is_a_problem_of_its_match(path):
    [file] = path.parent.glob("*-turns-*")
    blob = pack([2, "nine", b"event"])
    file.write_bytes(file.read_bytes() + turns.HEAD.pack(len(blob), zlib.crc32(blob, 9), 9) + blob)
    first, second = problems(path)
    assert first == ""
    assert second.startswith("event: expected a whole number")


def test_match_and_turns_that_are_too_large_are_not_read_to_their_end(path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_EVENTS", 15)
    assert problems(path) == ["more than 15 events, or 268435456 bytes of them", ""]
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_EVENT_BYTES", 100)
    assert problems(path) == ["more than 4194304 events, or 100 bytes of them", ""]
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_LOG_BYTES", 50)
    with pytest.raises(ConfigError, match="its turns take more than 50 bytes"):
        list(read_matches(path))
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_BLOB_BYTES", 40)
    with pytest.raises(ConfigError, match="too big"):
        list(read_matches(path))


def test_event_without_its_head_is_no_replay(path):
    change(path, "UPDATE chunks SET events = ? WHERE match = 1", pack([b"short"] * 20))
    first, _ = read_matches(path)
    with pytest.raises(SiegeError, match=r"^match 1 of room default: an event is malformed$"):
        from_record(first)


def test_path_of_no_file_is_refused_in_a_line(tmp_path):
    for path in (tmp_path / "none", tmp_path, "a\0b"):
        with pytest.raises(ConfigError):
            list(read_matches(path))
