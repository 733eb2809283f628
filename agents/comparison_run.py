"""Runs jobs in several processes, each on its own: how many processes there are changes no result.

The processes are new ones, not copies of this one, so that nothing of it is in them. They end with it,
however it goes: what is interrupted ends them at once, whatever they are thinking about.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final, TypeVar

from netsiege.agents.comparison import Comparison, Job, Program, Row, measure
from netsiege.errors import SiegeError
from netsiege.game import AgentRole
from netsiege.local import end_with_parent
from netsiege.shown import LINE_CHARS, shown

STILL_S: Final = 30.0
"""After so long without a result, `progress` is told what is still running."""

Progress = Callable[[str], None]
J = TypeVar("J")
R = TypeVar("R")
Work = Callable[[J, Path], R]
"""Does a job, with a folder for what it writes."""
Results = Generator[tuple[J, R, float], None, None]
"""Jobs, what they came to, and the seconds that each took."""


def cores() -> int:
    """How many processors this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


def run_comparison(program: Program, processes: int, progress: Progress = lambda _line: None) -> Comparison:
    """Does all jobs. Equal programs give equal comparisons, whatever `processes`; 1 is this process itself.

    Raises `SiegeError` if one of the processes dies.
    """
    rows: dict[int, Row] = {}
    # agents of few episodes think long, learners are trained, later scenarios are larger: the long jobs first
    jobs = sorted(program.jobs, key=lambda job: (job.episodes, -job.trained, -job.number))
    with closing(do_all(jobs, measure, _label, processes, progress)) as results:
        for job, row, took_s in results:
            rows[job.number] = row
            progress(f"[{len(rows)} of {len(jobs)}] {_summary(row)}; {took_s:.1f} s")
    place = {said: i for i, said in enumerate(program.agents)}
    every = [*(rows[number] for number in sorted(rows)), *program.rows]
    return Comparison(program.conditions, tuple(sorted(every, key=lambda row: place[row.agent])))


def _summary(row: Row) -> str:
    assert row.told is not None, "it has played"
    told = row.told
    wins = "" if row.role is AgentRole.Benign else f"{told.wins} of {told.episodes} won, "
    scores = f"return {told.mean_return.value:.1f}, {told.mean_steps.value:.1f} steps"
    return shown(f"{row.agent} on {row.scenario}: {wins}{scores}", LINE_CHARS)


def _label(job: Job) -> str:
    return f"{job.said} on {job.scenario}"


def do_all(
    jobs: Sequence[J], work: Work[J, R], label: Callable[[J], str], processes: int, progress: Progress
) -> Results[J, R]:
    """The jobs in the order in which they end; with one process, in their own. `label` is for `progress`.

    Close it: its processes are gone then, however far they are. Raises `SiegeError` if one of them dies.
    """
    with tempfile.TemporaryDirectory(prefix="netsiege-") as name:
        folder = Path(name)
        if processes > 1:
            yield from _at_once(jobs, work, label, folder, processes, progress)
            return
        for job in jobs:
            yield job, *_timed(work, job, folder)


def _at_once(
    jobs: Sequence[J],
    work: Work[J, R],
    label: Callable[[J], str],
    folder: Path,
    processes: int,
    progress: Progress,
) -> Results[J, R]:
    """The jobs in the order in which they end. However it is left, its processes are gone afterwards."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")
    waiting = list(reversed(jobs))
    running: dict[Future[tuple[R, float]], J] = {}
    with ProcessPoolExecutor(processes, context, _prepare, (os.getpid(),)) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    job = waiting.pop()
                    running[_submitted(pool, work, job, folder)] = job
                done, _ = wait(running, STILL_S, FIRST_COMPLETED)
                if not done:
                    names = ", ".join(map(label, running.values()))
                    progress(shown(f"still at {names}", LINE_CHARS))
                for future in done:
                    yield running.pop(future), *future.result()
        except BrokenProcessPool:
            raise SiegeError("a process that was measuring died; perhaps memory was short") from None
        finally:
            if running:
                _end(set(multiprocessing.active_children()) - others)


def _submitted(pool: ProcessPoolExecutor, work: Work[J, R], job: J, folder: Path) -> Future[tuple[R, float]]:
    """Gives a job away. Ctrl-C reaches all processes, but is for this one: those that begin here block it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_timed, work, job, folder)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(processes: set[BaseProcess]) -> None:
    for process in processes:
        process.terminate()


def _prepare(parent: int) -> None:
    """In each process, before its first job."""
    end_with_parent(parent)


def _timed(work: Work[J, R], job: J, folder: Path) -> tuple[R, float]:
    began_s = time.monotonic()
    done = work(job, folder)
    return done, time.monotonic() - began_s
