"""The blocking client: a `Session` and the socket that carries it. Not to be shared between threads."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

import zmq

from netsiege.errors import HubUnreachable, ProtocolError, SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import (
    DEFAULT_ROOM,
    Episode,
    Held,
    Match,
    OpenRoom,
    Reset,
    Room,
    SessionRole,
    State,
    Trajectory,
    Watching,
)
from netsiege.session import Seat, Session, Settled, Unwanted
from netsiege.wire import CONNECT_TIMEOUT_S, SILENCE_S, Connection

T = TypeVar("T")
News = Episode | Match | Trajectory


class Client:
    """A connection to a hub. `open` first; `close`, or the end of a `with`, takes leave.

    Every call blocks until the hub has answered for good. A hub that goes away raises `HubUnreachable`
    within seconds, whatever is being waited for; `timeout_s` bounds the wait for other players.
    """

    def __init__(
        self, address: str, name: str, role: SessionRole = SessionRole.AGENT, *, deltas: bool = True
    ) -> None:
        self.session = Session(name, role, deltas)
        self._connection = Connection(address)
        self._poller = zmq.Poller()
        self._poller.register(self._connection.socket, zmq.POLLIN)
        self._poller.register(self._connection.monitor, zmq.POLLIN)
        self._heard_s = time.monotonic()
        self._ping: int | None = None
        self._news: list[News] = []

    def open(self, timeout_s: float = CONNECT_TIMEOUT_S) -> Self:
        """Says HELLO. Raises `HubUnreachable` or `AuthError` with advice if no hub answers in time."""
        request = self._send(self.session.hello())
        deadline_s = time.monotonic() + timeout_s
        try:
            while self.session.is_open(request):
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise self._connection.diagnosis()
                for settled in self._first_words(left_s):
                    if settled.request == request and isinstance(settled.answer, SiegeError):
                        raise settled.answer
        except BaseException:
            self._connection.close()
            raise
        return self

    def _first_words(self, timeout_s: float) -> list[Settled]:
        try:
            return self.pump(timeout_s)
        except ProtocolError as error:
            raise self._connection.stranger(error) from None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # --- requests -----------------------------------------------------------------------------------------

    def join(
        self, role: AgentRole, room: str = DEFAULT_ROOM, count: int = 1, timeout_s: float | None = None
    ) -> list[Seat]:
        """Takes seats; returns when all of them are in a match, in the order in which they were asked for.

        Raises `ProtocolError` for an unknown room or a role it has no seat for, `TimeoutError` if the wait
        for other players takes longer than `timeout_s`.
        """
        asked = [self._send(self.session.join(room, role)) for _ in range(count)]
        try:
            answers = self._settle(asked, timeout_s)
        except (TimeoutError, KeyboardInterrupt):
            for request in filter(self.session.is_open, asked):
                self._send(self.session.withdraw(request))
            raise
        return [_expect(answers[request], Seat) for request in asked]

    def step(self, seat: Seat, action: Action | None) -> Observation:
        """Plays an action; None passes. Raises what ended the seat, or why the action was refused."""
        return self._one(self.session.step(seat, action), Observation)

    def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> list[Settled]:
        """Plays one action on each of many seats. The answers may be errors: they concern one seat each."""
        request = self._send(self.session.step_many(moves))
        return self._settle([request], None)[request]

    def reset(self, seat: Seat, asked: Reset) -> Observation:
        """Asks for a new episode; returns when all seats of the match have asked."""
        return self._one(self.session.reset(seat, asked), Observation)

    def leave(self, seat: Seat) -> None:
        """Gives a seat up."""
        request = self._send(self.session.leave(seat))
        self._settle([request], None)

    def open_room(self, room: OpenRoom) -> Room:
        """Opens a room (directors only)."""
        return self._one(self.session.open_room(room), Room)

    def watch(self, room: str) -> None:
        """Asks for news of a room: they come from `news`."""
        request = self._send(self.session.watch(room))
        _expect(self._settle([request], None)[request], Watching)

    def status(self) -> State:
        """The hub in numbers."""
        return self._one(self.session.status(), State)

    def news(self, timeout_s: float) -> Iterator[News]:
        """The news that are there; if there are none, those that come within `timeout_s`."""
        if not self._news:
            self.pump(timeout_s)
        while self._news:
            yield self._news.pop(0)

    def close(self) -> None:
        """Takes leave, without waiting for an answer."""
        if not self._connection.socket.closed:
            with contextlib.suppress(zmq.ZMQError):
                self._send(self.session.bye())
            self._connection.close()

    # --- the loop -----------------------------------------------------------------------------------------

    def send(self, request: tuple[int, bytes]) -> int:
        """Sends a request of `session` without waiting for the answer, which comes from `pump`."""
        return self._send(request)

    def _send(self, request: tuple[int, bytes]) -> int:
        number, frame = request
        self._connection.socket.send(frame, zmq.NOBLOCK)
        if self._ping is None:
            self._heard_s = max(self._heard_s, time.monotonic())
        return number

    def pump(self, timeout_s: float) -> list[Settled]:
        """Waits for something to arrive, at most `timeout_s`, and takes in all that is there.

        Raises `HubUnreachable` if the connection is lost, or if a hub that owes an answer says nothing
        at all for ten seconds.
        """
        socket = self._connection.socket
        deadline_s = time.monotonic() + timeout_s
        while True:
            wait_s = min(deadline_s - time.monotonic(), SILENCE_S)
            ready = dict(self._poller.poll(max(0, int(wait_s * 1_000 + 0.999))))
            settled: list[Settled] = []
            if socket in ready:
                settled = self._drain()
            if self._connection.monitor in ready and self._connection.hear_monitor():
                raise self._connection.lost()
            if not settled:
                self._check_silence()
            if settled or time.monotonic() >= deadline_s:
                return settled

    def _drain(self) -> list[Settled]:
        settled: list[Settled] = []
        receive, socket = self.session.receive, self._connection.socket
        self._heard_s = time.monotonic()
        self._ping = None
        while True:
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            settled += receive(frames[0])
        for each in settled:
            if isinstance(each.answer, News):
                self._news.append(each.answer)
            elif isinstance(each.answer, Unwanted):
                self._send(self.session.leave(each.answer.seat))
            elif not each.request and isinstance(each.answer, HubUnreachable):
                raise each.answer
        return settled

    def _check_silence(self) -> None:
        """Asks a hub that has been silent whether it is there; raises if it does not answer that either."""
        silent_s = time.monotonic() - self._heard_s
        if silent_s > 2 * SILENCE_S:
            raise HubUnreachable(f"{self._connection.address}: the hub has stopped answering")
        if silent_s > SILENCE_S and self._ping is None:
            self._ping = self._send(self.session.ping())

    def _settle(self, requests: list[int], timeout_s: float | None) -> dict[int, list[Settled]]:
        """Waits for the final replies to some requests."""
        answers: dict[int, list[Settled]] = {request: [] for request in requests}
        deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while any(map(self.session.is_open, requests)):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(self._held_text(requests, timeout_s))
            for settled in self.pump(min(left_s, SILENCE_S)):
                if settled.request in answers:
                    answers[settled.request].append(settled)
        return answers

    def _held_text(self, requests: list[int], timeout_s: float | None) -> str:
        held = {self.session.held(r) for r in requests if self.session.is_open(r)}
        reasons = {
            Held.PLAYERS: "it waits for other players",
            Held.WORKER: "it waits for an engine worker: start one with `netsiege worker`",
            Held.PEERS: "it waits for the other seats to end their episode",
            Held.RESET: "it waits for the other seats to ask for a reset",
            None: "it has said nothing about it",
        }
        return f"the hub has not answered within {timeout_s:g} s: " + ", ".join(
            sorted(reasons[reason] for reason in held)
        )

    def _one(self, request: tuple[int, bytes], wanted: type[T]) -> T:
        number = self._send(request)
        return _expect(self._settle([number], None)[number], wanted)


def _expect(answers: list[Settled], wanted: type[T]) -> T:
    """The lone answer to a request; raises what it says, if it is an error or the end of the seat."""
    settled = answers[0]
    if isinstance(settled.answer, BaseException):
        raise settled.answer
    if not isinstance(settled.answer, wanted):
        if settled.seat is not None and settled.seat.ended is not None:
            raise settled.seat.ended
        raise SiegeError(f"the hub answered with {settled.answer!r}")
    return settled.answer
