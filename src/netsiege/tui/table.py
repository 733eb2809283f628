"""All that the player sees, whatever shows it: the seat, the episode, the menu, the clock. Pure."""

from __future__ import annotations

from typing import Final

from attrs import define, field

from netsiege.game import Action, AgentRole, GameState, Observation
from netsiege.shown import shown
from netsiege.tui.hosts import NetworkView, networks_of
from netsiege.tui.moves import Menu, menu_of
from netsiege.tui.record import Record

GOAL_CHARS: Final = 600
_ENDS: Final = {
    "Success": "Won: the goal is reached",
    "Fail": "Lost: the episode has ended without your goal",
    "TimeoutReached": "Over: no steps are left",
}


@define
class Table:
    """A seat at the game. `now_s` is monotonic seconds throughout.

    `move_limit_s` is how long a move may take, where that is known. `seed` is that of the episode, if the
    player has named one. `episode` counts from 1; 0 before the first.
    """

    role: AgentRole
    place: str
    """Where is played, in a few words, cleaned here."""
    move_limit_s: float | None = None
    max_steps: int | None = None
    goal: str = ""
    episode: int = 0
    seed: int | None = None
    record: Record | None = None
    menu: Menu | None = None
    has_responses: bool = False
    """Whether the match has responses, for defenders."""
    began_s: float = 0.0
    asked_s: float = 0.0
    stopped_s: float | None = None
    wins: int = field(default=0)

    def begin(
        self,
        observation: Observation,
        role: AgentRole,
        max_steps: int | None,
        goal: str,
        seed: int | None,
        now_s: float,
        has_responses: bool = False,
    ) -> None:
        """A new episode, with what the seat was told of it."""
        self.has_responses = has_responses
        self.role, self.max_steps, self.goal = role, max_steps, shown(goal, GOAL_CHARS)
        self.episode += 1
        self.seed = seed
        self.record = Record(observation)
        self.began_s = self.asked_s = now_s
        self.stopped_s = None
        self._after(observation, now_s)

    def moved(self, action: Action | None, observation: Observation, now_s: float) -> None:
        """A move has been played."""
        assert self.record is not None
        self.record.note(action, observation)
        self.asked_s = now_s
        self._after(observation, now_s)

    def _after(self, observation: Observation, now_s: float) -> None:
        if observation.end:
            self.menu, self.stopped_s = None, now_s
            self.wins += self._end_word == "Success"
        else:
            self.menu = self.first_question(observation.state)

    def first_question(self, state: GameState) -> Menu:
        """What the player may do in a state."""
        return menu_of(state, self.role, self.has_responses)

    def look(self, place: int) -> None:
        """Looks at another place of the episode; 0 is its start."""
        if self.record is not None:
            self.record.look(place)

    @property
    def is_over(self) -> bool:
        """Whether the episode has ended."""
        return self.record is not None and self.record.latest.end

    @property
    def can_move(self) -> bool:
        """Whether a move may be chosen: the episode runs, and its present is looked at."""
        return self.record is not None and self.record.is_live and not self.record.latest.end

    @property
    def networks(self) -> tuple[NetworkView, ...]:
        """What is known at the place that is looked at, and what the turn there has added."""
        if self.record is None:
            return ()
        return networks_of(self.record.looked_at.state, self.record.before)

    def status(self, now_s: float) -> str:
        """The role, the steps, the reward and the clock, on one line that fits into 80 columns."""
        if self.record is None:
            return self.role.value
        place, total = self.record.place, self.record.total
        limit = "no limit" if self.max_steps is None else str(self.max_steps)
        until_s = now_s if self.stopped_s is None else self.stopped_s
        move = _clock(until_s - self.asked_s)
        if self.move_limit_s is not None:
            move += f" of {_clock(self.move_limit_s)}"
        parts = (
            self.role.value,
            f"steps {place}/{limit}",
            f"reward {total:+g}",
            f"move {move}",
            f"episode {self.episode}: {_clock(until_s - self.began_s)}",
        )
        return " · ".join(parts)

    @property
    def headline(self) -> str:
        """How the episode stands, where in it the player looks, and where is played."""
        return f"{self.standing} · {shown(self.place, 40)}"

    @property
    def standing(self) -> str:
        """How the episode stands, or where in it the player looks."""
        if self.record is None:
            return "No episode yet"
        if not self.record.is_live:
            return f"Looking back: after step {self.record.place} of {len(self.record.turns)}"
        if not self.record.latest.end:
            return "Your move"
        said = _ENDS.get(self._end_word, "Over")
        return f"{said} ({self.record.total:+g} in {len(self.record.turns)} steps)"

    @property
    def changes(self) -> str:
        """What the turn that is looked at has changed, in words."""
        if self.record is None or not self.record.place:
            return "the start of the episode"
        return self.record.turns[self.record.place - 1].changes

    @property
    def history(self) -> list[str]:
        """A line for the start and one for each turn."""
        if self.record is None:
            return []
        begun = "0. start" if self.seed is None else f"0. start (seed {self.seed})"
        return [begun, *(turn.line for turn in self.record.turns)]

    @property
    def _end_word(self) -> str:
        """The bare word for how the episode has ended, such as Success."""
        assert self.record is not None
        reason = self.record.latest.info.get("end_reason", "")
        return str(getattr(reason, "value", reason)).rpartition(".")[2]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes}:{rest:02}"
