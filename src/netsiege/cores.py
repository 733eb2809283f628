"""One function over many items, on all cores of this machine where that is worth it."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import Any, Final, TypeVar

from netsiege.errors import SiegeError

T = TypeVar("T")
R = TypeVar("R")

WORTH_IT: Final = 200
"""So many items for each core: a process takes a good part of a second before it has begun."""
CHUNK: Final = 32
"""Items that go to a process at once."""
AHEAD: Final = 3
"""Chunks for each process that are under way: no more items are taken before they are needed."""

_function: Callable[[Any], Any]


def each(make: Callable[[], Callable[[T], R]], items: Iterable[T], total: int) -> Iterator[R]:
    """What `make()` returns of each item, in order; `total` is about how many there are.

    `make` runs once in each process; it, the items and the results must be picklable. Raises what the
    function raises, and `SiegeError` if a process is killed.
    """
    cores = min(len(os.sched_getaffinity(0)), total // WORTH_IT)
    if cores < 2:
        yield from map(make(), items)
        return
    left = iter(items)
    pending: deque[Future[list[R]]] = deque()
    with ProcessPoolExecutor(cores, get_context("spawn"), _begin, (make,)) as pool:
        try:
            while True:
                while len(pending) < AHEAD * cores and (chunk := list(islice(left, CHUNK))):
                    pending.append(pool.submit(_run, chunk))
                if not pending:
                    return
                yield from pending.popleft().result()
        except BrokenProcessPool:
            raise SiegeError("a process that helped has been killed: try again") from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(make: Callable[[], Callable[[Any], Any]]) -> None:
    """In a new process: Ctrl-C is for the one that waits for this."""
    global _function  # noqa: PLW0603  # the one thing that a process of a pool keeps
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _function = make()


def _run(chunk: list[Any]) -> list[Any]:
    return [_function(item) for item in chunk]
