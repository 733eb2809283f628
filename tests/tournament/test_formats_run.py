"""Cups of all formats with real processes: what is left of them, and that no kill changes what comes out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.commands import command
from tests.tournament.running import hub_of, netsiege, run, verdicts

CUP = """
name: mixed
entrants:
  - scripted-attacker
  - {{name: hasty, agent: "scripted-attacker,epsilon=0.5"}}
  - {{name: both, attacker: random-attacker, defender: scripted-defender, seats: 4}}
  - {{name: other, attacker: scripted-attacker, defender: random-defender}}
  - random-defender
  - {{name: doubtful, agent: "scripted-defender,epsilon=0.7"}}
scenarios: [two_networks_tiny]
max_steps: 40
games: {games}
format: {format}
"""
FORMATS = {
    "swiss": CUP.format(games=8, format="swiss"),
    "gauntlet": CUP.format(games=16, format="{gauntlet: {hero: both}}"),
}
PATIENCE_S = 60


@pytest.fixture(scope="module", params=sorted(FORMATS))
def calm(request, tmp_path_factory):
    """The folder of an undisturbed cup, and what its run has said."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "cup.yaml").write_text(FORMATS[request.param])
    done = run("run", "cup.yaml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done, request.param


@pytest.mark.soak
def test_cup_of_a_format_is_told_in_its_tables_page_and_replays(calm):
    folder, done, kind = calm
    results = json.loads((folder / "results.json").read_text())
    rows = (folder / "results.csv").read_text().splitlines()[1:]
    assert len(rows) == len(list((folder / "replays").glob("*.siege"))) == results["games"] > 60
    assert {table["role"] for table in results["tables"]} == {"overall", "attack", "defence"}
    said = {"swiss": "A Swiss system of 6 entrants", "gauntlet": "A gauntlet: both against the other 5"}[kind]
    for told in (
        done.stdout,
        command("tournament", "show", folder).stdout,
        (folder / "report.html").read_text(),
    ):
        assert said in told
        assert all(name in told for name in ("hasty", "both", "other", "doubtful"))
    assert command("tournament", "verify", folder).returncode == 0


@pytest.mark.soak
def test_rounds_pair_everybody_and_a_gauntlet_is_the_heros(calm):
    folder, _, kind = calm
    rows = [line.split(",") for line in (folder / "results.csv").read_text().splitlines()]
    columns = {name: rows[0].index(name) for name in ("attacker", "defender")}
    games = [tuple(row[columns[name]] for name in ("attacker", "defender")) for row in rows[1:]]
    if kind == "gauntlet":
        assert all("both" in game for game in games)
    else:
        assert {name for game in games for name in game} == {
            *("scripted-attacker", "hasty", "both", "other", "random-defender", "doubtful")
        }
    assert all(attacker != defender for attacker, defender in games)
    assert games.count(("both", "other")) == games.count(("other", "both"))


@pytest.mark.soak
def test_cup_of_a_format_comes_out_the_same_when_hub_and_director_are_killed(calm, tmp_path):
    folder, _, kind = calm
    (tmp_path / "cup.yaml").write_text(FORMATS[kind])
    total = verdicts(folder)
    argv, cwd = netsiege("run", "cup.yaml", "--out", "rough", cwd=tmp_path)
    rough = tmp_path / "rough"
    with (tmp_path / "said.txt").open("wb") as said:
        director = subprocess.Popen(argv, cwd=cwd, stdout=said, stderr=said)
        _kill(rough, director, total // 5, lambda: hub_of(rough))
        _kill(rough, director, total // 2, lambda: director.pid)
        director.wait(PATIENCE_S)
    assert director.returncode == -signal.SIGKILL
    done = run("resume", "rough", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "results.json"):
        assert (rough / name).read_bytes() == (folder / name).read_bytes()
    assert command("tournament", "verify", rough).returncode == 0


def _kill(folder, director, games, whom):
    """Kills a process as soon as so many games have a verdict."""
    deadline_s = time.monotonic() + PATIENCE_S
    while verdicts(folder) < games or (pid := whom()) is None:
        assert director.poll() is None, (folder.parent / "said.txt").read_text()
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
