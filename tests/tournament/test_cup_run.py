"""Cups as people run them: real processes, a folder of results, and what becomes of both when things die."""

from __future__ import annotations

import glob
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from netsiege.engine.replay import Replay
from tests.commands import command
from tests.lengths import lasting
from tests.tournament import chaos
from tests.tournament.running import CUP, netsiege, run, verdict, verdicts

CRASHER = '''
import os
from netsiege import BaseAgent, AgentRole, generate_valid_actions

class Crasher(BaseAgent):
    """Attacks well, but some games kill its process, with all that it plays."""

    plays = (AgentRole.Attacker,)

    def choose_action(self, observation):
        if self.seat.seed % 5 == 0:
            print("this one kills me", flush=True)
            os._exit(3)
        return generate_valid_actions(observation.state).choice(self.rng)
'''


def test_cup_ends_with_a_ranking_and_all_that_it_takes_to_check_it(played):
    folder, done = played
    assert "scripted-attacker" in done.stdout
    assert "24 games played, 24 counted" in done.stdout
    results = json.loads((folder / "results.json").read_text())
    assert results["games"] == 24
    assert len((folder / "results.csv").read_text().splitlines()) == 25
    assert "<svg" in (folder / "report.html").read_text()
    assert len(list((folder / "replays").glob("*.siege"))) == 24
    assert (folder / "cup.json").exists()
    assert verdict(folder) == (0, "24 replays come out as the tables say\n")


def test_nothing_of_a_cup_is_left_running(played):
    folder, _ = played
    lines = [Path(path).read_bytes() for path in glob.glob("/proc/[0-9]*/cmdline") if os.path.exists(path)]
    assert not [line for line in lines if str(folder).encode() in line]


def test_cup_of_a_results_folder_can_be_played_again(played, tmp_path):
    folder, _ = played
    again = run("run", folder / "cup.json", "--out", "again", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "again" / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()


def test_show_tells_what_the_end_of_the_run_told(played):
    folder, done = played
    told = command("tournament", "show", folder)
    assert told.returncode == 0
    assert "24 games played" in told.stdout
    assert json.loads(command("tournament", "show", folder, "--json").stdout)["games"] == 24
    del done


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nowhere.yaml"), "nowhere.yaml"),
        (("run", "--hub", "tcp://127.0.0.1:1"), "127.0.0.1:1"),
        (("resume", "nothing"), "no cup has been run there"),
        (("verify", "nothing"), "nothing"),
        (("show", "nothing"), "nothing"),
        (("compare", "scripted-attacker", "scripted-defender"), "they share no role"),
        (("compare", "scripted-attacker", "random-attackr"), "the nearest is 'random-attacker'"),
        (("compare", "scripted-attacker", "random-attacker", "--elo1", "-5"), "elo1"),
        (
            ("compare", "random-attacker", "scripted-attacker", "--against", "random-attacker"),
            "it is one of them",
        ),
    ],
)
def test_mistakes_are_told_in_a_line(words, said, tmp_path):
    told = command("tournament", *words, cwd=tmp_path)
    assert told.returncode == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_second_cup_in_a_folder_is_refused(played):
    folder, _ = played
    told = command("tournament", "run", "--out", folder)
    assert told.returncode == 2
    assert "resume" in told.stderr


def test_share_of_the_replays_is_kept_and_the_rest_is_not_missed(tmp_path):
    (tmp_path / "cup.yaml").write_text(
        "entrants: [random-attacker, random-defender]\nscenarios: [two_networks_tiny]\ngames: 8\n"
    )
    done = run("run", "cup.yaml", "--out", "out", "--replays", "0.25", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [p.name for p in sorted((tmp_path / "out" / "replays").iterdir())] == [
        "000003.siege",
        "000007.siege",
    ]
    code, said = verdict(tmp_path / "out")
    assert (code, said) == (0, "2 replays come out as the tables say; of 6 games there is no replay here\n")
    (tmp_path / "out" / "replays" / "000003.siege").unlink()
    assert verdict(tmp_path / "out")[0] == 1


# --- what dies --------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_cup_that_is_interrupted_goes_on_where_it_was(played, tmp_path):
    folder, _ = played
    (tmp_path / "cup.yaml").write_text(CUP)
    argv, cwd = netsiege("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not verdicts(tmp_path / "out"):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "tournament resume" in errors
    assert "Traceback" not in errors
    done = run("resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "results.csv").read_bytes() == (folder / "results.csv").read_bytes()
    assert verdict(tmp_path / "out")[0] == 0


@pytest.mark.soak
def test_replays_are_there_while_games_are_played_and_whole_when_the_director_is_killed(tmp_path):
    (tmp_path / "cup.yaml").write_text(CUP.replace("games: 3", "games: 60"))
    argv, cwd = netsiege("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    replays = tmp_path / "out" / "replays"
    while not list(replays.glob("*.siege")):
        assert process.poll() is None, "the cup was over before there was a replay"
        time.sleep(0.005)
    process.kill()
    process.wait()
    written = sorted(replays.glob("*.siege"))
    assert len(written) < 480
    assert all(Replay.load(path).cause for path in written)
    done = run("resume", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert verdict(tmp_path / "out") == (0, "480 replays come out as the tables say\n")
    assert {path.suffix for path in replays.iterdir()} == {".siege"}


@pytest.mark.soak
def test_agent_that_some_games_kill_forfeits_these_only(tmp_path):
    (tmp_path / "crashers.py").write_text(CRASHER)
    (tmp_path / "cup.yaml").write_text(
        "entrants: [{agent: 'crashers:Crasher', role: Attacker}, random-attacker, random-defender]\n"
        "scenarios: [two_networks_tiny]\ngames: 20\nforfeits: 0\n"
    )
    done = run("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    from netsiege.hub.tournament.records import Reader  # noqa: PLC0415  # of this test only

    with Reader.read(tmp_path / "out") as store:
        outcomes = store.outcomes()
    mine = [o for o in outcomes if o.game.attacker == "Crasher"]
    assert len(mine) == 20
    killed = {o.game.id for o in mine if o.forfeit == "Crasher"}
    assert 0 < len(killed) < 20
    assert killed == {o.game.id for o in mine if _seat_seed(tmp_path / "out", o) % 5 == 0}
    assert not [o for o in outcomes if o.forfeit not in ("", "Crasher")]
    assert verdict(tmp_path / "out")[0] == 0


def _seat_seed(folder, outcome):
    """The seed that the attacker's seat was told, by playing the game's replay, or a match from its seed."""
    from netsiege.agents.attackers import RandomAttacker  # noqa: PLC0415  # of this test only
    from netsiege.agents.defenders import RandomDefender  # noqa: PLC0415
    from netsiege.agents.local_match import LocalMatch  # noqa: PLC0415
    from netsiege.hub.tournament.grounds import spec_of  # noqa: PLC0415
    from netsiege.hub.tournament.records import Reader  # noqa: PLC0415

    with Reader.read(folder) as store:
        cup = store.cup
    agent = RandomAttacker()
    LocalMatch(spec_of(cup, cup.grounds[0]), [agent, RandomDefender(role="Defender")], outcome.game.seed)
    assert agent.seat is not None
    return agent.seat.seed


BAD = '''
import time
from netsiege import BaseAgent, AgentRole

class Raiser(BaseAgent):
    """Breaks in every game."""
    plays = (AgentRole.Attacker,)
    def choose_action(self, observation):
        raise RuntimeError("broken")

class Sleeper(BaseAgent):
    """Never moves."""
    plays = (AgentRole.Attacker,)
    def choose_action(self, observation):
        time.sleep(3600)
'''


@pytest.mark.soak
def test_nothing_that_an_entrant_does_stops_a_cup(tmp_path):
    (tmp_path / "bad.py").write_text(BAD)
    (tmp_path / "cup.yaml").write_text(
        "entrants:\n"
        "  - {agent: 'bad:Raiser', role: Attacker, seats: 2}\n"
        "  - {agent: 'bad:Sleeper', role: Attacker, seats: 4}\n"
        "  - {name: nothing, role: Attacker, command: /no/such/program}\n"
        "  - {name: quitter, role: Attacker, command: 'true'}\n"
        "  - random-attacker\n"
        "  - random-defender\n"
        "scenarios: [two_networks_tiny]\ngames: 4\nforfeits: 3\nclock: {move_s: 0.3}\n"
    )
    done = run("run", "cup.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    from netsiege.hub.tournament.records import Reader  # noqa: PLC0415  # of this test only

    with Reader.read(tmp_path / "out") as store:
        outcomes = store.outcomes()
    assert len(outcomes) == 20
    forfeits = {
        name: {o.cause for o in outcomes if o.forfeit == name and o.game.attacker == name}
        for name in ("Raiser", "Sleeper", "nothing", "quitter")
    }
    assert forfeits["Sleeper"] == {"time"}
    assert forfeits["nothing"] == forfeits["quitter"] == {"absent"}
    assert forfeits["Raiser"] <= {"left", "disconnect"}
    assert forfeits["Raiser"]
    assert {o.forfeit for o in outcomes} == {"", "Raiser", "Sleeper", "nothing", "quitter"}
    assert all(o.forfeit == o.game.attacker for o in outcomes if o.game.attacker != "random-attacker")
    assert "broken" in "".join(p.read_text() for p in (tmp_path / "out" / "logs").glob("Raiser*"))
    assert verdict(tmp_path / "out")[0] == 0


SLOW = '''
import os, random, time
from netsiege.agents.attackers import ScriptedAttacker
from netsiege.agents.defenders import RandomDefender

def wait():
    time.sleep(random.uniform(0, float(os.environ["SLOWNESS"])))

class Fox(ScriptedAttacker):
    """Takes its time."""
    def choose_action(self, observation):
        wait()
        return super().choose_action(observation)

class Dog(RandomDefender):
    """Takes its time, too."""
    def choose_action(self, observation):
        wait()
        return super().choose_action(observation)
'''


@pytest.mark.soak
def test_latency_of_agents_changes_no_result(tmp_path, monkeypatch):
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "cup.yaml").write_text(
        "entrants: ['slow:Fox', 'slow:Dog', random-defender]\nscenarios: [two_networks_tiny]\ngames: 5\n"
        "max_steps: 20\n"
    )
    for slowness in ("0", "0.2"):
        monkeypatch.setenv("SLOWNESS", slowness)
        done = run("run", "cup.yaml", "--out", slowness, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for name in ("results.csv", "results.json"):
        assert (tmp_path / "0" / name).read_bytes() == (tmp_path / "0.2" / name).read_bytes()


@pytest.mark.soak
def test_cup_under_kills_comes_out_like_the_undisturbed_one(tmp_path):
    """Workers are killed all the time, the hub and the director once each."""
    (tmp_path / "cup.yaml").write_text(chaos.CUP.format(games=lasting(4, 8)))
    calm = run("run", "cup.yaml", "--out", "calm", cwd=tmp_path)
    assert calm.returncode == 0, calm.stderr
    kills = chaos.play_under_kills(tmp_path, random.Random(4), hub_after=20, director_after=75)
    assert kills["worker"] > 5
    assert kills["hub"] == kills["director"] == 1
    assert chaos.differences(tmp_path) == []
    assert chaos.verified(tmp_path)[0]
