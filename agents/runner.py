"""Runs one agent by name against a hub, for the command line."""

from __future__ import annotations

from netsiege.agents.base import EpisodeSummary
from netsiege.agents.registry import choose_agent, read_role
from netsiege.wire import check_address


def run_agent(
    name: str,
    hub: str,
    role: str | None,
    *,
    room: str,
    episodes: int | None,
    seats: int,
    wait_s: float,
    keys: str | None = None,
    model: str | None = None,
) -> list[EpisodeSummary]:
    """Plays and returns the episodes. None for `episodes`: as many as the match has, or one.

    Raises `ConfigError` for a bad name or role, and whatever playing raises.
    """
    wanted = read_role(role)
    agent = choose_agent(name, wanted, **({} if model is None else {"model": model})).make(
        wanted,
        address=check_address(hub),
        room=room,
        name=name[:64],
        connect_timeout_s=wait_s,
        keys=keys,
    )
    try:
        if seats > 1:
            return agent.play_many(seats, episodes or 1)
        agent.register()
        if episodes is None and agent.seat is not None and agent.seat.episodes is None:
            episodes = 1
        return agent.play(episodes)
    finally:
        agent.terminate_connection()
