"""The processes below a process, and what they use together, as Linux tells. Elsewhere it tells nothing."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

IS_LINUX: Final = sys.platform == "linux"
_PROC: Final = Path("/proc")
_SET_PDEATHSIG: Final = 1
_SET_CHILD_SUBREAPER: Final = 36
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_LIBC: Final[Any] = ctypes.CDLL(None, use_errno=True) if IS_LINUX else None
"""Loaded here, since a process that has just been forked must not load anything."""


def adopt_orphans() -> None:
    """Has this process become the parent of all processes below it whose own parent ends."""
    if IS_LINUX and _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def end_with_parent_by(number: int) -> None:
    """Has the kernel send this process a signal when its parent ends."""
    if IS_LINUX:
        _LIBC.prctl(_SET_PDEATHSIG, number, 0, 0, 0)


class Family:
    """All processes below one that adopts orphans: they stay below it, and no others ever come there."""

    def __init__(self, head: int) -> None:
        self._head = head
        self._strangers: set[int] = set()

    def members(self, *, anew: bool = False) -> list[int]:
        """Those that there are. One that is born or ends meanwhile may be missed or told.

        Whoever was a stranger the last time is not looked at again, unless `anew`: a look at the list of all
        processes is cheap, one at each of them is not.
        """
        there = {int(name) for name in os.listdir(_PROC) if name.isdecimal()} if IS_LINUX else set()
        self._strangers = set() if anew else self._strangers & there
        children: dict[int, list[int]] = {}
        for pid in there - self._strangers:
            parent = _parent(pid)
            if parent is not None:
                children.setdefault(parent, []).append(pid)
        ours = _reached({self._head}, children)
        children.pop(self._head, None)
        self._strangers |= _reached({0, *self._strangers}, children) - {self._head}
        return sorted(ours)


def _reached(starts: set[int], children: dict[int, list[int]]) -> set[int]:
    found: set[int] = set()
    unseen = list(starts)
    while unseen:
        for child in children.get(unseen.pop(), ()):
            found.add(child)
            unseen.append(child)
    return found


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


def cpu_s(pids: Iterable[int]) -> float:
    """CPU seconds that processes have used, with those of their children that they have waited for."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{pid}/stat").read_text()
            ticks += sum(map(int, told.rpartition(")")[2].split()[11:15]))
    return ticks / _TICKS_PER_S


def resident_bytes(pids: Iterable[int]) -> int:
    """What processes have in memory; what they share is counted for each. Cheap."""
    pages = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError):
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * _PAGE_BYTES


def own_bytes(pids: Iterable[int]) -> int:
    """What processes have in memory besides files, by shares of what they share. Takes its time."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            told = dict(
                line.split(":", 1)
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                if line.startswith("Pss")
            )
            parts = [told[name] for name in ("Pss_Anon", "Pss_Shmem") if name in told] or [told["Pss"]]
            total += sum(int(part.split()[0]) << 10 for part in parts)
    return total


def marked(mark: str) -> list[int]:
    """The processes that were started with an entry of the environment, and those forked from them."""
    entry, found = os.fsencode(mark), []
    for each in _PROC.iterdir() if IS_LINUX else ():
        if each.name.isdecimal():
            with contextlib.suppress(OSError):
                if entry in (each / "environ").read_bytes().split(b"\0"):
                    found.append(int(each.name))
    return found
