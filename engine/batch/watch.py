"""The global defender's numbers as arrays, and what it notices, compiled: see `netsiege.engine.detector`.

Whether it suspects the last of five actions by their codes is tabulated by asking that very detector.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.actions import EXPLOIT, FIND_DATA
from netsiege.engine.batch import columns
from netsiege.engine.batch.compiled import apart
from netsiege.engine.batch.hashing import derive, uniform
from netsiege.engine.detector import PROBABILITY, REPEATS, WINDOW, Detector
from netsiege.engine.episode import ATTACKER

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

_CODE_BITS: Final = 3
_WINDOW: Final = (1 << _CODE_BITS * WINDOW) - 1
_MOST: Final = 255
"""So many repetitions are counted."""
assert set(REPEATS) == {FIND_DATA, EXPLOIT}, "`repeat_place` has a place for these"


class Watch(NamedTuple):
    """See the module."""

    is_on: bool
    suspicious: NDArray[np.bool_]
    """By the codes of the last actions: whether the last one is, though it was never repeated."""
    repeats: I64
    """[codes]: how often one action must have been played to be suspicious; 0: repetitions do not matter."""
    probability: NDArray[np.float64]
    """[codes]: that a suspicious action is detected."""
    name: U8
    """Of the random stream."""


def make_watch(is_on: bool) -> Watch:
    """The watch of a task with a global defender, or without."""
    return Watch(
        is_on=is_on,
        suspicious=_suspicious() if is_on else np.zeros(1, np.bool_),
        repeats=np.array([REPEATS.get(code, 0) for code in range(columns.CODES)], np.int64),
        probability=np.array([PROBABILITY.get(code, 0.0) for code in range(columns.CODES)], np.float64),
        name=np.frombuffer(f"/detector/{ATTACKER}/0/".encode(), np.uint8),
    )


@cache
def _suspicious() -> NDArray[np.bool_]:
    table = np.zeros(_WINDOW + 1, np.bool_)
    for codes in np.ndindex(*(columns.CODES,) * WINDOW):
        detector, window, told = Detector(0, ""), 0, False
        for number, code in enumerate(codes):
            told = detector.watch((code, number))
            window = window << _CODE_BITS | code
        table[window] = told
    return table


@apart
def detects(watch: Watch, seed: Any, n: I64, repeats: U8, code: int, place: int, words: Any) -> bool:
    """Takes note of an action of a game with the numbers `n`; whether it is detected.

    `place` is where in `repeats` the very same action is counted, -1 if its repetitions do not matter.
    """
    n[columns.WATCHED] += 1
    n[columns.WINDOW] = window = (n[columns.WINDOW] << _CODE_BITS | code) & _WINDOW
    played = 0
    if place >= 0:
        played = int(np.int64(repeats[place]))
        if played < _MOST:
            played += 1
            repeats[place] = played
    if n[columns.WATCHED] < WINDOW:
        return False
    if not (watch.suspicious[window] or (watch.repeats[code] and played >= watch.repeats[code])):
        return False
    n[columns.DETECTIONS] += 1
    draw = derive(seed, watch.name, n[columns.DETECTIONS], words)
    return bool(uniform(draw) < watch.probability[code])
