"""An episode as it was played, to be stepped through. Pure."""

from __future__ import annotations

from attrs import define, field, frozen

from netsiege.engine.words import say_action, say_learned, say_told
from netsiege.game import Action, GameState, Observation


@frozen
class Turn:
    """A move (None: a pass) and what came of it."""

    number: int
    action: Action | None
    before: GameState
    observation: Observation

    @property
    def changes(self) -> str:
        """What the move has changed in what is known, in words."""
        said = (say_learned(self.before, self.observation.state), say_told(self.observation.info))
        return "; ".join(filter(None, said)) or "nothing new"

    @property
    def line(self) -> str:
        """The move, its reward, and what it has changed, on one line."""
        reward = f"{self.observation.reward:+g}"
        return f"{self.number}. {say_action(self.action)} ({reward}): {self.changes}"


@define
class Record:
    """An episode so far: the first observation and the turns since. `place` is the turn that is looked at.

    Place 0 is the start. A move that is noted is looked at.
    """

    start: Observation
    turns: list[Turn] = field(factory=list)
    place: int = 0

    def note(self, action: Action | None, observation: Observation) -> Turn:
        """A move has been played."""
        turn = Turn(len(self.turns) + 1, action, self.latest.state, observation)
        self.turns.append(turn)
        self.place = turn.number
        return turn

    def look(self, place: int) -> None:
        """Looks at another place, as far as there is one."""
        self.place = max(0, min(place, len(self.turns)))

    @property
    def latest(self) -> Observation:
        """The last observation."""
        return self.turns[-1].observation if self.turns else self.start

    @property
    def is_live(self) -> bool:
        """Whether the last turn is looked at, not an earlier one."""
        return self.place == len(self.turns)

    @property
    def looked_at(self) -> Observation:
        """The observation at the place that is looked at."""
        return self.turns[self.place - 1].observation if self.place else self.start

    @property
    def before(self) -> GameState | None:
        """What was known before the turn that is looked at; None at the start."""
        return self.turns[self.place - 1].before if self.place else None

    @property
    def total(self) -> float:
        """The sum of the rewards up to the place that is looked at."""
        return sum(turn.observation.reward for turn in self.turns[: self.place])
