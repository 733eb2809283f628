"""Brownian motion that stops at a barrier above or below: what the drift was, once it has stopped.

A sequential test stops when the evidence looks best, so that a plain mean exaggerates. The estimate here
reads the drift from where and when the motion stopped: outcomes are ordered from a quick stop below, over
late ones, to a quick stop above, and the drifts that give the observed outcome a probability of 2.5, 50 and
97.5% are the interval and the median-unbiased estimate (Siegmund, Sequential Analysis, 1985, III.4).
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, erfc, exp, expm1, inf, log, pi, sin, sqrt


def crossed(drift: float, above: float, below: float, time: float) -> float:
    """The probability that a motion of unit variance reaches `above` by `time`, without `below` before.

    `above` and `below` are distances, greater than 0. Reflections are summed while the time is short, and
    Fourier's series after that: either needs few terms then.
    """
    width = above + below
    value = (_reflected if time < width * width else _fourier)(drift, above, below, time)
    return min(1.0, max(0.0, value))


def drifts(up: bool, above: float, below: float, time: float) -> tuple[float, float, float]:
    """Drift, median-unbiased, and the ends of its 95% interval, of a motion that stopped at `time`.

    It stopped at the distance `above` if `up`, otherwise at `below`.
    """
    if not up:
        middle, low, high = drifts(True, below, above, time)
        return -middle, -high, -low

    def drift(share: float) -> float:
        return _increasing(lambda drift: crossed(drift, above, below, time) - share, 1 / sqrt(time))

    return drift(0.5), drift(0.025), drift(0.975)


def _increasing(function: Callable[[float], float], step: float) -> float:
    """Where an increasing function is zero, by bisection."""
    low, high = -step, step
    while function(low) > 0:
        low *= 2
    while function(high) < 0:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def _reflected(drift: float, above: float, below: float, time: float) -> float:
    width = above + below
    terms = ceil(4 * sqrt(time) / width) + 1
    total = 0.0
    for k in range(-terms, terms + 1):
        level = above + 2 * k * width
        part = _reaches(abs(level), drift, time, drift * (above - abs(level)))
        total += part if level > 0 else -part
    return total


def _reaches(level: float, drift: float, time: float, weight: float) -> float:
    """exp(`weight`) times the probability that the motion reaches a level by the time: its only barrier."""
    root = sqrt(time)
    near = weight + _log_cdf((drift * time - level) / root)
    far = weight + 2 * drift * level + _log_cdf(-(drift * time + level) / root)
    return exp(near) + exp(far)


def _log_cdf(z: float) -> float:
    """Of the normal distribution; by the leading term of its tail where that is too small for a float."""
    if z > -37:
        return log(erfc(-z / sqrt(2)) / 2)  # NormalDist.cdf has no digits in the tail
    return -z * z / 2 - log(-z * sqrt(2 * pi)) if z > -inf else -inf


def _fourier(drift: float, above: float, below: float, time: float) -> float:
    width = above + below
    if abs(drift) * width < 1e-9:
        ever = below / width
    elif drift > 0:
        ever = expm1(-2 * drift * below) / expm1(-2 * drift * width)
    else:  # the same, multiplied out so that nothing overflows
        ever = exp(2 * drift * above) * expm1(2 * drift * below) / expm1(2 * drift * width)
    late = 0.0
    for n in range(1, 9):
        rate = (drift * drift + (n * pi / width) ** 2) / 2
        sign = 1 if n % 2 else -1
        late += (
            sign * n * pi / width**2 * sin(n * pi * below / width) * exp(drift * above - rate * time) / rate
        )
    return ever - late
