"""A fixed piece of Python by which the benchmarks measure the machine.

Where no other program is measured beside ours, a figure's baseline is this one, in the same round: a slower
or busier machine slows both. It does what a hub and an engine do most: integers as bit masks, dictionaries,
tuples, msgpack. Whoever changes it has to record `tests/bench_floor.json` anew.
"""

from __future__ import annotations

import time
from typing import Final

import msgpack

TURNS: Final = 100_000
"""Of one measurement: some 100 ms."""


def measure_yardstick(turns: int = TURNS) -> float:
    """Turns per second of CPU time."""
    began_s = time.process_time()
    work(turns)
    return turns / (time.process_time() - began_s)


def work(turns: int) -> int:
    """So many turns; returns a number that depends on all of them."""
    known: dict[int, tuple[int, int, bytes]] = {}
    mask, total = 1, 0
    for turn in range(turns):
        place = turn & 63
        mask = (mask << 1 | (mask >> 61 & 1)) & 0x3FFF_FFFF_FFFF_FFFF
        before = known.get(place)
        if before is not None:
            total += (before[0] & mask).bit_count()
        packed = msgpack.packb((turn, place, mask, b"body"))
        known[place] = (mask ^ turn, msgpack.unpackb(packed)[0], packed)
    return total
