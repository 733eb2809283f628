"""Attackers that learn a table of values: Q-learning, SARSA, and one that goes by structure alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

from netsiege.agents.base import BaseAgent, EpisodeSummary
from netsiege.agents.learning.campaign import Campaign, Kind, Situation, action_of
from netsiege.agents.learning.table import Table
from netsiege.agents.parameters import Parameter
from netsiege.errors import ConfigError
from netsiege.game import Action, AgentRole, Observation, generate_valid_actions


class TabularAttacker(BaseAgent, ABC):
    """What the three have in common; see `netsiege.agents.learning.campaign` for what they see.

    They learn while `training` is set. An update takes the value of the last move's kind towards what came of
    it: the reward, and `discount` times what the next situation is worth.
    """

    plays = (AgentRole.Attacker,)
    algorithm: ClassVar[str]
    named: ClassVar[bool] = True
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
        self._campaign = Campaign(self.named)
        self._last: tuple[Situation, Kind] | None = None
        if self.model:
            self.table, about = Table.load(Path(self.model))
            if about.get("algorithm") != self.algorithm:
                made_by = about.get("algorithm")
                raise ConfigError(
                    f"{self.model}: a model of {made_by!r}, which {self.algorithm!r} cannot use"
                )

    def episode_started(self, observation: Observation) -> None:
        """Forgets what it has tried."""
        self._campaign, self._last = Campaign(self.named), None

    def choose_action(self, observation: Observation) -> Action | None:
        """The best move that it knows, or sometimes another one; any valid action once all has been tried."""
        state = observation.state
        if not self._campaign.follows(state):
            self.episode_started(observation)
        situation, moves = self._campaign.options(state)
        kinds = list(moves)
        chosen = self._choose(situation, kinds)
        if self.training and self._last is not None:
            worth = self._worth(situation, kinds, chosen)
            self.table.learn(*self._last, observation.reward + self.discount * worth, self.rate)
        if chosen is None:
            self._last = None
            actions = generate_valid_actions(state)
            return actions.choice(self.rng) if actions else None
        self._last = (situation, chosen)
        move = self.rng.choice(moves[chosen])
        self._campaign.note(move)
        return action_of(move)

    def _choose(self, situation: Situation, kinds: list[Kind]) -> Kind | None:
        if not kinds:
            return None
        if self.epsilon and self.rng.random() < self.epsilon:
            return self.rng.choice(kinds)
        return self.rng.choice(self.table.best(situation, kinds))

    @abstractmethod
    def _worth(self, situation: Situation, kinds: list[Kind], chosen: Kind | None) -> float:
        """What the situation is worth that the last move has led to."""

    def episode_ended(self, summary: EpisodeSummary) -> None:
        """Learns from the last reward: nothing comes after it."""
        if self.training and self._last is not None and self.seat is not None:
            self.table.learn(*self._last, self.seat.observation.reward, self.rate)
        self._last = None


class QLearningAttacker(TabularAttacker):
    """Learns what moves are worth by Q-learning: the next situation is worth its best move.

    Watkins and Dayan, Q-learning, Machine Learning 8, 1992.
    """

    algorithm = "q-learning"

    def _worth(self, situation: Situation, kinds: list[Kind], chosen: Kind | None) -> float:
        return max((self.table.value(situation, kind) for kind in kinds), default=0.0)


class SarsaAttacker(TabularAttacker):
    """Learns by SARSA: the next situation is worth the move that is made in it, explorations included.

    Rummery and Niranjan, On-line Q-learning using connectionist systems, 1994.
    """

    algorithm = "sarsa"

    def _worth(self, situation: Situation, kinds: list[Kind], chosen: Kind | None) -> float:
        return self.table.value(situation, chosen) if chosen is not None else 0.0


class ConceptualAttacker(QLearningAttacker):
    """Learns by Q-learning from structure alone: other names and addresses make no difference to it."""

    algorithm = "conceptual"
    named = False
