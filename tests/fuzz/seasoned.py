"""A game host that knows the specs of these tests from the start: compiling them takes longest of all."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Final

from netsiege.engine.host import GameHost
from netsiege.engine.tables import Tables
from netsiege.scenarios.model import REALTIME, ROUNDS
from tests.fuzz import honest, samples

REAL_TIME: Final = b"realtime"
IN_ROUNDS: Final = b"rounds"
ENDLESS: Final = b"endless"


@cache
def specs() -> dict[bytes, bytes]:
    """The specs that are played, by names that stand for their digests."""
    return {
        REAL_TIME: samples.spec_bytes(REALTIME),
        IN_ROUNDS: samples.spec_bytes(ROUNDS),
        ENDLESS: samples.spec_bytes(REALTIME, max_steps=None, save_trajectories=True),
    }


@cache
def _compiled() -> dict[bytes, Tables]:
    found = {}
    for name, spec in specs().items():
        found[name] = found[sha256(spec).digest()] = samples.tables(spec)
    for pacing in (REALTIME, ROUNDS):
        found[sha256(honest.spec(pacing)).digest()] = samples.tables(honest.spec(pacing))
    return found


class SeasonedHost(GameHost):
    """See the module. Tables are shared by all hosts, which changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._specs.update(_compiled())
