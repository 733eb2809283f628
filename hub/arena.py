"""The arena: sessions, rooms, matches and workers, and what happens to them. Pure.

It opens no socket, reads no clock and draws no random number itself. What it has to say waits in `to_agents`
and `to_workers` until the loop takes it away. What a message means is the broker's and the desk's business.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterable
from typing import Final

from netsiege.errors import ConfigError
from netsiege.hub.lobby import enter, missing_players, take_match, withdraw
from netsiege.hub.records import NEVER, Joiner, Match, Room, Seat, Session, Worker
from netsiege.protocol import (
    AGENT_HEAD,
    MAX_SEATS,
    VERSION,
    Cause,
    Code,
    Episode,
    Error,
    Held,
    Kind,
    Open,
    OpenRoom,
    Ready,
    SeatSpec,
    SessionRole,
    Spec,
    Trajectory,
    Wait,
    pack,
)
from netsiege.protocol import Match as MatchEnded

Send = tuple[bytes, bytes]

EVENT_FRAME: Final = struct.Struct(">BBQIHBI")
"""`WORKER_HEAD` and `EVENT_HEAD` in one: the head of the most frequent message to a worker."""

PROGRESS_LIMIT_S: Final = 30.0
"""A worker with events to do that finishes none for so long is given up."""
PING_EVERY_S: Final = 1.0
SWEEP_TICKS: Final = 100
"""Each session is looked at once in so many ticks."""

LOST_CONNECTION: Final = b"\x01"
"""The body of a LEAVE that nobody asked for: the connection is gone."""


class Arena:
    """Who is here, which matches are open and where they run.

    `draw_u64` gives unguessable non-zero 64-bit numbers: handles, leases and tokens are made of them.
    """

    def __init__(self, rooms: Iterable[OpenRoom], draw_u64: Callable[[], int], now_s: float = 0.0) -> None:
        self.draw_u64 = draw_u64
        self.started_s = now_s
        self.now_s = now_s
        self.to_agents: list[Send] = []
        self.to_workers: list[Send] = []
        self.sessions: dict[bytes, Session] = {}
        self.seats: dict[int, Seat] = {}
        self.rooms: dict[str, Room] = {}
        self.workers: dict[bytes, Worker] = {}
        self.batches: dict[tuple[bytes, int], list[object]] = {}
        self.events = 0
        self.told_unknown: set[bytes] = set()
        """Peers that sent as workers without being any, and were told so: once is enough."""
        self._next_ping_s = now_s
        self._sweep: list[bytes] = []
        self._matches_made = 0
        self._clocked = False
        for spec in rooms:
            self.add_room(spec)

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
        room = Room(spec, hashlib.sha256(spec.spec).digest())
        self.rooms[spec.name] = room
        self._clocked = self._clocked or spec.move_s is not None
        return room

    def seat_waiting(self, joiner: Joiner) -> None:
        """Takes a joiner in, and makes what matches the room allows now; says so if it has to wait."""
        enter(joiner)
        self._fill_room(joiner.room)
        if joiner.request in joiner.session.joins:
            reason = Held.PLAYERS if missing_players(joiner.room) else Held.WORKER
            body = Wait(reason).encode()
            self.to_agents.append((joiner.session.peer, message(Kind.WAIT, 0, joiner.request, body)))

    def fill_rooms(self) -> None:
        """Makes what matches all rooms allow: called when a worker has become free."""
        for room in self.rooms.values():
            self._fill_room(room)

    def _fill_room(self, room: Room) -> None:
        while (worker := self._least_loaded()) is not None and (seated := take_match(room)) is not None:
            ordinal, room.made, room.open = room.made, room.made + 1, room.open + 1
            self._matches_made += 1
            players = tuple(player for _, player in seated)
            match = Match(self._matches_made, room, self.draw_u64(), worker, players)
            for index, (joiner, _) in enumerate(seated):
                session = joiner.session
                del session.joins[joiner.request]
                seat = Seat(self.draw_u64(), session, match, index, joiner.request)
                match.seats.append(seat)
                session.seats[seat.handle] = self.seats[seat.handle] = seat
            match.alive = len(match.seats)
            worker.leases[match.lease] = match
            self._open(match, derive_seed(room.spec.seed, ordinal))

    def _least_loaded(self) -> Worker | None:
        free = [w for w in self.workers.values() if len(w.leases) < w.slots]
        return min(free, key=lambda w: len(w.leases) / w.slots, default=None)

    def _open(self, match: Match, seed: int) -> None:
        room, worker = match.room, match.worker
        if room.digest not in worker.specs:
            worker.specs.add(room.digest)
            body = Spec(room.digest, room.spec.spec).encode()
            self.to_workers.append((worker.peer, message(Kind.SPEC, 0, 0, body)))
        seats = tuple(
            SeatSpec(p.role, p.index, p.name, bool(s.session and s.session.deltas))
            for p, s in zip(match.players, match.seats, strict=True)
        )
        opening = Open(match.id, room.digest, seed, room.spec.episodes, seats)
        self.to_workers.append((worker.peer, message(Kind.OPEN, match.lease, 0, opening.encode())))

    def close_match(self, match: Match, cause: Cause, text: str) -> None:
        """Takes a match off its worker and tells whoever watches the room."""
        worker, room = match.worker, match.room
        if worker.leases.pop(match.lease, None) is None:
            return
        if worker.peer in self.workers:
            self.to_workers.append((worker.peer, message(Kind.CLOSE, match.lease, 0, b"")))
        room.open -= 1
        room.ended += 1
        told = MatchEnded(room.spec.name, match.id, cause, text).encode()
        for session, request in room.watchers.items():
            self.to_agents.append((session.peer, message(Kind.MATCH, 0, request, told)))

    def abandon(self, match: Match, code: Code, cause: Cause, text: str) -> None:
        """Ends a match from outside: every seat that is still in it gets a typed error."""
        body = Error(code, text).encode()
        for seat in match.seats:
            if not seat.over:
                seat.over = True
                if seat.session is not None:
                    self.tell(seat, seat.session, Kind.ERROR, seat.request, body)
                    seat.session.seats.pop(seat.handle, None)
                self.seats.pop(seat.handle, None)
        self.flush_batches()
        match.alive = 0
        self.close_match(match, cause, text)

    # --- seats --------------------------------------------------------------------------------------------

    def event(self, seat: Seat, kind: int, request: int, body: bytes) -> Send:
        """The next event of the seat's match, for its worker."""
        match = seat.match
        match.sequence += 1
        match.worker.sent += 1
        self.events += 1
        head = EVENT_FRAME.pack(VERSION, Kind.EVENT, match.lease, match.sequence, seat.index, kind, request)
        return match.worker.peer, head + body

    def seat_over(self, seat: Seat, answer: int, request: int, body: bytes) -> None:
        """The seat's last message. A request that was still held gets the same answer."""
        if seat.over:
            return
        seat.over = True
        match, session = seat.match, seat.session
        if session is not None:
            for asked in sorted({request, seat.request} - {0}) or [0]:
                self.tell(seat, session, answer, asked, body)
            session.seats.pop(seat.handle, None)
        self.seats.pop(seat.handle, None)
        match.alive -= 1
        if not match.alive:
            self.close_match(match, Cause.FINISHED, "")
            self.fill_rooms()

    def tell(self, seat: Seat, session: Session, answer: int, request: int, body: bytes) -> None:
        """Says something to a seat's session: alone, or with the rest of the STEP_MANY it answers."""
        if seat.batched and request == seat.request:
            self.batches.setdefault((session.peer, request), []).extend((seat.handle, answer, body))
        else:
            head = AGENT_HEAD.pack(VERSION, answer, seat.handle, request)
            self.to_agents.append((session.peer, head + body))

    def flush_batches(self) -> None:
        """Sends the answers to each STEP_MANY that have come in together as one OBS_MANY."""
        for (peer, request), flat in self.batches.items():
            self.to_agents.append((peer, message(Kind.OBS_MANY, 0, request, pack(flat))))
        self.batches.clear()

    def tell_watchers(self, match: Match, kind: int, body: bytes) -> None:
        """Passes an engine's result on to whoever watches the room, a trajectory to directors only."""
        room = match.room
        if kind == Kind.RESULT:
            news, told = Kind.EPISODE, Episode(room.spec.name, match.id, match.players, body).encode()
        elif kind == Kind.TRAJECTORY:
            news, told = Kind.TRAJECTORY, Trajectory(room.spec.name, match.id, body).encode()
        else:
            return
        for session, request in room.watchers.items():
            if news == Kind.EPISODE or session.role == SessionRole.DIRECTOR:
                self.to_agents.append((session.peer, message(news, 0, request, told)))

    # --- comings and goings -------------------------------------------------------------------------------

    def agent_gone(self, peer: bytes, now_s: float, asked: bool = False) -> None:
        """Ends a session: its seats leave their matches. `asked` says that it took its leave (BYE)."""
        self.now_s = now_s
        session = self.sessions.pop(peer, None)
        if session is None:
            return
        for joiner in session.joins.values():
            withdraw(joiner)
        for room in session.watches:
            del self.rooms[room].watchers[session]
        for seat in session.seats.values():
            seat.session = None
            seat.due_s = NEVER
            self.seats.pop(seat.handle, None)
            self.to_workers.append(self.event(seat, Kind.LEAVE, 0, b"" if asked else LOST_CONNECTION))

    def worker_ready(self, peer: bytes, ready: Ready) -> None:
        """Takes a worker in, or anew: whoever says READY holds no leases."""
        self.worker_gone(peer, self.now_s)
        self.workers[peer] = Worker(peer, ready.name, ready.slots, progress_s=self.now_s)
        self.fill_rooms()

    def worker_gone(self, peer: bytes, now_s: float) -> None:
        """Takes a worker out: everyone in its matches hears of it at once."""
        self.now_s = now_s
        self.told_unknown.discard(peer)
        worker = self.workers.pop(peer, None)
        if worker is None:
            return
        text = f"worker {worker.name} is gone, and the match with it; join again for a new one"
        for match in list(worker.leases.values()):
            self.abandon(match, Code.WORKER_LOST, Cause.WORKER, text)

    def tick(self, now_s: float) -> None:
        """Looks at the clocks: call it about 20 times a second."""
        self.now_s = now_s
        if self._clocked:
            for seat in [s for s in self.seats.values() if s.due_s <= now_s and not s.request]:
                seat.due_s = NEVER
                self.to_workers.append(self.event(seat, Kind.TIMEOUT, 0, b""))
        self._sweep_sessions()
        if now_s >= self._next_ping_s:
            self._next_ping_s = now_s + PING_EVERY_S
            for worker in list(self.workers.values()):
                if worker.sent <= worker.done:
                    worker.progress_s = now_s
                elif now_s - worker.progress_s > PROGRESS_LIMIT_S:
                    self.worker_gone(worker.peer, now_s)
                    continue
                self.to_workers.append((worker.peer, message(Kind.W_PING, 0, 0, b"")))

    def _sweep_sessions(self) -> None:
        """Says PONG, unasked, to a hundredth of the sessions: sending finds out which of them are gone.

        The monitor tells of nearly every end; not of a connection that ended before its first frame was
        read. At 20 ticks a second such a ghost stays for five seconds at most.
        """
        if not self._sweep:
            self._sweep = list(self.sessions)
        for _ in range(min(len(self._sweep), 1 + len(self.sessions) // SWEEP_TICKS)):
            peer = self._sweep.pop()
            if peer in self.sessions:
                self.to_agents.append((peer, message(Kind.PONG, 0, 0, b"")))

    def close(self) -> None:
        """Tells every session that the hub is closing."""
        body = Error(Code.HUB_CLOSING, "the hub is closing").encode()
        for session in self.sessions.values():
            self.to_agents.append((session.peer, message(Kind.ERROR, 0, 0, body)))


def derive_seed(seed: int, ordinal: int) -> int:
    """The seed of a room's match number `ordinal`: 64 bits of SHA-256, so that neighbours share nothing."""
    return int.from_bytes(hashlib.sha256(f"{seed}/match/{ordinal}".encode()).digest()[:8], "big")


def message(kind: Kind, about: int, number: int, body: bytes) -> bytes:
    """One message about a seat or lease, with its request id or sequence."""
    return AGENT_HEAD.pack(VERSION, kind, about, number) + body
