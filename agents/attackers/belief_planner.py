"""An attacker that thinks ahead in what it believes of the network, with the engine as its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netsiege.agents.attackers.scripted_attacker import Sweep
from netsiege.agents.base import BaseAgent
from netsiege.agents.parameters import Parameter
from netsiege.agents.planning.belief import Belief
from netsiege.agents.planning.search import Search
from netsiege.game import Action, AgentRole, Observation
from netsiege.session import Seat


class BeliefPlanner(BaseAgent):
    """Plans each move by simulations in networks that look like what it has seen, and may look so elsewhere.

    Knows nothing of a scenario beforehand: `netsiege.agents.planning` says what it believes and how it
    searches. When there is nothing left to try that promises something, it sweeps like the scripted attacker.
    """

    plays = (AgentRole.Attacker,)
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "simulations": Parameter(200, "the lines of play that are thought through for a move", 1, 1_000_000)
    }
    simulations: int

    _sweep: Sweep | None = None
    _steps = 0

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self._sweep = None

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode, which happens without this call when less is known than before."""
        self._sweep = None

    def choose_action(self, observation: Observation) -> Action | None:
        """The move that has come out best in the simulations."""
        state = observation.state
        if self._sweep is None or self._sweep.is_of_another_episode(state):
            self._sweep, self._steps = Sweep(state, home=state.controlled_hosts), 0
        self._sweep.observe(state)
        action = self._plan(self._sweep) or self._sweep.next_action()
        self._sweep.note(action)
        self._steps += 1
        return action

    def _plan(self, sweep: Sweep) -> Action | None:
        seat = self.seat
        belief = Belief(sweep, seat.goal_description if seat is not None else "")
        limit = seat.max_steps if seat is not None else None
        left = max(limit - self._steps, 1) if limit else 0
        chart = belief.chart
        tried = frozenset(key for action in sweep.tried if (key := chart.key_of(action)) is not None)
        found = Search(belief, self.rng, tried, left).best(self.simulations)
        return None if found is None else chart.action_of(found)
