"""The class that every agent starts from, blocking; NetSecGame's names and more."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from netsiege.agents.profile import AgentProfile, EpisodeSummary
from netsiege.client import Client
from netsiege.errors import HubUnreachable, MatchOver, SiegeError
from netsiege.game import Action, Observation
from netsiege.protocol import Reset
from netsiege.session import Seat

__all__ = ["BaseAgent", "EpisodeSummary"]


class BaseAgent(AgentProfile):
    """An agent that plays over a hub. Override `choose_action`; `play` does the rest.

    `register`, `make_step`, `request_game_reset` and `terminate_connection` are NetSecGame's, except that
    they raise where that one logs and returns None: `HubUnreachable`, `AuthError`, `ProtocolError`,
    `WorkerLost`, `Forfeited`, `MatchOver` (all of them `SiegeError`). One agent belongs to one thread.
    """

    _client: Client | None = None

    # --- for subclasses -----------------------------------------------------------------------------------

    def choose_action(self, observation: Observation) -> Action | None:
        """The next action; None passes. Must be overridden."""
        raise NotImplementedError(f"{type(self).__name__} must override choose_action")

    # --- NetSecGame's interface ---------------------------------------------------------------------------

    def register(self, timeout_s: float | None = None) -> Observation:
        """Connects, takes a seat and returns the first observation, once the match is full.

        `info` has NetSecGame's keys: message, max_steps, goal_description, actions, configuration_hash.
        Raises `TimeoutError` if the other players take longer than `timeout_s`.

        An agent with a `session_token` continues its seat and returns the last observation, or the answer to
        what was asked last, once it is there; the first seat, if there are several. What it draws starts
        again from the seat's seed. Raises `HubUnreachable` if the hub has no such seat (any more), or what
        ended it; `register` takes a new seat after that.
        """
        with self._dropping_a_lost_connection():
            client = self.connect()
            if self._token is not None:
                seat = self._continue(client, timeout_s)
            else:
                seat = client.join(self._role, self.room, timeout_s=timeout_s)[0]
        self.seated(seat)
        return seat.observation

    def _continue(self, client: Client, timeout_s: float | None) -> Seat:
        try:
            seat = self._continued(client.resumed(timeout_s))
            client.caught_up(seat, timeout_s)
        except SiegeError:
            self.terminate_connection()
            raise
        self._token = None
        return seat

    def make_step(self, action: Action | None) -> Observation:
        """Plays an action (None passes) and returns what it led to."""
        client, seat = self._registered()
        with self._dropping_a_lost_connection():
            return client.step(seat, action)

    def request_game_reset(
        self, request_trajectory: bool = False, randomize_topology: bool = False, seed: int | None = None
    ) -> Observation:
        """Asks for a new episode and returns its first observation, once every seat has asked.

        With `request_trajectory`, `info["last_trajectory"]` is the last episode in NetSecGame's form.
        Raises `MatchOver` when the match has played all its episodes, `ProtocolError` (BAD_REQUEST) when
        another seat has asked for another seed or topology.
        """
        client, seat = self._registered()
        with self._dropping_a_lost_connection():
            return client.reset(seat, Reset(request_trajectory, randomize_topology, seed))

    def terminate_connection(self) -> None:
        """Gives the seat up and closes the connection. Harmless when there is none."""
        if self._client is not None:
            self._client.close()
            self._client = None
            self._seat = None
            self._token = None

    @property
    def session_token(self) -> bytes | None:
        """The session's secret, with which another agent may continue the seat if this one dies."""
        return self._token if self._client is None else self._client.session.token

    @contextmanager
    def _dropping_a_lost_connection(self) -> Iterator[None]:
        """What has lost its hub is of no use any more: the next `register` connects anew."""
        try:
            yield
        except SiegeError as error:
            if isinstance(error, HubUnreachable) or (self._client is not None and self._client.failed):
                self.terminate_connection()
            raise

    def _registered(self) -> tuple[Client, Seat]:
        if self._client is None or self._seat is None:
            raise SiegeError("register() comes first")
        return self._client, self._seat

    # --- whole games --------------------------------------------------------------------------------------

    def play(self, episodes: int | None = 1) -> list[EpisodeSummary]:
        """Plays whole episodes, registering first if need be; None: as many as the match has.

        Ends early, without an error, when the match is over.
        """
        observation = self._ready_to_play()
        played: list[EpisodeSummary] = []
        while True:
            self.episode_started(observation)
            steps, total = 0, 0.0
            while not observation.end:
                observation = self.make_step(self.choose_action(observation))
                steps, total = steps + 1, total + observation.reward
            reason = observation.info.get("end_reason")
            played.append(EpisodeSummary(0, len(played), steps, total, reason))
            self.episode_ended(played[-1])
            if episodes is not None and len(played) >= episodes:
                return played
            try:
                observation = self.request_game_reset()
            except MatchOver:
                return played

    def _ready_to_play(self) -> Observation:
        """The first observation of an episode: of a new seat, or of the one that there is."""
        if self._seat is None or self._seat.ended is not None:
            return self.register()
        return self.request_game_reset() if self._seat.observation.end else self._seat.observation

    def play_many(self, seats: int, episodes: int | None = 1) -> list[EpisodeSummary]:
        """Plays many seats at once over one connection, one batched message a turn.

        Each seat is played by a shallow copy of this agent: what it holds by reference (a table, a model)
        is shared, its `rng` is its own. Returns the episodes of all seats, in the order in which they ended.

        Raises what ends a seat before its time, and what `choose_action` raises; the connection is closed
        then, and all seats are given up. `register` and `play_many` connect anew after that.
        """
        from netsiege.agents.many import play_many  # noqa: PLC0415  # most agents play one seat

        try:
            return play_many(self, seats, episodes)
        except BaseException:
            # seats that nobody plays any more would keep the others of their matches waiting
            self.terminate_connection()
            raise

    def attend(
        self, seats: int = 8, told: Callable[[EpisodeSummary], None] | None = None
    ) -> list[EpisodeSummary]:
        """Plays all matches that the agent is called to in a hall (its `room`), until that is closed.

        Up to `seats` matches are played at once, each by a copy as in `play_many`, to its last episode; one
        episode of a match without end. Seats that are free wait to be called. One thread thinks for all.

        Each episode is handed to `told` when it has ended; without it, all are returned in the end, in that
        order. Their `seat` counts the matches. What ends one match, a forfeit say, ends no other.

        Raises `HubUnreachable` when the hub is away for longer than `reconnect_s`, `ProtocolError` for a
        room that is not there or has no seat for the role, and what `choose_action` raises; the connection
        is closed then, and all seats are given up.
        """
        from netsiege.agents.attendance import attend  # noqa: PLC0415  # most agents play one seat

        played: list[EpisodeSummary] = []
        try:
            attend(self, seats, played.append if told is None else told)
        except BaseException:
            self.terminate_connection()
            raise
        return played

    def copy_for(self, client: Client, seat: Seat) -> Self:
        """A shallow copy of this agent that plays another seat of the same session."""
        twin = copy.copy(self)
        twin._client = client
        twin.seated(seat)
        return twin

    def connect(self) -> Client:
        """The agent's connection, opened if it is not yet."""
        if self._client is None:
            client = Client(
                self.address,
                self.name,
                token=self._token,
                reconnect_s=self.reconnect_s,
                keys=self.keys,
            )
            self._client = client.open(self.connect_timeout_s)
        return self._client
