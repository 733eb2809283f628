"""Reads where a cup is played, out of a cup file, and makes the specs of its games.

What may be written there, `cup` says. Every scenario and task is loaded once while it is read, so that a cup
never finds out in the middle that something is wrong with one. Of a suite that is its first network: all of
them are valid, and their tasks have the same roles.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.hub.tournament.entrants import RolesOf, known_roles, read_agent, read_clean_name
from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Ground
from netsiege.protocol import MAX_NAME_CHARS
from netsiege.scenarios import load_spec_with_warnings, scenario_names, task_names
from netsiege.scenarios.generate import SUITES, Entry, generate_entry, suite_networks
from netsiege.scenarios.model import ROUNDS, Spec
from netsiege.scenarios.reading import Place, Report, nearest, shown
from netsiege.scenarios.source import read_mapping
from netsiege.scenarios.task import override
from netsiege.scenarios.vulnerabilities import played

MAX_GROUNDS: Final = 64
MAX_BENIGN: Final = 64
"""Users in a game."""

_MAX_PATH_CHARS: Final = 1024
_BENIGN: Final = AgentRole.Benign.value
_READDRESSED: Final = "-readdressed"
_KEYS: Final = ("scenario", "task", "suite", "count", "label", "readdressed", "unseen", "benign")


@frozen
class Terms:
    """What a scenario has to offer to a cup: the roles that compete in it.

    Files are looked for from `folder`. `has_max_steps`: the cup itself limits the steps of a game.
    `ruleset` is the cup's, if it has one.
    """

    folder: Path
    roles_of: RolesOf
    roles: frozenset[str]
    has_max_steps: bool
    ruleset: str | None = None


def read_grounds(place: Place, terms: Terms) -> tuple[tuple[Ground, ...], tuple[str, ...]]:
    """All grounds, complete if nothing was reported, and what is odd about their files, a line each."""
    if place.is_too_long(MAX_GROUNDS):
        return (), ()
    if place.value == []:
        place.problem(f"nowhere to play; write scenarios such as {scenario_names()[0]}")
    found: dict[str, Ground] = {}
    warnings: dict[str, None] = {}
    for item in place.items("[two_networks_tiny, two_networks]"):
        ground = _read_ground(item, terms, warnings)
        if ground is None:
            continue
        if ground.label in found:
            item.problem(f"another scenario has the label {shown(ground.label)} too; give each its own label")
        found[ground.label] = ground
    return tuple(found.values()), tuple(warnings)


def misplaced(cup: Cup) -> Iterator[str]:
    """What is wrong with the suites of a cup, which may not come from a file."""
    for ground in cup.grounds:
        if not ground.suite:
            if ground.count != 1:
                yield f"{ground.label}: count: {ground.count} networks, and it is no suite"
        elif ground.suite not in SUITES:
            yield f"there is no suite called {shown(ground.suite)}{nearest(ground.suite, SUITES)}"
        elif not 1 <= ground.count <= len(SUITES[ground.suite]):
            yield f"{ground.label}: count: {ground.count} is not from 1 to {len(SUITES[ground.suite])}"


def network_of(ground: Ground, number: int) -> Entry | None:
    """The network of a suite on which the slice of that number is played; None if the ground is no suite."""
    return suite_networks(ground.suite)[number % ground.count] if ground.suite else None


def variant_of(ground: Ground, number: int) -> int:
    """Slices of equal variants are played on the same spec, and the others may not be."""
    return number if ground.readdressed else number % ground.count


def spec_of(cup: Cup, ground: Ground, number: int = 0) -> Spec:
    """The task of the cup's games in the slice of that number on that ground, with the topology, its
    addresses as they are. Raises ConfigError.

    One attacker, one defender if anybody in the cup defends, and the ground's benign users play in rounds,
    under the clock, the limit of steps and the ruleset of the cup.
    """
    defends = any(entrant.player(DEFENDER) for entrant in cup.entrants)
    seats = {ATTACKER: 1, DEFENDER: int(defends), _BENIGN: len(ground.benign)}
    clock: dict[str, float] = {"move_s": cup.move_s}
    if cup.episode_s is not None:
        clock["episode_s"] = cup.episode_s
    spec, _ = _load(
        ground,
        number,
        seats={role: count for role, count in seats.items() if count},
        pacing=ROUNDS,
        clock=clock,
        use_dynamic_addresses=ground.readdressed,
        ruleset=cup.ruleset,
    )
    if cup.max_steps is None:
        return spec
    roles = tuple(attrs.evolve(role, max_steps=cup.max_steps) for role in spec.task.roles)
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))


def _load(ground: Ground, number: int, **changes: Any) -> tuple[Spec, tuple[str, ...]]:
    """The spec of a slice with changes to its task, and what is odd about its file. Raises ConfigError."""
    network = network_of(ground, number)
    if network is None:
        return load_spec_with_warnings(ground.task, ground.scenario, **changes)
    spec = generate_entry(network).spec
    report = Report(network.name)
    task = override(spec.task, changes, report)
    report.check()
    return played(spec.topology, task), ()


def _read_ground(place: Place, terms: Terms, warnings: dict[str, None]) -> Ground | None:
    if isinstance(place.value, dict):
        fields = place.fields(_KEYS)
    elif isinstance(place.value, str):
        fields = {"suite" if place.value in SUITES else "scenario": place}
    else:
        place.problem(
            f"{shown(place.value)} is neither a scenario nor a mapping with scenario, task or suite"
        )
        return None
    before = len(place.report.problems)
    where = _read_place(place, fields, terms.folder)
    if where is None:
        return None
    flags = {key: fields[key].flag() for key in ("readdressed", "unseen") if key in fields}
    benign = _read_benign(fields["benign"], terms.roles_of) if "benign" in fields else ()
    label = _read_label(fields, bool(flags.get("readdressed")))
    if len(place.report.problems) > before or place.report.is_full:
        return None
    ground = Ground(
        label=label,
        readdressed=bool(flags.get("readdressed")),
        unseen=bool(flags.get("unseen", "suite" in fields)),
        benign=benign,
        **where,
    )
    return _checked(place, ground, terms, "readdressed" in flags, warnings)


def _read_place(place: Place, fields: dict[str, Place], folder: Path) -> dict[str, Any] | None:
    """Scenario and task, or suite and count; incomplete after a problem, None if nothing is said of it."""
    if "suite" in fields:
        return _read_suite(fields)
    if "count" in fields:
        fields["count"].problem("counts the networks of a suite, and there is none here")
    if not {"scenario", "task"} & fields.keys():
        place.problem(f"has neither scenario, task nor suite{place.nearest('', scenario_names())}")
        return None
    where: dict[str, Any] = {
        kind: _read_where(fields[kind], kind, folder) for kind in ("scenario", "task") if kind in fields
    }
    if isinstance(place.value, str) and _holds_task(where["scenario"]):
        return {"task": where["scenario"]}
    return where


def _read_suite(fields: dict[str, Place]) -> dict[str, Any]:
    for kind in ("scenario", "task"):
        if kind in fields:
            fields[kind].problem("there is a suite too, which has scenarios and tasks of its own: write one")
    name = fields["suite"].text()
    if name is None or name not in SUITES:
        if name is not None:
            fields["suite"].problem(f"there is no suite called {shown(name)}{nearest(name, SUITES)}")
        return {}
    most = len(SUITES[name])
    count = fields["count"].whole(1, most) if "count" in fields else most
    return {"suite": name, "count": count}


def _read_where(place: Place, kind: str, folder: Path) -> str | None:
    """The name of a bundled scenario or task, or the absolute path of a file."""
    name = place.text(_MAX_PATH_CHARS)
    names = scenario_names() if kind == "scenario" else (*task_names(), *scenario_names())
    if name is None or name in names:
        return name
    if "/" not in name and not name.endswith((".yaml", ".yml")):
        place.problem(f"there is no {kind} called {shown(name)}{place.nearest(name, names)}")
        return None
    path = os.path.abspath(folder / name)
    if os.path.isfile(path):
        return path
    said = "is a directory, not a file" if os.path.isdir(path) else "no such file"
    if os.path.exists(path) and not os.path.isdir(path):
        said = "is no file"  # to read from a pipe might take forever
    place.problem(f"{shown(name)}: {said}")
    return None


def _holds_task(where: str | None) -> bool:
    """Whether that is the file of a task; what cannot be read is left to who loads it."""
    if where is None or "/" not in where:
        return False
    try:
        keys = read_mapping(where).keys()
    except ConfigError:
        return False
    return "hosts" not in keys and not {"coordinator", "env"}.isdisjoint(keys)


def _read_label(fields: dict[str, Place], is_readdressed: bool) -> str:
    """The label; empty after a problem."""
    if "label" in fields:
        return read_clean_name(fields["label"]) or ""
    said = next(fields[key] for key in ("suite", "task", "scenario") if key in fields).value
    stem = Path(said).stem if isinstance(said, str) and said.endswith((".yaml", ".yml")) else str(said)
    ending = _READDRESSED if is_readdressed else ""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", stem)[: MAX_NAME_CHARS - len(ending)] + ending


def _read_benign(place: Place, roles_of: RolesOf) -> tuple[str, ...]:
    """The agents that are there as users."""
    if place.is_too_long(MAX_BENIGN):
        return ()
    items = [place] if isinstance(place.value, str) else list(place.items("[office-benign]"))
    found = []
    for item in items:
        agent = read_agent(item)
        if agent is None:
            continue
        found.append(agent)
        roles = () if ":" in agent.partition(",")[0] else known_roles(item, agent, roles_of)
        if roles and _BENIGN not in roles:
            item.problem(f"{shown(agent)} plays {', '.join(roles)}, not {_BENIGN}")
    return tuple(found)


def _checked(
    place: Place, ground: Ground, terms: Terms, says_readdressed: bool, warnings: dict[str, None]
) -> Ground | None:
    """The ground, once what it names is known to load and to have the roles that the cup wants."""
    changes: dict[str, Any] = {"use_dynamic_addresses": ground.readdressed} if says_readdressed else {}
    changes["ruleset"] = terms.ruleset
    try:
        spec, odd = _load(ground, 0, **changes)
    except ConfigError as error:
        for line in error.problems:
            place.problem(line)
        return None
    warnings.update(dict.fromkeys(odd))
    wanted = {ATTACKER, *terms.roles, *([_BENIGN] if ground.benign else [])}
    lacking = [role.value for role in AgentRole if role.value in wanted and not spec.task.role(role.value)]
    for role in lacking:
        place.problem(f"its task has no {role}: nobody can play that role there")
    attacker = spec.task.role(ATTACKER)
    if attacker is not None and attacker.max_steps is None and not terms.has_max_steps:
        place.problem("its task lets attackers play on without end; write max_steps in the cup")
    return attrs.evolve(ground, readdressed=spec.task.use_dynamic_addresses)
