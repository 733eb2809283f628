"""Every decoder of the wire: a body is decoded, and then survives the wire, or is refused with its code."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Final

from attrs import frozen

from netsiege import protocol
from netsiege.engine.replay import Replay, Told
from netsiege.errors import ProtocolError
from netsiege.game import GameState
from netsiege.protocol import Code, Kind, Message, pack, unpack
from netsiege.protocol.bounded import unpack_bounded
from netsiege.protocol.play import (
    Seated,
    action_body,
    observation_body,
    read_action,
    read_observation,
    read_trajectory,
)
from tests.fuzz import samples
from tests.fuzz.tape import Tape
from tests.fuzz.values import bent, body

MAX_BYTES: Final = 400
MAX_TEXT_CHARS: Final = 512
"""What an ERROR carries: a refusal that is longer would not be told as it is."""
MAX_VALUES: Final = 5_000
BENT: Final = 0x80
"""Added to the number of a decoder: the rest is a tape that bends a sample, not the body itself."""


@frozen
class Decoder:
    """One way to read a body; `read` takes any bytes. `samples` are bodies that it accepts."""

    name: str
    read: Callable[[bytes], None]
    samples: tuple[bytes, ...]


def _message(cls: type[Message]) -> Callable[[bytes], None]:
    def read(said: bytes) -> None:
        try:
            told = cls.decode(said)
        except ProtocolError as error:
            refused(error, Code.MALFORMED)
            return
        assert cls.decode(told.encode()) == told

    return read


def refused(error: ProtocolError, code: Code) -> None:
    """A refusal says which, in so many words."""
    assert error.code == code, error
    assert 0 < len(error.text) <= MAX_TEXT_CHARS, len(error.text)
    error.text.encode()


def _unpacked(said: bytes) -> None:
    try:
        told = unpack(said)
    except ProtocolError as error:
        refused(error, Code.MALFORMED)
        return
    again = pack(told)
    assert pack(unpack(again)) == again


def _bounded(said: bytes) -> None:
    """What files are read with accepts no more than what frames are read with."""
    try:
        told = unpack_bounded(said, MAX_VALUES)
    except ProtocolError as error:
        refused(error, Code.MALFORMED)
        return
    assert pack(unpack(said)) == pack(told)


def _action(said: bytes) -> None:
    """The engine's own reader accepts what the protocol's does, and refuses what that refuses."""
    reader = samples.tables(samples.spec_bytes()).reader
    try:
        told = read_action(said)
    except ProtocolError as error:
        refused(error, Code.BAD_ACTION)
        try:
            reader.read(said)
        except ProtocolError as also:
            refused(also, Code.BAD_ACTION)
            return
        raise AssertionError("the engine plays what the protocol refuses") from error
    assert read_action(action_body(told)) == told
    assert reader.read(said) == reader.read(action_body(told))


@cache
def _states() -> tuple[GameState | None, ...]:
    told = [unpack(seen)[3] for seen in samples.bodies(Kind.OBS) if unpack(seen)[0] & 4]
    return (None, GameState(), *(GameState.from_wire(wire) for wire in told[:3]))


def _observation(said: bytes) -> None:
    for before in _states():
        try:
            told, seen = read_observation(said, before)
        except ProtocolError as error:
            refused(error, Code.MALFORMED)
            continue
        state = told.state
        assert GameState.from_wire(state.to_wire()) == state
        assert GameState.from_dict(state.as_dict) == state
        if before is not None and not _has_empty_entries(state):
            assert before.apply(state.delta_from(before)) == state
        full = observation_body(seen | 4, 0, [], state.to_wire())
        assert read_observation(full, None)[0].state == state


def _has_empty_entries(state: GameState) -> bool:
    """Whether nothing is known of some host that is listed: a delta would forget the host."""
    maps = (state.known_services, state.known_data, state.known_blocks)
    return any(not items for entries in maps for items in entries.values())


def _trajectory(said: bytes) -> None:
    try:
        told = read_trajectory(said)
    except ProtocolError as error:
        refused(error, Code.MALFORMED)
        return
    assert set(told) == {"trajectory", "end_reason", "agent_role", "agent_name"}


def _classes() -> list[type[Message]]:
    exported = [getattr(protocol, name) for name in protocol.__all__]
    found = {each for each in exported if isinstance(each, type) and issubclass(each, Message)}
    return sorted((found - {Message}) | {Seated, Replay, Told}, key=lambda cls: cls.__name__)


@cache
def decoders() -> tuple[Decoder, ...]:
    """All of them, in an order that stays."""
    real = {Seated: Kind.SEATED, protocol.Result: Kind.RESULT, protocol.Reset: Kind.RESET}
    found = []
    for cls in _classes():
        said = [samples.examples()[cls]] if cls in samples.examples() else []
        said += samples.bodies(real[cls])[:8] if cls in real else ()
        found.append(Decoder(cls.__name__, _message(cls), tuple(said) or (pack([]),)))
    observations = samples.bodies(Kind.OBS)
    plain = (*observations[:8], *samples.actions()[:8], *samples.bodies(Kind.SNAPSHOT))
    return (
        *found,
        Decoder("unpack", _unpacked, plain),
        Decoder("unpack_bounded", _bounded, plain),
        Decoder("read_action", _action, samples.actions()),
        Decoder("read_observation", _observation, observations),
        Decoder("read_trajectory", _trajectory, samples.bodies(Kind.TRAJECTORY)),
    )


def one_input(data: bytes) -> None:
    """A decoder's number, and then a body, or a tape that makes one."""
    number = data[0] if data else 0
    decoder = decoders()[(number & ~BENT) % len(decoders())]
    if not number & BENT:
        decoder.read(data[1:])
        return
    tape = Tape(data[1:])
    decoder.read(body(tape) if tape.chance(4) else bent(tape, tape.pick(decoder.samples)))


def seeds() -> list[bytes]:
    """Every sample as it is, and a tape that bends one of each decoder."""
    found = []
    for number, decoder in enumerate(decoders()):
        found += [bytes([number]) + said for said in decoder.samples if len(said) < MAX_BYTES]
        found.append(bytes([BENT | number, 0, 0, 0, 0, 5, 1, 2]))
    return found
