"""Start-up, cups and endurance are measured as promised. How fast anything is, no test asserts."""

import pytest

from netsiege.bench import endurance, startup, tournament
from netsiege.errors import SiegeError
from netsiege.figures import format_markdown, format_table

FIELDS = {"name", "value", "unit", "spread", "baseline", "ratio"}


def check(figures, expected):
    by_name = {figure["name"]: figure for figure in figures}
    assert set(by_name) == expected
    assert all(set(figure) - {"note"} == FIELDS for figure in figures)
    assert all(figure["value"] > 0 for figure in figures)
    return by_name


def test_startup_is_measured_beside_python_alone():
    heard = []
    names = {
        f"startup.{name}{part}" for name in ("python", "help", "play", "worker") for part in ("", ".cpu")
    }
    found = check(startup.run(rounds=1, progress=heard.append), names)
    assert heard == ["round 1 of 1"]
    assert found["startup.help"]["baseline"] == "startup.python"
    assert found["startup.play.cpu"]["baseline"] == "startup.python.cpu"
    assert found["startup.play"]["value"] > found["startup.help"]["value"]


def test_command_that_fails_says_why(monkeypatch):
    monkeypatch.setattr(startup, "PYTHON", "raise SystemExit('broken')")
    with pytest.raises(SiegeError, match="ended with 1: broken"):
        startup.run(rounds=1)


@pytest.mark.soak
def test_cup_is_measured_beside_its_games_without_one():
    names = {f"tournament.{name}{part}" for name in ("bare", "cup") for part in ("", ".cpu")}
    names |= {"tournament.tables", "tournament.yardstick"}
    found = check(tournament.run(games=4, rounds=1, games_of_tables=1_000), names)
    assert found["tournament.cup"]["baseline"] == "tournament.bare"
    assert found["tournament.cup"]["ratio"] > 0


@pytest.mark.soak
def test_endurance_plays_as_much_as_it_was_asked_for():
    heard = []
    figures, _ = endurance.run(20_000, 2_000, progress=heard.append)
    found = {figure["name"]: figure["value"] for figure in figures}
    assert found["endurance.steps"] >= 20_000
    assert found["endurance.matches"] >= 2_000
    assert len(heard) == endurance.TENTHS


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([50, 60, 70, 70, 70, 71, 70, 70, 71, 70], ""),
        ([50, 60, 64, 67, 70, 72, 74, 76, 77, 78], "the hub has grown by 7,000 KB, from 70,000: 10%"),
        ([5, 6, 7.0, 7.1, 7.2, 7.3, 7.4, 7.5, 7.7, 7.8], ""),
    ],
)
def test_growth_is_what_comes_after_the_first_tenths(sizes, said):
    figures, problem = endurance._report([1.0, 1.0], [size * 1_000.0 for size in sizes], 1.0)
    assert problem == said
    assert figures[-1]["baseline"] == "endurance.settled"


def test_figures_become_a_table_in_markdown():
    figures = [
        {"name": "a.b", "value": 1234.5, "unit": "us", "spread": 0.1, "baseline": "c", "ratio": 2.0},
        {
            "name": "c",
            "value": 0.5,
            "unit": "",
            "spread": 0.0,
            "baseline": None,
            "ratio": None,
            "note": "slow",
        },
    ]
    assert format_markdown(figures).splitlines()[2:] == [
        "| a.b | 1,234 | us | 10% | 2x | c |",
        "| c | 0.5 | | 0% | | |",
        "",
        "- c: slow",
    ]
    assert format_table(figures).splitlines()[-1] == "c: slow"
