"""Trainings at the speed of compiled code, where one can be: the same files, in seconds instead of minutes.

An attacker alone on one scenario, by Q-learning or SARSA, under the ruleset `netsecgame`, with numba there.
Every other training is an ordinary one. The two draw in different ways: a plan says which it is for, and a
training goes on as it was begun.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import define, field, frozen

from netsiege.agents.learning.table import Table
from netsiege.agents.learning.training import WINDOW, Plan, Training, _Window
from netsiege.engine.batch import is_available
from netsiege.engine.episode import ATTACKER, FAIL, SUCCESS, TIMEOUT
from netsiege.errors import ConfigError
from netsiege.protocol import Cause, Result

if TYPE_CHECKING:
    from netsiege.agents.learning.quick_learner import QuickLearner

_OUTCOMES: Final = (
    ("", Cause.FINISHED),
    (SUCCESS, Cause.GOAL),
    (FAIL, Cause.DETECTED),
    (TIMEOUT, Cause.STEPS),
)
"""By `End`: status and cause."""


@frozen
class QuickPlan(Plan):
    """A plan of a compiled training."""

    compiled: bool = True


@define(eq=False)
class QuickTraining(Training):
    """A training whose episodes are played by a `QuickLearner`; see `Training` for the rest."""

    quick: QuickLearner | None = field(default=None, init=False)
    """Made with the first window."""

    def _play_window(self, matches: Any, progress: Callable[[int, Result], None]) -> None:
        quick = self._quick_learner()
        first = self.episode
        last = min(first - first % WINDOW + WINDOW, self.plan.episodes)
        told = quick.learn(first, [self.plan.epsilon(number) for number in range(first, last)])
        window = _Window()
        for end, total, steps in zip(*(array.tolist() for array in told), strict=True):
            status, cause = _OUTCOMES[end]
            winner = ATTACKER if status == SUCCESS else None
            result = Result(self.episode, winner, cause, (status,), (steps,), (total,), False)
            window.add(result, self.arrangement.subject)
            self.episode += 1
            progress(self.episode, result)
        self.lines.append(window.line(self.episode, self.plan.epsilon(last - 1), quick.learned))

    def _quick_learner(self) -> QuickLearner:
        if self.quick is None:
            self.quick = make_quick_learner(self.plan, self)
            self.quick.table = self.learner.table
        return self.quick

    def save(self) -> None:
        """Writes the log, then the model."""
        if self.quick is not None:
            self.learner.table = self.quick.table
        super().save()


def make_quick_learner(plan: Plan, training: Training) -> QuickLearner:
    """A compiled learner for a training. Raises ConfigError that says why there cannot be one."""
    if not is_available():
        raise ConfigError("compiled trainings need numba: pip install 'netsiege[rl]'")
    if plan.opponents or plan.readdressed or getattr(plan, "networks", None) is not None:
        raise ConfigError("compiled trainings are of an attacker alone, on one scenario as it is")
    from netsiege.agents.learning.quick_learner import QuickLearner  # noqa: PLC0415  # needs numba

    spec = training.arrangement.spec
    return QuickLearner(spec, plan.algorithm, plan.seed, plan.rate, plan.discount)


def open_training(plan: Plan, folder: Path, *, resume: bool = False) -> Training:
    """The training of a plan, compiled if it can be; one that is resumed goes on as it was begun.

    Raises ConfigError as `Training.start` and `Training.resume` do, and if a compiled training is to go on
    where none can be.
    """
    fields = {each.name: getattr(plan, each.name) for each in attrs.fields(Plan)}
    compiled = QuickPlan(**fields)
    if resume:
        begun = Table.load(folder)[1].get("plan")
        if isinstance(begun, dict) and begun.get("compiled"):
            going_on = QuickTraining.resume(compiled, folder)
            make_quick_learner(compiled, going_on)
            return going_on
        return Training.resume(plan, folder)
    training = QuickTraining.start(compiled, folder)
    try:
        make_quick_learner(compiled, training)
    except ConfigError:
        return Training.start(plan, folder)
    return training
