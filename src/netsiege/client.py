"""The blocking client: a `Session` and the socket that carries it. Not to be shared between threads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Self, TypeVar

from netsiege.carrier import Carrier, News
from netsiege.errors import SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import (
    DEFAULT_ROOM,
    Arrange,
    Arranged,
    Held,
    OpenRoom,
    Reset,
    Room,
    RoomClosed,
    State,
    Watching,
)
from netsiege.session import Seat, Settled
from netsiege.wire import SILENCE_S

T = TypeVar("T")


class Client(Carrier):
    """A connection to a hub. `open` first; `close`, or the end of a `with`, takes leave.

    Every call blocks until the hub has answered for good. A connection that is lost is opened again, and the
    session with its seats goes on where it was: whoever waits notices a pause. A hub that has not come back
    within `reconnect_s` raises `HubUnreachable`, and so does every call after that; with 0 it is not tried.
    So does every call on a client that was closed, or whose session another process has resumed.
    `timeout_s` bounds the wait for other players, and for a hub that is away.

    `keys` is what a hub with keys asks for: a folder that `netsiege keys` has made, or `Keys`. Without, it is
    the folder in the environment variable NETSIEGE_KEYS, if that is set.

    `session.token` is the session's secret. With it as `token`, `open` resumes the session in another
    process, after which `resumed` has its seats. A hub that knows the token no longer begins a session anew.
    """

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
        self._check()
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
        self._check()
        return self._one(self.session.step(seat, action), Observation)

    def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> list[Settled]:
        """Plays one action on each of many seats. The answers may be errors: they concern one seat each."""
        self._check()
        request = self._send(self.session.step_many(moves))
        return self._settle([request], None)[request]

    def reset(self, seat: Seat, asked: Reset) -> Observation:
        """Asks for a new episode; returns when all seats of the match have asked."""
        self._check()
        return self._one(self.session.reset(seat, asked), Observation)

    def leave(self, seat: Seat) -> None:
        """Gives a seat up."""
        self._check()
        request = self._send(self.session.leave(seat))
        self._settle([request], None)

    def hear(self, timeout_s: float) -> list[Settled]:
        """Waits like `pump`, but also returns when what has come settles nothing: that a JOIN waits, say."""
        return self._listen(time.monotonic() + timeout_s)

    def open_room(self, room: OpenRoom) -> Room:
        """Opens a room (directors only)."""
        self._check()
        return self._one(self.session.open_room(room), Room)

    def watch(self, room: str) -> None:
        """Asks for news of a room: they come from `news`."""
        self._check()
        request = self._send(self.session.watch(room))
        _expect(self._settle([request], None)[request], Watching)

    def arrange(self, matches: Iterable[Arrange], close: Iterable[str] = ()) -> None:
        """Arranges matches of joiners of a hall (directors only), all of them in one go. Rooms to `close` are
        closed in the same go, as by `close_rooms`.

        Raises `ProtocolError` for the first that is refused; those before it are arranged.
        """
        self._check()
        asked = [self._send(self.session.arrange(match)) for match in matches]
        closed = [self._send(self.session.close_room(name)) for name in close]
        answers = self._settle(asked + closed, None)
        for request in asked:
            _expect(answers[request], Arranged)
        for request in closed:
            _expect(answers[request], RoomClosed)

    def close_rooms(self, names: Iterable[str]) -> None:
        """Closes rooms, or says of arranged matches that what came of them was heard (directors only)."""
        self._check()
        asked = [self._send(self.session.close_room(name)) for name in names]
        answers = self._settle(asked, None)
        for request in asked:
            _expect(answers[request], RoomClosed)

    def status(self) -> State:
        """The hub in numbers."""
        self._check()
        return self._one(self.session.status(), State)

    def news(self, timeout_s: float) -> Iterator[News]:
        """The news that are there; if there are none, those that come within `timeout_s`.

        What came before the hub was lost is told before that is raised.
        Raises what a hub that was away has against going on with them, `ProtocolError` (UNKNOWN_ROOM) say.
        """
        if not self._news:
            self.pump(timeout_s)
        while self._news:
            told = self._news.pop(0)
            if isinstance(told, SiegeError):
                raise told
            yield told

    def resumed(self, timeout_s: float | None = None) -> list[Seat]:
        """The seats that the session still held when it was resumed, once the hub has said how they stand.

        In the hub's order. A seat with a `request` waits for an answer that the earlier process asked for:
        see `caught_up`. Raises `TimeoutError` after `timeout_s`, and if no seat is left, but one ended while
        nobody was connected, what ended it.
        """
        self._check()
        deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while self.session.awaited:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(f"the hub has not said within {timeout_s:g} s how the seats stand")
            self._listen(time.monotonic() + min(left_s, SILENCE_S))  # what it says may settle nothing
        return self.session.resumed_seats()

    def caught_up(self, seat: Seat, timeout_s: float | None = None) -> Observation:
        """The seat's last observation, once nothing is open that an earlier process asked of the seat.

        Raises what ended the seat, and `TimeoutError` after `timeout_s`.
        """
        self._check()
        if seat.request:
            self._settle([seat.request], timeout_s, seat)
        if seat.ended is not None:
            raise seat.ended
        return seat.observation

    # --- answers ------------------------------------------------------------------------------------------

    def _settle(
        self, requests: list[int], timeout_s: float | None, seat: Seat | None = None
    ) -> dict[int, list[Settled]]:
        """Waits for the final replies to some requests, or for what concerns one `seat` of them."""
        answers: dict[int, list[Settled]] = {request: [] for request in requests}
        deadline_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while seat.request in answers if seat is not None else any(map(self.session.is_open, requests)):
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError(self._held_text(requests, timeout_s))
            for settled in self.pump(min(left_s, SILENCE_S)):
                if settled.request in answers:
                    answers[settled.request].append(settled)
        return answers

    def _held_text(self, requests: list[int], timeout_s: float | None) -> str:
        if self._outage is not None:
            return f"no hub within {timeout_s:g} s: {self._outage.why}; it is still being tried"
        held = {self.session.held(r) for r in requests if self.session.is_open(r)}
        reasons = {
            Held.PLAYERS: "it waits for other players",
            Held.WORKER: "it waits for an engine worker: start one with `netsiege worker`",
            Held.PEERS: "it waits for the other seats to end their episode",
            Held.RESET: "it waits for the other seats to ask for a reset",
            Held.CALL: "it waits to be called to a match",
            Held.TURN: "so many seats are given out one after another while others play",
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
