"""A defender that learns a table of values."""

from __future__ import annotations

from typing import ClassVar

from netsiege.agents.briefing import addresses_in
from netsiege.agents.chance import patience_of
from netsiege.agents.defenders.watch import Move, Watch, action_of
from netsiege.agents.learning.learner import TabularLearner
from netsiege.agents.parameters import Parameter
from netsiege.game import IP, Action, AgentRole, Observation


class QLearningDefender(TabularLearner[Move]):
    """Learns by Q-learning when to look, whom to cut off where, and when to wait.

    See `netsiege.agents.defenders.watch` for what it sees; its goal and the logs are all that it goes by.
    Rewards are worth the same whenever they come, for an attack that fails may take long to do so.
    """

    plays = (AgentRole.Defender,)
    algorithm = "q-defender"
    parameters: ClassVar = {
        **TabularLearner.parameters,
        "rate": Parameter(0.03, "How far a value moves at an update, in the long run.", 1e-6, 1),
        "discount": Parameter(1.0, "What a reward is worth one move later.", 0, 1),
    }

    _named: frozenset[IP] = frozenset()

    def episode_started(self, observation: Observation) -> None:
        """A new watch, with the goal as it is told now: addresses may be others than before."""
        goal = self.seat.goal_description if self.seat is not None else ""
        self._named = addresses_in(goal) - observation.state.controlled_hosts
        super().episode_started(observation)

    def _remember(self) -> Watch:
        return Watch(self._named, patience_of(self.seat))

    def _action(self, move: Move) -> Action | None:
        return action_of(move)
