"""What a game costs the director, however many are under way and however many entrants there are."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time

import pytest

from netsiege.hub.tournament.conduct import Conduct
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Entrant, Format, Ground, Player
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.protocol import Cause, Result
from tests.tournament.running import in_flight, netsiege, run, verdicts

WON = Result(0, "Attacker", Cause.GOAL, ("Success", "Fail"), (4, 4), (96.0, -14.0), True)


class Counted(Conduct):
    """Counts how often it is looked whether there is a seat."""

    looks = 0

    def _has_seat(self, place, alone=False):
        self.looks += 1
        return super()._has_seat(place, alone)


def looks_for_a_game(entrants, seats):
    """How often it is looked for a seat, for each game, in a cup of so many entrants a side."""
    sides = [Entrant(f"a{i}", ((ATTACKER, Player("x")),), seats) for i in range(entrants)]
    sides += [Entrant(f"d{i}", ((DEFENDER, Player("y")),), seats) for i in range(entrants)]
    cup = Cup("cup", tuple(sides), (Ground("here"),), Format(games=4_096 // entrants**2), 7)
    conduct, rng = Counted(cup, schedule_of(cup), "t"), random.Random(3)
    flying = [flight.room for flight in conduct.take_orders().arrange]
    assert len(flying) >= entrants * seats * 0.9
    conduct.looks = 0
    for _ in range(500):
        room = flying.pop(rng.randrange(len(flying)))
        conduct.began(room)
        conduct.ended(room, WON, "finished", "")
        flying += [flight.room for flight in conduct.take_orders().arrange]
    return conduct.looks / 500


def test_work_for_a_game_does_not_grow_with_the_games_under_way():
    assert looks_for_a_game(4, 256) < 1.5 * looks_for_a_game(4, 8)


def test_work_for_a_game_grows_with_the_entrants_not_with_their_pairings():
    assert looks_for_a_game(32, 4) < 8 * looks_for_a_game(4, 4)  # eight times the entrants, 64 the pairings


SCALE = """
name: scale
entrants:
  - {name: fox, agent: random-attacker, seats: 512}
  - {name: wolf, agent: random-attacker, seats: 512}
  - {name: dog, agent: random-defender, seats: 512}
  - {name: owl, agent: random-defender, seats: 512}
scenarios: [two_networks_tiny]
games: 300
max_steps: 5
"""


@pytest.mark.soak
def test_a_thousand_games_are_under_way_at_once_and_all_of_them_count(tmp_path):
    (tmp_path / "cup.yaml").write_text(SCALE)
    argv, cwd = netsiege("run", "cup.yaml", "--out", "out", "--replays", "0.01", cwd=tmp_path)
    with subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as director:
        most = 0
        while director.poll() is None:
            most = max(most, in_flight(tmp_path / "out"))
            time.sleep(0.02)
        assert director.stderr is not None
        said = director.stderr.read().decode()
    assert director.returncode == 0, said
    assert most > 1_000
    assert verdicts(tmp_path / "out") == 1_200
    assert json.loads((tmp_path / "out" / "results.json").read_text())["forfeits"] == []


LIMITED = """
name: limited
entrants:
  - {name: fox, agent: random-attacker, seats: 3}
  - {name: dog, agent: random-defender, seats: 3}
scenarios: [two_networks_tiny]
games: 3
max_steps: 5
"""


@pytest.fixture
def hub_with(tmp_path):
    """Starts a hub with a limit, and returns where it is."""
    begun = []

    def start(limit):
        words = ["hub", "--no-default-room", "--limit", limit, "--parent", str(os.getpid())]
        words += ["--bind", "tcp://127.0.0.1:0", "--workers-bind", "tcp://127.0.0.1:0"]
        hub = subprocess.Popen([sys.executable, "-m", "netsiege", *words], stdout=subprocess.PIPE, text=True)
        begun.append(hub)
        assert hub.stdout is not None
        return next(line.split()[1] for line in hub.stdout if line.startswith("agents"))

    yield start
    for hub in begun:
        with hub:
            hub.terminate()


@pytest.mark.soak
@pytest.mark.parametrize("limit", ["arranged=2", "rooms=1"])
def test_limit_of_a_hub_that_a_cup_runs_into_ends_it_and_is_named(limit, hub_with, tmp_path):
    (tmp_path / "cup.yaml").write_text(LIMITED)
    done = run("run", "cup.yaml", "--out", "out", "--hub", hub_with(limit), cwd=tmp_path)
    assert done.returncode == 2
    assert f"(limit {limit.partition('=')[0]})" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.soak
def test_limit_of_a_hub_that_an_agent_runs_into_is_told_to_whoever_runs_the_cup(hub_with, tmp_path):
    (tmp_path / "cup.yaml").write_text(LIMITED.replace("games: 3", "games: 1"))
    done = run("run", "cup.yaml", "--out", "out", "--hub", hub_with("seats_per_session=2"), cwd=tmp_path)
    assert done.returncode == 0
    names = ("fox (Attacker)", "dog (Defender)")
    told = [
        [line for line in done.stderr.splitlines() if f"a process of {name} has ended" in line]
        for name in names
    ]
    assert any(told), "of one at least: the cup may be over before the other has got so far"
    for said in (line for lines in told for line in lines):
        assert said.startswith("netsiege: warning: ")
        assert "(limit seats_per_session)" in said
