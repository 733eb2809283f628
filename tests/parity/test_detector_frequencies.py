"""The stochastic global defender against the original's: when it looks, and how often it detects."""

import pytest

from netsiege.engine.streams import Stream
from netsiege.protocol.play import action_body
from tests.parity import detections
from tests.parity.detections import MENU, POLICIES, SIGMAS, STEPS, Frequencies, mean_distance, rate_distance


def assert_alike(mine, theirs):
    assert theirs.detected > 1000
    assert rate_distance(mine, theirs) <= SIGMAS, (mine.rate, theirs.rate)
    assert mean_distance(mine, theirs) <= SIGMAS, (mine.mean, theirs.mean)


@pytest.fixture(scope="module")
def ours():
    """Our frequencies by policy, counted once."""
    return {policy: detections.ours(policy) for policy in POLICIES}


@pytest.mark.parametrize("policy", POLICIES)
def test_detections_come_as_often_and_as_early_as_was_recorded(ours, policy):
    assert_alike(ours[policy], detections.recorded(policy))


@pytest.mark.soak
@pytest.mark.parametrize("policy", POLICIES)
def test_detections_come_as_often_and_as_early_as_in_the_original(original, ours, policy):
    assert_alike(ours[policy], detections.theirs(original, policy, seed=2))


@pytest.mark.parametrize("policy", POLICIES)
def test_same_dice_detect_at_the_same_step_as_in_the_original(original, policy):
    read = detections.reader().read
    menu = [read(action_body(action)) for action in MENU]
    episodes = detections.episodes_of(policy, 1000)
    streams = [Stream(seed, "dice") for seed in range(len(episodes))]
    rolls = [[stream.uniform() for _ in range(STEPS)] for stream in streams]
    [theirs] = original.ask({**detections.command(policy), "episodes": episodes, "rolls": rolls})
    for seed, (episode, answer) in enumerate(zip(episodes, theirs, strict=True)):
        mine = detections.watch([menu[choice] for choice in episode], seed, "dice")
        assert list(mine) == answer, (seed, [MENU[choice] for choice in episode])


def test_distances_are_those_of_worked_examples():
    # 200 of 1000 against 250 of 1000: p = 0.225, error = sqrt(0.225 * 0.775 / 500) = 0.018675
    one, other = Frequencies(1000, (100, 100)), Frequencies(1000, (50, 200))
    assert rate_distance(one, other) == pytest.approx(2.6774, abs=1e-4)
    # means 1.5 and 1.8; variances 50/199 and 40/249
    assert mean_distance(one, other) == pytest.approx(0.3 / (50 / 199 / 200 + 40 / 249 / 250) ** 0.5)


@pytest.mark.parametrize(("policy", "factor"), [("uniform", 0.85), ("exploit_heavy", 1.2)])
def test_a_detector_off_by_a_sixth_would_be_noticed(policy, factor):
    recorded = detections.recorded(policy)
    off = Frequencies(recorded.episodes, tuple(round(count * factor) for count in recorded.steps))
    assert rate_distance(off, recorded) > SIGMAS
