"""`BaseAgent` for asyncio: hundreds of agents in one thread."""

from __future__ import annotations

import random

from netsiege.agents.base import EpisodeSummary
from netsiege.aio import AsyncClient
from netsiege.errors import MatchOver, SiegeError
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import DEFAULT_PORT, DEFAULT_ROOM, Reset
from netsiege.session import Seat
from netsiege.wire import CONNECT_TIMEOUT_S


class AsyncAgent:
    """An agent that plays over a hub from a coroutine. Override the coroutine `choose_action`."""

    def __init__(
        self,
        host: str = "localhost",
        port: int = DEFAULT_PORT,
        role: AgentRole | str = AgentRole.Attacker,
        *,
        room: str = DEFAULT_ROOM,
        name: str | None = None,
        address: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """As `BaseAgent`."""
        self.address = address or f"tcp://{host}:{port}"
        self.room = room
        self.role = AgentRole.from_string(role)
        self.name = name or type(self).__name__
        self.seat: Seat | None = None
        self.rng = random.Random(0)  # noqa: S311  # play, not secrets; re-seeded when seated
        self._connect_timeout_s = connect_timeout_s
        self._client: AsyncClient | None = None

    async def choose_action(self, observation: Observation) -> Action | None:
        """The next action; None passes. Must be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must override choose_action")

    async def register(self) -> Observation:
        """Connects, takes a seat and returns the first observation, once the match is full."""
        if self._client is None:
            self._client = await AsyncClient(self.address, self.name).open(self._connect_timeout_s)
        self.seat = await self._client.join(self.role, self.room)
        self.rng = random.Random(self.seat.seed)  # noqa: S311  # play, not secrets
        return self.seat.observation

    async def make_step(self, action: Action | None) -> Observation:
        """Plays an action (None passes) and returns what it led to."""
        client, seat = self._registered()
        return await client.step(seat, action)

    async def request_game_reset(
        self, request_trajectory: bool = False, randomize_topology: bool = False, seed: int | None = None
    ) -> Observation:
        """Asks for a new episode; see `BaseAgent.request_game_reset`."""
        client, seat = self._registered()
        return await client.reset(seat, Reset(request_trajectory, randomize_topology, seed))

    async def terminate_connection(self) -> None:
        """Gives the seat up and closes the connection. Harmless when there is none."""
        if self._client is not None:
            await self._client.close()
            self._client = self.seat = None

    async def play(self, episodes: int | None = 1) -> list[EpisodeSummary]:
        """Plays whole episodes, registering first if need be; None: as many as the match has."""
        observation = await self.register() if self.seat is None else self.seat.observation
        played: list[EpisodeSummary] = []
        while True:
            steps, total = 0, 0.0
            while not observation.end:
                observation = await self.make_step(await self.choose_action(observation))
                steps, total = steps + 1, total + observation.reward
            reason = observation.info.get("end_reason")
            played.append(EpisodeSummary(0, len(played), steps, total, reason))
            if len(played) == episodes:
                return played
            try:
                observation = await self.request_game_reset()
            except MatchOver:
                return played

    def _registered(self) -> tuple[AsyncClient, Seat]:
        if self._client is None or self.seat is None:
            raise SiegeError("register() comes first")
        return self._client, self.seat
