"""The sequential test of `compare A B`: it stops as soon as the evidence suffices.

The unit of evidence is the score of A in one slice: the mean over its games, where a game in which B plays
without A counts as what B fails to score. For two that play both roles it is the pair with the roles swapped;
for two that play one role, their difference against the same opponents from the same seed, halved, about a
half. Slices have seeds of their own, so that these scores are independent, whatever happens within a slice.

Elo says what the mean score is: 1/(1 + 10^(-elo/400)), as usual for engines of chess.

The test is Wald's (1945), with bounds ln(beta/(1-alpha)) and ln((1-beta)/alpha), generalised to a variance
that is not known and estimated from the scores: of pairs, never of single games (M. Van den Bergh, "The
generalized SPRT" and "Normalized Elo", the mathematics of Stockfish's fishtest; X. Li, J. Liu and Z. Ying,
"Generalized sequential probability ratio test for separate families of hypotheses", Sequential Analysis 33,
2014). The log likelihood ratio is that of normal scores with mean s0 or s1,

    n/2 ln((w v + sum (x - s0)^2) / (w v + sum (x - s1)^2)),

each variance the most likely one for its mean, as if w = `PRIOR_PAIRS` scores more had been seen, of variance
v = `PRIOR_VARIANCE`, that of pairs of fair coins. Without these the first few scores, if they were equal,
would decide; they are no evidence themselves.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final

from attrs import define

from netsiege.hub.tournament.elo import elo
from netsiege.hub.tournament.hypotheses import Hypotheses
from netsiege.hub.tournament.slices import ATTACKER_NAME, DEFENDER_NAME, GROUND, NUMBER, SCORE, SLICE, Played
from netsiege.hub.tournament.stopped import drifts
from netsiege.hub.tournament.student import Estimate, quantile

PRIOR_PAIRS: Final = 4.0
PRIOR_VARIANCE: Final = 0.125


class State(StrEnum):
    """What the test says."""

    CONTINUE = "continue"
    ACCEPT_H0 = "accept H0"
    ACCEPT_H1 = "accept H1"


@define
class Sprt:
    """The test itself, fed with independent scores from 0 to 1, in an order that they do not influence.

    Once it has decided, it takes no more: scores that come later change nothing.
    """

    hypotheses: Hypotheses
    pairs: int = 0
    total: float = 0.0
    squares: float = 0.0
    """Of the scores' distance from a half, like `total`."""
    llr: float = 0.0
    state: State = State.CONTINUE

    def observe(self, score: float) -> State:
        """Takes one more score; ValueError if it is none."""
        if not 0.0 <= score <= 1.0:
            raise ValueError(f"a score is from 0 to 1, not {score}")
        if self.state is not State.CONTINUE:
            return self.state
        self.pairs += 1
        self.total += score - 0.5
        self.squares += (score - 0.5) ** 2
        s0, s1 = self.hypotheses.scores
        self.llr = self.pairs / 2 * math.log(self._spread(s0) / self._spread(s1))
        lower, upper = self.hypotheses.bounds
        if self.llr >= upper:
            self.state = State.ACCEPT_H1
        elif self.llr <= lower:
            self.state = State.ACCEPT_H0
        return self.state

    def _spread(self, mean: float) -> float:
        """The sum of squares about a mean, with what the prior adds."""
        away = mean - 0.5
        about = self.squares - 2 * away * self.total + self.pairs * away * away
        return PRIOR_PAIRS * PRIOR_VARIANCE + max(0.0, about)

    @property
    def mean(self) -> float:
        """A's mean score; a half before the first."""
        return 0.5 + self.total / self.pairs if self.pairs else 0.5

    @property
    def deviation(self) -> float:
        """The standard deviation of a score, as the test takes it."""
        return math.sqrt(self._spread(self.mean) / (self.pairs + PRIOR_PAIRS))

    def estimate(self) -> Estimate:
        """By how much Elo A is better, with a 95% interval; an end is None where scores leave it open.

        After a decision it allows for the stop (see `stopped`); before, it is the mean with t's interval.
        """
        if not self.pairs:
            return Estimate(0.0, None, None)
        if self.state is not State.CONTINUE:
            return self._at_stop()
        if self.pairs < 2:
            return Estimate(self._within(self.mean), None, None)
        reach = quantile(0.975, self.pairs - 1) * self.deviation / math.sqrt(self.pairs)
        return self._estimate(self.mean, self.mean - reach, self.mean + reach)

    def _at_stop(self) -> Estimate:
        """The motion is that of the scores' sum about the middle of the hypotheses, in standard deviations.

        It stopped where it is; the other barrier is where the ratio would have reached the other bound.
        """
        s0, s1 = self.hypotheses.scores
        lower, upper = self.hypotheses.bounds
        middle, deviation = (s0 + s1) / 2, self.deviation
        here = self.pairs * abs(self.mean - middle) / deviation
        if self.state is State.ACCEPT_H1:
            found = drifts(True, here, -lower * deviation / (s1 - s0), self.pairs)
        else:
            found = drifts(False, upper * deviation / (s1 - s0), here, self.pairs)
        value, low, high = (middle + drift * deviation for drift in found)
        return self._estimate(value, low, high)

    def _estimate(self, middle: float, low: float, high: float) -> Estimate:
        """In Elo."""
        return Estimate(self._within(middle), elo(low), elo(high))

    def _within(self, score: float) -> float:
        """A score of 0 or 1 is no Elo: half a win is left."""
        edge = 0.5 / (self.pairs + 1)
        value = elo(min(1 - edge, max(edge, score)))
        assert value is not None
        return value


class Comparison:
    """Feeds a test with outcomes, in the order of the schedule.

    `opponents` is how many others (or nobody at all, as one) each of the two meets in a slice; 0 if they play
    both roles against each other. A slice counts once all its games are there.
    """

    def __init__(self, a: str, b: str, opponents: int, hypotheses: Hypotheses) -> None:
        self.a, self.b = a, b
        self.test = Sprt(hypotheses)
        self.games = 0
        """That counted, up to the decision."""
        self.wins = 0
        self.ties = 0
        """Slices where A did better, and where it did as well as B."""
        self._expected = 2 * max(1, opponents)
        self._slices: dict[tuple[str, int], list[float]] = {}
        self._last = -1

    def add(self, row: Played) -> State:
        """Takes a game that is over. ValueError if it is out of order, or none of the two compared plays in
        it.
        """
        number = row[NUMBER]
        if number <= self._last:
            raise ValueError(f"game {number} comes after game {self._last}: outcomes go by the schedule")
        score = self._score(row)
        self._last = number
        if self.test.state is not State.CONTINUE:
            return self.test.state
        key = row[GROUND], row[SLICE]
        scores = self._slices.setdefault(key, [])
        scores.append(score)
        if len(scores) < self._expected:
            return self.test.state
        del self._slices[key]
        mean = math.fsum(scores) / len(scores)
        self.games += len(scores)
        self.wins += mean > 0.5
        self.ties += mean == 0.5
        return self.test.observe(mean)

    def _score(self, row: Played) -> float:
        """What the game says for A: its score, or what B fails to score without it."""
        attacker, defender = row[ATTACKER_NAME], row[DEFENDER_NAME]
        if self.a == attacker or (self.b == defender and self.a != defender):
            return row[SCORE]
        if self.a == defender or self.b == attacker:
            return 1.0 - row[SCORE]
        raise ValueError(f"neither {self.a} nor {self.b} plays in game {row[NUMBER]}")
