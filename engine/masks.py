"""Sets of small whole numbers as the bits of one Python int."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_DENSE: Final = 12
"""From this many members on, going byte by byte beats picking the lowest bit again and again."""

_OFFSETS: Final = tuple(tuple(i for i in range(8) if byte >> i & 1) for byte in range(256))


def bits(mask: int) -> list[int]:
    """The members of `mask`, ascending. `mask` must not be negative."""
    found: list[int] = []
    if mask.bit_count() < _DENSE:
        while mask:
            low = mask & -mask
            found.append(low.bit_length() - 1)
            mask ^= low
        return found
    base = 0
    for byte in mask.to_bytes((mask.bit_length() + 7) // 8, "little"):
        if byte:
            found += [base + offset for offset in _OFFSETS[byte]]
        base += 8
    return found


def select(mask: int, number: int) -> int:
    """The member of `mask` with `number` smaller ones. Raises IndexError if there are not so many."""
    base, size = 0, mask.bit_length()
    while size > 8:
        half = size >> 1
        low = mask & ((1 << half) - 1)
        below = low.bit_count()
        if number < below:
            mask, size = low, half
        else:
            number -= below
            mask >>= half
            base += half
            size -= half
    return base + _OFFSETS[mask][number]


def mask_of(members: Iterable[int]) -> int:
    """The mask with these members."""
    mask = 0
    for member in members:
        mask |= 1 << member
    return mask


def mask_bytes(mask: int) -> bytes:
    """A mask for msgpack, whose whole numbers end at 64 bits. Equal masks give equal bytes."""
    return mask.to_bytes((mask.bit_length() + 7) // 8, "little")


def bytes_mask(text: bytes) -> int:
    """The inverse of `mask_bytes`."""
    return int.from_bytes(text, "little")
