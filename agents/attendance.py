"""An agent that attends a hall: it plays all matches that it is called to, until the hall is closed.

To the agent a hall is a room whose seats take their time: who is called when, a tournament decides. In an
ordinary room it plays one match after another, for as long as there is the room.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import Factory, define

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.many import PATIENCE_S, Players
from netsiege.client import Client
from netsiege.errors import Forfeited, MatchOver, ProtocolError, SiegeError, WorkerLost
from netsiege.protocol import Code, End
from netsiege.session import Seat, Settled


def attend(agent: BaseAgent, seats: int, told: Callable[[EpisodeSummary], None]) -> None:
    """See `BaseAgent.attend`."""
    attendance = _Attendance(agent, seats, agent.connect(), told)
    attendance.join()
    while attendance.is_going_on:
        attendance.turn()


class _Attendance:
    """The seats that an agent plays in a hall, and its JOINs that wait there."""

    def __init__(
        self, agent: BaseAgent, seats: int, client: Client, told: Callable[[EpisodeSummary], None]
    ) -> None:
        self._agent = agent
        self._seats = seats
        self._client = client
        self._players = Players(client, told)
        self._joins: set[int] = set()
        self._matches = 0
        self._was_let_in = False
        self._closed = False

    @property
    def is_going_on(self) -> bool:
        leaving = self._players.leaving and not self._closed
        return bool(self._players.playing or self._joins or leaving)

    def join(self) -> None:
        """Asks for as many seats as are free: one that is left is free when the hub has said so."""
        if not self._closed:
            held = len(self._players.playing) + len(self._players.leaving) + len(self._joins)
            session = self._client.session
            for _ in range(self._seats - held):
                self._joins.add(self._client.send(session.join(self._agent.room, self._agent.role)))

    def turn(self) -> None:
        """Moves all that can move, and takes in what there is to hear."""
        self._players.move()
        settled = self._client.hear(PATIENCE_S)
        self._was_let_in = self._was_let_in or any(map(self._client.session.held, self._joins))
        for each in settled:
            if each.request in self._joins:
                self._joined(each)
        # what has ended a match has ended that match only
        self._players.hear(settled)
        self.join()

    def _joined(self, settled: Settled) -> None:
        answer = settled.answer
        if isinstance(answer, Seat):
            self._was_let_in = True
            # a match without end is no one's to finish: an episode of it is
            self._players.sit(self._agent, self._matches, answer, answer.episodes or 1)
            self._matches += 1
        elif isinstance(answer, End) or self._room_is_gone(answer):
            self._closed = True
        elif not isinstance(answer, MatchOver | Forfeited | WorkerLost):  # of a match that nobody saw here
            assert isinstance(answer, SiegeError)
            raise answer
        self._joins.discard(settled.request)

    def _room_is_gone(self, answer: object) -> bool:
        """Whether the hall was closed while the hub was away. One that was never there is a mistake."""
        unknown = isinstance(answer, ProtocolError) and answer.code == Code.UNKNOWN_ROOM
        return unknown and self._was_let_in


@define
class Tally:
    """What an agent has played, summed up: however much it is, it takes no more memory."""

    matches: int = 0
    episodes: int = 0
    steps: int = 0
    total_reward: float = 0.0
    end_reasons: dict[str, int] = Factory(dict)
    """How often an episode ended so, as its player saw it."""

    def __call__(self, summary: EpisodeSummary) -> None:
        """Counts an episode."""
        self.matches += summary.episode == 0
        self.episodes += 1
        self.steps += summary.steps
        self.total_reward += summary.total_reward
        reason = summary.end_reason or ""
        self.end_reasons[reason] = self.end_reasons.get(reason, 0) + 1
