"""What entrants print in a real cup is told game by game, though one process plays many at once."""

import itertools
import json
import re
import subprocess
import sys

import pytest

from netsiege.hub.tournament.captured import lines_of
from netsiege.hub.tournament.processes import outputs_of
from tests.commands import command

AGENT = '''
import logging
import sys

from netsiege import AgentRole, BaseAgent, generate_valid_actions

logging.basicConfig(level=logging.INFO)
print("loaded")

class Loud(BaseAgent):
    """Says in every turn which seat it plays."""

    plays = (AgentRole.Attacker,)

    def choose_action(self, observation):
        print("I am", end=" ")
        print(self.seat.seed, self.seat.match)
        logging.getLogger("loud").info("logged %s", self.seat.match)
        sys.stderr.write(f"written {self.seat.match}\\n")
        return generate_valid_actions(observation.state).choice(self.rng)

    def episode_ended(self, summary):
        print("over after", summary.steps, end="")
'''
CUP = """
entrants: ["loud:Loud", random-defender]
scenarios: [two_networks_tiny]
games: 4
max_steps: 12
"""


@pytest.mark.soak
def test_lines_of_games_that_one_process_plays_at_once_are_told_apart(tmp_path):
    (tmp_path / "loud.py").write_text(AGENT)
    (tmp_path / "cup.yaml").write_text(CUP)
    words = ["tournament", "run", "cup.yaml", "--out", "out"]
    subprocess.run([sys.executable, "-m", "netsiege", *words], cwd=tmp_path, check=True, timeout=120)
    folder = tmp_path / "out"
    (path,) = outputs_of(folder / "logs", "Loud", "Attacker")
    order = [line.match for line in lines_of(path) if line.match is not None]
    turns = sum(one != other for one, other in itertools.pairwise(order))
    assert turns > 2 * len(set(order)), "no two games have been played in turn"
    told = [json.loads(command("tournament", "show", folder, "--game", n, "--json").stdout) for n in range(4)]
    played = [tried for game in told for tried in game["tries"] if tried["state"] == "done"]
    assert len(played) == 4
    for tried in played:
        (said,) = [each for each in tried["output"] if each["entrant"] == "Loud"]
        texts = [text for _, text in said["lines"]]
        match = tried["match"]
        assert {int(re.search(r"\d+$", text)[0]) for text in texts[:-1]} == {match}
        assert {text.split()[0] for text in texts[:-1]} == {"I", "INFO:loud:logged", "written"}
        assert re.fullmatch(r"over after \d+", texts[-1])
        assert len(texts) == 1 + 3 * int(texts[-1].split()[-1])
    shown = command("tournament", "show", folder, "--game", 0).stdout
    assert "logs/Loud-attacker-1.log: " in shown
