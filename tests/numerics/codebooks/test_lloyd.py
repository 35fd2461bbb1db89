"""Lloyd's k-means on cells against the textbook loop on values."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.lloyd import clusters, density_start, linear_start, lloyd
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def textbook(x: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Assign to the nearest (the first of equals), move to the mean, until nothing changes; the error of each round."""
    x, levels, errors = x.astype(np.float64), levels.copy(), []
    while True:
        nearest = np.abs(x[:, None] - levels).argmin(axis=1)
        errors.append(float(((x - levels[nearest]) ** 2).sum()))
        moved = np.array([x[nearest == i].mean() if (nearest == i).any() else levels[i] for i in range(levels.size)])
        if np.allclose(moved, levels, rtol=0, atol=1e-15):
            return levels, errors
        levels = moved


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("k", [1, 2, 5, 16])
def test_it_ends_where_the_textbook_ends(kind, k):
    x = data(kind, 400)
    exact, points = SortedSums.of(x), WeightedValues.of(x)
    for start in (linear_start(exact.low, exact.high, k), np.unique(density_start(points, k))):
        levels, errors = textbook(x, start)
        for values in (exact, points):
            found = lloyd(values, start)
            assert found.levels == pytest.approx(levels, abs=1e-6 * float(np.ptp(x)))
            assert found.squared_error == pytest.approx(errors[-1], rel=1e-6, abs=1e-9)
            assert found.count.sum() == 400 and found.n_used == int((found.count > 0).sum())
        assert clusters(points, start).squared_error == pytest.approx(errors[0], rel=1e-9, abs=1e-12)


def test_the_error_never_rises():
    d = SortedSums.of(data("student", 5000))
    start = linear_start(d.low, d.high, 16)
    errors = [lloyd(d, start, most_rounds=n).squared_error for n in range(40)]
    assert (np.diff(errors) <= 1e-12 * errors[0]).all() and errors[-1] < errors[0]
    assert lloyd(d, start, most_rounds=7).rounds == 7


def test_an_empty_cluster_keeps_its_level():
    d = SortedSums.of(np.float32([0.0, 0.1, 10.0]))
    found = lloyd(d, np.array([0.0, 5.0, 7.0, 10.0]))
    assert found.levels[[1, 2]].tolist() == [5.0, 7.0] and found.n_used == 2
    assert found.count.tolist() == [2.0, 0.0, 0.0, 1.0]


def test_equal_levels_part_where_values_lie_on_both_sides():
    found = lloyd(SortedSums.of(np.float32([-1.0, 0.0, 0.0, 2.0])), np.array([0.0, 0.0, 0.0]), most_rounds=1)
    assert found.levels == pytest.approx([-1 / 3, 0.0, 2.0]) and found.n_used == 3


def test_a_value_halfway_goes_to_the_lower_level():
    for values in (SortedSums.of(np.float32([0.0, 1.0, 2.0])), WeightedValues.of([0.0, 1.0, 2.0])):
        assert clusters(values, np.array([0.0, 2.0])).count.tolist() == [2.0, 1.0]
    # the middle is no float32 number: the two float32 neighbours lie on either side of it
    one, after = np.float32(1), np.nextafter(np.float32(1), np.float32(2))
    pair = SortedSums.of([one, after])
    assert clusters(pair, np.array([one, after], np.float64)).count.tolist() == [1.0, 1.0]


def test_rows_lead_to_the_same_levels():
    x = data("laplace", 20_000)
    rows, exact = Histogram.of(x), SortedSums.of(x)
    start = linear_start(exact.low, exact.high, 8)
    assert lloyd(rows, start).levels == pytest.approx(lloyd(exact, start).levels, abs=2e-3 * exact.absmax)


def test_density_puts_levels_where_values_are():
    d = SortedSums.of(data("gaussian", 5000))
    start = density_start(d, 16)
    assert (np.diff(start) > 0).all() and np.diff(start)[7] < np.diff(start)[0]
    assert np.array_equal(linear_start(-1, 1, 3), [-1, 0, 1])


@pytest.mark.parametrize("start", [[], [1.0, 0.0], [[1.0]], [np.nan], [0.0, np.inf]])
def test_a_start_that_is_none_is_refused(start):
    with pytest.raises(WorkbenchError, match="start of k-means"):
        lloyd(SortedSums.of([1.0]), start)
