"""What a session keeps: its seats, its open requests, and what is to be said again. Pure.

`netsiege.session` asks and listens with it, `netsiege.resume` brings it up to date after a new connection.
"""

from __future__ import annotations

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
from netsiege.game import AgentRole, GameState, Observation
from netsiege.game.action import RESPONSES, action_types
from netsiege.protocol import (
    AGENT_HEAD,
    HEAD_BYTES,
    MAX_AGENT_FRAME_BYTES,
    MAX_REQUEST,
    VERSION,
    Cause,
    Code,
    End,
    Error,
    HeldSeat,
    Kind,
    SessionRole,
)
from netsiege.protocol.play import Seated
from netsiege.shown import shown

ERROR_CHARS: Final = 512
"""As long as a text in an END or an ERROR is."""
_RESPONSES: Final = frozenset(str(kind) for kind, _ in RESPONSES)


@define(eq=False)
class Seat:
    """A seat that this session holds. `ended` says why it holds it no longer.

    `actions` are the action types that it may ask for, as text: as its first observation says, else those of
    the `ruleset`.
    """

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
    ruleset: str = ""
    actions: tuple[str, ...] = ()

    @property
    def has_responses(self) -> bool:
        """Whether the match has responses, for defenders (`netsiege.game.action.RESPONSES`)."""
        return not _RESPONSES.isdisjoint(self.actions)

    @property
    def state(self) -> GameState:
        """What the seat knew when it was last told."""
        return self.observation.state

    def hear(self, observation: Observation) -> None:
        """Takes the next observation; with other addresses, a new episode's first one brings another goal."""
        self.observation = observation
        goal = observation.info.get("goal_description")
        if goal is not None:
            self.goal_description = str(goal)


def seat_of(handle: int, told: Seated, observation: Observation, name: str) -> Seat:
    """The seat that a SEATED tells of, with all that its first observation says in NetSecGame's way."""
    role = AgentRole.from_string(told.role)
    info: dict[str, Any] = {
        "message": f"Welcome {name}, registered as {role}",
        "max_steps": told.max_steps,
        "goal_description": told.goal_description,
        "actions": [str(kind) for kind in action_types(told.ruleset)],
        "configuration_hash": told.configuration_hash,
        **observation.info,
    }
    actions = info["actions"]
    return Seat(
        handle,
        told.match,
        role,
        told.index,
        told.seed,
        told.episodes,
        told.max_steps,
        told.goal_description,
        Observation(observation.state, observation.reward, observation.end, info),
        ruleset=told.ruleset,
        actions=tuple(map(str, actions)) if isinstance(actions, list) else (),
    )


@frozen
class Settled:
    """What a frame has settled: the request (0: nobody asked), the seat concerned, and the answer.

    `answer` is an `Observation`, a `Seat`, a message of `netsiege.protocol`, or the error to raise; or one of
    `Unwanted`, `Unwatched` and `Interrupted`, which are for whoever carries the session.
    """

    request: int
    seat: Seat | None
    answer: Any


@frozen
class Unwanted:
    """A seat that came after its JOIN had been taken back: to be left."""

    seat: Seat


@frozen
class Unwatched:
    """The news of a room that was watched have ended, and why."""

    error: SiegeError


@frozen
class Interrupted:
    """The hub knows this connection no longer: open another one and say `hello` there, or raise `error`."""

    error: HubUnreachable


@define(eq=False)
class Open:
    """A request without its final reply, and the frame that asked it. `seats` have still to be answered.

    A frame of b"" was sent by an earlier process. `withdraws` is the JOIN that a LEAVE takes back, and
    `again` tells a HELLO that follows another one from the first.
    """

    kind: int
    frame: bytes
    seats: dict[int, Seat]
    held: str | None = None
    withdrawn: bool = False
    withdraws: int = 0
    again: bool = False


@define(eq=False)
class Book:
    """Seats and open requests of a session, whatever connection carries it.

    What begins with an underscore is for this module, `netsiege.session` and `netsiege.resume`.
    """

    name: str
    role: SessionRole = SessionRole.AGENT
    deltas: bool = True
    token: bytes | None = None
    """The session's secret: with it, a session in any process may resume the seats."""
    software: str = ""
    seats: dict[int, Seat] = Factory(dict)
    outbox: list[bytes] = Factory(list)
    """Frames that are to be sent again, or anew: whoever carries the session sends and removes them."""
    welcomed: bool = field(default=False, init=False)
    """Whether the hub knows this connection. What is asked before is to be asked after WELCOME only."""
    awaited: dict[int, HeldSeat] = field(factory=dict, init=False)
    """The held seats whose RESUMED has not come yet."""
    held_seats: tuple[int, ...] = field(default=(), init=False)
    """The handles of the seats that were still held when the session was resumed last."""
    missed: list[SiegeError] = field(factory=list, init=False)
    """How seats ended of which only an earlier process knew."""
    _known: bool = field(default=False, init=False)
    _open: dict[int, Open] = field(factory=dict, init=False)
    _watches: dict[int, bytes] = field(factory=dict, init=False)
    _last_request: int = field(default=0, init=False)

    def is_open(self, request: int) -> bool:
        """Whether a request still waits for a final reply."""
        return request in self._open

    def resumed_seats(self) -> list[Seat]:
        """The seats that were held when the session was resumed and still are, in the hub's order.

        Those in `awaited` are among them only if this process has known them before. Raises what ended the
        last one, if none is left, and this process has never known any.
        """
        seats = [self.seats[handle] for handle in self.held_seats if handle in self.seats]
        if not seats and self.missed:
            raise self.missed[-1]
        return seats

    def _ask(
        self, kind: int, handle: int, body: bytes, seats: dict[int, Seat] | None = None
    ) -> tuple[int, bytes]:
        if HEAD_BYTES + len(body) > MAX_AGENT_FRAME_BYTES:
            raise ProtocolError(
                Code.TOO_LARGE, f"a message of {len(body)} bytes is over the hub's {MAX_AGENT_FRAME_BYTES}"
            )
        number = self._last_request % MAX_REQUEST + 1
        while number in self._open or number in self._watches:
            number = number % MAX_REQUEST + 1
        self._last_request = number
        frame = AGENT_HEAD.pack(VERSION, kind, handle, number) + body
        self._open[number] = Open(kind, frame, {} if seats is None else seats)
        return number, frame

    def _close(self, request: int, seat: Seat) -> None:
        """Takes a seat's answer to a request for final."""
        if seat.request == request:
            seat.request = 0
        asked = self._open.get(request)
        if asked is not None:
            asked.seats.pop(seat.handle, None)
            if not asked.seats:
                del self._open[request]

    def _take_seat(self, handle: int, request: int, told: Seated, observation: Observation) -> Settled:
        """Enters a seat that is new to this process; `request` is the JOIN that it answers, or 0."""
        seat = seat_of(handle, told, observation, self.name)
        self.seats[handle] = seat
        asked = self._open.pop(request, None)
        unwanted = asked is not None and asked.withdrawn
        return Settled(request, seat, Unwanted(seat) if unwanted else seat)

    def _end_seat(self, seat: Seat, request: int, answer: Any) -> Settled:
        """Ends a seat for good. A request that it had open gets the same answer."""
        seat.ended = ending(answer)
        if self.seats.get(seat.handle) is seat:
            del self.seats[seat.handle]
            self.awaited.pop(seat.handle, None)
        request = seat.request or request
        self._close(request, seat)
        return Settled(request, seat, answer)


_ERRORS: Final[dict[str, type[SiegeError]]] = {
    Code.WORKER_LOST: WorkerLost,
    Code.ENGINE_FAULT: WorkerLost,
    Code.MATCH_OVER: MatchOver,
    Code.FORFEITED: Forfeited,
    Code.HUB_CLOSING: HubUnreachable,
    Code.HUB_PAUSED: HubUnreachable,
    Code.UNKNOWN_SESSION: HubUnreachable,
    Code.SESSION_TAKEN: HubUnreachable,
    Code.NOT_ALLOWED: AuthError,
}


def error_of(error: Error) -> SiegeError:
    """What an ERROR of the hub raises."""
    if error.code == Code.HELLO_FIRST:
        return HubUnreachable("the hub does not know this session any more: it was restarted, or cut it off")
    kind, text = _ERRORS.get(error.code), shown(error.text, ERROR_CHARS)
    return kind(text) if kind is not None else ProtocolError(shown(error.code), text)


def last_words(kind: int, body: bytes) -> End | SiegeError:
    """The answer in an END or an ERROR. Raises `ProtocolError(MALFORMED)`, for other kinds too."""
    if kind == Kind.END:
        return End.decode(body)
    if kind == Kind.ERROR:
        return error_of(Error.decode(body))
    raise ProtocolError(Code.MALFORMED, f"{kind} is no kind of message that ends a seat")


def ends_seat(answer: End | SiegeError) -> bool:
    """Whether an answer about a seat means that it is not held any more."""
    if isinstance(answer, ProtocolError):
        return answer.code == Code.UNKNOWN_SEAT
    return isinstance(answer, End | WorkerLost | MatchOver | Forfeited)


def ending(answer: End | SiegeError) -> SiegeError:
    """What a seat raises from now on, after an END or an error that ended it."""
    if isinstance(answer, SiegeError):
        return answer
    cause = Cause(answer.cause)
    if cause in (Cause.TIME, Cause.DISCONNECT, Cause.PROTOCOL):
        return Forfeited(shown(answer.text, ERROR_CHARS) or f"the seat was forfeited: {cause}")
    return MatchOver(shown(answer.text, ERROR_CHARS) or f"the seat's part in the match is over: {cause}")
