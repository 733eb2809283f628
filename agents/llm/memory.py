"""What a model is reminded of: its last moves with what they brought, and its notes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeVar

from attrs import define, field

from netsiege.agents.llm.labels import NO_ACTION, action_label, by_address, data_label, service_label
from netsiege.game import IP, Action, Data, GameState, Observation, Service
from netsiege.shown import shown

HISTORY = 12
NOTES = 8
LINE_CHARS = 500
_NEWS = 12
"""Items named of one kind of news."""

_Item = TypeVar("_Item", Service, Data, IP)


@define(eq=False)
class Memory:
    """The memory of one seat for one episode. Bounded: the oldest moves and notes go first."""

    moves: int = 0
    history: deque[str] = field(factory=lambda: deque(maxlen=HISTORY))
    notes: deque[str] = field(factory=lambda: deque(maxlen=NOTES))
    fruitless: dict[str, int] = field(factory=dict)
    """How often each action brought nothing."""
    _pending: str | None = None
    _before: GameState | None = None

    def see(self, observation: Observation) -> None:
        """Takes in what the last move led to."""
        if self._pending is not None and self._before is not None:
            news = changes(self._before, observation.state)
            if not news and self._pending != NO_ACTION:
                self.fruitless[self._pending] = self.fruitless.get(self._pending, 0) + 1
            said = "; ".join(news) or "nothing new"
            line = f"{self.moves}. {self._pending}: reward {observation.reward:g}; {said}"
            self.history.append(shown(line, LINE_CHARS))
        self._pending = None
        self._before = observation.state

    def note(self, text: str) -> None:
        """Keeps a note, once."""
        if text not in self.notes:
            self.notes.append(text)

    def did(self, action: Action | None) -> None:
        """Takes in the move that is made now; None is a pass."""
        self.moves += 1
        self._pending = action_label(action)


def changes(before: GameState, after: GameState) -> list[str]:
    """What is new in a state, and what is gone, in a few words each."""
    news: list[str] = []
    for word, old, new in (
        ("networks", before.known_networks, after.known_networks),
        ("hosts", before.known_hosts, after.known_hosts),
        ("controlled hosts", before.controlled_hosts, after.controlled_hosts),
    ):
        _say(news, f"new {word}", [str(x) for x in sorted(new - old)])
        _say(news, f"lost {word}", [str(x) for x in sorted(old - new)])
    _say_both(news, "services", before.known_services, after.known_services, service_label)
    _say_both(news, "data", before.known_data, after.known_data, data_label)
    _say_both(news, "blocks", before.known_blocks, after.known_blocks, str)
    return news


def _say_both(
    news: list[str],
    word: str,
    before: Mapping[IP, frozenset[_Item]],
    after: Mapping[IP, frozenset[_Item]],
    label: Callable[[_Item], str],
) -> None:
    for kind, olds, news_of in (("new", before, after), ("lost", after, before)):
        items = [
            f"{host} {label(item)}"
            for host in by_address(news_of)
            for item in sorted(news_of[host] - olds.get(host, frozenset()))
        ]
        _say(news, f"{kind} {word}", items)


def _say(news: list[str], word: str, items: list[str]) -> None:
    if items:
        more = f" and {len(items) - _NEWS} more" if len(items) > _NEWS else ""
        news.append(f"{word}: {', '.join(items[:_NEWS])}{more}")
