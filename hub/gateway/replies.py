"""NetSecGame's replies: JSON texts, with its field names, in its words. Pure.

A state is written part by part, and a part only if it has changed since the seat was last told: most steps
teach nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from netsiege.game import IP, AgentStatus, GameState, Network, Observation, Service
from netsiege.game.action import action_types

END_MARK: Final = "EOF"
END: Final = END_MARK.encode()
ACTIONS: Final = [str(kind) for kind in action_types("netsecgame")]
"""What NetSecGame knows: its agents are told of nothing else, whatever the ruleset has."""
_SET_PARTS: Final = ("known_networks", "known_hosts", "controlled_hosts")
_MAP_PARTS: Final = ("known_services", "known_data", "known_blocks")
_NOTHING: Final = object()


class StateTexts:
    """Writes the states of one seat, one after the other."""

    def __init__(self) -> None:
        self._state: object = _NOTHING
        self._whole = ""
        self._parts: dict[str, tuple[object, str]] = {}

    def of(self, state: GameState) -> str:
        """The state as JSON."""
        if state is not self._state:
            parts = [self._part(name, getattr(state, name), _list_text) for name in _SET_PARTS]
            parts += [self._part(name, getattr(state, name), _map_text) for name in _MAP_PARTS]
            self._state, self._whole = state, "{" + ", ".join(parts) + "}"
        return self._whole

    def _part(self, name: str, value: Any, text_of: Callable[[Any], str]) -> str:
        before = self._parts.get(name)
        if before is not None and before[0] is value:
            return before[1]
        text = f'"{name}": {text_of(value)}'
        self._parts[name] = (value, text)
        return text


class Writer:
    """Writes the replies to one client, which is at `peer`: host and port."""

    def __init__(self, peer: tuple[str, int]) -> None:
        self._head = f'{{"to_agent": {json.dumps(list(peer))}, '
        self.states = StateTexts()

    def step(self, seen: Observation) -> bytes:
        """The answer to an action: OK, or FORBIDDEN if the seat's episode had ended before."""
        info: Mapping[str, Any] = seen.info
        status = "FORBIDDEN" if "info" in info else "OK"
        told = json.dumps(dict(info)) if info else "{}"
        return self._reply(f'{self._observation(seen, told)}, "status": "GameStatus.{status}"}}')

    def joined(self, seen: Observation, message: Mapping[str, Any]) -> bytes:
        """The answer to JoinGame: CREATED."""
        return self._reply(f'"status": "GameStatus.CREATED", {self._begun(seen, message)}')

    def reset(self, seen: Observation, message: Mapping[str, Any]) -> bytes:
        """The answer to ResetGame: RESET_DONE."""
        return self._reply(f'"status": "GameStatus.RESET_DONE", {self._begun(seen, message)}')

    def quit(self) -> bytes:
        """The answer to QuitGame, which NetSecGame's server does not answer."""
        return self._reply('"status": "GameStatus.OK", "observation": null, "message": {"message": "Bye."}}')

    def refusal(self, text: str) -> bytes:
        """BAD_REQUEST."""
        said = json.dumps({"message": f"Bad request received: {text}"})
        return self._reply(f'"status": "GameStatus.BAD_REQUEST", "observation": null, "message": {said}}}')

    def exists(self) -> bytes:
        """The answer to a second JoinGame: BAD_REQUEST, in a shape of its own."""
        return self._reply('"status": "GameStatus.BAD_REQUEST", "message": "Agent already exists."}')

    def _begun(self, seen: Observation, message: Mapping[str, Any]) -> str:
        return f'{self._observation(seen, "{}")}, "message": {json.dumps(dict(message))}}}'

    def _observation(self, seen: Observation, info: str) -> str:
        end = "true" if seen.end else "false"
        reward = json.dumps(seen.reward)
        state = self.states.of(seen.state)
        return f'"observation": {{"state": {state}, "reward": {reward}, "end": {end}, "info": {info}}}'

    def _reply(self, rest: str) -> bytes:
        if END_MARK in rest:  # within a string: nowhere else does JSON have these letters
            rest = rest.replace(END_MARK, f"\\u{ord(END_MARK[0]):04x}{END_MARK[1:]}")
        return (self._head + rest).encode() + END


def welcome(name: str, role: str, info: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """The message of CREATED. Its spelling is NetSecGame's."""
    return {
        "message": f"Welcome {name}, registred as AgentRole.{role}",
        "max_steps": info["max_steps"],
        "goal_description": info["goal_description"],
        "actions": ACTIONS,
        "configuration_hash": info["configuration_hash"],
        **more,
    }


def begun_again(info: Mapping[str, Any]) -> dict[str, Any]:
    """The message of RESET_DONE."""
    told = {
        "message": "Resetting Game and starting again.",
        "max_steps": info["max_steps"],
        "goal_description": info["goal_description"],
        "configuration_hash": info["configuration_hash"],
    }
    if "last_trajectory" in info:
        told["last_trajectory"] = _finished(info["last_trajectory"])
    return told


def _finished(trajectory: Mapping[str, Any]) -> Mapping[str, Any]:
    """The trajectory without an end if there was none but the reset: NetSecGame knows no word for that."""
    given_up = trajectory["end_reason"] == str(AgentStatus.ResetRequested)
    return {**trajectory, "end_reason": None} if given_up else trajectory


def _list_text(items: Iterable[Any]) -> str:
    return "[" + ", ".join(sorted([_text(item) for item in items])) + "]"


def _map_text(items: Mapping[IP, Iterable[Any]]) -> str:
    return "{" + ", ".join(sorted([f'"{ip.ip}": {_list_text(each)}' for ip, each in items.items()])) + "}"


def _text(item: Any) -> str:
    # data of the same name may differ in size and content, and would be told as each other
    return _kept(item) if isinstance(item, IP | Network | Service) else json.dumps(item.as_dict)


@lru_cache(maxsize=1 << 16)
def _kept(item: IP | Network | Service) -> str:
    return json.dumps(item.as_dict)
