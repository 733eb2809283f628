import math
import random

import pytest

from netsiege.hub.tournament.elo import ELO, logistic
from netsiege.hub.tournament.model import ATTACKER, DEFENDER
from netsiege.hub.tournament.ratings import OVERALL
from netsiege.hub.tournament.ratings import rate as rate_groups
from tests.lengths import lasting
from tests.tournament.coverage import DESIGNS, coverage
from tests.tournament.small_cups import groups_of

NO_PRIOR = {"prior_sd": 1e3, "ease_sd": 1e3}

# Wins and losses at home of each team (row) against each other (column), in the Eastern Division of the
# American League, 1987 (Agresti, Categorical Data Analysis, 2nd edition, 2002, section 10.6).
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
AT_HOME = """
    -   4-3 4-2 4-3 6-1 4-2 6-0
    3-3 -   4-2 4-3 6-0 6-1 4-3
    2-5 4-3 -   2-4 4-3 4-2 6-0
    3-3 5-1 2-5 -   4-3 4-2 6-1
    5-1 2-5 3-3 4-2 -   5-2 6-0
    2-5 3-3 3-4 4-3 4-2 -   2-4
    2-5 1-5 1-6 2-4 1-6 3-4 -
"""


def baseball(home, away):
    """Each game twice, once from either side, so that a team's strength is the same in both roles."""
    counts = {}
    number = 0
    for team, line in zip(TEAMS, AT_HOME.split("\n")[1:-1], strict=True):
        for other, told in zip(TEAMS, line.split(), strict=True):
            if team == other:
                continue
            won, lost = map(int, told.split("-"))
            for result in [1.0] * won + [0.0] * lost:
                counts[home, number] = [(team, other, result)]
                counts.setdefault((away, number), []).append((other, team, 1 - result))
                number += 1
    return counts


def rate(counts, **more):
    return rate_groups(groups_of(counts.items()), **more)


def counts_of(*results, ground="s"):
    """One slice for each list of (attacker, defender, score)."""
    return {(ground, number): games for number, games in enumerate(results)}


def drawn(seed, slices, names="abcd", grounds=("s", "t")):
    """Games of all against all, whose luck is of the slice and of the attacker in it."""
    rng = random.Random(seed)
    counts = {}
    for ground in grounds:
        for number in range(slices):
            shift = rng.gauss(0, 1)
            games = counts[ground, number] = []
            for i, a in enumerate(names):
                own = rng.gauss(0, 1)
                for j, d in enumerate(names):
                    if a != d:
                        p = logistic(shift + own + 0.5 * i - 0.3 * j)
                        games.append((a, d, float(rng.random() < p)))
    return counts


# --- published figures ------------------------------------------------------------------------------------


def test_baseball_strengths_are_the_published_ones():
    fit = rate(baseball("park", "park"), **NO_PRIOR)
    scale = fit.scales[ATTACKER]
    strength = dict(zip(scale.names, scale.strengths, strict=True))
    against = {team: round(strength[team] - strength["Baltimore"], 2) for team in TEAMS}
    assert against == {
        "Milwaukee": 1.58,
        "Detroit": 1.44,
        "Toronto": 1.29,
        "New York": 1.25,
        "Boston": 1.11,
        "Cleveland": 0.68,
        "Baltimore": 0.0,
    }
    errors = {team: wide(scale.difference(team, "Baltimore")) for team in TEAMS[:-1]}
    assert all(error == pytest.approx(0.33, abs=0.05) for error in errors.values()), errors


def wide(told):
    """The standard error of a difference, in log-odds."""
    return (told.high - told.low) / 2 / 1.96 / ELO


def test_baseball_home_advantage_and_shares_are_the_published_ones():
    fit = rate(baseball("home", "away"), **NO_PRIOR)
    assert round((fit.eases["home"] - fit.eases["away"]) / 2 / ELO, 3) == 0.302
    scale = fit.scales[ATTACKER]
    powers = {name: math.exp(value) for name, value in zip(scale.names, scale.strengths, strict=True)}
    shares = {name: round(power / sum(powers.values()), 3) for name, power in powers.items()}
    assert sorted(shares.values()) == [0.044, 0.088, 0.137, 0.157, 0.164, 0.19, 0.22]


# --- against other software -------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "slices"), [(1, 6), (2, 40)])
def test_fit_and_clustered_covariance_agree_with_statsmodels(seed, slices):
    sm = pytest.importorskip("statsmodels.api")
    np = pytest.importorskip("numpy")
    counts = drawn(seed, slices)
    columns = [(ATTACKER, n) for n in "abcd"] + [(DEFENDER, n) for n in "bcd"] + [("", "t")]
    rows, scores, groups = [], [], []
    for group, ((ground, _), games) in enumerate(counts.items()):
        for a, d, score in games:
            minus = {(DEFENDER, d): -1.0}
            plus = {(ATTACKER, a): 1.0, ("", ground): 1.0}
            rows.append([plus.get(c, minus.get(c, 0.0)) for c in columns])
            scores.append(score)
            groups.append(group)
    theirs = sm.GLM(np.array(scores), np.array(rows), family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": np.array(groups)}
    )
    fit = rate(counts, both="abcd", **NO_PRIOR)
    assert fit.deviation == pytest.approx(theirs.deviance, rel=1e-9)
    places = {column: i for i, column in enumerate(columns)}
    factor = (len(counts) / (len(counts) - 1)) * (len(rows) - 1) / (len(rows) - len(columns))
    covariance = (
        theirs.cov_params()
        / factor
        * max(len(counts) / (len(counts) - 1), len(rows) / (len(rows) - len(columns)))
    )
    own = sm.GLM(np.array(scores), np.array(rows), family=sm.families.Binomial()).fit(tol=1e-12).cov_params()
    for role in (ATTACKER, DEFENDER):
        scale = fit.scales[role]
        for name in "bcd":
            if role == DEFENDER and name == "b":
                continue
            first = "b" if role == DEFENDER else "a"
            contrast = np.zeros(len(columns))
            contrast[places[role, name]], contrast[places[role, first]] = 1.0, -1.0
            value, variance, _ = scale._difference(name, first)
            assert value == pytest.approx(contrast @ theirs.params, rel=1e-5)
            robust = contrast @ covariance @ contrast
            most = contrast @ own @ contrast
            # what is added for lopsided records is no more than a small share of the model's own variance
            assert robust * (1 - 1e-5) < variance < robust + most / 20


def test_without_the_share_for_lopsided_records_the_covariance_is_that_of_statsmodels():
    """The same, exactly: games repeated so often that the added share is nothing."""
    sm = pytest.importorskip("statsmodels.api")
    np = pytest.importorskip("numpy")
    rng = random.Random(3)
    results = []
    for _ in range(12):
        p = rng.uniform(0.2, 0.8)
        results.append([(a, "x", float(rng.random() < p)) for a in "ab" for _ in range(4_000)])
    counts = counts_of(*results)
    rows, scores, groups = [], [], []
    for group, games in enumerate(counts.values()):
        for a, _, score in games:
            rows.append([1.0, float(a == "b")])
            scores.append(score)
            groups.append(group)
    theirs = sm.GLM(np.array(scores), np.array(rows), family=sm.families.Binomial()).fit(
        tol=1e-12, cov_type="cluster", cov_kwds={"groups": np.array(groups)}
    )
    told = rate(counts, **NO_PRIOR).scales[ATTACKER].difference("b", "a")
    stats = pytest.importorskip("scipy.stats")
    assert told.value / ELO == pytest.approx(theirs.params[1], rel=1e-6)
    assert (told.high - told.value) / ELO == pytest.approx(stats.t.ppf(0.975, 11) * theirs.bse[1], rel=2e-2)


# --- what is promised -------------------------------------------------------------------------------------


def test_ratings_of_each_scale_are_centred_and_the_best_comes_first():
    fit = rate(drawn(5, 10), both="abcd")
    for kind in (ATTACKER, DEFENDER, OVERALL):
        told = fit.scales[kind].ratings()
        values = [estimate.value for estimate in told.values()]
        assert sum(values) == pytest.approx(0, abs=1e-8)
        assert values == sorted(values, reverse=True)
        assert all(estimate.low < estimate.value < estimate.high for estimate in told.values())


def test_four_hundred_elo_are_odds_of_ten_to_one():
    games = [[("a", "x", 1.0)] * 10 + [("a", "x", 0.0)] + [("b", "x", 1.0)] * 11 + [("b", "x", 0.0)] * 11] * 5
    fit = rate(counts_of(*games), **NO_PRIOR)
    assert fit.scales[ATTACKER].difference("a", "b").value == pytest.approx(400, rel=1e-6)


def test_record_without_a_loss_is_finite_and_its_interval_wide():
    games = [[("a", "x", 1.0), ("b", "x", float(i % 2)), ("c", "x", float(i % 3 == 0))] for i in range(60)]
    told = rate(counts_of(*games)).scales[ATTACKER].ratings()
    assert 300 < told["a"].value < 1000
    assert told["a"].high - told["a"].low > 1.5 * (told["b"].high - told["b"].low)
    assert math.isfinite(told["a"].high)


def test_prior_takes_from_a_clean_record_about_half_a_game():
    games = [[("a", "x", 1.0), ("b", "x", 1.0), ("b", "x", 0.0)] for _ in range(40)]
    told = rate(counts_of(*games)).scales[ATTACKER].difference("a", "b")
    assert 80 <= 10 ** (told.value / 400) <= 200


def test_what_nothing_connects_is_as_uncertain_as_the_prior():
    games = [
        [(a, "x" if a in "ab" else "y", float((i + (a in "bc")) % 3 == 0)) for a in "abcd"] for i in range(60)
    ]
    scale = rate(counts_of(*games)).scales[ATTACKER]
    assert wide(scale.difference("a", "b")) < 0.6
    assert wide(scale.difference("a", "c")) > 2.5


def test_all_games_lost_by_everybody_say_nothing_of_anybody():
    games = [[("a", "x", 0.0), ("b", "x", 0.0)] for _ in range(10)]
    told = rate(counts_of(*games)).scales[ATTACKER]
    assert told.difference("a", "b").value == pytest.approx(0, abs=1e-6)
    assert told.superiority("a", "b") == pytest.approx(0.5, abs=1e-6)


def test_games_without_a_defender_rate_attackers_alone():
    fit = rate(counts_of(*[[("a", "", 1.0), ("b", "", float(i % 2))] for i in range(12)]))
    assert list(fit.scales[ATTACKER].ratings()) == ["a", "b"]
    assert fit.scales[DEFENDER].ratings() == {}
    assert fit.eases["s"] > 0


def test_one_slice_gives_ratings_without_intervals():
    fit = rate(counts_of([("a", "x", 1.0), ("b", "x", 0.0)] * 10))
    told = fit.scales[ATTACKER].ratings()["a"]
    assert told.value > 0
    assert (told.low, told.high) == (None, None)
    assert fit.scales[ATTACKER].superiority("a", "b") is None


def test_entrant_of_two_slices_has_few_degrees_of_freedom():
    games = [[("a", "x", float(i % 2)), ("b", "x", float(i % 3 == 0))] for i in range(30)]
    for i in (0, 1):
        games[i].append(("c", "x", float(i)))
    scale = rate(counts_of(*games)).scales[ATTACKER]
    assert scale.df == pytest.approx((29, 29, 1))


def test_more_of_the_same_luck_in_a_slice_does_not_narrow_the_intervals():
    games = [[("a", "x", float(i % 3 == 0)), ("b", "x", float(i % 2))] for i in range(60)]
    once, often = (
        wide(rate(counts_of(*(g * n for g in games)), **NO_PRIOR).scales[ATTACKER].difference("a", "b"))
        for n in (1, 50)
    )
    assert often == pytest.approx(once, rel=0.06)


def test_superiority_is_between_even_and_certain_and_adds_up():
    scale = rate(drawn(7, 10), both="abcd").scales[OVERALL]
    names = list(scale.ratings())
    likely = scale.superiority(names[0], names[-1])
    assert 0.5 < scale.superiority(names[0], names[1]) <= likely <= 1
    assert scale.superiority(names[-1], names[0]) == pytest.approx(1 - likely)


def test_order_of_counting_changes_nothing_that_shows():
    counts = drawn(8, 12)
    turned = dict(reversed([(key, told[::-1]) for key, told in counts.items()]))
    one, other = rate(counts, both="abcd"), rate(turned, both="dcba")
    for kind, scale in one.scales.items():
        for name, told in scale.ratings().items():
            assert other.scales[kind].ratings()[name].low == pytest.approx(told.low, rel=1e-9)


def test_only_entrants_of_both_roles_are_rated_overall():
    counts = counts_of(*[[("a", "b", 1.0), ("b", "a", 0.0), ("c", "a", float(i % 2))] for i in range(5)])
    assert rate(counts, both="abc").scales[OVERALL].names == ("a", "b")


@pytest.mark.parametrize("seed", range(4))
def test_those_who_are_equal_go_by_name(seed):
    """Each has the same record in the whole, of other slices: what rounding makes of it orders nobody."""
    rng = random.Random(seed)
    names = [f"n{i:02}" for i in range(40)]
    won = {(name, role): set(rng.sample(range(50), 17)) for name in names for role in (ATTACKER, DEFENDER)}
    games = [
        [(name, "hero", float(i in won[name, ATTACKER])) for name in names]
        + [("hero", name, float(i not in won[name, DEFENDER])) for name in names]
        for i in range(50)
    ]
    fit = rate(counts_of(*games), both=[*names, "hero"])
    for scale in fit.scales.values():
        assert [name for name in scale.ratings() if name != "hero"] == names
        assert scale.superiority("n03", "n04") == 0.5


# --- coverage ---------------------------------------------------------------------------------------------


@pytest.mark.soak
def test_intervals_cover_known_strengths_as_often_as_they_say():
    designs = ["field of ten, 20 slices", "no defender, 50 slices", "10 slices"]
    assert {*designs} < {*DESIGNS}
    cups, width = lasting((150, 0.05), (300, 0.035))
    figures = coverage(cups, 1, map, width=width, designs=designs)
    assert [str(figure) for figure in figures if not figure.good] == []
    naive = [figure.share for figure in figures if "naive" in figure.what]
    assert min(naive) < 0.87  # or the cups drawn here would be no test
