"""What NetSecGame's agents ask for, read from the JSON that they write. Pure.

Everything that they may write is read, in any order and with its defaults; what cannot be is `Malformed`,
which says why. Nothing of a message is kept but what it asks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from netsiege.errors import ProtocolError
from netsiege.game import Action, ActionType, AgentRole
from netsiege.game.action import action_types
from netsiege.protocol import MAX_NAME_CHARS, MAX_SEED, Reset
from netsiege.protocol.play import action_body

CACHED_BYTES: Final = 2_048
"""Longer messages are not kept: they do not come twice."""
REASON_CHARS: Final = 300


@frozen
class JoinGame:
    """Asks for a seat. `name` is as NetSecGame's server would call the agent."""

    name: str
    role: AgentRole


@frozen
class Step:
    """Plays an action, which is the body of a STEP."""

    body: bytes


@frozen
class ResetGame:
    """Asks for a new episode."""

    asked: Reset


@frozen
class QuitGame:
    """Gives the seat up."""


@frozen
class Malformed:
    """Cannot be read, and why."""

    why: str


Request = JoinGame | Step | ResetGame | QuitGame | Malformed


def read_request(text: bytes) -> Request:
    """What one JSON object asks for."""
    return _cached(text) if len(text) <= CACHED_BYTES else _read(text)


@lru_cache(maxsize=1 << 12)
def read_whole(text: bytes) -> Request | None:
    """What these bytes ask for, if they are exactly one JSON object; None otherwise. Keeps them: for short
    ones.
    """
    try:
        is_object = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return None
    return _read(text) if is_object else None


def _read(text: bytes) -> Request:
    try:
        told = json.loads(text, parse_constant=_refuse)
        kind, given = ActionType.from_string(told["action_type"]), dict(told["parameters"])
        if kind not in _READERS:
            raise ValueError(f"Invalid ActionType: {kind.value}")
        return _READERS[kind](kind, given)
    except KeyError as error:
        return Malformed(f"{error} is missing")
    except (ValueError, TypeError, AttributeError, ProtocolError) as error:
        return Malformed((str(error) or type(error).__name__)[:REASON_CHARS])
    except RecursionError:
        return Malformed("it is nested too deeply")


_cached = lru_cache(maxsize=1 << 14)(_read)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _read_step(kind: ActionType, given: dict[str, Any]) -> Step:
    return Step(action_body(Action.from_dict({"action_type": str(kind), "parameters": given})))


def _read_join(kind: ActionType, given: dict[str, Any]) -> JoinGame:
    info = Action.from_dict({"action_type": str(kind), "parameters": given}).parameters["agent_info"]
    role = info.role if isinstance(info.role, AgentRole) else AgentRole.from_string(info.role)
    return JoinGame(clean_agent_name(str(info.name)), role)


def _read_reset(kind: ActionType, given: dict[str, Any]) -> ResetGame:
    told = Action.from_dict({"action_type": str(kind), "parameters": given}).parameters
    unknown = [name for name in told if name not in ("request_trajectory", "randomize_topology", "seed")]
    if unknown:
        raise ValueError(f"{unknown[0]} is no parameter of a reset")
    seed = told.get("seed")
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise ValueError(f"seed: {seed} is not a whole number from 0 to {MAX_SEED}")
    # who gives a seed and says nothing else gets other addresses, where the task has them: as NetSecGame's do
    randomize = bool(told.get("randomize_topology", seed is not None))
    return ResetGame(Reset(bool(told.get("request_trajectory", False)), randomize, seed))


def _read_quit(_kind: ActionType, _given: dict[str, Any]) -> QuitGame:
    return QuitGame()


_READERS: Final[dict[ActionType, Callable[[ActionType, dict[str, Any]], Request]]] = {
    **dict.fromkeys(action_types("netsecgame"), _read_step),
    ActionType.JoinGame: _read_join,
    ActionType.ResetGame: _read_reset,
    ActionType.QuitGame: _read_quit,
}
"""NetSecGame's action types: there are no others for its agents."""


def clean_agent_name(name: str) -> str:
    """Letters, digits, `-` and single `_` of a name, as NetSecGame's server calls an agent; no longer than
    names are here. One that has nothing of these is "agent".
    """
    plain = re.sub(r"_+", "_", re.sub(r"[^a-zA-Z0-9_-]", "_", name)).strip("_")
    return plain[:MAX_NAME_CHARS].strip("_") or "agent"
