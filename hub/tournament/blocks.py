"""Blocks of games: who meets whom, on slice after slice, each with its seed. Pure.

Whole round robins are blocks, and so are the rounds of a Swiss cup. `schedule` makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from netsiege.hub.tournament.model import ATTACKER, DEFENDER, Cup, Entrant, Game, Outcome

MOST: Final = 1_000
"""Games that are told at once unless more are asked for."""

_SALT: Final = b"netsiege slice\0"


@frozen
class Leg:
    """One of the games that are played on each slice; `back` is how many legs before it its pair began."""

    attacker: str
    defender: str
    back: int = 0


@frozen
class Block:
    """A schedule of the same legs on slice after slice, on every ground.

    A Swiss round is a block that begins at a later game and slice.
    """

    cup: Cup
    legs: tuple[Leg, ...]
    slices: int
    first_id: int = 0
    first_slice: int = 0
    round: int = 0

    @property
    def expected(self) -> int:
        """How many games it has."""
        return self.slices * len(self.cup.grounds) * len(self.legs)

    def next_games(
        self, outcomes: Sequence[Outcome], first: int | None = None, most: int = MOST
    ) -> list[Game]:
        """Up to `most` games from number `first` on (the first without outcome)."""
        start = max(len(outcomes) if first is None else first, self.first_id)
        end = min(start + most, self.first_id + self.expected)
        return [self.game(number) for number in range(start, end)]

    def end(self, outcomes: Sequence[Outcome]) -> int | None:
        """The number after its last game, once that is played."""
        last = self.first_id + self.expected
        return last if len(outcomes) >= last else None

    def game(self, number: int) -> Game:
        """The game of that number, which is one of this block."""
        turn, leg_index = divmod(number - self.first_id, len(self.legs))
        slices, ground_index = divmod(turn, len(self.cup.grounds))
        leg, label = self.legs[leg_index], self.cup.grounds[ground_index].label
        which = self.first_slice + slices
        return Game(
            id=number,
            pair=number - leg.back,
            ground=label,
            slice=which,
            seed=slice_seed(self.cup.seed, label, which),
            attacker=leg.attacker,
            defender=leg.defender,
            round=self.round,
        )


def legs_between(one: Entrant, other: Entrant) -> tuple[Leg, ...]:
    """The games of two entrants on one slice: a pair, one, or none."""
    if one.plays_both and other.plays_both:
        return Leg(one.name, other.name), Leg(other.name, one.name, 1)
    if one.player(ATTACKER) and other.player(DEFENDER):
        return (Leg(one.name, other.name),)
    if one.player(DEFENDER) and other.player(ATTACKER):
        return (Leg(other.name, one.name),)
    return ()


def slice_seed(seed: int, ground: str, number: int) -> int:
    """The seed of a slice: 64 bits of the SHA-256 of the cup's seed, the ground's label and the number.

    Grounds that are added to a cup change no seed of the others.
    """
    text = _SALT + seed.to_bytes(8, "big") + number.to_bytes(8, "big") + ground.encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
