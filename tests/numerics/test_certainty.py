"""The certain interval of a `Histogram`: how narrow it is, and that the truth never lies outside of it."""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from tests.numerics.samples import data, random_case
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.certainty import cost_uncertainty, surplus_bounds
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.numerics.statistics.row_table import RowTable
from workbench.numerics.statistics.sorted_sums import SortedSums


def spread(kind: str) -> np.ndarray:
    """A million float32 of a shape that the width is promised for."""
    if kind == "relu6":
        return np.random.default_rng(0).uniform(0, 6, 1_000_000).astype(np.float32)  # even, up to the hard clip
    return data(kind, 1_000_000)


def quantizers(values: np.ndarray, symmetric: bool, shares: np.ndarray) -> Iterator[Quantizer]:
    """int8 over the shares of the largest magnitude, or uint8 over what they leave of the data's own range."""
    low, high = float(values.min()), float(values.max())
    for threshold in shares * max(-low, high):
        if symmetric:
            yield Quantizer.covering("int8", -threshold, threshold, symmetric=True)
        else:
            yield Quantizer.covering("uint8", max(low, -threshold), min(high, threshold), symmetric=False)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("kind", ["gaussian", "laplace", "relu", "student", "relu6"])
def test_the_interval_is_narrow_and_its_middle_right(kind, symmetric):
    values = spread(kind)
    rows, exact = Histogram.of(values), SortedSums.of(values)
    width, middle = (5e-3, 3e-4) if kind == "relu6" and not symmetric else (1e-3, 1e-4)
    for quantizer in quantizers(values, symmetric, np.geomspace(0.05, 1, 24)):
        error, true = expected_error(rows, quantizer), expected_error(exact, quantizer).mse
        low, high = error.interval
        assert low <= true <= high and high - low <= width * true
        assert abs((low + high) / 2 - true) <= middle * true and abs(error.mse - true) <= middle * true


def exact_mse(values: np.ndarray, quantizer: Quantizer) -> Fraction:
    """Mean squared error in rational arithmetic, of float32 values."""
    x, n = np.unique(values, return_counts=True)
    pairs = zip(x.tolist(), quantizer.fake_quantize(x).tolist(), n.tolist(), strict=True)
    return sum((n * (Fraction(a) - Fraction(b)) ** 2 for a, b, n in pairs), Fraction(0)) / values.size


def test_the_interval_is_never_violated():
    for seed in range(200):
        values, quantizer = random_case(seed)
        true = exact_mse(values, quantizer)
        for of in (Histogram, SortedSums):
            error = expected_error(of.of(values), quantizer)
            low, high = map(Fraction, error.interval)
            assert low <= true <= high, (seed, of)
            assert low <= Fraction(error.mse) <= high, (seed, of)


@pytest.mark.parametrize("rounding", ["up", "down", "toward_zero", "nearest_away"])
def test_boundaries_that_are_not_in_the_middle_are_certain_too(rounding):
    format = FORMATS["int8"].with_choices(rounding=rounding)
    for kind in ("gaussian", "relu", "uniform"):
        values = data(kind, 30_000)
        for share in (0.2, 0.9):
            reach = share * float(np.abs(values).max())
            quantizer = Quantizer.covering(format, -reach, reach, symmetric=True)
            rows, exact = (expected_error(of.of(values), quantizer) for of in (Histogram, SortedSums))
            assert rows.interval[0] <= exact.mse <= rows.interval[1]
            assert rows.mse == pytest.approx(exact.mse, rel=1e-3)


@pytest.mark.parametrize("scaled", [lambda p: p / 255, lambda p: (p / 255 - 0.485) / 0.229, lambda p: p - 104.0])
def test_pixels_are_certain_to_the_rounding_of_float64(scaled):
    values = scaled(np.random.default_rng(0).integers(0, 256, 200_000)).astype(np.float32)
    rows = Histogram.of(values)
    for quantizer in quantizers(values, True, np.linspace(0.05, 0.99, 30)):
        true, error = exact_mse(values, quantizer), expected_error(rows, quantizer)
        low, high = map(Fraction, error.interval)
        assert low <= true <= high
        assert abs(Fraction(error.mse) - true) <= Fraction(1e-9) * true
        assert high - low <= Fraction(1e-7) * true


def surplus(points: np.ndarray, weights: np.ndarray, cut: np.ndarray) -> np.ndarray:
    return (weights * np.maximum(points - cut[..., None], 0)).sum(axis=-1)


def test_the_surplus_of_any_distribution_lies_within_its_bounds():
    rng = np.random.default_rng(0)
    points = rng.beta(0.4, 0.4, (20_000, 6))
    points[::3] = np.round(points[::3] * 4) / 4  # on the ends, and at each other
    weights = rng.dirichlet(np.full(6, 0.5), 20_000)
    cut = rng.uniform(0, 0.999, 20_000)
    mean = (weights * points).sum(axis=1)
    variance = (weights * (points - mean[:, None]) ** 2).sum(axis=1)
    some = variance > 1e-12
    least, largest = surplus_bounds(cut[some], np.ones(some.sum()), mean[some], variance[some])
    true = surplus(points, weights, cut)[some]
    assert (least - 1e-12 <= true).all() and (true <= largest + 1e-12).all()
    assert (largest - least >= -1e-12).all()


def test_the_bounds_of_the_surplus_are_reached():
    rng = np.random.default_rng(1)
    for _ in range(200):
        mean, cut = rng.uniform(0.02, 0.98), rng.uniform(0.01, 0.99)
        variance = rng.uniform(0.05, 0.95) * mean * (1 - mean)
        least, largest = (float(b[0]) for b in surplus_bounds(*np.array([[cut], [1.0], [mean], [variance]])))
        # all distributions at two places: the lower one says the other
        low = np.linspace(0, mean - variance / (1 - mean), 4001)
        high = mean + variance / (mean - low)
        share = (high - mean) / (high - low)
        two = surplus(np.stack([low, high], 1), np.stack([share, 1 - share], 1), np.full(low.size, cut))
        # and the one at both ends and the cut
        top = (variance + mean * (mean - cut)) / (1 - cut)
        middle = (mean - top) / cut
        three = [top * (1 - cut)] if min(top, middle, 1 - top - middle) >= 0 else []
        assert min([*two, *three]) == pytest.approx(least, abs=2e-3)
        assert two.max() == pytest.approx(largest, abs=2e-3)


def test_the_worst_that_moments_allow_reaches_the_ends_of_the_interval():
    """Values of one row with its boundary in the middle, at equal distances from it, or at the ends and on it."""
    middle, unit, distance = 1 + 2047 * 2.0**-23, 2.0**-23, 2.0**-8
    boundary, levels = np.float32([middle]), np.float32([middle - distance, middle + distance])
    for least, places in ((True, [1047, 1047, 3047, 3047]), (False, [0, 2047, 2047, 4095, 4095])):
        values = np.float32([0.5, *(1 + unit * np.array(places)), 2])  # the row is not where the data end
        rows = Histogram.of(values)
        cells = rows.cells(boundary)
        known = levels.astype(np.float64)
        assumed = float((cells.square - 2 * known * cells.total + known**2 * cells.count).sum())
        below, above = rows.uncertainty(Cost.squared_error(boundary, levels))
        true = sum(Fraction(float(min(abs(v - known)))) ** 2 for v in values.astype(np.float64))
        end = assumed - below if least else assumed + above
        assert min(below, above) > 0 and float(true) == pytest.approx(end, rel=1e-12)


def test_rows_end_where_the_data_end():
    """A tensor that lies in one row, near 1: from 1.00010 to 1.00020 of a row up to 1.00049."""
    values = np.random.default_rng(0).uniform(1.0001, 1.0002, 1000).astype(np.float32)
    for sign in (1, -1):
        arrays = Histogram.of(sign * values).to_arrays()
        low, high = float((sign * values).min()), float((sign * values).max())
        wide = RowTable.of(arrays["keys"], arrays["moments"], 0)
        ended = RowTable.of(arrays["keys"], arrays["moments"], 0, low, high)
        assert wide.low[0] < low and high < wide.high[0]
        assert (ended.low.tolist(), ended.high.tolist()) == ([low], [high])
        assert ended.low[0] + ended.offset[0] == pytest.approx(
            float(values.astype(np.float64).mean()) * sign, rel=1e-15
        )
        boundary, levels = np.float32([sign * 1.00015]), np.float32([sign * 1.00015 - 0.001, sign * 1.00015 + 0.001])
        cost = Cost.squared_error(boundary, levels)
        widths = [sum(cost_uncertainty(table, cost)) for table in (wide, ended)]
        assert 0 < widths[1] < 0.8 * widths[0]


def test_ends_that_contradict_the_rows_are_not_believed():
    arrays = Histogram.of(np.linspace(1, 1.0004, 50, dtype=np.float32)).to_arrays()
    table = RowTable.of(arrays["keys"], arrays["moments"], 0, 1.0003, 1.0001)
    assert (table.low <= table.mean).all() and (table.mean <= table.high).all()


@pytest.mark.parametrize("n", [10, 10**6, 3 * 10**9])
def test_one_odd_value_among_many_equal_ones_is_seen(n):
    keys, places = np.array([0x3F800, 0xBF800], np.uint32), np.array([[4000], [17]])
    moments = np.concatenate([np.full((2, 1), n), n * places + 1, n * places**2 + 2 * places + 1], axis=1)
    table = RowTable.of(keys, moments, 0)
    true = Fraction(n - 1, n * n) * Fraction(1, 2**46)  # in last places: 1/n - 1/n^2
    for variance in table.variance.tolist():
        assert abs(Fraction(variance) - true) <= Fraction(1e-14) * true
    assert (table.low < table.high).all()


def test_cells_of_many_questions_at_once_are_those_of_each():
    rows = Histogram.of(data("relu", 20_000))
    cuts = np.sort(np.random.default_rng(0).uniform(-1, 8, (3, 2, 9)).astype(np.float32), axis=-1)
    together = rows.cells(cuts)
    for at in np.ndindex(3, 2):
        alone = rows.cells(cuts[at])
        for field in ("count", "total", "square"):
            assert np.array_equal(getattr(together, field)[at], getattr(alone, field))


def test_the_interval_is_the_same_to_the_bit_however_many_workers_count():
    values = np.concatenate([data("student", 100_000), data("relu", 50_000), [np.nan, np.inf, -np.inf, -0.0]])
    values = values.astype(np.float32)
    quantizer = Quantizer.covering("int8", -1, 1)
    whole = Histogram.of(values)

    def counted(parts: list[np.ndarray]) -> Histogram:
        builder = HistogramBuilder()
        for part in parts:
            builder.add(part)
        return builder.histogram()

    for workers in (2, 3, 8):
        rng = np.random.default_rng(workers)
        parts = np.split(rng.permutation(values), np.sort(rng.integers(0, values.size, 40)))
        with ThreadPoolExecutor(workers) as pool:
            counts = list(pool.map(counted, (parts[i::workers] for i in range(workers))))
        rng.shuffle(counts)
        merged = sum(counts[1:], counts[0])
        assert merged == whole and (merged.n_nan, merged.n_infinite) == (1, 2)
        assert all(np.array_equal(a, merged.to_arrays()[name]) for name, a in whole.to_arrays().items())
        assert expected_error(merged, quantizer) == expected_error(whole, quantizer)


def test_rows_of_one_value_are_certain():
    values = np.unique(np.round(data("laplace", 5000), 1))
    rows, quantizer = Histogram.of(values), Quantizer.covering("int4", -5, 5)
    low, high = expected_error(rows, quantizer).interval
    assert high - low <= 3e-14 * float((values.astype(np.float64) ** 2).mean())
    assert math.isclose(float(exact_mse(values, quantizer)), (low + high) / 2, rel_tol=1e-12)
