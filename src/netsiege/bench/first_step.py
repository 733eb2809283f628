"""An attacker that says when its first step was answered, for `netsiege bench startup`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from netsiege import Action, AgentRole, BaseAgent, Observation, generate_valid_actions

VARIABLE: Final = "NETSIEGE_BENCH_FIRST_STEP"
"""Names the file that the time is written into, in seconds of the system's monotonic clock."""


class FirstStep(BaseAgent):
    """Plays any valid action; notes the time of its second move, for which it has heard of the first."""

    plays = (AgentRole.Attacker,)
    moves = 0

    def choose_action(self, observation: Observation) -> Action | None:
        """A valid action."""
        self.moves += 1
        if self.moves == 2 and VARIABLE in os.environ:
            Path(os.environ[VARIABLE]).write_text(repr(time.monotonic()))
        valid = generate_valid_actions(observation.state)
        return valid.choice(self.rng) if valid else None
