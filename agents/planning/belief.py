"""What an attacker believes of what it has not seen: who is there, who can reach whom, what the goal is."""

from __future__ import annotations

import random

from attrs import define, field, frozen

from netsiege.agents.attackers.trail import Trail
from netsiege.agents.briefing import addresses_in
from netsiege.agents.planning.chart import Chart, draw_chart
from netsiege.agents.planning.firewall import Firewall
from netsiege.agents.planning.wishes import Wishes
from netsiege.engine.goals import Goal
from netsiege.engine.masks import mask_of


@frozen
class Hypothesis:
    """How what is not known may be: address -> mask of those that it reaches, and the goal."""

    reach: tuple[int, ...]
    goal: Goal


@define(eq=False)
class Belief:
    """Made from what an attacker remembers; draws hypotheses on its chart."""

    trail: Trail
    description: str
    """Of the goal."""
    chart: Chart = field(init=False)
    firewall: Firewall = field(init=False)
    wishes: Wishes = field(init=False)

    def __attrs_post_init__(self) -> None:
        named = addresses_in(self.description)
        self.chart = draw_chart(self.trail.state, named)
        self.firewall = Firewall(self.chart, self.trail)
        self.wishes = Wishes(self.chart, self.trail, named, self.description, self.firewall.presence)

    def draw(self, rng: random.Random) -> Hypothesis:
        """One of the ways how it may be, as likely as it is thought to be. Not if wishes are spent."""
        goal = self.wishes.draw(rng)
        return Hypothesis(self.firewall.draw(_hideout(goal, self.chart), rng), goal)


def _hideout(goal: Goal, chart: Chart) -> int:
    """The mask of the hosts that must be there if that is the goal."""
    wanted = {key for _, keys in goal.data for key in keys}
    return mask_of(address for address, key in chart.hidden.items() if key in wanted)
