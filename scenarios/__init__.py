"""Scenarios: topologies and tasks in YAML, checked when loaded, and the bundled ones.

The names below are imported when first used: whoever needs only the model never loads a YAML parser.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsiege.scenarios.bundled import DEFAULT_SCENARIO, scenario_names, task_names
    from netsiege.scenarios.drawing.file import draw
    from netsiege.scenarios.fallback import default_task
    from netsiege.scenarios.load import (
        LoadedTask,
        ScenarioInfo,
        check_file,
        check_topology_file,
        list_scenarios,
        load_spec,
        load_spec_with_warnings,
        load_task,
        load_task_file,
        load_topology,
        under,
    )
    from netsiege.scenarios.model import RULESETS, Spec, Task, Topology
    from netsiege.scenarios.tables import describe

_HOMES = {
    "bundled": "DEFAULT_SCENARIO scenario_names task_names",
    "drawing.file": "draw",
    "fallback": "default_task",
    "load": "LoadedTask ScenarioInfo check_file check_topology_file list_scenarios load_spec "
    "load_spec_with_warnings load_task load_task_file load_topology under",
    "model": "RULESETS Spec Task Topology",
    "tables": "describe",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "DEFAULT_SCENARIO",
    "RULESETS",
    "LoadedTask",
    "ScenarioInfo",
    "Spec",
    "Task",
    "Topology",
    "check_file",
    "check_topology_file",
    "default_task",
    "describe",
    "draw",
    "list_scenarios",
    "load_spec",
    "load_spec_with_warnings",
    "load_task",
    "load_task_file",
    "load_topology",
    "scenario_names",
    "task_names",
    "under",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
