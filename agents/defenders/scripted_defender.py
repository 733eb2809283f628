"""A defender that tells intruders from users by what the logs say, and cuts off the ways that matter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from attrs import define, field

from netsiege.agents.base import BaseAgent
from netsiege.agents.briefing import addresses_in
from netsiege.agents.defenders.logs import Entry, entries_of, log_of
from netsiege.agents.defenders.moves import block, look, random_move
from netsiege.agents.parameters import Parameter
from netsiege.game import IP, Action, ActionType, AgentRole, GameState, Observation

GIVEAWAYS: Final = frozenset({ActionType.ScanNetwork, ActionType.ExploitService})
"""What no benign user does."""
SWEEP: Final = 4
"""Asking so many hosts for their services gives a source away, too: benign users keep to three hosts."""
PATROL: Final = 4
"""Blocks after which it looks into one more log, until it knows an intruder."""


class ScriptedDefender(BaseAgent):
    """Looks into its hosts in turn and blocks, one pair of hosts a move, what an attack would need next.

    If its goal names addresses that are not its own, and it is `briefed`, it cuts these off from all hosts:
    first from those with data, last from those that intruders are on, for whom it looks in between. Only
    users of these addresses pay.

    Otherwise it contains intruders: it cuts hosts with data off from them and, later, from their neighbours,
    but for those that are seen in use. Users may pay: what an intruder may have taken over is cut off, too.

    A log is worth one look: what is known of it never grows. Passes when all is read and blocked. Remembers
    nothing: what to do follows from the state and the goal. Draws from `rng` only for the random share of its
    moves.
    """

    plays = (AgentRole.Defender,)
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "epsilon": Parameter(0.0, "the share of moves that are random looks or blocks", 0.0, 1.0),
        "briefed": Parameter(True, "whether addresses in its goal that are not its own are the attackers'"),
    }
    epsilon: float
    briefed: bool

    def choose_action(self, observation: Observation) -> Action | None:
        """The most urgent look or block; a pass when there is none."""
        state = observation.state
        if self.epsilon and self.rng.random() < self.epsilon:
            return random_move(state, self.rng)
        return next(self._moves(state), None)

    def _moves(self, state: GameState) -> Iterator[Action]:
        """What is left to do, the most urgent first."""
        return _Plan(state, self._named(state)).moves()

    def _named(self, state: GameState) -> list[IP]:
        """The attackers' addresses, as far as the goal names them."""
        if not self.briefed or self.seat is None:
            return []
        return sorted(addresses_in(self.seat.goal_description) - state.controlled_hosts)


@define(eq=False)
class _Plan:
    """What follows from a state. `named` are addresses that are known to be the attackers'."""

    state: GameState
    named: list[IP]
    hosts: list[IP] = field(init=False)
    entries: list[Entry] = field(init=False)
    intruders: list[IP] = field(init=False)
    treasuries: list[IP] = field(init=False)
    """Hosts with data."""

    def __attrs_post_init__(self) -> None:
        self.hosts = sorted(self.state.controlled_hosts, key=IP.to_wire)
        self.entries = [entry for host in self.hosts for entry in entries_of(self.state, host)]
        self.intruders = self._intruders()
        data = self.state.known_data
        self.treasuries = [h for h in self.hosts if any(d.type != "log" for d in data.get(h, ()))]

    def _intruders(self) -> list[IP]:
        """Sources that scan, exploit or sweep, and the hosts that they have exploited, perhaps in vain."""
        asked: dict[IP, set[IP]] = defaultdict(set)
        for entry in self.entries:
            if entry.kind is ActionType.FindServices:
                asked[entry.source].add(entry.host)
        found = {entry.source for entry in self.entries if entry.kind in GIVEAWAYS}
        found |= {source for source, hosts in asked.items() if len(hosts) >= SWEEP}
        found |= {e.host for e in self.entries if e.kind is ActionType.ExploitService}
        return sorted(found, key=IP.to_wire)

    def moves(self) -> Iterator[Action]:
        """Looks and blocks that are not made yet, the most urgent first."""
        looks = [look(host) for host in self.hosts if log_of(self.state, host) is None]
        if not self.named:
            yield from self._blocks(self.treasuries, self.intruders)
            yield from looks
            yield from self._blocks(self.treasuries, self._neighbours())
            return
        # without a way out for data, intruders need not be kept in, for which users may have to pay
        bystanders = [host for host in self.hosts if host not in self.intruders]
        blocks = self.state.known_blocks
        cut = [host for host in self.hosts if blocks.get(host, frozenset()).issuperset(self.named)]
        yield from self._blocks(self.treasuries, self.named)
        if not self.intruders and len(self.hosts) - len(looks) < len(cut) // PATROL:
            yield from (look(host) for host in reversed(cut) if log_of(self.state, host) is None)
        yield from self._blocks(bystanders, self.named)
        # last, because it is often what the goal asks for, and who has reached the goal plays no more
        yield from self._blocks([host for host in self.hosts if host in self.intruders], self.named)
        yield from looks

    def _neighbours(self) -> list[IP]:
        """Hosts in an intruder's networks, where it may go next."""
        nets = [n for n in self.state.known_networks if any(i in n for i in self.intruders)]
        return [host for host in self.hosts if any(host in net for net in nets)]

    def _blocks(self, hosts: list[IP], others: list[IP]) -> Iterator[Action]:
        innocent = {(e.host, e.source) for e in self.entries if e.source not in self.intruders}
        for other in others:
            for host in hosts:
                cut = self.state.known_blocks.get(host, frozenset())
                if other != host and other not in cut and (host, other) not in innocent:
                    yield block(host, other)
