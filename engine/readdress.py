"""Dynamic addresses: the same network under other addresses, drawn from a seed.

Private networks move together, so they keep their distances, and stay private; each public network moves
by itself, and stays public. Hosts keep their offsets in their networks. Everything in a spec that speaks of
addresses is told in the new ones: rules, views and goal descriptions too. What a prefix of a rule covered
before, it covers afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from netsiege.engine.streams import Stream
from netsiege.errors import RuleError
from netsiege.game import Network
from netsiege.game.private import PRIVATE_RANGES, is_private
from netsiege.game.values import int_to_ip, ip_to_int
from netsiege.scenarios.model import RoleTask, Rule, Spec, View

_TARGETS: Final = tuple(map(Network.from_text, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""Where private networks may go."""
_RESERVED: Final = tuple(
    map(
        Network.from_text,
        ("0.0.0.0/8", "127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
    )
)
"""Where public networks may not go, beside the private ranges."""
_ATTEMPTS: Final = 10_000
_ADDRESS: Final = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?:/(\d{1,2}))?(?![\d.]*\d)")
_MAX_TEXT: Final = 4096

Span = tuple[int, int]
"""First and last address of a stretch."""


def readdress(spec: Spec, seed: int) -> Spec:
    """The spec under addresses drawn from `seed`. Raises RuleError if its networks fit nowhere else."""
    networks = [Network.from_text(text) for text in spec.topology.networks]
    moves = _Moves(networks, Stream(seed, "addresses"))
    topology = attrs.evolve(
        spec.topology,
        networks=tuple(map(moves.network, spec.topology.networks)),
        hosts=tuple(
            attrs.evolve(host, addresses=tuple(map(moves.address, host.addresses)))
            for host in spec.topology.hosts
        ),
        rules=tuple(
            Rule(source, target)
            for rule in spec.topology.rules
            for source in moves.pieces(rule.source)
            for target in moves.pieces(rule.target)
        ),
    )
    task = attrs.evolve(spec.task, roles=tuple(_role(moves, role) for role in spec.task.roles))
    return Spec(topology, task)


class _Moves:
    """By how much each stretch of addresses moves."""

    def __init__(self, networks: Sequence[Network], drawn: Stream) -> None:
        self._shifts: list[tuple[Span, int]] = []
        """The networks that no other contains, and how far each moves."""
        self._ranges: list[tuple[Span, int]] = []
        """The private ranges with networks in them, and how far those move."""
        outer = sorted({(n.first, n.last) for n in networks if not any(_inside(n, o) for o in networks)})
        taken: list[Span] = []
        for span in PRIVATE_RANGES:
            group = [each for each in outer if span[0] <= each[0] and each[1] <= span[1]]
            if group:
                shift = _draw_private(group, taken, drawn)
                self._ranges.append((span, shift))
                self._shifts += [(each, shift) for each in group]
        for each in outer:
            if not is_private(each[0]):
                self._shifts.append((each, _draw_public(each, taken, drawn)))

    def _moved(self, first: int, last: int) -> int | None:
        """The new place of a stretch that lies within one network, or beside private ones."""
        for span, shift in self._shifts + self._ranges:
            if span[0] <= first and last <= span[1]:
                return first + shift if 0 <= first + shift < 1 << 32 else None
        return None

    def address(self, text: str) -> str:
        """A host's new address; what is no address, or of no network, stays as it is."""
        try:
            number = ip_to_int(text)
        except ValueError:
            return text
        moved = self._moved(number, number)
        return text if moved is None else int_to_ip(moved)

    def network(self, text: str) -> str:
        """A network's new name."""
        network = Network.from_text(text)
        moved = self._moved(network.first, network.last)
        if moved is None:
            return text
        return f"{int_to_ip(moved + ip_to_int(network.ip) - network.first)}/{network.mask}"

    def pieces(self, text: str) -> list[str]:
        """The new prefixes that cover what a prefix covered."""
        network = Network.from_text(text)
        covered = [span for span, _ in self._shifts if network.first <= span[0] and span[1] <= network.last]
        if not covered:
            return [self.network(text)]
        return [self.network(f"{int_to_ip(a)}/{32 - (b - a).bit_length()}") for a, b in covered]

    def text(self, text: str) -> str:
        """A text with the addresses and networks in it told anew."""

        def told(match: re.Match[str]) -> str:
            try:
                return self.network(match[0]) if match[2] else self.address(match[0])
            except ValueError:
                return match[0]

        return _ADDRESS.sub(told, text)[:_MAX_TEXT]


def _inside(network: Network, other: Network) -> bool:
    return other.first <= network.first and network.last <= other.last and network.mask > other.mask


def _clashes(span: Span, taken: Iterable[Span]) -> bool:
    return any(span[0] <= last and first <= span[1] for first, last in taken)


def _draw_private(group: Sequence[Span], taken: list[Span], drawn: Stream) -> int:
    """A shift that keeps every network of the group on its boundaries, in one private range."""
    block = max(last - first + 1 for first, last in group)
    low, high = group[0][0], group[-1][1]
    fitting: list[tuple[int, int]] = []
    for target in _TARGETS:
        least, most = -((low - target.first) // block), (target.last - high) // block
        if least <= most:
            fitting.append((least, most))
    for _ in range(_ATTEMPTS if fitting else 0):
        least, most = fitting[drawn.below(len(fitting))]
        shift = block * (least + drawn.below(most - least + 1))
        if not _clashes((low + shift, high + shift), taken):
            taken.append((low + shift, high + shift))
            return shift
    raise RuleError("the private networks fit into no other place")


def _draw_public(span: Span, taken: list[Span], drawn: Stream) -> int:
    size = span[1] - span[0] + 1
    closed = [*PRIVATE_RANGES, *((n.first, n.last) for n in _RESERVED), *taken]
    for _ in range(_ATTEMPTS):
        first = drawn.below((1 << 32) // size) * size
        if not _clashes((first, first + size - 1), closed):
            taken.append((first, first + size - 1))
            return first - span[0]
    raise RuleError(f"the public network at {int_to_ip(span[0])} fits into no other place")


def _role(moves: _Moves, role: RoleTask) -> RoleTask:
    return attrs.evolve(
        role,
        start=_view(moves, role.start),
        goal=_view(moves, role.goal),
        goal_description=moves.text(role.goal_description),
    )


def _view(moves: _Moves, view: View) -> View:
    return View(
        known_networks=tuple(map(moves.network, view.known_networks)),
        known_hosts=tuple(map(moves.address, view.known_hosts)),
        controlled_hosts=tuple(map(moves.address, view.controlled_hosts)),
        known_services=tuple((moves.address(text), items) for text, items in view.known_services),
        known_data=tuple((moves.address(text), items) for text, items in view.known_data),
        known_blocks=tuple(
            (moves.address(text), tuple(map(moves.address, blocked))) for text, blocked in view.known_blocks
        ),
    )
