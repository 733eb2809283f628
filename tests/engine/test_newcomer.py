"""An action type of one's own, added to a copy of the package as `engine/README.md` tells."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import netsiege
from netsiege.game.action import PLAYED
from tests.e2e.conftest import RunningHub

README = Path(__file__).parents[2] / "engine" / "README.md"
TASK = """
extends: two_networks
ruleset: siege-1
rules: {success: false, sensor: false}
seats: {Attacker: 1}
"""

AGENT = """
from netsiege import BaseAgent, generate_valid_actions


class Newcomer(BaseAgent):
    moves = 0

    def choose_action(self, observation):
        self.moves += 1
        wanted = ("LeaveBackDoor", "ComeBack")[self.moves % 2 == 0]
        offered = generate_valid_actions(observation.state, False, self.seat.has_responses, self.role)
        return next(action for action in offered if action.type.value == wanted)
"""

LOOKED_AT = """
import json
from netsiege.agents.llm.labels import action_label
from netsiege.engine.words import say_action
from netsiege.game import Action, ActionType, AgentRole, GameState, IP, generate_valid_actions
from netsiege.game.action import CODE_OF
from netsiege.tui.moves import menu_of

state = GameState(controlled_hosts=[IP("10.0.0.1")], known_hosts=[IP("10.0.0.1"), IP("10.0.0.2")])
mine = ("LeaveBackDoor", "ComeBack")
offered = {
    role.value: [
        say_action(a) for a in generate_valid_actions(state, False, True, role) if a.type.value in mine
    ]
    for role in AgentRole
}
action = Action(ActionType("LeaveBackDoor"), {"source_host": IP("10.0.0.1"), "target_host": IP("10.0.0.1")})
print(json.dumps({
    "codes": [CODE_OF[ActionType(name)] for name in mine],
    "offered": offered,
    "label": action_label(action),
    "again": Action.from_dict(action.as_dict).as_dict == action.as_dict,
    "menu": [each.label for each in menu_of(state, AgentRole.Attacker, True).options()],
}))
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A folder with a copy of the package that has the README's example in it."""
    where = tmp_path_factory.mktemp("newcomer")
    package = where / "netsiege"
    shutil.copytree(Path(netsiege.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    effect, entries = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    table = package / "game" / "action_types.py"
    text = table.read_text()
    for mark, added in (("# --- the table ---", effect), ("    __hash__ = ", entries)):
        assert text.count(mark) == 1
        text = text.replace(mark, f"{added}\n{mark}")
    table.write_text(text)
    (where / "newcomer.py").write_text(AGENT)
    (where / "task.yaml").write_text(TASK)
    return where


def python(where, *arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        check=False,
        env={**os.environ, "PYTHONPATH": str(where)},
        cwd=where,
        capture_output=True,
        text=True,
        timeout=60,
    )


def netsiege_of(where, *arguments):
    done = python(where, "-m", "netsiege", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_new_action_types_are_offered_numbered_and_said(copied):
    done = python(copied, "-c", LOOKED_AT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["codes"] == [len(PLAYED), len(PLAYED) + 1]
    mine = ["LeaveBackDoor 10.0.0.1 from 10.0.0.1", "ComeBack 10.0.0.1 from 10.0.0.1"]
    assert found["offered"] == {
        "Attacker": [*mine, "ComeBack 10.0.0.2 from 10.0.0.1"],
        "Defender": [],
        "Benign": [],
    }
    assert found["label"] == "leave_back_door 10.0.0.1"
    assert found["again"]
    for said in ("leave a way back", "through the back door"):
        assert any(said in each for each in found["menu"])


def test_new_action_types_are_played_on_a_hub_and_replayed(copied, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", str(copied))
    monkeypatch.chdir(copied)
    hub = RunningHub("--task", "task.yaml", "--journal", str(tmp_path / "hub.journal"))
    try:
        netsiege_of(copied, "agent", "run", "newcomer:Newcomer", "--hub", hub.address, "--episodes", 1)
    finally:
        hub.stop()
    netsiege_of(copied, "replay", "extract", tmp_path / "hub.journal", "--out", tmp_path)
    (replay,) = tmp_path.glob("*.siege")
    told = netsiege_of(copied, "replay", "show", replay)
    assert "LeaveBackDoor" in told
    assert "ComeBack" in told
    assert "the same" in netsiege_of(copied, "replay", "verify", replay)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("chance=0.8", "ComeBack: chance is 8, which is not a probability from 0 to 1"),
        ("roles=(AgentRole.Attacker,)", "ComeBack: roles are Attacker: give one or more of AgentRole"),
        ("effect=_come_back,", "ComeBack: effect is missing"),
        ('"ComeBack",', "ComeBack: its entry calls it 'GoBack'"),
    ],
)
def test_mistake_in_an_entry_is_named_when_anything_starts(copied, tmp_path, wrong, said):
    other = {
        "chance=0.8": "chance=8",
        "roles=(AgentRole.Attacker,)": "roles=AgentRole.Attacker",
        "effect=_come_back,": "",
        '"ComeBack",': '"GoBack",',
    }[wrong]
    shutil.copytree(copied / "netsiege", tmp_path / "netsiege")
    table = tmp_path / "netsiege" / "game" / "action_types.py"
    before, found, after = table.read_text().rpartition(wrong)
    assert found
    table.write_text(f"{before}{other}{after}")
    done = python(tmp_path, "-c", "from netsiege import ActionType")
    assert said in done.stderr.splitlines()[-1]
