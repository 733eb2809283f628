"""What must hold of an arena, whatever it was told: its records agree, and nothing is there for no reason."""

from __future__ import annotations

from collections import deque

from netsiege.hub import pending
from netsiege.hub.arena import Arena
from netsiege.hub.leasing import MAX_KEPT_EVENTS
from netsiege.hub.records import LOST_MAX, Joiner, Match

STAYS = frozenset({"rooms", "workers", "_sweep"})
"""What need not be empty when all agents have gone."""


def check(arena: Arena, peers: int) -> None:
    """Between two frames; `peers` is how many connections there have been."""
    _check_sessions(arena, peers)
    _check_seats(arena)
    _check_rooms(arena)
    for match in arena.matches.values():
        _check_match(arena, match)
    leases = sum(len(worker.leases) for worker in arena.workers.values())
    assert leases + len(arena.homeless) == len(arena.matches), "a match is at two workers, or at none"
    assert arena.homeless.keys() <= arena.matches.keys()
    assert all(match.held for match in arena.holding.values()), "nothing is held, and waited for"
    for remembered in (arena.shut_out, arena.taken_over, arena.told_unknown):
        assert len(remembered) <= peers, "more peers are remembered than there were"
    assert len(arena.idle_talk) <= 2 * peers, "more peers and keys are counted than there were"


def _check_sessions(arena: Arena, peers: int) -> None:
    here, away = arena.sessions, arena.away
    assert len(here) <= peers
    assert {s.token for s in here.values()}.isdisjoint(away), "a session is here and away"
    assert len(arena.tokens) == len(here) + len(away), "a session is forgotten halfway"
    for peer, session in here.items():
        assert session.peer == peer, "a session is at another connection"
        assert arena.tokens[session.token] is session
        assert arena.gate.grant_of(session.who.key) is not None or session.grant is not None
    for token, session in away.items():
        assert session.peer == b"", "a session that is away has a connection"
        assert arena.tokens[token] is session
        assert not session.joins, "a session that is away waits for a seat"
        assert not session.watches
    limits = arena.limits
    for session in arena.tokens.values():
        assert len(session.seats) + len(session.joins) <= limits.seats_per_session
        assert len(session.lost) <= LOST_MAX
        for joiner in session.joins.values():
            assert (joiner in _queue_of(joiner)) != (joiner in arena.turnstile), (
                "a JOIN waits nowhere, or twice"
            )
        for name, request in session.watches.items():
            assert arena.rooms[name].watchers[session] == request
    assert sum(arena.roll.of_address.values()) == len(arena.tokens)
    for key, held in arena.roll.of_key.items():
        assert 0 < len(held) <= limits.sessions_per_key or not key
        assert sum(len(s.seats) + len(s.joins) for s in held) <= limits.seats_per_key


def _queue_of(joiner: Joiner) -> dict[Joiner, None]:
    return joiner.room.waiting[joiner.role if joiner.room.spec.seats else ""]


def _check_seats(arena: Arena) -> None:
    held = sum(len(session.seats) for session in arena.tokens.values())
    assert held == len(arena.seats), "a seat is held by nobody, or not known"
    for handle, seat in arena.seats.items():
        session = seat.session
        assert seat.handle == handle
        assert session is not None
        assert session.seats[handle] is seat
        assert not seat.over, "a seat that is over is held"
        assert seat.peer in (b"", session.peer), "a seat hears over another connection than its session"
        assert not seat.view or not seat.peer, "a seat hears before it was told how it stands"
        assert arena.matches[seat.match.id] is seat.match, "a seat outlives its match"
        assert seat.match.seats[seat.index] is seat


def _check_rooms(arena: Arena) -> None:
    assert len(arena.rooms) <= arena.limits.rooms
    waiting = len(arena.turnstile)
    for room in arena.rooms.values():
        waiting += sum(map(len, room.waiting.values()))
        assert room.open == sum(match.room is room for match in arena.matches.values())
        assert set(room.watchers) <= set(arena.sessions.values()), "who has gone is told of matches"
    assert waiting == sum(len(session.joins) for session in arena.sessions.values())


def _check_match(arena: Arena, match: Match) -> None:
    worker = match.worker
    if worker is None:
        assert arena.homeless[match.id] is match
    else:
        assert worker.leases[match.lease] is match
        assert arena.workers[worker.peer] is worker
    assert match.sequence == match.base + len(match.kept), "events are lost, or kept twice"
    assert len(match.kept) <= MAX_KEPT_EVENTS
    assert match.heavy <= pending.MAX_HEAVY_BYTES
    assert 0 <= match.heavy <= sum(map(len, match.kept)), "more is weighed than is kept"
    assert match.alive == sum(not seat.over for seat in match.seats)
    assert 0 <= match.behind <= match.outputs


def check_forgotten(arena: Arena) -> None:
    """All agents have gone, and time has passed: nothing is left of them."""
    left = {
        name: len(value)
        for name, value in vars(arena).items()
        if isinstance(value, dict | list | set | deque) and value and name not in STAYS
    }
    assert not left, f"the hub does not forget: {left}"
    assert not len(arena.turnstile)
    assert not arena.roll.of_key
    assert not arena.roll.of_address
    for room in arena.rooms.values():
        assert not any(room.waiting.values())
        assert not room.watchers
        assert not room.open
    assert not any(worker.leases for worker in arena.workers.values())
