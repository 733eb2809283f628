"""The functions that NetSecGame's agents share, with the same results."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from netsiege.compat.netsecgame.game_components import IP, Action, ActionType, GameState, Observation

__all__ = [
    "generate_valid_actions",
    "get_file_hash",
    "get_logging_level",
    "get_str_hash",
    "observation_as_dict",
    "observation_from_dict",
    "observation_from_str",
    "observation_to_str",
    "parse_log_content",
    "read_trajectories_from_jsonl",
    "state_as_ordered_string",
    "store_trajectories_to_jsonl",
]

log = logging.getLogger(__name__)

_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def get_file_hash(filepath: str, hash_func: str = "sha256", chunk_size: int = 4096) -> str:
    """The hash of a file in hexadecimal digits, read by `chunk_size` bytes."""
    digest = hashlib.new(hash_func)
    with open(filepath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def get_str_hash(string: str, hash_func: str = "sha256") -> str:
    """The hash of a text in hexadecimal digits."""
    return hashlib.new(hash_func, string.encode()).hexdigest()


def get_logging_level(debug_level: str) -> int:
    """The number of a level of `logging` by its name, in any case; that of ERROR for unknown ones."""
    name = debug_level.upper()
    return int(getattr(logging, name)) if name in _LEVELS else logging.ERROR


def parse_log_content(log_content: str) -> list[dict[str, Any]] | None:
    """The entries of a log file found in the game, as IP and ActionType; None, logged, if it is no log."""
    try:
        return [
            {
                "source_host": IP(item["source_host"]),
                "action_type": ActionType.from_string(item["action_type"]),
            }
            for item in json.loads(log_content)
        ]
    except (json.JSONDecodeError, TypeError) as error:
        log.error("no log of the game: %s", error)
        return None


# --- states and observations as text ----------------------------------------------------------------------


def state_as_ordered_string(state: GameState) -> str:
    """The state as text that is the same for equal states: a key for tables."""
    return (
        f"nets:[{_joined(state.known_networks)}],"
        f"hosts:[{_joined(state.known_hosts)}],"
        f"controlled:[{_joined(state.controlled_hosts)}],"
        f"services:{{{_joined_by_host(state.known_services)}}},"
        f"data:{{{_joined_by_host(state.known_data)}}}, "
        f"blocks:{{{_joined_by_host(state.known_blocks)}}}"
    )


def _joined(items: Iterable[Any]) -> str:
    return ",".join(map(str, sorted(items)))


def _joined_by_host(mapping: Mapping[IP, Iterable[Any]]) -> str:
    return "".join(f"{host}:[{_joined(mapping[host])}]" for host in sorted(mapping))


def observation_as_dict(observation: Observation) -> dict[str, Any]:
    """The four parts under their names, ready for JSON."""
    return {
        "state": observation.state.as_dict,
        "reward": observation.reward,
        "end": observation.end,
        "info": dict(observation.info),
    }


def observation_to_str(observation: Observation) -> str:
    """`observation_as_dict` as JSON text. Logs and raises what prevents it."""
    try:
        return json.dumps(observation_as_dict(observation))
    except Exception as error:
        log.error("%s cannot be written as JSON: %s", observation, error)
        raise


def observation_from_dict(data: Mapping[str, Any]) -> Observation:
    """The inverse of `observation_as_dict`; only the state has to be there. Logs and raises ValueError."""
    try:
        state = data.get("state")
        if not isinstance(state, dict):
            raise ValueError(f"state: {state!r:.40} is no mapping")
        return Observation(
            state=GameState.from_dict(state),
            reward=float(data.get("reward", 0.0)),
            end=bool(data.get("end", False)),
            info=data.get("info", {}),
        )
    except Exception as error:
        log.error("no observation: %s", error)
        raise


def observation_from_str(json_str: str) -> Observation:
    """The inverse of `observation_to_str`. Logs and raises ValueError."""
    try:
        return observation_from_dict(json.loads(json_str))
    except Exception as error:
        log.error("no observation in JSON: %s", error)
        raise


# --- trajectories -----------------------------------------------------------------------------------------


def store_trajectories_to_jsonl(trajectories: Any, dir: str, filename: str) -> None:
    """Adds a line to the file in a folder, which is made if need be. `.jsonl` is added to the name."""
    path = Path(dir, f"{filename.removesuffix('.jsonl')}.jsonl")
    line = json.dumps(trajectories, ensure_ascii=False).encode() + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=len(line) + 1) as file:  # one write: others may add to this file too
        file.write(line)


def read_trajectories_from_jsonl(filepath: str) -> list[Any]:
    """The lines of a file, as they were stored: the hub's, a replay's export, or NetSecGame's own.

    Raises OSError, and ValueError that names the line that is no JSON.
    """
    found = []
    with open(filepath, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    found.append(json.loads(line))
                except ValueError as error:
                    raise ValueError(f"{filepath}: line {number} is no JSON: {error}") from None
    return found


# --- actions ----------------------------------------------------------------------------------------------


def generate_valid_actions(state: GameState, include_blocks: bool = False) -> set[Action]:
    """The actions that can be expected to do something, as far as the state knows; blocks if asked for."""
    valid: set[Action] = set()
    for source in state.controlled_hosts:
        valid.update(_from_host(state, source))
    if state.controlled_hosts:
        valid.update(_exfiltrations(state))
    if include_blocks:
        valid.update(_blocks(state))
    return valid


def _from_host(state: GameState, source: IP) -> Iterator[Action]:
    """Scans, exploits and searches. Hosts that are known to be blocked from the source are left out."""
    blocked = state.known_blocks.get(source, ())
    for network in state.known_networks:
        yield Action(ActionType.ScanNetwork, {"target_network": network, "source_host": source})
    for target in state.known_hosts:
        if target not in blocked:
            yield Action(ActionType.FindServices, {"target_host": target, "source_host": source})
    for target, services in state.known_services.items():
        if target not in blocked:
            for service in services:
                parameters = {"target_host": target, "target_service": service, "source_host": source}
                yield Action(ActionType.ExploitService, parameters)
    for target in state.controlled_hosts:
        if target not in blocked:
            yield Action(ActionType.FindData, {"target_host": target, "source_host": target})


def _exfiltrations(state: GameState) -> Iterator[Action]:
    for source, found in state.known_data.items():
        blocked = state.known_blocks.get(source, ())
        for target in state.controlled_hosts:
            if target != source and target not in blocked:
                for datum in found:
                    parameters = {"target_host": target, "source_host": source, "data": datum}
                    yield Action(ActionType.ExfiltrateData, parameters)


def _blocks(state: GameState) -> Iterator[Action]:
    for source in state.controlled_hosts:
        blocked = state.known_blocks.get(source, ())
        for target in state.controlled_hosts:
            if target not in blocked:
                for host in state.known_hosts:
                    parameters = {"target_host": target, "source_host": source, "blocked_host": host}
                    yield Action(ActionType.BlockIP, parameters)
