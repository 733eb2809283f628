"""Lists of networks that everybody can make and nobody has trained on: recipe, hosts and seed of each.

They are published: what they name never changes, or figures could no longer be compared. Whoever learns on
one of them has to say so.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from netsiege.scenarios.generate.recipe import DEFAULT_RECIPE

_HARDER: Final = "fortress"


@frozen
class Entry:
    """One network of a suite."""

    recipe: str
    hosts: int
    seed: int


def _suite(count: int, least: int, stride: int, spread: int, first_seed: int) -> tuple[Entry, ...]:
    """Both recipes in turn, and hosts that go up and down between `least` and `least + spread - 1`."""
    return tuple(
        Entry((DEFAULT_RECIPE, _HARDER)[i % 2], least + i * stride % spread, first_seed + i)
        for i in range(count)
    )


SUITES: Final = {
    "unseen-100": _suite(100, 8, 17, 43, 100_001),
    "unseen-30": _suite(30, 200, 271, 1801, 30_001),
}
"""Small networks of 8 to 50 hosts, and large ones of 200 to 2,000."""
