"""What is kept of the arena, as plain records, and how an arena is made from it again. Pure.

Events travel to the journal in turns, as they come. Rooms, matches and their ends are records of their own,
and so is a chunk: what has happened in a match since its last chunk, with its newest snapshot and how its
seats stand. A match is its newest snapshot and the events after it.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from netsiege.errors import ConfigError, JournalError
from netsiege.hub import clocks
from netsiege.hub.entries import Chunk, GameNews, Kept, KeptGame, MatchEnded, MatchMade, OpenMatch, RoomOpened
from netsiege.hub.gate import Who
from netsiege.hub.records import Match, Room, Seat, Session
from netsiege.protocol import (
    EVENT_HEAD,
    Cause,
    Kind,
    LostSeat,
    OpenRoom,
    Player,
    SeatSpec,
    SessionRole,
)

if TYPE_CHECKING:
    from netsiege.hub.arena import Arena

FILE_AFTER_TURNS: Final = 20_000
"""A match whose last events are so many turns old is filed without a snapshot, so that turns can go."""
FILE_AT_ONCE: Final = 200
"""How many such matches are filed between two looks at the sockets."""


# --- from the arena ---------------------------------------------------------------------------------------


def room_opened(room: Room) -> RoomOpened:
    """The record of a room."""
    return RoomOpened(room.spec.name, room.spec.encode())


def match_made(match: Match) -> MatchMade:
    """The record of a match that has just been made."""
    seats = [
        [s.handle, s.join, s.session.token, s.session.who.key, s.session.name, s.session.deltas]
        for s in match.seats
        if s.session is not None
    ]
    players = [[p.role, p.index, p.name, p.key] for p in match.players]
    specs = [[s.role, s.index, s.name, s.deltas] for s in match.specs]
    engine, rulesets = match.kin
    room = match.room.spec.name
    return MatchMade(match.id, match.ordinal, room, match.seed, engine, rulesets, players, specs, seats)


def file_chunk(arena: Arena, match: Match, *, snapshot: bool) -> None:
    """Files what has happened in a match since it was filed last."""
    kept = match.kept
    held = {reply.seat.index: reply.request for reply in match.held or ()}
    unfiled = kept[len(kept) - (match.sequence - match.filed) :] if match.sequence > match.filed else []
    arena.records.append(
        Chunk(
            match.id,
            match.sequence,
            unfiled,
            match.base,
            match.snapshot if snapshot else None,
            match.base_outputs,
            match.base_chain,
            [_seat_plain(seat, held.get(seat.index)) for seat in match.seats],
        )
    )
    match.filed, match.filed_turn = match.sequence, arena.turns
    if snapshot and match.room.news:  # what is played again from the snapshot does not say it again
        arena.records.append(GameNews(match.room.spec.name, [list(news) for news in match.room.news]))


def _seat_plain(seat: Seat, held: int | None) -> list[Any]:
    """How a seat stands. Whoever is told after a restart need not wait for the end of a round."""
    lost = [[word.kind, word.request, word.body] for word in seat.lost]
    if held and held == seat.request:
        return [0, held, None, False, seat.leaving, seat.over, lost]
    return [seat.request, seat.answered, seat.refusal, seat.resets, seat.leaving, seat.over, lost]


def match_ended(match: Match, cause: Cause, text: str) -> MatchEnded:
    """The record of a match that is over."""
    lost = [
        [*_owner(seat.session), word.handle, word.kind, word.request, word.body]
        for seat in match.seats
        if seat.session is not None
        for word in seat.lost
    ]
    return MatchEnded(match.id, cause, text, match.outputs, match.chain, lost)


def _owner(session: Session) -> tuple[bytes, bytes, str]:
    return session.token, session.who.key, session.name


def oldest_turn(arena: Arena) -> int:
    """The last turn that no open match needs any more; files matches that would hold it back."""
    filed = 0
    oldest = arena.turns
    for match in arena.matches.values():
        if not match.journaled:
            continue
        if match.filed == match.sequence:
            match.filed_turn = arena.turns
        elif match.filed_turn < arena.turns - FILE_AFTER_TURNS and filed < FILE_AT_ONCE:
            filed += 1
            file_chunk(arena, match, snapshot=False)
        oldest = min(oldest, match.filed_turn)
    return oldest


# --- to the arena -----------------------------------------------------------------------------------------


@frozen
class Insist:
    """What of a room that is asked for must be so in the journal as well, if the room is there already."""

    task: bool = True
    seed: bool = False


ON_THE_TASK: Final = Insist()


def restore(arena: Arena, kept: Kept, asked: tuple[OpenRoom, ...] = (), insist: Insist = ON_THE_TASK) -> None:
    """Brings an arena without rooms back to where the journal has it; opens the rooms `asked` for as well.

    Its matches have no worker, its sessions no connection; both come. A room that is asked for and in the
    journal otherwise raises `ConfigError`; if nobody insists on it, the journal's is taken.
    """
    journaling, arena.journaling = arena.journaling, False
    for spec, made in kept.rooms:
        arena.add_room(spec).made = made
    arena.journaling = journaling
    for spec in asked:
        _open_asked(arena, spec, insist)
    closed = {spec.name: Room(spec, hashlib.sha256(spec.spec).digest(), closed=True) for spec in kept.closed}
    for game in kept.games:
        _restore_game(arena, game, closed)
    arena.matches_made, arena.turns = kept.last_match, kept.turns
    try:
        for told in kept.matches:
            _restore_match(arena, told, closed)
        for ended in kept.ended:
            for token, key, name, *word in ended.lost:
                _session(arena, token, key, name, deltas=True).lost.append(LostSeat(*word))
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError, struct.error) as error:
        raise JournalError(f"the journal is damaged: {error}") from error
    _check_owners(arena)


def _check_owners(arena: Arena) -> None:
    """Raises `ConfigError` if the sessions are of a hub with keys and this one has none, or the reverse."""
    if any(bool(session.who.key) != arena.gate.keyed for session in arena.tokens.values()):
        other, ours = ("without", "with") if arena.gate.keyed else ("with", "without")
        raise ConfigError(
            f"the matches of this journal were played at a hub {other} keys, and this one is {ours}: start "
            f"it as before (see --keys), or choose another journal"
        )


def _open_asked(arena: Arena, spec: OpenRoom, insist: Insist) -> None:
    there = arena.rooms.get(spec.name)
    if there is None:
        arena.add_room(spec)
    elif insist.task and evolve(there.spec, seed=spec.seed) != spec:
        raise ConfigError(
            f"the journal has a room {spec.name!r} with another task: leave the task away to go on with "
            f"that, or choose another journal"
        )
    elif insist.seed and there.spec.seed != spec.seed:
        raise ConfigError(
            f"the journal has the room {spec.name!r} with the seed {there.spec.seed}: leave the seed away to "
            f"go on with that, or choose another journal"
        )


def _session(arena: Arena, token: bytes, key: bytes, name: str, deltas: bool) -> Session:
    session = arena.tokens.get(token)
    if session is None:
        session = Session(b"", SessionRole.AGENT, name, deltas, token, Who(key), None, away_s=arena.now_s)
        arena.away[token] = session
        arena.roll.add(session)
    return session


def _restore_game(arena: Arena, kept: KeptGame, closed: dict[str, Room]) -> None:
    asked = kept.asked
    hall, like = arena.rooms.get(asked.hall), arena.rooms.get(asked.like) or closed.get(asked.like)
    if hall is None or like is None:
        raise JournalError(f"the journal has no room {asked.hall!r} or {asked.like!r} for {asked.name!r}")
    room = arena.add_game(asked, hall, like)
    room.news = list(kept.news)
    if kept.made:
        room.made = 1
        hall.pending.remove(room)


def _restore_match(arena: Arena, told: OpenMatch, closed: dict[str, Room]) -> None:
    made = told.made
    room = arena.rooms.get(made.room) or closed.get(made.room)
    if room is None:
        raise JournalError(f"the journal has no room {made.room!r}, but match {made.id} of it")
    match = _as_kept(told, room)
    for index, (handle, join, token, key, name, deltas) in enumerate(made.seats):
        session = _session(arena, token, key, name, deltas)
        match.seats.append(Seat(handle, session, match, index, join, b"", join))
    if told.seats is not None:
        for seat, plain in zip(match.seats, told.seats, strict=True):
            _load_seat(seat, plain)
    _walk(match, told.events[max(told.filed - told.base, 0) :])
    for each in (room,) if room.hall is None else (room, room.hall):
        each.open += 1
    arena.matches[match.id] = arena.homeless[match.id] = match
    arena.clocked = arena.clocked or match.clocked
    match.deserted_s = arena.now_s
    clocks.start_round(arena, match)
    for seat in [seat for seat in match.seats if not seat.over]:
        match.alive += 1
        if seat.session is not None:
            seat.session.seats[seat.handle] = arena.seats[seat.handle] = seat
        if match.clocked:
            clocks.start_move(arena, seat)


def _as_kept(told: OpenMatch, room: Room) -> Match:
    """The match as of its newest snapshot and the events after it, without seats."""
    made = told.made
    return Match(
        made.id,
        made.ordinal,
        room,
        made.seed,
        tuple(Player.read(player) for player in made.players),
        tuple(SeatSpec.read(spec) for spec in made.specs),
        (made.engine, made.rulesets),
        True,
        clocks.has_clock(room.spec),
        sequence=told.base + len(told.events),
        kept=list(told.events),
        snapshot=told.snapshot,
        base=told.base,
        outputs=told.outputs,
        chain=told.chain,
        base_outputs=told.outputs,
        base_chain=told.chain,
        held=[] if room.spec.round_s is not None else None,
        filed=told.filed,
        filed_turn=told.filed_turn,
    )


def _load_seat(seat: Seat, plain: list[Any]) -> None:
    seat.request, seat.answered, seat.refusal, seat.resets, seat.leaving, seat.over, lost = plain
    seat.lost = [LostSeat(seat.handle, *word) for word in lost]
    if seat.session is not None:
        seat.session.lost.extend(seat.lost)


def _walk(match: Match, events: list[bytes]) -> None:
    """What the events after the last filing have left pending; the outputs that follow say what is not."""
    for event in events:
        index, kind, request = EVENT_HEAD.unpack_from(event)
        seat = match.seats[index]
        if kind == Kind.LEAVE:
            seat.leaving = True
            seat.request = seat.request or request
        elif request:
            seat.request, seat.resets = request, kind == Kind.RESET
    for seat in match.seats:
        seat.unsure = bool(seat.request)
