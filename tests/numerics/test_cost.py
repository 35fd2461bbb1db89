"""The certain interval of errors that are no plain distance to one level: drawn levels, and what a zero band prunes."""

import math

import numpy as np
import pytest

from tests.numerics.samples import data, random_case
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def linear(values: np.ndarray, n_bins: int) -> LinearHistogram:
    """Equal bins from the smallest to the largest value, as many as float64 tells apart."""
    x, one_step_up = values.astype(np.float64), float(np.nextafter(values.min(), np.float32(np.inf)))
    edges = np.unique(np.linspace(x.min(), max(x.max(), one_step_up), n_bins + 1))
    return LinearHistogram(*np.histogram(x, edges))


def true_mse(values: np.ndarray, quantizer: Quantizer) -> float:
    """By brute force in float64; in the mean over the draws where they are drawn."""
    kept, n = np.unique(values, return_counts=True)
    x = kept.astype(np.float64)
    pruned = np.abs(kept) <= np.float32(quantizer.zero_band)
    if quantizer.levels is None:
        cost = np.zeros(x.size)
    elif quantizer.format.stochastic:
        levels = quantizer.levels.astype(np.float64)
        upper = levels[np.minimum(np.searchsorted(levels, x, "left"), levels.size - 1)]
        lower = levels[np.maximum(np.searchsorted(levels, x, "right") - 1, 0)]
        cost = np.where(lower < upper, (x - lower) * (upper - x), (x - lower) ** 2)
    else:
        cost = (x - quantizer.fake_quantize(kept)) ** 2
    if quantizer.zero_band:
        cost[pruned] = x[pruned] ** 2
    return math.fsum(n * cost) / values.size


def with_band(quantizer: Quantizer, rounding: str, band: float) -> Quantizer:
    format = quantizer.format.with_choices(rounding=rounding)
    return Quantizer(format, quantizer.scale, quantizer.zero_point, zero_band=band)


def pruning(band: float) -> Quantizer:
    return Quantizer(FORMATS["pruned"], np.float32(1), zero_band=band)


def holds(error: QuantizationError, true: float) -> bool:
    low, high = error.interval
    return low <= error.mse <= high and low <= true <= high


def test_no_interval_is_violated_whatever_is_drawn_or_pruned():
    """Values spread, few, repeated or subnormal; bands within, beyond and exactly at one of them."""
    for seed in range(200):
        values, quantizer = random_case(seed)
        rng = np.random.default_rng([seed, 1])
        band = float(rng.choice([0.1, 0.5, 1.0]) * rng.random() * np.abs(values).max())
        band = float(abs(rng.choice(values))) if rng.random() < 0.3 else band
        distributions = [Histogram.of(values), SortedSums.of(values), linear(values, int(rng.choice([1, 30, 3000])))]
        directed = str(rng.choice(["nearest_even", "up", "down", "toward_zero"]))
        cases = [with_band(quantizer, *case) for case in (("stochastic", 0.0), ("stochastic", band), (directed, band))]
        for case in (*cases, pruning(band)):
            true = true_mse(values, case)
            for distribution in distributions:
                assert holds(expected_error(distribution, case), true), (seed, case, distribution)


@pytest.mark.parametrize("band", [0.0, 0.02])
@pytest.mark.parametrize("rounding", ["stochastic", "nearest_even"])
@pytest.mark.parametrize("kind", ["gaussian", "relu"])
def test_the_interval_of_a_histogram_is_narrow(kind, rounding, band):
    values = data(kind, 1_000_000)
    rows, exact, largest = Histogram.of(values), SortedSums.of(values), float(np.abs(values).max())
    for threshold in np.geomspace(0.05, 1, 12) * largest:
        plain = Quantizer.covering("int8", -threshold, threshold, symmetric=True)
        quantizer = with_band(plain, rounding, band * largest)
        error, true = expected_error(rows, quantizer), expected_error(exact, quantizer).mse
        assert holds(error, true) and error.interval[1] - error.interval[0] <= (2e-3 if band else 3e-4) * true


@pytest.mark.parametrize("kind", ["gaussian", "relu"])
def test_the_interval_of_pruning_is_narrow(kind):
    values = data(kind, 1_000_000)
    rows, largest = Histogram.of(values), float(np.abs(values).max())
    for band in np.geomspace(0.01, 0.9, 12) * largest:
        error, true = expected_error(rows, pruning(band)), true_mse(values, pruning(band))
        assert holds(error, true) and 0 < error.interval[1] - error.interval[0] <= 3e-3 * true


def one_row(places: list[int]) -> np.ndarray:
    """float32 that share one row above 1, with others far away so that the row is not where the data end."""
    return np.array([0.5, *(1 + 2.0**-23 * np.array(places)), 2], np.float32)


@pytest.mark.parametrize("signs", [(1, 1), (-1, -1), (1, -1), (-1, 1), (0, 1), (1, 0)])
@pytest.mark.parametrize("n_cuts", [1, 3])
def test_any_cost_is_certain_in_a_row_that_is_cut(signs, n_cuts):
    """Parabolas of either sign, in one cell or in turn; values at the ends, at the cuts and anywhere."""
    rng = np.random.default_rng(n_cuts)
    for _ in range(200):
        inner = np.unique(rng.integers(1, 4094, n_cuts))
        cuts = 1 + 2.0**-23 * inner
        sign = np.resize(np.array(signs, np.float64), inner.size + 1)
        from_, upto = np.append(0.4, cuts), np.append(cuts, 2.1)  # where it is drawn, between the ends of its cell
        level = rng.uniform(0.999, 1.002, sign.size)
        cost = Cost(cuts, np.where(sign < 0, from_, level), np.where(sign < 0, upto, level), sign)
        places = rng.choice([0, 4095, *inner, *(inner + 1), *rng.integers(0, 4096, 3)], int(rng.integers(2, 8)))
        values = one_row(places.tolist())
        x = values.astype(np.float64)
        true = math.fsum(cost.at(x, np.searchsorted(cuts, x, "left")))
        for distribution in (Histogram.of(values), linear(values, 3), linear(values, 100)):
            assumed, (below, above) = assumed_cost(distribution, cost), distribution.uncertainty(cost)
            slack = 1e-14 * float((x**2).sum())
            assert assumed - below - slack <= true <= assumed + above + slack


def assumed_cost(distribution: Distribution, cost: Cost) -> float:
    cells = distribution.cells(cost.cuts)
    return float(cost.of_moments(cells.count, cells.total, cells.square).sum())


def test_a_cut_that_changes_no_cost_leaves_nothing_uncertain():
    values, cuts = data("gaussian", 50_000), np.array([-0.5, 0.3, 0.31])
    level = np.full(4, 0.25)
    assert Histogram.of(values).uncertainty(Cost(cuts, level, level, np.ones(4))) == (0.0, 0.0)


def test_levels_between_equal_boundaries_cost_nothing():
    cost = Cost.squared_error(np.float32([-1, 1, 1, 1, 2]), np.float32([-3, 0, 0.5, 0.8, 1.5, 3]))
    assert cost.cuts.tolist() == [-1, 1, 2] and cost.lower.tolist() == cost.upper.tolist() == [-3, 0, 1.5, 3]
    assert Cost.squared_error(np.float32([]), np.float32([4])).lower.tolist() == [4]


def test_what_lies_a_rounding_beyond_an_end_level_goes_there():
    """The largest value need not be a float32 multiple of the scale: it is no cause for a draw."""
    stochastic = FORMATS["int8"].with_choices(rounding="stochastic")
    for reach in np.random.default_rng(0).uniform(0.1, 10, 200).astype(np.float32):
        values = np.array([reach, reach, -reach, 0.3 * reach], np.float32)
        quantizer = Quantizer.covering(stochastic, -reach, reach, symmetric=True)
        for of in (SortedSums, Histogram):
            error = expected_error(of.of(values), quantizer)
            assert holds(error, true_mse(values, quantizer)) and error.saturated_fraction == 0


@pytest.mark.parametrize("band", [0.05, 0.2, 0.9])
@pytest.mark.parametrize("name", ["int4", "uint4", "nf4", "fp4_e2m1"])
def test_draws_behind_a_band_are_told_as_they_are_measured(name, band):
    """The band narrower and wider than the end levels; values on the levels, where nothing is left to chance."""
    format = FORMATS[name].with_choices(rounding="stochastic")
    quantizer = Quantizer.covering(format, -0.5 if format.signed else 0, 0.5, zero_band=band)
    levels = quantizer.levels
    values = np.concatenate([levels, [-0.8, -0.04, 0.03, 0.7, 0.95], np.float32(np.sign(levels) * 0.1)])
    values = values.astype(np.float32)
    values = values[(np.abs(values) <= band) | np.isin(values, levels) | (values < levels[0]) | (values > levels[-1])]
    measured, error = measured_error(values, quantizer), expected_error(SortedSums.of(values), quantizer)
    for field in ("mse", "rounding_mse", "clipping_mse", "cosine", "max_abs", "saturated_fraction", "zeroed_fraction"):
        assert getattr(error, field) == pytest.approx(getattr(measured, field), rel=1e-9, abs=1e-15), field


@pytest.mark.parametrize(("sign", "lower", "upper", "extremes"), [(-1, 0, 1, (0, 0.25)), (1, 0.4, 0.4, (0, 0.36))])
def test_the_vertex_of_a_parabola_counts_inside_a_given_bin(sign, lower, upper, extremes):
    distribution = LinearHistogram([10], [0, 1])
    cost = Cost(np.zeros(0), *(np.array([number], np.float64) for number in (lower, upper, sign)))
    below, above = distribution.uncertainty(cost)
    ends = np.array([assumed_cost(distribution, cost) - below, assumed_cost(distribution, cost) + above])
    assert ends == pytest.approx(10 * np.array(extremes), abs=1e-12)
