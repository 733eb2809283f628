"""`BaseAgent` for asyncio: hundreds of agents in one thread."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from netsiege.agents.profile import AgentProfile, EpisodeSummary
from netsiege.aio import AsyncClient
from netsiege.errors import ConfigError, HubUnreachable, MatchOver, SiegeError
from netsiege.game import Action, Observation
from netsiege.protocol import Reset
from netsiege.session import Seat


class AsyncAgent(AgentProfile):
    """An agent that plays over a hub from a coroutine. Override the coroutine `choose_action`.

    It raises what `BaseAgent` does. `episode_started` and `episode_ended` are plain methods here, too: a
    class that has a coroutine for one of them is refused with `ConfigError`, as nobody would await it.
    """

    _client: AsyncClient | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in ("episode_started", "episode_ended"):
            if inspect.iscoroutinefunction(getattr(cls, name)):
                raise ConfigError(f"{cls.__name__}.{name} is a coroutine: define it with `def`")

    async def choose_action(self, observation: Observation) -> Action | None:
        """The next action; None passes. Must be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must override choose_action")

    async def register(self, timeout_s: float | None = None) -> Observation:
        """Connects, takes a seat and returns the first observation, once the match is full.

        Raises `TimeoutError` if that takes longer than `timeout_s`. With a `session_token` it continues a
        seat: see `BaseAgent.register`.
        """
        limit = asyncio.timeout(timeout_s)
        try:
            async with self._dropping_a_lost_connection(), limit:
                client = await self._connect()
                if self._token is not None:
                    seat = await self._continue(client)
                else:
                    seat = await client.join(self.role, self.room)
        except TimeoutError:
            if not limit.expired():
                raise
            raise TimeoutError(
                f"no seat within {timeout_s:g} s: the hub waits for other players, or for an engine worker"
            ) from None
        self.seated(seat)
        return seat.observation

    async def _connect(self) -> AsyncClient:
        if self._client is None:
            client = AsyncClient(
                self.address,
                self.name,
                token=self._token,
                reconnect_s=self.reconnect_s,
                keys=self.keys,
            )
            self._client = await client.open(self.connect_timeout_s)
        return self._client

    async def _continue(self, client: AsyncClient) -> Seat:
        try:
            seat = self._continued(await client.resumed())
            await client.caught_up(seat)
        except SiegeError:
            await self.terminate_connection()
            raise
        self._token = None
        return seat

    @property
    def session_token(self) -> bytes | None:
        """The session's secret, with which another agent may continue the seat if this one dies."""
        return self._token if self._client is None else self._client.session.token

    async def make_step(self, action: Action | None) -> Observation:
        """Plays an action (None passes) and returns what it led to."""
        client, seat = self._registered()
        async with self._dropping_a_lost_connection():
            return await client.step(seat, action)

    async def request_game_reset(
        self, request_trajectory: bool = False, randomize_topology: bool = False, seed: int | None = None
    ) -> Observation:
        """Asks for a new episode; see `BaseAgent.request_game_reset`."""
        client, seat = self._registered()
        async with self._dropping_a_lost_connection():
            return await client.reset(seat, Reset(request_trajectory, randomize_topology, seed))

    async def terminate_connection(self) -> None:
        """Gives the seat up and closes the connection. Harmless when there is none."""
        if self._client is not None:
            await self._client.close()
            self._client = self._seat = self._token = None

    @asynccontextmanager
    async def _dropping_a_lost_connection(self) -> AsyncIterator[None]:
        """What has lost its hub is of no use any more: the next `register` connects anew."""
        try:
            yield
        except SiegeError as error:
            if isinstance(error, HubUnreachable) or (self._client is not None and self._client.failed):
                await self.terminate_connection()
            raise

    async def play(self, episodes: int | None = 1) -> list[EpisodeSummary]:
        """Plays whole episodes, registering first if need be; None: as many as the match has.

        Ends early, without an error, when the match is over.
        """
        observation = await self._ready_to_play()
        played: list[EpisodeSummary] = []
        while True:
            self.episode_started(observation)
            steps, total = 0, 0.0
            while not observation.end:
                observation = await self.make_step(await self.choose_action(observation))
                steps, total = steps + 1, total + observation.reward
            reason = observation.info.get("end_reason")
            played.append(EpisodeSummary(0, len(played), steps, total, reason))
            self.episode_ended(played[-1])
            if episodes is not None and len(played) >= episodes:
                return played
            try:
                observation = await self.request_game_reset()
            except MatchOver:
                return played

    async def _ready_to_play(self) -> Observation:
        if self.seat is None or self.seat.ended is not None:
            return await self.register()
        return await self.request_game_reset() if self.seat.observation.end else self.seat.observation

    def _registered(self) -> tuple[AsyncClient, Seat]:
        if self._client is None or self.seat is None:
            raise SiegeError("register() comes first")
        return self._client, self.seat
