"""One record for each session, seat, match, room and worker that the broker knows. No behaviour."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Final

from attrs import Factory, define

from netsiege.protocol import OpenRoom, Player, SessionRole

NEVER: Final = float("inf")


@define(eq=False)
class Session:
    """A connection that has said HELLO. `joins` and `watches` are its open requests that concern no seat."""

    peer: bytes
    role: SessionRole
    name: str
    deltas: bool
    token: bytes
    seats: dict[int, Seat] = Factory(dict)
    joins: dict[int, Joiner] = Factory(dict)
    watches: dict[str, int] = Factory(dict)


@define(eq=False)
class Joiner:
    """A request for a seat that no match has taken up yet."""

    session: Session
    request: int
    room: Room
    role: str


@define(eq=False)
class Seat:
    """A place in a match. `session` is None once its player is gone; `request` is 0 when nothing is open.

    `batched` says that the open request came in a STEP_MANY, so its answer leaves in an OBS_MANY. `due_s` is
    when the seat must have moved; it does not count while a request is open.
    """

    handle: int
    session: Session | None
    match: Match
    index: int
    request: int
    batched: bool = False
    leaving: bool = False
    over: bool = False
    due_s: float = NEVER


@define(eq=False)
class Match:
    """A match on a worker. `sequence` numbers its events; `alive` counts the seats that are not over."""

    id: int
    room: Room
    lease: int
    worker: Worker
    players: tuple[Player, ...]
    seats: list[Seat] = Factory(list)
    sequence: int = 0
    alive: int = 0


@define(eq=False)
class Room:
    """A template of matches, and the joiners that wait for one, by role (under "" if any role will do)."""

    spec: OpenRoom
    digest: bytes
    waiting: dict[str, deque[Joiner]] = Factory(lambda: defaultdict(deque))
    watchers: dict[Session, int] = Factory(dict)
    made: int = 0
    open: int = 0
    ended: int = 0


@define(eq=False)
class Worker:
    """An engine worker. Between them, `sent` and `done` (events) say whether it gets anywhere."""

    peer: bytes
    name: str
    slots: int
    leases: dict[int, Match] = Factory(dict)
    specs: set[bytes] = Factory(set)
    sent: int = 0
    done: int = 0
    progress_s: float = 0.0
