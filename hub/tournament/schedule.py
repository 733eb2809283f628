"""Which games a cup plays, in which order, and from which seeds. Pure.

A schedule is a sequence of games, numbered from 0, that is fixed by the cup and, for Swiss cups, by the
outcomes of earlier games. Outcomes count in the order of the schedule: which game happened to end first
changes nothing.

Who meets whom: two entrants that play both roles meet in *pairs* of games on one slice, roles swapped. Any
other attacker meets any other defender in one game a slice, two that only attack, or only defend, in none,
and nobody meets itself. Where nobody defends, attackers play alone. Slices of every ground are numbered from
0 through the whole cup, and whoever plays in a slice plays from its seed.

How a Swiss cup draws its rounds is in `swiss`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from netsiege.errors import ConfigError
from netsiege.hub.tournament.blocks import MOST, Block, Leg, legs_between
from netsiege.hub.tournament.model import (
    ATTACKER,
    COMPARE,
    DEFENDER,
    GAUNTLET,
    ROLES,
    SWISS,
    Cup,
    Entrant,
    Game,
    Outcome,
)
from netsiege.hub.tournament.sequential import Comparison
from netsiege.hub.tournament.stopping import Decided, Precise, Stopping
from netsiege.hub.tournament.swiss import Swiss
from netsiege.scenarios.reading import nearest, shown

NOBODY: Final = ""
"""The defender of a game in which the attacker is alone."""


class Schedule(Protocol):
    """The games of a cup, as far as the outcomes so far tell them.

    `outcomes` are always those of the games 0, 1, 2 … without a gap. One object serves one cup that is being
    played: it may remember what it has drawn, so that its outcomes only ever grow.
    """

    @property
    def expected(self) -> int:
        """How many games there are.

        It is the most that there can be in a cup that may stop early, and in a Swiss cup in which some play
        both roles and some do not.
        """

    def next_games(
        self, outcomes: Sequence[Outcome], first: int | None = None, most: int = MOST
    ) -> list[Game]:
        """Up to `most` games that can be told already, from number `first` on (the first without outcome)."""

    def end(self, outcomes: Sequence[Outcome]) -> int | None:
        """How many games the cup has had; None as long as it goes on.

        Outcomes of later games do not count: of a cup that stops early there may be some.
        """


def schedule_of(cup: Cup) -> Schedule:
    """The schedule of a cup. The cup is one that `cup.inconsistencies` has nothing to say about."""
    whole = whole_schedule(cup)
    if cup.format.kind == COMPARE:
        return Stopping(whole, Decided(comparing(cup)))
    return whole if cup.within is None else Stopping(whole, Precise(cup, whole, cup.within))


def whole_schedule(cup: Cup) -> Schedule:
    """All games that a cup can have: its schedule, without what may stop it before their end."""
    return Swiss(cup) if cup.format.kind == SWISS else Block(cup, fixed_legs(cup), cup.format.games)


def may_stop(cup: Cup) -> bool:
    """Whether it may be over before all of its games are played."""
    return cup.within is not None or cup.format.kind == COMPARE


def has_fixed_length(cup: Cup) -> bool:
    """Whether it has as many games as its schedule expects, whatever comes of them."""
    mixed = len({entrant.plays_both for entrant in cup.entrants}) > 1
    return not may_stop(cup) and not (cup.format.kind == SWISS and mixed)


def comparing(cup: Cup) -> Comparison:
    """The test of a comparison, before its first game."""
    one, other = (_entrant(cup, name) for name in (cup.format.a, cup.format.b))
    opponents = 0 if one.plays_both and other.plays_both else len(comparison(cup).legs) // 2
    return Comparison(one.name, other.name, opponents, cup.format.hypotheses)


def comparison(cup: Cup) -> Block:
    """The games that compare two entrants of a cup, slice after slice, if nothing stops them.

    If both play both roles they meet each other, in pairs with the roles swapped. Otherwise all others are
    their panel: in the role that they share each of the two meets every opponent of it on the same slices,
    and the two games against one opponent are the pair. Without any defender the two attack alone.

    Raises ConfigError if they share no role, are one, or have no panel.
    """
    one, other = (_entrant(cup, name) for name in (cup.format.a, cup.format.b))
    if one is other:
        raise ConfigError(f"{shown(one.name)} is compared with itself; name two entrants")
    if one.plays_both and other.plays_both:
        return Block(cup, legs_between(one, other), cup.format.games)
    shared = [role for role in ROLES if one.player(role) and other.player(role)]
    if not shared:
        said = f"{shown(one.name)} plays {_roles_of(one)} only, {shown(other.name)} {_roles_of(other)} only"
        raise ConfigError(f"{said}: they share no role")
    panel = [each for each in cup.entrants if each not in (one, other)]
    return Block(cup, _panel_legs((one.name, other.name), shared[0], panel), cup.format.games)


def _entrant(cup: Cup, name: str) -> Entrant:
    entrants = {each.name: each for each in cup.entrants}
    if name not in entrants:
        raise ConfigError(f"there is no entrant {shown(name)}{nearest(name, entrants)}")
    return entrants[name]


def _panel_legs(names: tuple[str, str], role: str, panel: Sequence[Entrant]) -> tuple[Leg, ...]:
    if role == DEFENDER:
        attackers = [each.name for each in panel if each.player(ATTACKER)]
        if not attackers:
            raise ConfigError("two defenders need at least one attacker beside them, to face both")
        return tuple(Leg(against, name, back) for against in attackers for back, name in enumerate(names))
    defenders = [each.name for each in panel if each.player(DEFENDER)] or [NOBODY]
    return tuple(Leg(name, against, back) for against in defenders for back, name in enumerate(names))


def _roles_of(entrant: Entrant) -> str:
    return " and ".join(role for role, _ in entrant.players)


def fixed_legs(cup: Cup) -> tuple[Leg, ...]:
    """The legs of a round robin, of a gauntlet (those of its hero), or of a comparison. In the order of the
    entrants.
    """
    if cup.format.kind == COMPARE:
        return comparison(cup).legs
    if not any(entrant.player(DEFENDER) for entrant in cup.entrants):
        return tuple(Leg(entrant.name, NOBODY) for entrant in cup.entrants if entrant.player(ATTACKER))
    legs: list[Leg] = []
    for index, one in enumerate(cup.entrants):
        for other in cup.entrants[index + 1 :]:
            if cup.format.kind != GAUNTLET or cup.format.hero in (one.name, other.name):
                legs += legs_between(one, other)
    return tuple(legs)


def idle(cup: Cup, legs: Iterable[Leg]) -> list[str]:
    """The entrants without any game in these legs, in the order of the cup."""
    busy = {name for leg in legs for name in (leg.attacker, leg.defender)}
    return [entrant.name for entrant in cup.entrants if entrant.name not in busy]


def forfeiter(game: Game, bench: Mapping[str, int]) -> str:
    """Who forfeits a game without playing it; empty if nobody does.

    `bench` says from which game on an entrant plays no more. If neither plays, whoever was benched first
    forfeits, and the attacker if both were at once.
    """
    absent = [name for name in (game.attacker, game.defender) if bench.get(name, game.id + 1) <= game.id]
    return min(absent, key=bench.__getitem__, default=NOBODY)
