"""From a spec to a room: what the hub needs to know of a task, and nothing more."""

from __future__ import annotations

from netsiege.protocol import DEFAULT_GRACE_S, OpenRoom, SeatCount
from netsiege.scenarios.model import ROUNDS, Spec

ROUND_MOVE_S = 60.0
"""Seconds for a move in a room that plays in rounds, unless its task gives moves or rounds their time."""


def room_of(
    name: str, spec: Spec, seed: int, episodes: int | None = None, *, journal: bool = True
) -> OpenRoom:
    """A room that makes matches of `spec`; each match plays `episodes`, or as many as its seats like.

    Without `journal` its matches leave nothing on the hub's disk: for training, where a restart of the hub
    may cost the episodes that are under way.
    """
    task, clock = spec.task, spec.task.clock
    move_s = clock.move_s
    if move_s is None and clock.round_s is None and task.pacing == ROUNDS:
        move_s = ROUND_MOVE_S
    return OpenRoom(
        name=name,
        roles=tuple(role.role for role in task.roles),
        seats=tuple(SeatCount(role, count) for role, count in task.seats),
        players=task.required_players,
        seed=seed,
        episodes=episodes,
        move_s=move_s,
        spec=spec.to_wire(),
        episode_s=clock.episode_s,
        round_s=clock.round_s,
        grace_s=DEFAULT_GRACE_S if clock.grace_s is None else clock.grace_s,
        journal=journal,
    )
