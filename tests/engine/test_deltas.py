import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.deltas import (
    CONTROLLED,
    HOSTS,
    NETWORKS,
    NOTHING,
    QUIET,
    SERVICES,
    Deltas,
    Memo,
    joined,
    read_delta,
)
from netsiege.protocol import pack

DELTAS = Deltas([7, 9, 11], [[0, 8], [256, 24]], [["a", "b", "c", True], ["d", "e", "f", False]])


def test_kept_deltas_say_what_is_new():
    assert read_delta(DELTAS.networks[0b10]) == [NETWORKS, [[256, 24]]]
    assert read_delta(DELTAS.hosts[0b101]) == [HOSTS, [7, 11]]
    assert read_delta(DELTAS.controlled[1]) == [CONTROLLED, [9]]
    assert read_delta(DELTAS.services[2, 0b11]) == [
        SERVICES,
        [[11, [["a", "b", "c", True], ["d", "e", "f", False]]]],
    ]


def test_kept_delta_is_made_once():
    assert DELTAS.hosts[0b111] is DELTAS.hosts[0b111]


def test_nothing_is_false_and_travels_as_an_empty_list():
    assert not NOTHING
    assert read_delta(NOTHING) == read_delta(QUIET) == []


@given(st.lists(st.integers(0, 300), max_size=3), st.lists(st.integers(0, 300), max_size=3))
def test_joined_deltas_say_both(first, second):
    one, other = ([part for value in values for part in (1, [value])] for values in (first, second))
    told = joined(pack(one) if one else NOTHING, pack(other) if other else NOTHING)
    assert read_delta(told) == one + other


def test_memo_forgets_when_it_is_full_and_never_keeps_what_is_large():
    made = []
    memo = Memo(lambda key: made.append(key) or bytes(key), limit=3, max_bytes=10)
    for key in (1, 2, 3, 1, 2, 3):
        assert memo[key] == bytes(key)
    assert made == [1, 2, 3]
    assert memo[4] == bytes(4)
    assert len(memo) == 1
    assert len(memo[11]) == 11
    assert set(memo) == {4}


@pytest.mark.parametrize("steps", [1, 3])
def test_kept_services_stay_few(steps):
    memo = Memo(bytes, limit=steps)
    for key in range(10):
        assert memo[key] == bytes(key)
        assert len(memo) <= steps
