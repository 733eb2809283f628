"""The world under `siege-1`: besides what it always has, hosts that are away or lost, and a sensor's alerts.

A host is *away* while it is isolated, and for some moves after a response that needs a restart: nothing
reaches it, and nothing leaves it. A host is *lost* to an attacker when a defender has restored it: the
attacker still takes it for its own, and finds out when what it does from there fails. Chance and the sensor
draw from streams of the episode's seed: a seat's luck from its own, so that no move shifts another seat's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from netsiege.engine.actions import SCAN
from netsiege.engine.board import Board
from netsiege.engine.masks import bits, bytes_mask, mask_bytes
from netsiege.engine.siege_laws import SEEN, USERS_SEEN, Laws
from netsiege.engine.streams import Stream
from netsiege.engine.world import Mark, Participant, World
from netsiege.game import AgentRole
from netsiege.game.action import PLAYED
from netsiege.game.action_types import NETSECGAMES
from netsiege.scenarios.model import Rewards

ATTACKER: Final = AgentRole.Attacker.value
BENIGN: Final = AgentRole.Benign.value
DEFENDER: Final = AgentRole.Defender.value

Alert = tuple[int, int, int, int]
"""When it was raised (in moves), the addresses of source and target (-1: a whole network), the action."""


class SiegeWorld(World):
    """See the module. Seats are counted as in the match; masks of hosts are over nodes."""

    __slots__ = (
        "_alerts",
        "_away_moves",
        "_back_at",
        "_costs",
        "_heard",
        "_infested",
        "_isolated",
        "_luck",
        "_restarting",
        "_sensor",
        "_told",
        "decoys",
        "failures",
        "goal_at",
        "hardened",
        "laws",
        "lost",
        "marks",
        "moves",
        "patched",
        "reset",
        "responders",
        "roles",
        "taken",
    )

    def __init__(self, board: Board, laws: Laws, seats: Sequence[Participant], seed: int) -> None:
        self.roles = [seat.role for seat in seats]
        super().__init__(board, [role != ATTACKER for role in self.roles])
        self.laws = laws
        self.moves = 0
        """Of all seats, passes included."""
        self._luck = [Stream(seed, f"luck/{seat.role}/{seat.index}") for seat in seats]
        self._sensor = Stream(seed, "sensor")
        self._isolated = self._restarting = 0
        self._back_at: dict[int, int] = {}
        self._away_moves = 0
        """Hosts times moves."""
        self.responders: dict[int, int] = {}
        """Node -> the seat that it is away for."""
        self.lost = [0] * len(seats)
        """Seat -> mask of the addresses that it controls no longer, whatever it knows."""
        self._infested = self._nodes(_all_of(s.knows.controlled for s in seats if s.role == ATTACKER))
        """Nodes that an attacker has had since they were last restored."""
        self.taken = self.hardened = self.decoys = self.reset = 0
        """Nodes that an attacker has conquered; that are hardened, have a decoy, new credentials."""
        self.patched: dict[int, int] = {}
        """Node -> mask of services."""
        self.marks: dict[str, int] = {}
        """What effects have marked (`netsiege.game.entries.Turn.mark`): name -> mask of nodes."""
        self._alerts: list[Alert] = []
        self._heard = [0] * len(seats)
        self._told: list[list[Any]] = [[] for _ in seats]
        self._costs: list[float] = [0] * len(seats)
        self.failures = 0
        """Of users, because of responses."""
        self.goal_at: int | None = None
        """When the first attacker reached its goal."""

    # --- time and chance ----------------------------------------------------------------------------------

    def idle(self, _seat: int) -> bytes:
        """A pass takes time, too."""
        self.tick()
        return super().idle(_seat)

    def tick(self) -> None:
        """A move begins."""
        self.moves += 1
        for node in [node for node, moves in self._back_at.items() if moves <= self.moves]:
            del self._back_at[node]
            self._restarting &= ~(1 << node)
        self._away_moves += self.away.bit_count()
        if self.laws.is_on("sensor") and self._sensor.uniform() < self.laws.rules.false_alerts:
            self._raise_falsely()

    def is_lucky(self, seat: int, chance: float) -> bool:
        """Rolls a seat's dice. Certainty takes no draw."""
        return chance >= 1 or self._luck[seat].uniform() < chance

    # --- hosts --------------------------------------------------------------------------------------------

    @property
    def away(self) -> int:
        """The mask of the nodes that nothing reaches."""
        return self._isolated | self._restarting

    def _nodes(self, addresses: int) -> int:
        return _all_of(1 << self.board.node_of[address] for address in bits(addresses))

    def addresses(self, nodes: int) -> int:
        """The mask of the addresses of a mask of nodes."""
        mask = 0
        for node in bits(nodes):
            mask |= self.board.node_addresses[node]
        return mask

    def isolate(self, seat: int, node: int) -> None:
        """Cuts a host off from all, until it is restored."""
        self._isolated |= 1 << node
        self.responders[node] = seat

    def rejoin(self, node: int) -> None:
        """Isolates a host no longer."""
        self._isolated &= ~(1 << node)

    def restart(self, seat: int, node: int, moves: int) -> None:
        """A host is away for so many moves, this one not counted."""
        if moves:
            self._restarting |= 1 << node
            self._back_at[node] = max(self._back_at.get(node, 0), self.moves + moves + 1)
            self.responders[node] = seat

    def conquer(self, seat: int, address: int) -> bool:
        """A seat has got into a host; whether it had lost it before."""
        regained = bool(self.lost[seat] >> address & 1)
        self.lost[seat] &= ~(1 << address)
        if self.roles[seat] == ATTACKER:
            node = 1 << self.board.node_of[address]
            self.taken |= node & ~self._infested  # not the hosts that an attack begins from
            self._infested |= node
        return regained

    def evict(self, node: int) -> None:
        """No attacker controls a host any more."""
        self._infested &= ~(1 << node)
        for seat, role in enumerate(self.roles):
            if role == ATTACKER:
                self.lost[seat] |= self.board.node_addresses[node]

    def miss(self, seat: int, nodes: int) -> None:
        """A seat could not work with these hosts, which are away."""
        if self.roles[seat] != BENIGN or not nodes:
            return
        self.failures += 1
        if self.laws.is_on("users"):
            self._costs[self.responders[bits(nodes)[0]]] += self.laws.rules.disruption

    def accuse(self, seat: int, node: int) -> None:
        """A defender has acted against a host as if an attacker had it."""
        if self.laws.is_on("users") and not self._infested >> node & 1:
            self.false_positives[seat] += 1

    def holds(self, seat: int, addresses: int) -> bool:
        """Whether a seat has lost none of these."""
        return not addresses & self.lost[seat]

    # --- the sensor ---------------------------------------------------------------------------------------

    def sense(self, seat: int, code: int, source: int, target: int, mark: Mark, chance: float) -> None:
        """An action has left traces since the mark, or none. What the sensor does not see leaves none."""
        if self.mark() == mark or self.roles[seat] == DEFENDER:
            return
        if self.roles[seat] == BENIGN:
            chance *= USERS_SEEN
        if self._sensor.uniform() < chance:
            self.alert(code, source, target)
        else:
            self.forget(mark)

    @property
    def alarms(self) -> int:
        """How many alerts there have been."""
        return len(self._alerts)

    def alert(self, code: int, source: int, target: int) -> None:
        """Tells all defenders of an action; `target` -1 stands for a scan."""
        self._alerts.append((self.moves, source, target, code))

    def _raise_falsely(self) -> None:
        """An alert about nothing, which leaves what a true one would."""
        everywhere = range(len(self.board.numbers))
        hosts = bits(self.board.local) or everywhere
        target = hosts[self._sensor.below(len(hosts))]
        sources = [host for host in everywhere if host != target and self.reach[host] >> target & 1] or hosts
        source = sources[self._sensor.below(len(sources))]
        kinds = sorted(code for code in SEEN if code < NETSECGAMES)  # logs know no others
        code = kinds[self._sensor.below(len(kinds))]
        self.alert(code, source, -1 if code == SCAN else target)
        self.note(self.board.node_of[target], source, code)

    # --- what observations tell ---------------------------------------------------------------------------

    def reached_goal(self, seat: int) -> None:
        """A seat has won: the time of the first attacker counts."""
        if self.goal_at is None and self.roles[seat] == ATTACKER:
            self.goal_at = self.moves

    def tell(self, seat: int) -> list[Any]:
        """A defender hears the alerts since its last observation."""
        self._told[seat] = told = []
        if self.roles[seat] == DEFENDER and self._heard[seat] < len(self._alerts):
            news = self._alerts[self._heard[seat] :]
            self._heard[seat] = len(self._alerts)
            told += ["alerts", json.dumps([self._described(alert) for alert in news])]
        return told

    def told(self, seat: int) -> list[Any]:
        """What `tell` has said last."""
        return self._told[seat]

    def tell_end(self, seat: int) -> list[Any]:
        """The last alerts, and how the episode went."""
        told = self.tell(seat)
        if self.laws.is_on("scores"):
            told += ["scores", json.dumps(self.scores())]
        return told

    def scores(self) -> dict[str, Any]:
        """How well either side did, beyond who won."""
        all_moves = self.moves * len(self.board.node_of)
        return {
            "time_to_goal": self.goal_at,
            "hosts_lost": self.taken.bit_count(),
            "availability": round(1 - self._away_moves / all_moves, 6) if all_moves else 1.0,
            "users_failed": self.failures,
            "false_positives": sum(self.false_positives),
            "alerts": len(self._alerts),
        }

    def _described(self, alert: Alert) -> dict[str, Any]:
        move, source, target, code = alert
        texts = self.board.texts
        return {
            "move": move,
            "source_host": texts[source],
            "target_host": texts[target] if target >= 0 else None,
            "action_type": str(PLAYED[code][0]),
        }

    def settlement(self, seat: int, rewards: Rewards) -> float:
        """Also what responses have cost."""
        return super().settlement(seat, rewards) + self._costs[seat]

    # --- snapshots ----------------------------------------------------------------------------------------

    def to_plain(self) -> list[Any]:
        """All that has changed since the start, ready for msgpack."""
        masks = (self._isolated, self._restarting, self._infested, self.taken, self.hardened, self.decoys)
        marks = [part for name, mask in sorted(self.marks.items()) for part in (name, mask_bytes(mask))]
        return [
            super().to_plain(),
            self.moves,
            [stream.draws for stream in self._luck],
            self._sensor.draws,
            list(map(mask_bytes, (*masks, self.reset))),
            _pairs(self._back_at),
            self._away_moves,
            _pairs(self.responders),
            list(map(mask_bytes, self.lost)),
            [part for node, mask in sorted(self.patched.items()) for part in (node, mask_bytes(mask))],
            [part for alert in self._alerts for part in alert],
            self._heard,
            self._told,
            self._costs,
            self.failures,
            self.goal_at,
            *([marks] if marks else []),
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh world."""
        base, self.moves, luck, self._sensor.draws, masks, back_at, self._away_moves, responders = plain[:8]
        lost, patched, alerts, self._heard, self._told, self._costs, self.failures, self.goal_at = plain[8:16]
        super().load(base)
        for stream, draws in zip(self._luck, luck, strict=True):
            stream.draws = draws
        whole = list(map(bytes_mask, masks))
        self._isolated, self._restarting, self._infested, self.taken, self.hardened = whole[:5]
        self.decoys, self.reset = whole[5:]
        self._back_at = dict(zip(back_at[::2], back_at[1::2], strict=True))
        self.responders = dict(zip(responders[::2], responders[1::2], strict=True))
        self.lost = list(map(bytes_mask, lost))
        self.patched = dict(zip(patched[::2], map(bytes_mask, patched[1::2]), strict=True))
        self._alerts = list(zip(*[iter(alerts)] * 4, strict=True))
        for marks in plain[16:]:
            self.marks = dict(zip(marks[::2], map(bytes_mask, marks[1::2]), strict=True))


def _all_of(masks: Iterable[int]) -> int:
    whole = 0
    for mask in masks:
        whole |= mask
    return whole


def _pairs(numbers: dict[int, int]) -> list[int]:
    """Keys and values, one after the other, in the order in which they came."""
    return [part for pair in numbers.items() for part in pair]
