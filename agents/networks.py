"""Episodes on generated networks: another one each time, of a suite or out of recipes.

The episode's number and a seed say which: equal ones give equal networks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field, frozen

from netsiege.agents.arrangement import Arrangement
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.streams import derive
from netsiege.engine.tables import Tables, compile_spec
from netsiege.errors import ConfigError
from netsiege.scenarios.generate import (
    GENERATED_HOSTS,
    Entry,
    Generated,
    Recipe,
    generate,
    generate_entry,
    load_recipe,
    suite_networks,
)
from netsiege.shown import shown

HOSTS: Final = (8, 50)
"""Of networks out of recipes, from and to, as in the suite of small ones."""
MOST_KEPT: Final = 128
"""Networks that are kept compiled, since a suite has them again and again."""

_HOSTS: Final = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")


@frozen
class Networks:
    """A suite, whose networks come in their order and again from the first, or recipes, which come in turn.

    Out of a recipe every network is a new one, with a number of hosts between those of `hosts`.
    """

    suite: str = ""
    recipes: tuple[str, ...] = ()
    hosts: tuple[int, int] = HOSTS
    _entries: tuple[Entry, ...] = field(init=False, eq=False, repr=False)
    _read: tuple[Recipe, ...] = field(init=False, eq=False, repr=False)

    @_entries.default
    def _(self) -> tuple[Entry, ...]:
        return suite_networks(self.suite) if self.suite else ()

    @_read.default
    def _(self) -> tuple[Recipe, ...]:
        read = tuple(map(load_recipe, self.recipes))
        for recipe in read:
            for hosts in dict.fromkeys(self.hosts):
                generate(recipe, hosts, 0)  # raises now rather than in the middle of a training
        return read

    @property
    def count(self) -> int | None:
        """How many there are; None if there is always another one."""
        return len(self._entries) or None

    @property
    def label(self) -> str:
        """What they are called in tables."""
        return self.suite or f"networks of {', '.join(recipe.name for recipe in self._read)}"

    def network(self, seed: int, episode: int) -> Generated:
        """The network of that episode; the seed is that of all episodes."""
        if self._entries:
            return generate_entry(self._entries[episode % len(self._entries)])
        least, most = self.hosts
        hosts = least + derive(seed, f"network/{episode}/hosts") % (most - least + 1)
        recipe = self._read[episode % len(self._read)]
        return generate(recipe, hosts, derive(seed, f"network/{episode}"))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"suite": self.suite, "recipes": list(self.recipes), "hosts": list(self.hosts)}


def choose_networks(
    suite: str | None, recipes: Sequence[str], hosts: str | None, *, has_scenario: bool
) -> Networks | None:
    """The networks that the options `--suite`, `--recipe` and `--hosts` ask for; None if they do not.

    `has_scenario` says that other options name where to play. Raises `ConfigError`.
    """
    if suite is None and not recipes:
        if hosts is not None:
            raise ConfigError("--hosts: says how large networks out of a recipe are; write --recipe too")
        return None
    flag = "--suite" if suite is not None else "--recipe"
    if has_scenario:
        raise ConfigError(f"{flag}: says where to play, and so do --scenario and --task: write one of them")
    if suite is None:
        return Networks(recipes=tuple(recipes), hosts=HOSTS if hosts is None else read_hosts(hosts))
    if recipes or hosts is not None:
        raise ConfigError("--suite: has networks of its own: write neither --recipe nor --hosts")
    return Networks(suite)


def read_hosts(said: str) -> tuple[int, int]:
    """`N`, or `N-M`. Raises `ConfigError`."""
    found = _HOSTS.fullmatch(said)
    least, most = GENERATED_HOSTS
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not least <= low <= high <= most:
        raise ConfigError(f"--hosts: {shown(said)!r} is neither N nor N-M from {least} to {most}")
    return low, high


@define(eq=False)
class Matches:
    """The matches in which the episodes of an arrangement are played: one for all, or one for each network.

    `tables` may be those of the arrangement's spec.
    """

    arrangement: Arrangement
    seed: int
    networks: Networks | None = None
    tables: Tables | None = None
    _one: LocalMatch | None = None
    _kept: dict[int, tuple[Tables, int]] = field(factory=dict)

    def of(self, episode: int) -> tuple[LocalMatch, int | None]:
        """The match of that episode, and the difficulty of its network, if it is a generated one.

        On another network all agents have been seated anew.
        """
        agents = self.arrangement.agents
        if self.networks is not None:
            tables, steps = self._network(self.networks, episode)
            return LocalMatch(tables, agents, self.seed), steps
        if self._one is None:
            self._one = LocalMatch(self.tables or self.arrangement.spec, agents, self.seed)
        return self._one, None

    def _network(self, networks: Networks, episode: int) -> tuple[Tables, int]:
        number = episode % networks.count if networks.count is not None else episode
        found = self._kept.get(number)
        if found is None:
            made = networks.network(self.seed, episode)
            found = compile_spec(self.arrangement.on(made.spec).to_bytes()), made.difficulty
            if networks.count is not None and len(self._kept) < MOST_KEPT:
                self._kept[number] = found
        return found
