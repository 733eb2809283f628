"""A tabular learner that trains at the speed of compiled code: thousands of episodes a second.

It learns what `QLearningAttacker` or `SarsaAttacker` would, by the same rule, from episodes of the same seeds
and in the same order; but it draws its moves in another way, so that the tables are not the same to the byte.
Equal plans give equal tables. What comes out is a `Table`, as any other.

Needs numba (the extra `[rl]`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.agents.learning import quick
from netsiege.agents.learning.kinds import make_kinds, number_of, situation_of
from netsiege.agents.learning.table import Table
from netsiege.engine.batch.terrain import check_size, check_task, make_games, make_setup
from netsiege.engine.episode import ATTACKER
from netsiege.engine.tables import compile_tables
from netsiege.errors import ConfigError
from netsiege.scenarios.model import Spec

ALGORITHMS: Final = ("q-learning", "sarsa")
"""What can be learned this way."""


class Learned(NamedTuple):
    """Some episodes, each an array with one value for each."""

    ends: NDArray[np.int64]
    """An `End`."""
    returns: NDArray[np.float64]
    steps: NDArray[np.int64]


class QuickLearner:
    """Learns one of `ALGORITHMS` on a spec, alone. Equal arguments give equal tables.

    Raises ConfigError for what the batched engine does not play, for another algorithm, and for a start
    position that knows of services: how a host can look is then not settled beforehand.
    """

    def __init__(self, spec: Spec, algorithm: str, seed: int, rate: float, discount: float) -> None:
        if algorithm not in ALGORITHMS:
            raise ConfigError(f"{algorithm!r} is not compiled; what is: {', '.join(ALGORITHMS)}")
        check_task(spec.task)
        tables = compile_tables(spec)
        check_size(tables)
        if tables.roles[ATTACKER].start.services:
            key = f"coordinator.agents.{ATTACKER}.start_position.known_services"
            raise ConfigError(f"{spec.task.name}: {key}: a compiled learner takes starts without any")
        self._setup = make_setup(tables, include_blocks=False)
        self._games = make_games(self._setup, np.array([seed], np.uint64))
        self._numbers, self._kinds = make_kinds(tables)
        self._memory = quick.make_memory(self._setup.terrain)
        self._options = quick.make_options(self._setup.terrain, self._numbers)
        self._values = quick.make_values(self._numbers)
        self._rule = quick.Rule(
            rate,
            discount,
            algorithm == "sarsa",
            np.frombuffer(b"/train/", np.uint8),
            np.frombuffer(b"/learner/", np.uint8),
        )

    def learn(self, first: int, epsilons: Sequence[float]) -> Learned:
        """Learns from so many episodes as there are shares of explorations, the first having that number.

        Episode n has the seed `derive(seed, f"train/{n}")`, and draws from nothing else.
        """
        count = len(epsilons)
        told = Learned(np.zeros(count, np.int64), np.zeros(count), np.zeros(count, np.int64))
        quick.learn(
            self._setup,
            self._games,
            self._numbers,
            self._memory,
            self._options,
            self._values,
            self._rule,
            first,
            np.array(epsilons, np.float64),
            *told,
        )
        return told

    @property
    def learned(self) -> int:
        """How many values it has."""
        return int(np.count_nonzero(self._values.visits))

    @property
    def table(self) -> Table:
        """What it has learned, as a table of its own."""
        table = Table()
        value, visits = self._values
        for row, column in np.argwhere(visits):
            kind = self._kinds[column]
            table.put(situation_of(int(row)), kind, float(value[row, column]), int(visits[row, column]))
        return table

    @table.setter
    def table(self, table: Table) -> None:
        """Goes on from a table. Kinds that the scenario cannot have are left out."""
        columns = {kind: column for column, kind in enumerate(self._kinds)}
        value, visits = self._values
        value[:], visits[:] = 0, 0
        for situation, kind, worth, times in table.rows():
            if kind in columns:
                place = number_of(situation), columns[kind]
                value[place], visits[place] = worth, times
