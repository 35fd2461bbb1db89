"""Weighted values: moments and quantiles as numpy gives them for the repeated list."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.numerics.codebooks.weighted_values import WeightedValues, distinct_values, spread_cuts
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def test_moments_between_cuts_are_sums_of_what_lies_there():
    rng = np.random.default_rng(0)
    array = rng.integers(-20, 20, 300) / 4
    points = WeightedValues.of(array)
    assert points.count == 300
    for cuts in ([], [-6.0, -6.0, 0.1, 0.25, 0.25, 3.0], [9.0], [-9.0], sorted(rng.uniform(-6, 6, 12))):
        place = np.searchsorted(np.array(cuts, np.float64), array, "left")
        cells = points.cells(np.array(cuts, np.float64))
        for moment, power in ((cells.count, 0), (cells.total, 1), (cells.square, 2)):
            assert moment == pytest.approx(np.bincount(place, array**power, minlength=len(cuts) + 1), abs=1e-9)


def test_quantiles_are_those_of_the_repeated_list():
    rng = np.random.default_rng(1)
    for array in (rng.normal(size=77), rng.integers(0, 5, 50), np.array([3.0])):
        points = WeightedValues.of(array)
        for share in (0.0, 0.01, 0.2, 0.5, 0.77, 1.0):
            assert points.quantile(share) == pytest.approx(np.quantile(array, share), abs=1e-12)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_distinct_values_of_exact_distributions_alone(kind):
    array = data(kind, 3000)
    points = distinct_values(SortedSums.of(array), 3000)
    values, counts = np.unique(array, return_counts=True)
    assert points is not None
    assert np.array_equal(points.values, values) and np.array_equal(points.weights, counts)
    assert distinct_values(SortedSums.of(array), values.size - 1) is None
    assert distinct_values(Histogram.of(array), 3000) is None
    assert distinct_values(SortedSums.of([]), 10) is None


def test_plus_and_minus_zero_are_one_value():
    points = distinct_values(SortedSums.of([-0.0, 0.0, 1.0, -0.0]), 9)
    assert points is not None and points.values.tolist() == [0.0, 1.0] and points.weights.tolist() == [3.0, 1.0]


@pytest.mark.parametrize("of", [SortedSums, Histogram])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_cells_keep_count_and_sum(of, kind):
    d = of.of(data(kind, 4000))
    points = WeightedValues.in_cells(d, spread_cuts(d, 500))
    whole = d.cells(np.zeros(0, np.float32))
    assert points.count == pytest.approx(4000, rel=1e-6)
    assert points.weights @ points.values == pytest.approx(whole.total[0], rel=1e-6, abs=1e-6)
    assert d.low <= points.values[0] and points.values[-1] <= d.high * (1 + 1e-6)
    at_zero = points.weights[points.values == 0]
    assert at_zero.sum() == pytest.approx(d.n_zeros)
