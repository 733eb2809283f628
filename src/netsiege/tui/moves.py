"""The menu of moves: every valid action, chosen one question at a time. Pure.

`generate_valid_actions` lists the actions of a type, then of a source, then of each further parameter, one
after another. So the answers to a question are the places where that list changes, which can be found without
building what lies between: a defender of a large network has billions of moves, and a menu all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import frozen

from netsiege.game import Action, ActionType, AgentRole, Data, GameState, Service, generate_valid_actions
from netsiege.game.action import PLAYED
from netsiege.game.action_types import TABLE
from netsiege.game.valid_actions import ValidActions
from netsiege.shown import shown

ORDER: Final[dict[ActionType, tuple[str, ...]]] = {
    **dict(PLAYED),
    ActionType.ExfiltrateData: ("source_host", "data", "target_host"),
}
"""The questions about each type, in the order in which the valid actions are listed."""

_QUESTIONS: Final = {
    "source_host": "from which host?",
    "target_host": "on which host?",
    "target_network": "which network?",
    "target_service": "which service?",
    "data": "which data?",
    "blocked_host": "which host to block?",
}
_SAID: Final = {kind: entry.menu for kind, entry in TABLE}
"""What each type is for, short enough for a narrow menu."""


@frozen
class Option:
    """An answer: the valid actions from `first` to before `last` agree with it. None of them: a pass."""

    label: str
    first: int
    last: int


@frozen
class Menu:
    """A question about the next move and its possible answers, as far as the earlier answers have led.

    `chosen` are the earlier answers' labels. `choose` asks the next question or ends with an action.
    """

    actions: ValidActions
    first: int
    last: int
    depth: int = 0
    chosen: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """What is asked."""
        if not self.depth:
            return "What will you do?"
        kind = self.actions[self.first].type
        asked = ORDER[kind][self.depth - 1]
        if kind is ActionType.ExfiltrateData and asked == "target_host":
            return "to which host?"
        return _QUESTIONS[asked]

    def options(self) -> list[Option]:
        """The possible answers, in the order of the valid actions; on the first question a pass as well."""
        found: list[Option] = []
        first = self.first
        while first < self.last:
            last = self._end_of_run(first)
            found.append(Option(self._label(first, last), first, last))
            first = last
        if not self.depth:
            found.append(Option("Pass: do nothing", 0, 0))
        return found

    def choose(self, option: Option) -> Menu | Action | None:
        """The menu of the next question, or the move when nothing is left to ask; None is a pass.

        A question with one possible answer is not asked.
        """
        if option.first == option.last:
            return None
        if option.last - option.first == 1:
            return self.actions[option.first]
        label = self.actions[option.first].type.value if not self.depth else option.label
        menu = Menu(self.actions, option.first, option.last, self.depth + 1, (*self.chosen, label))
        answers = menu.options()
        return menu.choose(answers[0]) if len(answers) == 1 else menu

    def _key(self, index: int) -> object:
        action = self.actions[index]
        return action.parameters[ORDER[action.type][self.depth - 1]] if self.depth else action.type

    def _end_of_run(self, first: int) -> int:
        """Where the answer of the action at `first` gives way to the next: doubling steps, then halving."""
        key, step = self._key(first), 1
        while first + step < self.last and self._key(first + step) == key:
            step *= 2
        low, high = first + step // 2, min(first + step, self.last)
        while high - low > 1:
            middle = (low + high) // 2
            if self._key(middle) == key:
                low = middle
            else:
                high = middle
        return high

    def _label(self, first: int, last: int) -> str:
        key = self._key(first)
        if not self.depth:
            kind = self.actions[first].type
            return f"{kind.value} ({last - first:,}): {_SAID[kind]}"
        if isinstance(key, Service):
            return shown(f"{key.name} {key.version}", 80)
        if isinstance(key, Data):
            return shown(f"{key.owner}/{key.id} {key.type}".rstrip(), 80)
        return str(key)


def menu_of(state: GameState, role: AgentRole, has_responses: bool = False) -> Menu:
    """The first question about the next move of a seat: blocks are for defenders only, and responses for
    their roles, where the match has them.
    """
    actions = generate_valid_actions(state, role is AgentRole.Defender, has_responses, role)
    return Menu(actions, 0, len(actions))


def matching(options: Sequence[Option], said: str) -> list[Option]:
    """The options whose labels hold every word of `said`, in either case."""
    words = said.lower().split()
    return [option for option in options if all(word in option.label.lower() for word in words)]
