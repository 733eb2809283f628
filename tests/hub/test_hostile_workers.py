"""What workers that are broken, or somebody's, can do to others: nothing beyond their own matches."""

import sqlite3
from contextlib import closing

import pytest

from netsiege.errors import JournalError, WorkerLost
from netsiege.hub import leasing, ledger, pending
from netsiege.hub.arena import Arena
from netsiege.hub.journal import SqliteJournal
from netsiege.protocol import AGENT_HEAD, VERSION, Code, End, Error, Flag, Kind, Wait, pack
from tests.hub.rig import STEP_REPLY, Rig, room


def seated():
    rig = Rig()
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    [lease] = worker.seat_all()
    agent.answers()
    return rig, worker, agent, lease


@pytest.mark.parametrize(
    ("kind", "flags", "body"),
    [
        (Kind.ERROR, Flag.NONE, Error(Code.SESSION_TAKEN, "x").encode()),
        (Kind.ERROR, Flag.NONE, Error(Code.HUB_CLOSING, "x").encode()),
        (Kind.ERROR, Flag.NONE, b"garbage"),
        (Kind.ERROR, Flag.NONE, Error(Code.BAD_ACTION, "x").encode() + bytes(5_000)),
        (Kind.END, Flag.OVER, b"garbage"),
        (Kind.OBS, Flag.OVER, STEP_REPLY),
        (Kind.WAIT, Flag.OVER, Wait("peers").encode()),
        (Kind.WELCOME, Flag.NONE, b""),
        (Kind.PONG, Flag.NONE, b""),
        (255, Flag.NONE, b""),
        (0, Flag.NONE, b""),
    ],
)
def test_word_that_no_engine_says_ends_the_match_and_no_other(kind, flags, body):
    rig, worker, agent, lease = seated()
    agent.join()
    [other] = worker.seat_all()
    [seat] = agent.answers()
    worker.out(lease, 0, kind, 0, body, flags)
    [lost] = agent.answers()
    assert isinstance(lost, WorkerLost)
    assert list(agent.session.seats) == [seat.handle]
    assert [match.lease for match in rig.arena.matches.values()] == [other]


def test_words_that_an_engine_says_are_passed_on():
    _, worker, agent, lease = seated()
    for code in (Code.BAD_ACTION, Code.BAD_REQUEST, Code.BUSY, Code.MALFORMED):
        worker.out(lease, 0, Kind.ERROR, 0, Error(code, "x").encode())
    assert len(agent.answers()) == 4
    worker.out(lease, 0, Kind.END, 0, End("finished").encode(), Flag.OVER)
    assert len(agent.answers()) == 1
    assert agent.session.seats == {}


def test_batch_that_is_refused_weighs_nothing(monkeypatch):
    monkeypatch.setattr(pending, "MAX_HEAVY_BYTES", 9_000)
    rig = Rig(room(), room("own"))
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    agent.join()
    agent.join(room="own")
    worker.seat_all()
    ours, own = list(agent.session.seats.values())
    rig.from_agent(b"a", AGENT_HEAD.pack(VERSION, Kind.STEP, own.handle, 50) + bytes(8_000))
    worker.out(rig.arena.seats[own.handle].match.lease, 0, Kind.OBS, 50, STEP_REPLY)
    moves = pack([ours.handle, bytes(8_000), own.handle, bytes(8_000)])
    agent.frames.clear()
    rig.from_agent(b"a", AGENT_HEAD.pack(VERSION, Kind.STEP_MANY, 0, 51) + moves)
    assert Error.decode(agent.frames[-1][14:]).code == Code.OVERLOADED
    assert [match.heavy for match in rig.arena.matches.values()] == [0, 8_000]


def test_match_that_all_have_left_does_not_wait_for_ever_for_a_worker_of_its_kind():
    rig = Rig()
    worker, agent = rig.worker(b"w", engine=b"nobody else's"), rig.agent(b"a")
    agent.join()
    worker.seat_all()
    rig.lose_worker(b"w")
    rig.worker(b"w2", engine=b"everybody's")
    rig.pass_time(10 + leasing.DESERTED_S)
    assert len(rig.arena.matches) == 1, "its player is still there"
    rig.lose_agent(b"a")
    rig.pass_time(20 + leasing.DESERTED_S)
    assert (rig.arena.matches, rig.arena.homeless, rig.arena.seats) == ({}, {}, {})
    rig.pass_time(20)
    assert rig.arena.tokens == {}


def test_match_without_a_snapshot_ends_before_it_fills_the_hub(monkeypatch):
    monkeypatch.setattr(leasing, "MAX_KEPT_EVENTS", 20)
    rig, worker, agent, lease = seated()
    for request in range(100, 130):
        rig.from_agent(b"a", AGENT_HEAD.pack(VERSION, Kind.STEP, agent.seat.handle, request) + b"\xc0")
        worker.out(lease, 0, Kind.OBS, request, STEP_REPLY)
    rig.tick(2)
    assert rig.arena.matches == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE matches SET lost = x'91a161'",
        "UPDATE matches SET lost = x'9191a161'",
        "UPDATE matches SET lost = x'9196a161a162c0c0c0c0'",
    ],
)
def test_damaged_journal_is_said_in_a_line(tmp_path, damage):
    path = tmp_path / "hub.journal"
    with closing(SqliteJournal(path)) as journal:
        rig = Rig(journal=journal)
        worker, agent = rig.worker(b"w"), rig.agent(b"a")
        agent.join()
        [lease] = worker.seat_all()
        worker.out(lease, 0, Kind.END, 0, End("finished").encode(), Flag.OVER)
        rig.commit()
    with closing(sqlite3.connect(path)) as database:
        assert database.execute(damage).rowcount == 1
        database.commit()
    with closing(SqliteJournal(path)) as journal, pytest.raises(JournalError):
        ledger.restore(Arena((), lambda: 1), journal.load(), (room(),))
