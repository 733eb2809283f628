"""The gateway's session with the hub: one for all guests, their moves of a moment in one message."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import zmq

from netsiege.carrier import Carrier
from netsiege.errors import ProtocolError, SiegeError
from netsiege.game import AgentRole, Observation
from netsiege.hub.gateway.guest import Guest
from netsiege.keys import Keys
from netsiege.protocol import HEAD_BYTES, MAX_AGENT_FRAME_BYTES, MAX_BATCH, Code, End, Reset
from netsiege.session import Seat, Settled

NAME: Final = "gateway"
ALONE_BYTES: Final = 1_024
"""A larger move is sent by itself: a hub may refuse it, and with it all that is in the same message."""
FRAME_MOVES: Final = min(MAX_BATCH, MAX_AGENT_FRAME_BYTES // (2 * ALONE_BYTES))
TALK_PER_S: Final = 400
"""JOINs, and those taken back: a hub hangs up on who says 1,000 things a second that move no match."""
SHOWN_OUT: Final = frozenset({Code.TOO_LARGE, Code.OVERLOADED})
"""Refusals that a hub counts by their bytes: who causes them would have everybody cut off."""

log = logging.getLogger(__name__)


class Link(Carrier):
    """A client that never blocks once it is open: `look` takes in what is there, `flush` sends moves.

    Whoever looks after the sockets calls both, and is told by `unwatch` before their `descriptors` are
    closed: after that others may have the same numbers.
    """

    def __init__(self, address: str, room: str, keys: Keys | str | None, unwatch: Callable[[], None]) -> None:
        super().__init__(address, NAME, keys=keys)
        self._room = room
        self._unwatch = unwatch
        self._joins: dict[int, Guest] = {}
        self._seats: dict[int, Guest] = {}
        self._moves: list[tuple[Seat, bytes]] = []
        self._leaving: set[int] = set()
        """Seats whose guests are gone, with a request that is not answered yet."""
        self._wishes: dict[Guest, tuple[str, AgentRole]] = {}
        self._unwished: deque[int] = deque()
        """JOINs that are to be asked and to be taken back, as soon as there may be talk of them."""
        self._talk: float = TALK_PER_S
        self._talked_s = 0.0

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Of the present connection; none while there is none."""
        connection = self._connection
        if connection.socket.closed:
            return ()
        return int(connection.socket.getsockopt(zmq.FD)), int(connection.monitor.getsockopt(zmq.FD))

    @property
    def has_more(self) -> bool:
        """Whether something is there that its descriptor may not tell of any more."""
        socket = self._connection.socket
        return not socket.closed and bool(int(socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    @property
    def has_moves(self) -> bool:
        """Whether `flush` has something to send."""
        return bool(self._moves)

    # --- what guests ask ----------------------------------------------------------------------------------

    def join(self, guest: Guest, name: str, role: AgentRole) -> None:
        """Asks for a seat. This and what follows are the guests' wishes: see `guest.Behind`."""
        self._wishes[guest] = (name, role)
        self._speak(time.monotonic())

    def step(self, guest: Guest, seat: Seat, body: bytes) -> None:
        """Plays an action, with the next `flush`."""
        if HEAD_BYTES + len(body) > MAX_AGENT_FRAME_BYTES:
            guest.refused(f"an action has at most {MAX_AGENT_FRAME_BYTES - HEAD_BYTES} bytes")
        else:
            self._moves.append((seat, body))

    def reset(self, _guest: Guest, seat: Seat, asked: Reset) -> None:
        """Asks for a new episode."""
        if seat.ended is None:  # otherwise the guest is about to be told that it is over
            self.send(self.session.reset(seat, asked))

    def leave(self, guest: Guest, seat: Seat | None) -> None:
        """Gives up a seat, or the wait for one."""
        if seat is not None:
            if self._seats.pop(seat.handle, None) is not None:
                self._moves = [move for move in self._moves if move[0] is not seat]
                self._give_back(seat)
            return
        self._wishes.pop(guest, None)
        for request in [request for request, each in self._joins.items() if each is guest]:
            del self._joins[request]
            self._unwished.append(request)
            self._speak(time.monotonic())

    def flush(self) -> None:
        """Sends the moves that were made since the last time."""
        moves, self._moves = self._moves, []
        playing = [move for move in moves if move[0].ended is None]
        small = [move for move in playing if len(move[1]) <= ALONE_BYTES]
        messages = [small[start : start + FRAME_MOVES] for start in range(0, len(small), FRAME_MOVES)]
        messages += [[move] for move in playing if len(move[1]) > ALONE_BYTES]
        for each in messages:
            self.send(self.session.step_bodies(each) if len(each) > 1 else self.session.step_body(*each[0]))

    def _speak(self, now_s: float) -> None:
        """Asks for seats, and takes JOINs back, as far as there may be talk of them now."""
        self._talk = min(TALK_PER_S, self._talk + (now_s - self._talked_s) * TALK_PER_S)
        self._talked_s = now_s
        while self._unwished and self._talk >= 1:
            request = self._unwished.popleft()
            if self.session.is_open(request):
                self.send(self.session.withdraw(request))
                self._talk -= 1
        while self._wishes and self._talk >= 1:
            guest = next(iter(self._wishes))
            name, role = self._wishes.pop(guest)
            self._joins[self.send(self.session.join(self._room, role, name))] = guest
            self._talk -= 1

    # --- what the hub says --------------------------------------------------------------------------------

    def look(self) -> list[Guest]:
        """Takes in what is there; the guests that were told something. Raises what the link ends with."""
        told: list[Guest] = []
        self._speak(time.monotonic())
        for settled in self._listen(time.monotonic()):
            if settled.seat is not None and settled.seat.handle in self._leaving:
                self._leaving.discard(settled.seat.handle)
                self._give_back(settled.seat)
                continue
            guest = self._guest_of(settled)
            if guest is not None:
                try:
                    self._tell(guest, settled)
                except Exception:  # a mistake of ours must leave nobody waiting
                    _turn_out(guest)
                told.append(guest)
            elif isinstance(settled.answer, Seat):
                self._give_back(settled.answer)
        return told

    def lose_all(self, why: SiegeError) -> list[Guest]:
        """The hub is gone for good: so is every seat, and every wait for one. The guests concerned."""
        joining, playing = [*self._joins.values(), *self._wishes], list(self._seats.values())
        self._joins.clear()
        self._wishes.clear()
        self._unwished.clear()
        self._seats.clear()
        self._moves.clear()
        self._leaving.clear()
        for guest in joining + playing:
            try:
                if guest.seat is None:
                    guest.refused(str(why))
                else:
                    guest.ended(why)
            except Exception:  # a mistake of ours must leave nobody waiting
                _turn_out(guest)
        return joining + playing

    def _give_back(self, seat: Seat) -> None:
        """Leaves a seat; one whose request is not answered yet as soon as it is."""
        if seat.ended is not None:
            return
        if seat.request:
            self._leaving.add(seat.handle)
        else:
            self.send(self.session.leave(seat))

    def _guest_of(self, settled: Settled) -> Guest | None:
        if isinstance(settled.answer, Seat) or settled.seat is None:
            return self._joins.pop(settled.request, None)
        return self._seats.get(settled.seat.handle)

    def _tell(self, guest: Guest, settled: Settled) -> None:
        answer, seat = settled.answer, settled.seat
        if type(answer) is Observation:
            assert seat is not None
            if settled.request and not seat.request:  # else it is an answer to something before
                guest.observed(answer)
        elif isinstance(answer, Seat):
            self._seats[answer.handle] = guest
            self._talk += 1  # a JOIN that is granted was no idle talk
            guest.seated(answer)
        elif seat is not None and seat.ended is not None:
            self._seats.pop(seat.handle, None)
            guest.ended(seat.ended)
        elif isinstance(answer, ProtocolError):
            guest.turned_out = guest.turned_out or (seat is not None and answer.code in SHOWN_OUT)
            guest.refused(answer.text)
        elif isinstance(answer, SiegeError):
            guest.refused(str(answer))
        elif isinstance(answer, End):
            guest.refused("nobody plays here any more")

    def _interrupted(self, why: SiegeError) -> None:
        self._unwatch()
        super()._interrupted(why)


def _turn_out(guest: Guest) -> None:
    log.exception("client_failed")
    guest.turned_out = True
