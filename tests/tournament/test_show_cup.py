"""Cups in a terminal: the ranking of a played one, the progress of a running one."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest
from attrs import evolve
from rich.console import Console

from netsiege import show_cup
from netsiege.errors import ConfigError
from netsiege.hub.tournament.records import ENDED, OPEN, Attempt, Bench, Counts, Reader
from netsiege.hub.tournament.results import read_results
from netsiege.hub.tournament.results_files import dump_results
from netsiege.hub.tournament.store import Store
from netsiege.show_cup import CupProgress, CupView, follow_cup, print_results, say_time
from tests.tournament.small_cups import results_of
from tests.tournament.test_report import CUP, HOSTILE, OUTCOMES, RESULTS, cup_of, play


@pytest.fixture
def folder(tmp_path):
    with Store.create(tmp_path / "cup", CUP, "netsiege 1.2.3") as store:
        store.write(games=[each.game for each in OUTCOMES], verdicts=[(each, None) for each in OUTCOMES])
        store.write(notes={ENDED: str(len(OUTCOMES))})
    return tmp_path / "cup"


# --- played cups ------------------------------------------------------------------------------------------


def test_ranking_has_each_entrant_with_its_interval_in_every_role(capsys):
    print_results(RESULTS)
    said = capsys.readouterr().out
    lines = said.splitlines()
    for title in ("overall", "attack", "defence", "attack, seen networks", "overall, unseen networks"):
        assert title in [line.strip() for line in lines]
    best = RESULTS.table("overall").rows[0]
    row = next(line for line in lines if "ada" in line)
    cells = (
        f"{best.rating.value:+.0f}",
        f"[{best.rating.low:+.0f}, {best.rating.high:+.0f}]",
        f"{best.games} ",
        f"{best.score:.1%}",
        f"{best.over_next:.1%}",
    )
    assert all(cell in row for cell in cells)
    assert "240 games played, 240 counted." in said
    assert "dan was benched from game 70 on: forfeited 5 in a row." in said
    assert f"{RESULTS.forfeits[0].entrant} forfeited {RESULTS.forfeits[0].forfeits} of 120 games" in said


def test_ranking_from_a_single_seed_says_that_it_has_no_intervals(capsys):
    cup = cup_of(("ada", "bob"), games=1)
    print_results(results_of(cup, play(cup)))
    assert capsys.readouterr().out.count("too few seeds") == 6


@pytest.mark.parametrize("width", [80, 110, 200])
def test_ranking_fits_into_a_terminal_with_every_column(monkeypatch, capsys, width):
    cup = cup_of(("w" * 64, "a somewhat longer name", "c"), games=4)
    real = Console
    monkeypatch.setattr(
        show_cup,
        "Console",
        lambda **more: real(**more | {"force_terminal": True, "color_system": None, "width": width}),
    )
    print_results(results_of(cup, play(cup)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    heads = [line for line in lines if "entrant" in line and "rating" in line]
    assert len(heads) == 3
    assert all("than next" in line and "won" in line for line in heads)
    assert [line.count("return") for line in heads] == [0, 1, 1]
    assert not any("…" in line for line in lines)
    assert "".join(lines).count("w") >= 3 * 64


def test_names_of_strangers_are_plain_text_in_a_terminal(capsys):
    names = (*HOSTILE, "[red]red[/red]", "esc\x1b[2J")
    cup = cup_of(names, games=1)
    outcomes = play(cup, forfeits=0.5)
    print_results(results_of(cup, outcomes, [Bench(name, 1, f"[b]{name}") for name in names]))
    said = capsys.readouterr().out
    assert "[red]red[/red]" in said
    assert "esc\\x1b[2J" in said
    assert not {"\x1b", "\u202e"} & set(said)


def test_show_prints_the_same_json_as_the_file(folder, capsys):
    show_cup.show_cup(folder, as_json=True)
    said = capsys.readouterr().out
    with Reader.read(folder) as store:
        assert said == dump_results(read_results(store))
    assert json.loads(said)["software"] == "netsiege 1.2.3"


def test_show_of_no_cup_says_so(tmp_path):
    with pytest.raises(ConfigError, match="no cup has been run there"):
        show_cup.show_cup(tmp_path)


def test_show_says_how_to_go_on_with_an_interrupted_cup(tmp_path, capsys):
    with Store.create(tmp_path, CUP, "x") as store:
        store.write(games=[each.game for each in OUTCOMES], verdicts=[(each, None) for each in OUTCOMES[:50]])
        show_cup.show_cup(tmp_path)
        assert "It is running." in capsys.readouterr().out
    show_cup.show_cup(tmp_path)
    said = capsys.readouterr().out
    assert "190 of the schedule to come" in said
    assert "netsiege tournament resume" in said


def test_show_of_a_finished_cup_asks_for_nothing(folder, capsys):
    show_cup.show_cup(folder)
    said = capsys.readouterr().out
    assert "resume" not in said
    assert "running" not in said


# --- running cups -----------------------------------------------------------------------------------------


def counts(done, games=100, in_flight=4, void=0, forfeits=0):
    return Counts(games, done, in_flight, void, forfeits)


def test_progress_tells_pace_and_time_left_by_the_last_minute():
    progress = CupProgress()
    progress.update(counts(0), 0.0)
    assert progress.line() == "0 of 100 games, 4 in flight, 0 forfeits"
    progress.update(counts(10), 10.0)
    assert progress.line() == "10 of 100 games, 4 in flight, 0 forfeits, 1.0 games/s, 90 s left".replace(
        "90 s", say_time(90)
    )
    for second in range(11, 81):
        progress.update(counts(10 + (second - 10) // 2, void=3, forfeits=1), float(second))
    assert progress.line() == (
        "45 of 100 games, 4 in flight, 1 forfeit, 3 attempts void, 0.5 games/s, 2 min left"
    )
    progress.update(counts(100, in_flight=0), 81.0)
    assert "left" not in progress.line()


def test_progress_of_a_growing_schedule_goes_by_what_is_planned():
    progress = CupProgress(400)
    progress.update(counts(0), 0.0)
    progress.update(counts(50), 5.0)
    assert progress.line() == "50 of 400 games, 4 in flight, 0 forfeits, 10.0 games/s, 35 s left"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (89, "89 s"), (120, "2 min"), (5_300, "88 min"), (7_500, "2 h 5 min")]
)
def test_time_to_wait_is_said_as_exactly_as_it_is_known(seconds, said):
    assert say_time(seconds) == said


def test_without_a_terminal_there_is_a_line_now_and_then(capsys):
    with CupView("cup\x1b") as view:
        for second in range(35):
            view.show(counts(second), RESULTS if second > 5 else None, float(second))
        view.show(counts(35), RESULTS, 35.0, last=True)
    told = capsys.readouterr()
    lines = told.err.splitlines()
    assert told.out == ""
    assert [line.split(" of")[0] for line in lines] == [f"cup\\x1b: {n}" for n in (0, 10, 20, 30, 35)]
    assert "first" not in lines[0]
    best = RESULTS.table("overall").rows[0]
    assert f"first: ada {best.rating.value:+.0f} overall" in lines[1]


def test_on_a_terminal_the_view_has_the_top_of_the_ranking(monkeypatch, capsys):
    cup = cup_of([f"entrant-{i:02}" for i in range(12)], games=2)
    monkeypatch.setattr(
        show_cup, "Console", lambda **more: Console(force_terminal=True, width=100, height=60, **more)
    )
    with CupView("cup") as view:
        view.show(counts(1), results_of(cup, play(cup)), 1.0)
    said = capsys.readouterr().err
    assert "overall, the first 8 of 12" in said
    assert "entrant-07" in said.split("defence")[0]
    assert "1 of 100 games" in said


def test_follower_reads_only_what_is_new_and_ends_with_the_director(folder, capsys, monkeypatch):
    reads = []
    real = show_cup.told.read_results

    def counted(store, **more):
        reads.append(1)
        return real(store, **more)

    monkeypatch.setattr(show_cup.told, "read_results", counted)
    store = Store.resume(folder)
    now = [0.0]

    def sleep(seconds):
        now[0] += 100 * seconds
        if now[0] == 300.0:
            store.write(attempts=[Attempt(0, 0, "room")])
        if now[0] == 500.0:  # the next look is before the next line is due
            now[0] = 400.0 + seconds
            store.write(attempts=[Attempt(1, 0, "room")])
            store.close()

    with Reader.read(folder) as reader:
        follow_cup(reader, clock=lambda: now[0], sleep=sleep)
    assert now[0] == 401.0
    assert len(reads) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("spring cup: 240 of 240 games, 0 in flight")
    assert lines[1].startswith("spring cup: 240 of 240 games, 1 in flight")
    assert lines[-1].startswith("spring cup: 240 of 240 games, 2 in flight")


FOLLOWER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from netsiege.show_cup import show_cup

    show_cup(Path(sys.argv[1]), follow=True)
    """
)
DIRECTOR = textwrap.dedent(
    """
    import sys, time
    from netsiege.hub.tournament.store import Store

    store = Store.resume(sys.argv[1])
    print("ready", flush=True)
    time.sleep(60)
    """
)


def test_follower_of_a_director_that_is_killed_ends_with_the_table(folder):
    director = subprocess.Popen(
        [sys.executable, "-c", DIRECTOR, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with director:
        try:
            assert director.stdout.readline() == "ready\n"
            follower = subprocess.Popen(
                [sys.executable, "-c", FOLLOWER, str(folder)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert "240 of 240 games" in follower.stderr.readline()
            assert follower.poll() is None
        finally:
            os.kill(director.pid, signal.SIGKILL)
        out, _ = follower.communicate(timeout=20)
    assert follower.returncode == 0
    assert "attack, unseen networks" in out
    assert "240 games played" in out


def test_open_attempts_are_in_flight(folder):
    with Store.resume(folder) as store:
        store.write(attempts=[Attempt(0, 0, "room", OPEN), Attempt(1, 0, "room")])
        assert evolve(store.counts(), void=0).open == 2
