"""Whom the hub takes for dead: not a worker whose interpreter is busy, but one that has been stopped."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.chaos.mixed import FINISH_LIMIT_S, Progress, read_run
from netsiege.chaos.pauses import waits_of
from netsiege.chaos.stage import LONG_TIME, Stage, Table, Worker
from netsiege.chaos.verdict import compare_notes
from netsiege.client import Client
from netsiege.errors import SiegeError
from netsiege.game import AgentRole

LOOK_S: Final = 0.02
LIMIT_S: Final = 20.0
"""How long anything may take here that is waited for."""


@frozen
class Liveness:
    """What was noticed. `busy_s` is the longest wait for the busy worker, which spins for `spun_s`."""

    spun_s: float
    busy_s: float
    found_s: list[float]
    problems: list[str]


def run(folder: Path, busy_s: float, stops: int, seed: int, progress: Progress) -> Liveness:
    """One match on a worker that is busy for `busy_s`, beside an idle one; then workers are stopped.

    Raises `SiegeError` if the match cannot go on at all.
    """
    table = Table("one", (AgentRole.Attacker,), 1, 1, LONG_TIME)
    problems: list[str] = []
    with Stage(folder) as stage:
        busy = stage.start_worker(busy_s=busy_s)
        stage.open_rooms([table], seed)
        with stage.director() as director:
            _wait_for(stage, lambda: busy.name in _workers(director), "the worker is not there")
            progress(f"a worker whose interpreter is busy for {busy_s:g} s")
            stage.start_players([table], 0.0)
            idle = stage.start_worker()
            _wait_for(stage, lambda: idle.name in _workers(director), "the second worker is not there")
            problems += _watch(stage, director, busy, busy_s + 1.0)
            progress("workers that are stopped")
            found_s = [_stop(stage, director) for _ in range(stops)]
        stage.stop_players()
        stage.wait(time.monotonic() + FINISH_LIMIT_S, "after the last stop")
        stage.end_hub()
    record = read_run(folder, problems)
    problems += compare_notes(record.kept, record.played)
    longest_s = max((wait.seconds for wait in waits_of(record.played.values())), default=0.0)
    if longest_s < busy_s:
        problems.append("the match of the busy worker was played elsewhere")
    return Liveness(busy_s, longest_s, found_s, problems)


def _workers(director: Client) -> dict[str, float]:
    """The hub's workers and how many matches they have."""
    return {worker.name: worker.matches for worker in director.status().workers}


def _wait_for(stage: Stage, condition: Callable[[], bool], otherwise: str) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        stage.check()
        if time.monotonic() > deadline_s:
            raise SiegeError(otherwise)
        time.sleep(LOOK_S)


def _watch(stage: Stage, director: Client, busy: Worker, seconds: float) -> list[str]:
    """The busy worker must stay the hub's, and keep its match."""
    until_s = time.monotonic() + seconds
    _wait_for(stage, lambda: bool(_workers(director).get(busy.name)), "the worker never got its match")
    while time.monotonic() < until_s:
        stage.check()
        if not _workers(director).get(busy.name):
            return [f"{busy.name}, whose interpreter was busy, was taken for dead"]
        time.sleep(LOOK_S)
    return []


def _stop(stage: Stage, director: Client) -> float:
    """Stops the worker that has the match; how long until the hub has given it up."""
    [name] = [name for name, matches in _workers(director).items() if matches]
    [worker] = [worker for worker in stage.workers.values() if worker.name == name]
    at_s = time.monotonic()
    stage.nursery.signal(worker.pid, signal.SIGSTOP)
    try:
        _wait_for(stage, lambda: name not in _workers(director), f"{name} was stopped, and not found")
        found_s = time.monotonic() - at_s
    finally:
        stage.nursery.signal(worker.pid, signal.SIGCONT)
    _wait_for(stage, lambda: name in _workers(director), f"{name} has not come back")
    return found_s
