"""Lists of networks that everybody can make and nobody has trained on: recipe, hosts and seed of each.

They are published: what they name never changes, or figures could no longer be compared. Whoever learns on
one of them has to say so.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from netsiege.errors import ConfigError
from netsiege.scenarios.generate.recipe import DEFAULT_RECIPE
from netsiege.scenarios.reading import nearest, shown

_RECIPES: Final = (DEFAULT_RECIPE, "fortress", "plant")


@frozen
class Entry:
    """One network of a suite. `steps` is its difficulty: those of the shortest attack."""

    recipe: str
    hosts: int
    seed: int
    steps: int

    @property
    def name(self) -> str:
        """What the network is called."""
        return f"{self.recipe}-{self.hosts}-{self.seed}"


def suite_networks(name: str) -> tuple[Entry, ...]:
    """The networks of a suite, in their order. Raises ConfigError if there is none of that name."""
    entries = SUITES.get(name)
    if entries is None:
        raise ConfigError(f"suite: there is none called {shown(name)}{nearest(name, SUITES)}")
    return entries


def _suite(least: int, stride: int, spread: int, first_seed: int, levels: str) -> tuple[Entry, ...]:
    """The recipes in turn, and hosts that go up and down between `least` and `least + spread - 1`.

    `levels` are the difficulties, one for each network.
    """
    return tuple(
        Entry(_RECIPES[i % len(_RECIPES)], least + i * stride % spread, first_seed + i, int(steps))
        for i, steps in enumerate(levels.split())
    )


# what the solver comes to, written down so that nothing has to be generated to tell; tests work it out anew
_SMALL_LEVELS: Final = (
    "8 14 17 8 8 14 8 8 14 5 11 11 8 14 14 8 11 14 5 14 14 5 14 14 5 14 17 8 11 14 8 8 14 5 11 17 8 8 "
    "11 5 14 17 5 8 14 8 11 17 5 11 17 8 11 17 8 14 14 8 11 17 8 14 17 5 14 14 8 11 17 5 14 17 8 11 "
    "17 5 11 11 8 8 17 8 14 17 5 14 11 8 14 17 5 8 14 8 11 17 8 14 17 8"
)
_LARGE_LEVELS: Final = "8 14 17 8 14 17 8 14 14 8 14 17 5 14 17 8 11 14 8 8 14 8 11 14 8 8 17 5 11 14"

SUITES: Final = {
    "unseen-100": _suite(8, 17, 43, 100_001, _SMALL_LEVELS),
    "unseen-30": _suite(200, 271, 1801, 30_001, _LARGE_LEVELS),
}
"""Small networks of 8 to 50 hosts, and large ones of 200 to 1,922."""
