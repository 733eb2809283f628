"""The asynchronous client: the same `Session` on an asyncio event loop, many requests at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Self, TypeVar

import zmq
import zmq.asyncio

from netsiege.errors import HubUnreachable, ProtocolError, SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import DEFAULT_ROOM, End, Reset, SessionRole, Welcome
from netsiege.session import Seat, Session, Settled, Unwanted
from netsiege.wire import CONNECT_TIMEOUT_S, SILENCE_S, Connection

T = TypeVar("T")


class AsyncClient:
    """A connection to a hub for asyncio. Its methods may run side by side, one for each seat, say.

    Failures are those of `netsiege.client.Client`. A lost connection fails every pending call.
    """

    def __init__(
        self, address: str, name: str, role: SessionRole = SessionRole.AGENT, *, deltas: bool = True
    ) -> None:
        self.session = Session(name, role, deltas)
        self._address = address
        self._connection: Connection | None = None
        self._waiting: dict[tuple[int, int], asyncio.Future[Any]] = {}
        self._task: asyncio.Task[None] | None = None
        self._failure: SiegeError | None = None
        self._heard_s = 0.0

    async def open(self, timeout_s: float = CONNECT_TIMEOUT_S) -> Self:
        """Says HELLO. Raises `HubUnreachable` or `AuthError` with advice if no hub answers in time."""
        self._connection = Connection(self._address)
        self._heard_s = time.monotonic()
        self._task = asyncio.create_task(self._run(self._connection))
        try:
            async with asyncio.timeout(timeout_s):
                await self._ask(self.session.hello(), Welcome)
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise self._connection.diagnosis() from None
            if isinstance(error, ProtocolError):
                raise self._connection.stranger(error) from None
            raise
        return self

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @property
    def failed(self) -> bool:
        """Whether the connection is lost: open another client then."""
        return self._failure is not None

    async def join(self, role: AgentRole, room: str = DEFAULT_ROOM) -> Seat:
        """Takes a seat; returns when its match is full. Bound the wait with `asyncio.timeout`."""
        number, frame = self.session.join(room, role)
        try:
            return await self._ask((number, frame), Seat)
        except asyncio.CancelledError:
            if self.session.is_open(number) and self._failure is None:
                self._send(self.session.withdraw(number)[1])
            raise

    async def step(self, seat: Seat, action: Action | None) -> Observation:
        """Plays an action; None passes."""
        return await self._ask(self.session.step(seat, action), Observation, seat)

    async def step_many(self, moves: Iterable[tuple[Seat, Action | None]]) -> list[Settled]:
        """Plays one action on each of many seats; the answers, in the same order, may be errors."""
        listed = list(moves)
        number, frame = self.session.step_many(listed)
        futures = [self._await_reply(number, seat) for seat, _ in listed]
        self._send(frame)
        answers = await asyncio.gather(*futures, return_exceptions=True)
        return [Settled(number, seat, answer) for (seat, _), answer in zip(listed, answers, strict=True)]

    async def reset(self, seat: Seat, asked: Reset) -> Observation:
        """Asks for a new episode; returns when all seats of the match have asked."""
        return await self._ask(self.session.reset(seat, asked), Observation, seat)

    async def leave(self, seat: Seat) -> None:
        """Gives a seat up."""
        await self._ask(self.session.leave(seat), End, seat)

    async def close(self) -> None:
        """Takes leave, without waiting for an answer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._connection is not None and not self._connection.socket.closed:
            if self._failure is None:
                self._send(self.session.bye()[1])
            self._fail(HubUnreachable("the client was closed"))
            self._connection.close()

    def _send(self, frame: bytes) -> None:
        if self._failure is not None:
            raise self._failure
        if self._connection is None or self._connection.socket.closed:
            raise SiegeError("open() comes first")
        self._connection.socket.send(frame, zmq.NOBLOCK)

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

    async def _run(self, connection: Connection) -> None:
        """Takes in what arrives until the connection is lost or the client is closed."""
        poller = zmq.asyncio.Poller()
        poller.register(connection.socket, zmq.POLLIN)
        poller.register(connection.monitor, zmq.POLLIN)
        pinged = False
        while True:
            ready = dict(await poller.poll(int(SILENCE_S * 1_000)))
            try:
                if connection.socket in ready:
                    self._heard_s, pinged = time.monotonic(), False
                    self._drain(connection)
                if connection.monitor in ready and connection.hear_monitor():
                    raise connection.lost()
                silent_s = time.monotonic() - self._heard_s
                if silent_s > SILENCE_S and pinged:
                    raise HubUnreachable(f"{connection.address}: the hub has stopped answering")
                if silent_s > SILENCE_S:
                    pinged = True
                    self._send(self.session.ping()[1])
            except SiegeError as error:
                self._fail(error)
                return
            except Exception as error:  # a task that ends in silence would leave every caller waiting
                self._fail(SiegeError(f"the client broke: {error!r}"))
                raise

    def _drain(self, connection: Connection) -> None:
        while True:
            try:
                frames = connection.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            for settled in self.session.receive(frames[0]):
                self._resolve(settled)

    def _resolve(self, settled: Settled) -> None:
        if not settled.request and isinstance(settled.answer, HubUnreachable):
            raise settled.answer
        if isinstance(settled.answer, Unwanted):
            self._send(self.session.leave(settled.answer.seat)[1])
            return
        handle = settled.seat.handle if settled.seat is not None else 0
        future = self._waiting.pop((settled.request, handle), None)
        if future is None:  # a seat's first message answers a request that knew no seat
            future = self._waiting.pop((settled.request, 0), None)
        if future is None or future.done():
            return
        if isinstance(settled.answer, BaseException):
            future.set_exception(settled.answer)
        else:
            future.set_result(settled.answer)

    def _fail(self, error: SiegeError) -> None:
        self._failure = error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
