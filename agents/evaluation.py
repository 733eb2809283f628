"""How well an agent plays: win rate, return and steps over many episodes, with intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from netsiege.agents.arrangement import Arrangement
from netsiege.agents.local_match import LocalMatch
from netsiege.engine.streams import derive
from netsiege.engine.tables import Tables, compile_spec
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
class Evaluation:
    """What an agent has achieved."""

    agent: str
    scenario: str
    episodes: int
    wins: int
    win_rate: Figure
    mean_return: Figure
    mean_steps: Figure

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; each figure has its interval beside it."""
        told: dict[str, Any] = {
            "agent": self.agent,
            "scenario": self.scenario,
            "episodes": self.episodes,
            "wins": self.wins,
        }
        for name in ("win_rate", "mean_return", "mean_steps"):
            figure: Figure = getattr(self, name)
            told[name] = figure.value
            told[f"{name}_interval"] = [figure.low, figure.high]
        return told


def evaluate(
    arrangement: Arrangement,
    episodes: int,
    seed: int,
    *,
    readdressed: bool = False,
    tables: Tables | None = None,
    progress: Callable[[Result], None] = lambda _result: None,
) -> Evaluation:
    """Plays `episodes` episodes, each drawn from a seed of its own, and counts the subject's.

    Equal arguments give equal results: every agent draws anew in each episode. `readdressed` plays each under
    addresses drawn from its seed; the arrangement must be made for that. `tables` may be those of its spec.
    """
    match = LocalMatch(tables or compile_spec(arrangement.spec.to_bytes()), arrangement.agents, seed)
    me = arrangement.subject
    results: list[Result] = []
    for number in range(episodes):
        for i, agent in enumerate(arrangement.agents):
            agent.rng.seed(derive(seed, f"evaluate/{number}/agent/{i}"))
        drawn = derive(seed, f"evaluate/{number}")
        results.append(match.play_episode(seed=drawn, randomize_topology=readdressed))
        progress(results[-1])
    wins = sum(result.statuses[me] == AgentStatus.Success.value for result in results)
    return Evaluation(
        arrangement.agents[me].name,
        arrangement.spec.topology.name,
        episodes,
        wins,
        share(wins, episodes),
        mean([result.returns[me] for result in results]),
        mean([result.steps[me] for result in results]),
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
