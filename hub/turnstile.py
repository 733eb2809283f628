"""The turnstile: who asks for many seats while others play gets them one after another. Pure.

A match costs a hub and a worker as much to begin and to end as ten moves. Whoever is alone, or on a hub
without keys, passes at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Final

from netsiege.hub.limits import Limits
from netsiege.hub.rates import Rates
from netsiege.hub.records import Joiner, Seat

LATELY_S: Final = 1.0
"""Who has moved or joined within this time plays."""
AT_ONCE: Final = 500
"""So many pass at once when nobody else plays any more."""


class Turnstile:
    """By key. `may_pass` takes in whoever may not: they come out of `next_ones`."""

    def __init__(self, limits: Limits) -> None:
        self._rates = Rates(limits.joins_burst, limits.joins_per_s)
        self._waiting: dict[bytes, dict[Joiner, None]] = {}
        self._joined: dict[bytes, float] = {}
        self._movers: frozenset[bytes] = frozenset()

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __contains__(self, joiner: Joiner) -> bool:
        return joiner in self._waiting.get(joiner.session.who.key, ())

    def may_pass(self, joiner: Joiner, now_s: float) -> bool:
        """Whether a joiner may have a seat now; else it waits here."""
        key = joiner.session.who.key
        if not key:
            return True
        self._joined[key] = now_s
        if key not in self._waiting and (self._is_alone(key, now_s) or self._rates.take(key, now_s)):
            return True
        self._waiting.setdefault(key, {})[joiner] = None
        return False

    def _is_alone(self, key: bytes, now_s: float) -> bool:
        if self._movers - {key}:
            return False
        return all(since_s <= now_s - LATELY_S for other, since_s in self._joined.items() if other != key)

    def withdraw(self, joiner: Joiner) -> bool:
        """Lets a joiner go that waits here. False if it does not."""
        if joiner not in self:
            return False
        key = joiner.session.who.key
        del self._waiting[key][joiner]
        if not self._waiting[key]:
            del self._waiting[key]
        return True

    def look(self, seats: Iterable[Seat], now_s: float) -> None:
        """Finds out who plays, or at least whether that is more than one. Call it once a second."""
        movers: set[bytes] = set()
        for seat in seats:
            if seat.moved_s > now_s - LATELY_S and seat.session is not None:
                movers.add(seat.session.who.key)
                if len(movers) > 1:
                    break
        self._movers = frozenset(movers)
        self._joined = {key: since_s for key, since_s in self._joined.items() if since_s > now_s - LATELY_S}

    def next_ones(self, now_s: float) -> list[Joiner]:
        """Those whose turn it is. Call it 20 times a second."""
        passed: list[Joiner] = []
        for key, waiting in list(self._waiting.items()):
            alone = self._is_alone(key, now_s)
            for joiner in list(itertools.islice(waiting, AT_ONCE)):
                if not (alone or self._rates.take(key, now_s)):
                    break
                del waiting[joiner]
                passed.append(joiner)
            if not waiting:
                del self._waiting[key]
        return passed
