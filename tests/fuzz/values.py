"""Values and bodies of messages: anything that msgpack can say, and what is nearly right."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

import msgpack

from netsiege.errors import ProtocolError
from netsiege.protocol import pack, unpack
from tests.fuzz.tape import Tape

WHOLE: Final = tuple(
    sorted(
        {0, 1, 2, 7, 255, 256, 65_534, 65_535, 65_536, (1 << 20) + 1}
        | {(1 << bits) + d for bits in (31, 32, 63) for d in (-1, 0, 1)}
        | {(1 << 64) - 1, -1, -2, -128, -(1 << 31), -(1 << 63)}
    )
)
"""Where the ranges of fields begin and end."""
FLOATS: Final = (0.0, -0.0, 0.5, 1e308, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"))
TEXTS: Final = (
    "", "Attacker", "attacker", "AgentRole.Attacker", "Defender", "Benign", "agent", "director", "spectator",
    "default", "random", "all", "all_local", "all_attackers", "goal", "finished", "peers", "SESSION_TAKEN",
    "HUB_CLOSING", "UNKNOWN_SESSION", "last_trajectory", "end_reason", "\x00", "\x1b[31m", "a\nb", "\u202e",
    "a\u0301" * 9, " ", "é", "攻撃", "\U0001f600", "x" * 64, "x" * 65, "x" * 513, "[red]", "../..", "system",
    "logfile", "log", "192.168.1.2", "0.0.0.0/0",
)  # fmt: skip  # a bag of words, not a table
DEPTHS: Final = (1, 2, 60, 400, 511, 512, 900, 990, 1_000, 1_020, 1_024, 5_000)
_REFUSED: Final = (
    msgpack.packb({}),
    msgpack.packb({"a": 1}),
    msgpack.packb(msgpack.ExtType(1, b"x")),
    msgpack.packb(msgpack.Timestamp(1)),
    b"\xc1",
    b"\xdd\xff\xff\xff\xff",
    b"\xdb\xff\xff\xff\xffx",
    b"\xa2\xff\xfe",
)
"""Bodies with what has no place on the wire, or is no msgpack."""


def value(tape: Tape, depth: int = 3) -> Any:
    """Any value that travels."""
    kind = tape.below(10 if depth else 7)
    if kind >= len(_VALUES):
        return [value(tape, depth - 1) for _ in range(tape.below(5))]
    return _VALUES[kind](tape)


def _a_float(tape: Tape) -> float:
    any_float: float = struct.unpack(">d", tape.take(8).ljust(8, b"\0"))[0]
    return any_float if tape.chance(4) else tape.pick(FLOATS)


_VALUES: Final[tuple[Callable[[Tape], Any], ...]] = (
    lambda tape: tape.pick((None, True, False)),
    lambda tape: tape.byte(),
    lambda tape: tape.pick(WHOLE),
    _a_float,
    lambda tape: tape.pick(TEXTS),
    lambda tape: tape.take(tape.below(24)).decode("utf-8", "replace"),
    lambda tape: tape.take(tape.below(24)),
)


def body(tape: Tape) -> bytes:
    """A body: any value, any bytes, nested deeply, or large."""
    kind = tape.below(8)
    if kind == 0:
        return tape.take(tape.below(40))
    if kind == 1:
        return bytes(tape.pick(_REFUSED))
    if kind == 2:
        return tape.pick((b"", b"\x91", b"\x92\x01")) + b"\x91" * tape.pick(DEPTHS) + b"\x90"
    if kind == 3:
        return large(tape)
    return pack(value(tape))


def large(tape: Tape) -> bytes:
    """A list of many, of a size that a power of two tells: up to 64 KiB of them, seldom a million."""
    count = 1 << (20 if tape.chance(200) else tape.below(17))
    item = tape.pick((b"\x90", b"\xc0", b"\x00", b"\xa1a", b"\xc4\x00"))
    return b"\xdd" + count.to_bytes(4, "big") + item * count


def bent(tape: Tape, sample: bytes) -> bytes:
    """A real body with something wrong in one place, or more: in its bytes, or in its values."""
    if tape.chance(4):
        return torn(tape, sample)
    try:
        whole = unpack(sample)
    except ProtocolError:
        return torn(tape, sample)
    for _ in range(1 + tape.below(2)):
        whole = _bend(tape, whole)
    return pack(whole)


def torn(tape: Tape, sample: bytes) -> bytes:
    """The bytes of a sample, but for some."""
    at = tape.whole(2) % (len(sample) + 1)
    kind = tape.below(5)
    if kind == 0:
        return sample[:at]
    if kind == 1:
        return sample[:at] + tape.take(1 + tape.below(4)) + sample[at + 1 :]
    if kind == 2:
        return sample[:at] + tape.take(tape.below(9)) + sample[at:]
    if kind == 3:
        end = at + tape.byte()
        return sample[:at] + sample[at:end] * 2 + sample[end:]
    return sample[:at] + sample[at + 1 + tape.below(8) :]


def _bend(tape: Tape, whole: Any) -> Any:
    """Another value somewhere in a tree of lists."""
    if not isinstance(whole, list) or not whole or tape.chance(12):
        return _other(tape, whole)
    at = tape.whole(2) % len(whole)
    kind = tape.below(8)
    if kind == 0:
        return whole[:at] + whole[at + 1 :]
    if kind == 1:
        return [*whole[: at + 1], *whole[at:]]
    if kind == 2:
        return [*whole[:at], value(tape), *whole[at:]]
    return [*whole[:at], _bend(tape, whole[at]), *whole[at + 1 :]]


def _other(tape: Tape, before: Any) -> Any:
    """Something near a value, or anything."""
    kind = tape.below(4)
    if type(before) is int and kind == 0:
        near = before + tape.pick((1, -1, 256, -256))
        return near if -(1 << 63) <= near < 1 << 64 else before
    if isinstance(before, bytes) and kind == 0:
        return bent(tape, before)
    if isinstance(before, str) and kind == 0:
        return before + tape.pick(TEXTS)
    return value(tape)
