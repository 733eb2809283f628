"""Loads topologies, tasks and specs, bundled ones by name and others by path.

What has a slash in it or ends in `.yaml` or `.yml` is a path. Everything that is wrong with what a user gave
comes as one `ConfigError` with a line for each problem.

A file that extends another (`netsiege.scenarios.extends`) is read as what both make together; what is wrong
with the base is said of the base's own file.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.scenarios import bundled
from netsiege.scenarios.extends import EXTENDS, MAX_BASES, DerivedReport, derived
from netsiege.scenarios.fallback import default_task
from netsiege.scenarios.limits import excess
from netsiege.scenarios.model import MAX_SPEC_BYTES, RULESETS, Spec, Task, Topology
from netsiege.scenarios.reading import Place, Report, nearest, shown
from netsiege.scenarios.source import file_label, parse, read_bytes
from netsiege.scenarios.task import override, read_task
from netsiege.scenarios.topology import read_topology
from netsiege.scenarios.vulnerabilities import played

NameOrPath: TypeAlias = "str | os.PathLike[str]"
_Files: TypeAlias = "tuple[tuple[Path, str], ...]"
"""Files, each with what messages call it."""

_MAX_PATH_CHARS: Final = 1024
_MAX_NAME_CHARS: Final = 64
_TASK_MARKS: Final = ("coordinator", "env")
_DERIVED_TASK_MARKS: Final = ("seats", "pacing", "clock", "ruleset", "rules")
"""Keys that tell a task from a scenario where the others may be the base's."""

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
    return _read_scenario(*_locate(name_or_path, "scenario"), ())[0]


def _read_scenario(path: Path, file: str, before: _Files) -> tuple[Topology, Place]:
    """The topology in a file, and all that it and its bases say. `before` are the files that extend it."""
    root = _root(path, Report(file))
    if _is_task(root):
        raise ConfigError(f"{file}: is a task, not a scenario")
    if _extends(root):
        base, label, chain = _base(root, path, "scenario", before)
        root = _joined(root, _read_scenario(base, label, chain)[1], label)
    topology = read_topology(root, _name_of(path))
    root.report.check()
    assert topology is not None, "a topology that cannot be read is reported"
    return topology, root


def load_task(name_or_path: NameOrPath) -> Task:
    """The task of that name or in that file. Raises ConfigError."""
    return load_task_file(name_or_path).task


def load_task_file(name_or_path: NameOrPath, scenario: NameOrPath | None = None) -> LoadedTask:
    """The task of that name or in that file, with its topology or on another one. Raises ConfigError.

    The topology is as its ruleset has it: under `siege-1` with what is known of its services.
    """
    loaded = _load_task_file(name_or_path, scenario)
    return attrs.evolve(loaded, topology=played(loaded.topology, loaded.task).topology)


def _load_task_file(
    name_or_path: NameOrPath, scenario: NameOrPath | None = None, ruleset: str | None = None
) -> LoadedTask:
    """The same, with the topology as it is written; with a `ruleset` that is played instead of its own."""
    return _read_task(*_locate(name_or_path, "task"), (), scenario, ruleset)[0]


def _read_task(
    path: Path, file: str, before: _Files, scenario: NameOrPath | None = None, ruleset: str | None = None
) -> tuple[LoadedTask, Place, Path]:
    """The task in a file, all that it and its bases say, and the folder in which its scenario is sought."""
    root, folder = _root(path, Report(file)), path.parent
    if not _is_task(root) and isinstance(root.value, dict) and {"networks", "hosts"} & root.value.keys():
        raise ConfigError(f"{file}: is a scenario, not a task")
    if _extends(root):
        base, label, chain = _base(root, path, "task", before)
        _, whole, theirs = _read_task(base, label, chain)
        env = root.value.get("env")
        # a base that names a file means one below its own folder
        folder = folder if isinstance(env, dict) and "scenario" in env else theirs
        root = _joined(root, whole, label)
    report = root.report
    topology: Topology | None = None
    elsewhere: tuple[str, ...] = ()
    try:
        where = scenario if scenario is not None else _scenario_of(root, folder)
        topology = load_topology(where) if where is not None else None
    except ConfigError as error:
        elsewhere = error.problems
    task = read_task(root, _name_of(path), topology, ruleset)
    if topology is not None and not report.problems:
        _check_limits(played(topology, task), report)
    if report.problems or elsewhere or topology is None:
        raise ConfigError((*report.lines, *elsewhere))
    return LoadedTask(task, topology, tuple(report.warnings)), root, folder


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
    replace settings of the task: name, seats, pacing, clock, ruleset, rules, seed, required_players, rewards,
    use_firewall, use_global_defender, use_dynamic_addresses, save_trajectories; each is what a task file
    would have there (`seats={"Attacker": 2}`, `seed="random"`), and None replaces nothing. Under a ruleset
    that is replaced, what the task's file says about its rules counts as far as the new one knows it.

    Raises ConfigError with every problem.
    """
    if task is None and scenario is None:
        scenario = bundled.DEFAULT_SCENARIO
    given = overrides.get("ruleset")
    ruleset = given if given in RULESETS else None  # what is none of them is reported below
    if task is None and scenario is not None and not _is_path(scenario) and bundled.task_file(str(scenario)):
        loaded = _load_task_file(scenario, None, ruleset)
    elif task is not None:
        loaded = _load_task_file(task, scenario, ruleset)
    else:
        assert scenario is not None, "it was set above"
        topology = load_topology(scenario)
        file = Report(_locate(scenario, "scenario")[1])
        loaded = LoadedTask(default_task(topology, file.file), topology)
        _check_limits(Spec(topology, loaded.task), file)
        file.check()
    report = Report("options")
    spec = played(loaded.topology, override(loaded.task, overrides, report))
    if overrides and not report.problems:
        _check_limits(spec, report)
    report.check()
    return spec, (*loaded.warnings, *report.warnings)


def under(spec: Spec, ruleset: str | None) -> Spec:
    """A spec that comes from no file played by that ruleset, with all of its rules; None: as it is.

    A file says more of its rules: `load_spec` takes the ruleset with it. Raises ConfigError.
    """
    report = Report("options")
    made = played(spec.topology, override(spec.task, {"ruleset": ruleset}, report))
    if not report.problems:
        _check_limits(made, report)
    report.check()
    return made


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
    path = _find(text, kind)
    if path is None:
        raise ConfigError(f"{kind}: there is none called {shown(text)}{nearest(text, _names(kind))}")
    return path, path.name


def _find(name: str, kind: str) -> Path | None:
    """The file of a bundled scenario or task."""
    return bundled.task_file(name) if kind == "task" else bundled.topology_file(name)


def _names(kind: str) -> tuple[str, ...]:
    return bundled.task_names() if kind == "task" else bundled.scenario_names()


def _name_of(path: Path) -> str:
    """What the content of a file is called if it does not say so itself: a name as `name:` would take it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", path.stem)[:_MAX_NAME_CHARS]


def _root(path: Path, report: Report) -> Place:
    return Place(parse(read_bytes(path, report.file), report), "", report)


def _is_task(root: Place) -> bool:
    keys = root.value.keys() if isinstance(root.value, dict) else ()
    marks = _TASK_MARKS + (_DERIVED_TASK_MARKS if EXTENDS in keys else ())
    return "hosts" not in keys and any(key in keys for key in marks)


def _extends(root: Place) -> bool:
    return isinstance(root.value, dict) and EXTENDS in root.value


def _base(root: Place, path: Path, kind: str, before: _Files) -> tuple[Path, str, _Files]:
    """The file that a file extends, what to call it, and all that extend it. Raises ConfigError."""
    place = Place(root.value[EXTENDS], EXTENDS, root.report)
    chain = (*before, (path.resolve(), root.report.file))
    where = _referred(place, path.parent, kind, kind)
    if where is not None and len(chain) > MAX_BASES:
        place.problem(f"more than {MAX_BASES} files extend one another")
    root.report.check()
    assert where is not None, "a base that cannot be located is reported"
    base, label = _locate(where, kind)
    if any(file == base.resolve() for file, _ in chain):
        place.problem(f"goes round in a circle: {', '.join((*(each for _, each in chain), label))}")
    root.report.check()
    return base, label, chain


def _joined(root: Place, base: Place, label: str) -> Place:
    """What a file and its base say together. Raises ConfigError."""
    report = DerivedReport(root.report.file, root.value, base.value, label)
    document = derived(Place(root.value, "", report), base.value, label)
    report.check()
    return Place(document, "", report)


def _scenario_of(root: Place, folder: Path) -> NameOrPath | None:
    """What `env.scenario` refers to; None after a problem."""
    env = root.value.get("env") if isinstance(root.value, dict) else None
    if not isinstance(env, dict):
        return None
    place = Place(env.get("scenario"), "env.scenario", root.report)
    if place.value is None:
        place.problem(f"missing{nearest('', bundled.scenario_names())}")
        return None
    return _referred(place, folder, "scenario", "task")


def _referred(place: Place, folder: Path, kind: str, referrer: str) -> NameOrPath | None:
    """A bundled scenario or task, or a file below the folder of what refers to it; None after a problem."""
    name = place.text(_MAX_PATH_CHARS)
    if name is None or _find(name, kind) is not None:
        return name
    if not _is_path(name):
        place.problem(f"there is no {kind} called {shown(name)}{place.nearest(name, _names(kind))}")
    elif not _lies_in(folder, name):
        # a file from elsewhere must not reach out of its own folder
        place.problem(f"{shown(name)} lies outside of the folder of the {referrer}")
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
