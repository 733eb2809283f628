"""Replay files: one that loads survives being saved, and can be looked at and played; no other loads.

Everything that a person does with a replay is tried: what it says of an event, verifying it, comparing it.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Final

from netsiege.engine.doctor import diagnose
from netsiege.engine.playback import verify
from netsiege.engine.replay import Replay
from netsiege.engine.selfplay import play_randomly
from netsiege.errors import ConfigError, RuleError
from netsiege.protocol import pack
from netsiege.scenarios.model import REALTIME, ROUNDS, Spec
from tests.fuzz import samples, scratch
from tests.fuzz.tape import Tape
from tests.fuzz.values import bent, torn, value

MAX_BYTES: Final = 160
EVENTS: Final = 30
AS_IT_IS: Final = 0
"""The first byte of an input whose rest is a file; others are tapes that make one."""


@cache
def replays() -> tuple[Replay, ...]:
    """Short matches, in either pacing."""
    specs = [Spec.from_bytes(samples.spec_bytes(pacing)) for pacing in (REALTIME, ROUNDS)]
    return tuple(play_randomly(spec, 3, EVENTS) for spec in specs)


def _file(tape: Tape) -> bytes:
    """A file that is nearly right, of either version."""
    replay = tape.pick(replays())
    kind = tape.below(8)
    if kind == 0:
        return b"\x01" + zlib.compress(pack(value(tape)), 1)
    if kind == 1:
        return torn(tape, b"\x01" + zlib.compress(pack([2, replay.encode()]), 1))
    if kind == 2:
        return b"\x01" + zlib.compress(bent(tape, pack([2, replay.encode()])), 1)
    if kind == 3:
        fields = [replay.spec, replay.engine, replay.match, replay.seed, replay.episodes]
        seats = [[seat.role, seat.index, seat.name, seat.deltas] for seat in replay.seats]
        first = pack([1, *fields, seats, list(replay.events), b"".join(replay.links)])
        return b"\x01" + zlib.compress(bent(tape, first), 1)
    return b"\x01" + zlib.compress(pack([2, bent(tape, replay.encode())]), 1)


def one_input(data: bytes) -> None:
    """A file, or a tape that makes one."""
    path = scratch.folder() / "match.siege"
    path.write_bytes(data[1:] if data[:1] == bytes([AS_IT_IS]) else _file(Tape(data[1:])))
    try:
        replay = Replay.load(path)
    except ConfigError as error:
        for line in error.problems:
            assert line.isprintable(), line
            assert line.startswith(str(path)), line
        return
    replay.save(path)
    assert Replay.load(path) == replay
    for number in range(len(replay.events) + 1):
        assert replay.describe_event(number)
    _played(replay)


def _played(replay: Replay) -> None:
    try:
        verdict = verify(replay)
    except RuleError:
        return
    assert verdict.event is None or verdict.event <= len(replay.events)
    for other in replays():
        diagnosis = diagnose(replay, other)
        assert diagnosis.text
        diagnosis = diagnose(other, replay)
        assert diagnosis.text


def seeds() -> list[bytes]:
    """A real file, and tapes."""
    path = scratch.folder() / "seed.siege"
    replays()[0].save(path)
    kinds = [bytes([1, which, kind, *range(9)]) for which in range(2) for kind in range(8)]
    return [bytes([AS_IT_IS]) + path.read_bytes()[: MAX_BYTES - 1], *kinds]
