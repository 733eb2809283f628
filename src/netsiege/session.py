"""A session with a hub, seen from the agent: which frames to send, and what the answers mean. Pure.

It opens no socket and reads no clock. Each request method returns the request's number and the frame to
send; `receive` takes a frame and returns what has been settled by it. `netsiege.client` owns the sockets.

A session outlives its connection. Whoever carries it opens another one, sends what `hello` returns there, and
after every `receive` what is in `outbox`: what the hub has not taken in comes out of it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from attrs import define

from netsiege import resume
from netsiege.book import (
    Book,
    Interrupted,
    Seat,
    Settled,
    Unwanted,
    Unwatched,
    ending,
    ends_seat,
    error_of,
    last_words,
)
from netsiege.errors import HubUnreachable, ProtocolError
from netsiege.game import Action, AgentRole
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    MAX_BATCH,
    VERSION,
    Arrange,
    Arranged,
    CloseRoom,
    Code,
    Episode,
    Error,
    Held,
    Hello,
    Join,
    Kind,
    Match,
    OpenRoom,
    Reset,
    Room,
    RoomClosed,
    State,
    Trajectory,
    Wait,
    Watch,
    Watching,
    Welcome,
    pack,
    unpack,
)
from netsiege.protocol.play import Seated, action_body, read_observation

__all__ = ["Interrupted", "Seat", "Session", "Settled", "Unwanted", "Unwatched"]

# plain numbers: an enumeration's own arithmetic costs a microsecond on the hot path
STEP: Final = int(Kind.STEP)
STEP_MANY: Final = int(Kind.STEP_MANY)
OBS: Final = int(Kind.OBS)
OBS_MANY: Final = int(Kind.OBS_MANY)


@define(eq=False)
class Session(Book):
    """Requests, replies and seats of one session with a hub, over one connection after another."""

    # --- requests -----------------------------------------------------------------------------------------

    def hello(self) -> tuple[int, bytes]:
        """The first message of a connection. With a `token` it asks for the session's seats.

        A session that had a connection before is resumed, or begun anew if the hub knows it no longer.
        """
        last = next((n for n, asked in self._open.items() if asked.kind == Kind.HELLO), 0)
        again = self._last_request > 0 or self.token is not None
        self._open.pop(last, None)
        self.outbox.clear()
        self.welcomed = False
        said = Hello(self.name, self.role, self.token, self.deltas, "netsiege-python")
        number, sent = self._ask(Kind.HELLO, 0, said.encode())
        self._open[number].again = again
        return number, sent

    def join(self, room: str, role: AgentRole, name: str = "") -> tuple[int, bytes]:
        """Asks for a seat, for somebody of that name or for the session's own; settled by a `Seat`."""
        return self._ask(Kind.JOIN, 0, Join(room, role.value, name).encode())

    def withdraw(self, join: int) -> tuple[int, bytes]:
        """Takes a JOIN back. If it is too late for that, its seat is given back when it comes.

        Then it settles as `Unwanted`, and whoever carries this session must `leave` the seat.
        """
        self._open[join].withdrawn = True
        number, sent = self._ask(Kind.LEAVE, 0, pack(join))
        self._open[number].withdraws = join
        return number, sent

    def step(self, seat: Seat, action: Action | None) -> tuple[int, bytes]:
        """Plays an action (None passes); settled by an `Observation`.

        Raises `ProtocolError(BAD_ACTION)` for an action that cannot be sent, and what ended the seat.
        """
        return self.step_body(seat, action_body(action))

    def step_body(self, seat: Seat, body: bytes) -> tuple[int, bytes]:
        """Plays an action whose body is made already (`action_body`)."""
        return self._ask_seat(STEP, seat, body)

    def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> tuple[int, bytes]:
        """Plays one action on each of many seats; settled seat by seat, under one request number.

        Refused as a whole if any of it is wrong. Raises like `step`.
        """
        return self.step_bodies([(seat, action_body(action)) for seat, action in moves])

    def step_bodies(self, moved: Sequence[tuple[Seat, bytes]]) -> tuple[int, bytes]:
        """`step_many` with actions whose bodies are made already."""
        if not 1 <= len(moved) <= MAX_BATCH:
            raise ProtocolError(Code.TOO_LARGE, f"STEP_MANY takes 1 to {MAX_BATCH} steps, not {len(moved)}")
        for seat, _ in moved:
            _raise_if_ended(seat)
        flat: list[object] = []
        for seat, body in moved:
            flat += (seat.handle, body)
        number, sent = self._ask(STEP_MANY, 0, pack(flat), {seat.handle: seat for seat, _ in moved})
        for seat, _ in moved:
            seat.request = number
        return number, sent

    def reset(self, seat: Seat, asked: Reset) -> tuple[int, bytes]:
        """Asks for a new episode; settled by an `Observation` when all seats of the match have asked."""
        return self._ask_seat(Kind.RESET, seat, asked.encode())

    def leave(self, seat: Seat) -> tuple[int, bytes]:
        """Gives a seat up; settled by an `End`."""
        return self._ask_seat(Kind.LEAVE, seat, b"")

    def ping(self) -> tuple[int, bytes]:
        """Settled at once by a hub that is alive."""
        return self._ask(Kind.PING, 0, b"")

    def bye(self) -> tuple[int, bytes]:
        """Ends the session and all its seats; settled by an `End`."""
        return self._ask(Kind.BYE, 0, b"")

    def open_room(self, room: OpenRoom) -> tuple[int, bytes]:
        """Opens a room (directors only); settled by a `Room`."""
        return self._ask(Kind.OPEN_ROOM, 0, room.encode())

    def arrange(self, match: Arrange) -> tuple[int, bytes]:
        """Asks for a match of joiners of a hall (directors only); settled by an `Arranged`."""
        return self._ask(Kind.ARRANGE, 0, match.encode())

    def close_room(self, room: str) -> tuple[int, bytes]:
        """Closes a room (directors only); settled by a `RoomClosed`."""
        return self._ask(Kind.CLOSE_ROOM, 0, CloseRoom(room).encode())

    def watch(self, room: str) -> tuple[int, bytes]:
        """Asks for news of a room; settled by a `Watching`, after which news come under the same number.

        Should a hub that was away know the room no longer, `Unwatched` comes under it at last.
        """
        return self._ask(Kind.WATCH, 0, Watch(room).encode())

    def status(self) -> tuple[int, bytes]:
        """Settled by a `State`."""
        return self._ask(Kind.STATUS, 0, b"")

    def _ask_seat(self, kind: int, seat: Seat, body: bytes) -> tuple[int, bytes]:
        _raise_if_ended(seat)
        handle = seat.handle
        asked = self._ask(kind, handle, body, {handle: seat})
        seat.request = asked[0]
        return asked

    def held(self, request: int) -> Held | None:
        """Why the hub holds the reply to a request, if it has said so."""
        asked = self._open.get(request)
        return Held(asked.held) if asked is not None and asked.held else None

    @property
    def holding(self) -> Held | None:
        """Why the hub holds a reply, if it has said so of any: of the last request that it did."""
        said = [asked.held for asked in self._open.values() if asked.held]
        return Held(said[-1]) if said else None

    # --- replies ------------------------------------------------------------------------------------------

    def receive(self, frame: bytes) -> list[Settled]:
        """Takes one frame. Raises `ProtocolError` if it is none that a hub of this version sends."""
        if len(frame) < HEAD_BYTES:
            raise ProtocolError(Code.MALFORMED, "the hub sent a message without a head")
        version, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"the hub speaks version {version}, this client {VERSION}")
        body = frame[HEAD_BYTES:]
        if kind == OBS_MANY:
            return self._receive_many(request, body)
        return self._receive_one(kind, handle, request, body)

    def _receive_many(self, request: int, body: bytes) -> list[Settled]:
        flat = unpack(body)
        if not isinstance(flat, list) or len(flat) % 3:
            raise ProtocolError(Code.MALFORMED, "OBS_MANY is a flat list of records of three")
        settled = []
        for i in range(0, len(flat), 3):
            handle, kind, part = flat[i : i + 3]
            if type(handle) is not int or type(kind) is not int or type(part) is not bytes:
                raise ProtocolError(Code.MALFORMED, "a record of OBS_MANY is a seat, a kind and a body")
            settled += self._receive_one(kind, handle, request, part)
        return settled

    def _receive_one(self, kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        if kind == OBS:
            return self._observed(handle, request, body)
        take = _TAKE.get(kind)
        if take is None:
            raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that a hub sends")
        return take(self, kind, handle, request, body)

    def _answered(self, kind: int, _handle: int, request: int, body: bytes) -> list[Settled]:
        answer = _READ[kind](body)
        self._open.pop(request, None)
        return [Settled(request, None, answer)]

    def _told(self, kind: int, _handle: int, request: int, body: bytes) -> list[Settled]:
        return [Settled(request, None, _READ[kind](body))]

    def _arranged(self, kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        """The answer to an `Arrange`, or news of what begins."""
        take = self._told if request in self._watches else self._answered
        return take(kind, handle, request, body)

    def _wait(self, _kind: int, _handle: int, request: int, body: bytes) -> list[Settled]:
        told, asked = Wait.decode(body), self._open.get(request)
        if asked is not None:
            asked.held = told.reason
        return []

    def _pong(self, _kind: int, _handle: int, request: int, _body: bytes) -> list[Settled]:
        if not request:
            return []  # the hub has looked whether this end is still there
        self._open.pop(request, None)
        return [Settled(request, None, None)]

    def _resumed(self, _kind: int, handle: int, _request: int, body: bytes) -> list[Settled]:
        return resume.resumed(self, handle, body)

    def _welcome(self, _kind: int, _handle: int, request: int, body: bytes) -> list[Settled]:
        told, asked = Welcome.decode(body), self._open.get(request)
        if asked is None or asked.kind != Kind.HELLO:
            return []  # an answer to a HELLO that was said twice
        del self._open[request]
        settled = [Settled(request, None, told)]
        if asked.again:
            settled += resume.take_up(self, told)
        self.token, self.software, self.welcomed = told.token, told.software, True
        self._known = True
        return settled

    def _watching(self, _kind: int, _handle: int, request: int, body: bytes) -> list[Settled]:
        told, asked = Watching.decode(body), self._open.pop(request, None)
        if asked is None:
            return []  # the room is watched again, over another connection
        same = [n for n, frame in self._watches.items() if frame[HEAD_BYTES:] == asked.frame[HEAD_BYTES:]]
        for number in same:
            del self._watches[number]
        self._watches[request] = asked.frame
        return [Settled(request, None, told)]

    def _seated(self, _kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        told = Seated.decode(body)
        if handle in self.seats:
            return []  # RESUMED has said so before
        asked = self._open.get(request)
        if asked is None or asked.kind != Kind.JOIN:
            raise ProtocolError(Code.MALFORMED, "the hub grants a seat that nobody has asked for")
        first, _ = read_observation(told.observation, None)
        return [self._take_seat(handle, request, told, first)]

    def _observed(self, handle: int, request: int, body: bytes) -> list[Settled]:
        seat = self.seats.get(handle)
        if seat is None:
            return []
        observation, _ = read_observation(body, seat.observation.state)
        seat.hear(observation)
        self._close(request, seat)
        return [Settled(request, seat, observation)]

    def _refused(self, kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        """An END or an ERROR: about a request, about a seat that nobody asked about, or about everything."""
        if kind == Kind.ERROR:
            met = self._disowned(Error.decode(body), request)
            if met is not None:
                return met
        answer = last_words(kind, body)
        asked, seat = self._open.get(request), self.seats.get(handle)
        if seat is not None:
            if ends_seat(answer):
                seat.ended = ending(answer)
                del self.seats[handle]
                self.awaited.pop(handle, None)
            self._close(request, seat)
            return [Settled(request, seat, answer)]
        if handle in self.awaited and ends_seat(answer):
            return resume.ended_unseen(self, handle, request, answer)
        if asked is not None and asked.seats:
            # a whole STEP_MANY was refused, or a seat is unknown to the hub
            seats = list(asked.seats.values())
            for each in seats:
                self._close(request, each)
            return [Settled(request, s, s.ended or answer) for s in seats]
        if handle and asked is None:
            return []  # about a seat that this process never knew
        self._open.pop(request, None)
        return [Settled(request, None, answer)]

    def _disowned(self, error: Error, request: int) -> list[Settled] | None:
        """What an ERROR about the whole session means; None if it is about something else."""
        told, asked = error_of(error), self._open.get(request)
        if error.code == Code.HUB_PAUSED or (error.code == Code.HELLO_FIRST and self.welcomed):
            assert isinstance(told, HubUnreachable)
            return [Settled(0, None, Interrupted(told))]
        if error.code == Code.SESSION_TAKEN:
            return resume.taken_over(self, told)
        if error.code == Code.HUB_CLOSING and not request:
            return [Settled(0, None, told)]
        if error.code == Code.UNKNOWN_SESSION and asked is not None and asked.kind == Kind.HELLO:
            return resume.forgotten(self, request)
        if request in self._watches:
            del self._watches[request]
            return [Settled(request, None, Unwatched(told))]
        return None


_READ: Final[dict[int, Callable[[bytes], Any]]] = {
    Kind.ROOM: Room.decode,
    Kind.STATE: State.decode,
    Kind.ARRANGED: Arranged.decode,
    Kind.ROOM_CLOSED: RoomClosed.decode,
    Kind.EPISODE: Episode.decode,
    Kind.MATCH: Match.decode,
    Kind.TRAJECTORY: Trajectory.decode,
}

_TAKE: Final[dict[int, Callable[[Session, int, int, int, bytes], list[Settled]]]] = {
    Kind.WELCOME: Session._welcome,
    Kind.SEATED: Session._seated,
    Kind.WAIT: Session._wait,
    Kind.END: Session._refused,
    Kind.ERROR: Session._refused,
    Kind.PONG: Session._pong,
    Kind.RESUMED: Session._resumed,
    Kind.ROOM: Session._answered,
    Kind.STATE: Session._answered,
    Kind.ARRANGED: Session._arranged,
    Kind.ROOM_CLOSED: Session._answered,
    Kind.WATCHING: Session._watching,
    Kind.EPISODE: Session._told,
    Kind.MATCH: Session._told,
    Kind.TRAJECTORY: Session._told,
}


def _raise_if_ended(seat: Seat) -> None:
    if seat.ended is not None:
        raise seat.ended
    if seat.request:
        raise ProtocolError(Code.BUSY, "the seat's last request is not answered yet")
