"""Counts what goes wrong for whom: told of once, counted always. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

KNOWN_MAX: Final = 1_000
"""So many are remembered for each kind of trouble, the latest ones; keys to be refused cost nothing."""
LINES_MAX: Final = 10
"""So many lines a minute for each kind of trouble."""
PERIOD_S: Final = 60.0


class Tally:
    """`counts` by what went wrong."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._known: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._fresh: list[str] = []
        self._told: Counter[str] = Counter()
        self._period_ends_s = 0.0

    def note(self, what: str, who: str, detail: str = "") -> None:
        """Counts a trouble, and makes a line of the first of its kind with somebody."""
        self.counts[what] += 1
        known = self._known[what]
        if who in known:
            return
        known[who] = None
        if len(known) > KNOWN_MAX:
            del known[next(iter(known))]
        self._told[what] += 1
        if self._told[what] <= LINES_MAX:
            self._fresh.append(f"{what} who={who or 'unknown'}{f' {detail}' if detail else ''}")

    def lines(self, now_s: float) -> list[str]:
        """What has not been told yet; at the end of a minute, how much was left out in it."""
        lines, self._fresh = self._fresh, []
        if now_s >= self._period_ends_s:
            self._period_ends_s = now_s + PERIOD_S
            rest = {what: told - LINES_MAX for what, told in self._told.items() if told > LINES_MAX}
            lines += [f"{what} and {count} others" for what, count in sorted(rest.items())]
            self._told.clear()
        return lines
