"""The named random streams of `netsiege.engine.streams`, for compiled code: the same draws, to the bit.

SHA-256 of texts that fit one block, of up to 55 bytes: FIPS 180-4, sections 5.1.1, 5.3.3 and 6.2.2. A text
here is a seed, a name that begins and ends with a slash, and a number. `words` is a buffer of `uint32[64]`,
the caller's.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from netsiege.engine.batch.compiled import apart, compiled

U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

WORDS: Final = 64
"""Of the buffer: the block, and what it is spread over."""

_SCALE: Final = 2.0**-53
_GAMMA: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)


def _roots(count: int, power: int) -> U32:
    """The first 32 bits of the fractional parts of the roots of the first primes, by whole numbers alone."""
    primes: list[int] = []
    candidate = 2
    while len(primes) < count:
        if all(candidate % prime for prime in primes):
            primes.append(candidate)
        candidate += 1
    return np.array([_root(prime << 32 * power, power) & 0xFFFFFFFF for prime in primes], np.uint32)


def _root(value: int, power: int) -> int:
    """The largest whole number whose power is no larger."""
    low, high = 0, 1 << (value.bit_length() // power + 1)
    while high - low > 1:
        middle = (low + high) >> 1
        low, high = (middle, high) if middle**power <= value else (low, middle)
    return low


_START: Final = _roots(8, 2)
_ROUND: Final = _roots(64, 3)


@compiled
def _turned(word: Any, count: int) -> Any:
    """A 32-bit word turned right."""
    return np.uint32((word >> np.uint32(count)) | np.uint32(word << np.uint32(32 - count)))


@compiled
def _schedule(words: U32) -> None:
    for i in range(16, 64):
        a, b = words[i - 15], words[i - 2]
        first = _turned(a, 7) ^ _turned(a, 18) ^ np.uint32(a >> np.uint32(3))
        second = _turned(b, 17) ^ _turned(b, 19) ^ np.uint32(b >> np.uint32(10))
        words[i] = np.uint32(words[i - 16] + first + words[i - 7] + second)


@apart
def _first_bytes(words: U32) -> Any:
    """The first 8 bytes, big-endian, of the digest of the block in the first 16 words."""
    _schedule(words)
    a, b, c, d = _START[0], _START[1], _START[2], _START[3]
    e, f, g, h = _START[4], _START[5], _START[6], _START[7]
    for i in range(64):
        mixed = _turned(e, 6) ^ _turned(e, 11) ^ _turned(e, 25)
        chosen = np.uint32((e & f) ^ (~e & g))
        first = np.uint32(h + mixed + chosen + _ROUND[i] + words[i])
        mixed = _turned(a, 2) ^ _turned(a, 13) ^ _turned(a, 22)
        most = np.uint32((a & b) ^ (a & c) ^ (b & c))
        h, g, f, e = g, f, e, np.uint32(d + first)
        d, c, b, a = c, b, a, np.uint32(first + np.uint32(mixed + most))
    high, low = np.uint32(a + _START[0]), np.uint32(b + _START[1])
    return (np.uint64(high) << np.uint64(32)) | np.uint64(low)


@compiled
def _put(words: U32, place: int, byte: int) -> None:
    """Writes one byte of the block, the first of a word being its highest."""
    words[place >> 2] |= np.uint32(np.uint32(byte) << np.uint32(24 - 8 * (place & 3)))


@compiled
def _put_number(words: U32, place: int, number: Any) -> int:
    """Writes a `uint64` in decimal; the place behind it."""
    digits = 1
    rest = number // np.uint64(10)
    while rest:
        digits += 1
        rest //= np.uint64(10)
    for i in range(digits):
        _put(words, place + digits - 1 - i, int(np.int64(48) + np.int64(number % np.uint64(10))))
        number //= np.uint64(10)
    return place + digits


@apart
def derive(seed: Any, name: U8, number: int, words: U32) -> Any:
    """What `netsiege.engine.streams.derive` gives for the seed and the text that name and number make."""
    for i in range(16):
        words[i] = 0
    place = _put_number(words, 0, seed)
    for byte in name:
        _put(words, place, byte)
        place += 1
    place = _put_number(words, place, np.uint64(number))
    _put(words, place, 0x80)
    words[15] = 8 * place
    return _first_bytes(words)


@compiled
def mixed(seed: Any, number: int) -> Any:
    """Output `number`, from 1, of SplitMix64: quick draws, where no other program has to make the same.

    Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    draw = seed + np.uint64(number) * _GAMMA
    draw = (draw ^ (draw >> np.uint64(30))) * _MIX_1
    draw = (draw ^ (draw >> np.uint64(27))) * _MIX_2
    return draw ^ (draw >> np.uint64(31))


@compiled
def below(draw: Any, limit: int) -> int:
    """A draw as a whole number from 0 to `limit` - 1: the upper half of the product, as `Stream.below`."""
    low = (draw & np.uint64(0xFFFFFFFF)) * np.uint64(limit)
    high = (draw >> np.uint64(32)) * np.uint64(limit)
    return int(np.int64((high + (low >> np.uint64(32))) >> np.uint64(32)))


@compiled
def uniform(draw: Any) -> float:
    """A draw as a number in [0, 1), as `Stream.uniform`."""
    return float(np.float64(draw >> np.uint64(11)) * _SCALE)
