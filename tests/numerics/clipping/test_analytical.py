"""Clipping by formula, by alternation, by fixed rule and by powers of two, each against an oracle of its own."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.numerics.samples import SHAPES_OF_DATA, data
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.aciq import (
    aciq_gauss,
    aciq_laplace,
    gauss_alpha,
    laplace_alpha,
    mean_deviation,
    ncnn_gauss_threshold,
    standard_deviation,
)
from workbench.numerics.clipping.alternating import alternating, best_symmetric_scale, refine_symmetric_scale
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.cut_offs import sigmoid_cut, tanh_cut
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.least_power import least_absolute, least_power, mean_power_error, points
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.moving_average import moving_average, moving_average_range
from workbench.numerics.clipping.power_of_two import (
    errors_by_exponent,
    holding_exponent,
    power_of_two_max,
    power_of_two_mse,
)
from workbench.numerics.clipping.unit_threshold import unit_threshold
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.errors.expected import expected_error, mean_squared_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums

REFERENCE = Path(__file__).parents[2] / "reference"
METHODS = [
    aciq_gauss,
    aciq_laplace,
    alternating,
    least_absolute,
    least_power,
    moving_average,
    power_of_two_max,
    power_of_two_mse,
    sigmoid_cut,
    tanh_cut,
]


def mse_of(d, name: str, clip: ClipRange, symmetric: bool | None) -> float:
    return mean_squared_error(d, Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric))


def quantized(d: SortedSums, name: str, clip: ClipRange, symmetric: bool | None) -> np.ndarray:
    return Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric).fake_quantize(d.values)


# all methods


@pytest.mark.parametrize("method", METHODS)
def test_what_every_method_does_with_little(method):
    with pytest.raises(WorkbenchError, match="calibrate with data first"):
        method(SortedSums.of([]), "int8")
    with pytest.raises(WorkbenchError, match="unknown format"):
        method(SortedSums.of([1.0, 2.0]), "int99")
    d = SortedSums.of(data("uniform", 300))
    for name in ("fp32", "fp16", "tf32"):
        assert method(d, name) == ClipRange(d.low, d.high)
    assert method(SortedSums.of([0.0, 0.0]), "int8", symmetric=True).threshold == 0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "fp8_e4m3", "int16", "log2_4", "nf4"])
def test_scaling_the_data_by_a_power_of_two_scales_the_range(method, name):
    if method in (sigmoid_cut, tanh_cut):
        return  # theirs is a fixed place
    x = data("laplace", 400)
    for symmetric in (True, False):
        one, large = (method(SortedSums.of(x * np.float32(f)), name, symmetric=symmetric) for f in (1, 1024))
        assert (large.low, large.high) == pytest.approx((one.low * 1024, one.high * 1024), rel=1e-5)


@pytest.mark.parametrize("method", [aciq_gauss, aciq_laplace, alternating, least_absolute, power_of_two_max])
def test_a_searched_range_is_mirrored_by_the_rule_of_the_house(method):
    d = SortedSums.of(data("normalised", 500))
    for name, symmetric in (("int8", None), ("int8", True), ("uint8", True), ("fp8_e4m3", False), ("fp8_e4m3", None)):
        clip = method(d, name, symmetric=symmetric)
        assert clip.low == -clip.high
    for name, symmetric in (("int8", False), ("uint8", None), ("uint8", False)):
        clip = method(d, name, symmetric=symmetric)
        assert clip.low != -clip.high


# ACIQ


def gauss_error(a: float, bits: int) -> float:
    return (
        (a * a + 1) * (1 - math.erf(a / math.sqrt(2)))
        - math.sqrt(2 / math.pi) * a * math.exp(-a * a / 2)
        + a * a / (3 * 4**bits)
    )


def laplace_error(a: float, bits: int) -> float:
    return 2 * math.exp(-a) + a * a / (3 * 4**bits)


@pytest.mark.parametrize(("alpha", "error"), [(gauss_alpha, gauss_error), (laplace_alpha, laplace_error)])
def test_alpha_is_where_the_published_error_is_least(alpha, error):
    for bits in range(1, 10):
        found = alpha(bits)
        around = np.linspace(0.5, 1.5, 2001) * found
        assert error(found, bits) <= min(error(a, bits) for a in around) * (1 + 1e-9)
    assert alpha(16) > alpha(9) and math.isfinite(alpha(17))


def test_alphas_agree_with_the_published_ones():
    assert [gauss_alpha(b) for b in (2, 3, 4, 8)] == pytest.approx([1.71, 2.15, 2.55, 3.92], abs=0.015)
    assert [laplace_alpha(b) for b in (2, 3, 4, 8)] == pytest.approx([2.83, 3.89, 5.03, 9.89], abs=0.015)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_spreads_are_those_of_the_values_that_are_not_zero(kind):
    x = data(kind, 3000).astype(np.float64)
    x = x[x != 0]
    for of, rel in ((SortedSums, 1e-6), (Histogram, 1e-4)):
        d = of.of(data(kind, 3000))
        for centre in (0.0, float(np.float32(x.mean()))):
            assert standard_deviation(d, centre) == pytest.approx(math.sqrt(((x - centre) ** 2).mean()), rel=rel)
            assert mean_deviation(d, centre) == pytest.approx(np.abs(x - centre).mean(), rel=rel)


@pytest.mark.parametrize("name", ["int2", "int3_narrow", "int4", "int5", "int6"])
@pytest.mark.parametrize(("method", "kind"), [(aciq_gauss, "gaussian"), (aciq_laplace, "laplace")])
def test_on_its_own_density_it_is_nearly_the_best(method, kind, name):
    d = SortedSums.of(data(kind, 50_000))
    for symmetric in (True, False):
        found = mse_of(d, name, method(d, name, symmetric=symmetric), symmetric)
        best = mse_of(d, name, least_error(d, name, symmetric=symmetric), symmetric)
        assert found <= best * (1.9 if name == "int2" else 1.35)


def test_data_of_one_sign_use_every_code_for_half_a_density():
    whole = data("gaussian", 50_000)
    relu = np.maximum(whole, 0)
    for name in ("uint4", "uint8"):
        d = SortedSums.of(relu)
        clip = aciq_gauss(d, name)
        std = float(np.sqrt((whole.astype(np.float64) ** 2).mean()))
        assert clip.low == 0 and clip.high == pytest.approx(
            min(d.high, gauss_alpha(FORMATS[name].bits + 1) * std), rel=0.02
        )
        assert mse_of(d, name, clip, None) <= mse_of(d, name, least_error(d, name), None) * 1.3
        mirrored = aciq_gauss(SortedSums.of(-relu), name)
        assert (mirrored.low, mirrored.high) == (-clip.high, 0)
        above = aciq_laplace(SortedSums.of(relu + np.float32(1)), name)
        assert above.low == 0 and above.high <= float(relu.max()) + 1


def test_zeros_do_not_narrow_the_range():
    x = data("gaussian", 4000)
    pruned = np.concatenate([x, np.zeros(12_000, np.float32)])
    for method in (aciq_gauss, aciq_laplace):
        for symmetric in (True, False):
            dense, sparse = (method(SortedSums.of(v), "int4", symmetric=symmetric) for v in (x, pruned))
            assert (sparse.low, sparse.high) == pytest.approx((dense.low, dense.high), rel=1e-6)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("method", [aciq_gauss, aciq_laplace])
def test_it_is_never_wider_than_the_data(method, kind):
    d = Histogram.of(data(kind, 300))
    for name in ("int16", "uint8", "int2"):
        clip = method(d, name, symmetric=False)
        assert min(d.low, 0) <= clip.low <= clip.high <= max(d.high, 0)
        assert method(d, name, symmetric=True).threshold <= d.absmax


def test_ncnn_estimates_the_spread_from_the_maximum():
    x = data("gaussian", 20_000)
    std, threshold = ncnn_gauss_threshold(float(np.abs(x).max()), x.size)
    assert std == pytest.approx(x.std(), rel=0.15) and threshold / std == pytest.approx(3.924037)
    for bits in (1, 9):
        with pytest.raises(WorkbenchError, match="2 to 8 bits"):
            ncnn_gauss_threshold(1.0, 100, bits)
    with pytest.raises(WorkbenchError, match="two or more"):
        ncnn_gauss_threshold(1.0, 1)


# alternating


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("name", ["int2", "int4", "uint4", "int8", "fp8_e4m3", "log2_4", "nf4", "binary", "ternary"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_alternating_never_ends_above_the_full_range(kind, name, symmetric):
    for of in (SortedSums, Histogram):
        d = of.of(data(kind, 800))
        found = mse_of(d, name, alternating(d, name, symmetric=symmetric), symmetric)
        assert found <= mse_of(d, name, min_max(d, name, symmetric=symmetric), symmetric) * (1 + 1e-9)


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "uniform"])
def test_where_alternating_ends_neither_step_helps(kind):
    d = SortedSums.of(data(kind, 2000))
    for name, symmetric in (("int4_narrow", True), ("uint4", False)):
        clip = alternating(d, name, symmetric=symmetric)
        quantizer = Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric)
        x, y = d.values.astype(np.float64), quantizer.fake_quantize(d.values).astype(np.float64)
        assert (x @ y) / (y @ y) == pytest.approx(1, abs=1e-6)  # the codes that the scale gives want this scale


def test_a_binary_scale_is_the_mean_magnitude():
    x = data("laplace", 3000)
    clip = alternating(SortedSums.of(x), "binary")
    assert clip.threshold == pytest.approx(np.abs(x.astype(np.float64)).mean(), rel=1e-6)


def test_errors_fall_to_a_fixed_point_that_need_not_be_the_best():
    stuck = 0
    for seed in range(20):
        values = WeightedValues.of(np.random.default_rng(seed).normal(size=80))
        for largest in (1, 3, 7):
            refined = refine_symmetric_scale(values, largest)
            assert (np.diff(refined.errors) < 0).all() and len(refined.errors) == len(refined.scales)
            x = values.values
            q = np.clip(np.rint(x / refined.scale), -largest, largest)
            assert refined.errors[-1] == pytest.approx(((x - refined.scale * q) ** 2).sum(), rel=1e-9)
            grid = np.linspace(0.02, 1.2, 3000) * np.abs(x).max() / largest
            tried = [((x - s * np.clip(np.rint(x / s), -largest, largest)) ** 2).sum() for s in grid]
            scale, best = best_symmetric_scale(values, largest)
            assert min(tried) * (1 - 1e-3) <= best <= min(*tried, *refined.errors) * (1 + 1e-12)
            q = np.clip(np.rint(x / scale), -largest, largest)
            assert best == pytest.approx(((x - scale * q) ** 2).sum(), rel=1e-9)
            stuck += best < refined.errors[-1] * 0.99
    assert stuck > 5
    assert len(refine_symmetric_scale(values, 7, most_rounds=1).errors) == 1


def test_repeated_values_count_as_often_as_they_occur():
    x = np.random.default_rng(0).integers(-20, 21, 500) / 7
    weighted, alone = WeightedValues.of(x), refine_symmetric_scale(WeightedValues.of(x), 3)
    q = np.clip(np.rint(x / alone.scale), -3, 3)
    assert alone.errors[-1] == pytest.approx(((x - alone.scale * q) ** 2).sum(), rel=1e-12)
    assert best_symmetric_scale(weighted, 3)[1] <= alone.errors[-1]


# moving average


def test_the_average_follows_sample_by_sample():
    assert moving_average_range([(-1, 2)], 0.5) == (-1, 2)
    assert moving_average_range([(-1, 2), (-3, 4), (1, 1)], 0.5) == (-0.5, 2.0)
    assert moving_average_range([(-1, 2), (-3, 4)], 1) == (-3, 4)
    rng = np.random.default_rng(0)
    ranges = np.sort(rng.normal(size=(40, 2)), axis=1).astype(np.float32)
    shares = 0.1 * 0.9 ** np.arange(39, -1, -1)
    shares[0] = 0.9**39
    assert shares.sum() == pytest.approx(1)
    assert moving_average_range(ranges, 0.1) == pytest.approx(tuple(shares @ ranges.astype(np.float64)))
    gaps = np.insert(ranges, [0, 5, 40], np.array([[np.nan, np.nan], [np.inf, -np.inf], [np.nan, 1]]), axis=0)
    assert moving_average_range(gaps, 0.1) == moving_average_range(ranges, 0.1)


@pytest.mark.parametrize("c", [0, -0.1, 1.01, float("nan")])
def test_a_weight_of_samples_outside_its_range_is_refused(c):
    with pytest.raises(WorkbenchError, match="expected a weight"):
        moving_average_range([(0, 1)], c)


def test_ranges_that_are_none_are_refused():
    with pytest.raises(WorkbenchError, match="expected .samples, 2."):
        moving_average_range([1.0, 2.0])
    for nothing in (np.zeros((0, 2)), [(np.nan, np.nan)]):
        with pytest.raises(WorkbenchError, match="no sample has a finite range"):
            moving_average_range(nothing)


def test_the_method_reads_the_ranges_of_the_samples():
    builder = HistogramBuilder()
    samples = np.float32([[-1, 2, 0], [-3, 1.5, 0], [np.nan, np.nan, np.inf], [-1, 100, 7]])
    builder.add(samples[:1], 1)
    builder.add(samples[1:], 3)
    d = builder.histogram()
    clip = moving_average(d, "int8", c=0.1)
    assert (clip.low, clip.high) == moving_average_range([(-1, 2), (-3, 1.5), (-1, 100)], 0.1)
    assert moving_average(d, "int8", c=0.1, symmetric=True) == clip.mirrored()
    assert moving_average(d, "int8").high < 4  # one outlier of 100 counts for one hundredth
    for unknown in (Histogram.of([1.0, 2.0]), LinearHistogram([1, 2], [0, 1, 2])):
        with pytest.raises(WorkbenchError, match="has not kept the ranges of its samples"):
            moving_average(unknown, "int8")


def test_a_weight_is_one_sample():
    d = SortedSums.of(data("student", 500))
    for symmetric in (None, True, False):
        assert moving_average(d, "int8", symmetric=symmetric) == min_max(d, "int8", symmetric=symmetric)


# cut-offs


@pytest.mark.parametrize(("method", "limit"), [(sigmoid_cut, 6.0), (tanh_cut, 3.0)])
def test_cut_offs_are_fixed(method, limit):
    wide = SortedSums.of(np.float32([-1000, 0.5, 40]))
    assert method(wide, "int8") == ClipRange(-limit, limit)
    one_sided = SortedSums.of(np.float32([0, 0.5, 40]))
    assert method(one_sided, "uint8") == ClipRange(0.0, limit)
    assert method(one_sided, "int8", symmetric=True) == ClipRange(-limit, limit)
    narrow = SortedSums.of(np.float32([-0.5, 2]))
    assert method(narrow, "int8") == ClipRange(-0.5, 2) and method(narrow, "int8", symmetric=True).low == -2
    beyond = SortedSums.of(np.float32([700, 800]))
    assert method(beyond, "int8") == ClipRange(limit, limit)


def test_the_functions_lose_what_is_said():
    case = next(
        c for c in json.loads((REFERENCE / "saturation_tricks.json").read_text())["cases"] if c["op"] == "cutoff"
    )
    x = np.linspace(-20, 20, 4001)
    for method, function, lost in (
        (sigmoid_cut, lambda x: 1 / (1 + np.exp(-x)), "max_output_error_sigmoid"),
        (tanh_cut, np.tanh, "max_output_error_tanh"),
    ):
        clip = method(SortedSums.of(x), "int8")
        error = np.abs(function(np.clip(x, clip.low, clip.high)) - function(x)).max()
        assert error == pytest.approx(case["expected"][lost], rel=1e-5)


# least powers


@pytest.mark.parametrize("p", [0.5, 1.0, 2.4, 4.0])
@pytest.mark.parametrize("name", ["int4", "uint4", "fp8_e5m2", "log2_4"])
@pytest.mark.parametrize("kind", ["gaussian", "relu", "student", "relu6", "normalised"])
def test_the_power_is_within_two_hundredths_of_the_best_threshold(p, name, kind):
    d = SortedSums.of(data(kind, 2000))
    x = d.values.astype(np.float64)

    def error(clip: ClipRange) -> float:
        return float((np.abs(x - quantized(d, name, clip, True)) ** p).mean())

    best = min(error(ClipRange(-t, t)) for t in np.geomspace(0.01, 1, 600) * d.absmax)
    assert error(least_power(d, name, symmetric=True, p=p)) <= best * 1.02
    both = least_power(d, name, symmetric=False, p=p)
    found = float((np.abs(x - quantized(d, name, both, False)) ** p).mean())
    whole = float((np.abs(x - quantized(d, name, min_max(d, name), False)) ** p).mean())
    assert found <= whole * (1 + 1e-9)


def test_two_is_least_error_and_one_is_least_absolute():
    d = SortedSums.of(data("student", 3000))
    for symmetric in (True, False, None):
        assert least_power(d, "int4", symmetric=symmetric, p=2) == least_error(d, "int4", symmetric=symmetric)
        assert least_power(d, "int4", symmetric=symmetric, p=1) == least_absolute(d, "int4", symmetric=symmetric)
    thresholds = [least_power(d, "int4", p=p).threshold for p in (0.5, 1, 2, 3, 6)]
    assert (np.diff(thresholds) > 0).all()  # the higher the power, the more an outlier counts


@pytest.mark.parametrize("p", [0, -1, float("nan"), float("inf")])
def test_a_power_that_is_none_is_refused(p):
    with pytest.raises(WorkbenchError, match="expected a positive power"):
        least_power(SortedSums.of([1.0, 2.0]), "int8", p=p)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_points_stand_for_the_values(kind):
    x = data(kind, 60_000)
    for d in (SortedSums.of(x), Histogram.of(x)):
        place, weights = points(d)
        assert place.dtype == np.float32 and d.low <= place.min() and place.max() <= d.high
        assert weights.sum() == pytest.approx(60_000, rel=1e-4)  # a density may be negative in places
        assert weights[place == 0].sum() == pytest.approx(d.n_zeros, abs=1e-6)
        for power in (1, 2):
            expected = (x.astype(np.float64) ** power).sum()
            assert weights @ place.astype(np.float64) ** power == pytest.approx(expected, rel=1e-3, abs=1)
        for name in ("int4", "int8"):
            quantizer = Quantizer.covering(name, -d.absmax / 2, d.absmax / 2)
            exact = (np.abs(x - quantizer.fake_quantize(x).astype(np.float64)) ** 1.0).mean()
            assert mean_power_error(place, weights, quantizer, 1.0) == pytest.approx(exact, rel=0.02)
    few, counts = points(SortedSums.of([2.0, 1.0, 2.0, -0.0]))
    assert few.tolist() == [0.0, 1.0, 2.0] and counts.tolist() == [1, 1, 2]


def test_fine_steps_are_taken_as_even_noise():
    d = SortedSums.of(data("laplace", 10_000))
    for low, high in ((-d.absmax, d.absmax), (-d.absmax / 3, d.absmax / 3)):
        quantizer = Quantizer.covering("int12", low, high)
        x = d.values.astype(np.float64)
        for p in (1.0, 3.0):
            exact = (np.abs(x - quantizer.fake_quantize(d.values)) ** p).mean()
            assert mean_power_error(*points(d), quantizer, p) == pytest.approx(exact, rel=0.03)
            assert mean_power_error(*points(d), quantizer, p, unit=2.0) == pytest.approx(exact / 2**p, rel=0.03)


def test_rounding_by_chance_is_judged_by_its_mean():
    d, format = SortedSums.of(data("gaussian", 1500)), FORMATS["int4"].with_choices(rounding="stochastic")
    quantizer = Quantizer.covering(format, -1.2, 1.2)
    assert mean_power_error(*points(d), quantizer, 2.0) == pytest.approx(expected_error(d, quantizer).mse, rel=1e-6)
    draws = [
        np.abs(d.values - Quantizer.covering(format.with_choices(seed=s), -1.2, 1.2).fake_quantize(d.values)).mean()
        for s in range(50)
    ]
    assert mean_power_error(*points(d), quantizer, 1.0) == pytest.approx(np.mean(draws), rel=0.02)
    assert 0 < least_absolute(d, format).threshold <= d.absmax


# powers of two


def test_the_exponent_holds_and_the_one_below_does_not():
    rng = np.random.default_rng(0)
    for reach in (1.0, 7.0, 127.0, 448.0, 65535.0):
        for magnitude in [*(10.0 ** rng.uniform(-30, 30, 50)), reach, reach * 8, reach * 2.0**-20]:
            e = holding_exponent(magnitude, reach)
            assert reach * 2.0 ** (e - 1) < magnitude <= reach * 2.0**e
        assert holding_exponent(0.0, reach) == -126 == holding_exponent(1e-45, reach)
        assert reach * 2.0 ** holding_exponent(3.4e38, reach) <= np.finfo(np.float32).max


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("name", ["int8", "uint8", "int4_narrow", "fp8_e4m3", "int8_pow2", "uint16", "nf4", "gfpq8"])
@pytest.mark.parametrize("symmetric", [True, False, None])
def test_the_scale_is_a_power_of_two_and_holds_everything(kind, name, symmetric):
    x = data(kind, 700)
    d, format = SortedSums.of(x), FORMATS[name]
    clip = power_of_two_max(d, name, symmetric=symmetric)
    mirrored = not format.affine or (format.signed if symmetric is None else symmetric)
    quantizer = Quantizer.covering(name, clip.low, clip.high, symmetric=mirrored)
    assert np.frexp(quantizer.scale)[0] == 0.5
    covered = (min(d.low, 0.0), max(d.high, 0.0))
    if mirrored:
        assert clip.low == -clip.high and clip.threshold / 2 < d.absmax <= clip.threshold
        assert clip.threshold == float(quantizer.scale) * unit_threshold(format)
    else:
        assert clip.low <= covered[0] and covered[1] <= clip.high
        assert (quantizer.low, quantizer.high) == (clip.low, clip.high)
        halved = 2 * (clip.high - clip.low) / 4
        steps = (format.qmax - format.qmin) / (format.qmax - format.qmin - 1)
        assert halved < (covered[1] - covered[0]) * steps  # half the scale cannot hold it with zero among the codes
    assert expected_error(d, quantizer).saturated_fraction == 0 or format.family in ("codebook", "logarithmic")


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize(("name", "symmetric"), [("int8", True), ("int4", True), ("uint4", False), ("fp8_e4m3", True)])
def test_the_best_power_of_two_is_the_best_of_all(kind, name, symmetric):
    d = SortedSums.of(data(kind, 1500))
    clip = power_of_two_mse(d, name, symmetric=symmetric)
    found = mse_of(d, name, clip, symmetric)
    scale = Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric).scale
    assert np.frexp(scale)[0] == 0.5
    tried = errors_by_exponent(d, name, symmetric=symmetric)
    assert len(tried) == 6 and [e for e, _, _ in tried] == list(range(tried[0][0], tried[0][0] + 6))
    assert found == min(error for _, _, error in tried)
    if symmetric:
        reach = unit_threshold(FORMATS[name])
        thresholds = [reach * 2.0**e for e in range(-20, 12)]
        assert found == min(mse_of(d, name, ClipRange(-t, t), True) for t in thresholds)
    else:
        format, best = FORMATS[name], math.inf
        for e in range(-20, 12):
            for z in range(format.qmin, format.qmax + 1):
                quantizer = Quantizer(format, np.float32(2.0**e), z)
                best = min(best, mean_squared_error(d, quantizer))
        assert best <= found <= best * 1.02


@pytest.mark.parametrize("name", ["pow2_scale.a", "pow2_scale.b"])
def test_the_exponents_are_those_of_the_reference_cases(name):
    case = next(c for c in json.loads((REFERENCE / "power_of_two.json").read_text())["cases"] if c["id"] == name)
    d, expected = SortedSums.of(case["inputs"]["x"]), case["expected"]
    tried = errors_by_exponent(d, "int8_narrow")
    assert [e for e, _, _ in tried] == [e for e, _ in expected["mse_by_exponent"]]
    assert [error for _, _, error in tried] == pytest.approx(
        [error for _, error in expected["mse_by_exponent"]], rel=1e-4
    )
    assert power_of_two_max(d, "int8_narrow").threshold == 127 * 2.0 ** expected["no_saturation_exponent"]
    assert power_of_two_mse(d, "int8_narrow").threshold == 127 * 2.0 ** expected["best_mse_exponent"]


def test_of_equal_errors_the_scale_that_just_holds_is_taken():
    d = SortedSums.of(np.float32([-1, 0, 1, 2]))
    for name, symmetric in (("int8", True), ("uint8", False)):
        assert sum(error == 0 for _, _, error in errors_by_exponent(d, name, symmetric=symmetric)) == 2
        holding = power_of_two_max(d, name, symmetric=symmetric)
        assert power_of_two_mse(d, name, symmetric=symmetric).threshold == holding.threshold


def test_nothing_but_zeros_has_no_exponent():
    d = SortedSums.of([0.0])
    assert errors_by_exponent(d, "int8") == [] and power_of_two_mse(d, "uint8") == ClipRange(0, 0)
