"""The bodies with declared fields: one class each, checked field by field when decoded."""

from __future__ import annotations

from attrs import frozen

from netsiege.protocol.declare import (
    Message,
    a_number,
    a_text,
    a_truth,
    a_whole,
    an_opaque,
    clean_name,
    declared,
    many,
    maybe,
    one_of,
)
from netsiege.protocol.frames import MAX_NAME_CHARS, MAX_SEATS, MAX_SEED, Cause, Held, SessionRole

# --- agents and the hub -----------------------------------------------------------------------------------


@frozen
class Hello(Message):
    """The first word of a session. `token` resumes an earlier one; `deltas` asks for short observations."""

    name: str = declared(clean_name)
    role: str = declared(one_of(SessionRole), default=SessionRole.AGENT)
    token: bytes | None = declared(maybe(an_opaque), default=None)
    deltas: bool = declared(a_truth, default=True)
    software: str = declared(a_text(MAX_NAME_CHARS), default="")


@frozen
class Resumed(Message):
    """A seat that a resumed session still holds: its new handle and its last reply in full."""

    handle: int = declared(a_whole(1, MAX_SEED))
    seated: bytes = declared(an_opaque)
    observation: bytes = declared(an_opaque)


@frozen
class Welcome(Message):
    """The hub knows the session. `token` is its secret: whoever has it may resume the seats."""

    token: bytes = declared(an_opaque)
    software: str = declared(a_text(MAX_NAME_CHARS))
    seats: tuple[Resumed, ...] = declared(many(Resumed.read), default=())


@frozen
class Join(Message):
    """Asks for a seat; answered by SEATED when a match is full."""

    room: str = declared(clean_name)
    role: str = declared(a_text(16))


@frozen
class Reset(Message):
    """Asks for a new episode; granted when every seat of the match has asked."""

    request_trajectory: bool = declared(a_truth, default=False)
    randomize_topology: bool = declared(a_truth, default=False)
    seed: int | None = declared(maybe(a_whole(0, MAX_SEED)), default=None)


@frozen
class Wait(Message):
    """The reply is held, and why."""

    reason: str = declared(one_of(Held))


@frozen
class End(Message):
    """The seat's part in the match is over."""

    cause: str = declared(one_of(Cause))
    text: str = declared(a_text(512), default="")


@frozen
class Error(Message):
    """A refusal. An agent should look at `code`; `text` is for people."""

    code: str = declared(a_text(32))
    text: str = declared(a_text(512))


# --- directors and spectators -----------------------------------------------------------------------------


@frozen
class SeatCount(Message):
    """How many seats of a role a room has."""

    role: str = declared(a_text(16))
    count: int = declared(a_whole(1, MAX_SEATS))


@frozen
class OpenRoom(Message):
    """A template of matches. What only the engine needs is in `spec`, which the hub never opens.

    `seats` fixes how many of each role make a match; if it is empty, the first `players` joiners of the
    allowed `roles` do. The n-th match of a room draws its seed from `seed` and n.
    """

    name: str = declared(clean_name)
    roles: tuple[str, ...] = declared(many(a_text(16), 16))
    seats: tuple[SeatCount, ...] = declared(many(SeatCount.read, 16))
    players: int = declared(a_whole(1, MAX_SEATS))
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    move_s: float | None = declared(maybe(a_number))
    spec: bytes = declared(an_opaque)


@frozen
class Room(Message):
    """The room is open."""

    name: str = declared(clean_name)
    digest: bytes = declared(an_opaque)


@frozen
class Watch(Message):
    """Asks to hear of every episode and match of a room."""

    room: str = declared(clean_name)


@frozen
class Watching(Message):
    """The answer to `Watch`."""

    room: str = declared(clean_name)


@frozen
class Player(Message):
    """Who sits where in a match."""

    role: str = declared(a_text(16))
    index: int = declared(a_whole(0, MAX_SEATS))
    name: str = declared(a_text(MAX_NAME_CHARS))


@frozen
class Episode(Message):
    """An episode ended; `result` is a `netsiege.protocol.Result`."""

    room: str = declared(clean_name)
    match: int = declared(a_whole(0, MAX_SEED))
    players: tuple[Player, ...] = declared(many(Player.read))
    result: bytes = declared(an_opaque)


@frozen
class Match(Message):
    """A match ended."""

    room: str = declared(clean_name)
    match: int = declared(a_whole(0, MAX_SEED))
    cause: str = declared(one_of(Cause))
    text: str = declared(a_text(512))


@frozen
class Trajectory(Message):
    """What one seat saw and did in an episode, in a `trajectory_body`; for directors only."""

    room: str = declared(clean_name)
    match: int = declared(a_whole(0, MAX_SEED))
    trajectory: bytes = declared(an_opaque)


@frozen
class RoomState(Message):
    """A room in numbers."""

    name: str = declared(clean_name)
    waiting: int = declared(a_number)
    open_matches: int = declared(a_number)
    ended_matches: int = declared(a_number)


@frozen
class WorkerState(Message):
    """A worker in numbers."""

    name: str = declared(a_text(MAX_NAME_CHARS))
    slots: int = declared(a_number)
    matches: int = declared(a_number)
    events: int = declared(a_number)


@frozen
class State(Message):
    """The hub in numbers: the answer to STATUS."""

    software: str = declared(a_text(MAX_NAME_CHARS))
    up_s: float = declared(a_number)
    sessions: int = declared(a_number)
    events: int = declared(a_number)
    rooms: tuple[RoomState, ...] = declared(many(RoomState.read))
    workers: tuple[WorkerState, ...] = declared(many(WorkerState.read))


# --- the hub and workers ----------------------------------------------------------------------------------


@frozen
class Spec(Message):
    """What matches of a kind are made from, sent once to each worker that needs it."""

    digest: bytes = declared(an_opaque)
    spec: bytes = declared(an_opaque)


@frozen
class SeatSpec(Message):
    """A seat as the engine needs to know it."""

    role: str = declared(a_text(16))
    index: int = declared(a_whole(0, MAX_SEATS))
    name: str = declared(a_text(MAX_NAME_CHARS))
    deltas: bool = declared(a_truth)


@frozen
class Open(Message):
    """Leases a match: from the start, or from a snapshot and the events after it.

    Each of `events` is what follows the worker's head of an EVENT.
    """

    match: int = declared(a_whole(0, MAX_SEED))
    digest: bytes = declared(an_opaque)
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    seats: tuple[SeatSpec, ...] = declared(many(SeatSpec.read))
    snapshot: bytes | None = declared(maybe(an_opaque), default=None)
    events: tuple[bytes, ...] = declared(many(an_opaque, 1 << 20), default=())


@frozen
class Ready(Message):
    """A worker is there. Leases move only between workers of equal digests."""

    name: str = declared(clean_name)
    slots: int = declared(a_whole(1, 1 << 20))
    engine: bytes = declared(an_opaque)
    rulesets: tuple[str, ...] = declared(many(a_text(64), 64))


@frozen
class WorkerPong(Message):
    """Events that the worker has finished since it said READY: a number that must keep growing."""

    events_done: int = declared(a_whole(0, MAX_SEED))


@frozen
class Fault(Message):
    """One match broke inside the engine; the worker lives on."""

    text: str = declared(a_text(512))


@frozen
class Result(Message):
    """How an episode ended. The lists have one entry a seat, in the order of the match's seats.

    `winner` is a role, or None when nobody won; `statuses` are `AgentStatus` names.
    """

    episode: int = declared(a_whole(0, MAX_SEED))
    winner: str | None = declared(maybe(a_text(16)))
    cause: str = declared(one_of(Cause))
    statuses: tuple[str, ...] = declared(many(a_text(32)))
    steps: tuple[int, ...] = declared(many(a_whole(0, MAX_SEED)))
    returns: tuple[float, ...] = declared(many(a_number))
    last: bool = declared(a_truth)
