"""The exact codebook against a plain dynamic program, and against every partition of a few values."""

import itertools

import numpy as np
import pytest

from tests.numerics.samples import awkward
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.lloyd import density_start, linear_start, lloyd
from workbench.numerics.codebooks.optimal import optimal_levels
from workbench.numerics.codebooks.weighted_values import WeightedValues


def cost_table(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float64 (n + 1, n + 1): the squared error of one level for the values i..j - 1, each computed by itself."""
    n = values.size
    cost = np.full((n + 1, n + 1), np.inf)
    for i in range(n):
        for j in range(i + 1, n + 1):
            x, w = values[i:j] - values[i], weights[i:j]
            cost[i, j] = (w * (x - (w @ x) / w.sum()) ** 2).sum()
    return cost


def least_error_of_all(values: np.ndarray, weights: np.ndarray, k: int) -> float:
    """The plain recurrence, n^2 k: no monotone search, no running sums."""
    cost = cost_table(values, weights)
    least = cost[0]
    for _ in range(1, k):
        least = np.array(
            [min(least[i] + cost[i, j] for i in range(j)) if j else np.inf for j in range(values.size + 1)]
        )
    return float(least[values.size])


def error_of(values: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> float:
    return float((weights * ((values[:, None] - levels) ** 2).min(axis=1)).sum())


def samples(seed: int) -> WeightedValues:
    """Distinct values of every kind: uniform, in clusters far apart, with outliers, of many magnitudes."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 45))
    kinds = (
        lambda: rng.normal(size=n),
        lambda: 1000.0 * rng.integers(-2, 3, n) + rng.normal(size=n) * 1e-3,
        lambda: np.append(rng.normal(size=n), 10.0 ** rng.uniform(2, 9)),
        lambda: np.append(rng.normal(size=n), -(10.0 ** rng.uniform(2, 9))),
        lambda: rng.normal(size=n) * 10.0 ** rng.uniform(-6, 6, n),
        lambda: 100 + rng.uniform(size=n),
        lambda: rng.integers(-5, 6, n).astype(np.float64),
        lambda: rng.standard_t(1.5, size=n),
    )
    values = np.unique(kinds[seed % len(kinds)]())
    return WeightedValues(values, rng.integers(1, 9, values.size) if seed % 3 else np.ones(values.size))


@pytest.mark.parametrize("seed", range(48))
def test_no_codebook_has_a_smaller_error(seed):
    points = samples(seed)
    for k in (1, 2, 3, 5, 8, 16):
        levels, error = optimal_levels(points.values, points.weights, k)
        assert levels.dtype == np.float64 and (np.diff(levels) > 0).all() and levels.size == min(k, points.values.size)
        assert error == pytest.approx(error_of(points.values, points.weights, levels), rel=1e-7, abs=1e-300)
        if k < points.values.size:
            assert error == pytest.approx(least_error_of_all(points.values, points.weights, k), rel=1e-9)
        else:
            assert error == 0 and np.array_equal(levels, points.values)


def test_it_is_the_best_of_every_partition():
    rng = np.random.default_rng(5)
    for _ in range(20):
        values, weights, k = np.sort(rng.normal(size=9)), rng.uniform(0.1, 3, 9), 4
        cost = cost_table(values, weights)
        partitions = ([0, *cuts, 9] for cuts in itertools.combinations(range(1, 9), k - 1))
        best = min(sum(cost[a, b] for a, b in itertools.pairwise(ends)) for ends in partitions)
        assert optimal_levels(values, weights, k)[1] == pytest.approx(best, rel=1e-12)


def test_lloyd_from_any_start_is_no_better():
    rng = np.random.default_rng(6)
    points = WeightedValues.of(rng.laplace(size=3000).round(2))
    for k in (2, 7, 16, 64):
        least = optimal_levels(points.values, points.weights, k)[1]
        starts = [linear_start(points.values[0], points.values[-1], k), density_start(points, k)]
        starts += [np.sort(rng.choice(points.values, k, replace=False)) for _ in range(5)]
        assert min(lloyd(points, start).squared_error for start in starts) >= least * (1 - 1e-12)


def test_weights_are_repetitions():
    rng = np.random.default_rng(7)
    repeated = rng.integers(-30, 30, 400) / 8
    points = WeightedValues.of(repeated)
    levels, error = optimal_levels(points.values, points.weights, 6)
    nearest = ((repeated[:, None] - levels) ** 2).min(axis=1)
    assert error == pytest.approx(nearest.sum(), rel=1e-12)
    doubled = optimal_levels(points.values, points.weights * 2, 6)
    assert np.array_equal(doubled[0], levels) and doubled[1] == 2 * error


def test_moving_and_stretching_the_values_moves_and_stretches_the_levels():
    points = samples(0)
    levels, error = optimal_levels(points.values, points.weights, 5)
    moved, same = optimal_levels(points.values * 4 - 1000, points.weights, 5)
    assert moved == pytest.approx(levels * 4 - 1000, abs=1e-9) and same == pytest.approx(16 * error, rel=1e-9)


@pytest.mark.parametrize("seed", range(30))
def test_float32_numbers_of_any_magnitude(seed):
    array = awkward(np.random.default_rng(seed))
    points = WeightedValues.of(array[np.isfinite(array)])
    kept = points.values[:: points.values.size // 40 + 1]  # the plain program takes n^2 sums
    largest = np.abs(kept).max() or 1.0
    for k in (1, 2, 4):
        found = optimal_levels(kept, np.ones(kept.size), k)[0] / largest
        if k < kept.size:
            # in parts of the largest: squares of subnormal numbers are 0; clusters may be few last places wide
            best = least_error_of_all(kept / largest, np.ones(kept.size), k)
            assert error_of(kept / largest, np.ones(kept.size), found) <= best * (1 + 1e-6) + 1e-24
        else:
            assert np.array_equal(found, kept / largest)


@pytest.mark.parametrize("k", [0, -1, 1.5, "4", None])
def test_a_size_that_is_none_is_refused(k):
    with pytest.raises(WorkbenchError, match="a codebook of .* levels is not possible; expected a whole number"):
        optimal_levels([1.0, 2.0], [1.0, 1.0], k)


@pytest.mark.parametrize(
    ("values", "weights", "text"),
    [
        ([], [], "at least one value"),
        ([1.0, 2.0], [1.0], "two lists of one length"),
        ([[1.0]], [[1.0]], "two lists of one length"),
        ([2.0, 1.0], [1.0, 1.0], "distinct and ascending"),
        ([1.0, 1.0], [1.0, 1.0], "distinct and ascending"),
        ([1.0, np.nan], [1.0, 1.0], "distinct and ascending"),
        ([1.0, np.inf], [1.0, 1.0], "distinct and ascending"),
        ([1.0, 2.0], [1.0, 0.0], "finite and positive"),
        ([1.0, 2.0], [1.0, np.nan], "finite and positive"),
    ],
)
def test_values_that_are_none_are_refused(values, weights, text):
    with pytest.raises(WorkbenchError, match=text):
        optimal_levels(values, weights, 2)
