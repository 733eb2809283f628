"""Linear algebra for the few dozen parameters of a cup: Cholesky's factor, and what follows from it.

Matrices are lists of rows. Nothing here is meant for more than some hundreds of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import dist, hypot, sqrt
from operator import mul
from typing import Final

Matrix = list[list[float]]
Vector = list[float]

TINY: Final = 1e-13
"""A pivot that is smaller than this share of its diagonal entry is nothing but rounding."""


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """The scalar product, as far as the shorter of the two goes."""
    total: float = sum(map(mul, a, b))
    return total


def cholesky(matrix: Sequence[Sequence[float]]) -> Matrix:
    """The lower triangle L of `matrix` = L L', rows without the zeros. Only its lower triangle is read.

    Where the first rows have nothing but their diagonal entries, it costs that much less.

    Raises ArithmeticError if the matrix is not positive definite, as far as rounding lets one tell.
    """
    factor: Matrix = []
    bare = 0  # so many of the first rows
    for i, given in enumerate(matrix):
        row = [value / factor[j][j] for j, value in enumerate(given[: min(i, bare)])]
        for other in factor[bare:]:
            row.append((given[len(row)] - dot(row, other)) / other[-1])
        bare += bare == i and not any(row)
        pivot = given[i] - dot(row, row)
        if not pivot > TINY * given[i]:
            raise ArithmeticError(f"the matrix is not positive definite: pivot {i} is {pivot}")
        row.append(sqrt(pivot))
        factor.append(row)
    return factor


def solve(factor: Matrix, vector: Sequence[float]) -> Vector:
    """The x of `matrix` x = `vector`, where `factor` is Cholesky's of the matrix."""
    x: Vector = []
    for row, value in zip(factor, vector, strict=True):
        x.append((value - dot(row, x)) / row[-1])
    for i in reversed(range(len(x))):
        row = factor[i]
        x[i] /= row[i]
        done = x[i]
        for j in range(i):
            x[j] -= row[j] * done
    return x


def inverse(factor: Matrix) -> Matrix:
    """The inverse of the matrix that `factor` is Cholesky's of; exactly symmetric."""
    size = len(factor)
    columns: Matrix = []  # of the inverse of the factor, from the diagonal down
    for j in range(size):
        column = [1.0 / factor[j][j]]
        for i in range(j + 1, size):
            row = factor[i]
            column.append(-dot(row[j:i], column) / row[i])
        columns.append(column)
    whole: Matrix = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            whole[i][j] = whole[j][i] = dot(columns[i], columns[j][i - j :])
    return whole


def sandwich(
    bread: Matrix, filling: Sequence[Sequence[float]], factor: float, diagonal: Sequence[float]
) -> Matrix:
    """The product of `bread`, meat and `bread` turned; exactly symmetric.

    The meat is `factor` times `filling` times `filling` turned, and `diagonal`; none of these is negative.
    Where the filling has few columns, they are multiplied by the bread: less work, and it rounds less.
    """
    if len(filling[0]) < len(bread):
        root, roots = sqrt(factor), [sqrt(value) for value in diagonal]
        columns = list(zip(*filling, strict=True))
        return _products(
            [[root * dot(row, each) for each in columns] + list(map(mul, row, roots)) for row in bread]
        )
    meat = [[factor * value for value in row] for row in _products(filling)]
    for i, value in enumerate(diagonal):
        meat[i][i] += value
    rows, columns = [_known(row) for row in bread], [_known(row) for row in meat]
    half = [_known([_product(row, other) for other in columns]) for row in rows]
    return _mirrored([[_product(row, other) for other in rows[: i + 1]] for i, row in enumerate(half)])


def _products(vectors: Sequence[Sequence[float]]) -> Matrix:
    """The scalar products of all with all."""
    known = [_known(vector) for vector in vectors]
    return _mirrored([[_product(one, other) for other in known[: i + 1]] for i, one in enumerate(known)])


Known = tuple[float, tuple[float, ...]]
"""The length of a vector, and the vector that has its direction and the length one."""


def _known(vector: Sequence[float]) -> Known:
    length = hypot(*vector)
    return length, tuple([value / length for value in vector] if length else vector)


def _product(a: Known, b: Known) -> float:
    """The scalar product of two of the same dimension, by the law of cosines: Python has distances five times
    as fast as sums of products, and the error is as small beside the product of the lengths.
    """
    return a[0] * b[0] * (1 - dist(a[1], b[1]) ** 2 / 2)


def _mirrored(lower: Matrix) -> Matrix:
    """The symmetric matrix of this lower triangle."""
    return [row + [other[i] for other in lower[i + 1 :]] for i, row in enumerate(lower)]


def centred(matrix: Matrix, blocks: Sequence[Sequence[int]]) -> Matrix:
    """The matrix less the mean row of each block, in the rows of that block; other rows are as they were."""
    done = [list(row) for row in matrix]
    for block in blocks:
        size = len(block)
        means = [sum(column) / size for column in zip(*(matrix[i] for i in block), strict=True)]
        for i in block:
            done[i] = [value - mean for value, mean in zip(matrix[i], means, strict=True)]
    return done


def turned(matrix: Matrix) -> Matrix:
    """Rows for columns."""
    return [list(column) for column in zip(*matrix, strict=True)]
