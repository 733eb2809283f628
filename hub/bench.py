"""How fast the hub is: `netsiege bench hub`.

What is measured is the way of a message of 60 bytes from an agent through the hub to a worker that answers
at once, and back. Beside it, in the same rounds, the same load goes through ZeroMQ's own proxy, which is
written in C and decides nothing: a ratio of 1 is all that a hub can hope for. Rounds take turns: proxy, hub,
hub with a journal, and again; `netsiege.figures` says what becomes of them.

`c1` and `c64` are agents, each with a connection of its own and one request under way; `p50` is the median
round trip. `batch64` are 8 agents with 64 seats each that move all of them in one STEP_MANY. `engine` is the
same with a real worker and a game that is played: the moves of one episode over and over, resets between.

`cpu` is what the main thread runs for each round trip: the figure that other work on the machine disturbs
least. `busy` is the share of the time in which the busiest of the hub's threads (the one that moves messages,
or libzmq's) was running or waiting for a core: load, worker and hub share those that there are. Only those
rounds count in which hub and proxy were `BUSY` with 64 agents. Where most were not, all count, and the figure
says that it is bound by the load. Both are known on Linux only.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from netsiege.errors import SiegeError
from netsiege.figures import Row, figures_of
from netsiege.hub.bench_process import Process, Target, start_hub, start_proxy
from netsiege.hub.bench_program import Program, build_program
from netsiege.protocol import (
    AGENT_HEAD,
    DEFAULT_ROOM,
    HEAD_BYTES,
    VERSION,
    WORKER_HEAD,
    Cause,
    End,
    Hello,
    Join,
    Kind,
    Ready,
    Reset,
)

ROUNDS: Final = 11
QUICK_ROUNDS: Final = 5
SECONDS: Final = 1.5
"""How long one measurement takes, after a seventh of it for warming up."""
QUICK_SECONDS: Final = 0.6
FRAME_BYTES: Final = 60
CLIENTS: Final = 64
BATCH_CLIENTS: Final = 8
BATCH_SEATS: Final = 64
BUSY: Final = 0.9
SNAPSHOT_EVERY: Final = 128
"""Events of a match after which a worker saves it, so that the hub may forget them."""
ROLE: Final = "Attacker"

STEP: Final = (bytes(FRAME_BYTES - HEAD_BYTES),)
HELLO: Final = AGENT_HEAD.pack(VERSION, Kind.HELLO, 0, 1) + Hello("bench").encode()
JOIN: Final = Join(DEFAULT_ROOM, ROLE).encode()
READY: Final = WORKER_HEAD.pack(VERSION, Kind.READY, 0, 0) + Ready("echo", 1 << 16, b"echo", ()).encode()
SEATED: Final = bytes(90)
"""Of the usual length; nobody opens it."""


@frozen
class Measured:
    """One measurement. `busy` and `main_us` are None where the system does not tell."""

    rate: float
    p50_us: float
    busy: float | None
    main_us: float | None


@frozen
class Course:
    """A way for a load: which, how wide, and through what."""

    name: str
    target: Target
    mode: str
    clients: int
    seats: int = 1
    moves: tuple[bytes, ...] = STEP
    reset: bytes = b""

    def measure(self, program: Program, seconds: float) -> Measured:
        """Runs the load. Raises `SiegeError` if anything but answers came."""
        texts = [HELLO.hex(), JOIN.hex(), ",".join(move.hex() for move in self.moves), self.reset.hex()]
        where, target = self.target.address("agents"), self.target
        numbers = [str(self.clients), str(self.seats), str(seconds)]
        with Process([*program.argv, self.mode, where, *numbers, *texts], f"the load of {self.name}") as load:
            load.line()
            before, began_s = target.times(), time.monotonic()
            _, count, took_s, p50_us = load.line().split()
            wall_s, after = time.monotonic() - began_s, target.times()
            load.wait()
        if not int(count):
            raise SiegeError(f"{self.name}: not one answer came in {seconds} s")
        ran_s = {n: t.ran_s - before[n].ran_s for n, t in after.items() if n in before}
        wanted_s = [t.waited_s - before[n].waited_s + ran_s[n] for n, t in after.items() if n in before]
        return Measured(
            rate=int(count) / float(took_s),
            p50_us=float(p50_us),
            busy=min(1.0, max(wanted_s) / wall_s) if wanted_s else None,
            main_us=ran_s[target.pid] / int(count) * 1e6 if target.pid in ran_s else None,
        )


def run(
    quick: bool = False,
    *,
    moves: Sequence[bytes] = (),
    rounds: int | None = None,
    seconds: float | None = None,
    use_compiler: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measures; each figure as `netsiege.figures` has it. `quick` takes fewer and shorter rounds.

    `moves` are the actions, encoded, that the real worker is asked to play: without any, it is not measured.
    `progress` hears of each round as it begins. Without `use_compiler` the load is in Python.
    """
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    measured: dict[str, list[Measured]] = {}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netsiege-bench-")))
        program = build_program(directory, use_compiler)
        courses = _courses(stack, program, directory, tuple(moves))
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}")
            for course in courses:
                measured.setdefault(course.name, []).append(course.measure(program, seconds))
    return figures_of(rows_of(measured, program.why_slow))


def _courses(stack: ExitStack, program: Program, directory: Path, moves: tuple[bytes, ...]) -> list[Course]:
    """Starts everything, all at once, and says what a round consists of."""
    proxy = stack.enter_context(start_proxy())
    hub = stack.enter_context(start_hub("--workers", "0"))
    journal = stack.enter_context(start_hub("--workers", "0", "--journal", str(directory / "journal")))
    real = stack.enter_context(start_hub("--workers", "1")) if moves else None
    stack.enter_context(Process([*program.argv, "echo", proxy.address("workers")], "the echo"))
    _start_worker(stack, program, hub)
    _start_worker(stack, program, journal)
    batch = Course("hub.batch64", hub, "many", BATCH_CLIENTS, BATCH_SEATS)
    courses = [
        Course("proxy.c1", proxy, "raw", 1),
        Course("hub.c1", hub, "step", 1),
        Course("proxy.c64", proxy, "raw", CLIENTS),
        Course("hub.c64", hub, "step", CLIENTS),
        Course("hub.c64.journal", journal, "step", CLIENTS),
        batch,
    ]
    if real is not None:
        reset = Reset().encode()
        courses.append(evolve(batch, name="hub.batch64.engine", target=real, moves=moves, reset=reset))
    return courses


def _start_worker(stack: ExitStack, program: Program, hub: Target) -> None:
    texts = [READY.hex(), SEATED.hex(), End(Cause.LEFT).encode().hex(), str(SNAPSHOT_EVERY)]
    stack.enter_context(Process([*program.argv, "worker", hub.address("workers"), *texts], "the worker"))


# --- figures ----------------------------------------------------------------------------------------------


def rows_of(measured: dict[str, list[Measured]], why_slow: str = "") -> list[Row]:
    """The figures of all rounds. `why_slow` says why the load is slower than the hub, if it is."""
    wide = [name for name in measured if ".c64" in name]
    busy = [all(_is_busy(each) for each in row) for row in zip(*(measured[n] for n in wide), strict=True)]
    if 2 * sum(busy) > len(busy):
        measured = {
            name: [m for m, counts in zip(rounds, busy, strict=True) if counts]
            for name, rounds in measured.items()
        }
    rows: list[Row] = []
    for name, rounds in measured.items():
        baseline = _BASELINES.get(name)
        unit = "steps/s" if "batch" in name else "rt/s"
        note = "" if name.endswith(".c1") else _note(name, rounds, why_slow)
        rows.append(Row(name, unit, True, baseline, [m.rate for m in rounds], note))
        if name in ("proxy.c1", "hub.c1", "proxy.c64", "hub.c64"):
            p50 = baseline and f"{baseline}.p50"
            rows.append(Row(f"{name}.p50", "us", False, p50, [m.p50_us for m in rounds], note))
        if "journal" not in name and not name.endswith(".c1"):
            shares = [m.busy for m in rounds if m.busy is not None]
            rows.append(Row(f"{name}.busy", "share", True, None, shares))
        if name in ("proxy.c64", "hub.c64"):
            spent = [m.main_us for m in rounds if m.main_us is not None]
            rows.append(Row(f"{name}.cpu", "us", False, baseline and f"{baseline}.cpu", spent))
    return rows


_BASELINES: Final = {
    "hub.c1": "proxy.c1",
    "hub.c64": "proxy.c64",
    "hub.c64.journal": "hub.c64",
    "hub.batch64": "hub.c64",
    "hub.batch64.engine": "hub.batch64",
}


def _is_busy(measured: Measured) -> bool:
    return measured.busy is None or measured.busy >= BUSY


def _note(name: str, rounds: Sequence[Measured], why_slow: str) -> str:
    if why_slow:
        return f"client-bound: {why_slow}"
    shares = [m.busy for m in rounds if m.busy is not None]
    if not shares or statistics.median(shares) >= BUSY:
        return ""
    share = f"it was busy {statistics.median(shares):.0%} of the time"
    return f"engine-bound: {share}" if name.endswith(".engine") else f"client-bound: {share}"
