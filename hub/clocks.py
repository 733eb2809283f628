"""Clocks: when a seat must have moved, what it has used up, and when a round may end. Pure.

Deadlines are looked at 20 times a second by going through all seats: 10,000 of them take a third of a
millisecond, with nothing to pay when a move is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netsiege.hub import leasing
from netsiege.hub.records import NEVER, HeldReply, Match, Seat
from netsiege.protocol import Kind, OpenRoom

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

COMPENSATION_MAX_S: Final = 0.25
"""What a connection's round trip adds to a move's time at most: nothing that a player can delay by itself."""


def has_clock(room: OpenRoom) -> bool:
    """Whether seats of the room's matches have to move in time."""
    return not (room.move_s is None and room.episode_s is None and room.round_s is None)


def start_move(arena: Arena, seat: Seat) -> None:
    """The seat can move from now on: sets its deadline."""
    match, now_s = seat.match, arena.now_s
    room, session = match.room.spec, seat.session
    grace_s = 0.0 if session is None else min(session.rtt_s, COMPENSATION_MAX_S)
    if seat.moved_s > seat.asked_s:
        seat.used_s += max(0.0, seat.moved_s - seat.asked_s - grace_s)
    seat.asked_s = now_s
    budget_s = room.move_s if room.move_s is not None else NEVER
    if room.round_s is not None:
        # who has been told before the others has the next round, like them
        ends_s = match.round_due_s + room.round_s if match.held else match.round_due_s
        budget_s = min(budget_s, max(ends_s - now_s, 0.0))
        grace_s = 0.0  # the round ends for everyone at once
    if room.episode_s is not None:
        budget_s = min(budget_s, max(room.episode_s - seat.used_s, 0.0))
    seat.due_s = now_s + budget_s + grace_s


def start_episode(seat: Seat) -> None:
    """The seat is in a new episode, in which it has used nothing yet."""
    seat.used_s = 0.0
    seat.asked_s = NEVER


def tick(arena: Arena) -> None:
    """Passes for every seat whose time is over, and lets go what was held for the end of a round."""
    now_s = arena.now_s
    if arena.clocked:
        for seat in [seat for seat in arena.seats.values() if seat.due_s <= now_s and not seat.request]:
            seat.due_s, seat.moved_s = NEVER, now_s
            arena.event(seat, Kind.TIMEOUT, 0, b"")
        end_rounds(arena)


# --- rounds of a fixed length -----------------------------------------------------------------------------


def hold(arena: Arena, match: Match, reply: HeldReply) -> None:
    """Keeps a reply until its round has lasted as long as it should."""
    assert match.held is not None
    match.held.append(reply)
    arena.holding[match.id] = match


def end_rounds(arena: Arena) -> None:
    """Lets go the replies of the rounds that are over: call it after each frame of a worker, and often."""
    if arena.holding:
        for match in [m for m in arena.holding.values() if m.round_due_s <= arena.now_s]:
            release_round(arena, match)


def is_held(seat: Seat) -> bool:
    """Whether a reply to the seat waits for the end of its round."""
    return any(reply.seat is seat for reply in seat.match.held or ())


def release_seat(arena: Arena, seat: Seat) -> None:
    """Lets go what is held for this seat, before its last word. What is held for the others stays held."""
    match = seat.match
    own = [reply for reply in match.held or () if reply.seat is seat]
    if own and len(own) == len(match.held or ()):
        release_round(arena, match)
    elif own:
        match.held = [reply for reply in match.held or () if reply.seat is not seat]
        _let_go(arena, own)


def release_round(arena: Arena, match: Match) -> None:
    """Lets go what is held of a match; the next round begins."""
    held = match.held
    if not held:
        return
    match.held = []
    arena.holding.pop(match.id, None)
    start_round(arena, match)
    _let_go(arena, held)


def _let_go(arena: Arena, replies: list[HeldReply]) -> None:
    for reply in replies:
        if reply.seat.peer:
            arena.tell(reply.seat, reply.seat.peer, reply.answer, reply.request, reply.body)
        _settle(arena, reply)
        if reply.seat.view:
            leasing.send_view(arena, reply.seat)
    arena.flush_batches()


def _settle(arena: Arena, reply: HeldReply) -> None:
    seat = reply.seat
    if reply.moves and not seat.over:
        start_move(arena, seat)
    if 0 != reply.request == seat.request:
        seat.request, seat.answered, seat.refusal, seat.batched = 0, reply.request, None, False


def start_round(arena: Arena, match: Match) -> None:
    """A round of a fixed length begins now."""
    length_s = match.room.spec.round_s
    if length_s is not None:
        match.round_due_s = arena.now_s + length_s
