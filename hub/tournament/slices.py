"""The games of a cup by slices, and what they sum up to.

All games of a slice are played from one seed, and in most slices of a cup the same entrants meet. So who
meets whom is worked out once for all slices of one `Shape`, and what they scored is summed column by column:
one value of each slice after the other. Only whole pairs count: see `Slices`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import compress, groupby, pairwise, repeat
from operator import itemgetter, lt, sub
from typing import Any, Final, TypeAlias

from attrs import define, field

from netsiege.hub.tournament.linear import Vector
from netsiege.hub.tournament.model import Outcome

Played: TypeAlias = tuple[int, int, str, int, str, str, float, float, float, str, str]
"""A game that is over, as a row of these columns."""
NUMBER: Final = 0
PAIR: Final = 1
GROUND: Final = 2
SLICE: Final = 3
ATTACKER_NAME: Final = 4
DEFENDER_NAME: Final = 5
SCORE: Final = 6
ATTACKER_RETURN: Final = 7
DEFENDER_RETURN: Final = 8
CAUSE: Final = 9
FORFEIT: Final = 10
Cell = tuple[str, str]
"""An attacker and a defender."""
SliceKey = tuple[str, int]
"""A ground and the number of a slice."""
Columns = tuple[tuple[Any, ...], ...]
Places = tuple[int, ...]
"""Which games of a shape, by their order."""

_KEY: Final = itemgetter(GROUND, SLICE)


def row_of(outcome: Outcome) -> Played:
    """An outcome as a row."""
    game = outcome.game
    return (
        game.id,
        game.pair,
        game.ground,
        game.slice,
        game.attacker,
        game.defender,
        outcome.score,
        *outcome.returns,
        outcome.cause,
        outcome.forfeit,
    )


class Shape:
    """Who meets whom in a slice: the games of each attacker, of each defender and of both, by their order."""

    def __init__(self, attackers: Sequence[str], defenders: Sequence[str]) -> None:
        self.games = len(attackers)
        self.attackers = _places(attackers)
        self.defenders = _places(defenders)
        self.cells: dict[Cell, Places] = _places(zip(attackers, defenders, strict=True))
        self.defenders.pop("", None)


@define(eq=False)
class Group:
    """The slices of a ground that have the same shape. `columns` has their games, slice by slice.

    It is complete when it is first asked for a sum: those are kept, as several tables are made of a group.
    """

    ground: str
    shape: Shape
    columns: list[Columns] = field(factory=list)
    _values: dict[int, list[tuple[Any, ...]]] = field(factory=dict)
    _totals: dict[int, Vector] = field(factory=dict)
    _by_slice: dict[tuple[int, Places], Vector] = field(factory=dict)

    @property
    def slices(self) -> int:
        """How many there are."""
        return len(self.columns)

    @property
    def games(self) -> int:
        """How many all its slices have."""
        return self.shape.games * len(self.columns)

    def by_slice(self, column: int, games: Places) -> Vector:
        """The sum of these games' values in a column, slice by slice."""
        told = self._by_slice.get((column, games))
        if told is None:
            values = self._of_each_game(column)
            told = self._by_slice[column, games] = list(
                map(sum, zip(*(values[i] for i in games), strict=True))
            )
        return told

    def total(self, column: int, games: Places) -> float:
        """The same, of all slices together."""
        totals = self._totals.get(column)
        if totals is None:
            totals = self._totals[column] = list(map(sum, self._of_each_game(column)))
        return sum(totals[i] for i in games)

    def forfeits(self, name: str, games: Places) -> int:
        """How many of these games that entrant forfeited."""
        values = self._of_each_game(FORFEIT)
        return sum(values[i].count(name) for i in games)

    def _of_each_game(self, column: int) -> list[tuple[Any, ...]]:
        """By the game's place in the shape, the values of all slices."""
        values = self._values.get(column)
        if values is None:
            told = [columns[column] for columns in self.columns]
            values = self._values[column] = list(zip(*told, strict=True))
        return values


class Slices:
    """Takes games in the order of the schedule. `both` are the entrants that play both roles: where two of
    them meet, a game counts once the other one of its pair is there, in the same slice. Others count at once.
    """

    def __init__(self, both: Collection[str]) -> None:
        self._both = frozenset(both)
        self._slices: dict[SliceKey, list[Played]] = {}
        self._counted: dict[SliceKey, tuple[Shape, Columns]] = {}
        """Of the slices whose games have been looked at since the last came."""
        self._shapes: dict[Columns, Shape] = {}
        self._whole: dict[Columns, list[bool]] = {}
        """Which games of a slice count, by its attackers, defenders, and pairs as from its first game."""
        self._last = -1

    @property
    def counted(self) -> int:
        """How many games count."""
        self._look()
        return sum(shape.games for shape, _ in self._counted.values())

    def add(self, rows: Sequence[Played]) -> None:
        """Takes more of them. ValueError if they are out of order; then none is taken."""
        if not rows:
            return
        numbers = [self._last, *map(itemgetter(NUMBER), rows)]
        if not all(map(lt, numbers, numbers[1:])):
            one, after = next((a, b) for a, b in pairwise(numbers) if b <= a)
            raise ValueError(f"game {after} comes after game {one}: outcomes go by the schedule")
        for key, games in groupby(rows, _KEY):
            self._slices.setdefault(key, []).extend(games)
            self._counted.pop(key, None)
        self._last = numbers[-1]

    def groups(self) -> list[Group]:
        """The games that count, in the order in which a slice of each ground and shape first came."""
        self._look()
        told: dict[tuple[str, Shape], Group] = {}
        for key in self._slices:
            shape, columns = self._counted[key]
            if shape.games:
                group = told.get((key[0], shape))
                if group is None:
                    group = told[key[0], shape] = Group(key[0], shape)
                group.columns.append(columns)
        return list(told.values())

    def _look(self) -> None:
        """Sees to it that `_counted` has every slice."""
        if len(self._counted) < len(self._slices):
            for key in self._slices.keys() - self._counted.keys():
                self._counted[key] = self._count(self._slices[key])

    def _count(self, rows: Iterable[Played]) -> tuple[Shape, Columns]:
        """The games of a slice that count, and their shape."""
        columns: Columns = tuple(zip(*rows, strict=True))
        pairs = columns[PAIR]
        who = columns[ATTACKER_NAME], columns[DEFENDER_NAME], tuple(map(sub, pairs, repeat(pairs[0])))
        whole = self._whole.get(who)
        if whole is None:
            whole = self._whole[who] = self._which_count(*who)
        if not all(whole):
            columns = tuple(tuple(compress(column, whole)) for column in columns)
        meeting = columns[ATTACKER_NAME], columns[DEFENDER_NAME]
        shape = self._shapes.get(meeting)
        if shape is None:
            shape = self._shapes[meeting] = Shape(*meeting)
        return shape, columns

    def _which_count(
        self, attackers: Sequence[str], defenders: Sequence[str], pairs: Sequence[int]
    ) -> list[bool]:
        there = Counter(pairs)
        return [
            there[pair] > 1 or not self._has_twin(attacker, defender)
            for attacker, defender, pair in zip(attackers, defenders, pairs, strict=True)
        ]

    def _has_twin(self, attacker: str, defender: str) -> bool:
        return attacker != defender and attacker in self._both and defender in self._both


def _places(names: Iterable[Any]) -> dict[Any, Places]:
    told: dict[Any, list[int]] = {}
    for place, name in enumerate(names):
        told.setdefault(name, []).append(place)
    return {name: tuple(places) for name, places in told.items()}
