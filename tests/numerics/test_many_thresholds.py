"""Errors and divergences at many thresholds at once: the same figures as one after the other."""

import numpy as np
import pytest

from tests.numerics.samples import KINDS, SCALED, cases, data, member
from workbench.numerics.errors import candidates
from workbench.numerics.errors.divergence import FilledBins, divergences_of_levels, kl_at, kl_divergence
from workbench.numerics.errors.expected import errors_at, expected_error, mean_squared_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums

KINDS_OF_DATA = ("gaussian", "relu", "student", "pixels", "negative")
DISTRIBUTIONS = {
    "SortedSums": SortedSums.of,
    "Histogram": Histogram.of,
    "LinearHistogram": lambda x: LinearHistogram(*np.histogram(x.astype(np.float64), 700)),
}


def thresholds(name: str, largest: float, n: int = 9) -> np.ndarray:
    return np.geomspace(0.03, 1.4, n if member(name).bits <= 8 else 3) * largest


def same_as_one_by_one(distribution, quantizer: Quantizer) -> None:
    rounding, clipping = errors_at(distribution, quantizer)
    kl = kl_at(distribution, quantizer)
    for i in range(quantizer.n_groups):
        one = quantizer.group(i)
        error = expected_error(distribution, one)
        assert rounding[i] == pytest.approx(error.rounding_mse, rel=1e-13)
        assert clipping[i] == pytest.approx(error.clipping_mse, rel=1e-13)
        assert rounding[i] + clipping[i] == mean_squared_error(distribution, one)
        assert kl[i] == kl_divergence(distribution, one) == error.kl


@pytest.mark.parametrize(("name", "kind"), cases([n for n in SCALED if not member(n).block_size], KINDS_OF_DATA))
@pytest.mark.parametrize("of", DISTRIBUTIONS)
def test_every_format_and_distribution(name, kind, of):
    values = data(kind, 3000)
    distribution = DISTRIBUTIONS[of](values)
    T = thresholds(name, distribution.absmax)
    for low in (-T, np.maximum(-T, min(distribution.low, 0.0))):
        same_as_one_by_one(distribution, Quantizer.covering(member(name), low, T, axis=0))


@pytest.mark.parametrize("rounding", ["nearest_away", "toward_zero", "up", "down", "stochastic"])
@pytest.mark.parametrize("name", ["int8", "uint4", "fp8_e4m3", "nf4"])
def test_every_rounding_and_band(name, rounding):
    distribution = SortedSums.of(data("gaussian", 2000))
    format, T = member(name).with_choices(rounding=rounding), thresholds(name, distribution.absmax)
    for band in (0.0, 0.3 * distribution.absmax):  # wider than the narrowest ranges: what lies beyond them is pruned
        same_as_one_by_one(distribution, Quantizer.covering(format, -T, T, axis=0, zero_band=band))


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2", "fp8_e4m3fnuz"])
def test_ranges_that_overflow_are_infinitely_wrong(name):
    distribution = SortedSums.of(data("student", 2000))
    format, T = member(name).with_choices(overflow="infinity"), thresholds(name, distribution.absmax)
    quantizer = Quantizer.covering(format, -T, T, axis=0)
    same_as_one_by_one(distribution, quantizer)
    assert np.isinf(errors_at(distribution, quantizer)[1]).tolist() == (T < 0.95 * distribution.absmax).tolist()


def test_candidates_come_in_parts_where_they_are_many(monkeypatch):
    distribution = SortedSums.of(data("gaussian", 2000))
    T = np.linspace(0.1, 1, 50) * distribution.absmax
    quantizer = Quantizer.covering("uint8", -0.5 * T, T, axis=0, zero_band=0.01)
    whole = errors_at(distribution, quantizer), kl_at(distribution, quantizer)
    monkeypatch.setattr(candidates, "MOST_FIGURES", 7 * 256)
    assert [at.stop - at.start for at, _ in candidates.parts_of(quantizer, 256)] == [7] * 8
    parts = errors_at(distribution, quantizer), kl_at(distribution, quantizer)
    assert np.array_equal(whole[0], parts[0]) and np.array_equal(whole[1], parts[1])


@pytest.mark.parametrize("name", [n for n in KINDS if member(n).has_scale])
@pytest.mark.parametrize("kind", ["gaussian", "relu"])
def test_brute_force_finds_the_same(name, kind):
    values = data(kind, 5000)
    T = thresholds(name, float(np.abs(values).max()))
    quantizer = Quantizer.covering(member(name), np.minimum(-0.7 * T, 0), T, axis=0)
    rounding, clipping = errors_at(SortedSums.of(values), quantizer)
    for i in range(T.size):
        error = measured_error(values, quantizer.group(i), divergence=False)
        assert rounding[i] == pytest.approx(error.rounding_mse, rel=1e-9)
        assert clipping[i] == pytest.approx(error.clipping_mse, rel=1e-9, abs=1e-9 * error.mse)


def test_nothing_has_no_error():
    quantizer = Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0)
    empty = SortedSums.of([])
    assert [part.tolist() for part in (*errors_at(empty, quantizer), kl_at(empty, quantizer))] == [[0, 0]] * 3
    one, identity = SortedSums.of(data("gaussian", 50)), Quantizer.covering("fp32", 0, 1)
    assert [part.tolist() for part in (*errors_at(one, identity), kl_at(one, identity))] == [[0]] * 3


def test_levels_given_as_any_numbers():
    """What a caller knows about levels is enough: which neighbouring bins go to the same one."""
    bins = FilledBins.of(np.arange(6, dtype=np.float32), np.array([4.0, 1, 1, 2, 2, 8]), 3.0)
    level = np.array([[0, 0, 1, 1, 2, 2], [5, 5, 5, 5, 5, 5], [1, 2, 3, 4, 5, 6]])
    kl = divergences_of_levels(bins, level, [0, 0, 1], [5, 5, 3])
    p, kept = np.array([3.0, 4, 1, 1, 2, 2, 8]) / 21, 1.0
    q = np.array([3, 2.5, 2.5, 1.5, 1.5, 5, 5]) / 21
    assert kl[0] == pytest.approx(kept * (p * np.log(p / q)).sum(), rel=1e-13)
    q = np.array([3, *[3.0] * 6]) / 21
    assert kl[1] == pytest.approx((p * np.log(p / q)).sum(), rel=1e-13)
    p, q = np.array([3.0, 5, 1, 12]) / 21, np.array([3.0, 1, 1, 2]) / 7
    assert kl[2] == pytest.approx((p * np.log(p / q)).sum(), rel=1e-13)
    assert divergences_of_levels(bins, level[:1], [3], [2]).tolist() == [0]
