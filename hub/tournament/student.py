"""Student's t distribution, for intervals from few clusters, and the estimates that carry such intervals."""

from __future__ import annotations

from functools import lru_cache
from math import erfc, exp, isinf, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Final

from attrs import frozen

LEVEL: Final = 0.95
"""Of every interval."""

_NORMAL: Final = NormalDist()
_MANY: Final = 1e4
"""With so many degrees of freedom expansions about the normal distribution do better than the fraction."""
_SMALLEST: Final = 1e-300


@frozen
class Estimate:
    """A figure and its 95% interval; `low` and `high` are None where there is too little to tell."""

    value: float
    low: float | None
    high: float | None


def estimate(value: float, variance: float, df: float) -> Estimate:
    """The figure with the interval that t with `df` degrees of freedom gives; none if `df` is below one."""
    if df < 1 or isinf(variance):
        return Estimate(value, None, None)
    reach = quantile((1 + LEVEL) / 2, df) * sqrt(max(0.0, variance))
    return Estimate(value, value - reach, value + reach)


def cdf(t: float, df: float) -> float:
    """The probability that a t of `df` degrees of freedom is at most `t`; `df` need not be whole.

    By the incomplete beta function; with very many degrees of freedom by Abramowitz and Stegun 26.7.8.
    """
    if df >= _MANY:
        return erfc(-t * (1 - 1 / (4 * df)) / sqrt(2 + t * t / df)) / 2
    tail = 0.5 * _beta(df / (df + t * t), df / 2, 0.5)
    return tail if t < 0 else 1.0 - tail


@lru_cache(maxsize=4096)
def quantile(share: float, df: float) -> float:
    """The t that a `share` of the distribution does not exceed, to about ten digits.

    With very many degrees of freedom by Abramowitz and Stegun 26.7.5, otherwise by bisection of `cdf`.

    Raises ValueError unless 0 < `share` < 1 and `df` > 0.
    """
    if not (0.0 < share < 1.0 and df > 0.0):
        raise ValueError(f"there is no quantile {share} of t with {df} degrees of freedom")
    if df >= _MANY:
        z = _NORMAL.inv_cdf(share)
        return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df * df)
    if share < 0.5:
        return -quantile(1.0 - share, df)
    low, high = 0.0, max(1.0, _NORMAL.inv_cdf(share))
    while cdf(high, df) < share:
        low, high = high, 2.0 * high
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if cdf(middle, df) < share else (low, middle)
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0 or x >= 1.0:
        return min(1.0, max(0.0, x))
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta(1.0 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    return front / _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction 1 + d1/(1 + d2/(1 + ...)), by the modified method of Lentz."""
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1.0 / (1.0 + term * lower or _SMALLEST)
        upper = 1.0 + term / upper or _SMALLEST
        change = upper * lower
        value *= change
        if abs(change - 1.0) < 1e-15:
            return value
    raise ArithmeticError(f"the incomplete beta function does not converge at {x}, {a}, {b}")
