"""What one seat knows, as masks over a board, and how that travels.

`full` gives exactly what `GameState.to_wire` gives for an equal state. The methods that change something
return the delta, packed (see `netsiege.engine.deltas`).
"""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from netsiege.engine.board import Board, Wire
from netsiege.engine.deltas import BLOCKS, DATA, NOTHING, Delta
from netsiege.engine.masks import bits, bytes_mask, mask_bytes
from netsiege.protocol import pack

_WORD: Final = 1 << 63
"""Masks below travel as numbers."""


class Knowledge:
    """The state of one seat. Masks are over the numbers of its board; addresses of blocks are 32-bit."""

    __slots__ = (
        "blocks",
        "controlled",
        "cuts",
        "data",
        "hosts",
        "loot",
        "networks",
        "offers",
        "services",
    )

    def __init__(self) -> None:
        self.networks = 0
        self.hosts = 0
        self.controlled = 0
        self.services: dict[int, int] = {}
        """Address -> mask of services, never empty."""
        self.data: dict[int, dict[int, Wire]] = {}
        """Address -> key -> the datum as it was when first seen there; never empty."""
        self.blocks: dict[int, set[int]] = {}
        self.offers: tuple[list[int], list[int]] | None = None
        """Sums over the services, the data and the blocks, for `netsiege.engine.valid`, which makes them when
        it needs them; None after each change of what they are about."""
        self.loot: tuple[list[int], list[int]] | None = None
        self.cuts: dict[int, int] | None = None

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
        return board.deltas.hosts[new]

    def see_networks(self, board: Board, found: int) -> Delta:
        """Knows the networks of a mask."""
        new = found & ~self.networks
        if not new:
            return NOTHING
        self.networks |= new
        return board.deltas.networks[new]

    def see_services(self, board: Board, address: int, found: int) -> Delta:
        """Knows these services of a host (at least one), and forgets what else it knew of them."""
        if self.services.get(address) == found:
            return NOTHING
        self.services[address] = found
        self.offers = None
        return board.deltas.services[address, found]

    def take_control(self, board: Board, address: int) -> Delta:
        """Controls a host."""
        if self.controlled >> address & 1:
            return NOTHING
        self.controlled |= 1 << address
        self.loot = None
        return board.deltas.controlled[address]

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
        self.loot = None
        return pack([DATA, [[board.numbers[address], sorted(held.values())]]])

    def see_blocks(self, found: dict[int, set[int]]) -> Delta:
        """Knows of hosts that each was cut off from those (at least one)."""
        changed = []
        for number, blocked in sorted(found.items()):
            known = self.blocks.setdefault(number, set())
            if not blocked <= known:
                known |= blocked
                changed.append([number, sorted(known)])
        if not changed:
            return NOTHING
        self.cuts = self.loot = None
        return pack([BLOCKS, changed])

    # --- copies and snapshots -----------------------------------------------------------------------------

    def copy(self) -> Knowledge:
        """The same for another seat, or another episode."""
        other = Knowledge.__new__(Knowledge)
        other.networks, other.hosts, other.controlled = self.networks, self.hosts, self.controlled
        other.services = self.services.copy()
        other.data = {address: held.copy() for address, held in self.data.items()} if self.data else {}
        other.blocks = {number: cut.copy() for number, cut in self.blocks.items()} if self.blocks else {}
        other.offers = other.loot = other.cuts = None
        return other

    def to_plain(self) -> list[Any]:
        """Everything, ready for msgpack, in the order in which it became known."""
        return [
            mask_bytes(self.networks),
            mask_bytes(self.hosts),
            mask_bytes(self.controlled),
            list(self.services),
            [mask if mask < _WORD else mask_bytes(mask) for mask in self.services.values()],
            [[a, *chain.from_iterable(held.items())] for a, held in self.data.items()],
            [[number, *sorted(blocked)] for number, blocked in self.blocks.items()],
        ]

    @classmethod
    def from_plain(cls, plain: list[Any]) -> Knowledge:
        """The inverse of `to_plain`."""
        self = cls()
        networks, hosts, controlled, served, services, data, blocks = plain
        self.networks, self.hosts, self.controlled = map(bytes_mask, (networks, hosts, controlled))
        masks = [mask if type(mask) is int else bytes_mask(mask) for mask in services]
        if min(masks, default=0) < 0:
            raise ValueError("no mask is negative")  # it would have members without end
        self.services = dict(zip(served, masks, strict=True))
        self.data = {held[0]: dict(zip(held[1::2], held[2::2], strict=True)) for held in data}
        self.blocks = {number: set(blocked) for number, *blocked in blocks}
        return self
