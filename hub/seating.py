"""Seating: joiners become the seats of a match, in their turn. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from netsiege.hub import clocks, halls, leasing, lobby
from netsiege.hub.ledger import match_made
from netsiege.hub.records import Joiner, Match, Room, Seat, Worker
from netsiege.protocol import Arranged, Held, Kind, Player, SeatSpec, Wait, message

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena


def take_in(arena: Arena, joiner: Joiner) -> None:
    """Takes a joiner in, or has it wait for its turn."""
    if arena.turnstile.may_pass(joiner, arena.now_s):
        _enter(arena, joiner)
    else:
        _tell_held(arena, joiner, Held.TURN)


def tick(arena: Arena) -> None:
    """Takes in those whose turn it is."""
    for joiner in arena.turnstile.next_ones(arena.now_s):
        _enter(arena, joiner)


def withdraw(arena: Arena, joiner: Joiner) -> None:
    """Lets a joiner go that has no seat yet."""
    if not arena.turnstile.withdraw(joiner):
        lobby.withdraw(joiner)


def _enter(arena: Arena, joiner: Joiner) -> None:
    """Makes what matches the joiner's room allows now; says so if it has to wait."""
    lobby.enter(joiner)
    _fill_room(arena, joiner.room)
    if joiner.request in joiner.session.joins:
        _tell_held(arena, joiner, _why_held(joiner.room))


def _why_held(room: Room) -> Held:
    if room.spec.arranged:
        return Held.CALL
    return Held.PLAYERS if lobby.missing_players(room) else Held.WORKER


def _tell_held(arena: Arena, joiner: Joiner, why: Held) -> None:
    body = Wait(why).encode()
    arena.to_agents.append((joiner.session.peer, message(Kind.WAIT, 0, joiner.request, body)))


def fill_hall(arena: Arena, hall: Room) -> None:
    """Makes what matches a hall's joiners allow, after another one was arranged."""
    _fill_room(arena, hall)


def fill_rooms(arena: Arena) -> None:
    """Makes what matches all rooms allow."""
    for room in list(arena.rooms.values()):
        _fill_room(arena, room)


def _fill_room(arena: Arena, room: Room) -> None:
    """Makes what matches the room's joiners allow; of a hall's, those that they are called to."""
    for game in list(room.pending.values()):
        worker = leasing.least_loaded(arena)
        called = halls.call(game) if worker is not None else None
        if worker is not None and called is not None:
            _make_match(arena, game, called, worker)
    if room.hall is not None or room.spec.arranged:
        return
    while (worker := leasing.least_loaded(arena)) is not None and (seated := lobby.take_match(room)):
        _make_match(arena, room, seated, worker)


def _make_match(arena: Arena, room: Room, seated: list[tuple[Joiner, Player]], worker: Worker) -> None:
    ordinal, room.made, room.open = room.made, room.made + 1, room.open + 1
    if room.hall is not None:
        room.hall.made, room.hall.open = room.hall.made + 1, room.hall.open + 1
    arena.matches_made += 1
    spec = room.spec
    match = Match(
        arena.matches_made,
        ordinal,
        room,
        spec.seed if room.hall is not None else derive_seed(spec.seed, ordinal),
        tuple(player for _, player in seated),
        tuple(SeatSpec(p.role, p.index, p.name, joiner.session.deltas) for joiner, p in seated),
        worker.kin,
        arena.journaling and spec.journal,
        clocks.has_clock(spec),
    )
    for index, (joiner, _) in enumerate(seated):
        session, asked = joiner.session, joiner.request
        del session.joins[asked]
        seat = Seat(arena.draw_u64(), session, match, index, asked, session.peer, asked)
        match.seats.append(seat)
        session.seats[seat.handle] = arena.seats[seat.handle] = seat
    match.alive = len(match.seats)
    match.held = [] if spec.round_s is not None else None
    match.filed_turn = arena.turns
    arena.matches[match.id] = match
    if match.journaled:
        arena.records.append(match_made(match))
    leasing.lease(arena, match, worker)
    if room.hall is not None:
        begun = Arranged(spec.name, match.id).encode()
        for watcher, watch in room.hall.watchers.items():
            arena.to_agents.append((watcher.peer, message(Kind.ARRANGED, 0, watch, begun)))


def derive_seed(seed: int, ordinal: int) -> int:
    """The seed of a room's match number `ordinal`: 64 bits of SHA-256, so that neighbours share nothing."""
    return int.from_bytes(hashlib.sha256(f"{seed}/match/{ordinal}".encode()).digest()[:8], "big")
