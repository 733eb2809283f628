"""What attackers made of the networks of a suite, by their difficulty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from netsiege.hub.tournament.grounds import network_of
from netsiege.hub.tournament.model import Cup, Ground
from netsiege.hub.tournament.slices import ATTACKER_NAME, GROUND, SCORE, SLICE, Played


@frozen
class Level:
    """An attacker's games on those networks of a ground whose shortest attack takes so many `steps`.

    `networks` are those that it has played on, `score` is its share of the games, from 0 to 1.
    """

    ground: str
    steps: int
    attacker: str
    networks: int
    games: int
    score: float


def levels_of(cup: Cup, rows: Iterable[Played]) -> tuple[Level, ...]:
    """The levels of all grounds that are suites, by ground, difficulty, and the order of entrants.

    All games count, also those whose twins are to come.
    """
    suites = {ground.label: ground for ground in cup.grounds if ground.suite}
    played: dict[tuple[str, int, str], list[Played]] = {}
    for row in rows if suites else ():
        label = row[GROUND]
        network = network_of(suites[label], row[SLICE]) if label in suites else None
        if network is not None:
            played.setdefault((label, network.steps, row[ATTACKER_NAME]), []).append(row)
    labels = [ground.label for ground in cup.grounds]
    names = [entrant.name for entrant in cup.entrants]
    keys = sorted(played, key=lambda key: (labels.index(key[0]), key[1], names.index(key[2])))
    return tuple(_level(*key, suites[key[0]], played[key]) for key in keys)


def _level(label: str, steps: int, attacker: str, ground: Ground, mine: Sequence[Played]) -> Level:
    networks = {each[SLICE] % ground.count for each in mine}
    score = sum(each[SCORE] for each in mine) / len(mine)
    return Level(label, steps, attacker, len(networks), len(mine), score)


def rows_of(levels: Sequence[Level], ground: str) -> Iterator[tuple[str, list[Level | None]]]:
    """A ground's levels as the rows of a table: each attacker's, one for each of `columns_of`."""
    mine = {(each.attacker, each.steps): each for each in levels if each.ground == ground}
    for attacker in dict.fromkeys(attacker for attacker, _ in mine):
        yield attacker, [mine.get((attacker, steps)) for steps in columns_of(levels, ground)]


def columns_of(levels: Sequence[Level], ground: str) -> list[int]:
    """The difficulties of a ground, ascending."""
    return sorted({each.steps for each in levels if each.ground == ground})
