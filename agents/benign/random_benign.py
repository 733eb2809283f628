"""A user that copies data about."""

from __future__ import annotations

from netsiege.agents.base import BaseAgent
from netsiege.game import Action, ActionType, AgentRole, Observation, generate_valid_actions


class RandomBenign(BaseAgent):
    """Goes about its business: looks for services and data, copies data; never scans, exploits or blocks."""

    plays = (AgentRole.Benign,)
    USED = frozenset({ActionType.FindServices, ActionType.FindData, ActionType.ExfiltrateData})

    def choose_action(self, observation: Observation) -> Action | None:
        """One of the harmless valid actions; a pass when there is none."""
        actions = [a for a in generate_valid_actions(observation.state) if a.type in self.USED]
        return self.rng.choice(actions) if actions else None
