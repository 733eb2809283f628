from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsiege.engine.actions import BLOCK, EXFILTRATE, EXPLOIT, FIND_DATA, FIND_SERVICES, SCAN
from netsiege.engine.detector import PROBABILITY, Detector
from netsiege.protocol import pack, unpack


def play(*codes):
    """Whether each of the actions was suspicious; equal codes mean equal actions."""
    detector = Detector(1, "detector")
    return [detector.watch((code, 0, 0)) for code in codes]


S, F, X, D, E, B = SCAN, FIND_SERVICES, EXPLOIT, FIND_DATA, EXFILTRATE, BLOCK


@pytest.mark.parametrize(
    ("played", "suspicious"),
    [
        ([S, S, S, S], False),  # nothing before the fifth
        ([S, S, S, S, S], True),
        ([F, D, F, D, S], False),  # a fifth of the window, alone
        ([S, D, F, D, S], True),  # two fifths
        ([F, S, D, E, F], True),
        ([S, S, D, E, F], False),
        ([F, F, S, S, D], False),  # one fifth, first time
        ([D, F, S, S, D], True),  # less than half, but played before
        ([X, F, S, S, E, E, X], True),  # played before, outside the window
        ([F, F, S, S, X], False),
        ([S, F, S, F, E], False),
        ([E, F, S, F, E], True),
        ([B, B, B, B, B, B], False),  # blocks never
    ],
)
def test_last_action_is_suspicious_by_its_share_run_or_repetition(played, suspicious):
    assert play(*played)[-1] is suspicious


def test_same_type_with_other_parameters_is_no_repetition():
    detector = Detector(1, "detector")
    seen = [detector.watch(a) for a in [(D, 0, 0), (F, 0, 0), (S, 0, 0), (S, 0, 0), (D, 0, 1)]]
    assert seen[-1] is False


def naive(codes):
    """The rule as it is told, on the whole history."""
    share = {S: 0.25, F: 0.3, X: 0.25, D: 0.5, E: 0.25}
    run = {S: 2, F: 3, E: 2}
    window, code = codes[-5:], codes[-1]
    if len(codes) < 5 or code == B:
        return False
    if window.count(code) / 5 >= share[code]:
        return True
    if code in (X, D):
        return codes.count(code) >= 2
    return max(len(list(g)) for k, g in groupby(window) if k == code) >= run[code]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_suspicion_follows_the_whole_history(codes):
    assert play(*codes) == [naive(codes[: n + 1]) for n in range(len(codes))]


@pytest.mark.parametrize("code", sorted(PROBABILITY))
def test_detections_come_as_often_as_their_probability_says(code):
    detector = Detector(3, "detector/Attacker/0")
    hits = sum(detector.detects(code) for _ in range(20_000))
    assert abs(hits / 20_000 - PROBABILITY[code]) < 0.006


def test_draws_depend_on_the_seed_and_the_seat():
    def draws(seed, name):
        detector = Detector(seed, name)
        return [detector.detects(EXPLOIT) for _ in range(200)]

    assert draws(1, "a") == draws(1, "a")
    assert draws(1, "a") != draws(1, "b")
    assert draws(1, "a") != draws(2, "a")


@given(st.lists(st.integers(0, 5), max_size=12), st.lists(st.integers(0, 5), max_size=12))
def test_restored_detector_goes_on_as_the_original(before, after):
    detector, again = Detector(1, "d"), Detector(1, "d")
    for code in before:
        if detector.watch((code, 0, ("x", True))):
            detector.detects(code)
    again.load(unpack(pack(detector.to_plain())))
    for code in after:
        action = (code, 0, ("x", True))
        assert detector.watch(action) == again.watch(action)
        if code != BLOCK:
            assert detector.detects(code) == again.detects(code)
