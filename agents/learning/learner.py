"""What all tabular learners have in common, whatever their role: a table of values, and how it is learned.

Each brings its own abstraction: a `Memory` of the episode, which sorts what can be done next into kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.learning.table import Kind, Situation, Table
from netsiege.agents.parameters import Parameter
from netsiege.errors import ConfigError
from netsiege.game import Action, GameState, Observation
from netsiege.session import Seat

M = TypeVar("M")
"""A move, as a memory tells it."""


class Memory(Protocol[M]):
    """What a learner remembers of one episode."""

    def follows(self, state: GameState) -> bool:
        """Whether a state can come after the last one in the same episode."""

    def options(self, state: GameState) -> tuple[Situation, dict[Kind, list[M]]]:
        """The situation, and the moves by kind, each list in an order that depends on the state alone."""

    def note(self, move: M) -> None:
        """The move is made now."""


class TabularLearner(BaseAgent, ABC, Generic[M]):
    """Learns by Q-learning what kinds of moves are worth: the next situation is worth its best kind.

    It learns while `training` is set. An update takes the value of the last move's kind towards what came of
    it: the reward, and `discount` times what the next situation is worth. The last reward of an episode is
    all that its last move is worth. Watkins and Dayan, Q-learning, Machine Learning 8, 1992.
    """

    algorithm: ClassVar[str]
    parameters: ClassVar = {
        "model": Parameter("", "The folder of what it has learned; without, it knows nothing."),
        "epsilon": Parameter(0.0, "The share of its moves that are explorations.", 0, 1),
        "rate": Parameter(0.1, "How far a value moves at an update, in the long run.", 1e-6, 1),
        "discount": Parameter(0.95, "What a reward is worth one move later.", 0, 1),
    }
    model: str
    epsilon: float
    rate: float
    discount: float

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Loads its model. Raises `ConfigError` if that is none, or another algorithm's."""
        super().__init__(*arguments, **options)
        self.table = Table()
        self.training = False
        self._memory = self._remember()
        self._last: tuple[Situation, Kind] | None = None
        if self.model:
            self.table, about = Table.load(Path(self.model))
            if about.get("algorithm") != self.algorithm:
                made_by = about.get("algorithm")
                raise ConfigError(
                    f"{self.model}: a model of {made_by!r}, which {self.algorithm!r} cannot use"
                )

    # --- for subclasses -----------------------------------------------------------------------------------

    @abstractmethod
    def _remember(self) -> Memory[M]:
        """The memory of a new episode."""

    @abstractmethod
    def _action(self, move: M) -> Action | None:
        """The move as an action."""

    def _otherwise(self, state: GameState) -> Action | None:
        """What to do when there is no move: a pass."""
        return None

    def _worth(self, situation: Situation, kinds: list[Kind], chosen: Kind | None) -> float:
        """What the situation is worth that the last move has led to."""
        return max((self.table.value(situation, kind) for kind in kinds), default=0.0)

    # --- play ---------------------------------------------------------------------------------------------

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self.episode_started(seat.observation)

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode, which happens without this call when less is known than before."""
        self._memory, self._last = self._remember(), None

    def choose_action(self, observation: Observation) -> Action | None:
        """A move of the best kind that it knows, or sometimes of another one."""
        state = observation.state
        if not self._memory.follows(state):
            self.episode_started(observation)
        situation, moves = self._memory.options(state)
        kinds = list(moves)
        chosen = self._choose(situation, kinds)
        if self.training and self._last is not None:
            worth = self._worth(situation, kinds, chosen)
            self.table.learn(*self._last, observation.reward + self.discount * worth, self.rate)
        if chosen is None:
            self._last = None
            return self._otherwise(state)
        self._last = (situation, chosen)
        move = self.rng.choice(moves[chosen])
        self._memory.note(move)
        return self._action(move)

    def _choose(self, situation: Situation, kinds: list[Kind]) -> Kind | None:
        if not kinds:
            return None
        if self.epsilon and self.rng.random() < self.epsilon:
            return self.rng.choice(kinds)
        return self.rng.choice(self.table.best(situation, kinds))

    def episode_ended(self, summary: EpisodeSummary) -> None:
        """Learns from the last reward: nothing comes after it."""
        if self.training and self._last is not None and self.seat is not None:
            self.table.learn(*self._last, self.seat.observation.reward, self.rate)
        self._last = None
