"""Elo points: 400 of them are odds of ten to one (A. Elo, The Rating of Chessplayers, 1978)."""

from __future__ import annotations

from math import exp, log
from typing import Final

ELO: Final = 400 / log(10)
"""Elo points in one unit of log-odds."""


def logistic(odds: float) -> float:
    """The probability that has these log-odds."""
    return 1 / (1 + exp(-odds)) if odds > -700 else 0.0


def elo(score: float) -> float | None:
    """The Elo difference of a mean score; None if it is not between 0 and 1."""
    return ELO * log(score / (1 - score)) if 0.0 < score < 1.0 else None
