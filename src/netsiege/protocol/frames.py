"""Heads, kinds, codes and limits, and strict msgpack."""

from __future__ import annotations

import enum
import struct
import zlib
from typing import Any, Final

import msgpack

from netsiege.errors import ProtocolError

VERSION: Final = 1

AGENT_HEAD: Final = struct.Struct(">BBQI")
"""version, kind, seat handle, request id."""
WORKER_HEAD: Final = struct.Struct(">BBQI")
"""version, kind, lease, sequence number (or number of records)."""
EVENT_HEAD: Final = struct.Struct(">HBI")
"""After the worker's head of an EVENT: seat index, agent's kind, request id."""
OUT_HEAD: Final = struct.Struct(">HBBI")
"""After the worker's head of an OUT: seat index, agent's kind, flags, request id."""

HEAD_BYTES: Final = AGENT_HEAD.size
EVENT_BODY_AT: Final = HEAD_BYTES + EVENT_HEAD.size
OUT_BODY_AT: Final = HEAD_BYTES + OUT_HEAD.size

MAX_AGENT_FRAME_BYTES: Final = 1 << 20
"""What an agent may send in one frame: an exfiltrated log of some 10,000 entries, or 10,000 batched steps."""
MAX_WORKER_FRAME_BYTES: Final = 1 << 27
"""What a worker may send in one frame: a batch of full observations of large networks."""
MAX_ACTION_LISTS: Final = 64
"""Lists in the body of a STEP; ours have five."""
MAX_REQUEST_BYTES: Final = 4_096
"""A request of an agent that is neither STEP, STEP_MANY nor OPEN_ROOM: names and numbers."""
UNCOUNTED_BYTES: Final = 4_096
"""What is in a body of this size cannot take long to read."""
MAX_BATCH: Final = 16_384
"""Steps in one STEP_MANY."""
MAX_SEATS: Final = 0xFFFE
"""Seats of one match; an index of `HUB_SEAT` addresses the hub itself."""
HUB_SEAT: Final = 0xFFFF
MAX_NAME_CHARS: Final = 64
MAX_REQUEST: Final = (1 << 32) - 1
MAX_SEED: Final = (1 << 64) - 1

DEFAULT_ROOM: Final = "default"
DEFAULT_PORT: Final = 9100
DEFAULT_WORKERS_PORT: Final = 9101
DEFAULT_GRACE_S: Final = 15.0
"""How long a seat waits for a session that has lost its connection."""
HEARTBEAT_IVL_MS: Final = 1_000
"""How often an agent's libzmq pings the hub, with a time to live of both together: both notice an end.

The hub pings no agent. libzmq looks through the timers of all connections for each that it takes back, so
that the pings of thousands took more time than their games. Who never pings is found by TCP.
"""
HEARTBEAT_TIMEOUT_MS: Final = 2_000
"""How long libzmq waits for the answer: a stopped process is found after at most interval + timeout."""
WORKER_HEARTBEAT_IVL_MS: Final = 500
"""The same for workers, of whom there are few, and for whom everyone waits."""
WORKER_HEARTBEAT_TIMEOUT_MS: Final = 1_400


class Kind(enum.IntEnum):
    """What a message is. Numbers are never reused."""

    # agent → hub
    HELLO = 1
    JOIN = 2
    STEP = 3
    STEP_MANY = 4
    RESET = 5
    LEAVE = 6
    PING = 7
    BYE = 8
    ENROL = 9
    # hub → agent
    WELCOME = 16
    SEATED = 17
    OBS = 18
    OBS_MANY = 19
    WAIT = 20
    END = 21
    ERROR = 22
    PONG = 23
    RESUMED = 24
    ENROLLED = 25
    # director, spectator → hub, and the hub's answers
    OPEN_ROOM = 32
    ROOM = 33
    WATCH = 34
    WATCHING = 35
    EPISODE = 36
    MATCH = 37
    STATUS = 38
    STATE = 39
    TRAJECTORY = 40  # also in an OUT to HUB_SEAT
    ARRANGE = 41
    ARRANGED = 42
    CLOSE_ROOM = 43
    ROOM_CLOSED = 44
    # hub → worker
    SPEC = 48
    OPEN = 49
    EVENT = 50
    EVENT_MANY = 51
    CLOSE = 52
    # 53 was RETIRE
    W_PING = 54
    UNKNOWN = 55
    VIEW = 56
    # worker → hub
    READY = 64
    OUT = 65
    OUT_MANY = 66
    SNAPSHOT = 67
    W_PONG = 68
    FAULT = 69
    GONE = 70
    VIEWED = 71
    # in an EVENT, beside the agents' STEP, RESET and LEAVE
    TIMEOUT = 80
    # in an OUT to HUB_SEAT
    RESULT = 81


class Flag(enum.IntFlag):
    """What an output tells the hub about its seat."""

    NONE = 0
    MOVE = 1
    """The seat is to move: its clock starts when this is sent."""
    OVER = 2
    """The seat has no part in the match any more: its handle ends with this message."""


class Code(enum.StrEnum):
    """Why something was refused. The text beside it is for people."""

    MALFORMED = "MALFORMED"
    VERSION = "VERSION"
    TOO_LARGE = "TOO_LARGE"
    HELLO_FIRST = "HELLO_FIRST"
    UNKNOWN_SESSION = "UNKNOWN_SESSION"
    NOT_ALLOWED = "NOT_ALLOWED"
    UNKNOWN_SEAT = "UNKNOWN_SEAT"
    UNKNOWN_ROOM = "UNKNOWN_ROOM"
    BAD_ROLE = "BAD_ROLE"
    BAD_ACTION = "BAD_ACTION"
    BAD_REQUEST = "BAD_REQUEST"
    BUSY = "BUSY"
    OVERLOADED = "OVERLOADED"
    WORKER_LOST = "WORKER_LOST"
    ENGINE_FAULT = "ENGINE_FAULT"
    MATCH_OVER = "MATCH_OVER"
    FORFEITED = "FORFEITED"
    HUB_CLOSING = "HUB_CLOSING"
    HUB_PAUSED = "HUB_PAUSED"
    SESSION_TAKEN = "SESSION_TAKEN"


class Held(enum.StrEnum):
    """Why a reply is held (the body of a WAIT)."""

    PLAYERS = "players"
    WORKER = "worker"
    PEERS = "peers"
    RESET = "reset"
    TURN = "turn"
    CALL = "call"


class Cause(enum.StrEnum):
    """Why an episode, a seat's part in a match, or a match ended. Only the last three blame the arena."""

    GOAL = "goal"
    STEPS = "steps"
    DETECTED = "detected"
    TIME = "time"
    DISCONNECT = "disconnect"
    PROTOCOL = "protocol"
    LEFT = "left"
    FINISHED = "finished"
    WORKER = "worker"
    HUB = "hub"
    FAULT = "fault"


class SessionRole(enum.StrEnum):
    """What a session may do: play, run tournaments, or watch."""

    AGENT = "agent"
    DIRECTOR = "director"
    SPECTATOR = "spectator"


def message(kind: Kind, about: int, number: int, body: bytes) -> bytes:
    """One whole frame, of either side: about a seat or a lease, with its request id or sequence."""
    return AGENT_HEAD.pack(VERSION, kind, about, number) + body


def link(chain: int, seat: int, kind: int, flags: int, request: int, body: bytes) -> int:
    """The next value of the chain over a match's outputs, which starts with 0: 32 bits.

    It tells an engine that plays otherwise from one that plays the same, by accident once in 2**32. It is a
    checksum: whoever wants to forge a match can.
    """
    return zlib.crc32(body, (chain ^ request ^ seat << 16 ^ kind << 8 ^ flags) & 0xFFFFFFFF)


def pack(value: Any) -> bytes:
    """`value` as msgpack. Only None, bool, int, float, str, bytes and lists (or tuples) of them travel."""
    return msgpack.packb(value)  # type: ignore[no-any-return]  # msgpack ships no types


def unpack(body: bytes | memoryview, most_lists: int | None = None) -> Any:
    """The inverse of `pack`, strictly: no maps, no extension types, nothing after the value.

    Raises `ProtocolError(MALFORMED)`. The result is made of lists, never tuples. A large body from strangers
    needs a limit on its lists: a million empty ones take one byte each, and half a second to read.
    """
    counts = None if most_lists is None or len(body) <= UNCOUNTED_BYTES else _ListCounter(most_lists)
    try:
        return msgpack.unpackb(
            body, raw=False, ext_hook=_refuse, object_pairs_hook=_refuse, list_hook=counts, max_ext_len=0
        )
    except ProtocolError:
        raise
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        # msgpack has a dozen ways to say so
        raise ProtocolError(
            Code.MALFORMED, f"the body is not msgpack: {error or type(error).__name__}"
        ) from None


class _ListCounter:
    """Refuses a body once it has had more lists than it may."""

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, values: list[Any]) -> list[Any]:
        self._left -= 1
        if self._left < 0:
            raise ProtocolError(Code.MALFORMED, "the body has more lists than any of its kind")
        return values


def _refuse(*_unused: object) -> Any:
    raise ProtocolError(Code.MALFORMED, "maps and extension types have no place on this wire")
