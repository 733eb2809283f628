"""What more workers bring: steps per second with 1, 2 and 4 of them, when each event takes them a while.

The engine of these workers sleeps for each event, so that they, and not the cores of this machine, are what
there is too little of: what is measured is whether the hub keeps all of them at work.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from netsiege.chaos.agents import read_notes
from netsiege.chaos.mixed import FINISH_LIMIT_S, Progress
from netsiege.chaos.pauses import waits_of
from netsiege.chaos.stage import LONG_TIME, Stage, Table
from netsiege.figures import Row
from netsiege.game import AgentRole

COUNTS: Final = (1, 2, 4)
SLEEP_S: Final = 0.005
CLIENTS: Final = 2
SEATS: Final = 16
"""For each client: with 4 workers each has 8 matches, and one of them always waits its turn."""
SECONDS: Final = 4.0
QUICK_SECONDS: Final = 1.5
ROUNDS: Final = 3
WARM_S: Final = 1.0


def run(folder: Path, quick: bool, seed: int, progress: Progress) -> list[Row]:
    """The figures of all rounds."""
    rows = [
        Row(f"workers.{count}", "steps/s", True, None if count == 1 else "workers.1", []) for count in COUNTS
    ]
    rounds, seconds = (1, QUICK_SECONDS) if quick else (ROUNDS, SECONDS)
    for number in range(1, rounds + 1):
        progress(f"round {number} of {rounds}")
        for row, count in zip(rows, COUNTS, strict=True):
            row.values.append(measure(folder / f"{number}-{count}", count, SLEEP_S, seconds, seed))
    return rows


def measure(folder: Path, workers: int, sleep_s: float, seconds: float, seed: int) -> float:
    """Steps per second over `seconds`, after a while for warming up."""
    table = Table("many", (AgentRole.Attacker,), SEATS, CLIENTS, LONG_TIME)
    with Stage(folder) as stage:
        for _ in range(workers):
            stage.start_worker(sleep_s=sleep_s)
        stage.open_rooms([table], seed)
        _await_workers(stage, workers)
        stage.start_players([table], 0.0)
        from_s = time.monotonic() + WARM_S
        while time.monotonic() < from_s + seconds:
            stage.check()
            time.sleep(0.05)
        stage.stop_players()
        stage.wait(time.monotonic() + FINISH_LIMIT_S, "after the measurement")
        notes = [player.notes for player in stage.players]
    answered = _answered(notes, from_s, from_s + seconds)
    return answered / seconds


def _await_workers(stage: Stage, workers: int) -> None:
    deadline_s = time.monotonic() + FINISH_LIMIT_S
    with stage.director() as director:
        while len(director.status().workers) < workers and time.monotonic() < deadline_s:
            time.sleep(0.05)


def _answered(notes: Sequence[Path], from_s: float, to_s: float) -> int:
    waits = [wait for path in notes for wait in waits_of(read_notes(path).values())]
    return sum(from_s <= wait.to_s < to_s for wait in waits)
