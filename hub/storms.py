"""Storms: addresses that open connections faster than they may, and go on when they are turned away. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from netsiege.hub.limits import Limits
from netsiege.hub.rates import Rates

STORM: Final = 25
"""An address that is turned away so often within a second is left outside for a while."""


class Storms:
    """Who may connect now, and who is not even to be heard."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rates = Rates(limits.connections_burst, limits.connections_per_s)
        self._turned_away: Counter[str] = Counter()
        """In this second, by address; under "" those that have no address any more."""
        self._second_ends_s = 0.0
        self._outside: dict[str, float] = {}

    def may_connect(self, address: str, now_s: float) -> bool:
        """Whether one more connection of an address is within its limit; then it counts."""
        if self._rates.take(address, now_s):
            return True
        self._turned_away[address] += 1
        return False

    def was_stranger(self, address: str, now_s: float) -> None:
        """A connection has ended that nobody has ever said anything over: it counts as several."""
        self._rates.charge(address, now_s, self._limits.stranger_cost - 1)

    def was_nobody(self) -> None:
        """A connection was over before it could be seen where it came from."""
        self._turned_away[""] += 1

    def is_nameless(self) -> bool:
        """Whether so many were over so soon that it matters from where."""
        return self._turned_away[""] >= STORM

    def have_hung_up(self, addresses: Iterable[str]) -> None:
        """During a storm without a name: where connections came from that have ended."""
        self._turned_away.update(addresses)

    def begun(self, now_s: float) -> list[str]:
        """The addresses that are outside from now on. Asked several times a second."""
        turned_away = self._turned_away.items() if self._limits.storm_s else ()
        new = [each for each, count in turned_away if each and count >= STORM]
        for address in new:
            del self._turned_away[address]
            self._outside[address] = now_s + self._limits.storm_s
        if now_s >= self._second_ends_s:
            self._second_ends_s = now_s + 1.0
            self._turned_away.clear()
        return new

    def outside(self, now_s: float) -> list[str]:
        """All that are outside now, those that have come first first."""
        self._outside = {each: until_s for each, until_s in self._outside.items() if now_s < until_s}
        return list(self._outside)
