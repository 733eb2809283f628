"""A comparison as a schedule: it goes on until the test has decided. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define

from netsiege.hub.tournament.blocks import MOST, Block
from netsiege.hub.tournament.model import Game, Outcome
from netsiege.hub.tournament.sequential import Comparison, State


@define
class Stopping:
    """The games of a comparison, until its test has decided, or there are no more.

    The test is fed in the order of the schedule: that short games come in first has no say in it.
    """

    block: Block
    comparison: Comparison
    _fed: int = 0

    @property
    def expected(self) -> int | None:
        """How many games there are at most; None if there is no end."""
        return self.block.expected

    @property
    def opponents(self) -> int:
        """How many games a slice has."""
        return len(self.block.legs)

    def next_games(
        self, outcomes: Sequence[Outcome], first: int | None = None, most: int = MOST
    ) -> list[Game]:
        """Up to `most` games that can be told already, from number `first` on (the first without outcome)."""
        return [] if self._has_decided(outcomes) else self.block.next_games(outcomes, first, most)

    def is_over(self, outcomes: Sequence[Outcome]) -> bool:
        """Whether the test has decided, or no game is left."""
        return self._has_decided(outcomes) or self.block.is_over(outcomes)

    def _has_decided(self, outcomes: Sequence[Outcome]) -> bool:
        for outcome in outcomes[self._fed :]:
            self.comparison.add(outcome)
        self._fed = len(outcomes)
        return self.comparison.test.state is not State.CONTINUE
