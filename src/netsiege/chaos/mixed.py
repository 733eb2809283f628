"""The mixed run: faults of all kinds among matches of all kinds, and the same matches without any."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from netsiege.chaos.agents import Played, read_notes
from netsiege.chaos.faults import CRASH, HUB, KILL, NOTHING, STOP, TERM, Done, Fault, draw_faults
from netsiege.chaos.pauses import pauses, waits_of
from netsiege.chaos.stage import EPISODES, Stage, Table, Worker
from netsiege.chaos.verdict import Kept, compare_notes, compare_runs, read_kept
from netsiege.chaos.workers import Lease, read_leases
from netsiege.errors import SiegeError
from netsiege.game import AgentRole

SETTLE_S: Final = 0.5
"""How long everybody has to find a seat, or to go on after the last fault, before anything counts."""
QUIET_EVERY_S: Final = 0.25
"""How often, on average, is looked what agents notice without faults."""
TERM_LIMIT_S: Final = 5.0
"""How long a worker may take to end after it was asked to."""
FINISH_LIMIT_S: Final = 120.0
"""How long the last matches may take to be over."""
LOOK_S: Final = 0.02
SIGNALS: Final = {KILL: signal.SIGKILL, CRASH: signal.SIGSEGV, TERM: signal.SIGTERM, STOP: signal.SIGSTOP}
DEFENDED: Final = (AgentRole.Attacker, AgentRole.Defender)
EVERYBODY: Final = (*DEFENDED, AgentRole.Benign)

Progress = Callable[[str], None]


@frozen
class Plan:
    """What is to be done: `kills` faults, on average one in `mean_s`, among some `matches` at a time.

    `think_s` is how long agents think between messages: the machine is to have time left, or all that is seen
    is its load. What they notice in the `quiet_s` before the first fault they notice anyway.
    """

    kills: int
    matches: int = 64
    workers: int = 3
    seed: int = 1
    mean_s: float = 0.7
    quiet_s: float = 10.0
    think_s: float = 0.05
    episodes: int = EPISODES

    def tables(self) -> list[Table]:
        """Half of the matches alone and in real time, the others in rounds; some in clients of their own."""
        many, alone = max(2, self.matches // 4), (AgentRole.Attacker,)
        return [
            Table("alone", alone, 1, max(1, self.matches // 16), self.episodes),
            Table("alone-many", alone, max(2, many - 2), 1 + (self.matches >= 16), self.episodes),
            Table("two", DEFENDED, 1, 1, self.episodes),
            Table("two-many", DEFENDED, max(2, many - 1), 1, self.episodes),
            Table("three-many", EVERYBODY, many, 1, self.episodes),
        ]


@frozen
class Harm:
    """What was done and noticed."""

    faults: list[Done]
    played_s: float
    steps: int
    matches: int
    failovers: int
    pauses: dict[str, list[float]]
    problems: list[str]


@define
class Run:
    """A run's journal, read, and what its agents and workers have noted."""

    kept: list[Kept]
    played: dict[tuple[int, str], Played]
    leases: list[Lease] = field(factory=list)


def run(folder: Path, plan: Plan, progress: Progress) -> Harm:
    """Plays with faults and without, and compares. Raises `SiegeError` if it cannot be brought to its end."""
    problems: list[str] = []
    began_s = time.monotonic()
    with Stage(folder / "harmed") as stage:
        killer = Killer(stage)
        _play_harmed(stage, killer, plan, progress)
        limits = stage.let_them_finish()
        progress("no more faults: the last matches are played to their end")
        killer.see_off(time.monotonic() + FINISH_LIMIT_S)
        stage.end_hub()
    played_s = time.monotonic() - began_s
    progress("the same matches without faults")
    with Stage(folder / "calm") as stage:
        stage.set_limits(limits)
        _start(stage, plan, think_s=0.0)
        stage.wait(time.monotonic() + FINISH_LIMIT_S + played_s, "without faults")
        stage.end_hub()
    progress("playing the journals again")
    harmed, calm = (read_run(folder / name, problems) for name in ("harmed", "calm"))
    problems += compare_notes(harmed.kept, harmed.played)
    problems += compare_notes(calm.kept, calm.played)
    problems += compare_runs(harmed.kept, calm.kept)
    waits = waits_of(harmed.played.values())
    return Harm(
        faults=[fault for fault in killer.done if fault.kind != NOTHING],
        played_s=played_s,
        steps=len(waits),
        matches=len(harmed.kept),
        failovers=len(harmed.leases) - len({lease.match for lease in harmed.leases}),
        pauses=pauses(waits, killer.done, harmed.leases),
        problems=problems,
    )


def _start(stage: Stage, plan: Plan, think_s: float) -> None:
    for _ in range(plan.workers):
        stage.start_worker()
    stage.open_rooms(plan.tables(), plan.seed)
    stage.start_players(plan.tables(), think_s)


def _play_harmed(stage: Stage, killer: Killer, plan: Plan, progress: Progress) -> None:
    _start(stage, plan, plan.think_s)
    matches = sum(table.matches for table in plan.tables())
    progress(f"{matches} matches at a time; at first {plan.quiet_s:g} s without faults")
    killer.be_quiet(plan.quiet_s, plan.seed)
    for number, fault in zip(range(1, plan.kills + 1), draw_faults(plan.seed, plan.mean_s), strict=False):
        killer.wait(fault.after_s)
        killer.do(fault)
        if number % 50 == 0 or number == plan.kills:
            progress(f"{number} of {plan.kills} faults")
    killer.wait(SETTLE_S)
    killer.wake_all()


class Killer:
    """Does what was drawn. At least one worker is running or coming at any time."""

    def __init__(self, stage: Stage) -> None:
        self.done: list[Done] = []
        self._stage = stage
        self._leaving: dict[int, tuple[str, float]] = {}

    def be_quiet(self, seconds: float, seed: int) -> None:
        """Does nothing for some time, and notes some moments of it."""
        rng = random.Random(seed)  # noqa: S311  # moments, no secrets
        self.wait(SETTLE_S)
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.wait(rng.expovariate(1 / QUIET_EVERY_S))
            self._note(Done(NOTHING, time.monotonic()))

    def wait(self, seconds: float) -> None:
        """Looks after everything meanwhile."""
        until_s = time.monotonic() + seconds
        while True:
            self._look_after()
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(LOOK_S, left_s))

    def _look_after(self) -> None:
        """Wakes whom it is time to wake. Raises if anyone has ended who was not made to, or has not."""
        stage, now_s = self._stage, time.monotonic()
        stage.check()
        for worker in list(stage.workers.values()):
            if worker.stopped_until_s is not None and now_s >= worker.stopped_until_s:
                self._wake(worker)
        for pid, (name, until_s) in list(self._leaving.items()):
            if pid in stage.nursery.ended:
                del self._leaving[pid]
                _check_farewell(name, stage.nursery.ended[pid])
            elif now_s > until_s:
                raise SiegeError(f"{name} has not ended within {TERM_LIMIT_S:g} s of its SIGTERM")

    def see_off(self, until_s: float) -> None:
        """Waits for the ends of all players. Raises `SiegeError` at `until_s`, and leaves the hub's state."""
        while self._stage.playing:
            self.wait(LOOK_S)
            if time.monotonic() > until_s:
                (self._stage.folder / "status").write_text(str(self._stage.status()))
                self._stage.wait(until_s, f"after {len(self.done)} faults")
        self._stage.check()

    def _note(self, done: Done) -> None:
        """In a file too: whoever looks into a run that has failed wants to know."""
        self.done.append(done)
        with (self._stage.folder / "faults").open("a") as file:
            file.write(f"{done.at_s!r} {done.kind} {done.worker}\n")

    def _wake(self, worker: Worker) -> None:
        worker.stopped_until_s = None
        self._stage.nursery.signal(worker.pid, signal.SIGCONT)

    def wake_all(self) -> None:
        """Lets every stopped worker go on."""
        for worker in self._stage.workers.values():
            if worker.stopped_until_s is not None:
                self._wake(worker)

    def do(self, fault: Fault) -> None:
        """Harms the hub, or one of the workers that run. A killed one is followed by another at once."""
        stage, kind = self._stage, fault.kind
        if kind == HUB:
            self._note(Done(kind, time.monotonic()))
            stage.kill_hub()
            stage.start_hub()
            return
        running = [worker for worker in stage.workers.values() if worker.stopped_until_s is None]
        if kind == STOP and len(running) < 2:
            kind = KILL
        if not running:
            return
        worker = running[int(fault.victim * len(running))]
        self._note(Done(kind, time.monotonic(), worker.name))
        if kind == STOP:
            worker.stopped_until_s = time.monotonic() + fault.stopped_s
        else:
            del stage.workers[worker.pid]
        if kind == TERM:
            self._leaving[worker.pid] = worker.name, time.monotonic() + TERM_LIMIT_S
        stage.nursery.signal(worker.pid, SIGNALS[kind])
        if kind != STOP:
            stage.start_worker()


def _check_farewell(name: str, code: int) -> None:
    """A worker that was asked to end does so in order, unless it had hardly begun."""
    if code not in (0, -signal.SIGTERM):
        raise SiegeError(f"{name} ended with code {code} at its SIGTERM")


def read_run(folder: Path, problems: list[str]) -> Run:
    """What a run has left behind."""
    for log in sorted(folder.glob("*.log")):
        if "Traceback" in log.read_text(errors="replace"):
            problems.append(f"{log}: something has broken")
    record = Run(read_kept(folder / "journal", folder / "replays", problems), {})
    for notes in sorted(folder.glob("*.notes")):
        record.played |= read_notes(notes)
    for leases in sorted(folder.glob("*.leases")):
        record.leases += read_leases(leases)
    return record
