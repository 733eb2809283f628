"""Many matches in one process, as a pure object: frames from the hub in, frames for the hub out.

A match that breaks is dropped and reported (FAULT); the others never notice. What belongs to no lease that
this host holds is ignored: it is meant for a lease that has moved on. Events of a match are numbered from 1
without gaps; one that was handled before is ignored, a gap breaks the match, since the outcome would not be
that of its journal. Outputs carry the number of their event, those of the opening 0.

Of its own accord the host sends a SNAPSHOT of a match now and then, after all outputs of the frame whose
events made one due. A host that opens the match from it, with the events since, sends the outputs since.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from typing import Any, Final

from netsiege.engine.game import Game
from netsiege.engine.replies import Output
from netsiege.engine.tables import Tables, compile_spec
from netsiege.errors import ProtocolError, RuleError
from netsiege.protocol import (
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    MAX_WORKER_FRAME_BYTES,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    Code,
    Fault,
    Kind,
    Open,
    Spec,
    WorkerPong,
    pack,
    unpack,
)

MAX_OUT_BYTES: Final = 1 << 24
"""About how much one OUT_MANY carries; more goes into several."""
SNAPSHOT_EVENTS: Final = 256
"""A match is saved as soon as so many events have come since it was last: another host replays few more."""
SNAPSHOT_BYTES_PER_EVENT: Final = 64
"""But not before its last snapshot has cost no more than so many bytes for each of the events since."""
LARGE_EVENT_BYTES: Final = 1_024
"""A larger event counts for as many as it has times so many bytes: 256 KiB of them are as good as 256."""
MAX_SNAPSHOT_BYTES: Final = MAX_WORKER_FRAME_BYTES // 2
"""A larger one is not sent: with the events since, it might not fit into a frame again."""

_MAX_TEXT: Final = 512
_OUT: Final = int(Kind.OUT)
_OUT_MANY: Final = int(Kind.OUT_MANY)
_OUT_FRAME: Final = struct.Struct(WORKER_HEAD.format + OUT_HEAD.format.lstrip(">"))
_RECORD: Final[list[type]] = [int, int, int, int, int, bytes]
"""The types of an event in EVENT_MANY."""

_log = logging.getLogger(__name__)


class _Match:
    """A match that is open here. `due` is the number of the event after which it is to be saved."""

    __slots__ = ("due", "game", "handle")

    def __init__(self, game: Game, saved_bytes: int) -> None:
        self.game = game
        self.handle = game.handle
        self.saved(saved_bytes)

    def saved(self, size_bytes: int) -> None:
        """Its present state is kept in a snapshot of that size (0: it is the start)."""
        self.due = self.game.events + max(SNAPSHOT_EVENTS, size_bytes // SNAPSHOT_BYTES_PER_EVENT)


class GameHost:
    """The matches of one worker.

    `events_done` counts what came since it was made: 1 for every event, and for every OPEN 1 and the events
    that it brought along, whether their match is (still) open here or not. It grows to what the hub has sent.
    """

    def __init__(self) -> None:
        self.events_done = 0
        self._matches: dict[int, _Match] = {}
        self._specs: dict[bytes, Tables | str] = {}
        """Digest -> tables, or why there are none."""
        self._readers: dict[int, Callable[[int, int, bytes], list[bytes]]] = {
            Kind.EVENT: self._event,
            Kind.EVENT_MANY: self._event_many,
            Kind.SPEC: self._spec,
            Kind.OPEN: self._open,
            Kind.CLOSE: self._close,
            Kind.VIEW: self._view,
            Kind.W_PING: self._ping,
        }

    @property
    def leases(self) -> list[int]:
        """The leases of the matches that are open here."""
        return list(self._matches)

    def receive(self, frame: bytes) -> list[bytes]:
        """Takes one frame of the hub; returns the frames for it. Never raises."""
        if len(frame) < HEAD_BYTES:
            _log.warning("frame_ignored reason=short bytes=%d", len(frame))
            return []
        version, kind, lease, sequence = WORKER_HEAD.unpack_from(frame)
        read = self._readers.get(kind)
        if version != VERSION or read is None:
            _log.warning("frame_ignored version=%d kind=%d", version, kind)
            return []
        try:
            return read(lease, sequence, frame)
        except Exception as error:  # the edge around one match
            return [self._fault(lease, sequence, error)]

    # --- matches ------------------------------------------------------------------------------------------

    def _spec(self, _lease: int, _sequence: int, frame: bytes) -> list[bytes]:
        told = Spec.decode(frame[HEAD_BYTES:])
        if told.digest not in self._specs:
            try:
                self._specs[told.digest] = compile_spec(told.spec)
            except RuleError as error:
                _log.warning("spec_refused reason=%s", error)
                self._specs[told.digest] = str(error)
        return []

    def _tables(self, digest: bytes) -> Tables:
        tables = self._specs.get(digest, "its spec was never sent")
        if isinstance(tables, str):
            raise RuleError(f"the match cannot be opened: {tables}")
        return tables

    def _open(self, lease: int, _sequence: int, frame: bytes) -> list[bytes]:
        """Opens a match from the start or a snapshot, and plays the events after it again.

        If one of them breaks the match, the outputs of those before it are still sent.
        """
        self.events_done += 1
        told = Open.decode(frame[HEAD_BYTES:])
        self.events_done += len(told.events)
        tables = self._tables(told.digest)
        flat: list[Any] = []
        if told.snapshot is None:
            game = Game(tables, told.match, told.seed, told.seats, told.episodes)
            _record(flat, lease, 0, game.open())
        else:
            game = Game.restore(tables, told.snapshot)
        match = self._matches[lease] = _Match(game, len(told.snapshot or b""))
        for sequence, event in enumerate(told.events, game.events + 1):
            try:
                seat, kind, request = EVENT_HEAD.unpack_from(event)
                outputs = match.handle(seat, kind, request, event[EVENT_HEAD.size :])
            except Exception as error:  # the edge around one match
                return [*_out_frames(flat), self._fault(lease, sequence, error)]
            _record(flat, lease, sequence, outputs)
            match.due -= len(event) // LARGE_EVENT_BYTES
        return _out_frames(flat) + (self._save(lease, match) if game.events >= match.due else [])

    def _close(self, lease: int, _sequence: int, _frame: bytes) -> list[bytes]:
        self._matches.pop(lease, None)
        return []

    def _view(self, lease: int, seat: int, _frame: bytes) -> list[bytes]:
        """Tells what a seat was told last. A seat that plays no more was told END: nothing more is said."""
        match = self._matches.get(lease)
        if match is None:
            return []
        try:
            seated = match.game.view(seat)
        except RuleError as error:
            _log.warning("view_refused lease=%d reason=%s", lease, error)
            return []
        except Exception as error:  # the edge around one match
            return [self._fault(lease, match.game.events, error)]
        return [WORKER_HEAD.pack(VERSION, Kind.VIEWED, lease, seat) + seated]

    def _save(self, lease: int, match: _Match) -> list[bytes]:
        """The SNAPSHOT of a match for which one is due. One that is over needs none."""
        game = match.game
        if game.over or self._matches.get(lease) is not match:
            return []
        try:
            snapshot = game.snapshot()
        except Exception as error:  # the edge around one match
            return [self._fault(lease, game.events, error)]
        match.saved(len(snapshot))
        if len(snapshot) > MAX_SNAPSHOT_BYTES:
            _log.warning("snapshot_too_large lease=%d bytes=%d", lease, len(snapshot))
            return []
        return [WORKER_HEAD.pack(VERSION, Kind.SNAPSHOT, lease, game.events) + snapshot]

    def _ping(self, _lease: int, sequence: int, _frame: bytes) -> list[bytes]:
        pong = WorkerPong(self.events_done).encode()
        return [WORKER_HEAD.pack(VERSION, Kind.W_PONG, 0, sequence) + pong]

    # --- events -------------------------------------------------------------------------------------------

    def _event(self, lease: int, sequence: int, frame: bytes) -> list[bytes]:
        self.events_done += 1
        match = self._matches.get(lease)
        if match is None:
            return []
        if len(frame) < EVENT_BODY_AT:
            raise ProtocolError(Code.MALFORMED, "an event without its head")
        seat, kind, request = EVENT_HEAD.unpack_from(frame, HEAD_BYTES)
        if sequence != match.game.events + 1:
            _check_repeated(match.game, sequence)
            return []
        outputs = match.handle(seat, kind, request, frame[EVENT_BODY_AT:])
        if len(frame) > LARGE_EVENT_BYTES:
            match.due -= len(frame) // LARGE_EVENT_BYTES
        if len(outputs) == 1 and sequence < match.due:
            return [_out_frame(lease, sequence, outputs[0])]
        flat: list[Any] = []
        _record(flat, lease, sequence, outputs)
        return _out_frames(flat) + (self._save(lease, match) if sequence >= match.due else [])

    def _event_many(self, _lease: int, _count: int, frame: bytes) -> list[bytes]:
        events = unpack(frame[HEAD_BYTES:])
        if not isinstance(events, list) or list(map(type, events)) != _RECORD * (len(events) // 6):
            raise ProtocolError(Code.MALFORMED, "EVENT_MANY is a flat list of five numbers and bytes each")
        self.events_done += len(events) // 6
        flat: list[Any] = []
        faults: list[bytes] = []
        due: dict[int, _Match] = {}
        matches = self._matches
        fields = iter(events)
        for lease, sequence, seat, kind, request, body in zip(*[fields] * 6, strict=True):
            match = matches.get(lease)
            if match is None:
                continue
            try:
                if sequence != match.game.events + 1:
                    _check_repeated(match.game, sequence)
                    continue
                for output in match.handle(seat, kind, request, body):
                    flat += (lease, sequence, *output)
                if len(body) > LARGE_EVENT_BYTES:
                    match.due -= len(body) // LARGE_EVENT_BYTES
                if sequence >= match.due:
                    due[lease] = match
            except Exception as error:  # the edge around one match
                faults.append(self._fault(lease, sequence, error))
        frames = _out_frames(flat) + faults
        for lease, match in due.items():
            frames += self._save(lease, match)
        return frames

    def _fault(self, lease: int, sequence: int, error: Exception) -> bytes:
        """Drops the match that broke, and says why."""
        _log.error("match_dropped lease=%s event=%s", lease, sequence, exc_info=error)
        numbers = [
            n if type(n) is int and 0 <= n < 1 << bits else 0 for n, bits in ((lease, 64), (sequence, 32))
        ]
        self._matches.pop(numbers[0], None)
        # a spec's JSON can hold halves of characters, which UTF-8 cannot
        said = f"{type(error).__name__}: {error}".encode(errors="backslashreplace").decode()
        return WORKER_HEAD.pack(VERSION, Kind.FAULT, *numbers) + Fault(said[:_MAX_TEXT]).encode()


def _check_repeated(game: Game, sequence: int) -> None:
    """An event that is not the next one was handled before. Raises RuleError for one that came too early."""
    if sequence > game.events:
        raise RuleError(f"event {sequence} came after event {game.events}")


def _record(flat: list[Any], lease: int, sequence: int, outputs: list[Output]) -> None:
    for output in outputs:
        flat += (lease, sequence, *output)


def _out_frame(lease: int, sequence: int, output: Output) -> bytes:
    seat, kind, flags, request, body = output
    return _OUT_FRAME.pack(VERSION, _OUT, lease, sequence, seat, kind, flags, request) + body


def _out_frames(flat: list[Any]) -> list[bytes]:
    """One OUT for a single record, OUT_MANY for more, in pieces that are not too large."""
    if not flat:
        return []
    if len(flat) == 7:
        return [_out_frame(flat[0], flat[1], tuple(flat[2:]))]
    if sum(map(len, flat[6::7])) <= MAX_OUT_BYTES:
        return [_out_many(flat)]
    frames, start, size = [], 0, 0
    for i in range(0, len(flat), 7):
        size += len(flat[i + 6])
        if size > MAX_OUT_BYTES or i + 7 == len(flat):
            frames.append(_out_many(flat[start : i + 7]))
            start, size = i + 7, 0
    return frames


def _out_many(flat: list[Any]) -> bytes:
    return WORKER_HEAD.pack(VERSION, _OUT_MANY, 0, len(flat) // 7) + pack(flat)
