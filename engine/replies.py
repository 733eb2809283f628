"""The bodies of what a match says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from msgpack import Unpacker

from netsiege.engine.deltas import QUIET
from netsiege.engine.episode import TRACE_MAX_BYTES, Episode, Player
from netsiege.engine.seats import Seat
from netsiege.engine.tables import Tables
from netsiege.game import GameStatus
from netsiege.game.action import CODES, PLAYED, action_types
from netsiege.protocol import Code, End, Error, Held, Reset, SeatSpec, Wait, pack, unpack
from netsiege.protocol.play import Seated, Seen, observation_body, trajectory_body, trajectory_step

Output = tuple[int, int, int, int, bytes]
"""Seat, kind, flags, request, body."""

WAIT_RESET: Final = Wait(Held.RESET).encode()
WAIT_PEERS: Final = Wait(Held.PEERS).encode()
BUSY: Final = Error(Code.BUSY, "the seat's last request is not answered yet").encode()
NOT_PLAYING: Final = Error(Code.MATCH_OVER, "the seat has no part in the match any more").encode()

_LIST_32: Final = b"\xdd"
"""Before a 32-bit length: a msgpack list."""
_MAX_TEXT: Final = 512


def error(code: str, text: str) -> bytes:
    """An ERROR, its text cut to what the wire carries."""
    return Error(code, text[:_MAX_TEXT]).encode()


def end(cause: str, text: str = "") -> bytes:
    """An END."""
    return End(cause, text).encode()


def _head(flags: int, reward: float, info: Sequence[Any]) -> bytes:
    """An observation up to its state or delta."""
    return observation_body(flags, reward, info, ())[: -len(QUIET)]


def step_head(tables: Tables) -> bytes:
    """What the observations of all steps begin with that did not end their seat; a delta follows."""
    return _head(Seen.NONE, tables.rewards.step, ())


@lru_cache(maxsize=1 << 10)
def read_reset(body: bytes) -> Reset:
    """The body of a RESET. Raises `ProtocolError(MALFORMED)`."""
    return Reset.decode(body)


@lru_cache(maxsize=1 << 10)
def read_seat(*fields: Any) -> SeatSpec:
    """A seat of a snapshot. Raises ValueError for anything else."""
    return SeatSpec.read(list(fields))


def seated(
    tables: Tables, match: int, seed: int, episodes: int | None, seat: SeatSpec, observation: bytes
) -> bytes:
    """A SEATED with this observation, which is in full."""
    role = tables.roles[seat.role]
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
        observation=observation,
    ).encode()


def first_seen(tables: Tables, player: Player) -> bytes:
    """The first observation of a match."""
    return _head(Seen.FULL, 0, offered(tables)) + tables.roles[player.role].first_state(player.knows)


def offered(tables: Tables) -> list[Any]:
    """Which actions there are, where the task has switched some of its ruleset's off."""
    if tables.codes == CODES[tables.ruleset]:
        return []
    absent = {kind for kind, _ in PLAYED[tables.codes :]}
    return ["actions", [str(kind) for kind in action_types(tables.ruleset) if kind not in absent]]


def step_in_full(tables: Tables, player: Player) -> bytes:
    """The observation of a step after which the seat plays on, for one that wants no deltas."""
    if player.still is None:
        player.still = _head(Seen.FULL, player.reward, ()) + _full(tables, player)
    return player.still


def step_told(tables: Tables, player: Player, told: Sequence[Any], deltas: bool) -> bytes:
    """The same, and what is told besides the state."""
    if deltas:
        return _head(Seen.NONE, player.reward, told) + (player.last or QUIET)
    return _head(Seen.FULL, player.reward, told) + _full(tables, player)


def last_seen(tables: Tables, player: Player, told: Sequence[Any], deltas: bool) -> bytes:
    """The observation of the step that ended the seat, with the reward of the end."""
    reason = player.end_reason
    info = list(told) if reason is None else ["end_reason", reason, *told]
    if deltas:
        return _head(Seen.END, player.reward, info) + (player.last or QUIET)
    return _head(Seen.END | Seen.FULL, player.reward, info) + _full(tables, player)


def forbidden(tables: Tables, player: Player, deltas: bool) -> bytes:
    """The observation of a step after the end: it was not played."""
    info = (
        "end_reason",
        player.end_reason or f"AgentStatus.{player.status}",
        "info",
        "Episode ended. Request reset for starting new episode.",
    )
    flags = Seen.END | Seen.FORBIDDEN
    if deltas:
        return _head(flags, player.reward, info) + QUIET
    return _head(flags | Seen.FULL, player.reward, info) + _full(tables, player)


def reset_done(tables: Tables, player: Player, trajectory: bytes | None) -> bytes:
    """The first observation of a new episode."""
    role = tables.roles[player.role]
    if trajectory is None:
        return _reset_head(role.max_steps, role.goal_description, tables.digest) + role.first_state(
            player.knows
        )
    info = _reset_info(role.max_steps, role.goal_description, tables.digest)
    info += ["last_trajectory", trajectory]
    return observation_body(Seen.FULL, 0, info, player.knows.full(tables.board))


def last_told(
    tables: Tables, seat: Seat, player: Player, told: Sequence[Any], is_first_episode: bool
) -> bytes:
    """The last observation that a seat was told, in full, with what its player knows by now.

    That is more than was told only while the outcome of the last move is held back: then the state has what
    this move taught. The delta that comes later teaches it again, and changes nothing: it adds networks and
    hosts, and says all that is known of the services, the data and the blocks of those that it names.
    """
    if seat.told & Seen.FORBIDDEN:
        return forbidden(tables, player, deltas=False)
    if seat.told & Seen.END:
        return last_seen(tables, player, told, deltas=False)
    info: list[Any] = list(told)
    reward: float = tables.rewards.step
    if not seat.knows_moves(player):
        reward = 0
        if not is_first_episode:
            role = tables.roles[player.role]
            info = _reset_info(role.max_steps, role.goal_description, tables.digest)
            if seat.trajectory is not None:
                info += ["last_trajectory", seat.trajectory]
    return observation_body(Seen.FULL, reward, info, player.knows.full(tables.board))


def _reset_info(max_steps: int, goal_description: str, digest: str) -> list[Any]:
    """What is said with the first observation of a new episode."""
    return [
        "message",
        "Resetting Game and starting again.",
        "max_steps",
        max_steps or None,
        "goal_description",
        goal_description,
        "configuration_hash",
        digest,
        "status",
        str(GameStatus.RESET_DONE),
    ]


@lru_cache(maxsize=1 << 10)
def _reset_head(max_steps: int, goal_description: str, digest: str) -> bytes:
    return _head(Seen.FULL, 0, _reset_info(max_steps, goal_description, digest))


def _full(tables: Tables, player: Player) -> bytes:
    return pack(player.knows.full(tables.board))


def _unpacked(player: Player) -> list[Any]:
    """Action and delta of each step in a player's trace, alternating."""
    count = 2 * player.steps
    if len(player.trace) >= TRACE_MAX_BYTES:  # it may have ended before the episode
        values = Unpacker(raw=False, max_buffer_size=0)
        values.feed(player.trace)
        count = sum(1 for _ in values)
    return unpack(_LIST_32 + count.to_bytes(4, "big") + player.trace)  # type: ignore[no-any-return]  # a list


def trajectory(episode: Episode, player: Player, name: str) -> bytes:
    """All that a player did in an episode, from its first state on, as far as its trace goes."""
    tables = episode.tables
    start = tables.start_of(episode.seed, player.role, player.index).full(tables.board)
    trace = _unpacked(player)
    rewards = [episode.step_reward] * (len(trace) // 2)
    if player.ended and 0 < len(rewards) == player.steps:
        rewards[-1] = player.reward
    steps = [
        trajectory_step(action, reward, delta)
        for action, reward, delta in zip(trace[::2], rewards, trace[1::2], strict=True)
    ]
    return trajectory_body(start, steps, player.end_reason, player.role, name)
