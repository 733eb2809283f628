"""Loads topologies, tasks and specs, bundled ones by name and others by path.

What has a slash in it or ends in `.yaml` or `.yml` is a path. Everything that is wrong with what a user gave
comes as one `ConfigError` with a line for each problem.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.scenarios import bundled
from netsiege.scenarios.fallback import default_task
from netsiege.scenarios.limits import excess
from netsiege.scenarios.model import MAX_SPEC_BYTES, Spec, Task, Topology
from netsiege.scenarios.reading import Place, Report, nearest, shown
from netsiege.scenarios.source import file_label, parse, read_bytes
from netsiege.scenarios.task import override, read_task
from netsiege.scenarios.topology import read_topology

NameOrPath: TypeAlias = "str | os.PathLike[str]"

_MAX_PATH_CHARS: Final = 1024
_MAX_NAME_CHARS: Final = 64

_log = logging.getLogger(__name__)


@frozen
class LoadedTask:
    """A task with the topology it is for, and what was odd about its file, a line each."""

    task: Task
    topology: Topology
    warnings: tuple[str, ...] = ()


@frozen
class ScenarioInfo:
    """A bundled scenario. `hosts` does not count routers; `task` is the name of its bundled task.

    `alias_of` is the scenario of which this is another name, if it is one.
    """

    name: str
    description: str
    hosts: int
    networks: int
    task: str
    alias_of: str | None = None


def load_topology(name_or_path: NameOrPath) -> Topology:
    """The topology of that name or in that file. Raises ConfigError."""
    path, file = _locate(name_or_path, "scenario")
    report = Report(file)
    root = _root(path, report)
    if _is_task(root):
        raise ConfigError(f"{file}: is a task, not a scenario")
    topology = read_topology(root, _name_of(path))
    report.check()
    assert topology is not None, "a topology that cannot be read is reported"
    return topology


def load_task(name_or_path: NameOrPath) -> Task:
    """The task of that name or in that file. Raises ConfigError."""
    return load_task_file(name_or_path).task


def load_task_file(name_or_path: NameOrPath, scenario: NameOrPath | None = None) -> LoadedTask:
    """The task of that name or in that file, with its topology or on another one. Raises ConfigError."""
    path, file = _locate(name_or_path, "task")
    report = Report(file)
    root = _root(path, report)
    if not _is_task(root) and isinstance(root.value, dict) and {"networks", "hosts"} & root.value.keys():
        raise ConfigError(f"{file}: is a scenario, not a task")
    topology: Topology | None = None
    elsewhere: tuple[str, ...] = ()
    try:
        where = scenario if scenario is not None else _scenario_of(root, path.parent)
        topology = load_topology(where) if where is not None else None
    except ConfigError as error:
        elsewhere = error.problems
    task = read_task(root, _name_of(path), topology)
    if topology is not None and not report.problems:
        _check_limits(Spec(topology, task), report)
    if report.problems or elsewhere or topology is None:
        raise ConfigError((*report.lines, *elsewhere))
    return LoadedTask(task, topology, tuple(report.warnings))


def load_spec(task: NameOrPath | None = None, scenario: NameOrPath | None = None, **overrides: Any) -> Spec:
    """A task and its topology, with warnings logged. See `load_spec_with_warnings`."""
    spec, warnings = load_spec_with_warnings(task, scenario, **overrides)
    for line in warnings:
        _log.warning("odd_task %s", line)
    return spec


def load_spec_with_warnings(
    task: NameOrPath | None = None, scenario: NameOrPath | None = None, **overrides: Any
) -> tuple[Spec, tuple[str, ...]]:
    """A task and its topology, and what was odd about the task's file.

    With a task, `scenario` replaces the one that the task names. Without, a bundled scenario gets its
    bundled task, and a file `fallback.default_task`; without both, it is two_networks_tiny. `overrides`
    replace settings of the task: name, seats, pacing, clock, ruleset, seed, required_players, rewards,
    use_firewall, use_global_defender, use_dynamic_addresses, save_trajectories; each is what a task file
    would have there (`seats={"Attacker": 2}`, `seed="random"`), and None replaces nothing.

    Raises ConfigError with every problem.
    """
    if task is None and scenario is None:
        scenario = bundled.DEFAULT_SCENARIO
    if task is None and scenario is not None and not _is_path(scenario) and bundled.task_file(str(scenario)):
        loaded = load_task_file(scenario)
    elif task is not None:
        loaded = load_task_file(task, scenario)
    else:
        assert scenario is not None, "it was set above"
        topology = load_topology(scenario)
        file = Report(_locate(scenario, "scenario")[1])
        loaded = LoadedTask(default_task(topology, file.file), topology)
        _check_limits(Spec(topology, loaded.task), file)
        file.check()
    report = Report("options")
    spec = Spec(loaded.topology, override(loaded.task, overrides, report))
    if overrides and not report.problems:
        _check_limits(spec, report)
    report.check()
    return spec, (*loaded.warnings, *report.warnings)


def _check_limits(spec: Spec, report: Report) -> None:
    """Report what an engine would refuse because it is too much."""
    for path, text in excess(spec):
        report.problem(path, text)
    if not report.problems:
        size = len(spec.to_bytes())
        if size > MAX_SPEC_BYTES:
            report.problem(
                "", f"scenario and task take {size} bytes as they travel, more than {MAX_SPEC_BYTES}"
            )


def list_scenarios() -> tuple[ScenarioInfo, ...]:
    """The bundled scenarios, aliases included, sorted by name."""
    found = []
    for name in bundled.scenario_names():
        topology = load_topology(name)
        hosts = sum(not host.is_router for host in topology.hosts)
        alias_of = bundled.ALIASES.get(name)
        found.append(
            ScenarioInfo(
                name, topology.description, hosts, len(topology.networks), alias_of or name, alias_of
            )
        )
    return tuple(found)


def check_topology_file(name_or_path: NameOrPath) -> list[str]:
    """What is wrong with a topology, a line each; empty if it can be played."""
    try:
        load_topology(name_or_path)
    except ConfigError as error:
        return list(error.problems)
    return []


def check_file(name_or_path: NameOrPath) -> tuple[list[str], tuple[str, ...]]:
    """What is wrong with a topology or a task, whichever it is, and what is odd about it, a line each."""
    try:
        path, file = _locate(name_or_path, "scenario")
        if _is_task(_root(path, Report(file))):
            return [], load_task_file(path).warnings
        load_topology(name_or_path)
    except ConfigError as error:
        return list(error.problems), ()
    return [], ()


def _is_path(name_or_path: NameOrPath) -> bool:
    return (
        not isinstance(name_or_path, str) or "/" in name_or_path or name_or_path.endswith((".yaml", ".yml"))
    )


def _locate(name_or_path: NameOrPath, kind: str) -> tuple[Path, str]:
    """The file, and how to call it in messages."""
    text = os.fspath(name_or_path)
    if _is_path(name_or_path):
        return Path(text), file_label(text)
    is_task = kind == "task"
    path = bundled.task_file(text) if is_task else bundled.topology_file(text)
    if path is None:
        names = bundled.task_names() if is_task else bundled.scenario_names()
        raise ConfigError(f"{kind}: there is none called {shown(text)}{nearest(text, names)}")
    return path, path.name


def _name_of(path: Path) -> str:
    """What the content of a file is called if it does not say so itself: a name as `name:` would take it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem)[:_MAX_NAME_CHARS]


def _root(path: Path, report: Report) -> Place:
    return Place(parse(read_bytes(path, report.file), report), "", report)


def _is_task(root: Place) -> bool:
    keys = root.value.keys() if isinstance(root.value, dict) else ()
    return "hosts" not in keys and not {"coordinator", "env"}.isdisjoint(keys)


def _scenario_of(root: Place, folder: Path) -> NameOrPath | None:
    """What `env.scenario` refers to; None after a problem."""
    env = root.value.get("env") if isinstance(root.value, dict) else None
    if not isinstance(env, dict):
        return None
    place = Place(env.get("scenario"), "env.scenario", root.report)
    if place.value is None:
        place.problem(f"missing{nearest('', bundled.scenario_names())}")
        return None
    name = place.text(_MAX_PATH_CHARS)
    if name is None or bundled.topology_file(name) is not None:
        return name
    if not _is_path(name):
        place.problem(f"there is no scenario called {shown(name)}{nearest(name, bundled.scenario_names())}")
    elif not _lies_in(folder, name):
        # a task from elsewhere must not reach out of its own folder
        place.problem(f"{shown(name)} lies outside of the folder of the task")
    elif (folder / name).exists() and not ((folder / name).is_file() or (folder / name).is_dir()):
        place.problem(f"{shown(name)} is no file")  # to read from a pipe might take forever
    else:
        return folder / name
    return None


def _lies_in(folder: Path, name: str) -> bool:
    """Whether a path leads to a place below a folder, and no link in it leads out."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        return False
    try:
        return (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):  # a circle of links, or what no path can hold
        return False
