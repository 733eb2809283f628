"""Draws that are the same on every machine and Python: one stream for each purpose, of whole numbers only.

Nothing but `random.Random.random` is used: Python promises that it stays the same for a seed, which it does
not promise of `choice`, `sample` and `shuffle`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draws:
    """The stream of one purpose under one seed; drawing more from it moves no other."""

    def __init__(self, seed: int, purpose: str) -> None:
        digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))  # noqa: S311  # nothing secret is drawn

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return int(self._random.random() * limit)

    def between(self, ends: tuple[int, int]) -> int:
        """A whole number from the first to the second."""
        return ends[0] + self.below(ends[1] - ends[0] + 1)

    def pick(self, items: Sequence[T]) -> T:
        """One of them, each as likely."""
        return items[self.below(len(items))]

    def weighted(self, items: Sequence[tuple[T, int]]) -> T:
        """One of them, as likely as its weight says."""
        left = self.below(sum(weight for _, weight in items))
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        raise ValueError("there is nothing to draw from")

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """So many of them, or all, in an order that is drawn as well."""
        pool = list(items)
        for i in range(min(count, len(pool))):
            j = i + self.below(len(pool) - i)
            pool[i], pool[j] = pool[j], pool[i]
        return pool[:count]
