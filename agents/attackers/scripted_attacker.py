"""An attacker that works through the whole kill chain: an example to copy, and a first opponent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import Any, ClassVar

from attrs import define, field

from netsiege.agents.attackers.trail import Trail
from netsiege.agents.base import BaseAgent
from netsiege.agents.chance import patience_of
from netsiege.agents.parameters import Parameter
from netsiege.game import IP, Action, ActionType, AgentRole, Data, GameState, Network, Observation
from netsiege.game import generate_valid_actions as valid_actions
from netsiege.session import Seat


class ScriptedAttacker(BaseAgent):
    """Takes over all that it can reach and carries all data out, one step of the kill chain after another.

    Given the steps, it reaches every goal that valid actions other than blocks can reach: it tries them all,
    whatever the goal says. Draws from `rng` only for the random share of its moves.
    """

    plays = (AgentRole.Attacker,)
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "epsilon": Parameter(0.0, "the share of moves that are random valid actions", 0.0, 1.0)
    }
    epsilon: float

    _sweep: Sweep | None = None

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self._sweep = None

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode, which happens without this call when less is known than before."""
        self._sweep = None

    def choose_action(self, observation: Observation) -> Action | None:
        """The most promising action that was not tried yet; a pass when nothing at all can be done."""
        state = observation.state
        if self._sweep is None or self._sweep.is_of_another_episode(state):
            self._sweep = Sweep(state, home=state.controlled_hosts, patience=patience_of(self.seat))
        self._sweep.observe(state)
        if self.epsilon and self.rng.random() < self.epsilon:
            valid = valid_actions(state)
            action = valid.choice(self.rng) if valid else None
        else:
            action = self._next_action(self._sweep)
        self._sweep.note(action)
        return action

    def _next_action(self, sweep: Sweep) -> Action | None:
        """What to do next, by what is remembered of the episode."""
        return sweep.next_action()


@define(eq=False)
class Sweep(Trail):
    """What to try next: everything that may bring something, in the order of its promise.

    What was tried is tried again from another host, but from the same one only when all else has been tried.
    """

    _homes: dict[IP, Network | None] = field(factory=dict)
    """The network of each host that was asked for, among those that are known."""

    def observe(self, state: GameState) -> None:
        """See `Trail`."""
        if state.known_networks != self.state.known_networks:
            self._homes.clear()
        super().observe(state)

    def next_action(self) -> Action | None:
        """What promises most. When all has been tried, begins again: others may have changed something."""
        action = self._untried()
        if action is None:
            self.forget_attempts()
            action = self._untried()
        return action

    def _untried(self) -> Action | None:
        stages = (
            self._search,
            self._carry_out,
            self._exploit,
            self._survey,
            self._find_services,
            self._survey_from_everywhere,
            self._look_inside,
            self._carry_around,
            self._insist,
        )
        return next((action for stage in stages for action in stage() if action not in self.tried), None)

    def _search(self) -> Iterable[Action]:
        """Looks for data on every new host, at once."""
        return (_act(ActionType.FindData, host, host) for host in sorted(self.state.controlled_hosts))

    def _carry_out(self) -> Iterable[Action]:
        """Brings data to machines outside, where goals mostly want them; else to where it all began."""
        outside = [host for host in self.state.controlled_hosts if not host.is_private()] or self.home
        yield from self._carry_to(outside)
        for place in sorted(outside):  # the way of some data there may be cut: over another host, then
            relays = [place, *self._sources(place)]
            on_the_way = {datum for relay in relays for datum in self.state.known_data.get(relay, ())}
            yield from self._carry_to(relays, on_the_way)

    def _exploit(self) -> Iterable[Action]:
        """Takes hosts over, by one service each, from each source until it works."""
        services = self.state.known_services
        for target in self._new_ground(services.keys() - self.state.controlled_hosts):
            for source in self._sources(target):
                yield _act(ActionType.ExploitService, source, target, target_service=min(services[target]))

    def _survey(self) -> Iterable[Action]:
        """Scans private networks for the first time: once from each other, until it is seen from inside.

        Hosts of one network mostly have the same rights, and within a private one, all see all.
        """
        within = {host: self._network_of(host) for host in self.state.controlled_hosts}
        seen = {(within[source], network) for source, network in self.scans}
        return self._scan(
            (source, network)
            for network in self.state.known_networks
            if network.is_private() and (network, network) not in seen
            for source, home in within.items()
            if source.is_private() and (home, network) not in seen
        )

    def _find_services(self) -> Iterable[Action]:
        """Asks hosts for their services from where they are most likely reached, then from inside."""
        state = self.state
        silent = state.known_hosts - state.controlled_hosts - state.known_services.keys()
        for target in self._new_ground(silent):
            sources, home = self._sources(target), self._network_of(target)
            inside = [_question(source, target) for source in sources if self._network_of(source) == home]
            yield from (_question(source, target) for source in sources[:1])
            yield from inside[:1] if self.tried.isdisjoint(inside) else ()

    def _survey_from_everywhere(self) -> Iterable[Action]:
        """Scans each network from each host: a firewall may let a single host pass."""
        state = self.state
        return self._scan((source, net) for source in state.controlled_hosts for net in state.known_networks)

    def _look_inside(self) -> Iterable[Action]:
        """Asks controlled hosts for their local services, which nobody else is shown."""
        return (
            _question(host, host) for host in sorted(self.state.known_hosts & self.state.controlled_hosts)
        )

    def _carry_around(self) -> Iterable[Action]:
        """Brings all data everywhere: any controlled host may be where they are wanted."""
        return self._carry_to(self.state.controlled_hosts)

    def _insist(self) -> Iterable[Action]:
        """Tries from every host, and with every service, what has failed."""
        state = self.state
        known = state.known_hosts | state.known_services.keys()
        for target in self._new_ground(known - state.controlled_hosts):
            for source in self._sources(target):
                if target not in state.known_services:
                    yield _question(source, target)
                for service in sorted(state.known_services.get(target, ())):
                    yield _act(ActionType.ExploitService, source, target, target_service=service)

    def _sources(self, target: IP) -> list[IP]:
        """The controlled hosts that may reach a target: those that have done so first, then the nearest."""
        blocks, number = self.state.known_blocks, target.to_wire()
        cut = {host for host, blocked in blocks.items() if target in blocked} | blocks.get(target, set())
        sources = [s for s in self.state.controlled_hosts - cut if (s, target) not in self.shut]
        return sorted(sources, key=lambda s: ((s, target) not in self.open, abs(s.to_wire() - number), s))

    def _new_ground(self, hosts: Iterable[IP]) -> list[IP]:
        """Hosts in order, those first in whose networks the fewest hosts are controlled."""
        held = Counter(map(self._network_of, self.state.controlled_hosts))
        return sorted(hosts, key=lambda host: (held[self._network_of(host)], host.to_wire()))

    def _network_of(self, host: IP) -> Network | None:
        if host not in self._homes:
            networks = (network for network in self.state.known_networks if host in network)
            self._homes[host] = max(networks, key=lambda network: network.mask, default=None)
        return self._homes[host]

    def _scan(self, pairs: Iterable[tuple[IP, Network]]) -> Iterable[Action]:
        """Scans, those of other networks than the source's own first, then the nearest."""
        new = set(pairs) - self.scans
        for source, network in sorted(new, key=lambda p: (p[0] in p[1], abs(p[0].to_wire() - p[1].first), p)):
            yield Action(ActionType.ScanNetwork, {"source_host": source, "target_network": network})

    def _carry_to(self, places: Iterable[IP], but: Set[Data] = frozenset()) -> Iterable[Action]:
        """Exfiltrates what places do not hold yet, to public ones first, then to those of the start.

        Logs stay: they are the same datum everywhere, and every host has its own.
        """
        data = self.state.known_data
        for place in sorted(places, key=lambda p: (p.is_private(), p not in self.home, p)):
            held = data.get(place, frozenset()) | but
            missing = {source: new for source in data if source != place and (new := data[source] - held)}
            for source in self._sources(place) if missing else ():
                for datum in sorted(missing.get(source, ())):
                    if datum.type != "log":
                        yield _act(ActionType.ExfiltrateData, source, place, data=datum)


def _act(kind: ActionType, source: IP, target: IP, **more: Any) -> Action:
    return Action(kind, {"source_host": source, "target_host": target, **more})


def _question(source: IP, target: IP) -> Action:
    return _act(ActionType.FindServices, source, target)
