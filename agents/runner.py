"""Runs one agent by name against a hub, for the command line."""

from __future__ import annotations

from typing import Any

from netsiege.agents.attendance import Tally
from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.registry import choose_agent, read_role
from netsiege.wire import check_address


def run_agent(
    name: str, hub: str, role: str | None, *, episodes: int | None, seats: int, **options: Any
) -> list[EpisodeSummary]:
    """Plays and returns the episodes. None for `episodes`: as many as the match has, or one.

    `options` are those of `make_agent`. Raises `ConfigError` for a bad name or role, and whatever playing
    raises.
    """
    agent = make_agent(name, hub, role, **options)
    try:
        if seats > 1:
            return agent.play_many(seats, episodes or 1)
        agent.register()
        if episodes is None and agent.seat is not None and agent.seat.episodes is None:
            episodes = 1
        return agent.play(episodes)
    finally:
        agent.terminate_connection()


def attend_hall(name: str, hub: str, role: str | None, *, seats: int, **options: Any) -> Tally:
    """Plays all matches that it is called to in a hall, until that is closed. Raises like `run_agent`."""
    agent = make_agent(name, hub, role, **options)
    tally = Tally()
    try:
        agent.attend(seats, tally)
    finally:
        agent.terminate_connection()
    return tally


def make_agent(
    name: str,
    hub: str,
    role: str | None,
    *,
    room: str,
    wait_s: float,
    called: str | None = None,
    keys: str | None = None,
    model: str | None = None,
) -> BaseAgent:
    """The agent, not connected yet. `called` is its name in the matches: without it, the one it is run by."""
    wanted = read_role(role)
    return choose_agent(name, wanted, **({} if model is None else {"model": model})).make(
        wanted,
        address=check_address(hub),
        room=room,
        name=name[:64] if called is None else called,
        connect_timeout_s=wait_s,
        keys=keys,
    )
