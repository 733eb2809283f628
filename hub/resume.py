"""Sessions without a connection: how they are kept, come back and hear how their seats stand. Pure.

A session that comes back may have missed anything, or be another process that was given its token. So it is
told each seat's last observation in full, by the engine (VIEW, VIEWED, RESUMED), and nothing else about the
seat before that: whatever happens to the seat meanwhile is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.hub import clocks, leasing
from netsiege.hub.records import LOST_CONNECTION, NEVER, Match, Seat, Session
from netsiege.protocol import (
    AGENT_HEAD,
    DEFAULT_GRACE_S,
    VERSION,
    Code,
    Error,
    HeldSeat,
    Kind,
    Resumed,
    SessionRole,
    message,
)

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

TAKEN: Final = Error(
    Code.SESSION_TAKEN, "this session goes on over another connection, by whoever has its token"
).encode()
FAREWELL_S: Final = DEFAULT_GRACE_S
"""How long a session that has no seats any more can still come back to hear what became of them."""


def part(arena: Arena, session: Session) -> None:
    """The session's connection is gone. Only who plays, or has played, can come back."""
    arena.detach(session)
    if session.role != SessionRole.AGENT or not (session.seats or session.lost):
        arena.forget(session)
        return
    session.away_s = arena.now_s
    arena.away[session.token] = session
    for seat in session.seats.values():
        seat.peer, seat.view = b"", False
    forfeit(arena, session)


def forfeit(arena: Arena, session: Session) -> None:
    """Gives up the seats whose rooms wait no longer for a session that is away."""
    gone_s = arena.now_s - session.away_s
    for seat in list(session.seats.values()):
        if gone_s >= seat.match.room.spec.grace_s and not seat.leaving:
            arena.leave(seat, LOST_CONNECTION)


def tick(arena: Arena) -> None:
    """Looks after the sessions that are away."""
    for session in list(arena.away.values()):
        forfeit(arena, session)
        if not session.seats and arena.now_s - session.away_s >= FAREWELL_S:
            arena.forget(session)


def come_back(arena: Arena, session: Session, peer: bytes) -> tuple[HeldSeat, ...]:
    """The session speaks from another connection, which takes it over from the last; what it still holds."""
    if session.peer not in (b"", peer):
        arena.taken_over[session.peer] = arena.now_s
        arena.to_agents.append((session.peer, message(Kind.ERROR, 0, 0, TAKEN)))
    arena.detach(session)
    arena.away.pop(session.token, None)
    session.peer, session.away_s = peer, NEVER
    arena.sessions[peer] = session
    for seat in session.seats.values():
        ask_view(arena, seat)
    return tuple(HeldSeat(seat.handle, seat.answered, seat.request) for seat in session.seats.values())


def ask_view(arena: Arena, seat: Seat) -> None:
    """Has the seat's session told how it stands, and nothing else before that."""
    seat.peer, seat.view = b"", True
    leasing.send_view(arena, seat)


def viewed(arena: Arena, match: Match, index: int, seated: bytes) -> None:
    """The engine has said how a seat stands: from here on its session hears everything again."""
    if index >= len(match.seats):
        return
    seat = match.seats[index]
    session = seat.session
    if not seat.view or session is None or not session.peer or clocks.is_held(seat):
        return  # what is held for the end of a round is not told before that; it is asked for again then
    seat.view, seat.unsure, seat.peer = False, False, session.peer
    told = Resumed(seat.answered, seat.refusal, seated).encode()
    arena.to_agents.append((seat.peer, AGENT_HEAD.pack(VERSION, Kind.RESUMED, seat.handle, 0) + told))
