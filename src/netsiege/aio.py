"""The asynchronous client: the same `Session` on an asyncio event loop, many requests at once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from typing import Any, Final, Self, TypeVar

import zmq

from netsiege.errors import AuthError, HubUnreachable, ProtocolError, SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.keys import Keys, keys_from
from netsiege.outage import CLOSED, RECONNECT_S, Outage
from netsiege.protocol import DEFAULT_ROOM, End, Reset, SessionRole, Welcome
from netsiege.session import Interrupted, Seat, Session, Settled, Unwanted
from netsiege.wire import CONNECT_TIMEOUT_S, SILENCE_S, Connection

T = TypeVar("T")

_ANYTHING: Final = (-1, -1)
"""Who waits for whatever comes next, among those who wait for an answer to a request about a seat."""


class AsyncClient:
    """A connection to a hub for asyncio. Its methods may run side by side, one for each seat, say.

    Failures, `token`, `reconnect_s` and `keys` are those of `netsiege.client.Client`. A hub that is lost for
    good fails every pending call.
    """

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
        self._connection: Connection | None = None
        self._waiting: dict[tuple[int, int], asyncio.Future[Any]] = {}
        self._task: asyncio.Task[None] | None = None
        self._failure: SiegeError | None = None
        self._outage: Outage | None = None
        self._mended: Outage | None = None
        self._opened = False
        self._hello = 0
        self._pinged = False
        self._heard_s = 0.0
        self._wake = asyncio.Event()

    async def open(self, timeout_s: float = CONNECT_TIMEOUT_S) -> Self:
        """Says HELLO. Raises `HubUnreachable` or `AuthError` with advice if no hub answers in time.

        A client that could not be opened, or was closed, is never opened again.
        """
        if self._failure is not None:
            raise self._failure
        connection = self._dial()
        self._hello, frame = self.session.hello()
        self._task = asyncio.create_task(self._run(connection))
        try:
            async with asyncio.timeout(timeout_s):
                await self._ask((self._hello, frame), Welcome)
        except (TimeoutError, ProtocolError) as error:
            told = connection.stranger(error) if isinstance(error, ProtocolError) else connection.diagnosis()
            self._fail(told)
            await self.close()
            raise told from None
        except BaseException:
            await self.close()
            raise
        self._opened = True
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def failed(self) -> bool:
        """Whether the hub is lost for good, or the client was closed: open another client then."""
        return self._failure is not None

    async def join(self, role: AgentRole, room: str = DEFAULT_ROOM) -> Seat:
        """Takes a seat; returns when its match is full. Bound the wait with `asyncio.timeout`."""
        self._check()
        number, frame = self.session.join(room, role)
        try:
            return await self._ask((number, frame), Seat)
        except asyncio.CancelledError:
            if self.session.is_open(number) and self._failure is None:
                self._send(self.session.withdraw(number)[1])
            raise

    async def step(self, seat: Seat, action: Action | None) -> Observation:
        """Plays an action; None passes."""
        self._check()
        return await self._ask(self.session.step(seat, action), Observation, seat)

    async def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> list[Settled]:
        """Plays one action on each of many seats; the answers, in the same order, may be errors."""
        self._check()
        listed = list(moves)
        number, frame = self.session.step_many(listed)
        futures = [self._await_reply(number, seat) for seat, _ in listed]
        self._send(frame)
        answers = await asyncio.gather(*futures, return_exceptions=True)
        return [Settled(number, seat, answer) for (seat, _), answer in zip(listed, answers, strict=True)]

    async def reset(self, seat: Seat, asked: Reset) -> Observation:
        """Asks for a new episode; returns when all seats of the match have asked."""
        self._check()
        return await self._ask(self.session.reset(seat, asked), Observation, seat)

    async def leave(self, seat: Seat) -> None:
        """Gives a seat up."""
        self._check()
        await self._ask(self.session.leave(seat), End, seat)

    async def resumed(self) -> list[Seat]:
        """The seats that the session still held when it was resumed; see `netsiege.client.Client.resumed`.

        Bound the wait with `asyncio.timeout`.
        """
        self._check()
        while self.session.awaited:
            await self._heard()
        return self.session.resumed_seats()

    async def caught_up(self, seat: Seat) -> Observation:
        """The seat's last observation, once nothing is open that an earlier process asked of the seat."""
        self._check()
        request = seat.request
        while request and seat.request == request:
            await self._heard()
        if seat.ended is not None:
            raise seat.ended
        return seat.observation

    async def close(self) -> None:
        """Takes leave, without waiting for an answer. A hub that is away is not waited for either."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._connection is not None:
            if self._failure is None and not self._connection.socket.closed:
                self._send(self.session.bye()[1])
            self._connection.close()
        self._fail(self._failure or HubUnreachable(CLOSED))

    def _check(self) -> None:
        """Raises what the client has failed with. A call does so before it asks the session for anything."""
        if self._failure is not None:
            raise self._failure
        if self._connection is None:
            raise SiegeError("open() comes first")

    def _send(self, frame: bytes) -> None:
        self._check()
        assert self._connection is not None
        if self._outage is None:  # what is asked while the hub is away is in the outbox after WELCOME
            self._connection.send(frame)
            self._look_again(self._connection)

    async def _heard(self) -> None:
        """Returns when something has been taken in. Raises if the hub is lost for good."""
        self._check()
        future = self._waiting.get(_ANYTHING)
        if future is None or future.done():
            future = self._waiting[_ANYTHING] = asyncio.get_running_loop().create_future()
        await asyncio.shield(future)

    def _await_reply(self, number: int, seat: Seat | None) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        self._waiting[number, seat.handle if seat is not None else 0] = future
        return future

    async def _ask(self, request: tuple[int, bytes], wanted: type[T], seat: Seat | None = None) -> T:
        number, frame = request
        future = self._await_reply(number, seat)
        self._send(frame)
        answer = await future
        if not isinstance(answer, wanted):
            raise seat.ended if seat is not None and seat.ended else SiegeError(f"the hub said {answer!r}")
        return answer

    # --- the loop -----------------------------------------------------------------------------------------

    def _dial(self) -> Connection:
        """A connection of its own for each try: the hub knows it by a new routing id."""
        self._connection = Connection(self._address, self._keys)
        self._heard_s, self._pinged = time.monotonic(), False
        return self._connection

    async def _run(self, connection: Connection) -> None:
        """Carries the session, over one connection after another, until the hub is lost for good."""
        try:
            while True:
                why = await self._carry(connection)
                outage = self._interrupted(connection, why)
                await asyncio.sleep(max(0.0, min(outage.next_s, outage.until_s) - time.monotonic()))
                if outage.next_s >= outage.until_s:
                    raise outage.gave_up(connection)
                connection = self._dial()
                outage.dialled_s = time.monotonic()
                self._hello, frame = self.session.hello()
                connection.send(frame)
        except SiegeError as error:
            self._fail(error)
        except Exception as error:  # a task that ends in silence would leave every caller waiting
            self._fail(SiegeError(f"the client broke: {error!r}"))
            raise

    def _look_again(self, connection: Connection) -> None:
        """Sending may have swallowed the one signal that something is there."""
        if int(connection.socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
            self._wake.set()

    async def _carry(self, connection: Connection) -> SiegeError:
        """Takes in what arrives over a connection; returns why it is of no use any more."""
        loop, wake = asyncio.get_running_loop(), self._wake
        watched = [int(each.getsockopt(zmq.FD)) for each in (connection.socket, connection.monitor)]
        for descriptor in watched:
            loop.add_reader(descriptor, wake.set)
        try:
            while True:
                # ZeroMQ signals what is new once: what is there is looked for before each wait
                wake.clear()
                why = self._drain(connection)
                if connection.hear_monitor():  # what was said before the end is there by now
                    why = why or self._drain(connection) or connection.lost()
                if connection.refused:
                    raise connection.diagnosis()
                why = why or self._silence(connection)
                if why is not None:
                    return why
                self._look_again(connection)
                timer = loop.call_later(self._patience_s(connection), wake.set)
                await wake.wait()
                timer.cancel()
        finally:
            for descriptor in watched:
                loop.remove_reader(descriptor)

    def _patience_s(self, connection: Connection) -> float:
        """How long nothing may happen until it has to be looked for what is wrong."""
        if self._outage is None:
            return SILENCE_S
        until_s = self._outage.patient_until_s(connection, 2 * SILENCE_S)
        return max(0.0, min(SILENCE_S, until_s - time.monotonic()))

    def _interrupted(self, connection: Connection, why: SiegeError) -> Outage:
        """What is done about a connection of no use; raises `why` if it is not to be tried again."""
        if not self._opened or self._reconnect_s <= 0:
            raise why
        now_s = time.monotonic()
        # a hub that says WELCOME and nothing else has not come back
        outage, self._mended = self._outage or self._mended, None
        if outage is None:
            outage = Outage.begin(why, now_s, self._reconnect_s)
        else:
            outage.failed(now_s)
        self._outage = outage
        connection.close()
        return outage

    def _silence(self, connection: Connection) -> SiegeError | None:
        """Asks a hub that has been silent whether it is there; the reason to give up if it is not."""
        now_s = time.monotonic()
        if self._outage is not None:
            until_s = self._outage.patient_until_s(connection, 2 * SILENCE_S)
            return connection.silent() if now_s >= until_s else None
        silent_s = now_s - self._heard_s
        if silent_s > 2 * SILENCE_S:
            return connection.silent()
        if silent_s > SILENCE_S and not self._pinged:
            self._pinged = True
            self._send(self.session.ping()[1])
        return None

    def _drain(self, connection: Connection) -> SiegeError | None:
        """Takes in what has arrived; returns why the connection cannot go on, if so."""
        session, socket = self.session, connection.socket
        settled: list[Settled] = []
        try:
            frame = socket.recv_multipart(zmq.NOBLOCK)[0]
        except zmq.Again:
            return None
        self._heard_s, self._pinged = time.monotonic(), False
        if self._outage is None:
            self._mended = None
        try:
            while True:
                settled += session.receive(frame)
                frame = socket.recv_multipart(zmq.NOBLOCK)[0]
        except zmq.Again:
            pass
        except ProtocolError as error:
            if self._outage is None:
                raise
            return connection.stranger(error)
        if self._outage is not None and session.welcomed:
            self._mended, self._outage = self._outage, None
        for frame in session.outbox:
            connection.send(frame)
        session.outbox.clear()
        gone: SiegeError | None = None
        for each in settled:
            if isinstance(each.answer, Interrupted):
                gone = each.answer.error
            else:
                self._resolve(each)
        heard = self._waiting.pop(_ANYTHING, None)
        if heard is not None and not heard.done():
            heard.set_result(None)
        return gone

    def _resolve(self, settled: Settled) -> None:
        answer, handle = settled.answer, settled.seat.handle if settled.seat is not None else 0
        if isinstance(answer, Unwanted):
            self._send(self.session.leave(answer.seat)[1])
            return
        future = self._waiting.pop((settled.request, handle), None)
        if future is None:  # a seat's first message answers a request that knew no seat
            future = self._waiting.pop((settled.request, 0), None)
        if isinstance(answer, SiegeError) and settled.seat is None and future is None:
            closes = not settled.request and isinstance(answer, HubUnreachable | AuthError)
            if closes or settled.request == self._hello:
                raise answer
        if future is None or future.done():
            return
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def _fail(self, error: SiegeError) -> None:
        self._failure = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
