"""A session with a hub, seen from the agent: which frames to send, and what the answers mean. Pure.

It opens no socket and reads no clock. Each request method returns the request's number and the frame to
send; `receive` takes a frame and returns what has been settled by it. `netsiege.client` owns the sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from attrs import Factory, define, field, frozen

from netsiege.errors import (
    AuthError,
    Forfeited,
    HubUnreachable,
    MatchOver,
    ProtocolError,
    SiegeError,
    WorkerLost,
)
from netsiege.game import Action, ActionType, AgentRole, GameState, Observation
from netsiege.game.action import PLAYED
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    MAX_AGENT_FRAME_BYTES,
    MAX_BATCH,
    MAX_REQUEST,
    VERSION,
    Cause,
    Code,
    End,
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
    SessionRole,
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

_ACTION_NAMES: Final = [str(kind) for kind, _ in PLAYED] + [
    str(k) for k in (ActionType.JoinGame, ActionType.QuitGame, ActionType.ResetGame)
]


@define(eq=False)
class Seat:
    """A seat that this session holds. `ended` says why it holds it no longer."""

    handle: int
    match: int
    role: AgentRole
    index: int
    seed: int
    episodes: int | None
    max_steps: int | None
    goal_description: str
    observation: Observation
    ended: SiegeError | None = None
    request: int = 0

    @property
    def state(self) -> GameState:
        """What the seat knew when it was last told."""
        return self.observation.state


@frozen
class Settled:
    """What a frame has settled: the request (0: nobody asked), the seat concerned, and the answer.

    `answer` is an `Observation`, a `Seat`, a message of `netsiege.protocol`, or the error to raise.
    """

    request: int
    seat: Seat | None
    answer: Any


@frozen
class Unwanted:
    """A seat that came after its JOIN had been taken back."""

    seat: Seat


@define
class _Open:
    """A request without its final reply. `waiting` counts the replies that are still to come."""

    kind: Kind
    seats: dict[int, Seat] = Factory(dict)
    role: str = ""
    held: str | None = None
    withdrawn: bool = False


@define(eq=False)
class Session:
    """Requests, replies and seats of one connection to a hub."""

    name: str
    role: SessionRole = SessionRole.AGENT
    deltas: bool = True
    token: bytes | None = None
    software: str = ""
    seats: dict[int, Seat] = Factory(dict)
    _open: dict[int, _Open] = Factory(dict)
    _last_request: int = field(default=0)

    # --- requests -----------------------------------------------------------------------------------------

    def hello(self) -> tuple[int, bytes]:
        """The first message of a connection."""
        said = Hello(self.name, self.role, None, self.deltas, "netsiege-python")
        return self._ask(Kind.HELLO, 0, said.encode())

    def join(self, room: str, role: AgentRole) -> tuple[int, bytes]:
        """Asks for a seat; settled by a `Seat`."""
        number, sent = self._ask(Kind.JOIN, 0, Join(room, role.value).encode())
        self._open[number].role = role.value
        return number, sent

    def withdraw(self, join: int) -> tuple[int, bytes]:
        """Takes a JOIN back. If it is too late for that, its seat is given back when it comes.

        Then it settles as `Unwanted`, and whoever carries this session must `leave` the seat.
        """
        self._open[join].withdrawn = True
        return self._ask(Kind.LEAVE, 0, pack(join))

    def step(self, seat: Seat, action: Action | None) -> tuple[int, bytes]:
        """Plays an action (None passes); settled by an `Observation`.

        Raises `ProtocolError(BAD_ACTION)` for an action that cannot be sent, and what ended the seat.
        """
        body = action_body(action)
        return self._ask_seat(Kind.STEP, seat, body)

    def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> tuple[int, bytes]:
        """Plays one action on each of many seats; settled seat by seat, under one request number.

        Refused as a whole if any of it is wrong. Raises like `step`.
        """
        moved = [(seat, action_body(action)) for seat, action in moves]
        if not 1 <= len(moved) <= MAX_BATCH:
            raise ProtocolError(Code.TOO_LARGE, f"STEP_MANY takes 1 to {MAX_BATCH} steps, not {len(moved)}")
        for seat, _ in moved:
            _raise_if_ended(seat)
        flat: list[object] = []
        for seat, body in moved:
            flat += (seat.handle, body)
        number, sent = self._ask(Kind.STEP_MANY, 0, pack(flat))
        self._open[number].seats = {seat.handle: seat for seat, _ in moved}
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

    def watch(self, room: str) -> tuple[int, bytes]:
        """Asks for news of a room; settled by a `Watching`, after which news come under the same number."""
        return self._ask(Kind.WATCH, 0, Watch(room).encode())

    def status(self) -> tuple[int, bytes]:
        """Settled by a `State`."""
        return self._ask(Kind.STATUS, 0, b"")

    def _ask_seat(self, kind: Kind, seat: Seat, body: bytes) -> tuple[int, bytes]:
        _raise_if_ended(seat)
        number, sent = self._ask(kind, seat.handle, body)
        self._open[number].seats = {seat.handle: seat}
        seat.request = number
        return number, sent

    def _ask(self, kind: Kind, handle: int, body: bytes) -> tuple[int, bytes]:
        if HEAD_BYTES + len(body) > MAX_AGENT_FRAME_BYTES:
            raise ProtocolError(
                Code.TOO_LARGE, f"a message of {len(body)} bytes is over the hub's {MAX_AGENT_FRAME_BYTES}"
            )
        number = self._last_request % MAX_REQUEST + 1
        while number in self._open:
            number = number % MAX_REQUEST + 1
        self._last_request = number
        self._open[number] = _Open(kind)
        return number, AGENT_HEAD.pack(VERSION, kind, handle, number) + body

    def held(self, request: int) -> Held | None:
        """Why the hub holds the reply to a request, if it has said so."""
        asked = self._open.get(request)
        return Held(asked.held) if asked is not None and asked.held else None

    def is_open(self, request: int) -> bool:
        """Whether a request still waits for a final reply."""
        return request in self._open

    # --- replies ------------------------------------------------------------------------------------------

    def receive(self, frame: bytes) -> list[Settled]:
        """Takes one frame. Raises `ProtocolError` if it is none that a hub of this version sends."""
        if len(frame) < HEAD_BYTES:
            raise ProtocolError(Code.MALFORMED, "the hub sent a message without a head")
        version, kind, handle, request = AGENT_HEAD.unpack_from(frame)
        if version != VERSION:
            raise ProtocolError(Code.VERSION, f"the hub speaks version {version}, this client {VERSION}")
        body = frame[HEAD_BYTES:]
        if kind == Kind.OBS_MANY:
            return self._receive_many(request, body)
        return self._receive_one(kind, handle, request, body)

    def _receive_many(self, request: int, body: bytes) -> list[Settled]:
        flat = unpack(body)
        if not isinstance(flat, list) or len(flat) % 3:
            raise ProtocolError(Code.MALFORMED, "OBS_MANY is a flat list of records of three")
        settled = []
        for i in range(0, len(flat), 3):
            handle, kind, part = flat[i : i + 3]
            settled += self._receive_one(kind, handle, request, part)
        return settled

    def _receive_one(self, kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        asked = self._open.get(request)
        if kind == Kind.WAIT:
            if asked is not None:
                asked.held = Wait.decode(body).reason
            return []
        if kind == Kind.PONG and not request:
            return []  # the hub has looked whether this end is still there
        if kind == Kind.SEATED:
            return [self._seated(handle, request, Seated.decode(body))]
        if kind == Kind.OBS:
            return self._observed(handle, request, body)
        if kind in (Kind.END, Kind.ERROR):
            return self._refused(kind, handle, request, body)
        read = _READ.get(kind)
        if read is None:
            raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that a hub sends")
        if kind not in (Kind.EPISODE, Kind.MATCH, Kind.TRAJECTORY):
            self._open.pop(request, None)
        answer = read(body)
        if isinstance(answer, Welcome):
            self.token, self.software = answer.token, answer.software
        return [Settled(request, None, answer)]

    def _seated(self, handle: int, request: int, told: Seated) -> Settled:
        info: dict[str, Any] = {
            "message": f"Welcome {self.name}, registered as {AgentRole.from_string(told.role)}",
            "max_steps": told.max_steps,
            "goal_description": told.goal_description,
            "actions": _ACTION_NAMES,
            "configuration_hash": told.configuration_hash,
        }
        first, _ = read_observation(told.observation, None)
        seat = Seat(
            handle,
            told.match,
            AgentRole.from_string(told.role),
            told.index,
            told.seed,
            told.episodes,
            told.max_steps,
            told.goal_description,
            Observation(first.state, first.reward, first.end, info),
        )
        self.seats[handle] = seat
        asked = self._open.pop(request, None)
        unwanted = asked is not None and asked.withdrawn
        return Settled(request, seat, Unwanted(seat) if unwanted else seat)

    def _observed(self, handle: int, request: int, body: bytes) -> list[Settled]:
        seat = self.seats.get(handle)
        if seat is None:
            return []
        observation, _ = read_observation(body, seat.state)
        seat.observation = observation
        self._close(request, seat)
        return [Settled(request, seat, observation)]

    def _refused(self, kind: int, handle: int, request: int, body: bytes) -> list[Settled]:
        """An END or an ERROR: about a request, about a seat that nobody asked about, or about everything."""
        answer: Any = End.decode(body) if kind == Kind.END else _error_of(Error.decode(body))
        asked, seat = self._open.get(request), self.seats.get(handle)
        settled = [Settled(request, seat, answer)]
        if seat is not None and (kind == Kind.END or _ends_seat(answer)):
            seat.ended = _ending(answer)
            del self.seats[handle]
        elif seat is None and asked is not None and asked.seats:
            # a whole STEP_MANY was refused, or a seat is unknown to the hub
            settled = [Settled(request, s, s.ended or answer) for s in asked.seats.values()]
            for each in list(asked.seats.values()):
                self._close(request, each)
        if seat is not None:
            self._close(request, seat)
        else:
            self._open.pop(request, None)
        return settled

    def _close(self, request: int, seat: Seat) -> None:
        if seat.request == request:
            seat.request = 0
        asked = self._open.get(request)
        if asked is not None:
            asked.seats.pop(seat.handle, None)
            if not asked.seats:
                del self._open[request]


def _ends_seat(answer: Any) -> bool:
    if isinstance(answer, ProtocolError):
        return answer.code == Code.UNKNOWN_SEAT
    return isinstance(answer, WorkerLost | MatchOver | Forfeited)


_READ: Final[dict[int, Callable[[bytes], Any]]] = {
    Kind.WELCOME: Welcome.decode,
    Kind.ROOM: Room.decode,
    Kind.WATCHING: Watching.decode,
    Kind.EPISODE: Episode.decode,
    Kind.MATCH: Match.decode,
    Kind.TRAJECTORY: Trajectory.decode,
    Kind.STATE: State.decode,
    Kind.PONG: lambda _body: None,
}


_ERRORS: Final[dict[str, type[SiegeError]]] = {
    Code.WORKER_LOST: WorkerLost,
    Code.ENGINE_FAULT: WorkerLost,
    Code.MATCH_OVER: MatchOver,
    Code.FORFEITED: Forfeited,
    Code.HUB_CLOSING: HubUnreachable,
    Code.NOT_ALLOWED: AuthError,
}


def _error_of(error: Error) -> SiegeError:
    if error.code == Code.HELLO_FIRST:
        return HubUnreachable("the hub does not know this session any more: it was restarted, or cut it off")
    kind = _ERRORS.get(error.code)
    return kind(error.text) if kind is not None else ProtocolError(error.code, error.text)


def _ending(answer: Any) -> SiegeError:
    """What a seat raises from now on, after an END or an error that ended it."""
    if isinstance(answer, SiegeError):
        return answer
    cause = Cause(answer.cause)
    if cause in (Cause.TIME, Cause.DISCONNECT, Cause.PROTOCOL):
        return Forfeited(answer.text or f"the seat was forfeited: {cause}")
    return MatchOver(answer.text or f"the seat's part in the match is over: {cause}")


def _raise_if_ended(seat: Seat) -> None:
    if seat.ended is not None:
        raise seat.ended
    if seat.request:
        raise ProtocolError(Code.BUSY, "the seat's last request is not answered yet")
