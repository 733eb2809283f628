"""How well an agent plays: win rate, return and steps over many episodes, with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.agents.arrangement import Arrangement
from netsiege.agents.networks import Matches, Networks
from netsiege.engine.streams import derive
from netsiege.engine.tables import Tables
from netsiege.game import AgentStatus
from netsiege.protocol import Result

Z: Final = statistics.NormalDist().inv_cdf(0.975)
"""Of a 95% interval."""


@frozen
class Figure:
    """A value and its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


@frozen
class Level:
    """What an agent has achieved on the networks of one difficulty: shortest attacks of so many `steps`."""

    steps: int
    episodes: int
    wins: int
    win_rate: Figure
    mean_return: Figure
    mean_steps: Figure


@frozen
class Evaluation:
    """What an agent has achieved; `levels`, ascending, only on generated networks."""

    agent: str
    scenario: str
    episodes: int
    wins: int
    win_rate: Figure
    mean_return: Figure
    mean_steps: Figure
    levels: tuple[Level, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; each figure has its interval beside it."""
        told = {"agent": self.agent, "scenario": self.scenario, **_plain(self)}
        if self.levels:
            told["by_difficulty"] = [{"shortest_attack": each.steps, **_plain(each)} for each in self.levels]
        return told


def _plain(told: Evaluation | Level) -> dict[str, Any]:
    plain: dict[str, Any] = {"episodes": told.episodes, "wins": told.wins}
    for name in ("win_rate", "mean_return", "mean_steps"):
        figure: Figure = getattr(told, name)
        plain[name] = figure.value
        plain[f"{name}_interval"] = [figure.low, figure.high]
    return plain


def evaluate(
    arrangement: Arrangement,
    episodes: int,
    seed: int,
    *,
    readdressed: bool = False,
    tables: Tables | None = None,
    networks: Networks | None = None,
    progress: Callable[[Result], None] = lambda _result: None,
) -> Evaluation:
    """Plays `episodes` episodes, each drawn from a seed of its own, and counts the subject's.

    Equal arguments give equal results: every agent draws anew in each episode. `readdressed` plays each under
    addresses drawn from its seed; the arrangement must be made for that. `tables` may be those of its spec.
    With `networks`, each episode is played on the next of these.
    """
    matches = Matches(arrangement, seed, networks, tables)
    me = arrangement.subject
    results: list[Result] = []
    by_level: dict[int, list[Result]] = {}
    for number in range(episodes):
        match, steps = matches.of(number)
        for i, agent in enumerate(arrangement.agents):
            agent.rng.seed(derive(seed, f"evaluate/{number}/agent/{i}"))
        drawn = derive(seed, f"evaluate/{number}")
        results.append(match.play_episode(seed=drawn, randomize_topology=readdressed))
        if steps is not None:
            by_level.setdefault(steps, []).append(results[-1])
        progress(results[-1])
    return Evaluation(
        arrangement.agents[me].name,
        arrangement.spec.topology.name if networks is None else networks.label,
        *_figures(results, me),
        tuple(Level(steps, *_figures(by_level[steps], me)) for steps in sorted(by_level)),
    )


def _figures(results: Sequence[Result], seat: int) -> tuple[int, int, Figure, Figure, Figure]:
    """Episodes, wins, win rate, mean return and mean steps of a seat."""
    wins = sum(result.statuses[seat] == AgentStatus.Success.value for result in results)
    return (
        len(results),
        wins,
        share(wins, len(results)),
        mean([result.returns[seat] for result in results]),
        mean([result.steps[seat] for result in results]),
    )


def share(wins: int, of: int) -> Figure:
    """A share with Wilson's score interval (E. B. Wilson, JASA 22, 1927), good for few episodes, too."""
    value = wins / of
    middle = (value + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(value * (1 - value) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    low, high = middle - half, middle + half
    return Figure(value, low if wins else 0.0, high if wins < of else 1.0)


def mean(values: Sequence[float]) -> Figure:
    """A mean with the interval of the normal approximation; of one value, the value."""
    value = statistics.fmean(values)
    half = Z * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    return Figure(value, value - half, value + half)
