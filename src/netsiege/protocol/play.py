"""The bodies that only a seat and its engine open: actions, observations, trajectories."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.errors import ProtocolError
from netsiege.game import Action, AgentRole, GameState, Observation
from netsiege.protocol.declare import Message, a_text, a_whole, an_opaque, declared, maybe, quoted
from netsiege.protocol.frames import MAX_ACTION_LISTS, MAX_SEATS, MAX_SEED, Code, pack, unpack

PASS: Final = pack(None)
"""The body of a STEP that does nothing: it costs a step and leaves no trace."""

_ROLES: Final = tuple(role.value for role in AgentRole)


def _a_role(value: Any) -> str:
    """The name of a role, as it is written."""
    if value not in _ROLES:
        raise ValueError(f"{quoted(value)} is not one of {', '.join(_ROLES)}")
    return str(value)


class Seen(enum.IntFlag):
    """The first field of an observation."""

    NONE = 0
    END = 1
    """The seat's episode has ended."""
    FORBIDDEN = 2
    """It had ended before; the action was not played."""
    FULL = 4
    """The state is in full, not a delta from the seat's last observation."""


@frozen
class Seated(Message):
    """The seat is taken, and the match begins. `observation` is an OBS body in full."""

    match: int = declared(a_whole(0, MAX_SEED))
    role: str = declared(_a_role)
    index: int = declared(a_whole(0, MAX_SEATS))
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    max_steps: int | None = declared(maybe(a_whole(0, 1 << 31)))
    goal_description: str = declared(a_text(4096))
    configuration_hash: str = declared(a_text(128))
    ruleset: str = declared(a_text(64))
    observation: bytes = declared(an_opaque)


def action_body(action: Action | None) -> bytes:
    """The body of a STEP; None passes. Raises `ProtocolError(BAD_ACTION)` if the form is wrong."""
    if action is None:
        return PASS
    if not isinstance(action, Action):
        raise ProtocolError(Code.BAD_ACTION, f"{action!r:.40} is no Action")
    try:
        return pack(action.to_wire())
    except ValueError as error:
        raise ProtocolError(Code.BAD_ACTION, str(error)) from None


def read_action(body: bytes | memoryview) -> Action | None:
    """The inverse of `action_body`. Raises `ProtocolError(BAD_ACTION)` for anything else."""
    try:
        wire = unpack(body, MAX_ACTION_LISTS)
        return None if wire is None else Action.from_wire(wire)
    except ProtocolError as error:
        raise ProtocolError(Code.BAD_ACTION, error.text) from None
    except (ValueError, RecursionError) as error:  # a message may quote what is nested too deeply
        raise ProtocolError(Code.BAD_ACTION, str(error)) from None


def observation_body(flags: int, reward: float, info: Sequence[Any], state: Sequence[Any]) -> bytes:
    """The body of an OBS.

    `info` is flat, `[key, value, …]`; `state` is `GameState.to_wire` with `Seen.FULL`, else a delta
    as `GameState.apply` takes it, counted from the seat's last observation.
    """
    return pack([int(flags), reward, info, state])


def read_observation(body: bytes | memoryview, before: GameState | None) -> tuple[Observation, Seen]:
    """The inverse of `observation_body`; `before` is the state of the seat's last observation.

    Raises `ProtocolError(MALFORMED)`, also for a delta when there is no `before`.
    """
    wire = unpack(body)
    if not isinstance(wire, list) or len(wire) != 4 or type(wire[0]) is not int:
        raise ProtocolError(Code.MALFORMED, "an observation is a list of flags, reward, info, state")
    flags, reward, info, state = wire
    if not 0 <= flags <= 7 or type(reward) not in (int, float):
        raise ProtocolError(
            Code.MALFORMED, f"an observation cannot have flags {flags}, reward {quoted(reward)}"
        )
    if not isinstance(info, list) or len(info) % 2 or not all(isinstance(k, str) for k in info[::2]):
        raise ProtocolError(Code.MALFORMED, "info is a flat list of keys and values")
    try:
        if flags & Seen.FULL:
            known = GameState.from_wire(state)
        elif before is None:
            raise ValueError("a delta came before any full state")
        else:
            known = before.apply(state)
    except (ValueError, RecursionError) as error:  # a message may quote what is nested too deeply
        raise ProtocolError(Code.MALFORMED, f"observation: {error}") from None
    told = dict(zip(info[::2], info[1::2], strict=True))
    for key in _READERS.keys() & told.keys():
        told[key] = _READERS[key](told[key])
    return Observation(known, reward, bool(flags & Seen.END), told), Seen(flags)


def _read_json(text: Any) -> Any:
    """What the engine tells as JSON text: a list of alerts, the scores of an episode."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ProtocolError(Code.MALFORMED, f"info: {error}") from None


def trajectory_body(
    start: Sequence[Any], steps: Sequence[bytes], end_reason: str | None, role: str, name: str
) -> bytes:
    """An episode of one seat: the full first state, `trajectory_step` for each step, and how it ended."""
    return pack([start, list(steps), end_reason, role, name])


def trajectory_step(action: Sequence[Any] | None, reward: float, delta: Sequence[Any]) -> bytes:
    """One step of a trajectory; None is a pass."""
    return pack([action, reward, delta])


def read_trajectory(body: Any) -> dict[str, Any]:
    """The inverse of `trajectory_body`, as NetSecGame's dict. Raises `ProtocolError(MALFORMED)`."""
    try:
        start, steps, end_reason, role, name = unpack(body)
        state = GameState.from_wire(start)
        states, actions, rewards = [state.as_dict], [], []
        for step in steps:
            action, reward, delta = unpack(step)
            state = state.apply(delta)
            states.append(state.as_dict)
            actions.append(None if action is None else Action.from_wire(action).as_dict)
            rewards.append(reward)
    except (ValueError, TypeError, RecursionError) as error:
        raise ProtocolError(Code.MALFORMED, f"trajectory: {error}") from None
    return {
        "trajectory": {"states": states, "actions": actions, "rewards": rewards},
        "end_reason": end_reason,
        "agent_role": role,
        "agent_name": name,
    }


_READERS: Final = {"last_trajectory": read_trajectory, "alerts": _read_json, "scores": _read_json}
"""The values in an observation's info that travel packed."""
