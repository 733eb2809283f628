"""The front desk: requests about a session rather than a seat, none of them frequent.

HELLO, JOIN, PING and BYE of everyone, OPEN_ROOM of directors, WATCH of directors and spectators, STATUS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import netsiege
from netsiege.errors import ConfigError, ProtocolError
from netsiege.hub.lobby import seats_of_role, waiting_joiners, withdraw
from netsiege.hub.records import ASKED, Joiner, Room, Session
from netsiege.hub.resume import come_back
from netsiege.protocol import (
    AGENT_HEAD,
    MAX_BATCH,
    VERSION,
    Cause,
    Code,
    End,
    Hello,
    Join,
    Kind,
    OpenRoom,
    RoomState,
    SessionRole,
    State,
    Watch,
    Watching,
    Welcome,
    WorkerState,
    unpack,
)
from netsiege.protocol import Room as RoomOpened

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

SOFTWARE: Final = f"netsiege {netsiege.__version__}"
MAX_SEATS_PER_SESSION: Final = MAX_BATCH
"""So that one STEP_MANY can move all seats of a session."""


def _answer(arena: Arena, session: Session, kind: Kind, request: int, body: bytes) -> None:
    arena.to_agents.append((session.peer, AGENT_HEAD.pack(VERSION, kind, 0, request) + body))


def hello(arena: Arena, peer: bytes, request: int, body: bytes) -> None:
    """Opens a session, confirms the one that the connection has, or resumes another under its token."""
    said = Hello.decode(body)
    session = arena.sessions.get(peer)
    if said.token is not None:
        _resume(arena, peer, request, said)
        return
    if session is None:
        token = b"".join(arena.draw_u64().to_bytes(8, "big") for _ in range(2))
        session = Session(peer, SessionRole(said.role), said.name, said.deltas, token)
        session.rtt_s = arena.round_trip_s(peer)
        arena.sessions[peer] = arena.tokens[token] = session
    _answer(arena, session, Kind.WELCOME, request, Welcome(session.token, SOFTWARE).encode())


def _resume(arena: Arena, peer: bytes, request: int, said: Hello) -> None:
    session = arena.tokens.get(said.token or b"")
    if arena.sessions.get(peer) not in (None, session):
        raise ProtocolError(Code.NOT_ALLOWED, "this connection has a session: resume another over a new one")
    if session is None:
        raise ProtocolError(Code.UNKNOWN_SESSION, "this hub has no session under this token (any more)")
    session.deltas = said.deltas
    held = come_back(arena, session, peer)
    session.rtt_s = arena.round_trip_s(peer)
    welcome = Welcome(session.token, SOFTWARE, held, tuple(session.lost))
    _answer(arena, session, Kind.WELCOME, request, welcome.encode())


def _join(arena: Arena, session: Session, request: int, body: bytes) -> None:
    said = Join.decode(body)
    room = _room(arena, said.room)
    if session.role != SessionRole.AGENT:
        raise ProtocolError(Code.NOT_ALLOWED, f"a {session.role} does not play")
    if request in session.joins:
        return  # said twice; it is answered once
    if len(session.seats) + len(session.joins) >= MAX_SEATS_PER_SESSION:
        raise ProtocolError(Code.OVERLOADED, f"a session holds at most {MAX_SEATS_PER_SESSION} seats")
    if not seats_of_role(room, said.role):
        wanted = [role for role in room.spec.roles if seats_of_role(room, role)]
        raise ProtocolError(
            Code.BAD_ROLE, f"room {said.room!r} has no seat for {said.role!r}, only for {', '.join(wanted)}"
        )
    joiner = Joiner(session, request, room, said.role)
    session.joins[request] = joiner
    arena.seat_waiting(joiner)


def withdraw_join(arena: Arena, session: Session, request: int, body: bytes) -> None:
    """A LEAVE about no seat takes back the JOIN whose number it carries, if that is still waiting."""
    number = unpack(body)
    joiner = session.joins.pop(number, None) if type(number) is int else None
    if joiner is None:
        raise ProtocolError(Code.UNKNOWN_SEAT, "no JOIN of this number is waiting (any more)")
    withdraw(joiner)
    for each in (number, request):
        _answer(arena, session, Kind.END, each, End(Cause.LEFT).encode())


def _room(arena: Arena, name: str) -> Room:
    room = arena.rooms.get(name)
    if room is None:
        known = ", ".join(sorted(arena.rooms)) or "none"
        raise ProtocolError(Code.UNKNOWN_ROOM, f"there is no room {name!r}; open rooms: {known}"[:512])
    return room


def _ping(arena: Arena, session: Session, request: int, _body: bytes) -> None:
    _answer(arena, session, Kind.PONG, request, b"")


def _bye(arena: Arena, session: Session, request: int, _body: bytes) -> None:
    """Ends the session; whatever it still had open is answered like the BYE itself."""
    left = End(Cause.LEFT).encode()
    held = [(number, 0) for number in session.joins]
    held += [(seat.request, seat.handle) for seat in session.seats.values() if seat.request]
    peer = session.peer
    arena.end_session(session, ASKED)
    for number, handle in [*held, (request, 0)]:
        arena.to_agents.append((peer, AGENT_HEAD.pack(VERSION, Kind.END, handle, number) + left))


def _open_room(arena: Arena, session: Session, request: int, body: bytes) -> None:
    if session.role != SessionRole.DIRECTOR:
        raise ProtocolError(Code.NOT_ALLOWED, "only a director opens rooms")
    asked = OpenRoom.decode(body)
    room = arena.rooms.get(asked.name)
    if room is None or room.spec != asked:  # a room that is as asked for has been asked for before
        try:
            room = arena.add_room(asked)
        except ConfigError as error:
            raise ProtocolError(Code.BAD_REQUEST, str(error)) from None
    _answer(arena, session, Kind.ROOM, request, RoomOpened(room.spec.name, room.digest).encode())


def _watch(arena: Arena, session: Session, request: int, body: bytes) -> None:
    if session.role == SessionRole.AGENT:
        raise ProtocolError(Code.NOT_ALLOWED, "an agent does not watch other matches")
    room = _room(arena, Watch.decode(body).room)
    room.watchers[session] = request
    session.watches[room.spec.name] = request
    _answer(arena, session, Kind.WATCHING, request, Watching(room.spec.name).encode())


def _status(arena: Arena, session: Session, request: int, _body: bytes) -> None:
    state = State(
        SOFTWARE,
        arena.now_s - arena.started_s,
        len(arena.sessions),
        arena.events,
        tuple(RoomState(r.spec.name, waiting_joiners(r), r.open, r.ended) for r in arena.rooms.values()),
        tuple(WorkerState(w.name, w.slots, len(w.leases), w.done) for w in arena.workers.values()),
        len(arena.away),
        len(arena.homeless),
        arena.moved,
    )
    _answer(arena, session, Kind.STATE, request, state.encode())


REQUESTS: Final[dict[int, Callable[[Arena, Session, int, bytes], None]]] = {
    Kind.JOIN: _join,
    Kind.PING: _ping,
    Kind.BYE: _bye,
    Kind.OPEN_ROOM: _open_room,
    Kind.WATCH: _watch,
    Kind.STATUS: _status,
}
