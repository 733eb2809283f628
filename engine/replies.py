"""The bodies of what a match says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netsiege.engine.episode import Player
from netsiege.engine.knowledge import NOTHING, Delta
from netsiege.engine.tables import Tables
from netsiege.game import GameStatus
from netsiege.protocol import Code, End, Error, Held, SeatSpec, Wait, unpack
from netsiege.protocol.play import Seated, Seen, observation_body, trajectory_body, trajectory_step

Output = tuple[int, int, int, int, bytes]
"""Seat, kind, flags, request, body."""

WAIT_RESET: Final = Wait(Held.RESET).encode()
WAIT_PEERS: Final = Wait(Held.PEERS).encode()
BUSY: Final = Error(Code.BUSY, "the seat's last request is not answered yet").encode()
NOT_PLAYING: Final = Error(Code.MATCH_OVER, "the seat has no part in the match any more").encode()

_MAX_TEXT: Final = 512


def error(code: str, text: str) -> bytes:
    """An ERROR, its text cut to what the wire carries."""
    return Error(code, text[:_MAX_TEXT]).encode()


def end(cause: str, text: str = "") -> bytes:
    """An END."""
    return End(cause, text).encode()


def quiet_step(tables: Tables) -> bytes:
    """The most frequent observation: a step that taught the seat nothing."""
    return observation_body(Seen.NONE, tables.rewards.step, NOTHING, NOTHING)


def seated(
    tables: Tables, match: int, seed: int, episodes: int | None, seat: SeatSpec, player: Player
) -> bytes:
    """A SEATED with the first observation."""
    role = tables.roles[seat.role]
    first = observation_body(Seen.FULL, 0, NOTHING, player.knows.full(tables.board))
    return Seated(
        match=match,
        role=seat.role,
        index=seat.index,
        seed=seed,
        episodes=episodes,
        max_steps=role.max_steps or None,
        goal_description=role.goal_description,
        configuration_hash=tables.digest,
        ruleset=tables.ruleset,
        observation=first,
    ).encode()


def step_seen(tables: Tables, player: Player, delta: Delta, deltas: bool) -> bytes:
    """The observation of a step after which the seat plays on."""
    if deltas:
        return observation_body(Seen.NONE, player.reward, NOTHING, delta)
    if player.still is None:
        player.still = observation_body(Seen.FULL, player.reward, NOTHING, player.knows.full(tables.board))
    return player.still


def last_seen(tables: Tables, player: Player, deltas: bool) -> bytes:
    """The observation of the step that ended the seat, with the reward of the end."""
    reason = player.end_reason
    info = NOTHING if reason is None else ("end_reason", reason)
    flags, state = Seen.END, player.trace[-1]
    if not deltas:
        flags, state = flags | Seen.FULL, player.knows.full(tables.board)
    return observation_body(flags, player.reward, info, state)


def forbidden(tables: Tables, player: Player, deltas: bool) -> bytes:
    """The observation of a step after the end: it was not played."""
    info = (
        "end_reason",
        player.end_reason or f"AgentStatus.{player.status}",
        "info",
        "Episode ended. Request reset for starting new episode.",
    )
    flags, state = Seen.END | Seen.FORBIDDEN, NOTHING
    if not deltas:
        flags, state = flags | Seen.FULL, player.knows.full(tables.board)
    return observation_body(flags, player.reward, info, state)


def reset_done(tables: Tables, player: Player, trajectory: bytes | None) -> bytes:
    """The first observation of a new episode."""
    role = tables.roles[player.role]
    info: list[Any] = [
        "message",
        "Resetting Game and starting again.",
        "max_steps",
        role.max_steps or None,
        "goal_description",
        role.goal_description,
        "configuration_hash",
        tables.digest,
        "status",
        str(GameStatus.RESET_DONE),
    ]
    if trajectory is not None:
        info += ["last_trajectory", trajectory]
    return observation_body(Seen.FULL, 0, info, player.knows.full(tables.board))


def trajectory(start: Sequence[Any], player: Player, name: str) -> bytes:
    """All that a player did in an episode, from its first state on."""
    trace = player.trace
    steps = [
        trajectory_step(unpack(body), reward, delta)
        for body, reward, delta in zip(trace[::3], trace[1::3], trace[2::3], strict=True)
    ]
    return trajectory_body(start, steps, player.end_reason, player.role, name)
