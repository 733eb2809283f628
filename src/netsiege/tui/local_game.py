"""A match of one's own: a hub with a worker on this machine, and agents on the seats that are left."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from netsiege.agents.registry import choose_agent
from netsiege.client import Client
from netsiege.errors import ConfigError
from netsiege.game import AgentRole
from netsiege.keys import NO_KEYS
from netsiege.local import Children, LocalHub
from netsiege.protocol import SessionRole
from netsiege.rooms import room_of
from netsiege.scenarios import load_spec_with_warnings
from netsiege.scenarios.model import REALTIME, ROUNDS, Spec
from netsiege.tui.hints import ADVISERS

ROOM: Final = "tui"
FOR_EVER: Final = 1 << 31
"""Episodes that an opponent is there for: it ends with us."""


@attrs.frozen
class LocalGame:
    """Where to play, who else does, and what is known of the room."""

    address: str
    scenario: str
    opponents: tuple[str, ...]
    move_limit_s: float | None
    warnings: tuple[str, ...]


def local_spec(
    scenario: str | None, task: str | None, role: AgentRole
) -> tuple[Spec, list[AgentRole], tuple[str, ...]]:
    """The match for a person in that role, the roles of the opponents, and warnings.

    The task's seats, else the person alone, but a defender gets an attacker to defend against. Alone, moves
    apply as they come; against others, in rounds. Raises `ConfigError` for a role that the task has not.
    """
    spec, warnings = load_spec_with_warnings(task, scenario)
    known = [AgentRole(each.role) for each in spec.task.roles]
    if role not in known:
        roles = ", ".join(each.value for each in known)
        raise ConfigError(
            f"the task {spec.task.name!r} has no section for the role {role.value}, only {roles}"
        )
    others = [AgentRole(name) for name, count in spec.task.seats for _ in range(count)]
    if not others and role is AgentRole.Defender and AgentRole.Attacker in known:
        others = [AgentRole.Attacker]
    if role in others:
        others.remove(role)
    seated = [role, *others]
    counts = tuple((each.value, seated.count(each)) for each in known if each in seated)
    pacing = ROUNDS if others else REALTIME
    return Spec(spec.topology, attrs.evolve(spec.task, seats=counts, pacing=pacing)), others, warnings


@contextmanager
def local_game(scenario: str | None, task: str | None, role: AgentRole, seed: int) -> Iterator[LocalGame]:
    """Starts the hub and the opponents, and ends them with the block. Nobody hurries the person: a move has
    a limit only if the task sets one. Raises `ConfigError` before anything is started; `SiegeError`.
    """
    spec, others, warnings = local_spec(scenario, task, role)
    names = [_opponent(other) for other in others]
    with Children() as children:
        hub = LocalHub(children, workers=1)
        room = room_of(ROOM, spec, seed, journal=False)
        room = attrs.evolve(room, move_s=spec.task.clock.move_s)
        with Client(hub.address, "tui", SessionRole.DIRECTOR, keys=NO_KEYS) as director:
            director.open_room(room)
        for name, other in zip(names, others, strict=True):
            children.start(
                *("agent", "run", name, "--hub", hub.address, "--role", other.value, "--room", ROOM),
                *("--episodes", str(FOR_EVER), "--parent", str(os.getpid())),
            )
        yield LocalGame(hub.address, spec.topology.name, tuple(names), room.move_s, warnings)


def _opponent(role: AgentRole) -> str:
    for name in ADVISERS[:-1]:
        try:
            choose_agent(name, role)
        except ConfigError:
            continue
        return name
    return ADVISERS[-1]
