"""Mutation without looking: seeds are changed, cut and spliced at random, from one number. Runs anywhere."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, frozen

from tests.fuzz import catalogue
from tests.fuzz.watch import memory_mb, watched

LOOK_EVERY: Final = 500
"""Inputs between two looks at the clock and at the memory."""


@frozen
class Failure:
    """An input, and what escaped: the last lines of what was raised."""

    data: bytes
    text: str


@define
class Outcome:
    """What a run over a target has come to. `features` are None where nobody has counted them."""

    target: str
    inputs: int = 0
    took_s: float = 0.0
    features: int | None = None
    memory_mb: float = 0.0
    """At its peak, over what there was after the seeds."""
    failure: Failure | None = None


def mutated(rng: random.Random, seeds: Sequence[bytes], limit: int) -> bytes:
    """One of the seeds with something changed, or bytes that nobody has seen."""
    if rng.random() < 0.1:
        return rng.randbytes(rng.randrange(min(limit, 120)))
    data = bytearray(rng.choice(seeds))
    for _ in range(1 + rng.randrange(5)):
        _change(rng, data, seeds)
    return bytes(data[:limit])


def _change(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    kind = rng.randrange(7)
    if kind == 0 and at < len(data):
        data[at] ^= 1 << rng.randrange(8)
    elif kind == 1 and at < len(data):
        data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        data[at:at] = rng.randbytes(1 + rng.randrange(8))
    elif kind == 3:
        del data[at : at + 1 + rng.randrange(8)]
    elif kind == 4:
        del data[at:]
        data += rng.randbytes(rng.randrange(30))
    elif kind == 5:
        end = at + rng.randrange(40)
        data[at:at] = data[at:end]
    else:
        other = rng.choice(seeds)
        start = rng.randrange(len(other) + 1)
        data[at:] = other[start:]


def run(name: str, inputs: int | None, seconds: float | None, seed: int) -> Outcome:
    """Runs a target until so many inputs or seconds are over; stops at the first that lets something out."""
    target, outcome = catalogue.load(name), Outcome(name)
    one_input, rng = watched(target.one_input), random.Random(f"{seed}/{name}")
    started_s, seeds = time.monotonic(), target.seeds()
    for data in (b"", *seeds)[:inputs]:
        if take(one_input, data, outcome):
            break
    before_mb = memory_mb()
    while outcome.failure is None and (inputs is None or outcome.inputs < inputs):
        if outcome.inputs % LOOK_EVERY == 0:
            outcome.memory_mb = max(outcome.memory_mb, memory_mb() - before_mb)
            if seconds is not None and time.monotonic() - started_s > seconds:
                break
        take(one_input, mutated(rng, seeds, target.MAX_BYTES), outcome)
    outcome.took_s = time.monotonic() - started_s
    outcome.memory_mb = max(outcome.memory_mb, memory_mb() - before_mb)
    return outcome


def take(one_input: Callable[[bytes], None], data: bytes, outcome: Outcome) -> bool:
    """Gives an input to a target; whether something got out, which is then the outcome's failure."""
    outcome.inputs += 1
    try:
        one_input(data)
    except KeyboardInterrupt:
        raise
    except BaseException:  # whatever it is, it has escaped
        outcome.failure = Failure(data, traceback.format_exc())
        return True
    return False
