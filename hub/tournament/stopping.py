"""Schedules that end before all of their games are played, once the outcomes have said enough. Pure.

Outcomes are looked at in the order of the schedule: that short games come in first has no say in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from attrs import define

from netsiege.hub.tournament.blocks import MOST
from netsiege.hub.tournament.model import Cup, Game, Outcome
from netsiege.hub.tournament.sequential import Comparison, State
from netsiege.hub.tournament.slices import row_of
from netsiege.hub.tournament.standing import Row, Standing
from netsiege.hub.tournament.student import Estimate

if TYPE_CHECKING:
    from netsiege.hub.tournament.schedule import Schedule

SLICES_MIN: Final = 20
"""Before so many, intervals are too rough to stop by: where they came out narrow by luck, they would be
believed.
"""
NEXT_LOOK: Final = 1.25
"""The next look at the ratings comes after so many times the games of the last one, so that all looks
together cost but a few times the last.
"""


class Rule(Protocol):
    """When enough has been said."""

    def look(self, outcomes: Sequence[Outcome]) -> int | None:
        """How many of these are enough; None if all of them are not. They only ever grow."""


@define
class Stopping:
    """The games of another schedule, until a rule has enough of them, or there are no more."""

    schedule: Schedule
    rule: Rule
    _enough: int | None = None

    @property
    def expected(self) -> int:
        """How many games there are at most."""
        return self.schedule.expected

    def next_games(
        self, outcomes: Sequence[Outcome], first: int | None = None, most: int = MOST
    ) -> list[Game]:
        """Up to `most` games that can be told already, from number `first` on (the first without outcome)."""
        return [] if self._has_enough(outcomes) else self.schedule.next_games(outcomes, first, most)

    def end(self, outcomes: Sequence[Outcome]) -> int | None:
        """How many games were enough, or all of them; None as long as it goes on."""
        return self._enough if self._has_enough(outcomes) else self.schedule.end(outcomes)

    def _has_enough(self, outcomes: Sequence[Outcome]) -> bool:
        if self._enough is None:
            self._enough = self.rule.look(outcomes)
        return self._enough is not None


@define
class Decided:
    """Enough is what has decided a comparison."""

    comparison: Comparison
    _fed: int = 0

    def look(self, outcomes: Sequence[Outcome]) -> int | None:
        """See `Rule`."""
        while self._fed < len(outcomes):
            self.comparison.add(row_of(outcomes[self._fed]))
            self._fed += 1
            if self.comparison.test.state is not State.CONTINUE:
                return self._fed
        return None


class Precise:
    """Enough are the first slices after which the 95% interval of every rating is narrow enough: neither of
    its ends further from the rating than `within` points of Elo. They are looked at now and then.
    """

    def __init__(self, cup: Cup, schedule: Schedule, within: float) -> None:
        self._schedule = schedule
        self._within = within
        self._names = {entrant.name for entrant in cup.entrants}
        self._standing = Standing(cup)
        self._slices: set[tuple[str, int]] = set()
        self._seen = 0
        """Outcomes that were looked at, …"""
        self._fed = 0
        """… and those of them that the standing has."""
        self._due = 0

    def look(self, outcomes: Sequence[Outcome]) -> int | None:
        """See `Rule`."""
        while self._seen < len(outcomes):
            game = outcomes[self._seen].game
            self._slices.add((game.ground, game.slice))
            self._seen += 1
            if self._seen < self._due or len(self._slices) < SLICES_MIN:
                continue
            if self._slice_after(outcomes) == game.slice:
                continue
            self._standing.extend(outcomes[self._fed : self._seen])
            self._fed = self._seen
            if self._is_precise():
                return self._seen
            self._due = int(self._seen * NEXT_LOOK)
        return None

    def _slice_after(self, outcomes: Sequence[Outcome]) -> int | None:
        """That of the game after those that were looked at; None if there is none."""
        games = self._schedule.next_games(outcomes[: self._seen], self._seen, 1)
        return games[0].slice if games else None

    def _is_precise(self) -> bool:
        table = self._standing.tables().all
        if {row.entrant for row in table.rows} != self._names:
            return False
        return all(self._is_known(rating) for row in table.rows for rating in _ratings(row))

    def _is_known(self, rating: Estimate) -> bool:
        if rating.low is None or rating.high is None:
            return False
        return max(rating.high - rating.value, rating.value - rating.low) <= self._within


def _ratings(row: Row) -> Iterator[Estimate]:
    for part in (row.attack, row.defence):
        if part is not None:
            yield part.rating
    if row.overall is not None:
        yield row.overall
