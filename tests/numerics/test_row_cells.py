"""Cutting the rows of a histogram: the kernel against the formulas of `density`, written with numpy."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.histogram import Histogram


def below(table, cut: float) -> np.ndarray:
    """Count, sum and sum of squares at or below one cut, float64 (3,)."""
    moments = np.stack([table.count, table.count * table.mean, table.count * (table.mean**2 + table.variance)])
    found = moments[:, table.high <= cut].sum(axis=1)
    split = (table.low <= cut) & (cut < table.high)
    if split.any():
        low, high, mean = table.low[split], table.high[split], table.mean[split]
        shares = partial_moments(np.full(low.size, cut), low, high, mean, mean**2 + table.variance[split])
        found = found + np.concatenate(shares) * table.count[split]
    return found


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_cells_are_differences_of_what_lies_below(kind):
    rng = np.random.default_rng(3)
    distribution = Histogram.of(data(kind, 3000))
    cuts = np.sort(rng.uniform(-1.1, 1.1, (4, 40)) * distribution.absmax, axis=1).astype(np.float32)
    cuts[0, 0], cuts[1, -1], cuts[2, 5] = -np.inf, np.inf, cuts[2, 6]
    cells, table = distribution.cells(cuts), distribution._table
    for row in range(len(cuts)):
        upto = np.stack([np.zeros(3), *(below(table, float(cut)) for cut in cuts[row]), below(table, np.inf)], axis=1)
        scale = distribution.absmax ** np.arange(3)[:, None] * distribution.count
        found = np.stack([cells.count[row], cells.total[row], cells.square[row]])
        assert (np.abs(found - np.diff(upto, axis=1)) <= 1e-12 * scale).all()
        alone = distribution.cells(cuts[row])
        assert np.array_equal(found, np.stack([alone.count, alone.total, alone.square]))


def test_questions_of_any_shape():
    distribution = Histogram.of(data("gaussian", 100))
    assert distribution.cells(np.zeros(0, np.float32)).count.tolist() == [100]
    assert distribution.cells(np.zeros((3, 0), np.float32)).count.tolist() == [[100]] * 3
    assert Histogram.of([]).cells(np.zeros((2, 3), np.float32)).count.tolist() == [[0] * 4] * 2
