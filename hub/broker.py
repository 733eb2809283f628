"""The broker: what every frame means, as a pure object fed with frames and the time.

`from_agent` and `from_worker` return at most one frame for the other side, `(peer, frame)`: the usual case,
kept cheap. Everything rarer waits in `arena.to_agents` and `arena.to_workers`, which the loop empties after
each call. What a payload means is no concern of this module: it looks at heads, and at the bodies addressed
to the hub.
"""

from __future__ import annotations

from typing import Final

from netsiege.errors import ProtocolError
from netsiege.hub import desk
from netsiege.hub.arena import EVENT_FRAME, Arena, Send, message
from netsiege.hub.records import Match, Seat, Session, Worker
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    MAX_AGENT_FRAME_BYTES,
    MAX_BATCH,
    MAX_REQUEST,
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
    pack,
    unpack,
)

# plain numbers: an enumeration's own arithmetic costs a microsecond on the hot path
STEP: Final = int(Kind.STEP)
EVENT: Final = int(Kind.EVENT)
OUT: Final = int(Kind.OUT)
WAIT: Final = int(Kind.WAIT)
ERROR: Final = int(Kind.ERROR)
SEATED: Final = int(Kind.SEATED)
MOVE: Final = int(Flag.MOVE)
OVER: Final = int(Flag.OVER)
OUT_RECORD: Final = [int] * 6 + [bytes]


class Broker:
    """Reads frames and moves the arena."""

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self._seats = arena.seats
        self._workers = arena.workers

    # --- from agents --------------------------------------------------------------------------------------

    def from_agent(self, peer: bytes, frame: bytes, now_s: float) -> Send | None:
        """Takes one frame of an agent, director or spectator."""
        self.arena.now_s = now_s
        if len(frame) < HEAD_BYTES:
            self._refuse(peer, 0, 0, Code.MALFORMED, f"a message has at least {HEAD_BYTES} bytes")
            return None
        version, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        if kind == STEP and version == VERSION and len(frame) <= MAX_AGENT_FRAME_BYTES:
            seat = self._seats.get(handle)
            if seat is not None and not seat.request and request and seat.session.peer == peer:  # type: ignore[union-attr]  # a seat in the table has a session
                match = seat.match
                match.sequence += 1
                match.worker.sent += 1
                self.arena.events += 1
                seat.request = request
                return match.worker.peer, (
                    EVENT_FRAME.pack(VERSION, EVENT, match.lease, match.sequence, seat.index, STEP, request)
                    + frame[HEAD_BYTES:]
                )
        try:
            self._agent_message(peer, version, kind, handle, request, frame)
        except ProtocolError as error:
            self._refuse(peer, handle, request, error.code, error.text)
        return None

    def _agent_message(
        self, peer: bytes, version: int, kind: int, handle: int, request: int, frame: bytes
    ) -> None:
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"this hub speaks version {VERSION}, not {version}")
        if len(frame) > MAX_AGENT_FRAME_BYTES:
            raise ProtocolError(
                Code.TOO_LARGE, f"a frame has at most {MAX_AGENT_FRAME_BYTES} bytes, not {len(frame)}"
            )
        if not request:
            raise ProtocolError(Code.MALFORMED, "a request id is never 0")
        body = frame[HEAD_BYTES:]
        if kind == Kind.HELLO:
            desk.hello(self.arena, peer, request, body)
            return
        session = self.arena.sessions.get(peer)
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

    def _seat_request(self, session: Session, handle: int, kind: int, request: int, body: bytes) -> None:
        seat = self._seat_of(session, handle)
        if (seat.request and kind != Kind.LEAVE) or seat.leaving:
            raise ProtocolError(Code.BUSY, "the seat's last request is not answered yet")
        seat.leaving = kind == Kind.LEAVE
        if not seat.request:
            seat.request = request
            seat.batched = False
        self.arena.to_workers.append(self.arena.event(seat, kind, request, body))

    def _seat_of(self, session: Session, handle: int) -> Seat:
        seat = session.seats.get(handle)
        if seat is None:
            raise ProtocolError(Code.UNKNOWN_SEAT, "this session has no such seat (any more)")
        return seat

    def _step_many(self, session: Session, request: int, body: bytes) -> None:
        """Refused as a whole or taken as a whole; one frame to each worker concerned."""
        moves = unpack(body)
        if not isinstance(moves, list) or not moves or len(moves) % 2:
            raise ProtocolError(Code.MALFORMED, "STEP_MANY is a flat list: seat, action, seat, action, …")
        if len(moves) > 2 * MAX_BATCH:
            raise ProtocolError(Code.TOO_LARGE, f"at most {MAX_BATCH} steps go in one message")
        handles, actions = moves[::2], moves[1::2]
        if any(type(h) is not int for h in handles) or any(type(a) is not bytes for a in actions):
            raise ProtocolError(Code.MALFORMED, "a seat is a number and its action is bytes")
        if len(set(handles)) != len(handles):
            raise ProtocolError(Code.MALFORMED, "each seat of a STEP_MANY comes once")
        seats = [self._seat_of(session, handle) for handle in handles]
        if any(seat.request for seat in seats):
            raise ProtocolError(Code.BUSY, "a seat's last request is not answered yet")
        records: dict[Worker, list[object]] = {}
        for seat, action in zip(seats, actions, strict=True):
            seat.request, seat.batched = request, True
            match = seat.match
            match.sequence += 1
            match.worker.sent += 1
            records.setdefault(match.worker, []).extend(
                (match.lease, match.sequence, seat.index, STEP, request, action)
            )
        self.arena.events += len(seats)
        for worker, flat in records.items():
            head = WORKER_HEAD.pack(VERSION, Kind.EVENT_MANY, 0, len(flat) // 6)
            self.arena.to_workers.append((worker.peer, head + pack(flat)))

    # --- from workers -------------------------------------------------------------------------------------

    def from_worker(self, peer: bytes, frame: bytes, now_s: float) -> Send | None:
        """Takes one frame of a worker. What a worker sends under a lease it does not hold is dropped."""
        self.arena.now_s = now_s
        if len(frame) < HEAD_BYTES:
            return None
        version, kind, lease, count = WORKER_HEAD.unpack_from(frame)
        worker = self._workers.get(peer)
        if kind == OUT and worker is not None and version == VERSION:
            match = worker.leases.get(lease)
            if match is None or len(frame) < OUT_BODY_AT:
                return None
            index, answer, flags, request = OUT_HEAD.unpack_from(frame, HEAD_BYTES)
            sent = self._output(match, index, answer, flags, request, frame[OUT_BODY_AT:])
            if self.arena.batches:
                self.arena.flush_batches()
            return sent
        try:
            self._worker_message(peer, worker, version, kind, lease, frame[HEAD_BYTES:])
        except ProtocolError as error:
            self.arena.to_workers.append(
                (peer, message(Kind.ERROR, 0, count, Error(error.code, error.text).encode()))
            )
        return None

    def _worker_message(
        self, peer: bytes, worker: Worker | None, version: int, kind: int, lease: int, body: bytes
    ) -> None:
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"this hub speaks version {VERSION}, not {version}")
        if kind == Kind.READY:
            self.arena.worker_ready(peer, Ready.decode(body))
        elif worker is None:
            if peer not in self.arena.told_unknown:
                self.arena.told_unknown.add(peer)
                self.arena.to_workers.append((peer, message(Kind.UNKNOWN, 0, 0, b"")))
        elif kind == Kind.OUT_MANY:
            self._output_many(worker, body)
        elif kind == Kind.W_PONG:
            done = WorkerPong.decode(body).events_done
            if done > worker.done:
                worker.done, worker.progress_s = done, self.arena.now_s
        elif kind == Kind.FAULT:
            text = Fault.decode(body).text
            if lease in worker.leases:
                self.arena.abandon(worker.leases[lease], Code.ENGINE_FAULT, Cause.FAULT, text)
                self.arena.fill_rooms()
        elif kind == Kind.GONE:
            self.arena.worker_gone(peer, self.arena.now_s)
        else:
            raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that a worker sends")

    def _output_many(self, worker: Worker, body: bytes) -> None:
        flat = unpack(body)
        if not isinstance(flat, list) or len(flat) % 7:
            raise ProtocolError(Code.MALFORMED, "OUT_MANY is a flat list of records of seven")
        for i in range(0, len(flat), 7):
            record = flat[i : i + 7]
            if list(map(type, record)) != OUT_RECORD:
                raise ProtocolError(Code.MALFORMED, "a record of OUT_MANY is six numbers and bytes")
            lease, _, index, answer, flags, request, payload = record
            if not (0 <= index <= HUB_SEAT and 0 <= answer <= 0xFF and 0 <= request <= MAX_REQUEST):
                raise ProtocolError(Code.MALFORMED, "a number of OUT_MANY is out of its range")
            match = worker.leases.get(lease)
            if match is not None:
                sent = self._output(match, index, answer, flags, request, payload)
                if sent is not None:
                    self.arena.to_agents.append(sent)
        self.arena.flush_batches()

    def _output(
        self, match: Match, index: int, answer: int, flags: int, request: int, body: bytes
    ) -> Send | None:
        """Passes one output of an engine to the session that holds the seat."""
        if index == HUB_SEAT:
            self.arena.tell_watchers(match, answer, body)
            return None
        if index >= len(match.seats):
            return None
        seat = match.seats[index]
        if flags:
            # who is refused is still to make the same move, by the same time
            if flags & MOVE and answer != ERROR and match.room.spec.move_s is not None:
                seat.due_s = self.arena.now_s + match.room.spec.move_s
            if flags & OVER:
                self.arena.seat_over(seat, answer, request, body)
                return None
        session = seat.session
        if session is None:
            return None
        if answer == SEATED:
            request = seat.request  # the engine knows nothing of the JOIN that this answers
        final = request == seat.request and answer != WAIT
        if final:
            seat.request = 0
        if seat.batched and request:
            flat = self.arena.batches.setdefault((session.peer, request), [])
            flat += (seat.handle, answer, body)
            seat.batched = not final
            return None
        return session.peer, AGENT_HEAD.pack(VERSION, answer, seat.handle, request) + body

    def _refuse(self, peer: bytes, handle: int, request: int, code: str, text: str) -> None:
        body = Error(code, text[:512]).encode()
        self.arena.to_agents.append((peer, message(Kind.ERROR, handle, request, body)))
