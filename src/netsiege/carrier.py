"""The blocking loop: a `Session` and the sockets that carry it, one connection after another.

It decides nothing about the game: `netsiege.client` has the requests.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Self

import zmq

from netsiege.errors import AuthError, HubUnreachable, ProtocolError, SiegeError
from netsiege.game import Observation
from netsiege.keys import Keys, keys_from
from netsiege.outage import CLOSED, RECONNECT_S, Outage
from netsiege.protocol import Arranged, Episode, Match, SessionRole, Trajectory
from netsiege.session import Interrupted, Session, Settled, Unwanted, Unwatched
from netsiege.wire import CONNECT_TIMEOUT_S, SILENCE_S, Connection, check_address

News = Episode | Match | Trajectory | Arranged
"""An `Arranged` with a match is news; without, it is an answer."""


class Carrier:
    """Carries a session; see `netsiege.client.Client`, which is one."""

    def __init__(
        self,
        address: str,
        name: str,
        role: SessionRole = SessionRole.AGENT,
        *,
        deltas: bool = True,
        token: bytes | None = None,
        reconnect_s: float = RECONNECT_S,
        keys: Keys | str | os.PathLike[str] | None = None,
    ) -> None:
        self.session = Session(name, role, deltas, token)
        self._address = address
        self._keys = keys_from(keys)
        self._reconnect_s = reconnect_s
        self._outage: Outage | None = None
        self._mended: Outage | None = None
        self._failure: SiegeError | None = None
        self._opened = False
        self._hello = 0
        self._ping: int | None = None
        self._news: list[News | SiegeError] = []
        self._dialled_once = False
        check_address(address)

    def open(self, timeout_s: float = CONNECT_TIMEOUT_S) -> Self:
        """Says HELLO. Raises `HubUnreachable` or `AuthError` with advice if no hub answers in time.

        A client that is open stays so; one that could not be opened, or was closed, is never opened again.
        """
        if self._failure is not None:
            raise self._failure
        if self._opened:
            return self
        self._dial()
        self._say_hello()
        deadline_s = time.monotonic() + timeout_s
        try:
            while not self.session.welcomed:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise self._connection.diagnosis()
                self._first_words(left_s)
        except BaseException as error:
            self._connection.close()
            self._fail(error if isinstance(error, SiegeError) else HubUnreachable(CLOSED))
            raise
        self._opened = True
        return self

    def _first_words(self, timeout_s: float) -> None:
        try:
            self.pump(timeout_s)
        except ProtocolError as error:
            if self._failure is error:  # a hub's answer to HELLO
                raise
            raise self._connection.stranger(error) from None

    def _dial(self) -> None:
        """A connection of its own for each try: the hub knows it by a new routing id."""
        connection, poller = Connection(self._address, self._keys), zmq.Poller()
        poller.register(connection.socket, zmq.POLLIN)
        poller.register(connection.monitor, zmq.POLLIN)
        self._poller, self._connection, self._heard_s = poller, connection, time.monotonic()
        self._dialled_once = True

    def _say_hello(self) -> None:
        self._hello, frame = self.session.hello()
        self._connection.send(frame)

    @property
    def heard(self) -> bool:
        """Whether a hub has answered anything over the present connection."""
        return self._dialled_once and self._connection.established

    @property
    def failed(self) -> bool:
        """Whether the hub is lost for good, or the client was closed: open another client then."""
        return self._failure is not None

    def close(self) -> None:
        """Takes leave, without waiting for an answer. A hub that is away is not waited for either."""
        if self._dialled_once and not self._connection.socket.closed:
            if self._outage is None and self._failure is None:
                with contextlib.suppress(zmq.ZMQError):
                    self._send(self.session.bye())
            self._connection.close()
        if self._failure is None:
            self._fail(HubUnreachable(CLOSED))

    # --- the loop -----------------------------------------------------------------------------------------

    def send(self, request: tuple[int, bytes]) -> int:
        """Sends a request of `session` without waiting for the answer, which comes from `pump`."""
        return self._send(request)

    def _send(self, request: tuple[int, bytes]) -> int:
        number, frame = request
        self._check()
        if self._outage is None:  # what is asked while the hub is away is in the outbox after WELCOME
            self._connection.send(frame)
            if self._ping is None:
                self._heard_s = max(self._heard_s, time.monotonic())
        return number

    def pump(self, timeout_s: float) -> list[Settled]:
        """Waits for something to arrive, at most `timeout_s`, and takes in all that is there.

        Raises `HubUnreachable` if the hub is lost for good: it closes, or has not come back in time after
        the connection was lost or the hub, owing an answer, said nothing at all for ten seconds.
        """
        deadline_s = time.monotonic() + timeout_s
        while True:
            settled = self._listen(deadline_s)
            if settled or time.monotonic() >= deadline_s:
                return settled

    def _listen(self, deadline_s: float) -> list[Settled]:
        """One look at the sockets; no answer lasts no longer than `SILENCE_S`, nor than `deadline_s`."""
        self._check()
        until_s = deadline_s
        if self._outage is not None:
            if not self._dialled(self._outage, deadline_s):
                return []
            until_s = min(deadline_s, self._outage.patient_until_s(self._connection, 2 * SILENCE_S))
        connection = self._connection
        wait_s = min(until_s - time.monotonic(), SILENCE_S)
        ready = dict(self._poller.poll(max(0, int(wait_s * 1_000 + 0.999))))
        settled: list[Settled] = []
        why: SiegeError | None = None
        if connection.socket in ready:
            settled, why = self._drain()
        if connection.monitor in ready and connection.hear_monitor() and why is None:
            last_words, why = self._drain()  # what was said before the end is there by now
            settled += last_words
            why = why or connection.lost()
        if connection.refused:
            raise self._fail(connection.diagnosis())
        if why is None and not settled:
            why = self._silence()
        if why is not None:
            self._interrupted(why)
        return settled

    def _drain(self) -> tuple[list[Settled], SiegeError | None]:
        """Takes in what has arrived: what it settles, and why the connection cannot go on, if so."""
        settled: list[Settled] = []
        session, socket = self.session, self._connection.socket
        self._heard_s = time.monotonic()
        self._ping = None
        if self._outage is None:
            self._mended = None
        try:
            while True:
                settled += session.receive(socket.recv_multipart(zmq.NOBLOCK)[0])
        except zmq.Again:
            pass
        except ProtocolError as error:
            if self._outage is None:
                raise
            return [], self._connection.stranger(error)
        if self._outage is not None and session.welcomed:
            self._mended, self._outage = self._outage, None
        if session.outbox:
            for frame in session.outbox:
                self._connection.send(frame)
            session.outbox.clear()
        for each in settled:
            if type(each.answer) is not Observation:
                self._take(each)
        gone = [each.answer.error for each in settled if type(each.answer) is Interrupted]
        if gone:
            return [each for each in settled if type(each.answer) is not Interrupted], gone[0]
        return settled, None

    def _take(self, settled: Settled) -> None:
        """What the client itself does about an answer."""
        answer = settled.answer
        if isinstance(answer, News) and not (isinstance(answer, Arranged) and answer.match is None):
            self._news.append(answer)
        elif isinstance(answer, Unwatched):
            self._news.append(answer.error)
        elif isinstance(answer, Unwanted):
            self._send(self.session.leave(answer.seat))
        elif isinstance(answer, SiegeError) and settled.seat is None:
            closes = not settled.request and isinstance(answer, HubUnreachable | AuthError)
            if closes or settled.request == self._hello:
                raise self._fail(answer)

    def _silence(self) -> SiegeError | None:
        """Asks a hub that has been silent whether it is there; the reason to give up if it is not."""
        now_s = time.monotonic()
        if self._outage is not None:
            until_s = self._outage.patient_until_s(self._connection, 2 * SILENCE_S)
            return self._connection.silent() if now_s >= until_s else None
        silent_s = now_s - self._heard_s
        if silent_s > 2 * SILENCE_S:
            return self._connection.silent()
        if silent_s > SILENCE_S and self._ping is None:
            self._ping, frame = self.session.ping()
            self._send((self._ping, frame))
        return None

    # --- a hub that is away -------------------------------------------------------------------------------

    def _interrupted(self, why: SiegeError) -> None:
        """The connection is of no use any more; raises if another one is not to be tried."""
        if not self._opened or self._reconnect_s <= 0:
            raise self._fail(why)
        now_s = time.monotonic()
        # a hub that says WELCOME and nothing else has not come back
        self._outage, self._mended = self._outage or self._mended, None
        if self._outage is None:
            self._outage = Outage.begin(why, now_s, self._reconnect_s)
        else:
            self._outage.failed(now_s)
        self._connection.close()

    def _dialled(self, outage: Outage, deadline_s: float) -> bool:
        """Sees to it that a try is under way; False if it is too early for one at `deadline_s`."""
        if not self._connection.socket.closed:
            return True
        if outage.next_s >= outage.until_s:
            raise self._fail(outage.gave_up(self._connection))
        pause_s = min(outage.next_s, deadline_s) - time.monotonic()
        if pause_s > 0:
            time.sleep(pause_s)
        if outage.next_s > deadline_s:
            return False
        self._dial()
        outage.dialled_s = time.monotonic()
        self._say_hello()
        return True

    def _check(self) -> None:
        """Raises what the client has failed with. A call does so before it asks the session for anything."""
        if self._failure is not None:
            raise self._failure
        if not self._dialled_once:
            raise SiegeError("open() comes first")

    def _fail(self, error: SiegeError) -> SiegeError:
        self._failure = error
        return error
