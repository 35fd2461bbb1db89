"""Clipping methods against exhaustive searches, and the threshold curve."""

import itertools

import numpy as np
import pytest

from tests.numerics.samples import KINDS, SCALED, SHAPES_OF_DATA, SMALL, cases, data, member
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.entropy import entropy
from workbench.numerics.clipping.groups import clip_groups
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.percentile import percentile
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.errors.expected import expected_error, mean_squared_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import kl_edges
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def mse_of(distribution, name: str, clip: ClipRange, symmetric: bool | None) -> float:
    return mean_squared_error(distribution, Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric))


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_min_max_is_the_range_of_the_data(kind):
    d = SortedSums.of(data(kind))
    assert min_max(d, "int8") == ClipRange(d.low, d.high) == min_max(d, "int8", symmetric=False)
    assert min_max(d, "int8", symmetric=True) == ClipRange(-d.absmax, d.absmax)
    assert min_max(d, "int8").threshold == d.absmax


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("keep", [0.5, 0.9, 0.99, 0.9999, 1.0])
def test_percentile_keeps_its_share_and_no_more(kind, keep):
    values = data(kind)
    d = SortedSums.of(values)
    clip = percentile(d, "int8", keep=keep)
    inside = (values >= clip.low) & (values <= clip.high)
    assert inside.mean() >= keep - 1e-9
    strictly = (values > clip.low) & (values < clip.high)
    assert strictly.mean() <= keep  # narrower would keep too few
    assert (values < clip.low).mean() <= (1 - keep) / 2 + 1e-9 >= (values > clip.high).mean() - 1e-9
    assert percentile(d, "int8", keep=keep, symmetric=True) == clip.mirrored()
    if keep == 1:
        assert clip == min_max(d, "int8")
    rows = percentile(Histogram.of(values), "int8", keep=keep)
    assert (rows.low, rows.high) == pytest.approx((clip.low, clip.high), rel=2.0**-11)


@pytest.mark.parametrize("keep", [0, -1, 1.0001, float("nan")])
def test_a_share_outside_its_range_is_refused(keep):
    with pytest.raises(WorkbenchError, match="expected a share"):
        percentile(SortedSums.of([1.0, 2.0]), "int8", keep=keep)


@pytest.mark.parametrize("name", ["int8", "int4", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("kind", ["gaussian", "relu", "student", "relu6", "normalised"])
def test_least_error_is_within_a_hundredth_of_the_best_of_2000_thresholds(name, kind):
    d = SortedSums.of(data(kind, 5000))
    grid = np.geomspace(0.005, 1.0, 2000) * d.absmax
    best = min(mse_of(d, name, ClipRange(-t, t), True) for t in grid)
    found = mse_of(d, name, least_error(d, name, symmetric=True), True)
    assert found <= best * 1.01


@pytest.mark.parametrize("name", ["uint8", "int4"])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_least_error_of_both_ends_is_within_a_hundredth_of_the_best_of_a_grid(name, kind):
    d = SortedSums.of(data(kind, 3000))
    low, high = min(d.low, 0.0), max(d.high, 0.0)
    ratios = np.geomspace(0.03, 1.0, 45)
    lows, highs = (ratios * low if low else [0.0]), (ratios * high if high else [0.0])
    best = min(mse_of(d, name, ClipRange(a, b), False) for a in lows for b in highs)
    clip = least_error(d, name, symmetric=False)
    assert low <= clip.low <= 0 <= clip.high <= high
    assert mse_of(d, name, clip, False) <= best * 1.01


@pytest.mark.parametrize("kind", ["gaussian", "laplace", "relu", "student", "uniform", "negative"])
@pytest.mark.parametrize(("name", "symmetric"), [("int16", True), ("uint16", False)])
def test_sixteen_bits_are_searched_by_a_model_of_the_noise(kind, name, symmetric):
    d = SortedSums.of(data(kind, 5000))
    low, high = (-d.absmax, d.absmax) if symmetric else (min(d.low, 0.0), max(d.high, 0.0))
    best = min(mse_of(d, name, ClipRange(r * low, r * high), symmetric) for r in np.geomspace(0.3, 1, 30))
    assert mse_of(d, name, least_error(d, name, symmetric=symmetric), symmetric) <= best * 1.03


@pytest.mark.parametrize("name", ["int8", "uint4", "fp8_e5m2"])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_least_error_is_never_worse_than_min_max(name, kind):
    for of in (SortedSums, Histogram):
        d = of.of(data(kind, 3000, seed=5))
        for symmetric in (True, False):
            found = mse_of(d, name, least_error(d, name, symmetric=symmetric), symmetric)
            assert found <= mse_of(d, name, min_max(d, name, symmetric=symmetric), symmetric) * (1 + 1e-12)


@pytest.mark.parametrize(("name", "symmetric"), [("int8", True), ("uint8", False), ("int4", False), ("fp8_e4m3", True)])
@pytest.mark.parametrize("kind", ["laplace", "relu", "student", "relu6", "normalised", "negative"])
def test_entropy_is_the_least_divergence_of_the_sweep(kind, name, symmetric):
    d = SortedSums.of(data(kind, 4000))
    curve = sweep(d, name, symmetric=symmetric)
    clip = entropy(d, name, symmetric=symmetric)
    eligible = np.flatnonzero(curve.thresholds >= 0.05 * d.absmax)
    at = np.flatnonzero((curve.low == clip.low) & (curve.high == clip.high))
    assert at.size and np.isin(at, eligible).any()
    assert curve.kl[at[0]] <= curve.kl[eligible].min() + 1e-12


def test_of_equal_divergences_the_widest_range_is_chosen():
    d = SortedSums.of(np.repeat(np.float32([0.25, 0.5, 1.0]), [9, 9, 1]))
    assert entropy(d, "int8").threshold == 1.0
    many_zeros = SortedSums.of(np.repeat(np.float32([0.0, 1.0]), [1000, 10]))
    assert entropy(many_zeros, "int8").threshold == 1.0  # below 1 zeros alone are inside
    assert entropy(many_zeros, "uint8") == ClipRange(0.0, 1.0)
    spikes = SortedSums.of(np.repeat(np.float32([-1.0, 0.0, 1.0]), [5, 1000, 5]))
    for name in ("int4", "uint8", "int2_narrow", "q8", "fp8_e4m3", "log2_4", "nf4", "binary", "ternary"):
        assert entropy(spikes, name, symmetric=False).threshold == 1.0


FREE_OF_THE_DATA = ("alternating", "power_of_two_max", "power_of_two_mse")  # their thresholds may exceed the largest
SWEEPING = ("entropy",)  # 2048 quantizers each: few of the combinations are enough
SMALL_KINDS = [name for name in KINDS if name in SMALL]
QUICK = [method for method in CLIPPING if method not in SWEEPING]
OF_TOOLS = [method for method in QUICK if method.startswith("entropy_")]  # a format is a number of levels to them
EVERY_METHOD = [(method, name) for method in QUICK if method not in OF_TOOLS for name in SMALL_KINDS]
EVERY_METHOD += [(method, name) for method in OF_TOOLS for name in ("int4", "uint8", "fp8_e4m3", "binary")]
EVERY_FORMAT = list(zip(itertools.cycle(QUICK), [name for name in SCALED if name not in SMALL_KINDS], strict=False))
SWEPT = [("entropy", name) for name in ("int8", "uint4", "fp8_e4m3", "q8", "nf4", "binary", "log2_4", "int16")]


def strange_and_usual(n: int) -> list[np.ndarray]:
    """float32 arrays: zeros, constants, subnormals, huge ones, NaN and infinities, n values below 0."""
    few = ([0.0, 0.0], [3.5] * 4, [-3.5] * 4, [-1e-45, 0.0], [3e38, -3e38], [1.0, np.nan, np.inf])
    return [*(np.asarray(values, np.float32) for values in few), data("negative", n)]


@pytest.mark.parametrize(("method", "name"), EVERY_METHOD + EVERY_FORMAT + SWEPT)
def test_every_method_takes_every_kind_of_data(method, name):
    """Every method meets every kind of format, and every format a method."""
    if (method, name) == ("entropy_tensorrt", "binary"):
        with pytest.raises(WorkbenchError, match="1 levels leave TensorRT no candidate"):
            CLIPPING[method](SortedSums.of(data("negative", 50)), name)
        return  # half of the levels of a signed format: one, which it cannot spread anything over
    affine = FORMATS[name].affine and method not in SWEEPING
    for values in strange_and_usual(50 if FORMATS[name].bits > 8 else 300):
        d = SortedSums.of(values)
        for symmetric in (True, False, None) if affine else (True, None):
            clip = CLIPPING[method](d, name, symmetric=symmetric)
            assert isinstance(clip.low, float) and isinstance(clip.high, float) and clip.low <= clip.high
            assert clip.threshold <= d.absmax or method in FREE_OF_THE_DATA
            if symmetric:
                assert clip.low == -clip.high
            error = expected_error(d, Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric))
            assert np.isfinite(error.mse)
            if name != "binary":  # has no level at 0: small values grow
                assert error.mse <= float((d.values.astype(np.float64) ** 2).mean()) * 1.0001


@pytest.mark.parametrize("method", CLIPPING)
@pytest.mark.parametrize("of", [Histogram.of, lambda x: LinearHistogram(*np.histogram(x.astype(np.float64), 3000))])
def test_every_method_reads_every_kind_of_distribution(method, of):
    values = data("laplace", 4000)
    exact, rows = SortedSums.of(values), of(values)
    if method == "moving_average":  # only calibration, which sees sample by sample, knows their ranges
        with pytest.raises(WorkbenchError, match="has not kept the ranges of its samples.*or use min_max"):
            CLIPPING[method](rows, "int4")
        return
    found, expected = (CLIPPING[method](d, "int4", symmetric=True) for d in (rows, exact))
    if method.startswith("entropy"):  # the least of many that are nearly equal moves with the counts of few bins
        assert 0.05 * exact.absmax <= found.threshold <= exact.absmax * 1.001
    else:
        assert found.threshold == pytest.approx(expected.threshold, rel=0.03)


@pytest.mark.parametrize("method", CLIPPING)
def test_a_constant_is_covered(method):
    for value in (0.0, 2.5, -2.5):
        d = SortedSums.of(np.full(7, value, np.float32))
        for name in ("int8", "uint8", "int4", "fp8_e4m3"):
            for symmetric in (True, False):
                clip = CLIPPING[method](d, name, symmetric=symmetric)
                quantizer = Quantizer.covering(name, clip.low, clip.high, symmetric=symmetric)
                assert quantizer.fake_quantize(np.float32([value]))[0] == pytest.approx(value, rel=0.04)


@pytest.mark.parametrize("method", CLIPPING)
def test_nothing_to_choose_from_is_an_error(method):
    for empty in (SortedSums.of([]), Histogram.of([np.nan]), LinearHistogram([0], [0, 1])):
        with pytest.raises(WorkbenchError, match="no range can be chosen; calibrate with data first"):
            CLIPPING[method](empty, "int8")


def test_methods_are_listed_and_others_refused():
    assert list(CLIPPING)[:5] == ["least_error", "entropy", "min_max", "percentile", "moving_average"]
    for kind in ("least_absolute", "aciq_gauss", "alternating", "tanh_cut", "power_of_two_mse", "entropy_tensorrt"):
        assert kind in CLIPPING
    with pytest.raises(WorkbenchError, match="unknown clipping method 'magic'; expected one of least_error"):
        CLIPPING["magic"]
    for method in CLIPPING.values():
        assert method.__doc__
    for method in ("least_error", "entropy"):
        with pytest.raises(WorkbenchError, match="unknown format"):
            CLIPPING[method](SortedSums.of([1.0, 2.0]), "int99")


@pytest.mark.parametrize("method", CLIPPING)
def test_formats_without_a_scale_keep_the_whole_range(method):
    d = SortedSums.of(data("uniform", 1000))
    for name in ("fp32", "fp16", "bf16", "tf32", "kmeans4", "mxfp8_e4m3", "pruned"):
        clip = CLIPPING[method](d, name)
        if method != "percentile":
            assert clip == ClipRange(d.low, d.high)


def rows() -> np.ndarray:
    """float32 (9, 400): channels of every shape, one of zeros, one constant, one with NaN and infinities."""
    made = [data(kind, 400) for kind in ("gaussian", "laplace", "relu", "student", "uniform", "negative")]
    broken = data("gaussian", 400, 1)
    broken[:5] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
    return np.stack([*made, np.zeros(400, np.float32), np.full(400, 0.7, np.float32), broken])


AT_ONCE = ("least_error", "min_max")  # searched over all groups together; other methods are asked group by group
GROUPED = [(method, name) for method in AT_ONCE for name in [*SMALL_KINDS, "fp16"]]
GROUPED += [(method, name) for method in CLIPPING if method not in AT_ONCE for name in ("uint8", "fp8_e4m3", "fp16")]


@pytest.mark.parametrize(("method", "name"), GROUPED)
@pytest.mark.parametrize("symmetric", [True, False])
def test_groups_get_what_each_would_get_alone(method, name, symmetric):
    channels = rows()[5:] if method == "entropy" else rows()  # 2048 candidates a channel take their time
    low, high = clip_groups(channels, FORMATS[name], method, symmetric=symmetric)
    assert low.dtype == high.dtype == np.float32 and low.shape == high.shape == (len(channels),)
    for i, row in enumerate(channels):
        d = SortedSums.of(row)
        alone = CLIPPING[method](d, name, symmetric=symmetric)
        if method == "least_error" and FORMATS[name].has_scale:
            found = mse_of(d, name, ClipRange(float(low[i]), float(high[i])), symmetric)
            assert found <= mse_of(d, name, alone, symmetric) * 1.01 + 1e-12 * d.absmax**2
            if symmetric:
                assert low[i] == -high[i]
        else:
            assert (low[i], high[i]) == (np.float32(alone.low), np.float32(alone.high))


@pytest.mark.parametrize("method", CLIPPING)
def test_groups_without_values_get_an_empty_range(method):
    for channels in (np.full((2, 3), np.nan, np.float32), np.zeros((2, 0), np.float32)):
        low, high = clip_groups(channels, FORMATS["int8"], method)
        assert low.tolist() == high.tolist() == [0, 0]
    with pytest.raises(WorkbenchError, match="unknown clipping method"):
        clip_groups(rows(), FORMATS["int8"], "magic")


@pytest.mark.parametrize(("name", "symmetric"), cases(SMALL, [True, False, None]))
def test_the_curve_is_what_each_threshold_gives(name, symmetric):
    for kind in ("gaussian", "relu", "negative"):
        d = SortedSums.of(data(kind, 2000))
        thresholds = np.linspace(0.05, 1.2, 7) * d.absmax
        curve = sweep(d, name, symmetric=symmetric, thresholds=thresholds)
        mirrored = not FORMATS[name].affine or (FORMATS[name].signed if symmetric is None else symmetric)
        assert curve.symmetric == mirrored and np.array_equal(curve.thresholds, thresholds)
        if mirrored:
            assert np.array_equal(curve.high, thresholds) and np.array_equal(curve.low, -thresholds)
        else:
            assert np.array_equal(curve.high, np.minimum(max(d.high, 0), thresholds))
            assert np.array_equal(curve.low, np.maximum(min(d.low, 0), -thresholds))
        for i in range(7):
            low, high = curve.low[i], curve.high[i]
            error = expected_error(d, Quantizer.covering(name, low, high, symmetric=mirrored))
            for field, part in (("mse", "mse"), ("rounding", "rounding_mse"), ("clipping", "clipping_mse")):
                assert getattr(curve, field)[i] == pytest.approx(getattr(error, part), rel=1e-13)
            assert curve.sqnr_db[i] == pytest.approx(error.sqnr_db, abs=1e-10) and curve.kl[i] == error.kl


def test_candidates_are_the_edges_of_the_bins():
    for kind, n in (("gaussian", 1024), ("relu", 2048)):
        d = SortedSums.of(data(kind, 500))
        curve = sweep(d, "int8")
        edges = kl_edges(d.low, d.high)
        assert np.array_equal(curve.thresholds, edges[edges > 0]) and curve.thresholds.size == n
        for field in ("thresholds", "low", "high"):
            assert getattr(curve, field).dtype == np.float64
    given = sweep(LinearHistogram([1, 2, 3], [-1, 0, 1, 2]), "int8")
    assert given.thresholds.tolist() == [1, 2]


@pytest.mark.parametrize("name", ["fp32", "fp16", "bf16", "tf32", "kmeans3"])
def test_a_format_without_a_scale_has_one_point(name):
    d, format = SortedSums.of(data("gaussian", 500)), member(name)
    curve = sweep(d, format)
    assert curve.thresholds.tolist() == curve.high.tolist() == (-curve.low).tolist() == [format.largest]
    error = expected_error(d, Quantizer.covering(format, 0, 0))
    assert curve.mse[0] == pytest.approx(error.mse) and curve.kl[0] == error.kl
    assert curve.sqnr_db[0] == pytest.approx(error.sqnr_db)


def test_a_curve_beyond_fp16_is_infinite():
    curve = sweep(SortedSums.of([1.0, 1e6]), "fp16")
    assert curve.clipping[0] == curve.mse[0] == np.inf and curve.sqnr_db[0] == -np.inf


def test_a_sweep_refuses_what_it_cannot_do():
    d = SortedSums.of(data("gaussian", 100))
    with pytest.raises(WorkbenchError, match="unknown sweep method 'tensorrt'; expected one of entropy"):
        sweep(d, "int8", method="tensorrt")
    with pytest.raises(WorkbenchError, match="calibrate with data first"):
        sweep(SortedSums.of([]), "int8")
    with pytest.raises(WorkbenchError, match="unknown format"):
        sweep(d, "int99")
    for thresholds in ([], [0.0, 1.0], [-1.0], [1.0, 1.0], [2.0, 1.0], [[1.0]], [1.0, np.nan], [np.nan], [1.0, np.inf]):
        with pytest.raises(WorkbenchError, match="strictly ascending"):
            sweep(d, "int8", thresholds=thresholds)
