import itertools

import attrs
import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege import protocol
from netsiege.errors import ProtocolError
from netsiege.protocol import (
    AGENT_HEAD,
    EVENT_BODY_AT,
    EVENT_HEAD,
    HEAD_BYTES,
    HUB_SEAT,
    MAX_NAME_CHARS,
    MAX_SEATS,
    OUT_BODY_AT,
    OUT_HEAD,
    WORKER_HEAD,
    Cause,
    Code,
    Flag,
    Held,
    HeldSeat,
    Hello,
    Kind,
    LostSeat,
    Message,
    Open,
    OpenRoom,
    Player,
    Result,
    Resumed,
    SeatCount,
    SeatSpec,
    State,
    Wait,
    Welcome,
    clean_name,
    link,
    pack,
    unpack,
)
from netsiege.protocol.declare import quoted
from netsiege.protocol.play import Seated

MESSAGES = sorted(
    {
        cls
        for cls in [*vars(protocol).values(), Seated]
        if isinstance(cls, type) and issubclass(cls, Message) and cls is not Message
    },
    key=lambda cls: cls.__name__,
)

EXAMPLES = [
    Hello("agent 1", protocol.SessionRole.AGENT, None, True, "x"),
    Welcome(b"token", "netsiege", (HeldSeat(5, 3, 2**32 - 1),), (LostSeat(6, Kind.END, 4, b"end"),)),
    Resumed(3, b"error", b"seated"),
    protocol.Join("default", "Attacker"),
    protocol.Reset(True, False, 2**64 - 1),
    Wait(Held.PEERS),
    protocol.End(Cause.TIME, "too slow"),
    protocol.Error(Code.BUSY, "busy"),
    OpenRoom(
        "r",
        ("Attacker", "Defender"),
        (SeatCount("Attacker", 2),),
        1,
        7,
        None,
        60.0,
        b"spec",
        episode_s=600.0,
        round_s=0.5,
        grace_s=20.0,
        journal=False,
        arranged=True,
    ),
    protocol.Arrange("g", "hall", "like", 2**64 - 1, (protocol.Call("Attacker", "a", "ann"),)),
    protocol.Arranged("g", 7),
    protocol.CloseRoom("r"),
    protocol.RoomClosed("r"),
    protocol.Room("r", b"digest"),
    protocol.Watch("r"),
    protocol.Watching("r"),
    protocol.Episode("r", 1, (Player("Attacker", 0, "a"),), b"result"),
    protocol.Match("r", 1, Cause.FINISHED, ""),
    protocol.Trajectory("r", 1, b"trajectory"),
    State(
        "s",
        1.5,
        2,
        3,
        (protocol.RoomState("r", 1, 2, 3, (protocol.Call("Attacker", "ann"),)),),
        (protocol.WorkerState("w", 1, 2, 3),),
        4,
        5,
        6,
        (protocol.Refusals("malformed", 7),),
    ),
    protocol.Enrol(bytes(32)),
    protocol.Enrolled("ann", "agent"),
    protocol.Refusals("malformed", 7),
    protocol.Spec(b"digest", b"spec"),
    Open(1, b"digest", 7, 3, (SeatSpec("Attacker", 0, "a", True),), b"snapshot", (b"e1", b"e2")),
    protocol.Ready("w", 4, b"engine", ("netsecgame",)),
    protocol.WorkerPong(9),
    protocol.Fault("boom"),
    Result(0, None, Cause.STEPS, ("Fail",), (100,), (-110,), True),
    Seated(1, "Attacker", 0, 5, None, 100, "goal", "hash", "netsecgame", b"obs"),
]

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


def test_heads_have_the_sizes_of_the_specification():
    assert (AGENT_HEAD.size, WORKER_HEAD.size, EVENT_HEAD.size, OUT_HEAD.size) == (14, 14, 7, 8)
    assert (HEAD_BYTES, EVENT_BODY_AT, OUT_BODY_AT) == (14, 21, 22)
    assert (
        AGENT_HEAD.pack(1, Kind.STEP, 0x0102030405060708, 0x0A0B0C0D).hex() == "010301020304050607080a0b0c0d"
    )


def test_seat_indices_never_reach_the_hubs_own():
    assert MAX_SEATS < HUB_SEAT == 2**16 - 1


def test_kinds_flags_and_words_keep_their_numbers():
    """Numbers and words on the wire are promises to clients in other languages."""
    assert {kind.name: int(kind) for kind in Kind} == {
        "HELLO": 1, "JOIN": 2, "STEP": 3, "STEP_MANY": 4, "RESET": 5, "LEAVE": 6, "PING": 7, "BYE": 8,
        "ENROL": 9, "ENROLLED": 25,
        "WELCOME": 16, "SEATED": 17, "OBS": 18, "OBS_MANY": 19, "WAIT": 20, "END": 21, "ERROR": 22,
        "PONG": 23, "RESUMED": 24,
        "OPEN_ROOM": 32, "ROOM": 33, "WATCH": 34, "WATCHING": 35, "EPISODE": 36, "MATCH": 37, "STATUS": 38,
        "STATE": 39, "TRAJECTORY": 40, "ARRANGE": 41, "ARRANGED": 42, "CLOSE_ROOM": 43, "ROOM_CLOSED": 44,
        "SPEC": 48, "OPEN": 49, "EVENT": 50, "EVENT_MANY": 51,
        "CLOSE": 52, "W_PING": 54, "UNKNOWN": 55, "VIEW": 56, "READY": 64, "OUT": 65, "OUT_MANY": 66,
        "SNAPSHOT": 67, "W_PONG": 68, "FAULT": 69, "GONE": 70, "VIEWED": 71,
        "TIMEOUT": 80, "RESULT": 81,
    }  # fmt: skip
    assert [int(flag) for flag in (Flag.NONE, Flag.MOVE, Flag.OVER)] == [0, 1, 2]
    assert list(Held) == ["players", "worker", "peers", "reset", "turn", "call"]
    assert list(Code) == [
        "MALFORMED", "VERSION", "TOO_LARGE", "HELLO_FIRST", "UNKNOWN_SESSION", "NOT_ALLOWED", "UNKNOWN_SEAT",
        "UNKNOWN_ROOM", "BAD_ROLE", "BAD_ACTION", "BAD_REQUEST", "BUSY", "OVERLOADED", "WORKER_LOST",
        "ENGINE_FAULT", "MATCH_OVER", "FORFEITED", "HUB_CLOSING", "HUB_PAUSED", "SESSION_TAKEN",
    ]  # fmt: skip
    assert list(Cause) == [
        "goal", "steps", "detected", "time", "disconnect", "protocol", "left", "finished", "worker", "hub",
        "fault",
    ]  # fmt: skip


def test_chain_over_outputs_tells_apart_what_differs_in_anything():
    one = (7, 1, 18, 0, 5, b"body")
    others = [(8, *one[1:]), (7, 2, *one[2:]), (7, 1, 19, *one[3:]), (7, 1, 18, 1, 5, b"body")]
    others += [(7, 1, 18, 0, 6, b"body"), (7, 1, 18, 0, 5, b"bodx")]
    assert link(*one) == link(*one)
    assert len({link(*each) for each in [one, *others]}) == 1 + len(others)
    assert 0 <= link(2**32 - 1, HUB_SEAT, 255, 255, 2**32 - 1, b"") < 2**32


def test_every_message_has_an_example():
    assert {type(example) for example in EXAMPLES} | {SeatCount, SeatSpec, Player} | {
        protocol.Call,
        HeldSeat,
        LostSeat,
        protocol.RoomState,
        protocol.WorkerState,
    } == set(MESSAGES)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_message_survives_the_wire(message):
    assert type(message).decode(message.encode()) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_message_with_a_field_too_few_or_too_many_is_refused(message):
    values = unpack(message.encode())
    for wrong in (values[:-1], [*values, None]):
        with pytest.raises(ProtocolError, match=r"MALFORMED: .* is a list of"):
            type(message).decode(pack(wrong))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda m: type(m).__name__)
def test_message_with_a_field_of_another_type_is_refused_by_name(message):
    values = unpack(message.encode())
    for i, field in enumerate(attrs.fields(type(message))):
        wrong = [*values[:i], [["neither", [1.5, True]]], *values[i + 1 :]]
        with pytest.raises(ProtocolError, match=field.name):
            type(message).decode(pack(wrong))


@given(st.sampled_from(MESSAGES), st.binary(max_size=60))
def test_message_of_any_bytes_decodes_or_raises_a_protocol_error(cls, body):
    try:
        cls.decode(body)
    except ProtocolError as error:
        assert error.code == Code.MALFORMED


@given(st.sampled_from(MESSAGES), plain)
def test_message_of_any_value_decodes_to_itself_or_raises_a_protocol_error(cls, value):
    body = msgpack.packb(value)
    try:
        message = cls.decode(body)
    except ProtocolError as error:
        assert error.code == Code.MALFORMED
    else:
        assert cls.decode(message.encode()) == message


def nested(depth):
    """The body of a list in a list in a list."""
    return b"\x91" * depth + b"\x90"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda m: type(m).__name__)
def test_message_with_a_deeply_nested_field_is_malformed_and_nothing_else(example):
    """Every field at every kind of depth. Hypothesis raises the limit of recursion, which is what matters."""
    fields = [pack(value) for value in unpack(example.encode())]
    depths = [1, 10, 511, 512, 800, *range(900, 1_030, 7)]
    for at, depth, wrap in itertools.product(range(len(fields)), depths, [b"", b"\x91", b"\x92\xa1a"]):
        wrong = [*fields[:at], wrap + nested(depth), *fields[at + 1 :]]
        with pytest.raises(ProtocolError) as caught:
            type(example).decode(bytes([0x90 + len(fields)]) + b"".join(wrong))
        assert caught.value.code == Code.MALFORMED
        assert len(caught.value.text) < 400


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("depth", [1, 400, 511, 512, 900, 1_000, 1_023, 1_024, 5_000])
def test_message_of_nested_lists_alone_is_malformed(cls, depth):
    count = len(attrs.fields(cls))
    for body in (nested(depth), bytes([0x90 + count]) + nested(depth) * count):
        with pytest.raises(ProtocolError) as caught:
            cls.decode(body)
        assert caught.value.code == Code.MALFORMED


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([["x"] * 9] * 7, "a list of 7"),
        ("x" * 1_000, repr("x" * 1_000)[:40]),
        (b"x" * 1_000, repr(b"x" * 1_000)[:40]),
        (True, "True"),
        (None, "None"),
        (2**64 - 1, str(2**64 - 1)),
    ],
)
def test_value_is_quoted_by_its_beginning_or_its_size(value, said):
    assert quoted(value) == said


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("field", ["move_s", "episode_s", "round_s", "grace_s"])
def test_room_with_a_clock_that_is_no_number_is_refused(field, wrong):
    [room] = [example for example in EXAMPLES if isinstance(example, OpenRoom)]
    with pytest.raises(ProtocolError, match=f"OpenRoom.{field}: expected a finite number"):
        OpenRoom.decode(attrs.evolve(room, **{field: wrong}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x91",
        msgpack.packb([1]) + b"\x00",
        msgpack.packb({"a": 1}),
        msgpack.packb([{}]),
        msgpack.packb(msgpack.ExtType(1, b"x")),
        msgpack.packb(msgpack.Timestamp(1)),
        b"\xa2\xff\xfe",
        b"\x91" * 5_000 + b"\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xffx",
    ],
    ids=lambda b: b[:4].hex() or "empty",
)
def test_unpack_refuses_what_is_not_strict(body):
    with pytest.raises(ProtocolError) as caught:
        unpack(body)
    assert caught.value.code == Code.MALFORMED


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a\n", "\x1b[31mred", "a\u202eb", "x" * (MAX_NAME_CHARS + 1), 7, None, b"x"]
)
def test_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(ValueError, match="a name has"):
        clean_name(name)


@pytest.mark.parametrize("name", ["a", "Random Attacker", "Žižka-2", "攻撃", "x" * MAX_NAME_CHARS])
def test_name_that_can_be_shown_is_taken(name):
    assert clean_name(name) == name
