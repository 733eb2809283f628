"""Counts what goes wrong for whom: told of once, counted always. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Final

WHO_MAX: Final = 10_000
"""So many different troubles are told of; the others are counted only."""


class Tally:
    """`counts` by what went wrong; `fresh` are the lines that nobody has logged yet."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.fresh: list[str] = []
        self._told: set[tuple[str, str]] = set()

    def note(self, what: str, who: str, detail: str = "") -> None:
        """Counts a trouble, and makes a line of the first of its kind with somebody."""
        self.counts[what] += 1
        if len(self._told) < WHO_MAX and (what, who) not in self._told:
            self._told.add((what, who))
            self.fresh.append(f"{what} who={who or 'unknown'}{f' {detail}' if detail else ''}")
