"""How fast the batched engine is: the figure `engine.batch` of `netsiege bench engine`.

Steps per second of CPU time on one core: 4,096 games of two_networks, each move drawn from the valid actions,
blocks left out as in all other figures, the episodes one after the other. Compiling does not count.
"""

from __future__ import annotations

import time
from typing import Final

from netsiege.engine.batch import Batch
from netsiege.scenarios.model import Spec

GAMES: Final = 4_096
_WARM_UP: Final = 20


class BatchLoad:
    """Games that have been played for a while. Raises ConfigError without numba."""

    def __init__(self, spec: Spec, games: int = GAMES) -> None:
        self._batch = Batch(spec, games, include_blocks=False)
        self._batch.play_randomly(_WARM_UP)

    def measure(self, moves: int) -> float:
        """Steps per second over so many more moves of every game."""
        start = time.process_time()
        played = self._batch.play_randomly(moves).moves
        return played / (time.process_time() - start)
