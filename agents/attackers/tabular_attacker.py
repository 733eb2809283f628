"""Attackers that learn a table of values: Q-learning, SARSA, and one that goes by structure alone."""

from __future__ import annotations

from typing import ClassVar

from netsiege.agents.chance import patience_of
from netsiege.agents.learning.campaign import Campaign, Move, action_of
from netsiege.agents.learning.learner import TabularLearner
from netsiege.agents.learning.table import Kind, Situation
from netsiege.game import Action, AgentRole, GameState, generate_valid_actions


class TabularAttacker(TabularLearner[Move]):
    """What the three have in common; see `netsiege.agents.learning.campaign` for what they see.

    Once all moves have been tried, any valid action will do.
    """

    plays = (AgentRole.Attacker,)
    named: ClassVar[bool] = True

    def _remember(self) -> Campaign:
        return Campaign(self.named, patience_of(self.seat))

    def _action(self, move: Move) -> Action:
        return action_of(move)

    def _otherwise(self, state: GameState) -> Action | None:
        actions = generate_valid_actions(state)
        return actions.choice(self.rng) if actions else None


class QLearningAttacker(TabularAttacker):
    """Learns what moves are worth by Q-learning: the next situation is worth its best move.

    Watkins and Dayan, Q-learning, Machine Learning 8, 1992.
    """

    algorithm = "q-learning"


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
