"""What an attacker believes that the goal is.

It is what the description speaks of, as far as it names what is known: data, and addresses that they are
brought to. While it names no known datum, the datum is thought to lie on a host that was not searched, more
likely on one with many services, and further in; if there is none, it is any of those that were found. An
address that it names and that is not controlled may have to be.
"""

from __future__ import annotations

import random
from typing import Final

from attrs import define, field

from netsiege.agents.attackers.trail import Trail
from netsiege.agents.briefing import names
from netsiege.agents.planning.chart import Chart
from netsiege.engine.board import LOG
from netsiege.engine.goals import Goal
from netsiege.engine.masks import bits, mask_of
from netsiege.game import IP

UNNAMED: Final = 0.02
"""What a datum weighs that is known and not named, beside a host that was not searched."""
AT_HOME: Final = 0.1
"""What a host weighs, beside others, that was controlled from the start, …"""
NEXT_DOOR: Final = 0.3
"""… and one in the network of such a host."""


@define(eq=False)
class Wishes:
    """See the module. `presence` says of phantoms how likely they are there."""

    chart: Chart
    trail: Trail
    named: frozenset[IP]
    """The addresses of the description."""
    description: str
    presence: dict[int, float]
    places: int = field(init=False)
    """The mask of the controlled hosts where data may be wanted."""
    _weights: dict[int, float] = field(init=False)
    """Key of a datum -> how much it weighs among what may be wanted."""
    _goals: list[Goal] = field(init=False, factory=list)
    _odds: list[float] = field(init=False, factory=list)
    """Of the goals."""

    def __attrs_post_init__(self) -> None:
        self.places = self._find_places()
        self._weights = self._weigh_data()
        self._weigh_goals()

    @property
    def are_spent(self) -> bool:
        """Whether nothing is left that the goal may be."""
        return not self._goals

    def draw(self, rng: random.Random) -> Goal:
        """A goal, as likely as it is thought to be. Not if they are spent."""
        [goal] = rng.choices(self._goals, self._odds)
        return goal

    def _find_places(self) -> int:
        state = self.trail.state
        mine = state.controlled_hosts
        found = (
            mine & self.named or {host for host in mine if not host.is_private()} or mine & self.trail.home
        )
        return mask_of(self.chart.board.index[host.to_wire()] for host in found)

    def wish(self, key: int) -> float:
        """How likely a known datum is the wanted one; in simulations, what was hidden is as good as named."""
        return min(self._weights.get(key, UNNAMED), 1.0)

    def _weigh_goals(self) -> None:
        chart, knows = self.chart, self.chart.knows
        targets = [index for host in self.named if (index := chart.index(host)) is not None]
        missing = [index for index in sorted(targets) if not knows.controlled >> index & 1]
        loot = self._weights
        for place in (*bits(self.places), *missing):
            held = knows.data.get(place, {})
            for key, weight in loot.items():
                if key not in held:
                    self._add(Goal(0, 0, 0, (), ((place, frozenset({key})),), (), ()), weight)
        for host in missing:
            self._add(Goal(0, 0, 1 << host, (), (), (), ()), max(sum(loot.values()), 1.0))

    def _add(self, goal: Goal, weight: float) -> None:
        self._goals.append(goal)
        self._odds.append(weight)

    def _rumour(self, address: int) -> float:
        """How likely a host is worth a raid, beside others: what is wanted mostly lies further in."""
        homes = [index for host in self.trail.home if (index := self.chart.index(host)) is not None]
        if address in homes:
            return AT_HOME
        return NEXT_DOOR if any(self.chart.home[h] == self.chart.home[address] for h in homes) else 1.0

    def _weigh_data(self) -> dict[int, float]:
        """Keys of data that may be wanted -> weight."""
        chart, knows = self.chart, self.chart.knows
        known = sorted({key for held in knows.data.values() for key in held if key != LOG})
        named = {key for key in known if names(self.description, chart.board.keys[key][1])}
        by_owner = {key for key in named if names(self.description, chart.board.keys[key][0])}
        if named:
            return dict.fromkeys(sorted(by_owner or named), 1.0)
        weights = dict.fromkeys(known, UNNAMED)
        for address, key in chart.hidden.items():
            if not self.places >> address & 1:
                offered = knows.services.get(address, 0).bit_count()
                weights[key] = self.presence.get(address, 1.0) * (1 + offered) * self._rumour(address)
        return weights
