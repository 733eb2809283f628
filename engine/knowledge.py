"""What one seat knows, as masks over a board, and how that travels.

`full` gives exactly what `GameState.to_wire` gives for an equal state. A change travels as a *delta*, the
flat list of fields and values that `GameState.apply` takes; the methods that change something return one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from netsiege.engine.board import Board, Wire
from netsiege.engine.masks import bits, bytes_mask, mask_bytes

Delta = Sequence[Any]

NOTHING: Final[Delta] = ()
"""The delta of a step that changed nothing."""

NETWORKS: Final = 0
HOSTS: Final = 1
CONTROLLED: Final = 2
SERVICES: Final = 3
DATA: Final = 4
BLOCKS: Final = 5


class Knowledge:
    """The state of one seat. Masks are over the numbers of its board; addresses of blocks are 32-bit."""

    __slots__ = ("blocks", "controlled", "data", "hosts", "networks", "services")

    def __init__(self) -> None:
        self.networks = 0
        self.hosts = 0
        self.controlled = 0
        self.services: dict[int, int] = {}
        """Address -> mask of services, never empty."""
        self.data: dict[int, dict[int, Wire]] = {}
        """Address -> key -> the datum as it was when first seen there; never empty."""
        self.blocks: dict[int, set[int]] = {}

    def full(self, board: Board) -> Wire:
        """The state in full."""
        numbers, services = board.numbers, board.services
        return [
            [board.networks[i] for i in bits(self.networks)],
            board.numbers_of(self.hosts),
            board.numbers_of(self.controlled),
            [[numbers[a], [services[i] for i in bits(mask)]] for a, mask in sorted(self.services.items())],
            [[numbers[a], sorted(held.values())] for a, held in sorted(self.data.items())],
            [[number, sorted(blocked)] for number, blocked in sorted(self.blocks.items())],
        ]

    def see_hosts(self, board: Board, found: int) -> Delta:
        """Knows the hosts of a mask."""
        new = found & ~self.hosts
        if not new:
            return NOTHING
        self.hosts |= new
        return [HOSTS, board.numbers_of(new)]

    def see_networks(self, board: Board, found: int) -> Delta:
        """Knows the networks of a mask."""
        new = found & ~self.networks
        if not new:
            return NOTHING
        self.networks |= new
        return [NETWORKS, [board.networks[i] for i in bits(new)]]

    def see_services(self, board: Board, address: int, found: int) -> Delta:
        """Knows these services of a host (at least one), and forgets what else it knew of them."""
        if self.services.get(address) == found:
            return NOTHING
        self.services[address] = found
        return [SERVICES, [[board.numbers[address], [board.services[i] for i in bits(found)]]]]

    def take_control(self, board: Board, address: int) -> Delta:
        """Controls a host."""
        if self.controlled >> address & 1:
            return NOTHING
        self.controlled |= 1 << address
        return [CONTROLLED, [board.numbers[address]]]

    def see_data(self, board: Board, address: int, found: dict[int, Wire]) -> Delta:
        """Knows these data of a host, those it knew of before as they were."""
        held = self.data.get(address)
        if held is None:
            self.data[address] = held = dict(found)
        else:
            new = {key: datum for key, datum in found.items() if key not in held}
            if not new:
                return NOTHING
            held.update(new)
        return [DATA, [[board.numbers[address], sorted(held.values())]]]

    def see_blocks(self, number: int, found: set[int]) -> Delta:
        """Knows that a host was cut off from those (at least one)."""
        known = self.blocks.setdefault(number, set())
        if found <= known:
            return NOTHING
        known |= found
        return [BLOCKS, [[number, sorted(known)]]]

    # --- snapshots ----------------------------------------------------------------------------------------

    def to_plain(self) -> list[Any]:
        """Everything, ready for msgpack."""
        return [
            mask_bytes(self.networks),
            mask_bytes(self.hosts),
            mask_bytes(self.controlled),
            [part for a, mask in sorted(self.services.items()) for part in (a, mask_bytes(mask))],
            [
                [a, [p for pair in sorted(held.items()) for p in pair]]
                for a, held in sorted(self.data.items())
            ],
            [[number, sorted(blocked)] for number, blocked in sorted(self.blocks.items())],
        ]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Knowledge:
        """The inverse of `to_plain`."""
        self = cls()
        networks, hosts, controlled, services, data, blocks = plain
        self.networks, self.hosts, self.controlled = map(bytes_mask, (networks, hosts, controlled))
        self.services = {a: bytes_mask(m) for a, m in zip(services[::2], services[1::2], strict=True)}
        self.data = {a: dict(zip(held[::2], held[1::2], strict=True)) for a, held in data}
        self.blocks = {number: set(blocked) for number, blocked in blocks}
        return self
