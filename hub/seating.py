"""Seating: joiners become the seats of a match, in their turn. Pure."""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING

from netsiege.hub import clocks, halls, leasing, lobby
from netsiege.hub.calls import kind_of
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
        if joiner.room.closed:
            halls.send_home(arena, joiner)
        else:
            _enter(arena, joiner)


def withdraw(arena: Arena, joiner: Joiner) -> None:
    """Lets a joiner go that has no seat yet."""
    if not arena.turnstile.withdraw(joiner):
        lobby.withdraw(joiner)


def _enter(arena: Arena, joiner: Joiner) -> None:
    """Makes what matches the joiner's room allows now; says so if it has to wait."""
    lobby.enter(joiner)
    if joiner.room.spec.arranged:
        _answer_calls(arena, joiner)
    else:
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


def fill_game(arena: Arena, game: Room) -> bool:
    """Makes an arranged match, if that can be: whether it was made now."""
    if game.made:
        return False
    worker = _free_worker(arena)
    called = halls.call(game) if worker is not None else None
    if worker is None or called is None:
        return False
    _make_match(arena, game, called, worker)
    return True


def fill_rooms(arena: Arena) -> None:
    """Makes what matches all rooms allow."""
    for room in [room for room in arena.rooms.values() if room.hall is None]:
        if room.spec.arranged:
            _fill_hall(arena, room)
        else:
            _fill_room(arena, room)


def _fill_hall(arena: Arena, hall: Room) -> None:
    """Makes what matches a hall's joiners allow, in the order in which they were arranged."""
    firsts = [(game.number, game) for game in hall.pending.first_ones()]
    while firsts:
        _, game = heapq.heappop(firsts)
        if fill_game(arena, game) and (after := hall.pending.first_of(kind_of(game))) is not None:
            heapq.heappush(firsts, (after.number, after))


def _answer_calls(arena: Arena, joiner: Joiner) -> None:
    """Makes the match that a joiner of a hall makes possible."""
    for game in joiner.room.pending.first_ones(halls.lines_of(joiner)):
        if fill_game(arena, game):
            return


def _fill_room(arena: Arena, room: Room) -> None:
    """Makes what matches the joiners of a room allow."""
    while (worker := _free_worker(arena)) is not None and (seated := lobby.take_match(room)):
        _make_match(arena, room, seated, worker)


def _free_worker(arena: Arena) -> Worker | None:
    """Who would run one more match; if nobody can, what waits is looked at again when somebody could."""
    worker = leasing.least_loaded(arena)
    arena.crowded = arena.crowded or worker is None
    return worker


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
