"""Halls: rooms whose joiners wait until a director calls them to a match. Pure.

An arranged match has a room of its own, which names its hall and makes this one match. What came of it is
kept, and told to whoever watches the hall anew, until the director says that it was heard.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netsiege.errors import ProtocolError
from netsiege.hub.calls import Line
from netsiege.hub.entries import GameArranged, GameClosed, GameNews, RoomClosed
from netsiege.hub.records import Joiner, Room, Session
from netsiege.protocol import Arrange, Call, Cause, Code, End, Kind, Player, message

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

CALLED_OFF = "the match was called off"


# --- who waits --------------------------------------------------------------------------------------------


def enter(joiner: Joiner) -> None:
    """Has a joiner wait in its hall, in the lines of all calls that it would answer."""
    for line in lines_of(joiner):
        joiner.room.lines[line][joiner] = None


def withdraw(joiner: Joiner) -> None:
    """Takes a joiner out of its lines again."""
    for line in lines_of(joiner):
        waiting = joiner.room.lines[line]
        del waiting[joiner]
        if not waiting:
            del joiner.room.lines[line]


def lines_of(joiner: Joiner) -> Iterator[Line]:
    """The calls that a joiner would answer."""
    return itertools.product((joiner.role,), {"", joiner.name}, {"", joiner.key})


def waiting_joiners(hall: Room) -> int:
    """How many joiners wait in a hall."""
    return sum(len(line) for (_, name, key), line in hall.lines.items() if not name and not key)


def missing_joiners(hall: Room) -> Iterator[Call]:
    """Who is called to matches of a hall, and does not wait there to answer."""
    return (Call(*line) for line in hall.pending.lines() if not hall.lines.get(line))


def call(room: Room) -> list[tuple[Joiner, Player]] | None:
    """Calls the joiners of an arranged room's match out of its hall; None if one of them is not there.

    Who has waited longest comes first. Seats are ordered by role, in the order of the room's roles, and
    within a role as they were called.
    """
    assert room.hall is not None
    assert room.arranged is not None
    calls = room.arranged.calls
    found: dict[Joiner, int] = {}
    if not all(_find(room.hall, calls, number, found, set()) for number in range(len(calls))):
        return None
    for joiner in found:
        withdraw(joiner)
    room.hall.pending.remove(room)
    called = sorted(found, key=found.__getitem__)
    seated = []
    for role in room.spec.roles:
        for index, joiner in enumerate(j for j in called if j.role == role):
            session = joiner.session
            key = session.grant.name if session.grant is not None else ""
            seated.append((joiner, Player(role, index, joiner.name, key)))
    return seated


def _find(
    hall: Room, calls: tuple[Call, ...], number: int, found: dict[Joiner, int], tried: set[Joiner]
) -> bool:
    """Finds who answers call `number`: if need be somebody who would answer another, for which another is
    found (an augmenting path). Looks at no more joiners than there are calls.
    """
    asked = calls[number]
    for joiner in hall.lines.get((asked.role, asked.name, asked.key), {}):
        if joiner in tried:
            continue
        tried.add(joiner)
        if joiner not in found or _find(hall, calls, found[joiner], found, tried):
            found[joiner] = number
            return True
    return False


# --- what a director asks ---------------------------------------------------------------------------------


def arrange(arena: Arena, asked: Arrange) -> Room:
    """The room of an arranged match, opened if it is not there. Raises `ProtocolError`."""
    room = arena.rooms.get(asked.name)
    if room is not None:
        if room.arranged != asked:
            raise ProtocolError(Code.BAD_REQUEST, f"there is another room {asked.name!r}")
        return room
    hall, like = (_arranged_room(arena, name) for name in (asked.hall, asked.like))
    if len(hall.games) >= arena.limits.arranged:
        limit = arena.limits.arranged
        raise ProtocolError(
            Code.OVERLOADED, f"a hall has at most {limit} matches that are not closed (limit arranged)"
        )
    roles = like.spec.roles
    if not asked.calls or any(each.role not in roles for each in asked.calls):
        raise ProtocolError(
            Code.BAD_ROLE, f"{asked.name}: every seat has one of the roles {', '.join(roles)}"
        )
    room = arena.add_game(asked, hall, like)
    if arena.journaling and room.spec.journal:
        arena.records.append(GameArranged(asked.name, asked.encode()))
    return room


def _arranged_room(arena: Arena, name: str) -> Room:
    room = arena.rooms.get(name)
    if room is None:
        raise ProtocolError(Code.UNKNOWN_ROOM, f"there is no room {name!r}")
    if not room.spec.arranged:
        raise ProtocolError(Code.BAD_REQUEST, f"the room {name!r} makes its matches by itself")
    return room


def close(arena: Arena, name: str) -> None:
    """Closes a room; see `CloseRoom`. Harmless when there is none."""
    room = arena.rooms.pop(name, None)
    if room is None:
        return
    for game in list(room.games):
        close(arena, game)
    room.closed = True
    if room.hall is not None:
        room.hall.games.pop(name, None)
        room.hall.pending.remove(room)
        for match in [match for match in arena.matches.values() if match.room is room] if room.open else []:
            arena.abandon(match, Code.MATCH_OVER, Cause.LEFT, CALLED_OFF)
    lines = [*room.lines.values(), *room.waiting.values()]
    for joiner in dict.fromkeys(itertools.chain(*lines)):
        send_home(arena, joiner)
    room.lines.clear()
    room.waiting.clear()
    for session in room.watchers:
        session.watches.pop(name, None)
    if arena.journaling and room.spec.journal:
        arena.records.append(RoomClosed(name) if room.hall is None else GameClosed(name))


def send_home(arena: Arena, joiner: Joiner) -> None:
    """Tells a joiner that its room is closed."""
    told = End(Cause.FINISHED, "the room is closed").encode()
    joiner.session.joins.pop(joiner.request, None)
    arena.to_agents.append((joiner.session.peer, message(Kind.END, 0, joiner.request, told)))


# --- what came of it --------------------------------------------------------------------------------------


def keep_news(arena: Arena, room: Room, kind: int, body: bytes) -> None:
    """Keeps what is told of an arranged match, once and for all when it has ended.

    A match that is played again from an old snapshot may say what is kept already.
    """
    if room.hall is None or room.closed or (kind, body) in room.news:
        return
    room.news.append((kind, body))
    if kind == Kind.MATCH and arena.journaling and room.spec.journal:
        arena.records.append(GameNews(room.spec.name, [list(news) for news in room.news]))


def tell_again(arena: Arena, hall: Room, session: Session, request: int) -> None:
    """Tells who has just begun to watch a hall what came of its matches, as far as nobody has closed them.

    Of those that are not over as well: that an episode ended is not told again when the match ends.
    """
    for room in hall.games.values():
        for kind, body in room.news:
            arena.to_agents.append((session.peer, message(Kind(kind), 0, request, body)))
