"""Other tools' KL searches: against the tools themselves where they are at hand, else against what they answered."""

import contextlib
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime.quantization.calibrate import HistogramCollector

from tests.numerics.samples import awkward, data, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import ClipRange
from workbench.numerics.clipping.compatibility import caffe, mxnet, ncnn, onnxruntime, search, slides, tensorrt
from workbench.numerics.clipping.compatibility.curve import divergences
from workbench.numerics.clipping.compatibility.definition import Definition, expand
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy, smooth
from workbench.numerics.clipping.compatibility.searches import SEARCHES, search_by
from workbench.numerics.clipping.compatibility.tool_histogram import equal_edges, magnitudes, numpy_histogram, two_sided
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.errors.expected import mean_squared_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums

KINDS = ("gaussian", "laplace", "relu", "student")
SEEDS = range(25)
STORED = json.loads((Path(__file__).parent / "modelopt_thresholds.json").read_text(encoding="utf-8"))["thresholds"]
DEFINITIONS = {
    "onnxruntime": onnxruntime.DEFINITION,
    "tensorrt": tensorrt.DEFINITION,
    "mxnet 2": mxnet.DEFINITIONS["2"],
    "mxnet 1.2": mxnet.DEFINITIONS["1.2"],
    "caffe": caffe.DEFINITION,
    "slides": slides.DEFINITION,
}


def tensor(kind: str, seed: int) -> np.ndarray:
    """float32: 2,000 to 40,000 values of any scale; the stored thresholds belong to these very numbers."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    n = int(rng.integers(2_000, 40_000))
    scale = 10.0 ** rng.uniform(-2, 2)
    values = {
        "gaussian": lambda: rng.normal(size=n),
        "laplace": lambda: rng.laplace(size=n),
        "relu": lambda: np.maximum(rng.normal(size=n), 0),
        "student": lambda: rng.standard_t(3, size=n),
    }[kind]()
    return (values * scale).astype(np.float32)


def by_onnxruntime(values: np.ndarray, bins: int, levels: int = 128) -> tuple[tuple[np.ndarray, ...], ClipRange]:
    """onnxruntime's own histogram, and the range it finds."""
    collector = HistogramCollector("entropy", False, bins, levels, 99.99, None)
    with contextlib.redirect_stdout(io.StringIO()):
        collector.collect({"x": values})
        low, high = collector.compute_collection_result()["x"][:2]
    return collector.histogram_dict["x"], ClipRange(float(low), float(high))


def with_zeros_treated(p: np.ndarray, q: np.ndarray, definition: Definition) -> float:
    """KL of what `expand` gives, in float64, one bin after the other."""
    if definition.zeros == "replace":
        p, q = np.where(p == 0, definition.eps, p), np.where(q == 0, definition.eps, q)
    elif definition.zeros == "smooth":
        treated = []
        for part in (p, q):
            zero = part == 0
            lost = definition.eps * zero.sum() / max((~zero).sum(), 1)
            if zero.all() or lost >= 1:
                return np.inf
            treated.append(np.where(zero, definition.eps, part - lost))
        p, q = treated
    return relative_entropy(p, q) if p.any() and q.any() else np.inf


@pytest.mark.parametrize("bins", [2048, 128])
@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime_takes_the_same_bin_on_all_seeds(kind, bins):
    for seed in SEEDS:
        values = tensor(kind, seed)
        (counts, edges, *_), theirs = by_onnxruntime(values, bins)
        ours = two_sided(SortedSums.of(values), bins)
        assert np.array_equal(ours[0], counts) and np.array_equal(ours[1], edges)
        assert onnxruntime.entropy_onnxruntime(SortedSums.of(values), "int8", bins=bins) == theirs, seed


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
def test_onnxruntime_takes_the_same_bin_of_8001(kind):
    values = tensor(kind, 25)
    assert onnxruntime.entropy_onnxruntime(SortedSums.of(values), "int8", bins=8001) == by_onnxruntime(values, 8001)[1]


@pytest.mark.parametrize("bins", [300, 301])
def test_onnxruntime_takes_the_same_bin_of_awkward_values(bins):
    compared = 0
    for seed in range(60):
        values = awkward(np.random.default_rng(seed))
        if values.min() == values.max():
            continue
        try:
            with np.errstate(all="ignore"):
                theirs = by_onnxruntime(values, bins, 60)[1]
        except (AssertionError, ValueError):  # it has no answer: smoothing takes all, or bins are finer than float32
            continue
        ours = onnxruntime.entropy_onnxruntime(SortedSums.of(values), "int8", bins=bins, levels=60)
        if theirs.low <= theirs.high:
            assert ours == theirs, seed
        else:  # no value within the slice: its quantizer takes zero in, and so does our range
            assert ours == ClipRange(min(theirs.low, 0.0), max(theirs.high, 0.0))
        compared += 1
    assert compared > 30


@pytest.mark.parametrize("kind", KINDS)
def test_tensorrt_takes_the_same_bin_as_modelopt(kind):
    rows = [row for row in STORED if row["kind"] == kind]
    assert len(rows) == len(SEEDS)
    for row in rows:
        d = SortedSums.of(tensor(kind, row["seed"]))
        counts = magnitudes(d, 2048, lambda x, largest: np.floor(x * np.float32(2048) / largest))
        assert hashlib.sha256(counts.astype("<i8").tobytes()).hexdigest() == row["histogram_sha256"], row["seed"]
        found = tensorrt.of_distribution(d, FORMATS["int8"])
        assert found.bin == row["bin"] and found.threshold == pytest.approx(row["threshold"], rel=1e-6)
        assert tensorrt.entropy_tensorrt(d, "int8") == ClipRange(-found.threshold, found.threshold)


def test_of_equal_candidates_tensorrt_takes_the_last_and_the_others_the_first():
    counts = np.zeros(300)
    counts[[5, 299]] = 1000, 1  # infinite for TensorRT wherever the one value lies outside an empty last bin
    edges = np.linspace(0, 1, 301)
    assert np.isinf(tensorrt.search_tensorrt(counts, edges).kl[:-1]).all()
    counts[299], counts[0] = 0, 7  # now nothing lies outside, and every candidate of a whole number of groups is equal
    found = tensorrt.search_tensorrt(counts, edges, levels=300)
    assert (found.kl == found.kl[0]).all() and found.bin == 300 and found.threshold == 1
    assert slides.search_slides(counts, edges).bin == 128


@pytest.mark.parametrize("name", DEFINITIONS)
@seeded
@given(seed=st.integers(0, 2**32 - 1))
def test_prefix_sums_give_the_kl_of_the_bins(name, seed):
    definition, rng = DEFINITIONS[name], np.random.default_rng(seed)
    n, levels = int(rng.integers(6, 120)), int(rng.integers(2, 6))
    counts = rng.poisson(rng.choice([0.3, 3, 300]), n) * (rng.random(n) < rng.choice([0.05, 0.5, 1]))
    counts = np.asarray(counts, np.float64)
    counts[-1] += 1
    starts = rng.integers(0, n - levels, 20)
    stops = np.array([rng.integers(a + levels, n + 1) for a in starts])
    found = divergences(counts, starts, stops, levels, definition)
    for a, b, kl in zip(starts, stops, found, strict=True):
        expected = with_zeros_treated(*expand(counts, a, b, levels, definition), definition)
        assert kl == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_prefix_sums_where_smoothing_takes_nearly_all():
    counts = np.zeros(9001)
    counts[[0, 4500, 9000]] = 1, 40, 2  # each bin loses 0.3 of a count
    for definition in (onnxruntime.DEFINITION, mxnet.DEFINITIONS["1.2"]):
        found = divergences(counts, np.array([0]), np.array([9001]), 255, definition)
        assert found[0] == pytest.approx(with_zeros_treated(*expand(counts, 0, 9001, 255, definition), definition))


def everywhere(kl: np.ndarray, own: Callable[[int], float], margin: float) -> np.ndarray:
    """What `with_own_arithmetic` does, at every candidate that is not infinite."""
    return np.array([own(i) if np.isfinite(kl[i]) else np.inf for i in range(kl.size)])


@pytest.mark.parametrize("kind", [*KINDS, "uniform", "relu6", "pixels"])
@pytest.mark.parametrize("name", SEARCHES)
def test_the_choice_is_that_of_the_tool_s_own_arithmetic_everywhere(name, kind, monkeypatch):
    d = SortedSums.of(tensor(kind, 30) if kind in KINDS else data(kind))
    options = {"entropy_onnxruntime": {"bins": 1024}, "entropy_mxnet": {"bins": 1025}}.get(name, {"bins": 700})
    versions = ({"version": "2"}, {"version": "1.2"}) if name == "entropy_mxnet" else ({},)
    for version in versions:
        quick = SEARCHES[name](d, FORMATS["int8"], **options, **version)
        with monkeypatch.context() as patch:
            patch.setattr(f"{SEARCHES[name].__module__}.with_own_arithmetic", everywhere)
            whole = SEARCHES[name](d, FORMATS["int8"], **options, **version)
        assert quick.bin == whole.bin and quick.kl[quick.chosen] == whole.kl[whole.chosen]
        finite = np.isfinite(whole.kl)
        assert finite.any()
        assert np.abs(quick.kl[finite] - whole.kl[finite]).max() < 3e-5


def test_candidates_beside_the_least_are_left_as_they_are():
    kl = np.array([1.0, 0.5, 0.5 + 1e-7, np.inf])
    assert search.with_own_arithmetic(kl, lambda i: [9, 0.6, 0.4, 9][i], 1e-6).tolist() == [1.0, 0.6, 0.4, np.inf]
    assert search.with_own_arithmetic(np.array([np.inf]), lambda i: 0.0, 1e-6).tolist() == [np.inf]


@pytest.mark.parametrize("kind", [*KINDS, "uniform", "relu6", "negative"])
@pytest.mark.parametrize("bins", [2048, 700])
def test_histograms_are_those_that_the_tools_count(kind, bins):
    values = tensor(kind, 31) if kind in KINDS else data(kind)
    d, largest, width = SortedSums.of(values), np.abs(values).max(), np.float32(bins)
    counts, edges = two_sided(d, bins)
    theirs = np.histogram(values, bins, range=(-largest, largest))
    assert np.array_equal(counts, theirs[0]) and np.array_equal(edges, theirs[1])
    for position in (lambda x, top: np.floor(x / top * width), lambda x, top: np.floor(x * width / top)):
        at = np.minimum(position(np.abs(values), largest), width - 1).astype(int)
        assert np.array_equal(magnitudes(d, bins, position), np.bincount(at, minlength=bins))
    tool = caffe.of_distribution(d, FORMATS["int8"], bins=bins)
    theirs = np.histogram(values, bins, range=(0, largest))  # negative values are not counted
    assert np.array_equal(tool.kl, caffe.search_caffe(theirs[0], theirs[1]).kl)


def test_ncnn_leaves_exact_zeros_out():
    values = tensor("relu", 32)
    with_zeros, without = SortedSums.of(values), SortedSums.of(values[values != 0])
    found = ncnn.of_distribution(with_zeros, FORMATS["int8"])
    assert np.array_equal(found.kl, ncnn.of_distribution(without, FORMATS["int8"]).kl)
    assert found.threshold == pytest.approx((found.bin + 0.5) * with_zeros.absmax / 2048, rel=1e-15)


def test_mxnet_moves_negative_levels_to_unsigned_data():
    relu, gaussian = SortedSums.of(tensor("relu", 33)), SortedSums.of(tensor("gaussian", 33))
    of = mxnet.of_distribution
    assert of(relu, FORMATS["uint8"]).bins[0] == 255 and of(relu, FORMATS["int8"]).bins[0] == 127
    assert of(gaussian, FORMATS["uint8"]).bins[0] == 127
    assert of(relu, FORMATS["uint8"], version="1.2").bins[0] == 127
    assert mxnet.entropy_mxnet(relu, "uint8").low == 0


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize(("format", "symmetric"), [("int8", None), ("uint8", None), ("int4", False)])
@pytest.mark.parametrize("kind", ["laplace", "relu"])
def test_a_sweep_shows_the_tool_s_candidates_and_its_choice(name, format, symmetric, kind):
    d = SortedSums.of(tensor(kind, 34))
    options = {"bins": 1501}
    curve = sweep(d, format, method=name, symmetric=symmetric, **options)
    found = SEARCHES[name](d, FORMATS[format], **options)
    assert np.array_equal(curve.kl, found.kl) and np.array_equal(curve.thresholds, found.thresholds)
    assert (np.diff(curve.thresholds) > 0).all() and curve.chosen == found.chosen
    assert curve.kl[curve.chosen] == curve.kl.min()
    clip = CLIPPING[name](d, format, symmetric=symmetric, **options)
    if name == "entropy_onnxruntime":
        clip = clip.mirrored() if curve.symmetric else clip
    ends = np.minimum(curve.high[curve.chosen], d.absmax), np.maximum(curve.low[curve.chosen], -d.absmax)
    assert (clip.high, clip.low) == ends
    at = min(3, curve.thresholds.size - 1)
    quantizer = Quantizer.covering(format, curve.low[at], curve.high[at], symmetric=curve.symmetric)
    few = sweep(d, format, symmetric=symmetric, thresholds=curve.thresholds[at : at + 1])
    assert few.mse[0] == pytest.approx(mean_squared_error(d, quantizer)) and few.chosen is None


def test_onnxruntime_s_default_never_clips():
    d = SortedSums.of(tensor("student", 35))
    assert onnxruntime.entropy_onnxruntime(d, "int8") == ClipRange(d.low, d.high)
    assert onnxruntime.entropy_onnxruntime(d, "int8", symmetric=True) == ClipRange(-d.absmax, d.absmax)
    assert onnxruntime.entropy_onnxruntime(d, "int8", bins=2048).threshold < d.absmax
    assert sweep(d, "int8", method="entropy_onnxruntime").thresholds.tolist() == [d.absmax]


@pytest.mark.parametrize("name", SEARCHES)
def test_rows_and_given_bins_are_searched_too(name):
    values = tensor("laplace", 36)
    exact = CLIPPING[name](SortedSums.of(values), "int8").threshold
    assert CLIPPING[name](Histogram.of(values), "int8").threshold == pytest.approx(exact, rel=0.1)
    counts, edges = np.histogram(values, 4000)
    assert CLIPPING[name](LinearHistogram(counts, edges), "int8").threshold == pytest.approx(exact, rel=0.3)
    shares = LinearHistogram(counts / counts.sum(), edges)  # no whole numbers
    assert 0 < CLIPPING[name](shares, "int8").threshold <= shares.absmax


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("values", [[0.0], [2.5] * 9, [-2.5] * 9, [3e38, -3e38, 1.0], [1e-45, -1e-45], [1.0, 1e-30]])
def test_strange_values_get_a_range(name, values):
    d = SortedSums.of(np.float32(values))
    for format in ("int8", "uint8"):
        for options in ({}, {"bins": 1101}):
            clip = CLIPPING[name](d, format, **options)
            assert clip.low <= clip.high and clip.threshold <= d.absmax
            assert d.low < d.high or clip.threshold == d.absmax  # equal values are covered
            assert Quantizer.covering(format, clip.low, clip.high).scale > 0
            assert not np.isnan(sweep(d, format, method=name, **options).kl).any()


def test_a_format_without_a_scale_has_nothing_to_search():
    d = SortedSums.of(tensor("gaussian", 37))
    for name in SEARCHES:
        assert CLIPPING[name](d, "fp16") == ClipRange(d.low, d.high)
        curve = sweep(d, "fp16", method=name)
        assert curve.thresholds.size == 1 and curve.chosen is None


def test_more_levels_than_bins_are_each_a_bin_of_their_own():
    d = SortedSums.of(tensor("gaussian", 38))
    found = tensorrt.of_distribution(d, FORMATS["int16"])
    assert found.bin == 2048 and found.kl[-1] == 0  # without clipping nothing changes


def test_what_cannot_be_searched_is_refused():
    d = SortedSums.of(tensor("gaussian", 39))
    counts, edges = two_sided(d, 512)
    with pytest.raises(WorkbenchError, match="odd number of bins, got 512; take 513"):
        mxnet.search_mxnet(counts, edges)
    with pytest.raises(WorkbenchError, match="unknown version '3'"):
        mxnet.entropy_mxnet(d, "int8", version="3")
    for find in (onnxruntime.search_onnxruntime, ncnn.search_ncnn, caffe.search_caffe, slides.search_slides):
        with pytest.raises(WorkbenchError, match="512 bins and 600 levels leave .* no candidate"):
            find(counts, edges, levels=600)
        with pytest.raises(WorkbenchError, match="1 levels"):
            find(counts, edges, levels=1)
        with pytest.raises(WorkbenchError, match="no histogram"):
            find(-counts - 1, edges)
    with pytest.raises(WorkbenchError, match="no candidate"):
        tensorrt.search_tensorrt(counts, edges, start_bin=600)
    with pytest.raises(WorkbenchError, match="holds no finite value"):
        ncnn.entropy_ncnn(SortedSums.of([]), "int8")
    with pytest.raises(WorkbenchError, match="unknown sweep method 'x'; expected one of entropy, entropy_onnxruntime"):
        sweep(d, "int8", method="x")
    with pytest.raises(WorkbenchError, match="entropy_ncnn has no option 'version'; expected one of bins, levels"):
        sweep(d, "int8", method="entropy_ncnn", version="2")
    with pytest.raises(WorkbenchError, match="entropy has no option 'bins'"):
        sweep(d, "int8", bins=100)
    with pytest.raises(WorkbenchError, match="candidates of its own"):
        sweep(d, "int8", method="entropy_ncnn", thresholds=np.array([1.0]))


def test_smoothing_keeps_the_sum_or_says_that_it_cannot():
    smoothed, lost = smooth(np.array([0, 4, 0, 2]))
    assert lost == 1e-4 and smoothed.dtype == np.float32 and smoothed.sum() == pytest.approx(6)
    assert smooth(np.zeros(3)) is None and smooth(np.append(np.zeros(20_000), 3)) is None


def test_divergence_of_lists():
    assert relative_entropy([1, 1], [1, 3]) == pytest.approx(np.log(4 / 3) / 2, rel=1e-15)
    assert relative_entropy([0, 2], [5, 5]) == pytest.approx(np.log(2), rel=1e-15)
    assert relative_entropy([1, 1], [0, 1]) == np.inf and relative_entropy([3, 4], [6, 8]) == 0
    assert relative_entropy([1e-300, 1], [1, 1e-300]) == pytest.approx(np.log(1e300), rel=1e-12)


def test_edges_beyond_float32_are_still_finite():
    edges = equal_edges(-3e38, 3e38, 7)
    assert np.isfinite(edges).all() and edges[0] == np.float32(-3e38) and edges[-1] == np.float32(3e38)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_sweep_takes_no_bins_that_are_not_the_tool_s(name):
    with pytest.raises(
        WorkbenchError, match=f"{name} reads the bins.*a Histogram cannot give exactly.*LinearHistogram"
    ):
        sweep(Histogram.of(tensor("laplace", 37)), "int8", method=name)


@pytest.mark.parametrize("name", SEARCHES)
def test_a_given_histogram_is_swept_as_it_is(name):
    mirrored = name in ("entropy_onnxruntime", "entropy_mxnet")
    d = SortedSums.of(tensor("student", 38))
    exact = search_by(name, d, FORMATS["int8"], {"bins": 1001})
    edges = np.linspace(-d.absmax if mirrored else 0.0, d.absmax, 1002)
    if mirrored:
        counts = two_sided(d, 1001)[0]
    elif name == "entropy_caffe":
        counts = numpy_histogram(d, equal_edges(0.0, d.absmax, 1001))
    else:
        counts = magnitudes(d, 1001, lambda x, largest: np.floor(x / largest * np.float32(1001)))
        if name == "entropy_tensorrt":
            counts = magnitudes(d, 1001, lambda x, largest: np.floor(x * np.float32(1001) / largest))
    if name == "entropy_ncnn":
        counts[0] -= d.n_zeros
    curve = sweep(LinearHistogram(counts, edges), "int8", method=name)
    assert np.array_equal(curve.kl, exact.kl) and curve.chosen == exact.chosen
    assert curve.thresholds == pytest.approx(exact.thresholds, rel=1e-6)
    again = sweep(LinearHistogram(counts, edges), "int8", method=name, bins=301)
    assert again.kl.size < curve.kl.size  # counted anew
