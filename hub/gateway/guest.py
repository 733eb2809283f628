"""One client of NetSecGame's protocol: what it asked for, what it waits for, what it is told. Pure.

A client asks one thing at a time: what comes before the answer waits. It has a seat from JoinGame on. A seat
that is over (the match has ended, its time was up, the hub is gone) is told of at the next action, and the
next ResetGame takes another seat of the same role: so a client plays on whatever happens behind the gateway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, Protocol

from netsiege.errors import SiegeError
from netsiege.game import AgentRole, Observation
from netsiege.hub.gateway.framing import Splitter, Trouble
from netsiege.hub.gateway.replies import Writer, begun_again, welcome
from netsiege.hub.gateway.requests import (
    CACHED_BYTES,
    JoinGame,
    Malformed,
    Request,
    ResetGame,
    Step,
    read_request,
    read_whole,
)
from netsiege.protocol import Reset
from netsiege.session import Seat

QUEUE_MAX: Final = 64
"""Requests that may wait for an answer to an earlier one; then nothing more is read from the client."""
REQUEST_BYTES: Final = 1_024
"""What one of them takes in memory, as most are."""
NONSENSE_MAX: Final = 100
"""So many things in a row that make no sense are answered; then the client is shown the door."""
NOT_JOINED: Final = "join the game first (ActionType.JoinGame)"


class Behind(Protocol):
    """What is behind the gateway, as one guest uses it. What comes of it is told to the guest later."""

    def join(self, guest: Guest, name: str, role: AgentRole) -> None:
        """Asks for a seat: `seated` or `refused`."""

    def step(self, guest: Guest, seat: Seat, body: bytes) -> None:
        """Plays an action: `observed`, `refused` or `ended`."""

    def reset(self, guest: Guest, seat: Seat, asked: Reset) -> None:
        """Asks for a new episode: `observed`, `refused` or `ended`."""

    def leave(self, guest: Guest, seat: Seat | None) -> None:
        """Gives up the seat, or the wait for one."""

    def extra(self) -> Mapping[str, object]:
        """What CREATED tells besides, for all actions say."""


class Guest:
    """See the module. `turned_out` says that it is to be cut off."""

    def __init__(self, behind: Behind, peer: tuple[str, int]) -> None:
        self._behind = behind
        self._writer = Writer(peer)
        self._splitter = Splitter()
        self._waiting: deque[Request] = deque()
        self._pending: Request | None = None
        self._who: JoinGame | None = None
        self._lost = ""
        """Why its last seat is over."""
        self._nonsense = 0
        self._held = self._goes_on = False
        self._out: list[bytes] = []
        self.seat: Seat | None = None
        self.turned_out = False

    # --- the client's side --------------------------------------------------------------------------------

    def hear(self, data: bytes) -> None:
        """Takes what the client has written; of one that is turned out nothing more."""
        if self._splitter.is_empty and len(data) <= CACHED_BYTES and not self.turned_out:
            whole = read_whole(data)
            if whole is not None:
                self._take(whole)
                return
        for each in self._splitter.feed(data):
            if self.turned_out or each is Trouble.ENDLESS:
                self.turned_out = True
                break
            self._take(_malformed(each) if isinstance(each, Trouble) else read_request(each))

    def hold(self, held: bool) -> None:
        """Whether what waits is to wait on, because the client does not read its answers."""
        self._held = held
        self._go_on()

    def give_up_waiting(self) -> None:
        """The client has not gone on with what it has begun to say."""
        trouble = self._splitter.give_up()
        if trouble is not None:
            self._take(_malformed(trouble))

    @property
    def is_speaking(self) -> bool:
        """Whether the client has begun to say something, and not ended."""
        return self._splitter.is_waiting

    @property
    def held_bytes(self) -> int:
        """About how much memory its unfinished and unanswered requests take."""
        return self._splitter.held_bytes + REQUEST_BYTES * len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether so much waits that nothing more should be read."""
        return len(self._waiting) >= QUEUE_MAX

    def take_out(self) -> list[bytes]:
        """What is to be written to the client."""
        out, self._out = self._out, []
        return out

    def gone(self) -> None:
        """The client has hung up."""
        self._waiting.clear()
        self._pending = None
        self._behind.leave(self, self.seat)
        self.seat = None

    # --- the hub's side -----------------------------------------------------------------------------------

    def seated(self, seat: Seat) -> None:
        """A seat was granted."""
        assert self._who is not None
        self.seat, self._lost = seat, ""
        seen = seat.observation
        if isinstance(self._pending, ResetGame):
            self._answer(self._writer.reset(seen, begun_again(seen.info)))
            return
        more = self._behind.extra()
        self._answer(self._writer.joined(seen, welcome(self._who.name, seat.role.value, seen.info, more)))

    def observed(self, seen: Observation) -> None:
        """The answer of the seat's engine. One that nobody asked for shows in the next one."""
        if isinstance(self._pending, Step):
            self._answer(self._writer.step(seen))
        elif isinstance(self._pending, ResetGame):
            self._answer(self._writer.reset(seen, begun_again(seen.info)))

    def refused(self, why: str) -> None:
        """What was asked was refused; the seat, if there is one, is as it was."""
        if isinstance(self._pending, JoinGame):
            self._who = None
        if self._pending is not None:
            self._answer(self._writer.refusal(why))

    def ended(self, why: SiegeError | str) -> None:
        """The seat is over."""
        self.seat, self._lost = None, str(why)
        pending = self._pending
        if isinstance(pending, ResetGame) and self._who is not None:
            self._behind.join(self, self._who.name, self._who.role)
        elif pending is not None:
            self._answer(self._writer.refusal(self._over()))

    # --- in between ---------------------------------------------------------------------------------------

    def _take(self, request: Request) -> None:
        if self._pending is not None or self._waiting or self._held:
            self._waiting.append(request)
        else:
            self._begin(request)

    def _answer(self, reply: bytes) -> None:
        self._pending = None
        self._out.append(reply)
        self._splitter.found()
        self._go_on()

    def _go_on(self) -> None:
        """Begins what waits, until one has to be waited for. What is answered at once comes back here."""
        if self._goes_on:
            return
        self._goes_on = True
        while self._waiting and self._pending is None and not (self._held or self.turned_out):
            self._begin(self._waiting.popleft())
        self._goes_on = False

    def _begin(self, request: Request) -> None:
        if isinstance(request, Malformed):
            self._nonsense += 1
            self.turned_out = self._nonsense >= NONSENSE_MAX
            self._out.append(self._writer.refusal(f"Malformed Action: {request.why}"))
            self._splitter.found()
            return
        self._nonsense = 0
        if type(request) is Step:
            self._step(request)
        elif isinstance(request, JoinGame):
            self._join(request)
        elif isinstance(request, ResetGame):
            self._reset(request)
        else:
            self._quit()

    def _step(self, request: Step) -> None:
        if self.seat is not None:
            self._pending = request
            self._behind.step(self, self.seat, request.body)
        else:
            self._out.append(self._writer.refusal(self._over() if self._who is not None else NOT_JOINED))

    def _join(self, request: JoinGame) -> None:
        if self._who is not None:
            self._out.append(self._writer.exists())
            return
        self._pending, self._who = request, request
        self._behind.join(self, request.name, request.role)

    def _reset(self, request: ResetGame) -> None:
        if self._who is None:
            self._out.append(self._writer.refusal(NOT_JOINED))
            return
        self._pending = request
        if self.seat is not None:
            self._behind.reset(self, self.seat, request.asked)
        else:
            self._behind.join(self, self._who.name, self._who.role)

    def _quit(self) -> None:
        self._behind.leave(self, self.seat)
        self.seat, self._who, self._lost = None, None, ""
        self._out.append(self._writer.quit())

    def _over(self) -> str:
        return f"the match is over ({self._lost}); ask for a reset to play another one"


def _malformed(trouble: Trouble) -> Malformed:
    return Malformed(trouble.value)
