"""The hypotheses between which a sequential test decides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from attrs import frozen

from netsiege.hub.tournament.elo import ELO, logistic

MOST_ELO: Final = 1200.0
"""Where scores are within a thousandth of 0 or 1, and hypotheses beyond cannot be told apart."""


@frozen
class Hypotheses:
    """What is tested. H0: A is better by `elo0` or less, H1: by `elo1` or more. `alpha` bounds the
    probability to accept H1 where H0 is so; `beta`, the other way.
    """

    elo0: float = 0.0
    elo1: float = 30.0
    alpha: float = 0.05
    beta: float = 0.05

    def problems(self) -> Iterator[tuple[str, str]]:
        """What is wrong: which of the four, and why."""
        elos = (("elo0", self.elo0), ("elo1", self.elo1))
        wrong = [
            (name, f"{value:g} is not an Elo difference from {-MOST_ELO:g} to {MOST_ELO:g}")
            for name, value in elos
            if not -MOST_ELO <= value <= MOST_ELO
        ]
        if not wrong and self.elo1 - self.elo0 < 0.1:
            wrong.append(("elo1", f"{self.elo1:g} is not at least 0.1 above elo0, {self.elo0:g}"))
        yield from wrong
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0.0001 <= value <= 0.4999:
                yield name, f"{value:g} is not a probability of error from 0.0001 to 0.4999; usual is 0.05"

    @property
    def bounds(self) -> tuple[float, float]:
        """Of the log likelihood ratio: at or below the first H0 is accepted, at or above the second H1."""
        return math.log(self.beta / (1 - self.alpha)), math.log((1 - self.beta) / self.alpha)

    @property
    def scores(self) -> tuple[float, float]:
        """The mean scores of H0 and H1."""
        return logistic(self.elo0 / ELO), logistic(self.elo1 / ELO)
