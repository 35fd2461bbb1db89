"""Running sums in double-double against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from workbench.numerics.statistics.prefix import BLOCK, block_sums, cell_sums, running_sums


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
    sums = [np.zeros(values.size // BLOCK + 1) for _ in range(4)]
    block_sums(values, BLOCK, *sums)
    for hi, lo, column in ((*sums[:2], values), (*sums[2:], values.astype(np.float64) ** 2)):
        expected = exact_running(column)[::BLOCK]
        size = sum(abs(Fraction(float(x))) for x in column)
        for i in range(hi.size):
            assert near(Fraction(hi[i]) + Fraction(lo[i]), expected[i], size)


@pytest.mark.parametrize("n", [0, 1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
def test_sums_between_positions_join_blocks_and_rests(n):
    values = np.sort(np.random.default_rng(n).integers(-500, 500, n)).astype(np.float32)
    sums = [np.zeros(n // BLOCK + 1) for _ in range(4)]
    block_sums(values, BLOCK, *sums)
    positions = np.unique(np.clip([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, n - 1, n], 0, n))
    total, square = np.zeros(positions.size + 1), np.zeros(positions.size + 1)
    cell_sums(values, positions, BLOCK, *sums, total, square)
    parts = np.split(values.astype(np.float64), positions)
    assert total.tolist() == [p.sum() for p in parts] and square.tolist() == [(p**2).sum() for p in parts]
