"""Many seats over one session: each turn moves all seats that can move, in one STEP_MANY."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from attrs import define

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.marking import Speaker, marking
from netsiege.client import Client
from netsiege.errors import MatchOver, ProtocolError, SiegeError
from netsiege.game import Action, Observation
from netsiege.protocol import MAX_BATCH, Code, Reset
from netsiege.session import Seat, Settled

THINKING_S: Final = 0.05
"""What is chosen after so much thinking is sent at once: the others of the turn may take as long."""
PATIENCE_S: Final = 5.0


@define(eq=False)
class Player:
    """One seat, the copy of the agent that plays it, and its running episode.

    `episodes` is how many it plays before it leaves; None: until the match is over. `move` is what it has
    played last.
    """

    number: int
    agent: BaseAgent | Speaker
    seat: Seat
    episodes: int | None
    episode: int = 0
    steps: int = 0
    total: float = 0.0
    resetting: bool = False
    move: Action | None = None


class Players:
    """The seats that an agent plays over one session. `told` hears of every episode that has ended.

    `playing` has those that play; `leaving` the handles of those that have played, until the hub says so.
    """

    def __init__(self, client: Client, told: Callable[[EpisodeSummary], None]) -> None:
        self.playing: dict[int, Player] = {}
        self.leaving: set[int] = set()
        self._client = client
        self._told = told
        self._to_move: list[Player] = []
        self._to_repeat: list[Player] = []
        self._marking = marking()
        if self._marking is not None:
            self._marking.begin()

    def sit(self, agent: BaseAgent, number: int, seat: Seat, episodes: int | None) -> None:
        """Has a copy of the agent play a seat, as its number `number`."""
        marks = self._marking
        copy = (
            agent.copy_for(self._client, seat) if marks is None else marks.copy_for(agent, self._client, seat)
        )
        player = Player(number, copy, seat, episodes)
        self.playing[seat.handle] = player
        player.agent.episode_started(seat.observation)
        self._to_move.append(player)

    def move(self) -> None:
        """Moves all seats that can move. Raises what choosing raises, and what cannot be sent."""
        repeated, self._to_repeat = self._to_repeat, []
        self._send([(p.seat, p.move) for p in repeated if p.seat.ended is None])
        thinking, self._to_move = self._to_move, []
        moves: list[tuple[Seat, Action | None]] = []
        began_s = time.monotonic()
        for player in thinking:
            if player.seat.ended is not None:
                continue
            player.move = player.agent.choose_action(player.seat.observation)
            moves.append((player.seat, player.move))
            if time.monotonic() - began_s > THINKING_S:
                self._send(moves)
                moves, began_s = [], time.monotonic()
        self._send(moves)

    def _send(self, moves: list[tuple[Seat, Action | None]]) -> None:
        for i in range(0, len(moves), MAX_BATCH):
            self._client.send(self._client.session.step_many(moves[i : i + MAX_BATCH]))

    def hear(self, settled: list[Settled]) -> list[Player]:
        """Takes in answers; returns those that play no longer because something has ended their seats.

        Raises a refusal that ends no seat: the agent has asked for what it must not.
        """
        over = []
        # a STEP_MANY is refused as a whole if one of its seats had ended when it came to the hub
        crossed = {each.request for each in settled if each.seat is not None and each.seat.ended is not None}
        for each in settled:
            player = self.playing.get(each.seat.handle) if each.seat is not None else None
            if isinstance(each.answer, Observation):
                # what nobody asked for (a pass after a missed deadline) is known to the session already
                if player is not None and each.request:
                    self._observed(player, each.answer)
            elif each.seat is not None and each.seat.ended is not None:
                self.leaving.discard(each.seat.handle)
                if player is not None:
                    self._remove(player)
                    over.append(player)
            elif player is not None:
                self._refused(player, each.answer, each.request in crossed)
        return over

    def _refused(self, player: Player, answer: Any, crossed: bool) -> None:
        if crossed and isinstance(answer, ProtocolError) and answer.code == Code.UNKNOWN_SEAT:
            self._to_repeat.append(player)
        elif isinstance(answer, SiegeError):
            raise answer

    def _observed(self, player: Player, observation: Observation) -> None:
        if player.resetting:
            player.steps, player.total, player.resetting = 0, 0.0, False
            player.agent.episode_started(observation)
            self._to_move.append(player)
            return
        player.steps += 1
        player.total += observation.reward
        if observation.end:
            self._episode_ended(player, observation.info.get("end_reason"))
        else:
            self._to_move.append(player)

    def _episode_ended(self, player: Player, reason: str | None) -> None:
        summary = EpisodeSummary(player.number, player.episode, player.steps, player.total, reason)
        self._told(summary)
        player.agent.episode_ended(summary)
        player.episode += 1
        if player.seat.ended is not None:
            return  # the next answer says so
        session, seat = self._client.session, player.seat
        if player.episode != player.episodes:
            player.resetting = True
            self._client.send(session.reset(seat, Reset()))
        else:
            self._remove(player)
            self.leaving.add(seat.handle)
            self._client.send(session.leave(seat))

    def _remove(self, player: Player) -> None:
        del self.playing[player.seat.handle]
        if self._marking is not None:
            self._marking.end(player.seat.match)


def play_many(agent: BaseAgent, seats: int, episodes: int | None) -> list[EpisodeSummary]:
    """See `BaseAgent.play_many`. Raises the first error that is not the end of a match."""
    client = agent.connect()
    played: list[EpisodeSummary] = []
    players = Players(client, played.append)
    for number, seat in enumerate(client.join(agent.role, agent.room, seats)):
        players.sit(agent, number, seat, episodes)
    while players.playing:
        players.move()
        for over in players.hear(client.pump(PATIENCE_S)):
            if over.seat.ended is not None and not isinstance(over.seat.ended, MatchOver):
                raise over.seat.ended
    return played
