"""The words of the game: what agents see, do and are.

Every class here is immutable and hashable, compares by value, and has a dict form (the one NetSecGame uses
in JSON) and a wire form (plain lists, ready for msgpack, that are equal for equal objects). Names, fields
and equality are NetSecGame's, so that an agent moves over by changing an import.

This package knows no sockets and no files, and of rules only what each action type is meant to do.
"""

from __future__ import annotations

from netsiege.game.action import Action
from netsiege.game.action_types import ActionType
from netsiege.game.state import FrozenMap, GameState, Observation
from netsiege.game.valid_actions import ValidActions, generate_valid_actions
from netsiege.game.values import (
    IP,
    AgentInfo,
    AgentRole,
    AgentStatus,
    Data,
    GameStatus,
    Network,
    Service,
)

__all__ = [
    "IP",
    "Action",
    "ActionType",
    "AgentInfo",
    "AgentRole",
    "AgentStatus",
    "Data",
    "FrozenMap",
    "GameState",
    "GameStatus",
    "Network",
    "Observation",
    "Service",
    "ValidActions",
    "generate_valid_actions",
]
