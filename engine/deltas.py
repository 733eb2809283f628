"""What a seat learns, ready for the wire: packed deltas, and those that come again and again kept.

A delta is the msgpack of the flat list of fields and values that `GameState.apply` takes; nothing learned is
`NOTHING`, which is empty and false. Most steps teach nothing, or one of a few things (the services of a host,
control of it): these are packed once for all matches on a board.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from netsiege.engine.masks import bits
from netsiege.protocol import pack, unpack

K = TypeVar("K")

Delta = bytes

NOTHING: Final = b""
"""The delta of a step that changed nothing."""
QUIET: Final = pack([])
"""How it travels."""

NETWORKS: Final = 0
HOSTS: Final = 1
CONTROLLED: Final = 2
SERVICES: Final = 3
DATA: Final = 4
BLOCKS: Final = 5

ONE_FIELD: Final = 0x92
"""The first byte of a delta of one field; the field is the second."""
_LIST: Final = tuple(bytes([0x90 + length]) for length in range(16))

_MEMO_LIMIT: Final = 1 << 13
_MEMO_DELTA_BYTES: Final = 1 << 10


class Memo(dict[K, bytes], Generic[K]):
    """A dict that makes what is missing, and forgets everything when it has grown too large.

    Values of more than `max_bytes` are made anew each time: they would fill the memory.
    """

    __slots__ = ("_limit", "_make", "_max_bytes")

    def __init__(
        self, make: Callable[[K], bytes], limit: int = _MEMO_LIMIT, max_bytes: int = _MEMO_DELTA_BYTES
    ) -> None:
        super().__init__()
        self._make = make
        self._limit = limit
        self._max_bytes = max_bytes

    def __missing__(self, key: K) -> bytes:
        value = self._make(key)
        if len(value) <= self._max_bytes:
            if len(self) >= self._limit:
                self.clear()
            self[key] = value
        return value


class Deltas:
    """The deltas of one board that are worth keeping: mappings from what is new to how it is told."""

    __slots__ = ("controlled", "hosts", "networks", "services")

    def __init__(
        self, numbers: Sequence[int], networks: Sequence[list[Any]], services: Sequence[list[Any]]
    ) -> None:
        self.networks: Memo[int] = Memo(lambda mask: pack([NETWORKS, [networks[i] for i in bits(mask)]]))
        """Mask of networks -> delta."""
        self.hosts: Memo[int] = Memo(lambda mask: pack([HOSTS, [numbers[i] for i in bits(mask)]]))
        """Mask of addresses -> delta."""
        self.controlled: Memo[int] = Memo(lambda address: pack([CONTROLLED, [numbers[address]]]))
        """Address -> delta."""
        self.services: Memo[tuple[int, int]] = Memo(
            lambda key: pack([SERVICES, [[numbers[key[0]], [services[i] for i in bits(key[1])]]]])
        )
        """Address and mask of services -> delta."""


def joined(first: Delta, second: Delta) -> Delta:
    """Two deltas in one."""
    if not (first and second):
        return first or second
    return _LIST[(first[0] & 15) + (second[0] & 15)] + first[1:] + second[1:]


def read_delta(delta: Delta) -> list[Any]:
    """A delta as `GameState.apply` takes it."""
    plain: list[Any] = unpack(delta or QUIET)
    return plain
