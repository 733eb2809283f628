"""One game of a cup: who played whom, how often it was tried, what came of it, and what was said in it."""

import json
from datetime import UTC, datetime

import pytest
from attrs import evolve

from netsiege.cups import LOGS, REPLAYS, replay_path
from netsiege.errors import ConfigError
from netsiege.hub.tournament import captured
from netsiege.hub.tournament.captured import Capture
from netsiege.hub.tournament.model import ATTACKER, Ground, Player
from netsiege.hub.tournament.processes import outputs_of
from netsiege.hub.tournament.records import VOID, Attempt
from netsiege.hub.tournament.store import Store
from netsiege.marks import mark
from netsiege.show_game import show_game
from tests.commands import command
from tests.tournament.test_report import cup_of, play

GROUNDS = (Ground("tiny", "tiny", benign=("office",)),)
CUP = evolve(cup_of(("ada", "bob"), games=2), grounds=GROUNDS)
OUTCOMES = play(CUP)
GAME = OUTCOMES[2].game
OUTCOME = evolve(
    OUTCOMES[2], score=0.0, cause="time", returns=(-12.5, 97.0), steps=(13, 1), forfeit=GAME.attacker
)
ATTEMPTS = (
    Attempt(GAME.id, 0, f"tag/{GAME.id}.0", VOID, "worker", 2),
    Attempt(GAME.id, 1, f"tag/{GAME.id}.1", match=4),
)
AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def say(folder, name, role, *texts):
    """What another process of an entrant has said."""
    logs = folder / LOGS
    logs.mkdir(exist_ok=True)
    capture = Capture(logs / f"{name}-{role}-{len(outputs_of(logs, name, role)) + 1}.log")
    for text in texts:
        capture.write(f"{text}\n".encode(), AT)
    capture.close()


@pytest.fixture
def folder(tmp_path):
    """A cup whose director is running. Game 2 was match 2, then 4."""
    folder = tmp_path / "cup"
    with Store.create(folder, CUP, "netsiege 1.2.3") as store:
        store.write(
            games=[each.game for each in OUTCOMES],
            attempts=(*ATTEMPTS, Attempt(0, 0, "tag/0.0", match=1)),
            verdicts=[(OUTCOME, 1), (OUTCOMES[3], None)],
            notes={REPLAYS: "1.0"},
        )
        yield folder


def shown_game(folder, capsys, number=GAME.id):
    show_game(folder, number)
    return capsys.readouterr().out.splitlines()


def told_game(folder, capsys, number=GAME.id):
    show_game(folder, number, as_json=True)
    return json.loads(capsys.readouterr().out)


def test_game_is_told_with_its_attempts_and_its_verdict(folder, capsys):
    said = shown_game(folder, capsys)
    assert said == [
        f"Game 2 of spring cup: {GAME.attacker} attacks, {GAME.defender} defends",
        "ground   tiny: addresses as they are, with office as users",
        f"seed     {GAME.seed}: slice {GAME.slice}, round 0",
        f"pair     {GAME.pair}, with game 3",
        f"verdict  0: the attacker has not won (time, forfeited by {GAME.attacker}), by attempt 1",
        "returns  attacker -12.5 in 13 steps, defender 97 in 1 step",
        "replay   none: they are written when the cup stops or ends, of matches that the hub's journal has "
        "whole",
        "",
        "attempt 0: void (worker), match 2",
        "  no output",
        "",
        "attempt 1: done, match 4",
        "  no output",
    ]


def test_output_is_told_by_attempt_and_of_this_game_only(folder, capsys):
    attacker, defender = GAME.attacker, GAME.defender
    say(folder, attacker, "attacker", f"{mark(2)}first try", f"{mark(1)}of game 0", "loaded")
    say(folder, attacker, "attacker", f"{mark(4)}second try", f"{mark(4)}again", f"{mark(3)}of game 1")
    say(folder, defender, "defender", f"{mark(4)}defends", f"{mark(44)}of another cup")
    say(folder, defender, "attacker", f"{mark(4)}is not in this game as an attacker")
    say(folder, "office", "benign", f"{mark(4)}works")
    at = "2030-01-02T03:04:05.000Z"
    said = shown_game(folder, capsys)
    assert said[said.index("attempt 0: void (worker), match 2") :] == [
        "attempt 0: void (worker), match 2",
        f"  {attacker} (Attacker), logs/{attacker}-attacker-1.log:",
        f"    {at} first try",
        "",
        "attempt 1: done, match 4",
        f"  {attacker} (Attacker), logs/{attacker}-attacker-2.log:",
        f"    {at} second try",
        f"    {at} again",
        f"  {defender} (Defender), logs/{defender}-defender-1.log:",
        f"    {at} defends",
        "  office (Benign), logs/office-benign-1.log:",
        f"    {at} works",
        "",
        f"logs/{attacker}-attacker-1.log: 1 line of the process, not of a game.",
    ]
    tries = told_game(folder, capsys)["tries"]
    assert [(each["number"], each["state"], each["why"], each["match"]) for each in tries] == [
        (0, "void", "worker", 2),
        (1, "done", "", 4),
    ]
    assert tries[1]["output"][0] == {
        "entrant": attacker,
        "role": "Attacker",
        "file": f"logs/{attacker}-attacker-2.log",
        "lines": [[at, "second try"], [at, "again"]],
    }


def test_output_that_was_too_much_is_told_to_have_gaps(folder, capsys, monkeypatch):
    for name in ("FIRST_BYTES", "LAST_BYTES"):
        monkeypatch.setattr(captured, name, 400)
    say(folder, GAME.attacker, "attacker", *[f"{mark(1)}{'x' * 90}"] * 40)
    said = shown_game(folder, capsys)
    assert said.count("  no output is kept") == 2
    (gap,) = [line for line in said if "not kept" in line]
    assert gap.startswith(f"logs/{GAME.attacker}-attacker-1.log: ")
    assert "of all games from 2030-01-02T03:04:05.000Z to 2030-01-02T03:04:05.000Z" in gap
    (source,) = told_game(folder, capsys)["sources"]
    assert source["lines"] + source["lost"]["lines"] == 40


def test_words_of_strangers_are_plain_text(folder, capsys):
    say(folder, GAME.attacker, "attacker", f"{mark(4)}[red]x[/red]\x1b[2J\u202e\r  1 done")
    (line,) = [line for line in shown_game(folder, capsys) if "[red]" in line]
    assert line.endswith(r"Z [red]x[/red]\x1b[2J\u202e\r  1 done")


def test_replay_that_is_kept_is_named_and_another_says_why_not(folder, capsys):
    def replay(number):
        return next(line for line in shown_game(folder, capsys, number) if line.startswith("replay"))

    path = replay_path(folder, GAME.id)
    path.parent.mkdir()
    path.touch()
    assert replay(2) == f"replay   {path}"
    assert replay(1) == "replay   none: it has no verdict yet"
    assert replay(3) == "replay   none: it was decided without being played"


def test_replay_of_a_game_that_is_not_in_the_share_is_not_promised(folder, capsys, monkeypatch):
    monkeypatch.setattr("netsiege.one_game.replay_share", lambda _store: 0.1)
    assert told_game(folder, capsys)["no_replay"] == "of 10% of the games only"


def test_game_without_verdict_or_match_says_so(folder, capsys):
    assert "verdict  none yet; 1 attempt" in shown_game(folder, capsys, 0)
    assert "attempt 0: open, match 1" in shown_game(folder, capsys, 0)
    told = told_game(folder, capsys, 1)
    assert (told["outcome"], told["decided_by"], told["tries"]) == (None, None, [])


def test_attempt_whose_match_has_not_begun_says_so(tmp_path, capsys):
    with Store.create(tmp_path, CUP, "x") as store:
        store.write(games=[GAME], attempts=[Attempt(GAME.id, 0, "tag/2.0")])
    assert "attempt 0: open, not begun" in shown_game(tmp_path, capsys)


def test_remote_entrant_is_told_to_have_its_output_elsewhere(tmp_path, capsys):
    far = evolve(CUP.entrants[0], players=((ATTACKER, Player(key="theirs")),))
    game = evolve(GAME, attacker=far.name, defender="bob")
    with Store.create(tmp_path, evolve(CUP, entrants=(far, CUP.entrants[1])), "x") as store:
        store.write(games=[game])
    assert f"{far.name} is remote: its output is not here." in shown_game(tmp_path, capsys)


@pytest.mark.parametrize("number", [-1, 4, 10**30])
def test_number_of_no_game_is_refused_with_the_range(folder, number):
    done = command("tournament", "show", folder, "--game", number)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"netsiege: {folder}: there is no game {number}: the cup has games 0 to 3\n"


def test_cup_without_games_says_that_it_has_none(tmp_path):
    Store.create(tmp_path, CUP, "x").close()
    with pytest.raises(ConfigError, match="there is no game 0: the cup has none yet"):
        show_game(tmp_path, 0)


def test_game_cannot_be_followed(folder):
    done = command("tournament", "show", folder, "--game", 0, "--follow")
    assert done.returncode == 2
    assert "leave it out, or --game" in done.stderr
