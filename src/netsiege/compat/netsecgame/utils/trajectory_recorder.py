"""Takes down what an agent does in an episode, in the form in which NetSecGame keeps it."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

from netsiege.compat.netsecgame.game_components import Action, GameState
from netsiege.compat.netsecgame.utils.utils import store_trajectories_to_jsonl

__all__ = ["TrajectoryRecorder"]


class TrajectoryRecorder:
    """One episode after the other: `add_initial_state`, `add_step` for each move, `save_to_file`, `reset`."""

    def __init__(self, agent_name: str, agent_role: str) -> None:
        self.agent_name = agent_name
        self.agent_role = agent_role
        self.logger = logging.getLogger(f"TrajectoryRecorder-{agent_name}")
        self._data: dict[str, Any] = {}
        self.reset()

    def reset(self) -> None:
        """Begins a new episode."""
        self._data = {
            "trajectory": {"states": [], "actions": [], "rewards": []},
            "end_reason": None,
            "agent_role": self.agent_role,
            "agent_name": self.agent_name,
        }

    def add_initial_state(self, state: GameState) -> None:
        """Takes down the first state."""
        self._data["trajectory"]["states"].append(state.as_dict)

    def add_step(
        self, action: Action, reward: float, next_state: GameState, end_reason: str | None = None
    ) -> None:
        """Takes down a move and what it led to."""
        told = self._data["trajectory"]
        told["actions"].append(action.as_dict)
        told["rewards"].append(reward)
        told["states"].append(next_state.as_dict)
        if end_reason:
            self._data["end_reason"] = end_reason

    def get_trajectory(self) -> dict[str, Any]:
        """The episode so far: trajectory (states, actions, rewards), end_reason, agent_role, agent_name."""
        return self._data

    def save_to_file(self, location: str = "./logs/trajectories") -> None:
        """Adds the episode to the file of its day, agent and role in a folder; logs what prevents it."""
        name = f"{datetime.now():%Y-%m-%d}_{self.agent_name}_{self.agent_role}"
        try:
            store_trajectories_to_jsonl(self._data, location, name)
        except (OSError, TypeError, ValueError) as error:
            self.logger.error("%s was not stored: %s", name, error)
        else:
            self.logger.info("stored in %s", Path(location, f"{name}.jsonl"))
