"""A user with office hours, habits and thoughts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, TypeVar

from attrs import define, field

from netsiege.agents.base import BaseAgent
from netsiege.agents.parameters import Parameter
from netsiege.game import (
    IP,
    Action,
    ActionType,
    AgentRole,
    Data,
    GameState,
    Observation,
    generate_valid_actions,
)
from netsiege.session import Seat

T = TypeVar("T", IP, Data)

USED: Final = frozenset({ActionType.FindServices, ActionType.FindData, ActionType.ExfiltrateData})


class OfficeBenign(BaseAgent):
    """Works in shifts, thinks between two actions, and mostly uses the same few hosts and data.

    A day has `day_moves` moves, and a shift is the `busy` share of them, in one piece that begins at an hour
    drawn once an episode (past midnight, it goes on in the morning). In a shift, each action is followed by
    a time of thought of random length, geometrically distributed. Off and in thought it passes.

    An action is one that uses favourite hosts and data only, if there is one; with the probability `habit`
    it goes on where it was: with the target of its last action. Looks for services and data and copies data;
    never scans, exploits or blocks, and never touches logs.
    """

    plays = (AgentRole.Benign,)
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "day_moves": Parameter(24, "the moves of a day", 1),
        "busy": Parameter(0.5, "the share of a day's moves that are its shift", 0.0, 1.0),
        "think_moves": Parameter(1.0, "the mean number of moves that it thinks after an action", 0.0),
        "favourites": Parameter(2, "how many hosts it prefers, and how many data", 1),
        "habit": Parameter(0.7, "the probability of going on where it was", 0.0, 1.0),
    }
    day_moves: int
    busy: float
    think_moves: float
    favourites: int
    habit: float

    _desk: _Desk | None = None

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self._desk = None

    def episode_started(self, observation: Observation) -> None:
        """A new job: other hours, hosts and data. Without this call, it is one when less is known."""
        self._desk = None

    def choose_action(self, observation: Observation) -> Action | None:
        """What it does next; a pass when it is off, thinks or has nothing to do."""
        state = observation.state
        if self._desk is None or self._desk.is_of_another_episode(state):
            self._desk = _Desk(self.rng.randrange(self.day_moves))
        desk = self._desk
        desk.hosts, desk.data = state.controlled_hosts, state.known_data
        hour, desk.hour = desk.hour, (desk.hour + 1) % self.day_moves
        if hour >= round(self.busy * self.day_moves):
            return None
        # a pass with this probability, each move anew: a geometric time of that mean
        if desk.last is not None and desk.thinks:
            desk.thinks = self.rng.random() < self.think_moves / (1 + self.think_moves)
            if desk.thinks:
                return None
        action = self._chosen(state, desk)
        desk.last, desk.thinks = action or desk.last, action is not None
        return action

    def _chosen(self, state: GameState, desk: _Desk) -> Action | None:
        actions = [a for a in generate_valid_actions(state) if a.type in USED and not _is_about_a_log(a)]
        hosts = self._favoured(desk.liked_hosts, sorted(state.known_hosts | state.controlled_hosts))
        known = sorted({d for data in state.known_data.values() for d in data if d.type != "log"})
        data = self._favoured(desk.liked_data, known)
        liked = [a for a in actions if _is_liked(a, hosts, data)] or actions
        if desk.last is not None and self.rng.random() < self.habit:
            target = desk.last.parameters["target_host"]
            liked = [a for a in liked if a.parameters["target_host"] == target] or liked
        return self.rng.choice(liked) if liked else None

    def _favoured(self, liked: list[T], known: list[T]) -> list[T]:
        """The favourites, more of which are drawn from what is known while there are too few."""
        others = [each for each in known if each not in liked]
        while others and len(liked) < self.favourites:
            liked.append(others.pop(self.rng.randrange(len(others))))
        return liked


@define(eq=False)
class _Desk:
    """What it has got used to in one episode. `hour` counts a day's moves from its shift's first."""

    hour: int
    liked_hosts: list[IP] = field(factory=list)
    liked_data: list[Data] = field(factory=list)
    last: Action | None = None
    thinks: bool = False
    hosts: frozenset[IP] = frozenset()
    data: Mapping[IP, frozenset[Data]] = field(factory=dict)

    def is_of_another_episode(self, state: GameState) -> bool:
        """Whether other hosts are controlled, or data are unknown again."""
        return bool(self.hosts) and (
            self.hosts != state.controlled_hosts
            or any(not held <= state.known_data.get(host, frozenset()) for host, held in self.data.items())
        )


def _is_about_a_log(action: Action) -> bool:
    datum = action.parameters.get("data")
    return isinstance(datum, Data) and datum.type == "log"


def _is_liked(action: Action, hosts: list[IP], data: list[Data]) -> bool:
    used = action.parameters
    return (
        used["source_host"] in hosts
        and used["target_host"] in hosts
        and ("data" not in used or used["data"] in data)
    )
