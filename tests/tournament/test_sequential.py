import math
import random

import pytest

from netsiege.hub.tournament.elo import elo
from netsiege.hub.tournament.hypotheses import Hypotheses
from netsiege.hub.tournament.model import Game, Outcome
from netsiege.hub.tournament.sequential import Comparison, Sprt, State
from netsiege.hub.tournament.slices import row_of
from tests.lengths import lasting
from tests.tournament.coverage import MATCHES, errors


def run(scores, **hypotheses):
    test = Sprt(Hypotheses(**hypotheses))
    for score in scores:
        if test.observe(score) is not State.CONTINUE:
            break
    return test


def outcome(number, attacker, defender, score, at=0):
    return Outcome(Game(number, number, "s", at, 1, attacker, defender), float(score), "goal", (0, 0), (1, 1))


# --- the test ---------------------------------------------------------------------------------------------


def test_bounds_are_walds():
    # ln 19 and ln(0.95/0.01), ln(0.05/0.99): Wald 1945
    assert Hypotheses(alpha=0.05, beta=0.05).bounds == pytest.approx((-2.944439, 2.944439), abs=1e-6)
    assert Hypotheses(alpha=0.01, beta=0.05).bounds == pytest.approx((-2.985682, 4.553877), abs=1e-6)


def test_elo_and_score_are_those_of_the_chess_world():
    assert Hypotheses(elo0=0, elo1=200).scores == pytest.approx((0.5, 0.7597469), abs=1e-6)
    assert elo(10 / 11) == pytest.approx(400)
    assert (elo(0.0), elo(1.0)) == (None, None)


def test_ratio_of_many_scores_is_that_of_normal_ones_with_the_variance_of_the_pairs():
    """(s1 - s0) (2 sum - n (s0 + s1)) / (2 variance), where n is large and hypotheses are near."""
    rng = random.Random(1)
    scores = [rng.choice((0.0, 0.5, 0.5, 1.0)) for _ in range(4_000)]
    test = run(scores, elo0=-3, elo1=3, alpha=0.0001, beta=0.0001)
    assert test.pairs == 4_000
    s0, s1 = test.hypotheses.scores
    mean = sum(scores) / 4_000
    variance = sum((score - mean) ** 2 for score in scores) / 4_000
    expected = (s1 - s0) * (2 * sum(scores) - 4_000 * (s0 + s1)) / (2 * variance)
    assert test.llr == pytest.approx(expected, rel=0.01)


def test_ratio_turns_its_sign_with_the_hypotheses():
    scores = [0.5, 1.0, 0.0, 1.0, 0.5, 0.5]
    there = run(scores, elo0=-20, elo1=20)
    back = run([1 - score for score in scores], elo0=-20, elo1=20)
    assert there.llr == pytest.approx(-back.llr)
    assert there.llr > 0


@pytest.mark.parametrize(("score", "state"), [(1.0, State.ACCEPT_H1), (0.0, State.ACCEPT_H0)])
def test_clear_evidence_decides_and_what_comes_later_changes_nothing(score, state):
    test = run([score] * 200, elo0=0, elo1=100)
    assert test.state is state
    assert 4 <= test.pairs < 100
    before = (test.pairs, test.llr, test.estimate())
    assert test.observe(1 - score) is state
    assert (test.pairs, test.llr, test.estimate()) == before


def test_first_few_equal_scores_decide_nothing():
    """Their variance is nothing: without a prior any mean would be infinitely unlikely."""
    for score in (0.0, 0.5, 1.0):
        assert run([score] * 3, elo0=0, elo1=100).state is State.CONTINUE


@pytest.mark.parametrize("score", [-0.1, 1.1, math.nan])
def test_score_that_is_none_is_refused(score):
    with pytest.raises(ValueError, match="from 0 to 1"):
        Sprt(Hypotheses()).observe(score)


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"elo0": 20.0, "elo1": 20.0}, "elo1: 20 is not at least 0.1 above elo0, 20"),
        ({"elo1": 5_000.0}, "elo1: 5000 is not an Elo difference from -1200 to 1200"),
        ({"elo0": math.nan}, "elo0: nan is not"),
        ({"alpha": 0.5}, "alpha: 0.5 is not a probability of error"),
        ({"beta": 0.0}, "beta: 0 is not a probability of error"),
    ],
)
def test_hypotheses_that_cannot_be_tested_are_a_mistake(wrong, what):
    (told,) = Hypotheses(**wrong).problems()
    assert ": ".join(told).startswith(what)


def test_all_that_is_wrong_with_hypotheses_is_told_at_once():
    assert [name for name, _ in Hypotheses(5.0, 1.0, 0.7, -1.0).problems()] == ["elo1", "alpha", "beta"]
    assert not list(Hypotheses().problems())


# --- the estimate -----------------------------------------------------------------------------------------


def test_estimate_before_the_first_score_is_open():
    told = Sprt(Hypotheses()).estimate()
    assert (told.value, told.low, told.high) == (0.0, None, None)


def test_estimate_while_it_runs_is_the_mean_with_its_interval():
    test = run([0.0, 0.5, 1.0, 0.5] * 20, elo0=-5, elo1=5)
    told = test.estimate()
    assert test.state is State.CONTINUE
    assert told.value == pytest.approx(0)
    assert told.high == pytest.approx(-told.low)
    # t(79) * sqrt(1/8) / sqrt(80), as a score
    assert 1 / (1 + 10 ** (-told.high / 400)) == pytest.approx(0.5 + 1.99045 * math.sqrt(1 / 640), abs=1e-5)


def test_estimate_at_the_stop_takes_back_what_the_stop_exaggerates():
    rng = random.Random(11)
    test = run((rng.choice((0.0, 0.5, 1.0, 1.0)) for _ in range(500)), elo0=0, elo1=60)
    assert test.state is State.ACCEPT_H1
    told = test.estimate()
    assert 0 < told.value < elo(test.mean)
    assert told.low < told.value < told.high


def test_estimate_of_nothing_but_wins_is_wide_and_finite():
    told = run([1.0] * 100, elo0=0, elo1=200).estimate()
    assert 0 < told.low < told.value < 800
    assert told.high is None or told.high > told.value + 200


def test_estimate_is_a_number_in_its_interval_whatever_is_tested():
    rng = random.Random(3)
    decided = 0
    for _ in range(120):
        elo0 = rng.uniform(-1200, 1199)
        hypotheses = Hypotheses(
            elo0, rng.uniform(elo0 + 0.1, 1200), 10 ** rng.uniform(-4, -0.31), 10 ** rng.uniform(-4, -0.31)
        )
        assert not list(hypotheses.problems())
        test = Sprt(hypotheses)
        mean = rng.random()
        while test.state is State.CONTINUE and test.pairs < 300:
            test.observe(float(rng.random() < mean))
            if test.pairs in {1, 2, 300}:
                assert math.isfinite(test.estimate().value)
        told = test.estimate()
        decided += test.state is not State.CONTINUE
        assert math.isfinite(told.value)
        assert told.low is None or told.low < told.value + 1e-9
        assert told.high is None or told.value - 1e-9 < told.high
    assert decided > 50


@pytest.mark.parametrize(("score", "sign"), [(1.0, 1), (0.0, -1), (0.5, 0)])
def test_estimate_after_one_score_has_its_sign(score, sign):
    test = Sprt(Hypotheses())
    test.observe(score)
    told = test.estimate()
    assert math.copysign(1, told.value) == sign if sign else told.value == 0
    assert abs(told.value) > 100 or not sign
    assert (told.low, told.high) == (None, None)


# --- from outcomes ----------------------------------------------------------------------------------------


def test_pair_with_roles_swapped_is_one_score():
    comparison = Comparison("a", "b", 0, Hypotheses())
    comparison.add(row_of(outcome(0, "a", "b", 1)))
    assert comparison.test.pairs == 0
    comparison.add(row_of(outcome(1, "b", "a", 0)))
    assert (comparison.test.pairs, comparison.test.mean, comparison.wins) == (1, 1.0, 1)
    comparison.add(row_of(outcome(2, "b", "a", 1, at=1)))
    comparison.add(row_of(outcome(3, "a", "b", 1, at=1)))
    assert (comparison.test.pairs, comparison.test.mean, comparison.ties, comparison.games) == (2, 0.75, 1, 4)


@pytest.mark.parametrize("role", ["attacker", "defender"])
def test_difference_against_the_same_opponents_is_one_score(role):
    comparison = Comparison("a", "b", 2, Hypotheses())
    wins = {("a", "x"): 1, ("a", "y"): 1, ("b", "x"): 0, ("b", "y"): 1}
    for number, ((who, other), won) in enumerate(wins.items()):
        assert comparison.test.pairs == 0
        game = (who, other, won) if role == "attacker" else (other, who, 1 - won)
        comparison.add(row_of(outcome(number, *game)))
    assert (comparison.test.pairs, comparison.test.mean) == (1, 0.75)


def test_attackers_that_meet_no_defender_are_compared_seed_by_seed():
    comparison = Comparison("a", "b", 0, Hypotheses())
    comparison.add(row_of(outcome(0, "a", "", 1)))
    comparison.add(row_of(outcome(1, "b", "", 0)))
    assert (comparison.test.pairs, comparison.test.mean) == (1, 1.0)


def test_slices_under_way_at_once_are_kept_apart():
    comparison = Comparison("a", "b", 0, Hypotheses())
    for number, (game, at) in enumerate(
        [(("a", "b", 1), 0), (("a", "b", 0), 1), (("b", "a", 1), 1), (("b", "a", 0), 0)]
    ):
        comparison.add(row_of(outcome(number, *game, at=at)))
    assert (comparison.test.pairs, comparison.test.total, comparison.wins) == (2, 0.0, 1)


def test_after_the_decision_no_game_counts():
    comparison = Comparison("a", "b", 0, Hypotheses(0, 200))
    number = 0
    while comparison.test.state is State.CONTINUE:
        comparison.add(row_of(outcome(number, "a", "b", 1, at=number // 2)))
        comparison.add(row_of(outcome(number + 1, "b", "a", 0, at=number // 2)))
        number += 2
    assert comparison.games == number
    assert comparison.add(row_of(outcome(number, "b", "a", 1, at=number))) is State.ACCEPT_H1
    assert (comparison.games, comparison.wins) == (number, number // 2)


def test_outcome_out_of_order_or_of_others_is_refused():
    comparison = Comparison("a", "b", 1, Hypotheses())
    comparison.add(row_of(outcome(3, "a", "x", 1)))
    with pytest.raises(ValueError, match="by the schedule"):
        comparison.add(row_of(outcome(3, "b", "x", 1)))
    with pytest.raises(ValueError, match="neither a nor b"):
        comparison.add(row_of(outcome(4, "c", "x", 1)))


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_test_errs_no_more_often_than_it_says():
    figures = errors(lasting(150, 300), 1, map, [name for name in MATCHES if "narrow" not in name])
    assert [str(figure) for figure in figures if not figure.good] == []
