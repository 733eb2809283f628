"""CVSS v3.1 base vectors: what they say, and the scores that follow.

Source: "Common Vulnerability Scoring System version 3.1: Specification Document", FIRST, sections 2 (what the
metrics mean), 7.1 (equations), 7.4 (weights) and appendix A (rounding up).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final, Self

from attrs import fields, frozen

PREFIX: Final = "CVSS:3.1"

_WEIGHTS: Final[dict[str, dict[str, float]]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "PR": {"N": 0.85, "L": 0.62, "H": 0.27},
    "UI": {"N": 0.85, "R": 0.62},
    "S": {"U": 0, "C": 1},
    "C": {"H": 0.56, "L": 0.22, "N": 0},
    "I": {"H": 0.56, "L": 0.22, "N": 0},
    "A": {"H": 0.56, "L": 0.22, "N": 0},
}
"""Every base metric with its values. A scope has no weight: it decides which equations count."""
_PRIVILEGES_ACROSS: Final = {"N": 0.85, "L": 0.68, "H": 0.5}
"""Weights of privileges where a vulnerability reaches beyond what it is in."""

_EXPLOITABILITY: Final = 8.22


def _exploitability(vector: float, complexity: float, privileges: float, interaction: float) -> float:
    """From the weights of these metrics."""
    return _EXPLOITABILITY * vector * complexity * privileges * interaction


MAX_EXPLOITABILITY: Final = _exploitability(
    *(max(_WEIGHTS[each].values()) for each in ("AV", "AC", "PR", "UI"))
)
"""3.887…, of whatever can be exploited over a network, easily, by anybody, without help."""


@frozen
class Vector:
    """The base metrics of a vulnerability, by the letters of their values."""

    attack_vector: str
    """N network, A adjacent network, L local, P physical."""
    attack_complexity: str
    """L low, H high."""
    privileges_required: str
    """N none, L low, H high."""
    user_interaction: str
    """N none, R required."""
    scope: str
    """U unchanged, C changed."""
    confidentiality: str
    """H high, L low, N none; so are the next two."""
    integrity: str
    availability: str

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The vector that is written so: CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H.

        The metrics may come in any order; each has to be there once. ValueError, which names the part that
        is wrong, for anything else, vectors with temporal or environmental metrics among it.
        """
        return cls(*_values_of(text))

    def __str__(self) -> str:
        parts = zip(_WEIGHTS, (getattr(self, each.name) for each in fields(Vector)), strict=True)
        return "/".join([PREFIX, *(f"{metric}:{value}" for metric, value in parts)])

    @property
    def exploitability(self) -> float:
        """How easily it is exploited, from 0.12 to 3.887…, not rounded."""
        privileges = _PRIVILEGES_ACROSS if self.scope == "C" else _WEIGHTS["PR"]
        return _exploitability(
            _WEIGHTS["AV"][self.attack_vector],
            _WEIGHTS["AC"][self.attack_complexity],
            privileges[self.privileges_required],
            _WEIGHTS["UI"][self.user_interaction],
        )

    @property
    def impact(self) -> float:
        """What it does, not rounded: from 0, or just below it, to 6.05."""
        kept = (
            1 - _WEIGHTS[metric][value]
            for metric, value in (
                ("C", self.confidentiality),
                ("I", self.integrity),
                ("A", self.availability),
            )
        )
        lost = 1 - math.prod(kept)
        if self.scope == "U":
            return 6.42 * lost
        return float(7.52 * (lost - 0.029) - 3.25 * (lost - 0.02) ** 15)

    @property
    def base_score(self) -> float:
        """From 0.0 to 10.0, in tenths."""
        impact = self.impact
        if impact <= 0:
            return 0.0
        total = impact + self.exploitability
        return _rounded_up(min(total if self.scope == "U" else 1.08 * total, 10.0))

    @property
    def success(self) -> float:
        """The share of the most exploitable that this one is, from 0.03 to 1.0."""
        return self.exploitability / MAX_EXPLOITABILITY


@lru_cache(maxsize=4096)
def _values_of(text: str) -> tuple[str, ...]:
    """The values of all base metrics, in the order of the table."""
    if not isinstance(text, str):
        raise ValueError(f"{text!r:.40} is not text")
    head, *parts = text.split("/")
    if head != PREFIX:
        raise ValueError(f"{head!r:.40} is not {PREFIX}, with which a vector begins")
    found: dict[str, str] = {}
    for part in parts:
        metric, _, value = part.partition(":")
        if metric not in _WEIGHTS:
            raise ValueError(f"{part!r:.40} is none of the base metrics {', '.join(_WEIGHTS)}")
        if value not in _WEIGHTS[metric]:
            raise ValueError(f"{part!r:.40}: {metric} is one of {', '.join(_WEIGHTS[metric])}")
        if metric in found:
            raise ValueError(f"{part!r:.40}: {metric} is there already")
        found[metric] = value
    missing = [metric for metric in _WEIGHTS if metric not in found]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    return tuple(found[metric] for metric in _WEIGHTS)


def _rounded_up(score: float) -> float:
    """To the next tenth, as appendix A does it: whole numbers, so that no machine rounds otherwise."""
    number = round(score * 100_000)
    return number / 100_000 if number % 10_000 == 0 else (number // 10_000 + 1) / 10
