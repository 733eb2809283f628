"""Do intervals cover what they should, and does the sequential test err as seldom as it says?

Cups and comparisons are drawn with strengths that are known, and with luck that games of one seed share: by a
Gaussian copula, so that each game's probability is exactly the model's, whatever the luck has in common.

    python -m tests.tournament.coverage [--cups 1000] [--runs 1000] [--seed 1] [--jobs 1] [--json FILE]

Exits with 1 if a figure is outside its bounds.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

from attrs import evolve, frozen

from netsiege.hub.tournament.elo import ELO, logistic
from netsiege.hub.tournament.hypotheses import Hypotheses
from netsiege.hub.tournament.model import (
    ATTACKER,
    DEFENDER,
    Cup,
    Entrant,
    Format,
    Game,
    Ground,
    Outcome,
    Player,
)
from netsiege.hub.tournament.ratings import OVERALL, rate
from netsiege.hub.tournament.schedule import schedule_of
from netsiege.hub.tournament.sequential import Comparison, State
from netsiege.hub.tournament.slices import row_of
from netsiege.hub.tournament.standing import Standing
from netsiege.hub.tournament.stopping import Precise
from tests.tournament.small_cups import groups_of

NORMAL = NormalDist()


def cup_of(
    both: Iterable[str] = (),
    attackers: Iterable[str] = (),
    defenders: Iterable[str] = (),
    grounds: Iterable[str] = ("s",),
    unseen: Iterable[str] = (),
) -> Cup:
    """A cup with entrants and grounds of these names."""
    entrants = [
        Entrant(name, tuple((role, Player(agent="some")) for role in roles))
        for names, roles in ((both, (ATTACKER, DEFENDER)), (attackers, (ATTACKER,)), (defenders, (DEFENDER,)))
        for name in names
    ]
    places = [
        Ground(label, unseen=hidden) for some, hidden in ((grounds, False), (unseen, True)) for label in some
    ]
    return Cup("cup", tuple(entrants), tuple(places), Format(), 1)


@frozen
class Luck:
    """Which shares of a game's luck are of the seed, of seed and attacker, of seed and defender."""

    seed: float = 0.2
    attacker: float = 0.2
    defender: float = 0.2


class Draw:
    """Games of one slice."""

    def __init__(self, rng: random.Random, luck: Luck) -> None:
        self._rng, self._luck = rng, luck
        self._shared = rng.gauss()
        self._own: dict[tuple[str, str], float] = {}
        self._rest = math.sqrt(1 - luck.seed - luck.attacker - luck.defender)

    def _luck_of(self, role: str, name: str) -> float:
        key = role, name
        if key not in self._own:
            self._own[key] = self._rng.gauss()
        return self._own[key]

    def game(self, attacker: str, defender: str, p: float) -> float:
        """The attacker's score: 1 with probability `p`."""
        z = (
            math.sqrt(self._luck.seed) * self._shared
            + math.sqrt(self._luck.attacker) * self._luck_of(ATTACKER, attacker)
            + math.sqrt(self._luck.defender) * self._luck_of(DEFENDER, defender)
            + self._rest * self._rng.gauss()
        )
        return float(z < NORMAL.inv_cdf(p))

    def value(self, attacker: str) -> float:
        """A return of the attacker, of mean 0, that depends on the seed and on its luck there."""
        return self._shared + self._luck_of(ATTACKER, attacker) + self._rng.gauss()


# --- ratings ----------------------------------------------------------------------------------------------


@frozen
class Design:
    """A kind of cup: strengths of attack and defence in Elo, and slices on each of its grounds."""

    attack: dict[str, float]
    defence: dict[str, float]
    grounds: dict[str, float]
    slices: int
    luck: Luck = Luck()
    swiss: bool = False
    """Whether everybody has one opponent in each slice, by lot, in both roles."""
    within: float | None = None
    """The cup stops once its ratings are known so well; `slices` are then the most."""

    @property
    def both(self) -> list[str]:
        return [name for name in self.attack if name in self.defence]

    def outcomes(self, rng: random.Random) -> Iterable[Outcome]:
        """A cup's outcomes: everybody attacks everybody else in every slice, or only an opponent by lot."""
        number = 0
        for ground, ease in self.grounds.items():
            for at in range(self.slices):
                draw = Draw(rng, self.luck)
                lot = rng.sample(self.both, len(self.both)) if self.swiss else []
                place = {name: i for i, name in enumerate(lot)}
                first: dict[frozenset[str], int] = {}
                for a, attack in self.attack.items():
                    for d, defence in self.defence.items():
                        if a == d or (lot and place[a] ^ 1 != place[d]):
                            continue
                        score = draw.game(a, d, logistic((attack - defence + ease) / ELO))
                        pair = first.setdefault(frozenset((a, d)), number)
                        game = Game(number, pair, ground, at, at, a, d)
                        yield Outcome(game, score, "goal", (draw.value(a), 0.0), (1, 1))
                        number += 1


EVEN = {"a": 150.0, "b": 50.0, "c": -50.0, "d": -150.0}
CROSSED = {"a": -60.0, "b": 100.0, "c": 0.0, "d": -40.0}
DESIGNS = {
    "round robin, 40 slices": Design(EVEN, CROSSED, {"s": 80.0}, 40),
    "two grounds, 15 slices each": Design(EVEN, CROSSED, {"s": 200.0, "t": -100.0}, 15),
    "one role each, 30 slices": Design(EVEN, {"x": 100.0, "y": 0.0, "z": -100.0}, {"s": 0.0}, 30),
    "no defender, 50 slices": Design(EVEN, {"": 0.0}, {"s": 0.0}, 50),
    "wide field, 40 slices": Design(
        {"a": 400.0, "b": 100.0, "c": -100.0, "d": -400.0},
        {"a": 200.0, "b": -200.0, "c": 100.0, "d": -100.0},
        {"s": 0.0},
        40,
    ),
    "seed only, 30 slices": Design(EVEN, CROSSED, {"s": 80.0}, 30, Luck(0.5, 0.0, 0.0)),
    "field of ten, 20 slices": Design(
        {f"e{i}": 25.0 * i for i in range(10)}, {f"e{i}": 40.0 * (i % 4) for i in range(10)}, {"s": 50.0}, 20
    ),
    "swiss, 30 slices": Design(
        {f"e{i}": 40.0 * i for i in range(6)},
        {f"e{i}": 60.0 * (i % 3) for i in range(6)},
        {"s": 50.0},
        30,
        swiss=True,
    ),
    "10 slices": Design(EVEN, CROSSED, {"s": 80.0}, 10),
    "stopped within 70 points, at most 200 slices": Design(EVEN, CROSSED, {"s": 80.0}, 200, within=70.0),
    "stopped within 120 points, at most 200 slices": Design(EVEN, CROSSED, {"s": 80.0}, 200, within=120.0),
}


def centred(values: dict[str, float]) -> dict[str, float]:
    mean = fmean(values.values())
    return {name: value - mean for name, value in values.items()}


def truth(design: Design) -> dict[str, dict[str, float]]:
    """The ratings that a cup estimates."""
    both = {name: design.attack[name] + design.defence[name] for name in design.both}
    defence = {name: value for name, value in design.defence.items() if name}
    told = {ATTACKER: design.attack, DEFENDER: defence, OVERALL: both}
    return {kind: centred(values) for kind, values in told.items() if values}


def cup(design: Design, seed: int) -> dict[str, list[bool]]:
    """Of one cup, for each kind of interval: whether each of them covers the truth."""
    cup_ = cup_of(both=design.both, attackers=[n for n in design.attack if n not in design.both])
    standing = Standing(cup_)
    outcomes = list(design.outcomes(random.Random(seed)))
    if design.within is not None:
        slices = schedule_of(evolve(cup_, format=Format(games=design.slices)))  # as many games in each
        outcomes = outcomes[: Precise(cup_, slices, design.within).look(outcomes)]
    standing.extend(outcomes)
    table = standing.tables().all
    assert table.ratings is not None
    apart = [((o.game.ground, o.game.id), [(o.game.attacker, o.game.defender, o.score)]) for o in outcomes]
    fits = {"": table.ratings, "naive ": rate(groups_of(apart), both=design.both)}
    told: dict[str, list[bool]] = {}
    for label, fit in fits.items():
        for kind, values in truth(design).items():
            for name, estimate in fit.scales[kind].ratings().items():
                told.setdefault(label + kind, []).append(covers(estimate, values[name]))
            first, second = list(values)[:2] if len(values) > 1 else (None, None)
            if first is not None and second is not None:
                difference = fit.scales[kind].difference(first, second)
                told.setdefault(f"{label}{kind} difference", []).append(
                    covers(difference, values[first] - values[second])
                )
    told["mean return"] = [covers(row.attack.mean_return, 0.0) for row in table.rows if row.attack]
    return told


def covers(estimate: Any, value: float) -> bool:
    low = -math.inf if estimate.low is None else estimate.low
    high = math.inf if estimate.high is None else estimate.high
    return bool(low <= value <= high)


# --- the sequential test ----------------------------------------------------------------------------------


@frozen
class Match:
    """A kind of comparison: how often attackers win in the mean, opponents of each slice (0: each other)."""

    mean: float
    opponents: int
    elo1: float = 50.0
    alpha: float = 0.05
    beta: float = 0.05
    luck: Luck = Luck()


MATCHES = {
    "pairs": Match(0.5, 0),
    "pairs, attackers win 85%": Match(0.85, 0),
    "pairs, no luck in common": Match(0.5, 0, luck=Luck(0.0, 0.0, 0.0)),
    "pairs, wide hypotheses": Match(0.5, 0, elo1=150.0),
    "pairs, narrow hypotheses": Match(0.5, 0, elo1=20.0),
    "pairs, alpha 0.01": Match(0.5, 0, alpha=0.01, beta=0.1),
    "one role, one opponent": Match(0.6, 1),
    "one role, four opponents": Match(0.6, 4),
}


def match(design: Match, elo: float, seed: int) -> tuple[State, int, bool, bool]:
    """A comparison with that much Elo between the two: its end, slices, whether estimates cover the truth.

    The first estimate is the one told, the second the plain mean with its interval.
    """
    rng = random.Random(seed)
    hypotheses = Hypotheses(0.0, design.elo1, design.alpha, design.beta)
    comparison = Comparison("a", "b", design.opponents, hypotheses)
    half = logistic(elo / ELO) - 0.5
    number = 0
    while comparison.test.state is State.CONTINUE:
        at = number
        draw = Draw(rng, design.luck)
        others = [f"o{i}" for i in range(design.opponents)]
        bouts = [(who, other) for other in others for who in "ab"] or [("a", "b"), ("b", "a")]
        for attacker, defender in bouts:
            p = design.mean + (half if attacker == "a" else -half)
            game = Game(number, at, "s", at, at, attacker, defender)
            score = draw.game(attacker, defender, p)
            comparison.add(row_of(Outcome(game, score, "goal", (0.0, 0.0), (1, 1))))
            number += 1
    test = comparison.test
    state, told = test.state, test.estimate()
    test.state = State.CONTINUE
    return state, test.pairs, covers(told, elo), covers(test.estimate(), elo)


# --- all of it --------------------------------------------------------------------------------------------


@frozen
class Figure:
    """A share of so many, and the bounds that it should keep; None where nothing is promised."""

    what: str
    share: float
    of: int
    low: float | None = None
    high: float | None = None
    note: str = ""

    @property
    def good(self) -> bool:
        return (self.low is None or self.share >= self.low) and (self.high is None or self.share <= self.high)

    def __str__(self) -> str:
        bounds = "" if self.high is None else f"  [{self.low or 0:.4f}, {self.high:.4f}]"
        return (
            f"{'  ' if self.good else '! '}{self.what:<62} {self.share:.4f} of {self.of}{bounds} {self.note}"
        )


def coverage(
    cups: int,
    seed: int,
    many: Callable[..., Iterable[Any]],
    width: float = 0.02,
    designs: Iterable[str] = DESIGNS,
) -> list[Figure]:
    """Coverage of each kind of interval, of each of the designs."""
    figures = []
    for name in designs:
        design = DESIGNS[name]
        hits: dict[str, list[bool]] = {}
        for told in many(cup, [design] * cups, range(seed, seed + cups)):
            for kind, covered in told.items():
                hits.setdefault(kind, []).extend(covered)
        for kind, covered in hits.items():
            bounds = (None, None) if kind.startswith("naive") else (0.95 - width, 0.95 + width)
            figures.append(Figure(f"{name}: {kind}", fmean(covered), len(covered), *bounds))
    return figures


def errors(
    runs: int, seed: int, many: Callable[..., Iterable[Any]], matches: Iterable[str] = MATCHES
) -> list[Figure]:
    """How often the test errs under each hypothesis, with three standard errors for the number of runs."""
    figures = []
    for name in matches:
        design = MATCHES[name]
        for elo, wrong, bound in (
            (0.0, State.ACCEPT_H1, design.alpha),
            (design.elo1, State.ACCEPT_H0, design.beta),
        ):
            told = list(many(match, [design] * runs, [elo] * runs, range(seed, seed + runs)))
            share = fmean(state is wrong for state, *_ in told)
            slices = fmean(n for _, n, _, _ in told)
            most = bound + 3 * math.sqrt(bound * (1 - bound) / runs)
            least = 0.94 - 3 * math.sqrt(0.05 * 0.95 / runs)
            what = f"{name}: {wrong.value} at {elo:g} Elo"
            figures.append(Figure(what, share, runs, 0.0, most, f"{slices:.0f} slices"))
            figures.append(
                Figure(f"{name}: interval at {elo:g} Elo", fmean(c for _, _, c, _ in told), runs, least, 1.0)
            )
            figures.append(Figure(f"{name}: plain interval at {elo:g} Elo", fmean(c for *_, c in told), runs))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cups", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    figures: list[Figure] = []
    with ProcessPoolExecutor(told.jobs) as pool:

        def many(function: Callable[..., Any], *columns: Iterable[Any]) -> Iterable[Any]:
            return pool.map(function, *columns, chunksize=20) if told.jobs > 1 else map(function, *columns)

        if told.cups:
            figures += coverage(told.cups, told.seed, many)
        if told.runs:
            figures += errors(told.runs, told.seed, many)
    sys.stdout.write("".join(f"{figure}\n" for figure in figures))
    if told.json:
        told.json.write_text(
            json.dumps(
                [
                    {"what": f.what, "share": f.share, "of": f.of, "low": f.low, "high": f.high}
                    for f in figures
                ],
                indent=1,
            )
        )
    return int(not all(figure.good for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
