"""A defender that blocks at random."""

from __future__ import annotations

from netsiege.agents.base import BaseAgent
from netsiege.agents.defenders.moves import random_move
from netsiege.game import Action, AgentRole, Observation


class RandomDefender(BaseAgent):
    """Blocks any known host on any controlled one, each pair equally likely, or watches instead.

    Every second move, on average, looks for data on a controlled host: a defender that only ever blocks
    would never see a log.
    """

    plays = (AgentRole.Defender,)

    def choose_action(self, observation: Observation) -> Action | None:
        """A block or a look; a pass when nothing is controlled."""
        return random_move(observation.state, self.rng)
