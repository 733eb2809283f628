"""Task files for tests: the smallest that makes a game, changes to it, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from netsiege.errors import ConfigError
from netsiege.scenarios import load_task_file

# the least that makes a game
SMALL: dict[str, Any] = {
    "coordinator": {
        "agents": {
            "Attacker": {
                "goal": {"controlled_hosts": ["192.168.1.2"]},
                "start_position": {"controlled_hosts": ["random"]},
            }
        }
    },
    "env": {
        "scenario": "two_networks_tiny",
        "rewards": dict.fromkeys(("success", "step", "fail", "false_positive"), 0),
    },
}
GOAL = "coordinator.agents.Attacker.goal"
START = "coordinator.agents.Attacker.start_position"


def changed(**at: Any) -> dict[str, Any]:
    """SMALL with values set at paths written with `__` for the dots; `...` removes."""
    document = yaml.safe_load(yaml.safe_dump(SMALL))
    for path, value in at.items():
        *parents, last = path.split("__")
        inner = document
        for key in parents:
            inner = inner.setdefault(key, {})
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    return document  # type: ignore[no-any-return]  # what yaml loads has no type


def goal(**parts: Any) -> dict[str, Any]:
    return changed(coordinator__agents__Attacker__goal=parts)


def start(**parts: Any) -> dict[str, Any]:
    return changed(coordinator__agents__Attacker__start_position={"controlled_hosts": ["random"], **parts})


def written(folder: Path, document: object, name: str = "task.yaml") -> Path:
    path = folder / name
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False))
    return path


def problems_of(folder: Path, document: object) -> list[str]:
    path = written(folder, document)
    with pytest.raises(ConfigError) as caught:
        load_task_file(path)
    assert all("\n" not in line for line in caught.value.problems)
    return [line.removeprefix(f"{path}: ") for line in caught.value.problems]


def warnings_of(folder: Path, document: object) -> list[str]:
    path = written(folder, document)
    return [line.removeprefix(f"{path}: ") for line in load_task_file(path).warnings]
