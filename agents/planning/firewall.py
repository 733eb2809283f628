"""What an attacker believes of the firewall, and of which hosts are there.

The firewall is thought of by networks: whoever lets one host of a network pass mostly lets all pass. What was
seen of a pair of hosts decides; what was seen of other hosts of their networks changes the odds (a Beta
distribution for every pair of networks). At first, hosts of one network reach each other, private networks
may reach each other, everybody reaches public hosts, and these reach nobody.

Phantoms are there the less likely the more has been looked for them. One that is not there is reached by
nobody.
"""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import product
from typing import Final

from attrs import define, field

from netsiege.agents.attackers.trail import Trail
from netsiege.agents.planning.chart import Chart
from netsiege.engine.masks import bits, mask_of
from netsiege.game import ActionType

UNSEEN: Final = 0.6
"""How likely a phantom is there in a network that nobody has scanned, …"""
OVERLOOKED: Final = 0.3
"""… that was scanned from other networks only, …"""
SEEN: Final = 0.03
"""… and from inside."""
ALIKE: Final = 0.9
"""How likely a host is treated like another one of its network."""

Odds = tuple[float, float]


@define(eq=False)
class Firewall:
    """See the module. Addresses have the numbers of the chart."""

    chart: Chart
    trail: Trail
    presence: dict[int, float] = field(init=False)
    """Phantom -> how likely it is there."""
    _members: dict[int, int] = field(init=False)
    """Network -> mask of its hosts."""
    _open: defaultdict[int, int] = field(init=False)
    """Source -> mask of the targets that it has reached, …"""
    _shut: defaultdict[int, int] = field(init=False)
    """… and of those that it could not."""
    _odds: dict[tuple[int, int], Odds] = field(init=False)
    _chances: dict[tuple[int, int], float] = field(init=False, factory=dict)
    _news: dict[tuple[int, int], float] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        home = self.chart.home
        self._members = {n: mask_of(a for a, at in enumerate(home) if at == n) for n in sorted(set(home))}
        self._look_back()
        self.presence = {phantom: self._likely(phantom) for phantom in bits(self.chart.phantoms)}
        self._odds = {pair: self._odds_of(*pair) for pair in product(self._members, self._members)}

    def draw(self, certain: int, rng: random.Random) -> tuple[int, ...]:
        """Address -> mask of those that it reaches, as it may be. The hosts of `certain` are there."""
        there = ~self.chart.phantoms | certain
        for phantom, chance in self.presence.items():
            if rng.random() < chance:
                there |= 1 << phantom
        reach = [0] * len(self.chart.home)
        for network, members in self._members.items():
            row = self._draw_row(network, rng) & there
            for source in bits(members):
                reach[source] = (row | self._open[source] | 1 << source) & ~self._shut[source]
        return tuple(reach)

    def chance(self, source: int, target: int) -> float:
        """How likely a host reaches another one that is there."""
        known = self._chances.get((source, target))
        if known is None:
            known = self._chances[source, target] = self._chance(source, target)
        return known

    def _chance(self, source: int, target: int) -> float:
        if source == target or self._open[source] >> target & 1:
            return 1.0
        if self._shut[source] >> target & 1 and not self.chart.phantoms >> target & 1:
            return 0.0
        network = self.chart.home[source]
        opened, shut = self._seen_from(network)
        if opened >> target & 1:
            return ALIKE
        let, cut = self._odds[network, self.chart.home[target]]
        return 1 - ALIKE if shut >> target & 1 else let / (let + cut)

    def news(self, source: int, members: int) -> float:
        """How likely a scan of these addresses finds a host that is not known."""
        known = self._news.get((source, members))
        if known is not None:
            return known
        nothing = 1.0
        for phantom in bits(members & self.chart.phantoms & ~self._shut[source]):
            nothing *= 1 - self.presence[phantom] * self.chance(source, phantom)
        self._news[source, members] = 1 - nothing
        return 1 - nothing

    def _seen_from(self, network: int) -> tuple[int, int]:
        """Whom hosts of a network have reached, and whom they could not reach, as masks."""
        opened = shut = 0
        for host in bits(self._members[network]):
            opened |= self._open[host]
            shut |= self._shut[host]
        return opened, shut

    def _look_back(self) -> None:
        """Takes up who has reached whom."""
        trail, state, index = self.trail, self.trail.state, self.chart.index
        shut = set(trail.shut)
        for action in trail.tried:
            given = action.parameters
            kept_out = (
                action.type is ActionType.ExploitService
                and given["target_host"] not in state.controlled_hosts
            ) or (action.type is ActionType.FindServices and given["target_host"] not in state.known_services)
            if kept_out:
                shut.add((given["source_host"], given["target_host"]))
        self._open, self._shut = defaultdict(int), defaultdict(int)
        for pairs, masks in ((trail.open, self._open), (shut - trail.open, self._shut)):
            for source, target in pairs:
                here, there = index(source), index(target)
                if here is not None and there is not None:
                    masks[here] |= 1 << there
        for host, network in trail.scans:
            scanner = index(host)
            if scanner is not None:
                missed = self.chart.phantoms & self.chart.board.members(network.first, network.mask)
                self._shut[scanner] |= missed

    def _likely(self, phantom: int) -> float:
        home = self.chart.home[phantom]
        scanners = [source for source, missed in self._shut.items() if missed >> phantom & 1]
        if not scanners:
            return UNSEEN
        return SEEN if any(self.chart.home[scanner] == home for scanner in scanners) else OVERLOOKED

    def _odds_of(self, source: int, target: int) -> Odds:
        """That a host of one network reaches one of another, as the parameters of a Beta distribution."""
        private = self.chart.private
        inside = [bool(self._members[network] & private) for network in (source, target)]
        if source == target:
            let, cut = (9.0, 1.0) if inside[0] else (1.0, 1.0)
        elif inside[0]:
            let, cut = (1.0, 1.0) if inside[1] else (9.0, 1.0)
        else:
            let, cut = (1.0, 9.0)
        known = self._members[target] & ~self.chart.phantoms
        for host in bits(self._members[source]):
            let += (self._open[host] & known).bit_count()
            cut += (self._shut[host] & known).bit_count()
        return let, cut

    def _draw_row(self, source: int, rng: random.Random) -> int:
        """Whom the hosts of a network reach, apart from what is known of each."""
        opened, shut = self._seen_from(source)
        row = 0
        for target, members in self._members.items():
            share = rng.betavariate(*self._odds[source, target])
            for host in bits(members):
                chance = ALIKE if opened >> host & 1 else 1 - ALIKE if shut >> host & 1 else share
                if rng.random() < chance:
                    row |= 1 << host
        return row
