"""From the command line's options to specs and entrants: what was not said gets its useful default."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.scenarios import load_spec_with_warnings
from netsiege.scenarios.model import ROUNDS, Spec

if TYPE_CHECKING:
    from netsiege.play import Entrant

NONE = "none"
DEFAULT_AGENT = "random"


def play_setup(
    task: str | None,
    scenario: str | None,
    attacker: str | None,
    defender: str | None,
    benign: int | str | None,
    ruleset: str | None = None,
) -> tuple[Spec, list[Entrant], tuple[str, ...]]:
    """The spec, the entrants in the order of their seats, and warnings, for a match in rounds.

    Seats come from the options, else from the task, else there is one of each role that the task knows.
    `benign` says how many random users there are, or who is one; `ruleset` replaces the task's. Raises
    `ConfigError` for a role that the task has no section for, and a number that is none.
    """
    from netsiege.play import Entrant  # noqa: PLC0415  # a hub has its specs from here, too, and no agents

    users, user = _read_benign(benign)
    spec, warnings = load_spec_with_warnings(task, scenario, ruleset=ruleset)
    told = dict(spec.task.seats)
    counts = {role.role: told.get(role.role, 0) if told else 1 for role in spec.task.roles}
    asked = {
        AgentRole.Attacker.value: None if attacker is None else int(attacker != NONE),
        AgentRole.Defender.value: None if defender is None else int(defender != NONE),
        AgentRole.Benign.value: users,
    }
    for role, count in asked.items():
        if count and role not in counts:
            raise ConfigError(f"the task {spec.task.name!r} has no section for the role {role}")
        if count is not None and role in counts:
            # `--attacker NAME` says who attacks, not how many do, if the task seats several
            counted = role == AgentRole.Benign.value and user == DEFAULT_AGENT
            counts[role] = max(counts[role], count) if count and not counted else count
    agents = {
        AgentRole.Attacker.value: attacker or DEFAULT_AGENT,
        AgentRole.Defender.value: defender or DEFAULT_AGENT,
        AgentRole.Benign.value: user,
    }
    seats = tuple((role, count) for role, count in counts.items() if count)
    if not seats:
        raise ConfigError("a match needs at least one agent")
    entrants = [Entrant(AgentRole(role), agents[role]) for role, count in seats for _ in range(count)]
    return Spec(spec.topology, attrs.evolve(spec.task, seats=seats, pacing=ROUNDS)), entrants, warnings


def _read_benign(said: int | str | None) -> tuple[int | None, str]:
    """How many benign users there are, None if that is not said, and who they are."""
    if said is None or said == NONE:
        return (None if said is None else 0), DEFAULT_AGENT
    try:
        count = int(said)
    except ValueError:
        return 1, str(said)
    if count < 0:
        raise ConfigError(f"--benign: {count} is less than 0")
    return count, DEFAULT_AGENT


def hub_spec(task: str | None) -> tuple[Spec, tuple[str, ...]]:
    """The spec of a hub's room `default`: the task as it stands, or one attacker on two_networks_tiny."""
    spec, warnings = load_spec_with_warnings(task)
    if task is None:
        spec = Spec(spec.topology, attrs.evolve(spec.task, seats=((AgentRole.Attacker.value, 1),)))
    return spec, warnings
