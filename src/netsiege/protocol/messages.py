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
    or_empty,
    told_name,
)
from netsiege.protocol.frames import (
    DEFAULT_GRACE_S,
    MAX_NAME_CHARS,
    MAX_REQUEST,
    MAX_SEATS,
    MAX_SEED,
    Cause,
    Held,
    SessionRole,
)

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
class HeldSeat(Message):
    """A seat that a resumed session still holds; a RESUMED follows. 0 stands for no request.

    `answered` is the last request that has its final reply, `pending` the one that has been taken and has
    none: whatever else the session has asked of the seat has not arrived, and is to be sent again.
    """

    handle: int = declared(a_whole(1, MAX_SEED))
    answered: int = declared(a_whole(0, MAX_REQUEST))
    pending: int = declared(a_whole(0, MAX_REQUEST))


@frozen
class LostSeat(Message):
    """A seat that ended while its session was away: the message that it missed, an END or an ERROR."""

    handle: int = declared(a_whole(1, MAX_SEED))
    kind: int = declared(a_whole(0, 255))
    request: int = declared(a_whole(0, MAX_REQUEST))
    body: bytes = declared(an_opaque)


@frozen
class Welcome(Message):
    """The hub knows the session. `token` is its secret: whoever has it may resume the seats."""

    token: bytes = declared(an_opaque)
    software: str = declared(a_text(MAX_NAME_CHARS))
    seats: tuple[HeldSeat, ...] = declared(many(HeldSeat.read), default=())
    lost: tuple[LostSeat, ...] = declared(many(LostSeat.read), default=())


@frozen
class Resumed(Message):
    """How a seat stands: `seated` is a SEATED whose observation is the seat's last one, in full.

    It answers the request `answered`, unless that was refused: then `refusal` is the body of the ERROR.
    """

    answered: int = declared(a_whole(0, MAX_REQUEST))
    refusal: bytes | None = declared(maybe(an_opaque))
    seated: bytes = declared(an_opaque)


@frozen
class Join(Message):
    """Asks for a seat; answered by SEATED when a match is full.

    `name` is who will sit there, for sessions that play for others; empty: the session's own.
    """

    room: str = declared(clean_name)
    role: str = declared(a_text(16))
    name: str = declared(or_empty(clean_name), default="")


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


@frozen
class Enrol(Message):
    """Redeems the invitation whose key the connection was opened with: `key` is let in from now on."""

    key: bytes = declared(an_opaque)


@frozen
class Enrolled(Message):
    """The key is entered, under a name and with a right: agent, worker, spectator or admin."""

    name: str = declared(clean_name)
    right: str = declared(a_text(16))


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

    Clocks, in seconds; None means none. A seat that has not moved `move_s` after it could, passes.
    `episode_s` is what all moves of a seat in one episode may take together; after it every move is late. In
    a room with `round_s` no reply of a round leaves before the round has lasted so long, and a move that is
    not there by then is a pass. A seat whose session has been away for `grace_s` is forfeited.

    A room with `journal` False keeps nothing on disk: its matches survive their workers, not the hub.

    An `arranged` room makes no matches by itself: it is a hall, whose joiners wait until they are called to a
    match (see `Arrange`), or what such matches are like, or both.
    """

    name: str = declared(clean_name)
    roles: tuple[str, ...] = declared(many(a_text(16), 16))
    seats: tuple[SeatCount, ...] = declared(many(SeatCount.read, 16))
    players: int = declared(a_whole(1, MAX_SEATS))
    seed: int = declared(a_whole(0, MAX_SEED))
    episodes: int | None = declared(maybe(a_whole(1, 1 << 31)))
    move_s: float | None = declared(maybe(a_number))
    spec: bytes = declared(an_opaque)
    episode_s: float | None = declared(maybe(a_number), default=None)
    round_s: float | None = declared(maybe(a_number), default=None)
    grace_s: float = declared(a_number, default=DEFAULT_GRACE_S)
    journal: bool = declared(a_truth, default=True)
    arranged: bool = declared(a_truth, default=False)


@frozen
class Call(Message):
    """Who is called to a seat: a joiner of the role, by its session's name, its key's name, or both."""

    role: str = declared(a_text(16))
    name: str = declared(or_empty(clean_name), default="")
    key: str = declared(or_empty(clean_name), default="")


@frozen
class Arrange(Message):
    """Asks for one match of one episode, of joiners of the hall `hall`, as the room `like` says.

    It is played from `seed` itself, under a `name` of its own, by which it is told of to who watches the
    hall, and which is a room's name until it is closed. To ask again for the same changes nothing. What came
    of it is told again to whoever watches the hall anew, until `CloseRoom` says that it was heard.
    """

    name: str = declared(clean_name)
    hall: str = declared(clean_name)
    like: str = declared(clean_name)
    seed: int = declared(a_whole(0, MAX_SEED))
    calls: tuple[Call, ...] = declared(many(Call.read, MAX_SEATS))


@frozen
class Arranged(Message):
    """The match will be played as soon as those who are called to it are there.

    Who watches the hall is told so again when that is so: it begins, as number `match`.
    """

    name: str = declared(clean_name)
    match: int | None = declared(maybe(a_whole(0, MAX_SEED)), default=None)


@frozen
class CloseRoom(Message):
    """Closes a room: nobody enters it any more, and who waits in it is sent home with `Cause.FINISHED`.

    Matches go on, but an arranged one is called off, and with a hall all its matches.
    """

    room: str = declared(clean_name)


@frozen
class RoomClosed(Message):
    """The room is closed, or was not open."""

    room: str = declared(clean_name)


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
    """Who sits where in a match. `name` is what it calls itself, `key` the name of its key, if it has one."""

    role: str = declared(a_text(16))
    index: int = declared(a_whole(0, MAX_SEATS))
    name: str = declared(told_name)
    key: str = declared(or_empty(told_name), default="")


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
    """A room in numbers. `missing` are those who are called to matches of a hall and do not wait in it: a
    director is told.
    """

    name: str = declared(clean_name)
    waiting: int = declared(a_number)
    open_matches: int = declared(a_number)
    ended_matches: int = declared(a_number)
    missing: tuple[Call, ...] = declared(many(Call.read), default=())


@frozen
class WorkerState(Message):
    """A worker in numbers."""

    name: str = declared(told_name)
    slots: int = declared(a_number)
    matches: int = declared(a_number)
    events: int = declared(a_number)


@frozen
class Refusals(Message):
    """How often the hub has refused something, by the reason: a `Code`, a limit, or what a key was not."""

    reason: str = declared(a_text(64))
    count: int = declared(a_whole(0, MAX_SEED))


@frozen
class State(Message):
    """The hub in numbers: the answer to STATUS.

    `away` sessions have lost their connection and may come back; `unplaced` matches wait for a worker of
    their engine; `moved` counts the leases that were not a match's first. The key of an
    agent is told of the rooms only that it may enter, of no workers and no refusals.
    """

    software: str = declared(a_text(MAX_NAME_CHARS))
    up_s: float = declared(a_number)
    sessions: int = declared(a_number)
    events: int = declared(a_number)
    rooms: tuple[RoomState, ...] = declared(many(RoomState.read))
    workers: tuple[WorkerState, ...] = declared(many(WorkerState.read))
    away: int = declared(a_number, default=0)
    unplaced: int = declared(a_number, default=0)
    moved: int = declared(a_number, default=0)
    refusals: tuple[Refusals, ...] = declared(many(Refusals.read), default=())


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
    name: str = declared(told_name)
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
    """A worker is there. Leases move only between workers of equal digests.

    `instance` is a number that the process has drawn: who comes back under it was out of reach, not dead.
    """

    name: str = declared(clean_name)
    slots: int = declared(a_whole(1, 1 << 20))
    engine: bytes = declared(an_opaque)
    rulesets: tuple[str, ...] = declared(many(a_text(64), 64))
    instance: bytes = declared(an_opaque, default=b"")


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
