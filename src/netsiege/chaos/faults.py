"""Which harm comes when: drawn from a seed, before anything is done. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from attrs import frozen

KILL: Final = "kill"
CRASH: Final = "segv"
TERM: Final = "term"
STOP: Final = "stop"
HUB: Final = "hub"
NOTHING: Final = "none"
"""A moment at which nothing is done: what agents notice then, they notice anyway."""

SHARES: Final = {KILL: 40, CRASH: 20, TERM: 20, STOP: 15, HUB: 5}
"""Of a hundred, how many are of each kind."""
STOPPED_S: Final = (2.5, 5.0)
"""How long a stopped worker stays so: longer than the hub waits, so that it comes back to a lost lease."""
LEAST_GAP_S: Final = 0.1
"""Between two, at least: a match at work during three deaths in a row would be taken for their cause."""
HUB_GAP_S: Final = 1.5
"""After the hub: as long as it takes to start, or hardly anything would be seen of what comes next."""


@frozen
class Fault:
    """What is to happen, `after_s` after the last. `victim` chooses among the workers there are, 0 to 1."""

    kind: str
    after_s: float
    victim: float
    stopped_s: float


@frozen
class Done:
    """What has happened, and when; `worker` is the name of the one it happened to, if any."""

    kind: str
    at_s: float
    worker: str = ""


def draw_faults(seed: int, mean_s: float) -> Iterator[Fault]:
    """Faults without end, on average one in `mean_s`, at Poisson times from `LEAST_GAP_S` on."""
    rng = random.Random(seed)  # noqa: S311  # a plan, no secret
    kinds, shares = list(SHARES), list(SHARES.values())
    last = ""
    while True:
        kind = rng.choices(kinds, shares)[0]
        after_s = LEAST_GAP_S + rng.expovariate(1 / max(mean_s - LEAST_GAP_S, 1e-3))
        after_s += HUB_GAP_S if last == HUB else 0.0
        yield Fault(kind, after_s, rng.random(), rng.uniform(*STOPPED_S))
        last = kind
