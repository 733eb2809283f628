"""What the app needs of a game, and the agent that has it from a hub."""

from __future__ import annotations

from typing import Final, Protocol

from netsiege.agents.asynchronous import AsyncAgent
from netsiege.game import Action, AgentRole, Observation
from netsiege.protocol import Held
from netsiege.session import Seat

_HELD: Final = {
    Held.PLAYERS: "for other players",
    Held.WORKER: "for an engine worker: start one with `netsiege worker`",
    Held.PEERS: "for the other seats to move or to end their episode",
    Held.RESET: "for the other seats to ask for a reset, too",
    Held.CALL: "to be called to a match",
    Held.TURN: "for its turn to be seated",
}


class Game(Protocol):
    """A game to sit down at. Its coroutines raise `SiegeError` when it cannot go on."""

    @property
    def role(self) -> AgentRole:
        """The role that is played, or asked for."""

    @property
    def seat(self) -> Seat | None:
        """The seat, with its limits, goal and seed, once there is one."""

    @property
    def needs_seat(self) -> bool:
        """Whether `register` comes first: there is no seat, or no connection, any more."""

    @property
    def waits_for(self) -> str:
        """What the answer that is awaited is held for, in words; empty if the hub has not said so."""

    async def register(self) -> Observation:
        """Takes a seat; the first observation."""

    async def make_step(self, action: Action | None) -> Observation:
        """Plays a move; None passes."""

    async def request_game_reset(
        self, request_trajectory: bool = False, randomize_topology: bool = False, seed: int | None = None
    ) -> Observation:
        """A new episode."""

    async def terminate_connection(self) -> None:
        """Leaves."""


class HumanAgent(AsyncAgent):
    """A seat at a hub whose moves somebody else chooses."""

    @property
    def needs_seat(self) -> bool:
        """Whether `register` comes first."""
        lost = self._client is None or self._client.failed
        return lost or self.seat is None or self.seat.ended is not None

    @property
    def waits_for(self) -> str:
        """What the hub holds the awaited answer for, or that it is away."""
        if self._client is None or self._client.failed:
            return ""
        if not self._client.session.welcomed:
            return "for the hub, which has gone: it is tried again"
        held = self._client.session.holding
        return "" if held is None else _HELD[held]
