"""How much of a worker's memory a match takes: the figure `engine.match.memory` of `netsiege bench engine`.

`python -m netsiege.engine.bench_memory` is a worker's host in a process of its own. It takes the hub's frames
on stdin, each after its length in 4 bytes, and keeps nothing else; at a length of 0 it says how many KB the
system keeps in memory for it, which has everything in it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from netsiege.engine.bench_load import DIGEST, Load, record
from netsiege.engine.host import GameHost
from netsiege.engine.tables import compile_spec
from netsiege.errors import SiegeError
from netsiege.protocol import VERSION, WORKER_HEAD, Kind, Spec

WARM: Final = 500
"""Matches that are opened before: what is made once is there by then."""
MATCHES: Final = 1_000
MOVES: Final = 100
MEASURE_S: Final = 120.0
_STATUS: Final = Path("/proc/self/status")


def measure_match(spec: bytes, matches: int = MATCHES, moves: int = MOVES) -> list[float]:
    """KB for each of so many matches of one attacker after some moves, without logs.

    Nothing where the system does not tell. Raises `SiegeError` if they cannot be played.
    """
    if not _STATUS.exists():
        return []
    load = record(compile_spec(spec), WARM + matches, moves, 1)
    argv = [sys.executable, "-m", "netsiege.engine.bench_memory"]
    told = b"".join(len(frame).to_bytes(4) + frame for frame in _frames(spec, load))
    try:
        ended = subprocess.run(  # noqa: S603  # our own interpreter and program
            argv, input=told, capture_output=True, timeout=MEASURE_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise SiegeError(f"the memory of a match was not measured within {MEASURE_S:g} s") from None
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip()[-500:]
        raise SiegeError(f"the memory of a match cannot be measured: {said}")
    before_kb, after_kb = map(int, ended.stdout.split())
    return [(after_kb - before_kb) / matches]


def _frames(spec: bytes, load: Load) -> Iterator[bytes]:
    """The first matches, all of them one after the other, and an empty frame; then the others likewise."""
    yield WORKER_HEAD.pack(VERSION, Kind.SPEC, 0, 0) + Spec(DIGEST, spec).encode()
    matches = len(load.opening)
    for some in (range(WARM), range(WARM, matches)):
        for i in some:
            yield load.opening[i]
            yield from load.frames[i::matches]
        yield b""


def _resident_kb() -> int:
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


def main() -> None:
    """Plays what it is told."""
    host, told = GameHost(), sys.stdin.buffer
    while length := told.read(4):
        size = int.from_bytes(length)
        if size:
            host.receive(told.read(size))
        else:
            print(_resident_kb(), flush=True)  # noqa: T201  # what this program is for


if __name__ == "__main__":
    main()
