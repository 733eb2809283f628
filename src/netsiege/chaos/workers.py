"""A worker of the ordinary kind, which also writes down which matches it has, and when."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from attrs import frozen

from netsiege.engine.host import GameHost
from netsiege.engine.worker import run_worker
from netsiege.local import Stop
from netsiege.protocol import HEAD_BYTES, WORKER_HEAD, Kind, unpack

SLOTS: Final = 4_096
_EVENTS: Final = (Kind.EVENT, Kind.EVENT_MANY)


@frozen
class Lease:
    """A match that a worker had from `from_s` on, until `to_s` at the latest (it may have ended before)."""

    worker: str
    match: int
    from_s: float
    to_s: float


def run(hub: str, name: str, leases: str, sleep_s: float = 0.0, busy_s: float = 0.0) -> int:
    """The child's job: a worker until SIGTERM. Appends to the file `leases`.

    `sleep_s` is how long each event takes longer, and `busy_s` how long the interpreter spins, without a
    pause, at the first event that comes.
    """
    file = os.open(leases, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    left_s = [busy_s] if busy_s else []

    ordinary = GameHost.receive

    def receive(host: GameHost, frame: bytes) -> list[bytes]:
        kind = frame[1]
        if kind == Kind.OPEN:
            _note(file, frame)
        elif kind in _EVENTS:
            if sleep_s:
                time.sleep(sleep_s * _count(frame))
            if left_s:
                _spin(left_s.pop())
        answers = ordinary(host, frame)
        if kind == Kind.CLOSE:
            _note(file, frame)
        return answers

    setattr(GameHost, "receive", receive)  # noqa: B010  # this process has no other use for the class
    with Stop() as stop:
        run_worker(hub, SLOTS, name, stop)
    return 0


def _note(file: int, frame: bytes) -> None:
    """One write for a line: it is there whole, whatever happens to this process."""
    _, kind, lease, _ = WORKER_HEAD.unpack_from(frame)
    match = unpack(frame[HEAD_BYTES:])[0] if kind == Kind.OPEN else 0
    os.write(file, f"{time.monotonic()!r} {lease} {match}\n".encode())


def _count(frame: bytes) -> int:
    """How many events a frame has: the head of an EVENT_MANY says so."""
    _, kind, _, count = WORKER_HEAD.unpack_from(frame)
    return count if kind == Kind.EVENT_MANY else 1


def _spin(busy_s: float) -> None:
    until_s = time.monotonic() + busy_s
    while time.monotonic() < until_s:
        pass


def read_leases(path: Path) -> list[Lease]:
    """What the worker of that name has written down; a lease whose end is unknown has none."""
    found: dict[int, tuple[int, float]] = {}
    leases = []
    for line in path.read_text().splitlines() if path.exists() else []:
        at, lease, match = line.split()
        if int(match):
            found[int(lease)] = (int(match), float(at))
        elif int(lease) in found:
            number, from_s = found.pop(int(lease))
            leases.append(Lease(path.stem, number, from_s, float(at)))
    return leases + [Lease(path.stem, n, from_s, float("inf")) for n, from_s in found.values()]
