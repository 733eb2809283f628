import json
import os
import re
import signal
import subprocess
import sys

import pytest

from netsiege.options import play_setup
from netsiege.play import play
from tests.commands import command
from tests.e2e.conftest import children_of, netsiege, wait_until

ALONE = ("--defender", "none", "--benign", "0", "--episodes", "2")
PLAY = ("play", "--scenario", "two_networks_tiny", "--seed", "7")


def test_play_twice_with_other_hash_seeds_gives_the_same_results():
    reports = []
    for hash_seed in ("1", "2"):
        done = netsiege(
            *PLAY,
            "--episodes",
            "3",
            "--benign",
            "1",
            "--json",
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report.pop("steps_per_s") > 0
        reports.append(report)
    assert reports[0] == reports[1]
    assert list(reports[0]) == ["episodes", "seed", "scenario", "seats", "results"]
    assert [seat["role"] for seat in reports[0]["seats"]] == ["Attacker", "Defender", "Benign"]
    assert [result["episode"] for result in reports[0]["results"]] == list(range(3))
    for result in reports[0]["results"]:
        assert result["winner"] in ("Attacker", "Defender")
        assert len(result["returns"]) == 3


@pytest.mark.soak
def test_play_with_another_seed_gives_other_results():
    texts = {
        json.dumps(json.loads(netsiege("play", *ALONE, "--seed", seed, "--json").stdout)["results"])
        for seed in ("1", "2")
    }
    assert len(texts) == 2


def test_play_prints_a_table_for_people_and_leaves_nobody_behind(household):
    done = netsiege(*PLAY, "--episodes", "2", "--defender", "none", "--benign", "0")
    assert done.returncode == 0, done.stderr
    assert re.search(r"Attacker\W+random\W+\d", done.stdout)
    assert "steps/s" in done.stdout
    assert "2 of 2 episodes" in done.stderr
    assert not household.processes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "two_network_tiny"), "two_networks_tiny"),
        (("--scenario", "nowhere.yaml"), "nowhere.yaml"),
        (("--attacker", "randum"), "random-attacker"),
        (("--attacker", "random-defender"), "plays Defender, not Attacker"),
        (("--attacker", "no_such_module:Agent"), "no_such_module"),
        (("--episodes", "0"), "--episodes"),
        (("--no-such-option",), "--no-such-option"),
        (("--attacker", "none", "--defender", "none", "--benign", "0"), "at least one agent"),
    ],
)
def test_play_of_a_mistake_says_what_is_wrong_in_a_line_and_exits_2(arguments, said):
    done = command("play", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_play_interrupted_ends_everything_and_exits_130(household):
    process = subprocess.Popen(
        [sys.executable, "-m", "netsiege", *PLAY, "--episodes", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(children_of(process.pid, "agent")) == 3, "three agents")
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=15)
    assert process.returncode == 130
    assert "Traceback" not in errors + out
    wait_until(lambda: not household.processes(), "all processes gone")


def test_play_killed_leaves_nobody_behind(household):
    process = subprocess.Popen(
        [sys.executable, "-m", "netsiege", *PLAY, "--episodes", "100000"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(children_of(process.pid, "agent")) == 3, "three agents")
    process.kill()
    process.wait()
    wait_until(lambda: not household.processes(), "all processes gone")


@pytest.mark.soak
def test_play_whose_workers_are_killed_comes_out_the_same(household):
    spec, entrants, _ = play_setup(None, None, None, None, None)
    killed = []

    def kill_the_worker(_result):
        if len(killed) < 3:
            [hub] = children_of(os.getpid(), "hub")
            for worker in children_of(hub, "worker"):
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    disturbed = play(spec, entrants, 12, 7, progress=kill_the_worker)
    assert killed
    assert disturbed.results == play(spec, entrants, 12, 7).results
    assert not household.processes()
