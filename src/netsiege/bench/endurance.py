"""Whether a hub grows with what it has run: `netsiege bench endurance`.

Agents come, take their seats, play all of them in batches, and go, over and over, until so many steps and
matches have been played; the hub has a journal, and a worker that answers at once and saves every match now
and then. What the hub keeps in memory is read when nobody is there, after each tenth. The first half fills
what a process keeps for later; what comes after it is growth.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from netsiege.errors import ConfigError
from netsiege.figures import Row, figures_of
from netsiege.hub.bench_courses import BATCH_CLIENTS, BATCH_SEATS, Course, start_worker
from netsiege.hub.bench_process import Target, start_hub
from netsiege.hub.bench_program import build_program

TENTHS: Final = 10
SETTLED: Final = slice(3, 6)
END: Final = slice(7, 10)
"""What is compared: the medians of some tenths in the middle, and of the last ones."""
GROWTH_MAX: Final = 0.05
"""More than this share is growth."""
GROWTH_MAX_KB: Final = 2_048.0
"""Less than this is none, whatever the share."""
VISIT_S: Final = 0.2
"""How long agents play, at least, before they go."""


def run(
    steps: int, matches: int, *, progress: Callable[[str], None] = lambda line: None
) -> tuple[list[dict[str, Any]], str]:
    """Plays at least so many; the figures, and what is wrong: "" if the hub has not grown.

    `progress` hears of each tenth. Raises `ConfigError` where the system does not tell what a process keeps
    in memory, `SiegeError` if anything but answers came.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="netsiege-bench-")))
        program = build_program(directory)
        limits = ("--limit", "connections_per_s=10000", "--limit", "joins_per_s=100000")
        hub = stack.enter_context(
            start_hub("--workers", "0", "--journal", str(directory / "journal"), *limits)
        )
        start_worker(stack, program, hub)
        course = Course("endurance", hub, "many", BATCH_CLIENTS, BATCH_SEATS)
        played, sizes_kb, seconds, began_s = [0.0, 0.0], [], VISIT_S, time.monotonic()
        for tenth in range(1, TENTHS + 1):
            while played[0] < steps * tenth / TENTHS or played[1] < matches * tenth / TENTHS:
                played[0] += course.measure(program, seconds).rate * seconds
                played[1] += BATCH_CLIENTS * BATCH_SEATS
                behind = (steps - played[0]) / steps > (matches - played[1]) / matches
                seconds = min(5.0, 1.2 * seconds) if behind else max(VISIT_S, seconds / 1.2)
            sizes_kb.append(_size_kb(hub))
            said = f"{played[0]:,.0f} steps, {played[1]:,.0f} matches: {sizes_kb[-1]:,.0f} KB"
            progress(f"{tenth} of {TENTHS}: {said}")
        took_s = time.monotonic() - began_s
    return _report(played, sizes_kb, took_s)


def _report(played: list[float], sizes_kb: list[float], took_s: float) -> tuple[list[dict[str, Any]], str]:
    settled, end = statistics.median(sizes_kb[SETTLED]), statistics.median(sizes_kb[END])
    grown = end - settled
    figures = figures_of(
        [
            Row("endurance.steps", "", True, None, [played[0]]),
            Row("endurance.matches", "", True, None, [played[1]]),
            Row("endurance.time", "s", False, None, [took_s]),
            Row("endurance.settled", "KB", False, None, [settled]),
            Row("endurance.memory", "KB", False, "endurance.settled", [end]),
        ]
    )
    if grown <= max(GROWTH_MAX * settled, GROWTH_MAX_KB):
        return figures, ""
    return figures, f"the hub has grown by {grown:,.0f} KB, from {settled:,.0f}: {grown / settled:.0%}"


def _size_kb(hub: Target) -> float:
    size = hub.memory_bytes()
    if size is None:
        raise ConfigError("this system does not tell what a process keeps in memory: nothing to measure by")
    return size / 1_024
