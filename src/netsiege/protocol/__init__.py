"""Version 1 of the wire: the one place that knows how messages look.

One ZeroMQ frame is one message: a fixed head, then a msgpack body, big-endian throughout::

    agents' side    version u8 | kind u8 | seat u64  | request u32 | body      (14 bytes of head)
    workers' side   version u8 | kind u8 | lease u64 | sequence u32 | body     (14 bytes of head)

Seat handles and leases are random 64-bit numbers, new with every session and lease; 0 means none. A request
id is chosen by the agent, is unique among its open requests, and is never 0; 0 marks what nobody asked for.
Every request gets exactly one final reply; WAIT may come before it and says why it is held.

A session that has lost its connection says HELLO with its token over another one. WELCOME names the seats it
still holds, and a RESUMED for each follows; what the session has asked and the hub has not taken in is to be
sent again, under the same request id. A request that comes twice is applied once.

Where a hub has keys, it is the connection's own CURVE key that says who is speaking, never a claim in a
message. An invitation is such a key, too: over its connection ENROL is all that may be said.

Bodies are msgpack lists of declared fields. Those of STEP, OBS, SEATED and of everything that passes between
a seat and its engine are opaque to the hub.

What one event looks like on its way::

    agent  → hub      head(STEP, seat, request) + action
    hub    → worker   head(EVENT, lease, sequence) + seat index u16 | kind u8 | request u32 + action
    worker → hub      head(OUT, lease, sequence) + seat index u16 | kind u8 | flags u8 | request u32 + body
    hub    → agent    head(OBS, seat, request) + body

EVENT_MANY, OUT_MANY, STEP_MANY and OBS_MANY carry many of these in one flat msgpack list; their lease or
seat is 0; the other number of the head counts the records, or stays the request id on the agents' side.

This package refuses to keep state: encode, decode, check, nothing else. `frames` holds heads, kinds and
limits, `messages` the bodies with declared fields, `play` those that only a seat and its engine open.
"""

from __future__ import annotations

from netsiege.protocol.declare import Message, clean_name
from netsiege.protocol.frames import (
    AGENT_HEAD,
    DEFAULT_GRACE_S,
    DEFAULT_PORT,
    DEFAULT_ROOM,
    DEFAULT_WORKERS_PORT,
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    HEARTBEAT_IVL_MS,
    HEARTBEAT_TIMEOUT_MS,
    HUB_SEAT,
    MAX_ACTION_LISTS,
    MAX_AGENT_FRAME_BYTES,
    MAX_BATCH,
    MAX_NAME_CHARS,
    MAX_REQUEST,
    MAX_REQUEST_BYTES,
    MAX_SEATS,
    MAX_SEED,
    MAX_WORKER_FRAME_BYTES,
    OUT_BODY_AT,
    OUT_HEAD,
    VERSION,
    WORKER_HEAD,
    WORKER_HEARTBEAT_IVL_MS,
    WORKER_HEARTBEAT_TIMEOUT_MS,
    Cause,
    Code,
    Flag,
    Held,
    Kind,
    SessionRole,
    link,
    message,
    pack,
    unpack,
)
from netsiege.protocol.messages import (
    Arrange,
    Arranged,
    Call,
    CloseRoom,
    End,
    Enrol,
    Enrolled,
    Episode,
    Error,
    Fault,
    HeldSeat,
    Hello,
    Join,
    LostSeat,
    Match,
    Open,
    OpenRoom,
    Player,
    Ready,
    Refusals,
    Reset,
    Result,
    Resumed,
    Room,
    RoomClosed,
    RoomState,
    SeatCount,
    SeatSpec,
    Spec,
    State,
    Trajectory,
    Wait,
    Watch,
    Watching,
    Welcome,
    WorkerPong,
    WorkerState,
)

__all__ = [
    "AGENT_HEAD",
    "DEFAULT_GRACE_S",
    "DEFAULT_PORT",
    "DEFAULT_ROOM",
    "DEFAULT_WORKERS_PORT",
    "EVENT_BODY_AT",
    "EVENT_HEAD",
    "HEAD_BYTES",
    "HEARTBEAT_IVL_MS",
    "HEARTBEAT_TIMEOUT_MS",
    "HUB_SEAT",
    "MAX_ACTION_LISTS",
    "MAX_AGENT_FRAME_BYTES",
    "MAX_BATCH",
    "MAX_NAME_CHARS",
    "MAX_REQUEST",
    "MAX_REQUEST_BYTES",
    "MAX_SEATS",
    "MAX_SEED",
    "MAX_WORKER_FRAME_BYTES",
    "OUT_BODY_AT",
    "OUT_HEAD",
    "VERSION",
    "WORKER_HEAD",
    "WORKER_HEARTBEAT_IVL_MS",
    "WORKER_HEARTBEAT_TIMEOUT_MS",
    "Arrange",
    "Arranged",
    "Call",
    "Cause",
    "CloseRoom",
    "Code",
    "End",
    "Enrol",
    "Enrolled",
    "Episode",
    "Error",
    "Fault",
    "Flag",
    "Held",
    "HeldSeat",
    "Hello",
    "Join",
    "Kind",
    "LostSeat",
    "Match",
    "Message",
    "Open",
    "OpenRoom",
    "Player",
    "Ready",
    "Refusals",
    "Reset",
    "Result",
    "Resumed",
    "Room",
    "RoomClosed",
    "RoomState",
    "SeatCount",
    "SeatSpec",
    "SessionRole",
    "Spec",
    "State",
    "Trajectory",
    "Wait",
    "Watch",
    "Watching",
    "Welcome",
    "WorkerPong",
    "WorkerState",
    "clean_name",
    "link",
    "message",
    "pack",
    "unpack",
]
