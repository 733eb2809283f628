"""A match inside this process: agents and the engine, without a hub between them.

Agents are told what they would be told over a hub, to the byte; only the connection is missing. It is how
agents are trained and evaluated: as fast as the engine, and the same from the same seed.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.book import seat_of
from netsiege.engine.game import Game
from netsiege.engine.replies import Output
from netsiege.engine.tables import Tables, compile_spec
from netsiege.errors import ProtocolError, SiegeError
from netsiege.game import AgentRole
from netsiege.protocol import HUB_SEAT, Error, Kind, Reset, Result, SeatSpec
from netsiege.protocol.play import Seated, action_body, read_observation
from netsiege.scenarios.model import Spec
from netsiege.session import Seat

STEP, RESET, OBS, WAIT, ERROR, RESULT = (
    int(kind) for kind in (Kind.STEP, Kind.RESET, Kind.OBS, Kind.WAIT, Kind.ERROR, Kind.RESULT)
)


@define(eq=False)
class _Player:
    """A seat, who plays it, and its running episode. `awaits` says that a request is not answered yet."""

    agent: BaseAgent
    seat: Seat
    awaits: bool = False
    steps: int = 0
    total: float = 0.0


class LocalMatch:
    """A match of these agents, in the order of its seats; `play_episode` plays it.

    Equal arguments give equal episodes.
    """

    def __init__(self, spec: Spec | Tables, agents: Sequence[BaseAgent], seed: int) -> None:
        tables = compile_spec(spec.to_bytes()) if isinstance(spec, Spec) else spec
        counts = dict.fromkeys(AgentRole, 0)
        specs = []
        for agent in agents:
            specs.append(SeatSpec(agent.role.value, counts[agent.role], agent.name, True))
            counts[agent.role] += 1
        self._game = Game(tables, 1, seed, specs, None)
        self._results: list[Result] = []
        """Of the episode that is played: none before its end."""
        self._requests = 0
        self._episode = 0
        self._players: list[_Player] = []
        for agent, (_, _, _, _, body) in zip(agents, self._game.open(), strict=True):
            told = Seated.decode(body)
            first, _ = read_observation(told.observation, None)
            seat = seat_of(len(self._players) + 1, told, first, agent.name)
            agent.seated(seat)
            self._players.append(_Player(agent, seat))

    @property
    def tables(self) -> Tables:
        """The compiled scenario and task, under the present addresses."""
        return self._game.tables

    def play_episode(self, *, seed: int | None = None, randomize_topology: bool = False) -> Result:
        """Plays the next episode to its end.

        With `seed`, it is drawn from it; with `randomize_topology` as well, under addresses drawn from it, if
        the task has dynamic ones. The first episode is that of the match's seed, unless one is named.
        """
        if self._episode or seed is not None:
            self._begin(Reset(False, randomize_topology, seed))
        self._episode += 1
        self._results.clear()
        for player in self._players:
            player.steps, player.total = 0, 0.0
            player.agent.episode_started(player.seat.observation)
        while not self._results:
            for i, player in enumerate(self._players):
                observation = player.seat.observation
                if not (observation.end or player.awaits):
                    player.steps += 1
                    self._ask(i, STEP, action_body(player.agent.choose_action(observation)))
        for number, player in enumerate(self._players):
            reason = player.seat.observation.info.get("end_reason")
            player.agent.episode_ended(
                EpisodeSummary(number, self._episode - 1, player.steps, player.total, reason)
            )
        return self._results[0]

    def _begin(self, asked: Reset) -> None:
        body = asked.encode()
        for i in range(len(self._players)):
            self._ask(i, RESET, body)

    def _ask(self, i: int, kind: int, body: bytes) -> None:
        self._requests += 1
        self._players[i].awaits = True
        for output in self._game.handle(i, kind, self._requests, body):
            self._hear(output)

    def _hear(self, output: Output) -> None:
        index, kind, _, _, body = output
        if index == HUB_SEAT:
            if kind == RESULT:
                self._results.append(Result.decode(body))
            return
        player = self._players[index]
        if kind == OBS:
            seat = player.seat
            observation, _ = read_observation(body, seat.observation.state)
            seat.hear(observation)
            player.total += observation.reward
            player.awaits = False
        elif kind == ERROR:
            error = Error.decode(body)
            raise ProtocolError(error.code, error.text)
        elif kind != WAIT:
            raise SiegeError(f"the engine says {Kind(kind).name} to {player.agent.name}")
