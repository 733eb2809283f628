"""How the actions of each shape are numbered, packed and read back on one scenario.

A `Form` is a shape (`netsiege.engine.actions.Shape`) on a board: what follows an action's source, in numbers,
on the wire, and as a place among all that can follow it. `target` and `third` are those of
`netsiege.engine.valid`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Protocol

from netsiege.engine.actions import Action, Shape
from netsiege.engine.board import Board, Wire
from netsiege.engine.knowledge import Knowledge
from netsiege.engine.masks import select
from netsiege.protocol import pack, unpack

Packed = tuple[bytes, ...]


class Form(Protocol):
    """See the module. Places go from 0 to `width` - 1, by targets, then by what comes third."""

    width: int

    def place(self, target: int, third: int) -> int:
        """The place of what the scenario has."""

    def split(self, place: int) -> tuple[int, int]:
        """The inverse of `place`."""

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        """What follows the source in the body of a STEP; data as a seat knows them, or as is usual."""

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        """Target and third of a body that was read as `action`; negative what the scenario does not have."""


class _OnNetwork:
    def __init__(self, board: Board) -> None:
        self.width = len(board.networks)
        self._networks: Packed = tuple(pack(network) for network in board.networks)
        self._index = board.network_index

    def place(self, target: int, third: int) -> int:
        return target

    def split(self, place: int) -> tuple[int, int]:
        return place, 0

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        return self._networks[target]

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        number, prefix = unpack(body)[2]
        return self._index.get((number, prefix), -1), 0


class _OnHost:
    def __init__(self, addresses: Packed) -> None:
        self.width = len(addresses)
        self._addresses = addresses

    def place(self, target: int, third: int) -> int:
        return target

    def split(self, place: int) -> tuple[int, int]:
        return place, 0

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        return self._addresses[target]

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        return action[2], 0


class _OnService:
    """Only services that are `offered` at the target have a place."""

    def __init__(self, board: Board, addresses: Packed, offered: Sequence[int]) -> None:
        self._addresses = addresses
        self._services: Packed = tuple(pack(service) for service in board.services)
        self._offered = offered
        self._ends = tuple(accumulate(mask.bit_count() for mask in offered))
        self.width = self._ends[-1]

    def place(self, target: int, third: int) -> int:
        before = self._ends[target - 1] if target else 0
        return before + (self._offered[target] & ((1 << third) - 1)).bit_count()

    def split(self, place: int) -> tuple[int, int]:
        target = bisect_right(self._ends, place)
        before = self._ends[target - 1] if target else 0
        return target, select(self._offered[target], place - before)

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        return self._addresses[target] + self._services[third]

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        _, _, target, third = action
        known = type(third) is int and target >= 0 and self._offered[target] >> third & 1
        return target, third if known else -1


class _OnDatum:
    """`usual` are the data by their keys, as they go where nothing else is known."""

    def __init__(self, addresses: Packed, usual: Sequence[Wire]) -> None:
        self.width = len(addresses) * len(usual)
        self._addresses = addresses
        self._usual: Packed = tuple(pack(datum) for datum in usual)

    def place(self, target: int, third: int) -> int:
        return target * len(self._usual) + third

    def split(self, place: int) -> tuple[int, int]:
        return divmod(place, len(self._usual))

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        return self._addresses[target] + (
            self._usual[third] if knows is None else pack(knows.data[source][third])
        )

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        return action[2], action[3]


class _OnBlocked:
    def __init__(self, board: Board, addresses: Packed) -> None:
        self.width = len(addresses) ** 2
        self._addresses = addresses
        self._index = board.index

    def place(self, target: int, third: int) -> int:
        return target * len(self._addresses) + third

    def split(self, place: int) -> tuple[int, int]:
        return divmod(place, len(self._addresses))

    def pack(self, source: int, target: int, third: int, knows: Knowledge | None) -> bytes:
        return self._addresses[target] + self._addresses[third]

    def read(self, body: bytes, action: Action) -> tuple[int, int]:
        return action[2], self._index.get(action[3], -1)


def make_forms(
    board: Board, addresses: Packed, offered: Sequence[int], usual: Sequence[Any]
) -> dict[Shape, Form]:
    """The forms on a board, from its packed addresses, the services at each, and a datum for each key."""
    return {
        Shape.NETWORK: _OnNetwork(board),
        Shape.HOST: _OnHost(addresses),
        Shape.SERVICE: _OnService(board, addresses, offered),
        Shape.DATUM: _OnDatum(addresses, usual),
        Shape.BLOCKED: _OnBlocked(board, addresses),
    }
