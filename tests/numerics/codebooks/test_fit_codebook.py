"""Codebook formats fitted to a tensor, alone and behind a zero band."""

import numpy as np
import pytest

from tests.numerics.samples import data
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.codebooks.entropy_coding import code_counts, entropy_bits
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.codebooks.optimal import optimal_levels
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def test_a_fitted_format_is_the_optimum_as_a_format():
    d = SortedSums.of(data("laplace", 3000))
    format = fit_codebook("kmeans3", d)
    values, counts = np.unique(data("laplace", 3000), return_counts=True)
    _, sse = optimal_levels(values.astype(np.float64), counts.astype(np.float64), 8)
    assert expected_error(d, Quantizer.covering(format, 0, 0)).mse * d.count == pytest.approx(sse, rel=1e-6)
    assert format.name == "kmeans3" and len(format.levels) == 8 and FORMATS["kmeans3"].levels is None


@pytest.mark.parametrize("of", [SortedSums.of, Histogram.of])
@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_behind_a_zero_band_no_level_is_wasted(of, sparsity):
    x = data("gaussian", 5000)
    d = of(x)
    band = zero_band(d, sparsity)
    format = fit_codebook("kmeans3", d, zero_band=band)
    levels = np.array(format.levels)
    assert levels.size == 8 and (levels == 0).sum() == 1 and (np.abs(levels[levels != 0]) > band).all()
    quantizer = Quantizer.covering(format, 0, 0, zero_band=band)
    y = quantizer.fake_quantize(x)
    assert (y == 0).mean() == pytest.approx(sparsity, abs=0.002) and np.unique(y).size == 8
    outside = x[np.abs(x) > band].astype(np.float64)
    _, best = optimal_levels(np.unique(outside), np.unique(outside, return_counts=True)[1].astype(float), 7)
    assert ((y[np.abs(x) > band] - outside) ** 2).sum() == pytest.approx(best, rel=1e-2)


def test_where_all_is_pruned_zero_is_the_only_level():
    assert fit_codebook("kmeans2", SortedSums.of(np.ones(5, np.float32)), zero_band=2).levels == (0.0,)


def test_only_codebooks_are_fitted_and_only_fitted_ones_are_used():
    with pytest.raises(WorkbenchError, match="int8 is no codebook"):
        fit_codebook("int8", SortedSums.of(data("gaussian", 10)))
    with pytest.raises(WorkbenchError, match="kmeans4 has no levels yet"):
        Quantizer.covering("kmeans4", -1, 1)


@pytest.mark.parametrize("rounding", ["nearest_even", "up", "stochastic"])
@pytest.mark.parametrize("band", [0.0, 0.3])
def test_expected_counts_of_codes_are_those_of_the_values(rounding, band):
    x = data("student", 4000) * 5
    d = SortedSums.of(x)
    quantizer = Quantizer.covering(FORMATS["int4"].with_choices(rounding=rounding), -2, 2, zero_band=band)
    drawn = [
        Quantizer.covering(quantizer.format.with_choices(seed=seed), -2, 2, zero_band=band).fake_quantize(x)
        for seed in range(40 if rounding == "stochastic" else 1)
    ]
    found = np.mean([[np.count_nonzero(y == level) for level in quantizer.levels] for y in drawn], axis=0)
    tolerance = 5 * np.sqrt(np.maximum(found, 1) / len(drawn)) if rounding == "stochastic" else 0
    assert (np.abs(code_counts(d, quantizer) - found) <= tolerance).all()
    assert 0 < entropy_bits(d, quantizer) <= 4
