"""The broker: what every frame means, as a pure object fed with frames and the time.

`from_agent` and `from_worker` return at most one frame for the other side, `(peer, frame)`: the usual case,
kept cheap. Everything rarer waits in `arena.to_agents` and `arena.to_workers`, which the loop empties after
each call. What a payload means is no concern of this module: it looks at heads, and at the bodies addressed
to the hub.
"""

from __future__ import annotations

from typing import Final

from netsiege.errors import ProtocolError
from netsiege.hub import clocks, desk, door, leasing, pending, resume
from netsiege.hub.arena import Arena
from netsiege.hub.ledger import file_chunk
from netsiege.hub.outputs import is_sound
from netsiege.hub.pending import SMALL_FRAME_BYTES
from netsiege.hub.records import HeldReply, Match, Seat, Send, Session, Worker
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    MAX_BATCH,
    MAX_REQUEST,
    MAX_REQUEST_BYTES,
    OUT_BODY_AT,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Cause,
    Code,
    Error,
    Fault,
    Flag,
    Kind,
    Ready,
    WorkerPong,
    link,
    message,
    pack,
    unpack,
)

# plain numbers: an enumeration's own arithmetic costs a microsecond on the hot path
STEP: Final = int(Kind.STEP)
EVENT: Final = int(Kind.EVENT)
OBS: Final = int(Kind.OBS)
OUT: Final = int(Kind.OUT)
WAIT: Final = int(Kind.WAIT)
ERROR: Final = int(Kind.ERROR)
SEATED: Final = int(Kind.SEATED)
MOVE: Final = int(Flag.MOVE)
OVER: Final = int(Flag.OVER)
IDLE: Final = frozenset({Kind.HELLO, Kind.PING, Kind.STATUS, Kind.WATCH, Kind.OPEN_ROOM, Kind.ENROL})
"""What moves no match: as much of it as anyone needs, but no floods."""
LARGE: Final = frozenset({Kind.STEP, Kind.STEP_MANY, Kind.OPEN_ROOM})
"""What may be of any size that a frame may have."""
OUT_RECORD: Final = [int] * 6 + [bytes]
OUT_RANGES: Final = ((2, HUB_SEAT), (3, 0xFF), (5, MAX_REQUEST))
"""What the seat, the kind and the request in a record may be at most."""


class Broker:
    """Reads frames and moves the arena."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self._seats = arena.seats
        self._workers = arena.workers

    # --- from agents --------------------------------------------------------------------------------------

    def from_agent(self, peer: bytes, frame: bytes, now_s: float) -> Send | None:
        """Takes one frame of an agent, director or spectator."""
        arena = self.arena
        arena.now_s = now_s
        if peer in arena.shut_out:  # first: what it had queued is to take no time
            return None
        if len(frame) < HEAD_BYTES:
            door.refuse(arena, peer, 0, 0, Code.MALFORMED, f"a message has at least {HEAD_BYTES} bytes")
            return None
        version, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        if kind == STEP and version == VERSION and len(frame) <= SMALL_FRAME_BYTES:
            seat = self._seats.get(handle)
            if (
                seat is not None
                and seat.peer == peer
                and not seat.request
                and request not in (0, seat.answered)
            ):
                match = seat.match
                seat.request = request
                seat.moved_s = now_s
                match.sequence += 1
                arena.events += 1
                tail = EVENT_HEAD.pack(seat.index, STEP, request) + frame[HEAD_BYTES:]
                match.kept.append(tail)
                if match.journaled:
                    arena.turn += (match.id, match.sequence, tail)
                worker = match.worker
                if worker is None:
                    return None
                worker.sent += 1
                return worker.peer, WORKER_HEAD.pack(VERSION, EVENT, match.lease, match.sequence) + tail
        try:
            self._agent_message(peer, version, kind, handle, request, frame)
        except ProtocolError as error:
            door.refuse(arena, peer, handle, request, error.code, error.text, len(frame))
        return None

    def _agent_message(
        self, peer: bytes, version: int, kind: int, handle: int, request: int, frame: bytes
    ) -> None:
        self._check_frame(version, kind, request, len(frame))
        body = frame[HEAD_BYTES:]
        idle = kind in IDLE or (kind == Kind.LEAVE and not handle)
        if idle and not door.is_idle_talk(self.arena, peer):
            return
        if kind in (Kind.HELLO, Kind.ENROL):
            (desk.hello if kind == Kind.HELLO else desk.enrol)(self.arena, peer, request, body)
            return
        session = self.arena.sessions.get(peer)
        if session is None and peer in self.arena.taken_over:
            raise ProtocolError(Code.SESSION_TAKEN, "another connection has taken this session over")
        if session is None:
            raise ProtocolError(Code.HELLO_FIRST, "this connection has no session: say HELLO first")
        if kind == Kind.LEAVE and not handle:
            desk.withdraw_join(self.arena, session, request, body)
        elif kind in (Kind.STEP, Kind.RESET, Kind.LEAVE):
            self._seat_request(session, handle, kind, request, body)
        elif kind == Kind.STEP_MANY:
            self._step_many(session, request, body)
        elif kind in desk.REQUESTS:
            desk.REQUESTS[kind](self.arena, session, request, body)
        else:
            raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that an agent sends")

    def _check_frame(self, version: int, kind: int, request: int, n_bytes: int) -> None:
        most = self.arena.limits.agent_frame_bytes
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"this hub speaks version {VERSION}, not {version}")
        if kind == Kind.READY:
            raise ProtocolError(
                Code.NOT_ALLOWED, "this is the port of agents: workers connect to another one"
            )
        if n_bytes > most:
            raise ProtocolError(Code.TOO_LARGE, f"a frame has at most {most} bytes, not {n_bytes}")
        if kind not in LARGE and n_bytes > HEAD_BYTES + MAX_REQUEST_BYTES:
            raise ProtocolError(Code.TOO_LARGE, f"such a request has at most {MAX_REQUEST_BYTES} bytes")
        if not request:
            raise ProtocolError(Code.MALFORMED, "a request id is never 0")

    def _seat_request(self, session: Session, handle: int, kind: int, request: int, body: bytes) -> None:
        seat = self._seat_of(session, handle)
        if request in (seat.answered, seat.request) and not (request == seat.request and seat.batched):
            pending.repeat(self.arena, [seat], request)
            return
        if (pending.is_busy(seat) and kind != Kind.LEAVE) or seat.leaving:
            raise ProtocolError(Code.BUSY, "the seat's last request is not answered yet")
        pending.weigh([(seat, len(body))])
        if kind == Kind.LEAVE:
            seat.leaving = True
        elif kind == Kind.RESET:
            seat.resets = True
        if not pending.is_busy(seat):
            pending.settle_unheard(seat)
            seat.request, seat.batched = request, False
        seat.moved_s = self.arena.now_s
        self.arena.event(seat, kind, request, body)

    def _seat_of(self, session: Session, handle: int) -> Seat:
        seat = session.seats.get(handle)
        if seat is None:
            raise ProtocolError(Code.UNKNOWN_SEAT, "this session has no such seat (any more)")
        return seat

    def _step_many(self, session: Session, request: int, body: bytes) -> None:
        """Refused as a whole or taken as a whole; one frame to each worker concerned."""
        moves = unpack(body, most_lists=1)
        if not isinstance(moves, list) or not moves or len(moves) % 2:
            raise ProtocolError(Code.MALFORMED, "STEP_MANY is a flat list: seat, action, seat, action, …")
        if len(moves) > 2 * MAX_BATCH:
            raise ProtocolError(Code.TOO_LARGE, f"at most {MAX_BATCH} steps go in one message")
        handles, actions = moves[::2], moves[1::2]
        if set(map(type, handles)) != {int} or set(map(type, actions)) != {bytes}:
            raise ProtocolError(Code.MALFORMED, "a seat is a number and its action is bytes")
        if len(set(handles)) != len(handles):
            raise ProtocolError(Code.MALFORMED, "each seat of a STEP_MANY comes once")
        seats = [self._seat_of(session, handle) for handle in handles]
        if any(seat.request or seat.unsure or seat.leaving or seat.answered == request for seat in seats):
            if all(request in (seat.request, seat.answered) for seat in seats):
                pending.repeat(self.arena, seats, request)
                return
            if any(pending.is_busy(seat) or seat.leaving or seat.answered == request for seat in seats):
                raise ProtocolError(Code.BUSY, "a seat's last request is not answered yet")
            for seat in seats:
                pending.settle_unheard(seat)
        if len(body) > SMALL_FRAME_BYTES:
            pending.weigh(list(zip(seats, map(len, actions), strict=True)))
        self._take_many(seats, actions, request)

    def _take_many(self, seats: list[Seat], actions: list[bytes], request: int) -> None:
        arena = self.arena
        turn, now_s = arena.turn, arena.now_s
        heads: dict[int, bytes] = {}
        records: dict[bytes, list[object]] = {}
        for seat, action in zip(seats, actions, strict=True):
            seat.request, seat.batched, seat.moved_s = request, True, now_s
            match, index = seat.match, seat.index
            match.sequence = sequence = match.sequence + 1
            if index not in heads:
                heads[index] = EVENT_HEAD.pack(index, STEP, request)
            tail = heads[index] + action
            match.kept.append(tail)
            if match.journaled:
                turn += (match.id, sequence, tail)
            worker = match.worker
            if worker is not None:
                worker.sent += 1
                if worker.peer not in records:
                    records[worker.peer] = []
                records[worker.peer] += (match.lease, sequence, index, STEP, request, action)
        arena.events += len(seats)
        for peer, flat in records.items():
            head = WORKER_HEAD.pack(VERSION, Kind.EVENT_MANY, 0, len(flat) // 6)
            arena.to_workers.append((peer, head + pack(flat)))

    # --- from workers -------------------------------------------------------------------------------------

    def from_worker(self, peer: bytes, frame: bytes, now_s: float) -> Send | None:
        """Takes one frame of a worker. What a worker sends under a lease it does not hold is dropped."""
        arena = self.arena
        arena.now_s = now_s
        if len(frame) < HEAD_BYTES:
            return None
        version, kind, lease, number = WORKER_HEAD.unpack_from(frame)
        worker = self._workers.get(peer)
        if kind == OUT and worker is not None and version == VERSION:
            match = worker.leases.get(lease)
            if match is None or len(frame) < OUT_BODY_AT:
                return None
            index, answer, flags, request = OUT_HEAD.unpack_from(frame, HEAD_BYTES)
            sent = self._output(match, number, index, answer, flags, request, frame[OUT_BODY_AT:])
            if sent is not None and arena.to_agents:  # what was said before must not be overtaken
                arena.to_agents.append(sent)
                sent = None
            if arena.batches or arena.holding:
                self._end_frame()
            return sent
        try:
            self._worker_message(peer, worker, version, kind, lease, number, frame[HEAD_BYTES:])
        except ProtocolError as error:
            refused = message(Kind.ERROR, 0, number, Error(error.code, error.text).encode())
            arena.to_workers.append((peer, refused))
        return None

    def _end_frame(self) -> None:
        """Once all outputs of a frame are there: a round's replies leave together."""
        clocks.end_rounds(self.arena)
        self.arena.flush_batches()

    def _worker_message(
        self,
        peer: bytes,
        worker: Worker | None,
        version: int,
        kind: int,
        lease: int,
        number: int,
        body: bytes,
    ) -> None:
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"this hub speaks version {VERSION}, not {version}")
        if kind == Kind.READY:
            leasing.worker_ready(self.arena, peer, Ready.decode(body))
        elif worker is None:
            if peer not in self.arena.told_unknown:
                self.arena.told_unknown.add(peer)
                self.arena.to_workers.append((peer, message(Kind.UNKNOWN, 0, 0, b"")))
        elif kind == Kind.OUT_MANY:
            self._output_many(worker, body)
        elif kind == Kind.W_PONG:
            leasing.worker_pong(self.arena, worker, number, WorkerPong.decode(body).events_done)
        elif kind == Kind.GONE:
            leasing.workers_gone(self.arena, [peer], blame=False)
        elif kind in (Kind.SNAPSHOT, Kind.VIEWED, Kind.FAULT):
            match = worker.leases.get(lease)
            if match is not None:
                self._match_message(match, kind, number, body)
        else:
            raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that a worker sends")

    def _match_message(self, match: Match, kind: int, number: int, body: bytes) -> None:
        if kind == Kind.SNAPSHOT:
            self._snapshot(match, number, body)
        elif kind == Kind.VIEWED:
            resume.viewed(self.arena, match, number, body)
        else:
            # what an engine says when it breaks may quote what no seat may know
            told = "the engine broke on this match; whoever runs the hub can see how"
            self.arena.abandon(match, Code.ENGINE_FAULT, Cause.FAULT, Fault.decode(body).text, told)
            self.arena.fill_rooms()

    def _snapshot(self, match: Match, sequence: int, body: bytes) -> None:
        """A match up to event `sequence`: what led there need not be kept any more."""
        if not match.base < sequence <= match.sequence:
            return
        old = sequence - match.base
        match.snapshot, match.base = body, sequence
        match.base_outputs = match.outputs - match.behind
        match.base_chain = match.check if match.behind else match.chain
        if match.journaled:
            file_chunk(self.arena, match, snapshot=True)
        del match.kept[:old]
        match.heavy = 0

    def _output_many(self, worker: Worker, body: bytes) -> None:
        """What comes of a STEP_MANY, mostly: that has a way of its own, which `_output` would take, too."""
        flat = unpack(body, most_lists=1)
        if not isinstance(flat, list) or len(flat) % 7:
            raise ProtocolError(Code.MALFORMED, "OUT_MANY is a flat list of records of seven")
        if list(map(type, flat)) != OUT_RECORD * (len(flat) // 7):
            raise ProtocolError(Code.MALFORMED, "a record of OUT_MANY is six numbers and bytes")
        for at, most in OUT_RANGES:
            numbers = flat[at::7]
            if min(numbers, default=0) < 0 or max(numbers, default=0) > most:
                raise ProtocolError(Code.MALFORMED, "a number of OUT_MANY is out of its range")
        leases, batches = worker.leases, self.arena.batches
        fields = iter(flat)
        for lease, sequence, index, answer, flags, request, payload in zip(*[fields] * 7, strict=True):
            match = leases.get(lease)
            if match is None:
                continue
            seat = match.seats[index] if index < len(match.seats) else None
            if (
                seat is not None
                and seat.batched
                and seat.peer
                and 0 != request == seat.request
                and answer == OBS
                and not (flags & OVER or match.behind or match.clocked)
            ):
                match.replied = sequence
                match.outputs += 1
                match.chain = link(match.chain, index, answer, flags, request, payload)
                seat.request, seat.answered, seat.refusal = 0, request, None
                seat.resets = seat.batched = False
                key = (seat.peer, request)
                if key not in batches:
                    batches[key] = []
                batches[key] += (seat.handle, answer, payload)
                continue
            sent = self._output(match, sequence, index, answer, flags, request, payload)
            if sent is not None:
                self.arena.to_agents.append(sent)
        self._end_frame()

    def _output(  # noqa: PLR0911  # the hot path is left as early as it can be
        self, match: Match, sequence: int, index: int, answer: int, flags: int, request: int, body: bytes
    ) -> Send | None:
        """Passes one output of an engine to the session that holds the seat, once."""
        match.replied = sequence
        if match.behind:
            self._repeated(match, index, answer, flags, request, body)
            return None
        match.outputs += 1
        match.chain = link(match.chain, index, answer, flags, request, body)
        if index >= len(match.seats):
            if index == HUB_SEAT:
                self.arena.tell_watchers(match, answer, body)
            return None
        if (answer != OBS or flags & OVER) and not is_sound(answer, flags, body):
            leasing.unsound(self.arena, match)
            return None
        seat = match.seats[index]
        if answer == SEATED:
            request = seat.join  # the engine knows nothing of the JOIN that this answers
        if (flags & OVER or match.clocked) and self._over_or_held(seat, answer, flags, request, body):
            return None
        peer = seat.peer
        final = 0 != request == seat.request and answer != WAIT
        if final:
            seat.request = 0
            seat.answered = request
            seat.refusal = body if answer == ERROR else None
            seat.resets = False
        if not peer:
            seat.batched = seat.batched and not final
            return None
        if seat.batched and request:
            flat = self.arena.batches.setdefault((peer, request), [])
            flat += (seat.handle, answer, body)
            seat.batched = not final
            return None
        if self.arena.batches:
            self.arena.flush_batches(peer)
        return peer, AGENT_HEAD.pack(VERSION, answer, seat.handle, request) + body

    def _over_or_held(self, seat: Seat, answer: int, flags: int, request: int, body: bytes) -> bool:
        """Whether an output is a seat's last, or held until its round is over; starts clocks."""
        arena, match = self.arena, seat.match
        if flags & OVER:
            arena.seat_over(seat, answer, request, body)
            return True
        # who is refused is still to make the same move, by the same time
        moves = bool(flags & MOVE) and answer != ERROR
        if answer == OBS and seat.resets and request == seat.request:
            clocks.start_episode(seat)
        if match.held is not None:
            if answer == OBS and not seat.resets:
                clocks.hold(arena, match, HeldReply(seat, answer, request, body, moves))
                return True
            clocks.release_seat(arena, seat)  # what was held for it comes first
            if moves and not match.held:
                clocks.start_round(arena, match)
        if moves:
            clocks.start_move(arena, seat)
        return False

    def _repeated(self, match: Match, index: int, answer: int, flags: int, request: int, body: bytes) -> None:
        """An output that was passed on before the match moved to this worker: it must be the same."""
        match.check = link(match.check, index, answer, flags, request, body)
        match.behind -= 1
        if not match.behind and match.check != match.chain:
            leasing.diverged(self.arena, match)
