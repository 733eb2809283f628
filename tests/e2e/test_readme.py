"""The README's code and commands do what it says."""

import re
import subprocess
import sys
from pathlib import Path

from tests.commands import command
from tests.e2e.conftest import netsiege

README = (Path(__file__).parents[2] / "README.md").read_text()


def block(language, word):
    """The README's piece of code in that language that has that word."""
    [found] = [code for code in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if word in code]
    return found


def test_readme_cup_is_one_and_is_played(tmp_path):
    (tmp_path / "cup.yaml").write_text(block("yaml", "entrants:").replace("games: 100", "games: 1"))
    (tmp_path / "my_agents.py").write_text(
        "from netsiege.agents.attackers import RandomAttacker\n\nclass Fox(RandomAttacker):\n    pass\n"
    )
    done = netsiege("tournament", "run", "cup.yaml", "--out", "cups/mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Fox" in done.stdout
    assert command("tournament", "verify", "cups/mine", cwd=tmp_path).returncode == 0


def test_readme_agent_runs_as_printed(hub, tmp_path):
    code = block("python", "class MyAgent")
    assert "9100" in code
    script = tmp_path / "my_agent.py"
    script.write_text(code.replace("9100", str(hub.port)))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "end_reason" in done.stdout


def test_readme_agent_that_forgets_to_say_goodbye_still_ends(hub, tmp_path):
    code = block("python", "class MyAgent")
    script = tmp_path / "my_agent.py"
    script.write_text(code.replace("9100", str(hub.port)).replace("agent.terminate_connection()\n", ""))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_readme_names_the_two_commands_that_do_everything():
    commands = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(commands) == 2
    assert "netsiege tournament run" in commands[0]
    assert "pytest" in commands[1]


def test_readme_scenario_is_valid_and_can_be_played(tmp_path):
    yaml = block("yaml", "networks:")
    (tmp_path / "office.yaml").write_text(yaml)
    for printed in (
        "scenario validate office.yaml",
        "scenario draw office.yaml --out office.svg",
        "play --scenario office.yaml --episodes 5",
    ):
        assert f"netsiege {printed}\n" in README
        done = command(*printed.split(), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "warning" not in done.stderr


def test_readme_shows_the_error_of_a_mistake_as_it_is(tmp_path):
    yaml = block("yaml", "networks:")
    (tmp_path / "office.yaml").write_text(yaml.replace("192.168.1.2\n", "192.168.1.300\n"))
    done = netsiege("scenario", "validate", "office.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] in README
