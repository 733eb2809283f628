"""The front desk: requests about a session rather than a seat, none of them frequent.

HELLO, JOIN, PING and BYE of everyone, OPEN_ROOM of directors, WATCH of directors and spectators, STATUS, and
ENROL of who has nothing but an invitation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import netsiege
from netsiege.errors import ConfigError, ProtocolError
from netsiege.hub import door, halls, seating
from netsiege.hub.authority import Grant, Right
from netsiege.hub.gate import Who
from netsiege.hub.lobby import seats_of_role, waiting_joiners
from netsiege.hub.records import ASKED, Joiner, Room, Session
from netsiege.hub.resume import come_back
from netsiege.protocol import (
    AGENT_HEAD,
    VERSION,
    Arrange,
    Arranged,
    Cause,
    CloseRoom,
    Code,
    End,
    Enrol,
    Enrolled,
    Hello,
    Join,
    Kind,
    OpenRoom,
    Refusals,
    RoomClosed,
    RoomState,
    SessionRole,
    State,
    Watch,
    Watching,
    Welcome,
    WorkerState,
    message,
    unpack,
)
from netsiege.protocol import Room as RoomOpened

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

SOFTWARE: Final = f"netsiege {netsiege.__version__}"


def _answer(arena: Arena, session: Session, kind: Kind, request: int, body: bytes) -> None:
    arena.to_agents.append((session.peer, AGENT_HEAD.pack(VERSION, kind, 0, request) + body))


def hello(arena: Arena, peer: bytes, request: int, body: bytes) -> None:
    """Opens a session, confirms the one that the connection has, or resumes another under its token."""
    said, who = Hello.decode(body), arena.who(peer)
    if who.gone:
        return  # nobody hears the answer, and the session may go on elsewhere by now
    session = arena.sessions.get(peer)
    role = SessionRole(said.role)
    grant = arena.gate.grant_of(who.key)
    if grant is None or not grant.may_be(role):
        _turn_out(arena, peer, request, grant, role)
        return
    if said.token is not None:
        _resume(arena, peer, request, said, who)
        return
    if session is None:
        _check_room_for(arena, who)
        token = b"".join(arena.draw_u64().to_bytes(8, "big") for _ in range(2))
        session = Session(peer, role, said.name, said.deltas, token, who, grant)
        session.rtt_s = arena.round_trip_s(peer)
        arena.sessions[peer] = session
        arena.roll.add(session)
    _answer(arena, session, Kind.WELCOME, request, Welcome(session.token, SOFTWARE).encode())


def _turn_out(arena: Arena, peer: bytes, request: int, grant: Grant | None, role: SessionRole) -> None:
    """A key that is not good for what it asks for, now or any more."""
    text = "this key is not authorized (any more)"
    if grant is not None:
        text = f"this key is {grant.name}'s, with the right {grant.right}: it opens no session as {role}"
    door.turn_out(arena, peer, request, Code.NOT_ALLOWED, text)


def _check_room_for(arena: Arena, who: Who) -> None:
    limits = arena.limits
    if who.key and len(arena.roll.of_key.get(who.key, ())) >= limits.sessions_per_key:
        raise ProtocolError(
            Code.OVERLOADED,
            f"this key has {limits.sessions_per_key} sessions already (limit sessions_per_key)",
        )
    if arena.gate.counts(who.address) and arena.roll.of_address[who.address] >= limits.sessions_per_address:
        raise ProtocolError(
            Code.OVERLOADED,
            f"this address has {limits.sessions_per_address} sessions already (limit sessions_per_address)",
        )


def enrol(arena: Arena, peer: bytes, request: int, body: bytes) -> None:
    """Redeems an invitation: the one that the connection was opened with."""
    said, who = Enrol.decode(body), arena.who(peer)
    if not arena.gate.is_invited(who.key):
        raise ProtocolError(Code.NOT_ALLOWED, "this connection was not opened with an invitation")
    try:
        grant = arena.gate.redeem(who.key, said.key)
    except ConfigError as error:
        door.turn_out(arena, peer, request, Code.NOT_ALLOWED, str(error))
        return
    told = Enrolled(grant.name, grant.right).encode()
    arena.to_agents.append((peer, message(Kind.ENROLLED, 0, request, told)))


def _resume(arena: Arena, peer: bytes, request: int, said: Hello, who: Who) -> None:
    session = arena.tokens.get(said.token or b"")
    if arena.sessions.get(peer) not in (None, session):
        raise ProtocolError(Code.BAD_REQUEST, "this connection has a session: resume another over a new one")
    if session is None or session.who.key != who.key:
        raise ProtocolError(Code.UNKNOWN_SESSION, "this hub has no session under this token (any more)")
    session.deltas = said.deltas
    arena.roll.remove(session)
    session.who = who
    arena.roll.add(session)
    held = come_back(arena, session, peer)
    session.rtt_s = arena.round_trip_s(peer)
    welcome = Welcome(session.token, SOFTWARE, held, tuple(session.lost))
    _answer(arena, session, Kind.WELCOME, request, welcome.encode())


def _join(arena: Arena, session: Session, request: int, body: bytes) -> None:
    said = Join.decode(body)
    room = _room(arena, session, said.room)
    if session.role != SessionRole.AGENT:
        raise ProtocolError(Code.NOT_ALLOWED, f"a {session.role} does not play")
    if request in session.joins:
        return  # said twice; it is answered once
    _check_seat_for(arena, session)
    if not seats_of_role(room, said.role):
        wanted = [role for role in room.spec.roles if seats_of_role(room, role)]
        raise ProtocolError(
            Code.BAD_ROLE, f"room {said.room!r} has no seat for {said.role!r}, only for {', '.join(wanted)}"
        )
    if session.grant is None or not session.grant.may_play(said.role):
        raise ProtocolError(Code.NOT_ALLOWED, f"this key may not play {said.role}")
    name = said.name or session.name
    joiner = Joiner(session, request, room, said.role, session.grant.name, name)
    session.joins[request] = joiner
    seating.take_in(arena, joiner)


def _check_seat_for(arena: Arena, session: Session) -> None:
    limits = arena.limits
    if _seats(session) >= limits.seats_per_session:
        raise ProtocolError(
            Code.OVERLOADED,
            f"a session holds at most {limits.seats_per_session} seats (limit seats_per_session)",
        )
    others = arena.roll.of_key.get(session.who.key, {})
    if sum(map(_seats, others)) >= limits.seats_per_key:
        raise ProtocolError(
            Code.OVERLOADED, f"a key holds at most {limits.seats_per_key} seats (limit seats_per_key)"
        )


def _seats(session: Session) -> int:
    return len(session.seats) + len(session.joins)


def withdraw_join(arena: Arena, session: Session, request: int, body: bytes) -> None:
    """A LEAVE about no seat takes back the JOIN whose number it carries, if that is still waiting."""
    number = unpack(body)
    joiner = session.joins.pop(number, None) if type(number) is int else None
    if joiner is None:
        raise ProtocolError(Code.UNKNOWN_SEAT, "no JOIN of this number is waiting (any more)")
    seating.withdraw(arena, joiner)
    for each in (number, request):
        _answer(arena, session, Kind.END, each, End(Cause.LEFT).encode())


def _open_to(arena: Arena, session: Session) -> list[Room]:
    """The rooms that a session may know of."""
    grant = session.grant
    rooms = [room for room in arena.rooms.values() if room.hall is None]
    return [room for room in rooms if grant is not None and grant.may_enter(room.spec.name)]


def _room(arena: Arena, session: Session, name: str) -> Room:
    room = arena.rooms.get(name)
    if room is None or room.hall is not None or session.grant is None or not session.grant.may_enter(name):
        known = ", ".join(sorted(room.spec.name for room in _open_to(arena, session))) or "none"
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
    _check_directs(session, "opens rooms")
    asked = OpenRoom.decode(body)
    if session.grant is None or not session.grant.may_enter(asked.name):
        raise ProtocolError(Code.NOT_ALLOWED, f"this key may not open a room {asked.name!r}")
    room = arena.rooms.get(asked.name)
    if room is None or room.spec != asked:  # a room that is as asked for has been asked for before
        if sum(room.hall is None for room in arena.rooms.values()) >= arena.limits.rooms:
            raise ProtocolError(
                Code.OVERLOADED, f"this hub has {arena.limits.rooms} rooms already (limit rooms)"
            )
        try:
            room = arena.add_room(asked)
        except ConfigError as error:
            raise ProtocolError(Code.BAD_REQUEST, str(error)) from None
    _answer(arena, session, Kind.ROOM, request, RoomOpened(room.spec.name, room.digest).encode())


def _watch(arena: Arena, session: Session, request: int, body: bytes) -> None:
    if session.role == SessionRole.AGENT:
        raise ProtocolError(Code.NOT_ALLOWED, "an agent does not watch other matches")
    room = _room(arena, session, Watch.decode(body).room)
    room.watchers[session] = request
    session.watches[room.spec.name] = request
    _answer(arena, session, Kind.WATCHING, request, Watching(room.spec.name).encode())
    if room.spec.arranged:
        halls.tell_again(arena, room, session, request)


def _arrange(arena: Arena, session: Session, request: int, body: bytes) -> None:
    _check_directs(session, "arranges matches")
    asked = Arrange.decode(body)
    # what is arranged already goes on without the room that it is like
    for name in (asked.hall,) if asked.name in arena.rooms else (asked.hall, asked.like):
        _room(arena, session, name)
    room = halls.arrange(arena, asked)
    _answer(arena, session, Kind.ARRANGED, request, Arranged(room.spec.name).encode())
    seating.fill_game(arena, room)


def _close_room(arena: Arena, session: Session, request: int, body: bytes) -> None:
    _check_directs(session, "closes rooms")
    name = CloseRoom.decode(body).room
    room = arena.rooms.get(name)
    if room is not None:
        _room(arena, session, room.place.spec.name)
        before = len(arena.matches)
        halls.close(arena, name)
        if len(arena.matches) < before:
            arena.fill_rooms()  # the workers of what was called off are free
    _answer(arena, session, Kind.ROOM_CLOSED, request, RoomClosed(name).encode())


def _check_directs(session: Session, what: str) -> None:
    if session.role != SessionRole.DIRECTOR:
        raise ProtocolError(Code.NOT_ALLOWED, f"only a director {what}")


def _room_state(room: Room, session: Session) -> RoomState:
    missing = tuple(halls.missing_joiners(room)) if session.role == SessionRole.DIRECTOR else ()
    return RoomState(room.spec.name, waiting_joiners(room), room.open, room.ended, missing)


def _status(arena: Arena, session: Session, request: int, _body: bytes) -> None:
    insider = session.grant is not None and session.grant.right != Right.AGENT
    refused = sorted(arena.tally.counts.items()) if insider else ()
    state = State(
        SOFTWARE,
        arena.now_s - arena.started_s,
        len(arena.sessions),
        arena.events if insider else 0,  # a count of everyone's moves would tell when others move
        tuple(_room_state(room, session) for room in _open_to(arena, session)),
        tuple(WorkerState(w.name, w.slots, len(w.leases), w.done) for w in arena.workers.values() if insider),
        len(arena.away),
        len(arena.homeless),
        arena.moved,
        tuple(Refusals(reason, count) for reason, count in refused),
    )
    told = state.encode()
    if door.is_idle_talk(arena, session.peer, len(told)):  # it has been counted as one message already
        _answer(arena, session, Kind.STATE, request, told)


REQUESTS: Final[dict[int, Callable[[Arena, Session, int, bytes], None]]] = {
    Kind.JOIN: _join,
    Kind.PING: _ping,
    Kind.BYE: _bye,
    Kind.OPEN_ROOM: _open_room,
    Kind.WATCH: _watch,
    Kind.STATUS: _status,
    Kind.ARRANGE: _arrange,
    Kind.CLOSE_ROOM: _close_room,
}
