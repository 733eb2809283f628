"""Bounds on what one input may take, and on what a process may keep."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Final

INPUT_LIMIT_S: Final = 10.0
"""Processor time of one input: hundreds of times what any takes, also when its code is instrumented."""
AGAIN_S: Final = 1.0
"""And once more each second: what is raised while an object is freed is lost."""
GROWTH_LIMIT_MB: Final = 300
"""What a process may have more at its peak than after the seeds: caches fill, large inputs come and go."""

_STATM: Final = Path("/proc/self/statm")
_PAGE_MB: Final = 4096 / (1 << 20)


class TooSlow(BaseException):
    """An input took too long. Nothing that catches `Exception` catches it."""


def watched(one_input: Callable[[bytes], None], limit_s: float = INPUT_LIMIT_S) -> Callable[[bytes], None]:
    """`one_input`, which raises `TooSlow` after so much processor time. For a process's main thread."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow(f"over {limit_s:g} s of processor time")

    signal.signal(signal.SIGVTALRM, stop)
    clock, which = signal.setitimer, signal.ITIMER_VIRTUAL

    def limited(data: bytes) -> None:
        clock(which, limit_s, AGAIN_S)
        try:
            one_input(data)
        finally:
            clock(which, 0.0)

    return limited


def quietly() -> None:
    """Nothing is logged from here on: what targets provoke would fill a disk."""
    logging.disable(logging.CRITICAL)


def memory_mb() -> float:
    """What the process has in memory now; where the system does not say, what it has had at most."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * _PAGE_MB
    import resource  # noqa: PLC0415  # only where there is no /proc

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
