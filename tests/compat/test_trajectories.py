"""Trajectories both ways: what the hub and replays leave in files is read by NetSecGame's tools, and theirs
by us.
"""

import json

import pytest

from netsiege.compat import netsecgame
from netsiege.compat.netsecgame import BaseAgent, read_trajectories_from_jsonl, store_trajectories_to_jsonl
from netsiege.engine.selfplay import play_randomly
from netsiege.scenarios import load_spec
from tests.commands import command
from tests.compat.cases import RECORDED
from tests.compat.questions import answer
from tests.compat.test_play import look
from tests.e2e.conftest import RunningHub, wait_until
from tests.e2e.test_hub import _tiny_task


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """What `netsiege replay export` makes of a random match of an attacker and a defender."""
    folder = tmp_path_factory.mktemp("exported")
    replay = folder / "match.siege"
    play_randomly(load_spec(seats={"Attacker": 1, "Defender": 1}), 2, 600).save(replay)
    done = command("replay", "export", replay, "--out", folder / "kept")
    assert done.returncode == 0, done.stderr
    files = sorted((folder / "kept").iterdir())
    assert len(files) == 2
    return files


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The file of a hub with `save_trajectories`, and the two episodes that the agent was told."""
    folder = tmp_path_factory.mktemp("kept")
    task = folder / "task.yaml"
    text = _tiny_task().replace("save_trajectories: false", "save_trajectories: true")
    task.write_text(f"name: kept\nseats: {{Attacker: 1}}\n{text}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        hub = RunningHub("--workers", "1", "--task", str(task))
    agent = BaseAgent("127.0.0.1", hub.port, "Attacker", name="keeper")
    observation, told = agent.register(), []
    for _ in range(2):
        while not observation.end:
            observation = agent.make_step(look(observation.state))
        observation = agent.request_game_reset(request_trajectory=True)
        told.append(observation.info["last_trajectory"])
    agent.terminate_connection()
    files = folder / "logs" / "trajectories"
    file = wait_until(lambda: next(iter(files.iterdir()), None) if files.exists() else None, "a file")
    wait_until(lambda: file.read_text().count("\n") == 3, "three lines: it has left a third episode")
    assert "Traceback" not in hub.stop()
    return file, told


def test_lines_that_a_hub_keeps_are_those_that_the_agent_is_told(kept):
    file, told = kept
    assert read_trajectories_from_jsonl(str(file))[:2] == told


def test_lines_that_a_hub_keeps_are_read_by_the_original(original, kept):
    file, _ = kept
    assert original.ask(("read", str(file))) == [answer(netsecgame, "read", str(file))]


def test_exported_lines_are_read_by_the_original(original, exported):
    for file in exported:
        [read] = original.ask(("read", str(file)))
        assert read == answer(netsecgame, "read", str(file))
        assert len(read) >= 2


def test_exported_lines_are_read_and_stored_again_as_they_were(exported, tmp_path):
    for file in exported:
        lines = read_trajectories_from_jsonl(str(file))
        assert len(lines) >= 2
        for line in lines:
            store_trajectories_to_jsonl(line, str(tmp_path), file.name)
        assert (tmp_path / file.name).read_text() == file.read_text()


def test_what_the_original_has_stored_is_read():
    [game] = read_trajectories_from_jsonl(str(RECORDED))
    assert game == json.loads(RECORDED.read_text())
    assert (game["agent_name"], game["end_reason"]) == ("a", "AgentStatus.Success")
    assert len(game["trajectory"]["states"]) == len(game["trajectory"]["actions"]) + 1 == 6


def test_line_that_is_no_json_is_named(tmp_path):
    file = tmp_path / "half.jsonl"
    file.write_text('{"a": 1}\n\n{"b":')
    with pytest.raises(ValueError, match=r"half\.jsonl: line 3 is no JSON"):
        read_trajectories_from_jsonl(str(file))
    file.write_text('{"a": 1}\n\n')
    assert read_trajectories_from_jsonl(str(file)) == [{"a": 1}]


@pytest.mark.parametrize("name", ["run_all", "run_all.jsonl"])
def test_name_of_a_file_keeps_its_letters(tmp_path, name):
    store_trajectories_to_jsonl([1], str(tmp_path), name)
    assert [file.name for file in tmp_path.iterdir()] == ["run_all.jsonl"]
