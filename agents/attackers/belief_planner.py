"""An attacker that thinks ahead in what it believes of the network, with the engine as its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from netsiege.agents.attackers.scripted_attacker import ScriptedAttacker, Sweep
from netsiege.agents.parameters import Parameter
from netsiege.agents.planning.belief import Belief
from netsiege.agents.planning.search import Search
from netsiege.game import Action


class BeliefPlanner(ScriptedAttacker):
    """Plans each move by simulations in networks that look like what it has seen, and may look so elsewhere.

    Knows nothing of a scenario beforehand: `netsiege.agents.planning` says what it believes and how it
    searches. When there is nothing left to try that promises something, it sweeps like the scripted attacker.
    """

    parameters: ClassVar[Mapping[str, Parameter]] = {
        **ScriptedAttacker.parameters,
        "simulations": Parameter(200, "the lines of play that are thought through for a move", 1, 1_000_000),
    }
    simulations: int

    def _next_action(self, sweep: Sweep) -> Action | None:
        """The move that has come out best in the simulations."""
        return self._plan(sweep) or sweep.next_action()

    def _plan(self, sweep: Sweep) -> Action | None:
        seat = self.seat
        belief = Belief(sweep, seat.goal_description if seat is not None else "")
        limit = seat.max_steps if seat is not None else None
        left = max(limit - sweep.moves, 1) if limit else 0
        chart = belief.chart
        tried = frozenset(key for action in sweep.tried if (key := chart.key_of(action)) is not None)
        found = Search(belief, self.rng, tried, left).best(self.simulations)
        return None if found is None else chart.action_of(found)
