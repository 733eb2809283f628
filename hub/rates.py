"""How often each of many may do something: so many times at once, and so many more a second. Pure."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

LOOK_EVERY: Final = 1_000
"""After so many questions, those who have rested are forgotten."""


class Rates:
    """A bucket of `burst` for each, which fills again by `per_s` a second."""

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left: dict[Hashable, tuple[float, float]] = {}
        self._asked = 0

    def __len__(self) -> int:
        return len(self._left)

    def take(self, who: Hashable, now_s: float) -> bool:
        """Whether `who` may do it once more now; then it counts."""
        self._asked += 1
        if self._asked >= LOOK_EVERY:
            self._asked = 0
            self._left = {
                each: told for each, told in self._left.items() if self._now(told, now_s) < self._burst
            }
        left = self._now(self._left.get(who, (self._burst, now_s)), now_s)
        may = left >= 1
        self._left[who] = (left - 1 if may else left), now_s
        return may

    def charge(self, who: Hashable, now_s: float, cost: float) -> None:
        """Counts as having done it `cost` times more, as far as the bucket goes."""
        left = self._now(self._left.get(who, (self._burst, now_s)), now_s)
        self._left[who] = max(0.0, left - cost), now_s

    def _now(self, told: tuple[float, float], now_s: float) -> float:
        left, since_s = told
        return min(self._burst, left + (now_s - since_s) * self._per_s)
