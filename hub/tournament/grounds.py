"""Reads where a cup is played, out of a cup file, and makes the specs of its games.

What may be written there, `cup` says. Every scenario and task is loaded once while it is read, so that a cup
never finds out in the middle that something is wrong with one.
"""

from __future__ import annotations

import os
import re
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
from netsiege.scenarios.model import ROUNDS, Spec
from netsiege.scenarios.reading import Place, shown
from netsiege.scenarios.source import read_mapping

MAX_GROUNDS: Final = 64
MAX_BENIGN: Final = 64
"""Users in a game."""

_MAX_PATH_CHARS: Final = 1024
_BENIGN: Final = AgentRole.Benign.value
_READDRESSED: Final = "-readdressed"
_KEYS: Final = ("scenario", "task", "label", "readdressed", "unseen", "benign")


@frozen
class Terms:
    """What a scenario has to offer to a cup: the roles that compete in it.

    Files are looked for from `folder`. `has_max_steps`: the cup itself limits the steps of a game.
    """

    folder: Path
    roles_of: RolesOf
    roles: frozenset[str]
    has_max_steps: bool


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


def spec_of(cup: Cup, ground: Ground) -> Spec:
    """The task of the cup's games on that ground, with the topology. Raises ConfigError.

    One attacker, one defender if anybody in the cup defends, and the ground's benign users play in rounds,
    under the clock and the limit of steps of the cup.
    """
    defends = any(entrant.player(DEFENDER) for entrant in cup.entrants)
    seats = {ATTACKER: 1, DEFENDER: int(defends), _BENIGN: len(ground.benign)}
    clock: dict[str, float] = {"move_s": cup.move_s}
    if cup.episode_s is not None:
        clock["episode_s"] = cup.episode_s
    spec, _ = load_spec_with_warnings(
        ground.task,
        ground.scenario,
        seats={role: count for role, count in seats.items() if count},
        pacing=ROUNDS,
        clock=clock,
        use_dynamic_addresses=ground.readdressed,
    )
    if cup.max_steps is None:
        return spec
    roles = tuple(attrs.evolve(role, max_steps=cup.max_steps) for role in spec.task.roles)
    return attrs.evolve(spec, task=attrs.evolve(spec.task, roles=roles))


def _read_ground(place: Place, terms: Terms, warnings: dict[str, None]) -> Ground | None:
    if isinstance(place.value, dict):
        fields = place.fields(_KEYS)
        if not {"scenario", "task"} & fields.keys():
            place.problem(f"has neither scenario nor task{place.nearest('', scenario_names())}")
            return None
    elif isinstance(place.value, str):
        fields = {"scenario": place}
    else:
        place.problem(f"{shown(place.value)} is neither a scenario nor a mapping with scenario or task")
        return None
    before = len(place.report.problems)
    where: dict[str, str | None] = {"scenario": None, "task": None}
    for kind in where:
        if kind in fields:
            where[kind] = _read_where(fields[kind], kind, terms.folder)
    if isinstance(place.value, str) and _holds_task(where["scenario"]):
        where = {"scenario": None, "task": where["scenario"]}
    flags = {key: fields[key].flag() for key in ("readdressed", "unseen") if key in fields}
    benign = _read_benign(fields["benign"], terms.roles_of) if "benign" in fields else ()
    label = _read_label(fields, bool(flags.get("readdressed")))
    if len(place.report.problems) > before or place.report.is_full:
        return None
    ground = Ground(
        label=label,
        scenario=where["scenario"],
        task=where["task"],
        readdressed=bool(flags.get("readdressed")),
        unseen=bool(flags.get("unseen")),
        benign=benign,
    )
    return _checked(place, ground, terms, "readdressed" in flags, warnings)


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
    said = (fields.get("task") or fields["scenario"]).value
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
    try:
        spec, odd = load_spec_with_warnings(ground.task, ground.scenario, **changes)
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
