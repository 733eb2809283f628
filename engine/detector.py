"""The global defender: a stochastic detector that watches what each seat does.

Nothing is looked at before a seat's fifth action of the episode, then always the last five. An action is
suspicious if its type makes up at least a given share of those five; or, for scans, service searches and
exfiltrations, if that type's longest run among them is long enough; or, for exploits and data searches, if
the very same action was played twice in the episode. A suspicious action is detected with the probability
of its type. Blocks, and what defenders do besides, never are. Passes are not actions: they are neither
looked at nor counted.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final

from netsiege.engine.actions import (
    EXFILTRATE,
    EXPLOIT,
    FIND_DATA,
    FIND_SERVICES,
    SCAN,
    Action,
)
from netsiege.engine.streams import Stream

WINDOW: Final = 5

PROBABILITY: Final = {
    SCAN: 0.05,
    FIND_SERVICES: 0.075,
    EXPLOIT: 0.1,
    FIND_DATA: 0.025,
    EXFILTRATE: 0.025,
}
SHARE: Final = {SCAN: 0.25, FIND_SERVICES: 0.3, EXPLOIT: 0.25, FIND_DATA: 0.5, EXFILTRATE: 0.25}
RUN: Final = {SCAN: 2, FIND_SERVICES: 3, EXFILTRATE: 2}
REPEATS: Final = {EXPLOIT: 2, FIND_DATA: 2}


class Detector:
    """Watches one seat for one episode. Draws from the stream `name` of `seed`."""

    __slots__ = ("_played", "_repeats", "_stream", "_window")

    def __init__(self, seed: int, name: str) -> None:
        self._stream = Stream(seed, name)
        self._played = 0
        self._window: list[int] = []
        self._repeats: dict[Action, int] = {}

    def watch(self, action: Action) -> bool:
        """Takes note of an action; whether it is suspicious, so that `detects` should be asked."""
        code = action[0]
        self._played += 1
        self._window = [*self._window[1 - WINDOW :], code]
        if code in REPEATS:
            self._repeats[action] = self._repeats.get(action, 0) + 1
        if self._played < WINDOW or code not in SHARE:
            return False
        if self._window.count(code) / WINDOW >= SHARE[code]:
            return True
        if code in REPEATS:
            return self._repeats[action] >= REPEATS[code]
        return max(len(list(run)) for kind, run in groupby(self._window) if kind == code) >= RUN[code]

    def detects(self, code: int) -> bool:
        """Rolls the dice for a suspicious action."""
        return self._stream.uniform() < PROBABILITY[code]

    def to_plain(self) -> list[Any]:
        """All that has happened so far, ready for msgpack."""
        return [
            self._stream.draws,
            self._played,
            self._window,
            [[list(a), n] for a, n in self._repeats.items()],
        ]

    def load(self, plain: list[Any]) -> None:
        """The inverse of `to_plain`, on a fresh detector."""
        self._stream.draws, self._played, self._window, repeats = plain
        self._repeats = {
            tuple(tuple(part) if isinstance(part, list) else part for part in action): n
            for action, n in repeats
        }
