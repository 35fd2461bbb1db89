"""What the browser gets of a tensor: bins whose moments are exact."""

import numpy as np
import pytest

from tests.ui.threshold.tensors import channels, tensors
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.threshold.bins import bins_of, distinct_values, row_borders
from workbench.ui.threshold.groups import Groups

ALL = tensors(20_000)


@pytest.mark.parametrize("name", list(ALL))
@pytest.mark.parametrize("kind", [SortedSums, Histogram])
def test_moments_are_those_of_the_values(name, kind):
    values = ALL[name].astype(np.float64)
    bins = bins_of(kind.of(ALL[name]))
    assert bins.count.sum() == np.count_nonzero(values)
    assert (bins.count * bins.mean).sum() == pytest.approx(values.sum(), rel=1e-9, abs=1e-6)
    assert (bins.count * bins.mean_square).sum() == pytest.approx((values**2).sum(), rel=1e-12)
    assert (bins.count == np.rint(bins.count)).all()  # no row of the histogram was split
    assert (bins.low < bins.high).all() and (np.diff(bins.high) > 0).all() and bins.low.size <= 4096
    mean, variance = bins.shape_of_density
    assert np.abs(mean).max() <= 1 + 1e-6 and variance.min() >= 0 and mean.dtype == variance.dtype == np.float32


def test_borders_are_those_of_histogram_rows():
    cuts = row_borders(np.array([-1.0001, -1e-3, 0.0, 1e-3, 1.0, 5.3]))
    patterns = cuts.view(np.uint32)
    assert ((patterns[cuts > 0] & 0xFFF) == 0xFFF).all() and ((patterns[cuts < 0] & 0xFFF) == 0).all()


def test_few_values_are_sent_one_by_one():
    values, counts = distinct_values(SortedSums.of([3.0, 0.0, 1.0, 1.0, -2.0]))
    assert values.tolist() == [-2, 1, 3] and counts.tolist() == [1, 2, 1]
    assert distinct_values(SortedSums.of(ALL["gaussian"])) is None
    assert distinct_values(Histogram.of(ALL["gaussian"])) is None
    for kind in (SortedSums, Histogram):
        values, counts = distinct_values(kind.of(ALL["pixels"]))
        expected = np.unique(ALL["pixels"], return_counts=True)
        assert np.array_equal(values, expected[0]) and np.array_equal(counts, expected[1])


def test_channels_have_one_histogram():
    array = channels()
    array[0] = 0
    largest = np.abs(array).max(axis=1)
    quantizer = Quantizer.covering("int8", -largest, largest, symmetric=True, axis=0)
    groups = Groups.of(array, quantizer)
    assert (
        groups.count == array.size and groups.n_zeros == 900 and (groups.low, groups.high, groups.absmax) == (-1, 1, 1)
    )
    assert groups.bins.count.sum() == array.size - 900
    assert (groups.bins.weight * groups.bins.mean_square).sum() == pytest.approx((array.astype(np.float64) ** 2).sum())
    assert groups.counts(np.linspace(-1, 1, 21)).sum() == pytest.approx(array.size)
    assert groups.ratios(quantizer, True, False) == pytest.approx(1)
    low, high = groups.range_at(0.5, True, False)
    assert high.dtype == np.float32 and np.allclose(high, 0.5 * largest) and np.array_equal(low, -high)
    low, high = groups.range_at(0.5, False, False)
    assert np.allclose(low, 0.5 * np.minimum(array.min(axis=1), 0))


def test_the_error_of_all_channels_is_read_from_one_histogram():
    array = channels()
    largest = np.abs(array).max(axis=1).astype(np.float64)
    groups = Groups.of(array, Quantizer.covering("int8", -largest, largest, symmetric=True, axis=0))
    half = Quantizer.covering("int8", -0.5, 0.5, symmetric=True)
    cells = groups.cells(half.boundaries)
    levels = half.levels.astype(np.float64)
    squared = (cells.square - levels * (2 * cells.total - levels * cells.count)).sum()
    exact = measured_error(array, Quantizer.covering("int8", -largest / 2, largest / 2, symmetric=True, axis=0))
    assert squared / array.size == pytest.approx(exact.mse, rel=1e-3)
