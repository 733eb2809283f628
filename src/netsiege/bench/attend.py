"""An agent of `netsiege bench tournament` that plays without a cup.

`python -m netsiege.bench.attend NAME ROLE HUB SEATS GAMES` plays so many games in the hub's room `default`,
one after the other on each seat.
"""

from __future__ import annotations

import gc
import os
import sys

from netsiege.agents.runner import make_agent
from netsiege.collecting import SELDOM
from netsiege.local import end_with_parent
from netsiege.protocol import DEFAULT_ROOM


class _Enough(Exception):
    """All games are played."""


def attend(name: str, role: str, hub: str, seats: int, games: int) -> None:
    """Plays so many games."""
    agent = make_agent(name, hub, role, room=DEFAULT_ROOM, wait_s=10)
    left = iter(range(games - 1))

    def count(_summary: object) -> None:
        if next(left, None) is None:
            raise _Enough

    try:
        agent.attend(seats, count)
    except _Enough:
        agent.terminate_connection()


if __name__ == "__main__":
    gc.set_threshold(*SELDOM)  # like the agent of a cup
    end_with_parent(os.getppid())
    attend(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
