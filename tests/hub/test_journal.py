"""The journal in a file, and hubs that go on from it."""

import contextlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from itertools import count

import pytest
from attrs import evolve

from netsiege.errors import ConfigError, JournalError
from netsiege.game import IP, Action, ActionType
from netsiege.hub import journal as journals
from netsiege.hub import ledger, turns
from netsiege.hub.archive import read_matches
from netsiege.hub.arena import Arena
from netsiege.hub.entries import RoomOpened
from netsiege.hub.journal import SqliteJournal
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    Cause,
    End,
    Flag,
    Hello,
    Kind,
    SessionRole,
    Welcome,
    link,
)
from netsiege.protocol.play import action_body
from tests.hub.rig import STEP_REPLY, Rig, room, seated_body

LOOK = Action(ActionType.FindServices, {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.2")})
STEP = action_body(LOOK)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


def turns_of(path):
    """The numbers of the turns that are kept."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        name = database.execute("SELECT name FROM meta").fetchone()[0]
    return [turn for turn, _ in turns.read_turns(path, name)]


@pytest.fixture
def hubs(path):
    """Makes a hub with the journal, after the end of the one before."""
    made = []
    numbers = count(1_000, 1_000)

    def start(*rooms):
        while made:
            made.pop().close()
        made.append(SqliteJournal(path))
        rig = Rig(*rooms, journal=made[-1], first_number=next(numbers))
        rig.commit()
        return rig

    yield start
    for journal in made:
        journal.close()


def seated(rig, count=1):
    worker, agent = rig.worker(b"w"), rig.agent(b"a")
    for _ in range(count):
        agent.join()
    opened = worker.opened()
    for lease, opening in opened:
        worker.seat(lease, opening)
    agent.answers()
    return worker, agent, opened


def step(agent, seat=None):
    return agent.ask(agent.session.step(seat or agent.seat, LOOK))


def come_back(rig, token):
    back = rig.mute(b"back")
    hello = Hello("a", SessionRole.AGENT, token).encode()
    rig.from_agent(b"back", AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 900) + hello)
    [frame] = back.frames
    back.frames.clear()
    return Welcome.decode(frame[HEAD_BYTES:]), back


def test_hub_that_is_started_again_goes_on_with_every_event(hubs):
    rig = hubs()
    worker, agent, [(lease, _)] = seated(rig)
    first = step(agent)
    worker.out(lease, 0, Kind.OBS, first, STEP_REPLY, Flag.MOVE, 1)
    second = step(agent)
    token, handle = agent.session.token, agent.seat.handle

    rig = hubs()
    welcome, back = come_back(rig, token)
    assert [seat.handle for seat in welcome.seats] == [handle]
    worker = rig.worker(b"v")
    [(lease, opening)] = worker.opened()
    assert [event[3:7] for event in opening.events] == [n.to_bytes(4, "big") for n in (first, second)]
    worker.seat(lease, opening)
    worker.out(lease, 0, Kind.OBS, first, STEP_REPLY, Flag.MOVE, 1)
    worker.out(lease, 0, Kind.OBS, second, STEP_REPLY, Flag.MOVE, 2)
    worker.viewed(lease, 0, seated_body(opening, 0))
    [resumed] = back.frames
    assert resumed[1] == Kind.RESUMED
    assert rig.arena.seats[handle].answered == second


def test_request_repeated_after_a_restart_is_not_played_again(hubs):
    rig = hubs()
    _, agent, _ = seated(rig)
    asked = step(agent)
    token, handle = agent.session.token, agent.seat.handle
    rig = hubs()
    come_back(rig, token)
    rig.from_agent(b"back", AGENT_HEAD.pack(VERSION, Kind.STEP, handle, asked) + STEP)
    assert rig.arena.events == 0
    [(_, opening)] = rig.worker(b"v").opened()
    assert len(opening.events) == 1


def test_next_request_after_a_restart_says_that_the_last_one_was_heard(hubs):
    rig = hubs()
    _, agent, _ = seated(rig)
    first = step(agent)
    token, handle = agent.session.token, agent.seat.handle
    rig = hubs()
    come_back(rig, token)
    for request in (first + 1, first + 2):
        rig.from_agent(b"back", AGENT_HEAD.pack(VERSION, Kind.STEP, handle, request) + STEP)
    seat = rig.arena.seats[handle]
    assert (seat.answered, seat.request, rig.arena.events) == (first, first + 1, 1)


def test_last_word_about_a_seat_is_kept_although_its_match_goes_on(hubs):
    rig = hubs(room(seats=(("Attacker", 2),)))
    worker, agent, [(lease, _)] = seated(rig, 2)
    token, over = agent.session.token, agent.session.seats
    first = min(over)
    rig.lose_agent(b"a")
    worker.out(lease, 0, Kind.END, 0, End(Cause.TIME).encode(), Flag.OVER, 0)
    ledger.file_chunk(rig.arena, rig.arena.matches[1], snapshot=False)
    rig.commit()
    rig = hubs(room(seats=(("Attacker", 2),)))
    welcome, _ = come_back(rig, token)
    assert [(lost.handle, lost.body) for lost in welcome.lost] == [(first, End(Cause.TIME).encode())]
    assert len(welcome.seats) == 1


def test_snapshot_spares_the_events_before_it_also_after_a_restart(hubs, path):
    rig = hubs()
    worker, agent, [(lease, _)] = seated(rig)
    for sequence in range(1, 6):
        worker.out(lease, 0, Kind.OBS, step(agent), STEP_REPLY, Flag.MOVE, sequence)
        if sequence in (2, 4):
            rig.commit()
            worker.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, sequence) + b"state %d" % sequence)
    rig = hubs()
    [(_, opening)] = rig.worker(b"v").opened()
    assert opening.snapshot == b"state 4"
    assert len(opening.events) == 1
    [record] = read_matches(path)
    assert len(record.events) == 5


def test_late_snapshot_loses_no_event_that_came_after_it(hubs):
    rig = hubs()
    worker, agent, [(lease, _)] = seated(rig)
    requests = []
    for sequence in range(1, 4):
        requests.append(step(agent))
        worker.out(lease, 0, Kind.OBS, requests[-1], STEP_REPLY, Flag.MOVE, sequence)
    ledger.file_chunk(rig.arena, rig.arena.matches[1], snapshot=False)
    step(agent)
    worker.say(WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, 1) + b"state 1")
    rig = hubs()
    [(_, opening)] = rig.worker(b"v").opened()
    assert opening.snapshot == b"state 1"
    assert len(opening.events) == 3


def test_turns_are_forgotten_once_no_match_needs_them(hubs, path, monkeypatch):
    monkeypatch.setattr(ledger, "FILE_AFTER_TURNS", 5)
    monkeypatch.setattr(turns, "FILE_BYTES", 1)
    rig = hubs()
    worker, agent, opened = seated(rig, 2)
    busy, idle = sorted(agent.session.seats.values(), key=lambda seat: seat.match)
    leases = {opening.match: lease for lease, opening in opened}
    step(agent, idle)
    for sequence in range(1, 30):
        asked = step(agent, busy)
        worker.out(leases[busy.match], 0, Kind.OBS, asked, STEP_REPLY, Flag.MOVE, sequence)
        rig.commit()
        oldest = ledger.oldest_turn(rig.arena)
        rig.commit(oldest)
    assert len(turns_of(path)) < 15
    rig = hubs()
    worker = rig.worker(b"v")
    assert sorted(len(opening.events) for _, opening in worker.opened()) == [1, 29]


def test_rooms_and_their_numbers_go_on(hubs):
    rig = hubs()
    director = rig.agent(b"d", SessionRole.DIRECTOR)
    director.ask(director.session.open_room(room("x", spec=b"other")))
    _, _, [(_, first)] = seated(rig)
    rig = hubs()
    assert sorted(rig.arena.rooms) == ["default", "x"]
    worker, agent = rig.worker(b"v"), rig.agent(b"b")
    worker.take()
    agent.join()
    [(_, second)] = worker.opened()
    assert second.match == first.match + 1
    assert second.seed != first.seed


def test_room_that_opts_out_leaves_nothing(hubs, path):
    rig = hubs(room(journal=False))
    _, agent, _ = seated(rig)
    step(agent)
    assert list(read_matches(path)) == []
    assert hubs(room(journal=False)).arena.matches == {}


def test_room_of_other_clocks_is_another_task(hubs):
    hubs()
    with pytest.raises(ConfigError, match="another task"):
        hubs(room(move_s=5.0))


def test_damaged_journal_is_a_mistake_that_names_the_file(hubs, path):
    rig = hubs()
    step(seated(rig)[1])
    rig.journal.close()
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM rooms")
    database.close()
    with pytest.raises(ConfigError, match=r"journal\.db"):
        list(read_matches(path))


def test_log_is_begun_anew_when_it_is_long(path, monkeypatch):
    monkeypatch.setattr(journals, "LOG_MAX_BYTES", 1 << 20)
    journal = SqliteJournal(path)
    log_file = path.with_name("journal.db-wal")
    for turn in range(1, 200):
        journal.commit(turn, [], [RoomOpened(f"r{turn}", bytes(1 << 16))], 0)
    journal._log_is_long = log_file.stat().st_size > journals.LOG_MAX_BYTES  # what the thread does
    assert journal._log_is_long  # as above
    journal.commit(200, [1, 200, b"event"], (), 0)
    assert log_file.stat().st_size < 1 << 20
    assert len(turns_of(path)) == 200
    journal.close()


def test_room_of_another_task_is_refused_and_said(hubs):
    hubs()
    with pytest.raises(ConfigError, match="another task"):
        hubs(room(spec=b"another"))


def test_end_that_the_session_did_not_hear_is_told_after_a_restart(hubs):
    rig = hubs()
    worker, agent, [(lease, _)] = seated(rig)
    token, handle = agent.session.token, agent.seat.handle
    rig.lose_agent(b"a")
    worker.out(lease, 0, Kind.END, 0, End(Cause.TIME).encode(), Flag.OVER)
    rig = hubs()
    welcome, _ = come_back(rig, token)
    assert [(lost.handle, lost.kind) for lost in welcome.lost] == [(handle, Kind.END)]


def test_finished_match_is_read_with_all_that_it_takes_to_play_it_again(hubs, path):
    rig = hubs()
    worker, agent, [(lease, opening)] = seated(rig)
    asked = step(agent)
    worker.out(lease, 0, Kind.OBS, asked, STEP_REPLY, Flag.MOVE, 1)
    end = End(Cause.FINISHED).encode()
    worker.out(lease, 0, Kind.END, 0, end, Flag.OVER, 1)
    [record] = read_matches(path)
    assert (record.room, record.spec, record.engine) == ("default", b"spec", b"engine")
    assert (record.seed, record.seats, record.cause) == (opening.seed, opening.seats, "finished")
    assert len(record.events) == 1
    chain = link(0, 0, Kind.SEATED, Flag.MOVE, 0, seated_body(opening, 0))
    chain = link(chain, 0, Kind.OBS, Flag.MOVE, asked, STEP_REPLY)
    assert (record.outputs, record.chain) == (3, link(chain, 0, Kind.END, Flag.OVER, 0, end))


def test_open_match_is_read_while_a_hub_is_writing(hubs, path):
    rig = hubs()
    _, agent, _ = seated(rig)
    step(agent)
    [record] = read_matches(path)
    assert (record.cause, record.outputs) == (None, None)
    assert len(record.events) == 1


def test_matches_that_are_asked_for_are_read_alone(hubs, path):
    rig = hubs()
    worker, agent, opened = seated(rig, 3)
    seats = sorted(agent.session.seats.values(), key=lambda seat: seat.match)
    (first, lease), (second, _), _ = sorted((opening.match, lease) for lease, opening in opened)
    for seat in seats[:2]:
        step(agent, seat)
    rig.commit()
    worker.out(lease, 0, Kind.END, 0, End(Cause.FINISHED).encode(), Flag.OVER, 1)
    found = {record.id: record for record in read_matches(path, [second, first, 99])}
    assert list(found) == sorted([first, second])
    assert [(found[n].cause, len(found[n].events)) for n in (first, second)] == [("finished", 1), (None, 1)]
    assert [record.id for record in read_matches(path, {first})] == [first]
    assert list(read_matches(path, ())) == []


def test_second_hub_on_the_same_journal_is_refused(hubs, path):
    hubs()
    with pytest.raises(ConfigError, match="another hub"):
        SqliteJournal(path)


@pytest.mark.parametrize(
    "content", [b"not a database at all, but a long text of more than a page" * 99, b"\0" * 5000]
)
def test_file_that_is_no_journal_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="journal"):
        SqliteJournal(path)
    with pytest.raises(ConfigError):
        list(read_matches(path))
    assert path.read_bytes() == content


def test_journal_in_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        SqliteJournal(tmp_path / "nowhere" / "journal.db")


def test_journal_of_another_format_is_refused(path):
    SqliteJournal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE meta SET format = 99")
    database.close()
    with pytest.raises(ConfigError, match="format 99"):
        SqliteJournal(path)


def test_gap_in_a_match_is_an_error_and_not_another_match(hubs, path):
    rig = hubs()
    worker, agent, [(lease, _)] = seated(rig)
    for sequence in range(1, 4):
        worker.out(lease, 0, Kind.OBS, step(agent), STEP_REPLY, Flag.MOVE, sequence)
    [file] = path.parent.glob("*-turns-*")
    found = list(turns._records(file.read_bytes()))
    _, start, end = found[-2]
    text = file.read_bytes()
    file.write_bytes(text[: start - turns.HEAD.size] + text[end:])
    with pytest.raises(JournalError, match="event 3 comes after event 1"):
        hubs()


def test_full_disk_is_said_and_what_was_committed_stays(path):
    journal = SqliteJournal(path)
    rig = Rig(journal=journal)
    _, agent, _ = seated(rig)
    step(agent)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 15, hard))  # as good as a disk with no room left
    try:
        with pytest.raises(JournalError, match="start the hub again"):
            journal.commit(rig.arena.turns + 1, [1, 2, os.urandom(1 << 16)], (), 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    journal.commit(rig.arena.turns + 1, [1, 2, b"small"], (), 0)
    journal.close()
    [record] = read_matches(path)
    assert len(record.events) == 2


@pytest.mark.parametrize("left", [b"torn", bytes(100), b"\xff" * 40])
def test_torn_end_of_a_turn_is_cut_off(hubs, path, left):
    rig = hubs()
    step(seated(rig)[1])
    rig.journal.close()
    [file] = path.parent.glob("*-turns-*")
    whole = file.read_bytes()
    for torn in (whole + left, whole + whole[:30]):
        file.write_bytes(torn)
        [record] = read_matches(path)
        assert len(record.events) == 1
    assert len(hubs().arena.matches) == 1
    assert file.read_bytes().startswith(whole)


def test_turns_of_a_journal_that_was_here_before_are_not_taken_for_its_own(hubs, path):
    rig = hubs()
    step(seated(rig)[1])
    rig.journal.close()
    for file in path.parent.glob("journal.db*"):
        if "-turns-" not in file.name:
            file.unlink()
    rig = hubs()
    assert rig.arena.matches == {}
    seated(rig)
    [(_, opening)] = hubs().worker(b"v").opened()
    assert opening.events == ()


@pytest.mark.soak
def test_process_killed_at_any_moment_has_kept_every_turn_it_reported(tmp_path):
    writer = textwrap.dedent("""
        import sys
        from netsiege.hub.journal import SqliteJournal
        journal = SqliteJournal(sys.argv[1])
        turn = journal.load().turns
        while True:
            turn += 1
            journal.commit(turn, [1, turn, b"event" * 20], (), 0)
            print(turn, flush=True)
    """)
    path, reported = tmp_path / "j.db", 0
    for lines in range(1, 60, 3):
        process = subprocess.Popen([sys.executable, "-c", writer, path], stdout=subprocess.PIPE, text=True)
        for _ in range(lines):
            reported = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        process.stdout.close()
        process.wait()
        reported = max([reported, *(int(line) for line in rest[:-1] if line)])
        ids = turns_of(path)
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) in (reported, reported + 1)


def test_seed_that_is_insisted_on_must_be_that_of_the_journal(hubs, path):
    hubs()
    journal = hubs().journal
    other = evolve(room(), seed=8)
    with pytest.raises(ConfigError, match="seed 7"):
        ledger.restore(Arena((), lambda: 1), journal.load(), (other,), ledger.Insist(seed=True))
    ledger.restore(Arena((), lambda: 1), journal.load(), (other,))
    ledger.restore(Arena((), lambda: 1), journal.load(), (room(spec=b"x"),), ledger.Insist(task=False))


def test_files_of_a_new_journal_are_its_owners_alone(tmp_path):
    before = os.umask(0)
    try:
        with contextlib.closing(SqliteJournal(tmp_path / "hub.journal")) as journal:
            journal.commit(1, [1, 1, b"event"], [], 0)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert {name for name, mode in modes.items() if mode & 0o077 and not name.endswith(".lock")} == set()
    assert len(modes) > 3


def test_stray_file_beside_the_journal_is_nobodys(tmp_path):
    with contextlib.closing(SqliteJournal(tmp_path / "hub.journal")) as journal:
        journal.commit(1, [1, 1, b"event"], [], 0)
    [file] = [path for path in tmp_path.iterdir() if "-turns-" in path.name]
    for ending in ("~", ".bak", "x"):
        file.with_name(file.name + ending).write_bytes(b"nonsense")
    with contextlib.closing(SqliteJournal(tmp_path / "hub.journal")) as journal:
        assert journal.load().turns == 1
