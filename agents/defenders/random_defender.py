"""A defender that blocks at random."""

from __future__ import annotations

from netsiege.agents.base import BaseAgent
from netsiege.game import Action, ActionType, AgentRole, Observation


class RandomDefender(BaseAgent):
    """Blocks any known host on any controlled one, each pair equally likely, or watches instead.

    Every second move, on average, looks for data on a controlled host: a defender that only ever blocks
    would never see a log.
    """

    plays = (AgentRole.Defender,)

    def choose_action(self, observation: Observation) -> Action | None:
        """A block or a look; a pass when nothing is controlled."""
        state = observation.state
        controlled = sorted(state.controlled_hosts)
        if not controlled:
            return None
        target = self.rng.choice(controlled)
        others = [h for h in sorted(state.known_hosts) if h != target]
        if not others or self.rng.random() < 0.5:
            return Action(ActionType.FindData, {"source_host": target, "target_host": target})
        blocked = self.rng.choice(others)
        return Action(
            ActionType.BlockIP, {"source_host": target, "target_host": target, "blocked_host": blocked}
        )
