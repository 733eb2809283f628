"""A defender that suspects by shares and runs in a window, and blocks by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import ClassVar, Final

from attrs import define, field

from netsiege.agents.base import BaseAgent
from netsiege.agents.defenders.logs import Entry, entries_of, log_of
from netsiege.agents.defenders.moves import block, look, random_move
from netsiege.agents.parameters import Parameter
from netsiege.game import IP, Action, ActionType, AgentRole, GameState, Observation
from netsiege.session import Seat

WINDOW: Final = 5
PROBABILITY: Final = {
    ActionType.ScanNetwork: 0.05,
    ActionType.FindServices: 0.075,
    ActionType.ExploitService: 0.1,
    ActionType.FindData: 0.025,
    ActionType.ExfiltrateData: 0.025,
}
SHARE: Final = {
    ActionType.ScanNetwork: 0.25,
    ActionType.FindServices: 0.3,
    ActionType.ExploitService: 0.25,
    ActionType.FindData: 0.5,
    ActionType.ExfiltrateData: 0.25,
}
RUN: Final = {ActionType.ScanNetwork: 2, ActionType.FindServices: 3, ActionType.ExfiltrateData: 2}
REPEATS: Final = {ActionType.ExploitService: 2, ActionType.FindData: 2}


class StochasticDefender(BaseAgent):
    """Reads the logs of its hosts in random order, and blocks suspicious sources by chance where it saw them.

    The figures are those of NetSecGame's global defender (0.2.0), which sees every action of an agent. This
    one sees what logs tell: a source's trail, its entries in the order in which they were read. From the
    fifth entry of a trail on, an entry is suspicious in view of the last five

    - if its kind makes up a share of at least 0.25 (scans, exploits, exfiltrations), 0.3 (searches for
      services) or 0.5 (for data);
    - or if the longest run of its kind is at least 2 (scans, exfiltrations) or 3 (searches for services);
    - or, for exploits and searches for data, if the same was done to the same host twice, ever.

    A suspicious entry convicts its source with a probability of 0.05 for a scan, 0.075 for a search for
    services, 0.1 for an exploit, 0.025 for a search for data or an exfiltration. Blocks are never suspicious.
    The dice roll once an entry. What a host does to itself is no evidence: that is how defenders look.
    A log is worth one look: what is known of it never grows. Passes when there is nothing to read or block.
    """

    plays = (AgentRole.Defender,)
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "epsilon": Parameter(0.0, "the share of moves that are random looks or blocks", 0.0, 1.0),
        "tolerance": Parameter(1.0, "a factor of all thresholds; at less than 1 it suspects more", 0.0),
        "severity": Parameter(1.0, "a factor of the probabilities of a conviction", 0.0),
        "window": Parameter(WINDOW, "how many entries of a source are looked at together", 1),
    }
    epsilon: float
    tolerance: float
    severity: float
    window: int

    _trails: _Trails | None = None

    def seated(self, seat: Seat) -> None:
        """A new seat begins with a new episode."""
        super().seated(seat)
        self._trails = None

    def episode_started(self, observation: Observation) -> None:
        """Forgets the last episode, which happens without this call when logs are unknown again."""
        self._trails = None

    def choose_action(self, observation: Observation) -> Action | None:
        """A block of a convicted source, else a look into a log that is not read yet, else a pass."""
        state = observation.state
        if self._trails is None or self._trails.are_of_another_episode(state):
            self._trails = _Trails()
        for entry in self._trails.follow(state):
            chance = self.severity * PROBABILITY.get(entry.kind, 0.0)
            if (
                self._is_suspicious(entry, self._trails.by_source[entry.source])
                and self.rng.random() < chance
            ):
                self._trails.convicted.add(entry.source)
        hosts = sorted(state.controlled_hosts)
        if hosts and self.epsilon and self.rng.random() < self.epsilon:
            return random_move(state, self.rng)
        unread = [host for host in hosts if log_of(state, host) is None]
        first = look(self.rng.choice(unread)) if unread else None
        return next(self._trails.blocks(state), first)

    def _is_suspicious(self, entry: Entry, trail: list[Entry]) -> bool:
        """Whether the last entry of a trail is."""
        kind, tolerance = entry.kind, self.tolerance
        if len(trail) < self.window or kind not in PROBABILITY:
            return False
        kinds = [each.kind for each in trail[-self.window :]]
        if kinds.count(kind) / self.window >= tolerance * SHARE[kind]:
            return True
        if kind in REPEATS:
            return trail.count(entry) >= tolerance * REPEATS[kind]
        longest = max(len(list(run)) for each, run in groupby(kinds) if each is kind)
        return longest >= tolerance * RUN[kind]


@define(eq=False)
class _Trails:
    """What was read in one episode, and who was convicted for it."""

    by_source: dict[IP, list[Entry]] = field(factory=dict)
    read: set[IP] = field(factory=set)
    convicted: set[IP] = field(factory=set)

    def are_of_another_episode(self, state: GameState) -> bool:
        return any(log_of(state, host) is None for host in self.read)

    def follow(self, state: GameState) -> Iterator[Entry]:
        """Adds what is newly read to the trails, entry by entry."""
        for host in sorted(state.controlled_hosts - self.read):
            if log_of(state, host) is not None:
                self.read.add(host)
                for entry in entries_of(state, host):
                    if entry.source != host:
                        self.by_source.setdefault(entry.source, []).append(entry)
                        yield entry

    def blocks(self, state: GameState) -> Iterator[Action]:
        """Blocks of the convicted on the hosts whose logs name them, those not known to be made."""
        for source in sorted(self.convicted):
            for host in sorted({entry.host for entry in self.by_source[source]} & state.controlled_hosts):
                if source not in state.known_blocks.get(host, frozenset()):
                    yield block(host, source)
