"""The gateway's session with the hub: one for all guests, their moves of a moment in one message."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import zmq

from netsiege.carrier import Carrier
from netsiege.errors import ProtocolError, SiegeError
from netsiege.game import AgentRole, Observation
from netsiege.hub.gateway.guest import Guest
from netsiege.keys import Keys
from netsiege.protocol import End, Reset
from netsiege.session import Seat, Settled

NAME: Final = "gateway"


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
        self._joins[self.send(self.session.join(self._room, role, name))] = guest

    def step(self, _guest: Guest, seat: Seat, body: bytes) -> None:
        """Plays an action, with the next `flush`."""
        self._moves.append((seat, body))

    def reset(self, _guest: Guest, seat: Seat, asked: Reset) -> None:
        """Asks for a new episode."""
        self.send(self.session.reset(seat, asked))

    def leave(self, guest: Guest, seat: Seat | None) -> None:
        """Gives up a seat, or the wait for one."""
        if seat is not None and self._seats.pop(seat.handle, None) is not None:
            self._moves = [move for move in self._moves if move[0] is not seat]
            self._give_back(seat)
        for request in [request for request, each in self._joins.items() if each is guest]:
            del self._joins[request]
            self.send(self.session.withdraw(request))

    def flush(self) -> None:
        """Sends the moves that were made since the last time."""
        moves, self._moves = self._moves, []
        playing = [move for move in moves if move[0].ended is None]
        if len(playing) == 1:
            self.send(self.session.step_body(*playing[0]))
        elif playing:
            self.send(self.session.step_bodies(playing))

    # --- what the hub says --------------------------------------------------------------------------------

    def look(self) -> list[Guest]:
        """Takes in what is there; the guests that were told something. Raises what the link ends with."""
        told: list[Guest] = []
        for settled in self._listen(time.monotonic()):
            if settled.seat is not None and settled.seat.handle in self._leaving:
                self._leaving.discard(settled.seat.handle)
                self._give_back(settled.seat)
                continue
            guest = self._guest_of(settled)
            if guest is not None:
                self._tell(guest, settled)
                told.append(guest)
        return told

    def lose_all(self, why: SiegeError) -> list[Guest]:
        """The hub is gone for good: so is every seat, and every wait for one. The guests concerned."""
        joining, playing = list(self._joins.values()), list(self._seats.values())
        self._joins.clear()
        self._seats.clear()
        self._moves.clear()
        self._leaving.clear()
        for guest in joining:
            guest.refused(str(why))
        for guest in playing:
            guest.ended(why)
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
            guest.observed(answer)
        elif isinstance(answer, Seat):
            self._seats[answer.handle] = guest
            guest.seated(answer)
        elif seat is not None and seat.ended is not None:
            self._seats.pop(seat.handle, None)
            guest.ended(seat.ended)
        elif isinstance(answer, ProtocolError):
            guest.refused(answer.text)
        elif isinstance(answer, SiegeError):
            guest.refused(str(answer))
        elif isinstance(answer, End):
            guest.refused("nobody plays here any more")

    def _interrupted(self, why: SiegeError) -> None:
        self._unwatch()
        super()._interrupted(why)
