"""How trainings and evaluations look in a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from netsiege.game import AgentStatus
from netsiege.show import EpisodeBar
from netsiege.shown import shown

if TYPE_CHECKING:
    from netsiege.agents.evaluation import Evaluation, Level
    from netsiege.agents.learning.training import Training
    from netsiege.protocol import Result

MOVING: Final = 500
"""Episodes that the moving averages are over."""
LINES: Final = 20
"""Lines that a training writes where there is no terminal."""
EVERY: Final = 20
"""Episodes after which the bar moves."""


class TrainingProgress(EpisodeBar):
    """The progress of a training, with moving averages."""

    def __init__(self, episodes: int, training: Training) -> None:
        super().__init__(episodes, training.where, training.episode, LINES)
        self._seat = training.arrangement.subject
        self._recent: deque[tuple[bool, float, int]] = deque(maxlen=MOVING)

    def advance(self, episode: int, result: Result) -> None:
        """Counts one episode."""
        me = self._seat
        won = result.statuses[me] == AgentStatus.Success.value
        self._recent.append((won, result.returns[me], result.steps[me]))
        if episode % EVERY == 0 or episode == self._episodes:
            self.show(episode, self._score())

    def _score(self) -> str:
        count = len(self._recent)
        wins, returns, steps = (sum(column) / count for column in zip(*self._recent, strict=True))
        return f"{wins:.0%} won, return {returns:.1f}, {steps:.1f} steps"


def print_evaluation(told: Evaluation) -> None:
    """Figures with their intervals."""
    table = Table("", "value", "95% interval", title=f"{shown(told.agent)} on {shown(told.scenario)}")
    for name, figure, form in (
        ("win rate", told.win_rate, ".3f"),
        ("mean return", told.mean_return, ".1f"),
        ("mean steps", told.mean_steps, ".1f"),
    ):
        table.add_row(name, f"{figure.value:{form}}", f"{figure.low:{form}} to {figure.high:{form}}")
    table.caption = f"{told.episodes} episodes, {told.wins} won"
    console = Console()
    console.print(table)
    if told.levels:
        console.print(_by_difficulty(told.levels))


def _by_difficulty(levels: Sequence[Level]) -> Table:
    """What was won, by the steps of the shortest attack."""
    table = Table(title="by steps of the shortest attack")
    for heading in ("steps", "episodes", "win rate", "95% interval", "mean return"):
        table.add_column(heading, justify="right")
    for each in levels:
        rate = each.win_rate
        interval = f"{rate.low:.3f} to {rate.high:.3f}"
        cells = (f"{rate.value:.3f}", interval, f"{each.mean_return.value:.1f}")
        table.add_row(str(each.steps), str(each.episodes), *cells)
    return table
