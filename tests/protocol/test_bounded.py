"""msgpack out of files: what `unpack` takes, counted before any room is made for it."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.errors import ProtocolError
from netsiege.protocol import pack, unpack
from netsiege.protocol.bounded import LIST_COST, MAX_DEPTH, unpack_bounded

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=20,
)


def refusal(body, most=1_000):
    with pytest.raises(ProtocolError) as caught:
        unpack_bounded(body, most)
    return caught.value.text


@given(values)
def test_bounded_of_any_value_is_what_unpack_gives(value):
    body = pack(value)
    try:
        read = unpack_bounded(body, 1_000)
    except ProtocolError as error:
        assert error.text == "it is nested too deeply"
        return
    assert repr(read) == repr(unpack(body))


@given(st.binary(max_size=60))
def test_bounded_of_any_bytes_takes_nothing_that_unpack_refuses(body):
    try:
        read = unpack_bounded(body, 1_000)
    except ProtocolError:
        return
    assert repr(read) == repr(unpack(body))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "cut off"),
        (b"\x93\x01", "cut off"),
        (b"\x90\x90", "something follows"),
        (b"\x80", "maps and extension types"),
        (b"\x81\x01\x02", "exceeds max_map_len"),
        (b"\xd4\x01\x01", "exceeds max_ext_len"),
        (b"\xc1", "it is not msgpack: FormatError"),
        (b"\xa3ab", "No more data"),
        (b"\xa2\xff\xfe", "utf-8"),
        (b"\xc6\x7f\xff\xff\xffaa", "No more data"),
        (b"\xdd\xff\xff\xff\xff", "too many values"),
        (b"\x91" * (MAX_DEPTH + 1) + b"\x01", "nested too deeply"),
    ],
)
def test_bounded_of_what_is_no_value_says_why(body, said):
    assert said in refusal(body)


def test_bounded_counts_values_and_lists():
    body = pack([1, [2, 3]])
    cost = 2 + 2 + 2 * LIST_COST
    assert unpack_bounded(body, cost) == [1, [2, 3]]
    assert refusal(body, cost - 1) == "it has too many values"


@pytest.mark.parametrize("filling", [b"\x90", b"\xc0", b"\x91\x90", b"\xa0"])
def test_bounded_of_a_bomb_takes_no_memory_to_speak_of(filling):
    count = 20_000_000 // len(filling)
    body = b"\x91\xdd" + count.to_bytes(4, "big") + filling * count
    tracemalloc.start()
    try:
        assert refusal(body, 1 << 16) == "it has too many values"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
