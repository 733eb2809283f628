"""A cup's store: what was acknowledged is there, once, whatever ends the director."""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from attrs import evolve

from netsiege.errors import ConfigError, JournalError
from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    Cup,
    Entrant,
    Format,
    Game,
    Ground,
    Outcome,
    Player,
)
from netsiege.hub.tournament.records import DONE, FILE, OPEN, VOID, Attempt, Bench, Counts, Reader
from netsiege.hub.tournament.store import Store
from tests.lengths import lasting

CUP = Cup(
    "spring",
    (
        Entrant("red", ((ATTACKER, Player(agent="scripted-attacker")), (DEFENDER, Player(key="k")))),
        Entrant("blue", ((DEFENDER, Player(command=("./blue", "--fast"))),), 4, cpu_s=1.5, memory_mb=512),
    ),
    (Ground("tiny", "two_networks_tiny", readdressed=True, unseen=True, benign=("office-benign",)),),
    Format(games=3),
    seed=7,
    episode_s=60.0,
)
SOFTWARE = "netsiege 1.2.3"


def game(number, **changes):
    made = Game(number, number - number % 2, "tiny", number // 2, 1_000 + number // 2, "red", "blue")
    return evolve(made, **changes)


def outcome(number, score=1.0, **changes):
    told = Outcome(game(number), score, "goal", (90.5, -100.0), (12, 11))
    return evolve(told, **changes)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cup"


@pytest.fixture
def store(folder):
    with Store.create(folder, CUP, SOFTWARE) as made:
        made.write(games=[game(number) for number in range(6)])
        yield made


def opened(store, *numbers, number=0):
    store.write(attempts=[Attempt(each, number, f"room-{each}-{number}") for each in numbers])


# --- what is kept -----------------------------------------------------------------------------------------


def test_store_opened_again_has_everything_that_it_was_told(folder):
    with Store.create(folder, CUP, SOFTWARE, "abc") as store:
        store.write(
            games=[game(0), game(1, seed=2**64 - 1)],
            attempts=[Attempt(0, 0, "a"), Attempt(0, 1, "b"), Attempt(1, 0, "c")],
            verdicts=[(outcome(0, forfeit="blue", cause="time"), 1)],
            benched=[Bench("blue", 1, "forfeited 5 in a row")],
            notes={"started": "now"},
        )
        store.write(attempts=[Attempt(0, 0, "a", VOID, "worker")])
    for again in (Store.resume(folder), Reader.read(folder)):
        with again:
            assert (again.cup, again.software, again.digest) == (CUP, SOFTWARE, "abc")
            assert again.games() == [game(0), game(1, seed=2**64 - 1)]
            assert again.outcomes() == [outcome(0, forfeit="blue", cause="time")]
            assert again.decided_by() == {0: 1}
            assert again.unplayed() == [game(1, seed=2**64 - 1)]
            assert again.attempts() == [
                Attempt(0, 0, "a", VOID, "worker"),
                Attempt(0, 1, "b", DONE),
                Attempt(1, 0, "c"),
            ]
            assert again.attempts(OPEN) == [Attempt(1, 0, "c")]
            assert again.attempts(VOID) == [Attempt(0, 0, "a", VOID, "worker")]
            assert again.benched() == [Bench("blue", 1, "forfeited 5 in a row")]
            assert again.notes() == {"started": "now"}
            assert again.counts() == Counts(games=2, done=1, open=1, void=1, forfeits=1)


def test_seed_of_64_bits_comes_back_whole(store):
    far = game(6, seed=2**64 - 1)
    store.write(games=[far], verdicts=[(outcome(0, game=far), None)])
    assert store.outcomes() == [outcome(0, game=far)]
    store.record(outcome(0, game=far), None)


def test_outcomes_that_came_in_any_order_are_in_that_of_the_schedule(store):
    for number in (4, 0, 5, 2):
        store.record(outcome(number), None)
    assert [each.game.id for each in store.outcomes()] == [0, 2, 4, 5]
    assert store.decided_by() == dict.fromkeys((0, 2, 4, 5))


def test_equal_words_of_outcomes_are_one_object(store):
    for number in range(6):
        store.record(outcome(number, cause="long words", forfeit="blue"), None)
    told = store.outcomes()
    words = [(o.game.ground, o.game.attacker, o.game.defender, o.cause, o.forfeit) for o in told]
    assert len({id(word) for each in words for word in each}) == 4


def test_same_said_twice_changes_nothing(store):
    opened(store, 0)
    everything = {
        "games": [game(0)],
        "attempts": [Attempt(0, 0, "room-0-0", DONE)],
        "verdicts": [(outcome(0), 0)],
        "benched": [Bench("blue", 0, "crashes")],
        "notes": {"name": "text"},
    }
    store.write(**everything)
    before = list(store._database.iterdump())
    store.write(**everything)
    store.record(outcome(0), None)
    assert list(store._database.iterdump()) == before


def test_benched_again_keeps_the_first_reason_and_a_note_the_last_text(store):
    store.write(benched=[Bench("blue", 2, "first")], notes={"a": "1"})
    store.write(benched=[Bench("blue", 4, "second")], notes={"a": "2"})
    assert store.benched() == [Bench("blue", 2, "first")]
    assert store.notes() == {"a": "2"}


# --- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (outcome(0, 0.0), "score 0 by 'goal'"),
        (outcome(0, cause="steps"), "'steps'"),
        (outcome(0, returns=(90.5, -99.0)), "-99.0"),
        (outcome(0, steps=(12, 12)), "(12, 12)"),
        (outcome(0, forfeit="red"), "forfeited by 'red'"),
    ],
)
def test_another_verdict_on_a_game_is_refused_and_both_are_said(store, changed, said):
    opened(store, 0)
    store.record(outcome(0), 0)
    opened(store, 0, number=1)
    with pytest.raises(JournalError) as caught:
        store.record(changed, 1)
    assert "score 1 by 'goal'" in str(caught.value)
    assert said in str(caught.value)
    assert store.outcomes() == [outcome(0)]
    assert store.attempts(OPEN) == [Attempt(0, 1, "room-0-1")]


def test_batch_with_one_thing_refused_leaves_nothing_of_it(store):
    store.record(outcome(0), None)
    with pytest.raises(JournalError, match="another one is refused"):
        store.write(
            games=[game(6)],
            attempts=[Attempt(1, 0, "r")],
            verdicts=[(outcome(1), 0), (outcome(0, 0.0), None)],
            notes={"a": "b"},
        )
    assert len(store.games()) == 6
    assert store.attempts() == []
    assert store.outcomes() == [outcome(0)]
    assert store.notes() == {}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"games": [game(2), game(3, seed=5)]}, "game 3 is .*seed 1001.*seed 5.*refused"),
        ({"verdicts": [(outcome(6), None)]}, "there is no game 6"),
        ({"verdicts": [(evolve(outcome(1), game=game(1, attacker="x")), None)]}, "'red'.*not 'x'"),
        ({"verdicts": [(outcome(1), 3)]}, "game 1 has no attempt 3"),
        ({"verdicts": [(outcome(2), 0)]}, r"attempt 0 is void \(hub\).*done.*refused"),
        ({"attempts": [Attempt(9, 0, "r")]}, "there is no game 9"),
        ({"attempts": [Attempt(2, 0, "room-2-0", DONE)]}, r"attempt 0 is void \(hub\).*refused"),
        ({"attempts": [Attempt(4, 0, "elsewhere")]}, "'room-4-0'; that it be open in the room 'elsewhere'"),
        ({"verdicts": [(outcome(1, returns=(float("nan"), 0.0)), None)]}, "cannot be written: NOT NULL"),
        ({"games": [game(2**63)]}, "cannot be written"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(store, told, said):
    opened(store, 2, 4)
    store.write(attempts=[Attempt(2, 0, "room-2-0", VOID, "hub")])
    before = list(store._database.iterdump())
    with pytest.raises(JournalError, match=said):
        store.write(**told)
    assert list(store._database.iterdump()) == before


def test_disk_that_is_full_is_said_and_the_store_goes_on(store):
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalError, match="is the disk full"):
        store.write(notes={"long": "x" * 100_000})
    store._database.execute("PRAGMA max_page_count = 100000")
    store.record(outcome(0), None)
    assert store.outcomes() == [outcome(0)]


# --- who may have it --------------------------------------------------------------------------------------


def test_second_director_on_a_folder_is_told_so_and_the_first_goes_on(store, folder):
    for second in (lambda: Store.resume(folder), lambda: Store.create(folder, CUP, SOFTWARE)):
        with pytest.raises(ConfigError, match="another director is running this cup"):
            second()
    store.record(outcome(0), None)
    store.close()
    with Store.resume(folder) as again:
        assert again.outcomes() == [outcome(0)]


def test_folder_that_has_a_cup_is_not_begun_anew(store, folder):
    store.close()
    with pytest.raises(ConfigError, match="there is a cup already"):
        Store.create(folder, CUP, SOFTWARE)
    with Store.resume(folder) as again:  # the lock was let go
        assert len(again.games()) == 6


def test_create_that_was_cut_short_is_no_cup_and_begins_anew(folder):
    folder.mkdir()
    (folder / FILE).touch()
    with pytest.raises(ConfigError, match="no table meta"):
        Store.resume(folder)
    with Store.create(folder, CUP, SOFTWARE) as store:
        assert store.cup == CUP


def test_file_is_for_its_owner_only(store, folder):
    assert (folder / FILE).stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_reader_sees_what_is_committed_and_nothing_else(store, folder):
    with Reader.read(folder) as reader:
        version = reader.version()
        with store._transaction():
            store._add_verdict(outcome(0), None)
            assert reader.outcomes() == []
            assert reader.version() == version
        assert reader.outcomes() == [outcome(0)]
        assert reader.version() != version
        with reader.at_once():
            assert reader.counts().done == 1
            store.record(outcome(1), None)
            assert reader.counts().done == 1
            assert reader.outcomes() == [outcome(0)]
        assert reader.counts().done == 2


def test_reader_cannot_write(store, folder):
    with Reader.read(folder) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._database.execute("DELETE FROM verdicts")


def test_folder_that_can_only_be_read_is_read_and_nothing_is_put_there(store, folder, monkeypatch):
    store.record(outcome(0), None)
    store.close()
    before = sorted(folder.iterdir())
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with Reader.read(folder) as reader:
        assert reader.outcomes() == [outcome(0)]
        assert sorted(folder.iterdir()) == before


def test_reader_says_whether_a_director_is_there(store, folder):
    with Reader.read(folder) as reader:
        assert reader.is_running()
        assert reader.is_running()
        store.close()
        assert not reader.is_running()
        (folder / f"{FILE}.running").unlink()
        assert not reader.is_running()


def test_readers_that_look_all_the_time_keep_no_director_out(folder):
    Store.create(folder, CUP, SOFTWARE).close()
    stop = threading.Event()
    seen = []

    def look():
        with Reader.read(folder) as reader:
            while not stop.is_set():
                seen.append(reader.is_running())

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            Store.resume(folder).close()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert seen


# --- damage -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", [Reader.read, Store.resume])
def test_folder_without_a_store_is_said_to_have_none(tmp_path, opening):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(ConfigError, match=f"no cup has been run there: it has no {FILE}"):
            opening(folder)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_said_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file"):
        Store.create(tmp_path / "file" / "cup", CUP, SOFTWARE)


@pytest.mark.parametrize("opening", [Reader.read, Store.resume])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE meta SET format = 9", "of format 9; this version reads 1"),
        ("DELETE FROM meta", "does not say what cup it is of"),
        ("""UPDATE meta SET cup = '{"name": 3}'""", "the cup in it"),
        ("UPDATE meta SET cup = '[' || hex(zeroblob(9))", "the cup in it"),
        ("DROP TABLE verdicts", "it has no table verdicts"),
        ("DROP TABLE notes; CREATE VIEW notes AS SELECT 'a' AS name, 'b' AS text", "it has no table notes"),
        ("UPDATE games SET attacker = x'00'", "a row of games has values that it cannot have"),
        ("UPDATE games SET seed = 0.5", "a row of games has values that it cannot have"),
        ("UPDATE verdicts SET cause = x'ff'", "a row of verdicts has values that it cannot have"),
        ("UPDATE verdicts SET attacker_steps = 'many'", "a row of verdicts has values that it cannot have"),
        ("UPDATE verdicts SET attempt = 'none'", "a row of verdicts has values that it cannot have"),
        ("PRAGMA ignore_check_constraints = ON; UPDATE verdicts SET score = 0.5", "is damaged: .*verdicts"),
        ("UPDATE attempts SET room = x'00'", "a row of attempts has values that it cannot have"),
        ("INSERT INTO benched VALUES ('a', 'b', 'c')", "a row of benched has values that it cannot have"),
        ("INSERT INTO notes VALUES (x'00', 'c')", "a row of notes has values that it cannot have"),
    ],
)
def test_store_that_makes_no_sense_is_refused_with_the_reason(store, folder, opening, damage, said):
    opened(store, 0)
    store.record(outcome(0), 0)
    store.close()
    with contextlib.closing(sqlite3.connect(folder / FILE)) as database:
        database.executescript(damage)
    with pytest.raises(ConfigError, match=said) as caught:
        opening(folder)
    assert FILE in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("opening", [Reader.read, Store.resume])
def test_bytes_that_are_no_database_are_refused(store, folder, opening):
    store.close()
    (folder / FILE).write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(ConfigError, match=f"{FILE}: cannot be .* as a cup's store: file is not a database"):
        opening(folder)


def test_damaged_pages_end_in_an_error_of_ours_wherever_they_are(store, folder):
    store.write(games=[game(number) for number in range(6, 3_000)])
    store.write(verdicts=[(outcome(number), None) for number in range(3_000)])
    store.close()
    whole = (folder / FILE).read_bytes()
    draw = random.Random(5)
    refused = 0
    for _ in range(25):
        torn = bytearray(whole)
        where = draw.randrange(100, len(torn) - 600)
        torn[where : where + 600] = draw.randbytes(600)
        (folder / FILE).write_bytes(torn)
        try:
            with Reader.read(folder) as reader:
                reader.games(), reader.outcomes(), reader.attempts(), reader.notes()
        except (ConfigError, JournalError) as error:
            assert FILE in str(error)
            refused += 1
            with pytest.raises(ConfigError, match=FILE):
                Store.resume(folder)
    assert refused > 8
    (folder / FILE).write_bytes(whole)
    Store.resume(folder).close()


# --- the end of the director ------------------------------------------------------------------------------

DIRECTOR = textwrap.dedent(
    """
    import sys
    from netsiege.hub.tournament.model import Outcome
    from netsiege.hub.tournament.records import OPEN, VOID, Attempt
    from netsiege.hub.tournament.store import Store

    store = Store.resume(sys.argv[1])
    lost = store.attempts(OPEN)
    store.write(attempts=[Attempt(a.game, a.number, a.room, VOID, "director") for a in lost])
    numbers = {}
    for attempt in store.attempts():
        numbers[attempt.game] = attempt.number + 1
    left = store.unplayed()
    print("ready", flush=True)
    for start in range(0, len(left), 3):
        batch = left[start : start + 3]
        opened = [Attempt(g.id, numbers.get(g.id, 0), f"room-{g.id}-{numbers.get(g.id, 0)}") for g in batch]
        store.write(attempts=opened)
        told = [Outcome(g, g.id % 2, "goal", (g.id * 0.5, -g.id * 0.5), (g.id, 1)) for g in batch]
        store.record(told[0], opened[0].number)
        print(told[0].game.id, flush=True)
        store.write(verdicts=[(each, a.number) for each, a in zip(told[1:], opened[1:])])
        print(*(each.game.id for each in told[1:]), flush=True)
    """
)


def killed_at_random(folder, times, seed):
    """Kills directors at a random moment each; says how many games were acknowledged in all."""
    draw = random.Random(seed)
    acknowledged = set()
    with Store.create(folder, CUP, SOFTWARE) as store:
        games = [game(number) for number in range(times * 300)]
        store.write(games=games)
    for _ in range(times):
        director = subprocess.Popen(
            [sys.executable, "-c", DIRECTOR, str(folder)], stdout=subprocess.PIPE, text=True
        )
        with director:
            assert director.stdout.readline() == "ready\n"
            # from the first write on to some hundred of them
            deadline = time.perf_counter() + draw.uniform(0.0, 0.1)
            while time.perf_counter() < deadline:
                pass
            director.kill()
            *lines, _torn = director.stdout.read().split("\n")  # what is cut off acknowledges nothing
        acknowledged |= {int(word) for line in lines for word in line.split()}
        with Reader.read(folder) as reader:
            outcomes = reader.outcomes()
            attempts = reader.attempts()
        kept = [each.game.id for each in outcomes]
        assert kept == sorted(set(kept))
        assert acknowledged <= set(kept)
        for each in outcomes:
            number = each.game.id
            assert each == Outcome(
                games[number], number % 2, "goal", (number * 0.5, -number * 0.5), (number, 1)
            )
        done = [each.game for each in attempts if each.state == DONE]
        assert done == kept
        assert len(kept) - len(acknowledged) <= times * 2
    return len(acknowledged)


def test_directors_killed_at_random_lose_nothing_that_was_acknowledged(folder):
    assert killed_at_random(folder, 10, 1) > 50


@pytest.mark.soak
def test_director_killed_many_times_loses_nothing_that_was_acknowledged(folder):
    times = lasting(40, 100)
    assert killed_at_random(folder, times, 2) > 5 * times


# --- size -------------------------------------------------------------------------------------------------


def test_100_000_games_are_read_as_they_were_written(folder):
    games = [game(number) for number in range(100_000)]
    with Store.create(folder, CUP, SOFTWARE) as store:
        store.write(games=games)
        for start in range(0, len(games), 1_000):
            batch = range(start, start + 1_000)
            store.write(
                attempts=[Attempt(number, 0, f"cup-{number}-0") for number in batch],
                verdicts=[(outcome(number), 0) for number in batch],
            )
        assert [each.game for each in store.outcomes()] == games
