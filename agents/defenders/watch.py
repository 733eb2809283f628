"""What a defender can do next, told without addresses: the abstraction that the learned defender learns on.

**Moves** fall into **kinds**, and only kinds have values; within one, any move is as good as another:

- to wait, once there is nothing left to look into: until then a look costs no more;
- to look into a host whose log is not read: whether the host is suspected, or a neighbour of a suspect;
- to cut an address that the goal names off from a host: what the host holds, and whether it is suspected;
- to cut a source that logs tell of off from a host: what gave the source away, what the host holds, and
  whether the host's own log names the source, so that the way is known to be in use.

Sources are intruders (seen scanning or exploiting), taken (exploited, perhaps in vain), sweepers (they asked
so many hosts for services as no user does), askers (fewer hosts), or users (all else). The first three are
suspects. A host holds data, nothing, or what is not known as long as it is not read. Addresses of which
neither goal nor logs say anything are left alone.

The **situation** is small counts: suspects, the binary digits of how many hosts are not read, how many times
three moves have gone by, and the hosts that are still open to whom the goal names (to suspects, if it names
nobody): those with data, and of the others the unsuspected and the suspected.

Addresses themselves are in neither: what was learned holds under others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import attrgetter
from typing import Final

from attrs import define, field

from netsiege.agents.defenders.logs import Entry, entries_of, log_of
from netsiege.agents.defenders.moves import block, look
from netsiege.agents.defenders.scripted_defender import GIVEAWAYS, SWEEP
from netsiege.agents.learning.table import Kind, Situation
from netsiege.game import IP, Action, ActionType, GameState

WAIT, LOOK, BLOCK = range(3)
Move = tuple[int, IP | None, IP | None]
"""The type of a move, the host on which it is made, and whom it cuts off there."""

NAMED, INTRUDER, TAKEN, SWEEPER, ASKER, USER = "named", "intruder", "taken", "sweeper", "asker", "user"
SUSPECT: Final = frozenset({INTRUDER, TAKEN, SWEEPER})
UNREAD, NOTHING, DATA = range(3)
"""What a host holds."""

MANY: Final = 2
PHASE_MOVES: Final = 3
"""Moves after which it counts as later …"""
LATE: Final = 4
"""… and how often that counts."""

# the class's own order compares in Python and costs ten times as much
_BY_IP = attrgetter("ip")


@define(eq=False)
class Watch:
    """A defender's memory of one episode. `named` are the addresses that its goal names.

    A move that shows no effect is not made again, or, with `patience`, not more than so many times.
    """

    named: frozenset[IP]
    patience: int = 1
    _known: GameState = field(factory=GameState)
    _moves: int = 0
    _made: set[Move] = field(factory=set)
    _vain: Counter[Move] = field(factory=Counter)
    _last: Move | None = None
    _logs: dict[IP, tuple[Entry, ...]] = field(factory=dict)
    _standing: dict[IP, str] = field(factory=dict)
    """What gave away each source in the logs."""
    _suspects: frozenset[IP] = frozenset()
    _used: frozenset[tuple[IP, IP]] = frozenset()
    """(host, source) of all entries."""

    def follows(self, state: GameState) -> bool:
        """Whether a state can come after the last one in the same episode: nobody forgets anything."""
        before = self._known
        return before is state or (
            all(log_of(state, host) is not None for host in self._logs)
            and all(
                cut <= state.known_blocks.get(host, cut - cut) for host, cut in before.known_blocks.items()
            )
        )

    def note(self, move: Move) -> None:
        """The move is made now."""
        self._moves += 1
        self._made.add(move)
        self._last = move

    def options(self, state: GameState) -> tuple[Situation, dict[Kind, list[Move]]]:
        """The situation, and the moves by kind, each list in an order that depends on the state alone."""
        hosts = sorted(state.controlled_hosts, key=_BY_IP)
        if self.patience > 1:
            self._reconsider(state)
        if state is not self._known:
            self._read(state, hosts)
        moves: defaultdict[Kind, list[Move]] = defaultdict(list)
        unread = [host for host in hosts if host not in self._logs]
        infested = [net for net in state.known_networks if any(each in net for each in self._suspects)]
        for host in unread:
            near = int(any(host in net for net in infested))
            self._add(moves, (LOOK, int(host in self._suspects), near), (LOOK, host, None))
        if not any(kind[0] == LOOK for kind in moves):
            moves[WAIT,].append((WAIT, None, None))
        self._add_blocks(moves, state, hosts)
        phase = min(self._moves // PHASE_MOVES, LATE)
        counts = (min(len(self._suspects), MANY), len(unread).bit_length(), phase)
        return (*counts, *self._open(state, hosts)), moves

    def _reconsider(self, state: GameState) -> None:
        """Offers the last move again if it shows no effect and may yet have one."""
        move, self._last = self._last, None
        if move is not None and state == self._known:
            self._vain[move] += 1
            if self._vain[move] < self.patience:
                self._made.discard(move)

    def _add(self, moves: defaultdict[Kind, list[Move]], kind: Kind, move: Move) -> None:
        # what was tried and shows no effect would show none the next time
        if move not in self._made:
            moves[kind].append(move)

    def _add_blocks(
        self, moves: defaultdict[Kind, list[Move]], state: GameState, hosts: Iterable[IP]
    ) -> None:
        others = sorted(self.named | self._standing.keys(), key=_BY_IP)
        for host in hosts:
            cut = state.known_blocks.get(host, frozenset())
            holds, suspected = self._holds(state, host), int(host in self._suspects)
            for other in others:
                if other == host or other in cut:
                    continue
                if other in self.named:
                    kind: Kind = (BLOCK, NAMED, holds, suspected)
                else:
                    kind = (BLOCK, self._standing[other], holds, int((host, other) in self._used))
                self._add(moves, kind, (BLOCK, host, other))

    def _open(self, state: GameState, hosts: Iterable[IP]) -> Situation:
        """How many hosts are open to whom it hunts: with data; the others, unsuspected and suspected."""
        hunted = self.named or self._suspects
        counts = [0, 0, 0]
        for host in hosts:
            if hunted - {host} <= state.known_blocks.get(host, frozenset()):
                continue
            counts[0 if self._holds(state, host) == DATA else 1 + (host in self._suspects)] += 1
        return min(counts[0], 1), min(counts[1], MANY), min(counts[2], 1)

    def _holds(self, state: GameState, host: IP) -> int:
        if host not in self._logs:
            return UNREAD
        return DATA if any(each.type != "log" for each in state.known_data.get(host, ())) else NOTHING

    def _read(self, state: GameState, hosts: Iterable[IP]) -> None:
        """Takes in the logs that are new, each of which is told as it was when it was first read."""
        self._known = state
        fresh = [host for host in hosts if host not in self._logs and log_of(state, host) is not None]
        if not fresh:
            return
        self._logs |= {host: entries_of(state, host) for host in fresh}
        # what a host does to itself is how defenders look, unless nobody but an intruder would do it
        entries = [
            entry
            for log in self._logs.values()
            for entry in log
            if entry.source != entry.host or entry.kind in GIVEAWAYS
        ]
        self._standing = standing_of(entries)
        self._suspects = frozenset(each for each, why in self._standing.items() if why in SUSPECT)
        self._used = frozenset((entry.host, entry.source) for entry in entries)


def standing_of(entries: Iterable[Entry]) -> dict[IP, str]:
    """What gives away each address in these entries: the worst that they tell of it."""
    entries = list(entries)
    asked: defaultdict[IP, set[IP]] = defaultdict(set)
    for entry in entries:
        if entry.kind is ActionType.FindServices:
            asked[entry.source].add(entry.host)
    standing = {entry.source: USER for entry in entries}
    standing |= {source: SWEEPER if len(hosts) >= SWEEP else ASKER for source, hosts in asked.items()}
    standing |= {entry.host: TAKEN for entry in entries if entry.kind is ActionType.ExploitService}
    return standing | {entry.source: INTRUDER for entry in entries if entry.kind in GIVEAWAYS}


def action_of(move: Move) -> Action | None:
    """The move as an action; None, a pass, to wait."""
    type_, host, other = move
    if host is None:
        return None
    return look(host) if type_ == LOOK or other is None else block(host, other)
