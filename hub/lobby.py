"""The lobby: which of the waiting joiners make a match, and who sits where. Pure."""

from __future__ import annotations

from netsiege.hub import halls
from netsiege.hub.records import Joiner, Room
from netsiege.protocol import Player

ANY_ROLE = ""


def enter(joiner: Joiner) -> None:
    """Queues a joiner."""
    if joiner.room.spec.arranged:
        halls.enter(joiner)
        return
    joiner.room.waiting[_queue(joiner)][joiner] = None


def withdraw(joiner: Joiner) -> None:
    """Takes a joiner out of its queue again."""
    if joiner.room.spec.arranged:
        halls.withdraw(joiner)
        return
    del joiner.room.waiting[_queue(joiner)][joiner]


def _queue(joiner: Joiner) -> str:
    return joiner.role if joiner.room.spec.seats else ANY_ROLE


def waiting_joiners(room: Room) -> int:
    """How many joiners wait in the room."""
    if room.spec.arranged:
        return halls.waiting_joiners(room)
    return sum(map(len, room.waiting.values()))


def missing_players(room: Room) -> bool:
    """Whether the room's waiting joiners are too few, or of the wrong roles, for another match."""
    if not room.spec.seats:
        return len(room.waiting[ANY_ROLE]) < room.spec.players
    return any(len(room.waiting[seat.role]) < seat.count for seat in room.spec.seats)


def take_match(room: Room) -> list[tuple[Joiner, Player]] | None:
    """Takes the joiners of the next match out of the waiting room; None if they do not make one, or if the
    room makes its matches by call only.

    First come, first served within a queue. Seats are ordered by role, in the order of the room's roles, and
    within a role by arrival.
    """
    if room.spec.arranged or missing_players(room):
        return None
    if room.spec.seats:
        chosen = [_next(room, seat.role) for seat in room.spec.seats for _ in range(seat.count)]
    else:
        chosen = [_next(room, ANY_ROLE) for _ in range(room.spec.players)]
    seated = []
    for role in room.spec.roles:
        for index, joiner in enumerate(j for j in chosen if j.role == role):
            seated.append((joiner, _player(role, index, joiner)))
    return seated


def _player(role: str, index: int, joiner: Joiner) -> Player:
    grant = joiner.session.grant
    return Player(role, index, joiner.name, grant.name if grant is not None else "")


def _next(room: Room, role: str) -> Joiner:
    """Takes who has waited longest."""
    queue = room.waiting[role]
    joiner = next(iter(queue))
    del queue[joiner]
    return joiner


def seats_of_role(room: Room, role: str) -> int:
    """How many seats of a role a match of the room can have; 0 means that the role cannot join."""
    if role not in room.spec.roles:
        return 0
    if not room.spec.seats:
        return room.spec.players
    return sum(seat.count for seat in room.spec.seats if seat.role == role)
