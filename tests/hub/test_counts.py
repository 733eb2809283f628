"""The small accounts of a hub: limits, rates, tallies."""

import pytest

from netsiege.errors import ConfigError
from netsiege.hub.limits import DEFAULT_LIMITS
from netsiege.hub.rates import LOOK_EVERY, Rates
from netsiege.hub.tally import KNOWN_MAX, LINES_MAX, PERIOD_S, Tally


def test_limits_are_changed_by_name():
    limits = DEFAULT_LIMITS.with_changes(["rooms=7", "handshake-s=0.5", "unsent_bytes=1_000_000"])
    assert (limits.rooms, limits.handshake_s, limits.unsent_bytes) == (7, 0.5, 1_000_000)
    assert limits.hello_s == DEFAULT_LIMITS.hello_s


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("room=7", "did you mean rooms?"),
        ("rooms", "NAME=VALUE"),
        ("rooms=", "a whole number of at least 1"),
        ("rooms=0", "at least 1"),
        ("rooms=1.5", "whole number"),
        ("hello_s=nan", "a number of at least 0.1"),
        ("hello_s=inf", "a number"),
        ("agent_frame_bytes=10", "at least 1024"),
    ],
)
def test_limit_that_is_none_is_said_with_what_it_could_be(said, told):
    with pytest.raises(ConfigError) as refused:
        DEFAULT_LIMITS.with_changes([said, "rooms=8"])
    [problem] = refused.value.problems
    assert said.partition("=")[0] in problem
    assert told in problem


def test_all_limits_that_are_none_are_said_at_once():
    with pytest.raises(ConfigError) as refused:
        DEFAULT_LIMITS.with_changes(["a=1", "rooms=x", "hello_s=0"])
    assert len(refused.value.problems) == 3


def test_rate_allows_a_burst_and_then_so_many_a_second():
    rates = Rates(3, 2)
    assert [rates.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert rates.take("b", 0.0)
    assert [rates.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [rates.take("a", 100.0) for _ in range(4)] == [True, True, True, False]


def test_rate_that_is_asked_too_often_is_not_put_off_for_ever():
    rates = Rates(1, 1)
    assert sum(rates.take("a", n / 10) for n in range(100)) == 10


def test_rates_forget_who_has_rested():
    rates = Rates(1, 1)
    for n in range(3 * LOOK_EVERY):
        rates.take(n, n)
    assert len(rates) <= LOOK_EVERY


def test_tally_counts_always_and_tells_once():
    tally = Tally()
    for _ in range(3):
        tally.note("malformed", "ann", "x")
        tally.note("malformed", "bob")
    assert tally.counts == {"malformed": 6}
    assert tally.lines(0.0) == ["malformed who=ann x", "malformed who=bob"]
    tally.note("malformed", "ann", "x")
    assert tally.lines(1.0) == []


def test_tally_neither_floods_the_log_nor_falls_silent():
    tally = Tally()
    tally.lines(0.0)
    for n in range(3 * KNOWN_MAX):
        tally.note("key_refused", str(n))
    assert len(tally.lines(1.0)) == LINES_MAX
    assert tally.lines(PERIOD_S) == [f"key_refused and {3 * KNOWN_MAX - LINES_MAX} others"]
    tally.note("key_refused", "another")
    assert tally.lines(PERIOD_S + 1) == ["key_refused who=another"]
    assert len(tally._known["key_refused"]) <= KNOWN_MAX
