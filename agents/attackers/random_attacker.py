"""An attacker that plays any valid action."""

from __future__ import annotations

from netsiege.agents.base import BaseAgent
from netsiege.game import Action, AgentRole, Observation, generate_valid_actions


class RandomAttacker(BaseAgent):
    """Plays any valid action, each equally likely."""

    plays = (AgentRole.Attacker,)

    def choose_action(self, observation: Observation) -> Action | None:
        """One of the valid actions; a pass when there is none."""
        has_responses = self.seat is not None and self.seat.has_responses
        actions = generate_valid_actions(observation.state, False, has_responses, self.role)
        return actions.choice(self.rng) if actions else None
