"""NetSecGame has nine action types, whatever the ruleset has besides."""

import pickle

import pytest

from netsiege import game
from netsiege.compat.netsecgame import Action, ActionType, Observation
from netsiege.compat.netsecgame.agents.base_agent import _message
from netsiege.game.action import action_types

NETSECGAME = [
    *("ScanNetwork", "FindServices", "FindData", "ExploitService", "ExfiltrateData", "BlockIP"),
    *("JoinGame", "QuitGame", "ResetGame"),
]


def test_action_types_are_netsecgames_nine():
    assert [kind.name for kind in ActionType] == [kind.value for kind in ActionType] == NETSECGAME
    assert [str(kind) for kind in ActionType] == [f"ActionType.{name}" for name in NETSECGAME]


@pytest.mark.parametrize("kind", list(ActionType))
def test_action_type_equals_ours_of_the_same_name_and_no_other(kind):
    assert [ours for ours in game.ActionType if ours == kind] == [game.ActionType[kind.name]]
    assert {kind: 1}[game.ActionType[kind.name]] == 1
    assert game.AgentStatus.Fail != kind
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize("name", ["IsolateHost", "ActionType.PatchService"])
def test_action_type_of_another_ruleset_is_none_here(name):
    with pytest.raises(ValueError, match="Invalid ActionType"):
        ActionType.from_string(name)
    with pytest.raises(ValueError, match="Invalid ActionType"):
        Action.from_dict({"action_type": name, "parameters": {}})


def test_message_lists_netsecgames_action_types_under_any_ruleset():
    told = {"actions": [str(kind) for kind in action_types("siege-1")], "max_steps": 5, "status": "x"}
    seen = Observation(None, 0, False, told)
    assert _message(seen) == {"actions": [f"ActionType.{name}" for name in NETSECGAME], "max_steps": 5}
