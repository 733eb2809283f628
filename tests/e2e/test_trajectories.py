import json
from datetime import date

import pytest

from netsiege import AgentRole, GameState
from netsiege.agents.attackers import RandomAttacker
from netsiege.protocol import Trajectory
from netsiege.protocol.play import trajectory_body
from netsiege.scribe import keep
from tests.e2e.conftest import netsiege, wait_until
from tests.e2e.test_hub import _tiny_task


@pytest.fixture
def task(tmp_path):
    path = tmp_path / "kept.yaml"
    text = _tiny_task().replace("save_trajectories: false", "save_trajectories: true")
    assert "save_trajectories: true" in text
    path.write_text("name: kept\nseats: {Attacker: 1}\n" + text)
    return path


def test_hub_keeps_trajectories_where_netsecgame_does(start_hub, task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub = start_hub("--task", str(task))
    agent = RandomAttacker(address=hub.address)
    played = agent.play(3)
    agent.terminate_connection()
    name = f"{date.today():%Y-%m-%d}_RandomAttacker_AgentRole.Attacker.jsonl"
    file = tmp_path / "logs" / "trajectories" / name

    def three_lines():
        text = file.read_text() if file.exists() else ""
        return text.splitlines() if text.count("\n") == 3 else None  # the last may be in the making

    lines = wait_until(three_lines, "three lines")
    for line, summary in zip(lines, played, strict=True):
        told = json.loads(line)
        assert sum(told["trajectory"]["rewards"]) == summary.total_reward
        assert len(told["trajectory"]["states"]) == summary.steps + 1
        assert told["end_reason"] == summary.end_reason
        assert (told["agent_name"], told["agent_role"]) == ("RandomAttacker", "Attacker")
        GameState.from_dict(told["trajectory"]["states"][-1])


@pytest.mark.soak
def test_play_keeps_trajectories_too(task, tmp_path):
    done = netsiege("play", "--task", str(task), "--episodes", "2", "--seed", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    [file] = (tmp_path / "logs" / "trajectories").iterdir()
    assert len(file.read_text().splitlines()) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", ".hidden", "..", "x\\y"])
def test_agent_name_that_is_a_path_stays_in_the_folder(tmp_path, name):
    body = trajectory_body(GameState().to_wire(), [], None, AgentRole.Attacker.value, name)
    path = keep(tmp_path / "kept", Trajectory("r", 1, body))
    assert path.parent == tmp_path / "kept"
    assert path.exists()
    assert not path.name.startswith(".")
