"""What an attacker can do next, told without addresses: the abstraction that the tabular learners learn on.

**Moves** are valid actions that have not been tried yet in the episode, with the same source at least. They
fall into **kinds**, and only kinds have values; within one, any move is as good as another. A kind says what
the action is, whether it goes out from a machine inside or outside, how often its target has been tried, and
what is known of the target:

- a scan: whether the network is private, and whether the attacker has a machine in it,
- a search for services: whether the host is in a network with a machine of the attacker,
- an exploit: the names of all services of the host, and that of the exploited one,
- a search for data: the names of all services of the host,
- an exfiltration: owner and name of the data, and whether it leaves the private networks.

With `named=False`, numbers stand for names (how many services, how many data the host has), so that what was
learned holds where everything is called otherwise. The **situation** is what there is of everything, counted
up to three: machines inside, hosts without known services, and which types of moves there are.

An address counts as inside if it is private (RFC 1918). Addresses themselves are in neither: what was learned
holds under others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import lru_cache
from ipaddress import IPv4Address
from operator import attrgetter
from typing import Final

from netsiege.agents.learning.table import Kind, Situation
from netsiege.game import IP, Action, ActionType, GameState, Network, Service

SCAN, SERVICES, DATA, EXPLOIT, EXFILTRATE = range(5)
Target = tuple[int, object, object]
"""The type of a move, its target, and what comes third."""
Move = tuple[IP, Target]
"""The source, and what is done from there."""

# the classes' own orders compare field by field in Python and cost ten times as much
_BY_IP = attrgetter("ip")
_BY_NAME = attrgetter("name", "type", "version", "is_local")
_BY_DATA = attrgetter("owner", "id", "type")

TRIES_MAX: Final = 2
"""So often tried counts like more often."""
MANY: Final = 3


class Campaign:
    """An attacker's memory of one episode: what it has tried from where.

    A move that teaches nothing is not made again, or, with `patience`, not more than so many times.
    """

    def __init__(self, named: bool = True, patience: int = 1) -> None:
        self._named = named
        self._patience = patience
        self._vain: Counter[Move] = Counter()
        self._last: Move | None = None
        self._tried: dict[Target, set[IP]] = {}
        self._known = GameState()

    def follows(self, state: GameState) -> bool:
        """Whether a state can come after the last one in the same episode: nobody forgets anything."""
        before = self._known
        return before.known_hosts <= state.known_hosts and before.controlled_hosts <= state.controlled_hosts

    def note(self, move: Move) -> None:
        """The move is made now."""
        source, target = move
        self._tried.setdefault(target, set()).add(source)
        self._last = move

    def options(self, state: GameState) -> tuple[Situation, dict[Kind, list[Move]]]:
        """The situation, and the moves by kind, each list in an order that depends on the state alone."""
        if self._patience > 1:
            self._reconsider(state)
        self._known = state
        moves: defaultdict[Kind, list[Move]] = defaultdict(list)
        machines = sorted(state.controlled_hosts, key=_BY_IP)
        places = {
            place: [host for host in machines if is_inside(host) == (place == "in")]
            for place in ("in", "out")
        }
        held = {each for each in state.known_networks if any(host in each for host in machines)}
        for network in sorted(state.known_networks):
            what = (int(network.is_private()), int(network in held))
            self._add(moves, places, (SCAN, network, None), what)
        bare = self._add_hosts(moves, places, held, state)
        for host in machines:
            if host not in self._tried.get((DATA, host, None), ()):
                moves[(DATA, *self._looks(state, host))].append((host, (DATA, host, None)))
        self._add_exfiltrations(moves, machines, state)
        types = sum(1 << type_ for type_ in {int(kind[0]) for kind in moves})
        return (min(len(places["in"]), MANY), min(bare, MANY), types), moves

    def _reconsider(self, state: GameState) -> None:
        """Offers the last move again if it has taught nothing and may yet succeed."""
        move, self._last = self._last, None
        if move is not None and state == self._known:
            self._vain[move] += 1
            if self._vain[move] < self._patience:
                source, target = move
                self._tried[target].discard(source)

    def _add_hosts(
        self,
        moves: defaultdict[Kind, list[Move]],
        places: dict[str, list[IP]],
        held: set[Network],
        state: GameState,
    ) -> int:
        """Searches for services, and exploits. Returns how many hosts have no known services."""
        bare = 0
        for host in sorted(state.known_hosts - state.controlled_hosts, key=_BY_IP):
            services = state.known_services.get(host)
            if not services:
                bare += 1
                near = int(any(host in network for network in held))
                self._add(moves, places, (SERVICES, host, None), (int(is_inside(host)), near), host, state)
                continue
            looks = self._looks(state, host)
            for service in sorted(services, key=_BY_NAME):
                what = (*looks, service.name) if self._named else looks
                self._add(moves, places, (EXPLOIT, host, service), what, host, state)
        return bare

    def _add(
        self,
        moves: defaultdict[Kind, list[Move]],
        places: dict[str, list[IP]],
        target: Target,
        what: Kind,
        host: IP | None = None,
        state: GameState | None = None,
    ) -> None:
        """The move from inside, and the one from outside, if there is a source that has not tried it."""
        tried = self._tried.get(target, set())
        tries = min(len(tried), TRIES_MAX)
        for place, sources in places.items():
            for source in sources:
                cut = state is not None and host in state.known_blocks.get(source, ())
                if source not in tried and not cut:
                    moves[(target[0], place, tries, *what)].append((source, target))
                    break

    def _add_exfiltrations(
        self, moves: defaultdict[Kind, list[Move]], machines: list[IP], state: GameState
    ) -> None:
        for source in sorted(state.known_data, key=_BY_IP):
            if source not in state.controlled_hosts:
                continue
            for datum in sorted(state.known_data[source], key=_BY_DATA):
                if datum.type == "log":
                    continue
                for goal in machines:
                    target = (EXFILTRATE, goal, datum)
                    there = datum in state.known_data.get(goal, ())
                    if goal == source or there or source in self._tried.get(target, ()):
                        continue
                    named = (datum.owner, datum.id) if self._named else (len(state.known_data[source]),)
                    kind = (EXFILTRATE, "in" if is_inside(goal) else "out", *named)
                    moves[kind].append((source, target))

    def _looks(self, state: GameState, host: IP) -> Kind:
        """What a host looks like by its services."""
        services = state.known_services.get(host, frozenset())
        if not self._named:
            return (min(len(services), MANY),)
        return (_names(services),)


@lru_cache(maxsize=1 << 12)
def _names(services: frozenset[Service]) -> str:
    return ",".join(sorted(service.name for service in services if not service.is_local))


@lru_cache(maxsize=1 << 14)
def is_inside(host: IP) -> bool:
    """Whether an address is private."""
    return IPv4Address(host.ip).is_private


def action_of(move: Move) -> Action:
    """The move as an action."""
    source, (type_, target, third) = move
    if type_ == SCAN:
        return Action(ActionType.ScanNetwork, {"source_host": source, "target_network": target})
    if type_ == SERVICES:
        return Action(ActionType.FindServices, {"source_host": source, "target_host": target})
    if type_ == DATA:
        return Action(ActionType.FindData, {"source_host": source, "target_host": target})
    if type_ == EXPLOIT:
        return Action(
            ActionType.ExploitService,
            {"source_host": source, "target_host": target, "target_service": third},
        )
    return Action(ActionType.ExfiltrateData, {"source_host": source, "target_host": target, "data": third})
