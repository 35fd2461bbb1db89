"""`LinearHistogram`: counts in given bins."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.messages import WorkbenchError
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.linear_histogram import LinearHistogram


def linear(kind: str, n_bins: int = 500) -> LinearHistogram:
    counts, edges = np.histogram(data(kind).astype(np.float64), n_bins)
    return LinearHistogram(counts, edges)


def test_cells_of_given_bins_take_them_as_evenly_filled():
    histogram = LinearHistogram([4, 0, 2], [-1.0, 1.0, 2.0, 4.0])
    assert (histogram.count, histogram.low, histogram.high, histogram.absmax) == (6, -1.0, 4.0, 4.0)
    cells = histogram.cells(np.array([-2, 0, 1.5, 3, 9], np.float32))
    assert np.allclose(cells.count, [0, 2, 2, 1, 1, 0])
    assert np.allclose(cells.total, [0, -1, 1, 2.5, 3.5, 0])
    assert np.allclose(cells.square, [0, 2 / 3, 2 / 3, 19 / 3, 37 / 3, 0])
    low, high = histogram.extremes(np.array([-2, 0, 1.5, 3, 9], np.float32))
    assert np.array_equal(low, [np.nan, -1, 0, 2, 3, np.nan], equal_nan=True)
    assert np.array_equal(high, [np.nan, 0, 1, 3, 4, np.nan], equal_nan=True)
    assert histogram.quantile(0.5) == 0.5 and isinstance(histogram, Distribution)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_cells_of_given_bins_add_up(kind):
    histogram = linear(kind)
    cuts = np.sort(np.random.default_rng(0).uniform(histogram.low - 1, histogram.high + 1, 99)).astype(np.float32)
    cells, whole = histogram.cells(cuts), histogram.cells(np.zeros(0, np.float32))
    assert (cells.count >= 0).all() and cells.count.sum() == pytest.approx(histogram.count, rel=1e-14)
    assert cells.total.sum() == pytest.approx(whole.total.sum(), rel=1e-12)
    assert cells.square.sum() == pytest.approx(whole.square.sum(), rel=1e-12)
    beyond = histogram.cells(np.array([histogram.low - 1, histogram.high + 1], np.float32))
    assert beyond.count[0] == beyond.count[2] == 0


def test_counts_that_are_shares_keep_their_sum():
    histogram = LinearHistogram([0.1, 0.2, 0.1], [0, 1, 2, 3])
    assert histogram.count == pytest.approx(0.4)
    assert LinearHistogram([1.0, 2.0], [0, 1, 2]).count == 3 and isinstance(LinearHistogram([1.0], [0, 1]).count, int)
    assert LinearHistogram([0, 0], [0, 1, 2]).count == 0


def test_given_bins_merge_where_their_edges_agree():
    a, b = LinearHistogram([1, 2], [0, 1, 2]), LinearHistogram([3, 0], [0, 1, 2])
    assert a + b == b + a == LinearHistogram([4, 2], [0, 1, 2]) and a != b
    with pytest.raises(WorkbenchError, match="different edges"):
        a + LinearHistogram([1, 2], [0, 1, 3])


@pytest.mark.parametrize(
    ("counts", "edges"),
    [
        ([], [0]),
        ([1], [0]),
        ([1, 2], [0, 1]),
        ([1], [1, 1]),
        ([1], [2, 1]),
        ([1], [0, np.nan]),
        ([1], [0, np.inf]),
        ([-1], [0, 1]),
        ([np.nan], [0, 1]),
        ([[1]], [[0, 1]]),
    ],
)
def test_bins_that_are_none_are_refused(counts, edges):
    with pytest.raises(WorkbenchError):
        LinearHistogram(counts, edges)
