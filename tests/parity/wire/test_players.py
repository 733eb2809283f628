"""Agents that know NetSecGame alone win as often, and gain as much, on our gateway as on the original.

Agents draw from other seeds on the other side: two samples. The bounds are those of two-sided tests at 1%:
z for two proportions, Welch's t for two means, which is normal with so many episodes. From equal seeds, where
the game draws nothing, they play the very same episodes.
"""

import json
import math
import statistics
import subprocess

import pytest

from tests.parity.wire.ends import HERE, OriginalServer, OurServer
from tests.parity.wire.tasks import task

EPISODES = 200
BOUND = 2.576
PATIENCE_S = 240
SEEDS = {"original": 1, "ours": 2}


def played(python, port, kind, seed, folder):
    argv = [python, "-P", "-s", str(HERE / "players.py"), str(port), kind, str(EPISODES), str(seed)]
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=folder,
        env={"PYTHONHASHSEED": "0"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["returns"]) == EPISODES
    return found


def z_of_rates(one, other):
    together = (one + other) / (2 * EPISODES)
    return abs(one - other) / EPISODES / math.sqrt(together * (1 - together) * 2 / EPISODES)


def t_of_means(one, other):
    spread = math.sqrt((statistics.variance(one) + statistics.variance(other)) / EPISODES)
    return abs(statistics.mean(one) - statistics.mean(other)) / spread


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["random", "q-learning"])
def test_agents_of_netsecgame_fare_alike_on_both_sides(python, tmp_path, kind):
    path = tmp_path / "task.yaml"
    path.write_text(task("two_networks_tiny", "Attacker", steps=100))
    with OriginalServer(python, path, tmp_path) as original:
        theirs = played(python, original.port, kind, SEEDS["original"], tmp_path)
    with OurServer(path, tmp_path) as server:
        ours = played(python, server.port, kind, SEEDS["ours"], tmp_path)
    assert 0 < theirs["wins"] < EPISODES
    assert z_of_rates(theirs["wins"], ours["wins"]) < BOUND, (theirs["wins"], ours["wins"])
    assert t_of_means(theirs["returns"], ours["returns"]) < BOUND


@pytest.mark.soak
def test_agent_with_the_same_seed_plays_the_same_episodes_on_both_sides(python, tmp_path):
    path = tmp_path / "task.yaml"
    path.write_text(task("two_networks", "Attacker", steps=60))
    with OriginalServer(python, path, tmp_path) as original:
        theirs = played(python, original.port, "q-learning", 5, tmp_path)
    with OurServer(path, tmp_path) as server:
        assert played(python, server.port, "q-learning", 5, tmp_path) == theirs
