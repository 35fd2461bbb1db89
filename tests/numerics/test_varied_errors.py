"""Expected errors under every rounding and behind a zero band, held against the values themselves."""

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.errors.expected import expected_error, mean_squared_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums

NAMES = ["int8", "int4", "fp8_e4m3", "gfpq8", "q8", "nf4", "ternary", "fp16", "tf32", "fp4_e2m1", "log2_4", "pruned"]
FIELDS = ("mse", "rounding_mse", "clipping_mse", "cosine", "max_abs", "saturated_fraction", "zeroed_fraction", "kl")


def heavy() -> np.ndarray:
    """5,000 values with heavy tails, a fifth of them 0."""
    return np.where(data("uniform", 5000) < -0.2, 0, data("student", 5000) * 8).astype(np.float32)


@pytest.mark.parametrize("rounding", [mode for mode in ROUNDINGS if mode != "stochastic"])
@pytest.mark.parametrize("band", [0.0, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_what_is_expected_is_what_is_measured(name, band, rounding):
    x = heavy()
    quantizer = Quantizer.covering(FORMATS[name].with_choices(rounding=rounding), -2.5, 2.5, zero_band=band)
    expected, measured = expected_error(SortedSums.of(x), quantizer), measured_error(x, quantizer)
    for field in FIELDS:
        a, b = getattr(expected, field), getattr(measured, field)
        assert a == pytest.approx(b, rel=1e-7, abs=1e-13), field
    if expected.levels_used is not None:
        assert expected.levels_used == measured.levels_used
    assert mean_squared_error(SortedSums.of(x), quantizer) == pytest.approx(expected.mse, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("band", [0.0, 0.3])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("tf32", "pruned")])
def test_stochastic_rounding_is_expected_in_the_mean_over_draws(name, band):
    x, n_draws = heavy(), 60
    format = FORMATS[name].with_choices(rounding="stochastic")
    found = expected_error(SortedSums.of(x), Quantizer.covering(format, -2.5, 2.5, zero_band=band))
    squared, zeroed, worst = [], [], 0.0
    for seed in range(n_draws):
        y = Quantizer.covering(format.with_choices(seed=seed), -2.5, 2.5, zero_band=band).fake_quantize(x)
        squared.append(np.mean((y.astype(np.float64) - x) ** 2))
        zeroed.append(np.mean((y == 0) & (x != 0)))
        worst = max(worst, float(np.abs(y.astype(np.float64) - x).max()))
    assert found.mse == pytest.approx(np.mean(squared), abs=6 * np.std(squared) / np.sqrt(n_draws) + 1e-12)
    assert found.zeroed_fraction == pytest.approx(np.mean(zeroed), abs=6 * np.std(zeroed) / np.sqrt(n_draws) + 1e-9)
    assert found.max_abs >= worst * (1 - 1e-6) and found.mse == found.rounding_mse + found.clipping_mse


def test_chance_costs_more_than_the_nearest_level_and_keeps_the_mean():
    d = SortedSums.of(data("gaussian", 20_000))
    near, chance = (
        expected_error(d, Quantizer.covering(FORMATS["int4"].with_choices(rounding=mode), -2, 2))
        for mode in ("nearest_even", "stochastic")
    )
    assert 1.8 < chance.rounding_mse / near.rounding_mse < 2.2  # s^2 / 6 instead of s^2 / 12
    assert chance.clipping_mse == pytest.approx(near.clipping_mse)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_band_holds_the_share_and_no_smaller_one_does(kind, share):
    x = data(kind, 4000)
    band = zero_band(SortedSums.of(x), share)
    inside = np.abs(x) <= np.float32(band)
    assert inside.mean() >= share - 0.5 / x.size
    if band:
        assert (np.abs(x) < np.float32(band)).sum() < round(share * x.size)
    assert zero_band(Histogram.of(x), share) == pytest.approx(band, rel=2e-3, abs=1e-3 * float(np.abs(x).max()))


def test_shares_and_bands_that_are_none_are_refused():
    d = SortedSums.of(data("gaussian", 100))
    with pytest.raises(WorkbenchError, match="sparsity is 1.0; expected a share"):
        zero_band(d, 1.0)
    assert zero_band(d, 0.0) == 0.0
    with pytest.raises(WorkbenchError, match="zero band -1 is no finite number"):
        Quantizer.covering("int8", -1, 1, zero_band=-1)
    with pytest.raises(WorkbenchError, match="binary has no level at 0"):
        Quantizer.covering("binary", -1, 1, zero_band=0.1)


def test_the_levels_within_the_band_are_never_used():
    quantizer = Quantizer.covering("int4", -7, 7, zero_band=2.6)
    x = np.linspace(-9, 9, 1001, dtype=np.float32)
    y = quantizer.fake_quantize(x)
    assert set(y[np.abs(x) <= 2.6]) == {0.0} and set(np.abs(y)) == {0, 3, 4, 5, 6, 7, 8}
    assert np.array_equal(quantizer.levels[np.searchsorted(quantizer.boundaries, x, "left")], y)
    assert np.array_equal(quantizer.decode(quantizer.encode(x)), y)
