"""The hub is killed in the middle of many open matches: how long until every seat has been stepped again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.chaos.agents import Played
from netsiege.chaos.mixed import FINISH_LIMIT_S, Progress, read_run
from netsiege.chaos.stage import LONG_TIME, Stage, Table
from netsiege.chaos.verdict import compare_notes
from netsiege.errors import SiegeError
from netsiege.game import AgentRole

CLIENTS: Final = 4
THINK_S: Final = 0.05
BETWEEN_S: Final = 8.0
"""How long is played before each kill, and after the last."""
LOOK_S: Final = 0.25
LIMIT_S: Final = 60.0
"""How long all seats may take to be stepped again, before it is said that they are not."""


@frozen
class Restarts:
    """What was noticed. A time for each kill, from the start of the new hub's process on."""

    matches: int
    resumed_s: list[float]
    steps: int
    problems: list[str]


def run(
    folder: Path,
    kills: int,
    matches: int,
    workers: int,
    seed: int,
    progress: Progress,
    *,
    between_s: float = BETWEEN_S,
) -> Restarts:
    """Kills the hub `kills` times with some `matches` open. Raises `SiegeError` if one cannot go on."""
    seats = max(1, matches // CLIENTS)
    table = Table("open", (AgentRole.Attacker,), seats, CLIENTS, LONG_TIME)
    started: list[float] = []
    with Stage(folder) as stage:
        for _ in range(workers):
            stage.start_worker()
        stage.open_rooms([table], seed)
        stage.start_players([table], THINK_S)
        _wait_until_open(stage, table.matches)
        for number in range(1, kills + 1):
            _play(stage, between_s)
            stage.kill_hub()
            stage.start_hub()
            started.append(stage.hub_started_s)
            progress(f"the hub was killed {number} of {kills} times with {table.matches} matches open")
        _play(stage, between_s)
        stage.stop_players()
        stage.wait(time.monotonic() + FINISH_LIMIT_S, "after the last restart of the hub")
        _wait_until_closed(stage)
        stage.end_hub()
    problems: list[str] = []
    progress("playing the journal again")
    record = read_run(folder, problems)
    problems += compare_notes(record.kept, record.played)
    resumed_s = [_resumed_s(record.played.values(), at_s) for at_s in started]
    for number, seconds in enumerate(resumed_s, 1):
        if seconds == float("inf"):
            problems.append(f"after the hub was killed for time {number}, some seats were not stepped again")
    steps = sum(len(seat.asked) for seat in record.played.values())
    return Restarts(table.matches, resumed_s, steps, problems)


def _play(stage: Stage, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        stage.check()
        time.sleep(LOOK_S)


def _wait_until_open(stage: Stage, matches: int) -> None:
    _wait_for(stage, lambda open_matches: open_matches >= matches, "the matches were never all open")


def _wait_until_closed(stage: Stage) -> None:
    """Their agents have left, which the hub may still have to tell the workers."""
    _wait_for(stage, lambda open_matches: not open_matches, "the matches were never all over")


def _wait_for(stage: Stage, condition: Callable[[float], bool], otherwise: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    with stage.director() as director:
        while not condition(sum(room.open_matches for room in director.status().rooms)):
            stage.check()
            if time.monotonic() > deadline_s:
                raise SiegeError(otherwise)
            time.sleep(LOOK_S)


def _resumed_s(played: Iterable[Played], at_s: float) -> float:
    """How long after a moment the last seat has an answer to a step asked since; infinity for never.

    What was asked before may have been answered before, too: its agent hears it a little later.
    """
    return max(_next_answer_s(seat, at_s) for seat in played) - at_s


def _next_answer_s(seat: Played, at_s: float) -> float:
    for one in seat.asked:
        if one.body is not None and one.heard_s is not None and one.asked_s > at_s:
            return one.heard_s
    return float("inf")
