"""Running sums in double-double against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from workbench.numerics.statistics.prefix import (
    BLOCK,
    block_sums,
    cell_ends,
    cell_sums,
    positions_along,
    positions_upto,
    running_sums,
)


def exact_running(values) -> list[Fraction]:
    sums = [Fraction(0)]
    for x in values:
        sums.append(sums[-1] + Fraction(float(x)))
    return sums


def near(found: Fraction, expected: Fraction, size: Fraction) -> bool:
    """Within 1e-30 of the sum of magnitudes: float64 alone keeps 1e-16."""
    return abs(found - expected) <= size * Fraction(1, 10**30)


@pytest.mark.parametrize("seed", range(5))
def test_running_sums_keep_thirty_digits(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=300) * 10.0 ** rng.integers(-8, 8, 300)
    hi, lo = np.zeros(301), np.zeros(301)
    running_sums(values, hi, lo)
    size = sum(abs(Fraction(float(x))) for x in values)
    for i, expected in enumerate(exact_running(values)):
        assert near(Fraction(hi[i]) + Fraction(lo[i]), expected, size)


@pytest.mark.parametrize("seed", range(5))
def test_sums_of_blocks_keep_thirty_digits_beyond_a_block(seed):
    rng = np.random.default_rng(seed)
    # whole numbers: the sums inside a block are exact in float64, so only the running sums can lose digits
    values = (
        rng.integers(-1000, 1000, 40 * BLOCK + 17)
        * 2.0 ** np.repeat(rng.integers(-45, 45, 41), BLOCK)[: 40 * BLOCK + 17]
    )
    values = values.astype(np.float32)
    sums = np.empty((values.size // BLOCK + 1, 4))
    block_sums(values, BLOCK, sums)
    for hi, lo, column in ((*sums.T[:2], values), (*sums.T[2:], values.astype(np.float64) ** 2)):
        expected = exact_running(column)[::BLOCK]
        size = sum(abs(Fraction(float(x))) for x in column)
        for i in range(hi.size):
            assert near(Fraction(hi[i]) + Fraction(lo[i]), expected[i], size)


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_sums_between_positions_join_blocks_and_rests(n):
    values = np.sort(np.random.default_rng(n).integers(-500, 500, n)).astype(np.float32)
    sums = np.empty((n // BLOCK + 1, 4))
    block_sums(values, BLOCK, sums)
    edges = np.array([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, n - 1, n])
    positions = np.sort(np.clip([edges, edges // 2, np.full(8, n)], 0, n), axis=1)
    count, total, square = np.zeros((3, 3, 9))
    cell_sums(values, positions, BLOCK, sums, count, total, square)
    for row in range(3):
        parts = np.split(values.astype(np.float64), positions[row])
        assert count[row].tolist() == [p.size for p in parts]
        assert total[row].tolist() == [p.sum() for p in parts]
        assert square[row].tolist() == [(p**2).sum() for p in parts]
        smallest, largest = np.zeros((2, 9))
        cell_ends(values, positions[row], smallest, largest)
        assert np.array_equal(smallest, [p[0] if p.size else np.nan for p in parts], equal_nan=True)
        assert np.array_equal(largest, [p[-1] if p.size else np.nan for p in parts], equal_nan=True)


@pytest.mark.parametrize("n", [*range(18), 63, 64, 65, 1000])
def test_positions_are_those_of_numpy(n):
    rng = np.random.default_rng(n)
    values = np.sort(rng.integers(-9, 9, n)).astype(np.float32)
    cuts = np.sort(np.concatenate([[-np.inf, np.inf], rng.integers(-11, 11, 30) / 2])).astype(np.float32)
    expected = np.searchsorted(values, cuts, "right")
    for search in (positions_upto, positions_along):
        found = np.full(cuts.size, -1)
        search(values, cuts, found)
        assert found.tolist() == expected.tolist()
