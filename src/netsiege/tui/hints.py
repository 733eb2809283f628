"""Advice from the reference agents: the scripted one of the role, or, where there is none, the random one."""

from __future__ import annotations

from typing import Final

from netsiege.agents.base import BaseAgent
from netsiege.agents.registry import choose_agent
from netsiege.errors import ConfigError
from netsiege.game import Action, AgentRole, Observation
from netsiege.session import Seat

ADVISERS: Final = ("scripted", "random")
"""In the order in which they are asked for."""


class Adviser:
    """An agent that is asked and does not play. One for each episode: it may remember what it has advised."""

    def __init__(self, role: AgentRole, seat: Seat | None, start: Observation) -> None:
        """Draws from the seed of the `seat`. Raises `ConfigError` if there is no agent for the role."""
        self.name, self._agent = _find(role)
        if seat is not None:
            self._agent.seated(seat)
        self._agent.episode_started(start)

    def advise(self, observation: Observation) -> Action | None:
        """What the agent would play; None is a pass. May take as long as the agent takes to think."""
        return self._agent.choose_action(observation)


def _find(role: AgentRole) -> tuple[str, BaseAgent]:
    for name in ADVISERS[:-1]:
        try:
            return name, choose_agent(name, role).make(role)
        except ConfigError:
            continue
    return ADVISERS[-1], choose_agent(ADVISERS[-1], role).make(role)
