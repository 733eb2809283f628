"""The arena: sessions, rooms, matches and workers, and what happens to them. Pure.

It opens no socket, reads no clock and draws no random number itself. What it has to say waits in `to_agents`
and `to_workers`, and what is to be kept in `turn` and `records`, until the loop takes it away. What a message
means is the business of the broker and the desk; who runs a match is that of `leasing`, when it must move
that of `clocks`, and what becomes of a session without a connection that of `resume`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from netsiege.errors import ConfigError
from netsiege.hub import clocks, door, halls, leasing, resume, seating
from netsiege.hub.entries import Record
from netsiege.hub.gate import NOBODY, Gate, OpenGate, Who
from netsiege.hub.ledger import file_chunk, match_ended, room_opened
from netsiege.hub.limits import DEFAULT_LIMITS, Limits
from netsiege.hub.records import (
    NEVER,
    Match,
    Room,
    Seat,
    Send,
    Session,
    Suspects,
    Worker,
)
from netsiege.hub.roll import Roll
from netsiege.hub.turnstile import Turnstile
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_HEAD,
    MAX_SEATS,
    VERSION,
    WORKER_HEAD,
    Arrange,
    Cause,
    Code,
    Episode,
    Error,
    Kind,
    LostSeat,
    OpenRoom,
    SessionRole,
    Trajectory,
    message,
    pack,
)
from netsiege.protocol import Match as MatchEnded

SWEEP_TICKS: Final = 100
"""Each session is looked at once in so many ticks."""


class Arena:
    """Who is here, which matches are open and where they run.

    `draw_u64` gives unguessable non-zero 64-bit numbers: handles, leases and tokens are made of them.
    `journaling` says that someone keeps what is in `turn` and `records`; else nothing is put there.
    `round_trip_s` is the least that a connection of an agent takes there and back, `who` tells whose it is,
    `whose_worker` the same for a worker's, and `gate` what a key may do.
    """

    def __init__(
        self,
        rooms: Iterable[OpenRoom],
        draw_u64: Callable[[], int],
        now_s: float = 0.0,
        *,
        journaling: bool = False,
        round_trip_s: Callable[[bytes], float] = lambda _peer: 0.0,
        who: Callable[[bytes], Who] = lambda _peer: NOBODY,
        whose_worker: Callable[[bytes], Who] = lambda _peer: NOBODY,
        gate: Gate | None = None,
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self.draw_u64 = draw_u64
        self.round_trip_s = round_trip_s
        self.who = who
        self.whose_worker = whose_worker
        self.gate = gate if gate is not None else OpenGate()
        self.limits = limits
        self.tally = self.gate.tally
        self.turnstile = Turnstile(limits)
        self.started_s = self.now_s = now_s
        self.journaling = journaling
        self.to_agents: list[Send] = []
        self.to_workers: list[Send] = []
        self.turn: list[object] = []
        """The events since the last commit, flat: match, sequence, `EVENT_HEAD` and body."""
        self.turns = 0
        """Commits so far: what is in `turn` becomes the one after."""
        self.records: list[Record] = []
        """What else is to be committed with them."""
        self.sessions: dict[bytes, Session] = {}
        """Those that are here, by connection."""
        self.roll = Roll()
        """All of them."""
        self.tokens = self.roll.by_token
        self.away: dict[bytes, Session] = {}
        """Those that have lost their connection, by token."""
        self.seats: dict[int, Seat] = {}
        self.rooms: dict[str, Room] = {}
        self.matches: dict[int, Match] = {}
        self.homeless: dict[int, Match] = {}
        """The matches that no worker runs."""
        self.workers: dict[bytes, Worker] = {}
        self.crowded = False
        """Whether a match may wait for nothing but a worker."""
        self.moved = 0
        """Leases given so far that were not their match's first."""
        self.suspects: dict[bytes, Suspects] = {}
        """By the process of a worker that is gone."""
        self.batches: dict[tuple[bytes, int], list[object]] = {}
        self.holding: dict[int, Match] = {}
        """The matches whose round is not over yet, but whose replies are there."""
        self._empty_doorstep()
        self.next_ping_s = now_s
        self.pings = 0
        """Numbered so far: never the same number to a worker that registers anew over its connection."""
        self.next_second_s = now_s
        self._sweep: list[bytes] = []
        self.matches_made = self.events = 0
        self.clocked = False
        """Whether any room has a clock, or any match of a room that is closed."""
        for spec in rooms:
            self.add_room(spec)

    def _empty_doorstep(self) -> None:
        self.told_unknown: set[bytes] = set()
        """Peers that sent as workers without being any, and were told so: once is enough."""
        self.idle_talk: dict[bytes, int] = {}
        """How many messages of a peer, and of a key, in this second moved no match."""
        self.shut_out: dict[bytes, float] = {}
        """Peers that are not listened to any more, and since when."""
        self.taken_over: dict[bytes, float] = {}
        """Connections whose session goes on over another one, and since when."""
        self.to_cut: list[bytes] = []
        """Peers whose connection the loop should end, once they have had a moment to hear why."""
        self.workers_to_cut: list[bytes] = []
        self.reviewed: tuple[int, int] | None = None
        """The gate's revision when all sessions and workers were held against it last."""

    # --- rooms and matches --------------------------------------------------------------------------------

    def add_room(self, spec: OpenRoom) -> Room:
        """Opens a room. Raises `ConfigError` if its name is taken or its seats make no match."""
        where, seated = f"room {spec.name!r}", [seat.role for seat in spec.seats]
        if spec.name in self.rooms:
            raise ConfigError(f"{where} is open already")
        if not spec.roles or any(role not in spec.roles for role in seated):
            raise ConfigError(f"{where}: every seat needs one of the roles {list(spec.roles)}")
        if len(set(spec.roles)) < len(spec.roles) or len(set(seated)) < len(seated):
            raise ConfigError(f"{where}: each role is named once, and so are its seats")
        if sum(seat.count for seat in spec.seats) > MAX_SEATS:
            raise ConfigError(f"{where}: a match has at most {MAX_SEATS} seats")
        if min(spec.move_s or 0, spec.episode_s or 0, spec.round_s or 0, spec.grace_s) < 0:
            raise ConfigError(f"{where}: no clock runs backwards")
        room = Room(spec, hashlib.sha256(spec.spec).digest())
        self.rooms[spec.name] = room
        self.clocked = self.clocked or clocks.has_clock(spec)
        if self.journaling and spec.journal:
            self.records.append(room_opened(room))
        return room

    def add_game(self, asked: Arrange, hall: Room, like: Room) -> Room:
        """The room of an arranged match, which waits in its hall for who is called."""
        spec = attrs.evolve(like.spec, name=asked.name, seats=(), seed=asked.seed, episodes=1, arranged=False)
        spec = attrs.evolve(spec, journal=spec.journal and hall.spec.journal)
        room = Room(spec, like.digest, hall=hall, number=hall.numbered, arranged=asked)
        self.rooms[asked.name] = hall.games[asked.name] = room
        hall.numbered += 1
        self.clocked = self.clocked or clocks.has_clock(spec)  # what it is like may be closed, and forgotten
        hall.pending.add(room)
        return room

    def fill_rooms(self) -> None:
        """Places what has no worker, and makes what matches all rooms allow: when a worker is free."""
        leasing.place(self)
        if self.crowded:
            self.crowded = False
            seating.fill_rooms(self)

    def close_match(self, match: Match, cause: Cause, text: str) -> None:
        """Ends a match, takes it off its worker and tells whoever watches the room."""
        if self.matches.pop(match.id, None) is None:
            return
        leasing.release(self, match)
        self.homeless.pop(match.id, None)
        if match.journaled:
            file_chunk(self, match, snapshot=False)
            self.records.append(match_ended(match, cause, text))
        room = match.room
        for each in (room,) if room.hall is None else (room, room.hall):
            each.open -= 1
            each.ended += 1
        told = MatchEnded(room.spec.name, match.id, cause, text).encode()
        halls.keep_news(self, room, Kind.MATCH, told)
        for session, request in room.place.watchers.items():
            self.to_agents.append((session.peer, message(Kind.MATCH, 0, request, told)))

    def abandon(self, match: Match, code: Code, cause: Cause, text: str, told: str = "") -> None:
        """Ends a match from outside: every seat that is still in it gets a typed error.

        `told` is what its agents are told, if that is not `text`.
        """
        clocks.release_round(self, match)
        body = Error(code, told or text).encode()
        for seat in match.seats:
            if not seat.over:
                self._end_seat(seat, Kind.ERROR, 0, body)
        self.flush_batches()
        match.alive = 0
        self.close_match(match, cause, text)

    # --- seats --------------------------------------------------------------------------------------------

    def event(self, seat: Seat, kind: int, request: int, body: bytes) -> None:
        """The next event of the seat's match: kept, and on its way to the worker, if there is one."""
        match = seat.match
        match.sequence += 1
        self.events += 1
        tail = EVENT_HEAD.pack(seat.index, kind, request) + body
        match.kept.append(tail)
        if match.journaled:
            self.turn += (match.id, match.sequence, tail)
        worker = match.worker
        if worker is not None:
            worker.sent += 1
            head = WORKER_HEAD.pack(VERSION, Kind.EVENT, match.lease, match.sequence)
            self.to_workers.append((worker.peer, head + tail))

    def leave(self, seat: Seat, why: bytes) -> None:
        """Gives a seat up for whoever held it."""
        seat.leaving = True
        seat.due_s = NEVER
        self.event(seat, Kind.LEAVE, 0, why)

    def seat_over(self, seat: Seat, answer: int, request: int, body: bytes) -> None:
        """The seat's last message. A request that was still held gets the same answer."""
        if seat.over:
            return
        match = seat.match
        clocks.release_seat(self, seat)
        self._end_seat(seat, answer, request, body)
        match.alive -= 1
        if not match.alive:
            self.close_match(match, Cause.FINISHED, "")
            self.fill_rooms()

    def _end_seat(self, seat: Seat, answer: int, request: int, body: bytes) -> None:
        """Says a seat's last word, to whatever is still open; an answer that may have been lost included."""
        seat.over = True
        session = seat.session
        if session is not None:
            unheard = seat.answered if seat.view and not seat.request else 0
            for asked in sorted({request, seat.request, unheard} - {0}) or [0]:
                word = LostSeat(seat.handle, answer, asked, body)
                session.lost.append(word)
                seat.lost.append(word)
                if session.peer:
                    self.tell(seat, session.peer, answer, asked, body)
            session.seats.pop(seat.handle, None)
        self.seats.pop(seat.handle, None)
        seat.peer, seat.due_s = b"", NEVER

    def tell(self, seat: Seat, peer: bytes, answer: int, request: int, body: bytes) -> None:
        """Says something about a seat: alone, or with the rest of the STEP_MANY it answers."""
        if seat.batched and request == seat.request:
            self.batches.setdefault((peer, request), []).extend((seat.handle, answer, body))
        else:
            self.flush_batches(peer)
            self.to_agents.append((peer, AGENT_HEAD.pack(VERSION, answer, seat.handle, request) + body))

    def flush_batches(self, only: bytes | None = None) -> None:
        """Sends the answers to each STEP_MANY that have come in together as one OBS_MANY.

        `only`: to this peer, who is about to hear something else that must not overtake them.
        """
        for key in [key for key in self.batches if only is None or key[0] == only]:
            peer, request = key
            body = pack(self.batches.pop(key))
            self.to_agents.append((peer, message(Kind.OBS_MANY, 0, request, body)))

    def tell_watchers(self, match: Match, kind: int, body: bytes) -> None:
        """Passes an engine's result on to whoever watches the room, a trajectory to directors only."""
        room = match.room
        if kind == Kind.RESULT:
            news, told = Kind.EPISODE, Episode(room.spec.name, match.id, match.players, body).encode()
        elif kind == Kind.TRAJECTORY:
            news, told = Kind.TRAJECTORY, Trajectory(room.spec.name, match.id, body).encode()
        else:
            return
        if news == Kind.EPISODE:
            halls.keep_news(self, room, news, told)
        for session, request in room.place.watchers.items():
            if news == Kind.EPISODE or session.role == SessionRole.DIRECTOR:
                self.to_agents.append((session.peer, message(news, 0, request, told)))

    # --- comings and goings -------------------------------------------------------------------------------

    def agent_gone(self, peer: bytes, now_s: float) -> None:
        """A connection has ended: its session has a while to come back."""
        self.now_s = now_s
        self.idle_talk.pop(peer, None)
        session = self.sessions.get(peer)
        if session is not None:
            resume.part(self, session)

    def end_session(self, session: Session, why: bytes) -> None:
        """Ends a session for good: it leaves its seats."""
        self.detach(session)
        self.forget(session)
        for seat in session.seats.values():
            seat.session, seat.peer, seat.view = None, b"", False
            self.seats.pop(seat.handle, None)
            if not seat.leaving:
                self.leave(seat, why)

    def forget(self, session: Session) -> None:
        """Nobody can come back to a session any more."""
        self.away.pop(session.token, None)
        self.roll.remove(session)

    def detach(self, session: Session) -> None:
        """Takes a session off its connection, and whatever it asked that concerns no seat."""
        self.sessions.pop(session.peer, None)
        session.peer = b""
        for joiner in session.joins.values():
            seating.withdraw(self, joiner)
        session.joins.clear()
        for room in session.watches:
            if room in self.rooms:
                self.rooms[room].watchers.pop(session, None)
        session.watches.clear()

    def tick(self, now_s: float) -> None:
        """Looks at the clocks: call it about 20 times a second."""
        self.now_s = now_s
        clocks.tick(self)
        resume.tick(self)
        leasing.tick(self)
        seating.tick(self)
        self._sweep_sessions()
        door.tick(self)

    def _sweep_sessions(self) -> None:
        """Says PONG, unasked, to a hundredth of the sessions: sending finds out which of them are gone.

        The monitor tells of nearly every end, but of none before its connection's first frame was read.
        """
        if not self._sweep:
            self._sweep = list(self.sessions)
        for _ in range(min(len(self._sweep), 1 + len(self.sessions) // SWEEP_TICKS)):
            peer = self._sweep.pop()
            if peer in self.sessions:
                self.to_agents.append((peer, message(Kind.PONG, 0, 0, b"")))

    def close(self, paused: bool = False) -> None:
        """Tells every session that the hub is closing; `paused`: that its journal keeps everything."""
        code = Code.HUB_PAUSED if paused else Code.HUB_CLOSING
        text = "the hub stops here and goes on from its journal" if paused else "the hub is closing"
        told = message(Kind.ERROR, 0, 0, Error(code, text).encode())
        self.to_agents += [(session.peer, told) for session in self.sessions.values()]
