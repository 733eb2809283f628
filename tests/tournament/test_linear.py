import math
import random

import pytest

from netsiege.hub.tournament import linear
from netsiege.hub.tournament.stopped import crossed, drifts
from netsiege.hub.tournament.student import cdf, estimate, quantile


def positive(size, seed):
    """A matrix that is positive definite, and far from diagonal."""
    rng = random.Random(seed)
    rows = [[rng.gauss() for _ in range(size)] for _ in range(size)]
    return [
        [linear.dot(a, b) + (0.1 if i == j else 0.0) for j, b in enumerate(rows)] for i, a in enumerate(rows)
    ]


def product(a, b):
    return [[linear.dot(row, column) for column in zip(*b, strict=True)] for row in a]


def close(a, b, rel=1e-9):
    return all(x == pytest.approx(y, rel=rel, abs=rel) for x, y in zip(a, b, strict=True))


# --- matrices ---------------------------------------------------------------------------------------------


def test_cholesky_of_a_known_matrix_is_the_known_factor():
    assert linear.cholesky([[4, 12, -16], [12, 37, -43], [-16, -43, 98]]) == [[2], [6, 1], [-8, 5, 3]]


@pytest.mark.parametrize("bare", [0, 1, 3, 6])
def test_cholesky_of_a_matrix_whose_first_rows_are_bare_is_its_root(bare):
    rows = [
        [value if i >= bare or i == j else 0.0 for j, value in enumerate(row)]
        for i, row in enumerate(positive(6, 3))
    ]
    matrix = [[rows[max(i, j)][min(i, j)] for j in range(6)] for i in range(6)]
    for i in range(bare, 6):
        matrix[i][i] += 1e3
    factor = [row + [0.0] * (5 - i) for i, row in enumerate(linear.cholesky(matrix))]
    for row, other in zip(product(factor, linear.turned(factor)), matrix, strict=True):
        assert close(row, other)


def test_cholesky_reads_the_lower_triangle_only():
    assert linear.cholesky([[4.0, math.nan], [2.0, 5.0]]) == [[2], [1, 2]]


@pytest.mark.parametrize(
    "matrix",
    [[[0.0]], [[-1.0]], [[math.nan]], [[1.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 1.0]]],
    ids=["zero", "negative", "not a number", "singular", "indefinite"],
)
def test_cholesky_of_a_matrix_that_is_not_positive_definite_raises(matrix):
    with pytest.raises(ArithmeticError, match="not positive definite"):
        linear.cholesky(matrix)


@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_solution_and_inverse_satisfy_their_equations(size):
    matrix = positive(size, size)
    factor = linear.cholesky(matrix)
    vector = [float(i - 3) for i in range(size)]
    x = linear.solve(factor, vector)
    assert close([linear.dot(row, x) for row in matrix], vector, 1e-8)
    inverse = linear.inverse(factor)
    assert all(inverse[i][j] == inverse[j][i] for i in range(size) for j in range(size))
    for i, row in enumerate(product(matrix, inverse)):
        assert close(row, [float(i == j) for j in range(size)], 1e-8)


@pytest.mark.parametrize("vectors", [0, 1, 4, 5, 30])
def test_sandwich_is_the_product_of_the_three(vectors):
    rng = random.Random(vectors)
    bread, diagonal = positive(5, 1), [rng.random() for _ in range(5)]
    filling = [[rng.gauss() for _ in range(5)] for _ in range(vectors)]
    meat = [
        [
            1.5 * sum(each[i] * each[j] for each in filling) + (diagonal[i] if i == j else 0.0)
            for j in range(5)
        ]
        for i in range(5)
    ]
    columns = [[each[i] for each in filling] for i in range(5)]
    whole = linear.sandwich(bread, columns, 1.5, diagonal)
    for row, other in zip(whole, product(product(bread, meat), bread), strict=True):
        assert close(row, other)
    assert whole == [list(column) for column in zip(*whole, strict=True)]


def test_centred_rows_of_each_block_add_up_to_nothing():
    told = linear.centred([[1.0, 5.0], [3.0, 1.0], [7.0, 7.0], [4.0, 4.0]], [[0, 1], [2]])
    assert told == [[-1, 2], [1, -2], [0, 0], [4, 4]]
    assert linear.turned(told) == [[-1, 1, 0, 4], [2, -2, 0, 4]]


def test_inverse_agrees_with_numpy():
    numpy = pytest.importorskip("numpy")
    matrix = positive(30, 4)
    ours = linear.inverse(linear.cholesky(matrix))
    assert numpy.allclose(ours, numpy.linalg.inv(matrix), rtol=1e-8)


# --- Student's distribution -------------------------------------------------------------------------------

TABLE = [(1, 12.7062), (2, 4.3027), (5, 2.5706), (10, 2.2281), (30, 2.0423), (120, 1.9799), (1e9, 1.9600)]


@pytest.mark.parametrize(("df", "t"), TABLE)
def test_quantile_agrees_with_the_printed_tables(df, t):
    assert quantile(0.975, df) == pytest.approx(t, abs=5e-5)
    assert quantile(0.025, df) == pytest.approx(-quantile(0.975, df))


def test_quantile_and_cdf_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for df in (1.0, 1.37, 2.0, 4.5, 9.0, 33.3, 250.0, 9_999.0, 10_001.0, 3e6):
        for share in (0.005, 0.2, 0.6, 0.975, 0.9999):
            t = stats.t.ppf(share, df)
            assert quantile(share, df) == pytest.approx(t, rel=1e-8)
            assert cdf(t, df) == pytest.approx(share, rel=1e-6)


def test_cdf_of_one_degree_of_freedom_is_cauchys():
    for t in (-40.0, -1.0, 0.0, 0.3, 2.0, 1e6):
        assert cdf(t, 1.0) == pytest.approx(0.5 + math.atan(t) / math.pi, rel=1e-9)


@pytest.mark.parametrize(("share", "df"), [(0.0, 3), (1.0, 3), (0.5, 0.0), (math.nan, 3)])
def test_quantile_of_what_has_none_raises(share, df):
    with pytest.raises(ValueError, match="there is no quantile"):
        quantile(share, df)


def test_estimate_without_a_degree_of_freedom_has_no_interval():
    assert (estimate(3.0, 1.0, 0.0).low, estimate(3.0, 1.0, 0.99).high) == (None, None)
    told = estimate(3.0, 4.0, 10.0)
    assert (told.low, told.high) == (pytest.approx(3 - 2 * 2.228139), pytest.approx(3 + 2 * 2.228139))


# --- motion between barriers ------------------------------------------------------------------------------


def test_crossing_in_endless_time_is_walds():
    # with drift m: (1 - exp(2 m b)) / (exp(-2 m a) - exp(2 m b)), a above and b below
    for drift in (-0.7, -0.1, 0.2, 1.0):
        wald = (1 - math.exp(2 * drift * 3)) / (math.exp(-2 * drift * 2) - math.exp(2 * drift * 3))
        assert crossed(drift, 2.0, 3.0, 1e4) == pytest.approx(wald, rel=1e-9)
    assert crossed(0.0, 2.0, 3.0, 1e4) == pytest.approx(0.6)


def test_crossing_far_from_the_other_barrier_is_that_of_a_single_one():
    # the principle of reflection: 2 (1 - Phi(a / sqrt t))
    assert crossed(0.0, 1.0, 50.0, 1.0) == pytest.approx(0.3173105078629141, rel=1e-9)


def test_both_ways_to_count_crossings_agree_where_they_meet():
    for drift in (-2.0, -0.3, 0.0, 0.4, 2.5):
        early, late = (crossed(drift, 1.0, 1.5, 6.25 + change) for change in (-1e-9, 1e-9))
        assert early == pytest.approx(late, rel=1e-6)


def test_crossing_agrees_with_a_walk_of_small_steps():
    rng, walks, steps = random.Random(5), 1_500, 150
    size = 1 / math.sqrt(steps)
    hits = 0
    for _ in range(walks):
        at = 0.0
        for _ in range(2 * steps):
            at += size if rng.random() < 0.5 * (1 + 0.5 * size) else -size
            if at >= 1.0 - 1e-9 or at <= -1.0 + 1e-9:
                hits += at > 0
                break
    assert hits / walks == pytest.approx(crossed(0.5, 1.0, 1.0, 2.0), abs=0.05)


def test_drifts_are_those_that_make_the_stop_as_likely_as_they_say():
    middle, low, high = drifts(True, 2.0, 3.0, 7.0)
    assert [crossed(drift, 2.0, 3.0, 7.0) for drift in (low, middle, high)] == pytest.approx(
        [0.025, 0.5, 0.975], rel=1e-6
    )
    assert drifts(False, 3.0, 2.0, 7.0) == pytest.approx((-middle, -high, -low))
    # a mean of 2/7 that was waited for exaggerates
    assert middle < 2 / 7
