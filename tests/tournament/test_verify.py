"""`netsiege tournament verify`: whatever is bent in a folder of results is found, and nothing else is."""

import contextlib
import json
import os
import shutil
import sqlite3

import pytest

from netsiege.hub.tournament.plain import dump_cup
from netsiege.hub.tournament.records import Reader
from netsiege.hub.tournament.results import read_all
from netsiege.hub.tournament.results_files import write_results
from tests.commands import command
from tests.tournament.running import verdict


def rewritten(path, change):
    """The folder's tables after a change of the parsed file."""
    told = json.loads(path.read_text())
    change(told)
    path.write_text(json.dumps(told))


def forged(folder, *changes):
    """A folder whose store says something else, and whose files say the same: what a liar would do."""
    with contextlib.closing(sqlite3.connect(folder / "cup.sqlite")) as database:
        for change in changes:
            database.executescript(change)
        database.commit()
    with Reader.read(folder) as store:
        results, outcomes = read_all(store)
    write_results(folder, results, outcomes, {})
    (folder / "cup.json").write_text(dump_cup(results.cup) + "\n")


# --- files ------------------------------------------------------------------------------------------------


def test_tables_that_say_something_else_are_found_out(copied):
    path = copied / "results.json"
    path.write_text(path.read_text().replace('"score": 0', '"score": 1', 1))
    code, said = verdict(copied)
    assert code == 1
    assert f"{path}: " in said
    assert "score is 1" in said


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            lambda told: told["tables"][0]["rows"][1]["rating"].update(value=77.0),
            "tables.0.rows.1.rating.value is 77.0",
        ),
        (lambda told: told["tables"].pop(), "tables has"),
        (lambda told: told["cup"].pop("words"), "cup.words is missing"),
        (lambda told: told.update(best="me"), "best does not belong there"),
        (lambda told: told["tables"][0]["rows"].reverse(), "tables.0.rows.0.rank is 2"),
        (lambda told: told.update(games=float(told["games"])), "games is 24.0"),
        (lambda told: told.update(games=True), "games is True"),
        (lambda told: told["duels"][0].update(attacker_score=float("nan")), "duels.0.attacker_score is nan"),
    ],
)
def test_difference_in_the_tables_is_told_with_its_place(copied, change, difference):
    rewritten(copied / "results.json", change)
    code, said = verdict(copied)
    assert code == 1
    assert difference in said


def test_figures_may_be_as_far_off_as_machines_round_differently(copied):
    def move(told):
        rating = told["tables"][0]["rows"][0]["rating"]
        rating["low"] += 2e-6
        rating["high"] *= 1 + 1e-8

    rewritten(copied / "results.json", move)
    assert verdict(copied)[0] == 0


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "[" * 100_000, "{}", "\udce9"])
def test_tables_that_are_none_are_told(copied, text):
    (copied / "results.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, said = verdict(copied)
    assert code == 1
    assert "results.json: " in said


def test_replay_of_another_game_is_found_out(copied):
    shutil.copy(copied / "replays" / "000003.siege", copied / "replays" / "000004.siege")
    code, said = verdict(copied)
    assert code == 1
    assert "000004.siege" in said


def test_replay_that_is_missing_or_bent_is_found_out(copied):
    path = copied / "replays" / "000005.siege"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    code, said = verdict(copied)
    assert (code, said.count("000005.siege")) == (1, 1)
    path.unlink()
    assert verdict(copied)[0] == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE verdicts SET score = 1 - score WHERE game = 6",
        "UPDATE verdicts SET attacker_return = attacker_return + 1 WHERE game = 6",
        "UPDATE verdicts SET forfeit = 'random-attacker' WHERE game = 6",
    ],
)
def test_verdict_that_was_changed_is_found_out_by_its_replay(copied, change):
    forged(copied, change)
    code, said = verdict(copied)
    assert code == 1
    assert "000006.siege" in said


# --- forgeries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["UPDATE games SET seed = seed + 1 WHERE id = 6"], "the store has game 6"),
        (["UPDATE games SET slice = id"], "the store has game 1"),
        (["UPDATE games SET round = 1 WHERE id = 23"], "round 1, where the cup has game 23"),
        (["UPDATE games SET pair = 3 WHERE id = 4"], "pair 3, round 0, where the cup has game 4"),
        (["UPDATE meta SET cup = replace(cup, '\"seed\":0', '\"seed\":1')"], "the store has game 0"),
        (
            [
                "DELETE FROM games WHERE id = 1",
                "DELETE FROM verdicts WHERE game = 1",
                "DELETE FROM notes WHERE name = 'ended'",
            ],
            "the store has game 2",
        ),
        (["DELETE FROM verdicts WHERE game = 5"], "the cup is not over after 24 games"),
        (["UPDATE notes SET text = '23' WHERE name = 'ended'"], "the cup is not over after 23 games"),
        (
            ["INSERT INTO games SELECT 24, 24, ground, 3, seed, attacker, defender, 0 FROM games LIMIT 1"],
            "the store has game 24, which the cup does not have",
        ),
        (["UPDATE verdicts SET attempt = 9 WHERE game = 2"], "000002.siege: it is of the room"),
    ],
)
def test_games_that_the_cup_does_not_have_are_found_out(copied, changes, said):
    forged(copied, *changes)
    code, told = verdict(copied)
    assert code == 1
    assert said in told


INVENTED = """
    UPDATE verdicts SET score = forfeit != 'random-attacker', attacker_steps = 0, defender_steps = 0,
    attacker_return = 0, defender_return = 0, cause = 'crashed'
"""


def test_forfeit_that_is_invented_is_found_out_by_its_replay(copied):
    loser = "forfeit = (SELECT defender FROM games WHERE id = game)"
    forged(copied, f"UPDATE verdicts SET {loser} WHERE game = 3", f"{INVENTED} WHERE game = 3")
    code, said = verdict(copied)
    assert code == 1
    assert "000003.siege: it comes to" in said


def test_forfeit_without_a_replay_is_counted_as_what_it_is(copied):
    loser = "forfeit = (SELECT defender FROM games WHERE id = game)"
    (copied / "replays" / "000003.siege").unlink()
    forged(copied, f"UPDATE verdicts SET {loser} WHERE game = 3", f"{INVENTED} WHERE game = 3")
    code, said = verdict(copied)
    assert code == 0
    assert "1 game decided by the director, without a hub's result" in said


@pytest.mark.parametrize(
    "change",
    [
        "forfeit = (SELECT attacker FROM games WHERE id = game), score = 1",
        "forfeit = 'scripted-attacker'",  # who does not play there
        "forfeit = (SELECT defender FROM games WHERE id = game), attacker_return = 5",
        "forfeit = ''",
    ],
)
def test_forfeit_that_nobody_can_have_decided_is_found_out_without_a_replay(copied, change):
    (copied / "replays" / "000023.siege").unlink()
    forged(copied, f"{INVENTED} WHERE game = 23", f"UPDATE verdicts SET {change} WHERE game = 23")
    code, said = verdict(copied)
    assert code == 1
    assert "000023.siege: there is no such file" in said


def test_cup_that_is_not_over_is_said_to_be_none(copied):
    forged(copied, "DELETE FROM notes WHERE name = 'ended'")
    assert verdict(copied) == (0, "24 replays come out as the tables say; the cup is not over\n")


@pytest.mark.parametrize("text", ['{"games": 9999,', '{"seed": 3, "seed": 0,'])
def test_key_that_is_there_twice_is_found_out(copied, text):
    path = copied / "results.json"
    path.write_text(path.read_text().replace("{", text, 1))
    code, said = verdict(copied)
    assert code == 1
    assert "results.json: cannot be read: a key is there twice" in said


@pytest.mark.parametrize(("off", "code"), [(2e-6, 0), (3e-5, 1)])
def test_figure_may_be_off_by_a_little_and_no_more(copied, off, code):
    def move(told):
        told["tables"][0]["rows"][0]["score"] += off

    rewritten(copied / "results.json", move)
    assert verdict(copied)[0] == code


def test_other_cup_in_the_folder_is_found_out(copied):
    path = copied / "cup.json"
    path.write_text(path.read_text().replace('"seed":0', '"seed":1'))
    assert verdict(copied) == (1, f"{path}: line 1 is not what the games of this cup come to\n")


# --- strangers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["results.json", "results.csv", "cup.json", "replays/000002.siege"])
def test_what_is_no_file_is_not_waited_for(copied, name):
    path = copied / name
    path.unlink()
    os.mkfifo(path)
    code, said = verdict(copied)
    assert code == 1
    assert f"{path}: there is no such file" in said


@pytest.mark.parametrize("name", ["results.json", "results.csv", "cup.json"])
def test_file_without_an_end_is_not_read_to_it(copied, name):
    path = copied / name
    path.unlink()
    path.symlink_to("/dev/zero")
    code, said = verdict(copied)
    assert code == 1
    assert str(path) in said


def test_long_value_does_not_hide_what_it_should_be(copied):
    rewritten(copied / "results.json", lambda told: told.update(software="x" * 10_000))
    code, said = verdict(copied)
    assert code == 1
    assert "the games of this cup come to" in said
    assert len(said) < 2_000


NONSENSE = [
    ("UPDATE notes SET text = 'abc' WHERE name = 'replays'", "no share of replays"),
    ("UPDATE notes SET text = 'nan' WHERE name = 'replays'", "no share of replays"),
    (f"UPDATE notes SET text = '{'9' * 5_000}' WHERE name = 'ended'", "its note ended is no number"),
    ("UPDATE notes SET text = '-1' WHERE name = 'planned_games'", "its note planned_games is no number"),
    ("UPDATE verdicts SET attacker_return = 1e200 WHERE game = 1", "results.json"),
    ("UPDATE games SET ground = 'nowhere' WHERE id = 1", "the cup has no nowhere"),
    ("UPDATE games SET attacker = 'nobody' WHERE id = 1", "the cup has no nobody"),
    ("UPDATE verdicts SET forfeit = 'nobody' WHERE game = 1", "the cup has no nobody"),
    (
        "ALTER TABLE verdicts RENAME TO kept; CREATE TABLE verdicts (game, attempt, score REAL, cause, "
        "attacker_return REAL, defender_return REAL, attacker_steps, defender_steps, forfeit); "
        "INSERT INTO verdicts SELECT * FROM kept; INSERT INTO verdicts SELECT * FROM kept WHERE game = 3; "
        "DROP TABLE kept",
        "game 3 comes after game 3",
    ),
    (
        "ALTER TABLE games RENAME TO kept; CREATE TABLE games (id, pair, ground, slice, seed, attacker, "
        "defender, round); INSERT INTO games SELECT * FROM kept; UPDATE games SET id = -1 WHERE id = 1; "
        "DROP TABLE kept",
        "a row of games has values",
    ),
]


@pytest.mark.parametrize("word", ["verify", "show"])
@pytest.mark.parametrize(("change", "said"), NONSENSE)
def test_store_of_nonsense_ends_in_a_line(copied, word, change, said):
    with contextlib.closing(sqlite3.connect(copied / "cup.sqlite")) as database:
        database.executescript(change)
    told = command("tournament", word, copied)
    assert "Traceback" not in told.stderr
    assert told.returncode in (0, 1, 2)
    assert word == "show" or (told.returncode > 0 and said in told.stdout + told.stderr)
