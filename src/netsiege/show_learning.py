"""How trainings and evaluations look in a terminal."""

from __future__ import annotations

import sys
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from netsiege.game import AgentStatus
from netsiege.shown import shown

if TYPE_CHECKING:
    from netsiege.agents.evaluation import Evaluation
    from netsiege.agents.learning.training import Training
    from netsiege.protocol import Result

MOVING: Final = 500
"""Episodes that the moving averages are over."""
LINES: Final = 20
"""Lines that a training writes where there is no terminal."""
EVERY: Final = 20
"""Episodes after which the bar moves."""


class TrainingProgress:
    """A bar with moving averages on a terminal, some plain lines elsewhere; always on stderr."""

    def __init__(self, episodes: int, training: Training) -> None:
        self._episodes = episodes
        self._first = training.episode
        self._seat = training.arrangement.subject
        self._recent: deque[tuple[bool, float, int]] = deque(maxlen=MOVING)
        self._what = shown(training.arrangement.spec.topology.name)
        self._bar: Progress | None = None
        if sys.stderr.isatty():
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[score]}", style="dim", markup=False),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(self._what, total=episodes, completed=self._first, score="")

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, episode: int, result: Result) -> None:
        """Counts one episode."""
        me = self._seat
        won = result.statuses[me] == AgentStatus.Success.value
        self._recent.append((won, result.returns[me], result.steps[me]))
        if self._bar is not None:
            if episode % EVERY == 0 or episode == self._episodes:
                self._bar.update(self._task, completed=episode, score=self._score())
        elif episode * LINES // self._episodes > (episode - 1) * LINES // self._episodes:
            print(f"{self._what}: {episode} of {self._episodes} episodes; {self._score()}", file=sys.stderr)

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
    Console().print(table)
