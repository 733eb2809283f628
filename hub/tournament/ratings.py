"""Attack and defence ratings from the outcomes of games, with intervals that know of shared seeds.

The model is Bradley and Terry's, with two strengths: attacker a reaches its goal against defender d on
ground s with probability logistic(attack[a] - defence[d] + ease[s]). A game without a defender has defence 0.

- Fit: penalised maximum likelihood by Newton's method. The penalty is a Gaussian prior about zero on each
  strength and ease, which keeps records without a single loss finite (`PRIOR_SD`, `EASE_SD`).
- Variance: all games of one slice are played from one seed, and so depend on each other. The sandwich
  estimator takes slices as clusters (Liang and Zeger 1986), and t in place of the normal distribution
  (Cameron and Miller 2015). What the fit takes from the residuals is made good by the larger of G/(G-1) and
  n/(n-k), for G slices, n games and k parameters: the one is right where all meet in each slice, as in a
  round robin, the other where the games of a slice have no entrant in common, as in a Swiss round.
  The prior counts as a cluster more, of the variance that it has: what it alone decides, as between entrants
  that nothing connects, is as uncertain as it says.
- Degrees of freedom: the effective number of slices that an entrant played in, less one; (sum n)^2/(sum n^2)
  of its games n in each, which is the number of slices where they are equally many (after Carter, Schnepel
  and Steigerwald 2017).
- Lopsided records: residuals of an entrant that never loses vanish, and with them the sandwich. So a share
  1/(1 + m)^2 of the model's own variance is added, where m counts the rarer of the entrant's two results: all
  of it for a clean record, little where there is evidence. (The idea of Morel, Bokossa and Neerchal 2003,
  whose share depends on the number of clusters only.)

Ratings are in units of Elo, 400/ln 10 for each unit of log-odds, and centred on zero over the entrants that
play the role. Nothing here knows of pairs or of the order of games.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from math import exp, log1p
from typing import Final

from attrs import frozen

from netsiege.hub.tournament.elo import ELO, logistic
from netsiege.hub.tournament.linear import (
    Matrix,
    Vector,
    centred,
    cholesky,
    dot,
    inverse,
    sandwich,
    solve,
    turned,
)
from netsiege.hub.tournament.model import ATTACKER, DEFENDER
from netsiege.hub.tournament.slices import SCORE, Group, Places
from netsiege.hub.tournament.student import Estimate, cdf, estimate

OVERALL: Final = "Overall"
"""The scale of attack and defence together."""
PRIOR_SD: Final = 3.0
"""Of a strength, in log-odds; 521 Elo. It weighs little: an entrant that wins all of 40 games against equals
comes to about 4.2, as if it had lost half a game; one that wins 30 of 40 loses about a hundredth."""
EASE_SD: Final = 6.0
"""Of the ease of a ground, in log-odds."""
NEAR: Final = 1e-7
"""Twice by how much the likelihood may still rise before the last step."""
DIGITS: Final = 9
"""Of strengths in log-odds, after the point: a ten-millionth of a point of Elo. What is beyond is noise, that
differs from Python to Python and would order those who are equal.
"""
EASE: Final = "Ground"

Parameter = tuple[str, str]
"""A role and an entrant, or `EASE` and a ground."""
Sums = dict[tuple[str, str, str], tuple[int, float]]
"""Games and the attacker's score of each attacker against each defender on each ground."""


@frozen
class Scale:
    """Entrants on one scale: their strengths in log-odds, the covariance of these, and degrees of freedom."""

    names: tuple[str, ...]
    strengths: tuple[float, ...]
    covariance: Matrix
    df: tuple[float, ...]

    def ratings(self) -> dict[str, Estimate]:
        """Each entrant's rating in Elo, centred on zero, with its 95% interval, the best first."""
        size = len(self.names)
        if not size:
            return {}
        mean = sum(self.strengths) / size
        rows = [sum(row) / size for row in self.covariance]
        grand = sum(rows) / size
        told = {}
        for i in sorted(range(size), key=lambda i: (-self.strengths[i], self.names[i])):
            variance = self.covariance[i][i] - 2 * rows[i] + grand
            told[self.names[i]] = estimate(ELO * (self.strengths[i] - mean), ELO**2 * variance, self.df[i])
        return told

    def difference(self, a: str, b: str) -> Estimate:
        """How much higher a is rated than b, in Elo, with its 95% interval."""
        value, variance, df = self._difference(a, b)
        return estimate(ELO * value, ELO**2 * variance, df)

    def superiority(self, a: str, b: str) -> float | None:
        """The likelihood that a is stronger than b; None if they met too few seeds to tell."""
        value, variance, df = self._difference(a, b)
        if df < 1 or variance <= 0:
            return None
        return cdf(value / variance**0.5, df)

    def _difference(self, a: str, b: str) -> tuple[float, float, float]:
        i, j = self.names.index(a), self.names.index(b)
        variance = self.covariance[i][i] + self.covariance[j][j] - 2 * self.covariance[i][j]
        return self.strengths[i] - self.strengths[j], variance, min(self.df[i], self.df[j])


@frozen
class Ratings:
    """A fit. `scales` has one for each role, and `OVERALL` for the entrants that play both.

    `eases` says of each ground how an average attacker fares there against an average defender, in Elo: 0 is
    even. `deviation` is -2 log likelihood, `slices` the number of clusters.
    """

    scales: dict[str, Scale]
    eases: dict[str, float]
    deviation: float
    slices: int


def rate(
    groups: Sequence[Group],
    *,
    both: Collection[str] = (),
    prior_sd: float = PRIOR_SD,
    ease_sd: float = EASE_SD,
) -> Ratings:
    """The ratings of all who played; `both` are rated overall too, as far as they played in both roles."""
    cells = _cells(groups)
    parameters = sorted({parameter for key in cells for parameter in _touched(*key)})
    places = {parameter: i for i, parameter in enumerate(parameters)}
    prior = [1 / (ease_sd if kind == EASE else prior_sd) ** 2 for kind, _ in parameters]
    model = _Model(cells, places, prior)
    strengths = [round(value, DIGITS) for value in model.fit()]
    spread = inverse(cholesky(model.slopes(strengths)[2]))
    covariance = _covariance(model, spread, _residuals(groups, model, strengths))
    freedom = _freedom(groups, places)
    scales = _scales(places, strengths, covariance, freedom, set(both))
    slices = sum(group.slices for group in groups)
    return Ratings(scales, _eases(places, strengths), model.deviation(strengths), slices)


def _touched(attacker: str, defender: str, ground: str) -> Iterator[Parameter]:
    yield ATTACKER, attacker
    if defender:
        yield DEFENDER, defender
    yield EASE, ground


def _cells(groups: Iterable[Group]) -> Sums:
    cells: Sums = {}
    for group in groups:
        for cell, places in group.shape.cells.items():
            games, score = cells.get((*cell, group.ground), (0, 0.0))
            more = len(places) * group.slices
            cells[*cell, group.ground] = games + more, score + group.total(SCORE, places)
    return cells


class _Model:
    """The penalised likelihood of the cells: (places of attacker, defender, ease; games; score) each."""

    def __init__(
        self,
        cells: Sums,
        places: dict[Parameter, int],
        prior: Vector,
    ) -> None:
        self.prior = prior
        self.places = places
        self.games = sum(games for games, _ in cells.values())
        self.rows: dict[tuple[str, str, str], tuple[int, int, int]] = {
            (a, d, s): (places[ATTACKER, a], places[DEFENDER, d] if d else -1, places[EASE, s])
            for a, d, s in sorted(cells)
        }
        self.data = [(row, cells[key][0], cells[key][1]) for key, row in self.rows.items()]
        self.rarer = self._rarer(len(places))

    def _rarer(self, size: int) -> Vector:
        """How often the rarer of the two results came, in the games of each parameter."""
        games, score = [0.0] * size, [0.0] * size
        for row, n, y in self.data:
            for i in row:
                if i >= 0:
                    games[i] += n
                    score[i] += y
        return [min(y, n - y) for n, y in zip(games, score, strict=True)]

    def odds(self, x: Vector, row: tuple[int, int, int]) -> float:
        """The log-odds of the attacker."""
        a, d, s = row
        return x[a] + x[s] - (x[d] if d >= 0 else 0.0)

    def deviation(self, x: Vector) -> float:
        """Minus twice the log likelihood."""
        total = 0.0
        for row, n, y in self.data:
            odds = self.odds(x, row)
            total += n * (max(0.0, odds) + log1p(exp(-abs(odds)))) - y * odds
        return 2 * total

    def slopes(self, x: Vector) -> tuple[float, Vector, Matrix]:
        """The cost, a convex function that the fit makes as small as can be: its value, gradient downwards
        and its second derivatives (the lower triangle).
        """
        size = len(x)
        cost = dot(self.prior, [value * value for value in x]) / 2
        down = [-weight * value for weight, value in zip(self.prior, x, strict=True)]
        bend: Matrix = [[0.0] * size for _ in range(size)]
        for i, weight in enumerate(self.prior):
            bend[i][i] = weight
        for (a, d, s), n, y in self.data:  # attackers are placed before defenders, these before grounds
            odds = x[a] + x[s] - x[d] if d >= 0 else x[a] + x[s]
            less = exp(-abs(odds))
            cost += n * ((odds if odds > 0 else 0.0) + log1p(less)) - y * odds
            p = 1 / (1 + less)
            left, weight = y - n * (p if odds > 0 else 1 - p), n * p * (1 - p)
            down[a] += left
            down[s] += left
            bend[a][a] += weight
            row = bend[s]
            row[s] += weight
            row[a] += weight
            if d >= 0:
                down[d] -= left
                row[d] -= weight
                bend[d][d] += weight
                bend[d][a] -= weight
        return cost, down, bend

    def fit(self) -> Vector:
        """The parameters of least cost; Newton's steps are halved until they help.

        The last step is taken as it is: the cost, once so near its least, is rounding, and the steps' errors
        are squared each time.
        """
        x = [0.0] * len(self.prior)
        cost, down, bend = self.slopes(x)
        while True:
            step = solve(cholesky(bend), down)
            gain = dot(step, down)
            if gain < NEAR:
                return [a + b for a, b in zip(x, step, strict=True)]
            share = 1.0
            while True:
                moved = [a + share * b for a, b in zip(x, step, strict=True)]
                there, down, bend = self.slopes(moved)
                if there <= cost - 0.1 * share * gain:
                    break
                share /= 2
            x, cost = moved, there


def _residuals(groups: Iterable[Group], model: _Model, x: Vector) -> Matrix:
    """A row for each parameter: its residual in slice after slice."""
    rows: Matrix = [[] for _ in x]
    slices = 0
    for group in groups:
        hopes = [0.0] * group.shape.games
        for cell, games in group.shape.cells.items():
            hope = logistic(model.odds(x, model.rows[*cell, group.ground]))
            for game in games:
                hopes[game] = hope
        for place, sign, games in _parts(group, model.places):
            hope = sum(hopes[game] for game in games)
            rows[place] += [sign * (score - hope) for score in group.by_slice(SCORE, games)]
        slices += group.slices
        for row in rows:
            row.extend([0.0] * (slices - len(row)))
    return rows


def _freedom(groups: Iterable[Group], places: dict[Parameter, int]) -> Vector:
    """The effective number of slices of each parameter, less one."""
    games, squares = [0] * len(places), [0] * len(places)
    for group in groups:
        for place, _, mine in _parts(group, places):
            games[place] += len(mine) * group.slices
            squares[place] += len(mine) ** 2 * group.slices
    return [n**2 / square - 1 for n, square in zip(games, squares, strict=True)]


def _parts(group: Group, places: dict[Parameter, int]) -> Iterator[tuple[int, float, Places]]:
    """The parameters that have a part in the odds of a group's games: which, with what sign, and in which."""
    shape = group.shape
    for name, games in shape.attackers.items():
        yield places[ATTACKER, name], 1.0, games
    for name, games in shape.defenders.items():
        yield places[DEFENDER, name], -1.0, games
    yield places[EASE, group.ground], 1.0, tuple(range(shape.games))


def _covariance(model: _Model, spread: Matrix, residuals: Matrix) -> Matrix:
    """Of strengths less their role's mean: the sandwich, and a share of the model's own.

    With one slice there is nothing to go by; the degrees of freedom, which are none, say so.
    """
    size, slices, games = len(spread), len(residuals[0]), model.games
    if slices < 2:
        return spread
    free = size - sum(weight * spread[i][i] for i, weight in enumerate(model.prior))
    factor = max(slices / (slices - 1), games / max(1.0, games - free))
    blocks = _blocks(model)
    lean = centred(spread, blocks)  # first: a common shift of a role is next to undetermined, and cancels
    covariance = sandwich(lean, residuals, factor, model.prior)
    own = centred(turned(lean), blocks)
    rated = [i for block in blocks for i in block]
    shares = [1 / (1 + rarer) for rarer in model.rarer]
    for i in rated:
        for j in rated:
            covariance[i][j] += shares[i] * shares[j] * own[i][j]
    return covariance


def _blocks(model: _Model) -> list[list[int]]:
    """The places of the attackers, and those of the defenders."""
    attackers = sorted({a for a, _, _ in model.rows.values()})
    defenders = sorted({d for _, d, _ in model.rows.values() if d >= 0})
    return [block for block in (attackers, defenders) if block]


def _scales(
    places: dict[Parameter, int], x: Vector, covariance: Matrix, freedom: Vector, both: set[str]
) -> dict[str, Scale]:
    """A scale for each role and the one for both together, each a sum of parameters."""
    names = {role: [name for kind, name in places if kind == role] for role in (ATTACKER, DEFENDER)}
    complete = [n for n in names[ATTACKER] if n in both and (DEFENDER, n) in places]
    sums = {
        ATTACKER: [(n, [places[ATTACKER, n]]) for n in names[ATTACKER]],
        DEFENDER: [(n, [places[DEFENDER, n]]) for n in names[DEFENDER]],
        OVERALL: [(n, [places[ATTACKER, n], places[DEFENDER, n]]) for n in complete],
    }
    return {
        kind: Scale(
            names=tuple(name for name, _ in parts),
            strengths=tuple(sum(x[i] for i in part) for _, part in parts),
            covariance=[
                [sum(covariance[i][j] for i in one for j in other) for _, other in parts] for _, one in parts
            ],
            df=tuple(min(freedom[i] for i in part) for _, part in parts),
        )
        for kind, parts in sums.items()
    }


def _eases(places: dict[Parameter, int], x: Vector) -> dict[str, float]:
    """How an average attacker fares against an average defender on each ground, in Elo."""

    def mean(role: str) -> float:
        values = [x[i] for (kind, _), i in places.items() if kind == role]
        return sum(values) / len(values) if values else 0.0

    shift = mean(ATTACKER) - mean(DEFENDER)
    return {name: ELO * (x[i] + shift) for (kind, name), i in places.items() if kind == EASE}
