"""How fast the hub is: `netsiege bench hub`.

What is measured is the way of a message of 60 bytes from an agent through the hub to a worker that answers
at once, and back. Beside it, in the same rounds, the same load goes through ZeroMQ's own proxy, which is
written in C and decides nothing: a ratio of 1 is all that a hub can hope for. Rounds take turns: proxy, hub,
hub with a journal, hub with keys, and again; `netsiege.figures` says what becomes of them.

`c1` and `c64` are agents, each with a connection of its own and one request under way; `p50` is the median
round trip. `curve.c64` is the same with agents and worker under CURVE. `c5000` are 5,000 agents that all
play, at a hub that has just started: `memory` is by how much it has grown for each. `batch64` are 8 agents
with 64 seats each that move all of them in one STEP_MANY. `engine` is the same with a real worker and a game
that is played: the moves of one episode over and over, resets between.

`cpu` is what the main thread runs for each round trip, beside `netsiege.yardstick`, a fixed piece of
Python; `cpu.all` is what all threads of the process do. These are the figures that other work on the
machine disturbs least. `busy` is the share of the time in which the busiest of the hub's threads (the one
that moves messages, or libzmq's) was running or waiting for a core: load, worker and hub share those that
there are. Only those rounds count in which hub and proxy were `BUSY` with 64 agents. Where most were not,
all count, and the figure says that it is bound by the load. All these are known on Linux only.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

from netsiege.errors import SiegeError
from netsiege.figures import Row, figures_of
from netsiege.hub.bench_courses import CROWD, CrowdCourse, Measured, courses_of
from netsiege.hub.bench_program import Program, build_program
from netsiege.yardstick import measure_yardstick

T = TypeVar("T")

ROUNDS: Final = 9
QUICK_ROUNDS: Final = 5
SECONDS: Final = 1.5
"""How long one measurement takes, after a seventh of it for warming up."""
QUICK_SECONDS: Final = 0.4
CROWD_ROUNDS: Final = 3
"""In so many rounds the crowd plays: it takes its time to be seated."""
CROWD_S: Final = 25.0
"""A round of it that takes longer is the last one: a hub is measured in 4 minutes."""
YARDSTICK: Final = "hub.yardstick"
BUSY: Final = 0.9
RATIOS: Final = {"hub.curve.c64": 0.85, "hub.c5000": 0.6}
"""What is to be reached."""
MEMORY_KB: Final = 40.0
"""What an agent of the crowd may take of the hub's memory."""


def run(
    quick: bool = False,
    *,
    moves: Sequence[bytes] = (),
    rounds: int | None = None,
    seconds: float | None = None,
    crowd: int | None = None,
    use_compiler: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> list[dict[str, Any]]:
    """Measures; each figure as `netsiege.figures` has it. `quick` takes fewer, shorter rounds, and no crowd.

    `moves` are the actions, encoded, that the real worker is asked to play: without any, it is not measured.
    `crowd` is how many agents `c5000` has, 0 for none. `progress` hears of each round as it begins. Without
    `use_compiler` the load is in Python, which plays no crowd.
    """
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    seconds = seconds or (QUICK_SECONDS if quick else SECONDS)
    crowd = (0 if quick else CROWD) if crowd is None else crowd
    measured: dict[str, list[Measured]] = {}
    yardstick = Row(YARDSTICK, "us", False)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netsiege-bench-")))
        program = build_program(directory, use_compiler)
        if program.why_slow and crowd:
            progress(f"hub.c5000 is left out: {program.why_slow}")
            crowd = 0
        courses = courses_of(stack, program, directory, tuple(moves))
        for number in range(1, rounds + 1):
            progress(f"round {number} of {rounds}")
            yardstick.values.append(1e6 / measure_yardstick())
            for course in courses:
                measured.setdefault(course.name, []).append(course.measure(program, seconds))
            if crowd:
                crowd = _measure_crowd(measured, CrowdCourse("hub.c5000", crowd), program, seconds, progress)
    return figures_of(rows_of(measured, program.why_slow, yardstick.values))


def _measure_crowd(
    measured: dict[str, list[Measured]],
    course: CrowdCourse,
    program: Program,
    seconds: float,
    progress: Callable[[str], None],
) -> int:
    """Measures the crowd, in the first rounds only, and says how large it is in the next one: 0 for none."""
    rounds = measured.setdefault(course.name, [])
    began_s = time.monotonic()
    try:
        rounds.append(course.measure(program, seconds))
    except SiegeError as error:
        progress(f"{course.name} is left out: {error}")
        del measured[course.name]
        return 0
    enough = len(rounds) == CROWD_ROUNDS or time.monotonic() - began_s > CROWD_S
    return 0 if enough else course.agents


# --- figures ----------------------------------------------------------------------------------------------


def rows_of(measured: dict[str, list[Measured]], why_slow: str, yardstick: Sequence[float]) -> list[Row]:
    """The figures of all rounds. `why_slow` says why the load is slower than the hub, if it is.

    `yardstick` has its time in each round. What was measured in fewer rounds was so in the first ones.
    """
    missing = [Measured(math.nan, math.nan, *[None] * 4)]
    measured = {n: m + (len(yardstick) - len(m)) * missing for n, m in measured.items()}
    wide = [name for name in ("proxy.c64", "hub.c64", "hub.c64.journal") if name in measured]
    busy = [all(_is_busy(each) for each in row) for row in zip(*(measured[n] for n in wide), strict=True)]
    if 2 * sum(busy) > len(busy):
        measured = {name: _counting(rounds, busy) for name, rounds in measured.items()}
        yardstick = _counting(yardstick, busy)
    rows = [row for name, rounds in measured.items() for row in _rows_of_course(name, rounds, why_slow)]
    rows.append(Row(YARDSTICK, "us", False, None, list(yardstick)))
    return rows


def _counting(rounds: Sequence[T], counts: Sequence[bool]) -> list[T]:
    return [each for each, does in zip(rounds, counts, strict=True) if does]


def _rows_of_course(name: str, rounds: Sequence[Measured], why_slow: str) -> Iterator[Row]:
    baseline = _BASELINES.get(name)
    unit = "steps/s" if "batch" in name else "rt/s"
    note = "" if name.endswith(".c1") else _note(name, rounds, why_slow)
    yield Row(name, unit, True, baseline, [m.rate for m in rounds], note, ratio=RATIOS.get(name))
    if name in ("proxy.c1", "hub.c1", "proxy.c64", "hub.c64"):
        p50 = baseline and f"{baseline}.p50"
        yield Row(f"{name}.p50", "us", False, p50, [m.p50_us for m in rounds], note)
    if name.endswith(".c1"):
        return
    if "journal" not in name:
        yield Row(f"{name}.busy", "share", True, None, _known(m.busy for m in rounds))
    for part, spent in (("cpu", [m.main_us for m in rounds]), ("cpu.all", [m.all_us for m in rounds])):
        # the main thread beside Python, which stays as it is whatever becomes of the hub
        other = YARDSTICK if part == "cpu" else baseline and f"{baseline}.{part}"
        yield Row(f"{name}.{part}", "us", False, other, _known(spent))
    if name == "hub.c5000":
        grown = _known(m.agent_kb for m in rounds)
        yield Row(f"{name}.memory", "KB", False, None, grown, limit=MEMORY_KB)


def _known(values: Iterable[float | None]) -> list[float]:
    """What was told, NaN for the other rounds; nothing if nothing was."""
    found = [math.nan if value is None else value for value in values]
    return [] if all(map(math.isnan, found)) else found


_BASELINES: Final = {
    "hub.c1": "proxy.c1",
    "hub.c64": "proxy.c64",
    "hub.c64.journal": "hub.c64",
    "hub.curve.c64": "hub.c64",
    "hub.c5000": "hub.c64",
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
