"""KL divergence against a slow implementation of its definition, in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import SHAPES_OF_DATA, data, seeded
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums


def slow_divergence(values: np.ndarray, quantizer: Quantizer, n_bins: int = 2048) -> float:
    """The definition, read from DESIGN and the docstring, one bin at a time."""
    largest = float(np.abs(values).max())
    lowest = -largest if values.min() < 0 else 0.0
    edges = [float(e) for e in np.linspace(lowest, largest, n_bins + 1)]
    inner = np.array(edges[1:-1], np.float32)
    counts = [0.0] * n_bins
    n_zeros = 0.0
    for x in values:
        if x == 0:
            n_zeros += 1
        else:
            counts[int(np.searchsorted(inner, x, "left"))] += 1
    return slow_divergence_of_bins(edges, counts, n_zeros, quantizer)


def slow_divergence_of_bins(edges: list[float], counts: list[float], n_zeros: float, quantizer: Quantizer) -> float:
    lowest_level, highest_level = float(quantizer.levels[0]), float(quantizer.levels[-1])
    centres = [np.float32((a + b) / 2) for a, b in zip(edges[:-1], edges[1:], strict=True)]
    inside = [i for i, c in enumerate(centres) if lowest_level <= float(c) <= highest_level]
    filled = [i for i in inside if counts[i] > 0]
    if not filled:
        return 0.0
    below = sum(n for n, c in zip(counts, centres, strict=True) if float(c) < lowest_level)
    above = sum(n for n, c in zip(counts, centres, strict=True) if float(c) > highest_level)
    p = {i: counts[i] for i in filled}
    p[filled[0]] += below
    p[filled[-1]] += above
    by_level: dict[float, list[int]] = {}
    for i in filled:
        by_level.setdefault(float(quantizer.fake_quantize(centres[i])), []).append(i)
    q = {}
    for members in by_level.values():
        for i in members:
            q[i] = sum(counts[j] for j in members) / len(members)
    if n_zeros:
        p["zeros"] = q["zeros"] = n_zeros
    sum_p, sum_q = math.fsum(p.values()), math.fsum(q.values())
    return math.fsum(p[k] / sum_p * math.log((p[k] / sum_p) / (q[k] / sum_q)) for k in p)


def quantizers(values: np.ndarray, name: str) -> list[Quantizer]:
    largest = float(np.abs(values).max())
    made = [Quantizer.covering(name, -t * largest, t * largest, symmetric=True) for t in (0.05, 0.31, 0.77, 1.0)]
    if FORMATS[name].affine:
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        made += [Quantizer.covering(name, t * low, t * high, symmetric=False) for t in (0.2, 0.9, 1.0)]
        made += [Quantizer.covering(name, low, 0.4 * high, symmetric=False)]
    return made


@pytest.mark.parametrize("name", ["int8", "uint8", "int4_narrow", "fp8_e4m3", "fp8_e5m2"])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_kl_is_its_definition(name, kind):
    values = data(kind, 2000)
    for quantizer in quantizers(values, name):
        expected = slow_divergence(values, quantizer)
        assert kl_divergence(SortedSums.of(values), quantizer) == pytest.approx(expected, rel=1e-12, abs=1e-12)
        assert expected_error(SortedSums.of(values), quantizer).kl == kl_divergence(SortedSums.of(values), quantizer)


@pytest.mark.parametrize("name", ["int8", "uint4", "fp8_e5m2"])
def test_kl_of_given_bins_is_counted_in_them(name):
    rng = np.random.default_rng(0)
    edges = np.cumsum(np.concatenate([[-3.0], rng.uniform(0.001, 0.03, 300)]))
    counts = rng.poisson(2, 300) * (rng.random(300) < 0.8)
    for high in (0.7, 2.0):
        quantizer = Quantizer.covering(name, -high, high, symmetric=True)
        expected = slow_divergence_of_bins(edges.tolist(), counts.tolist(), 0.0, quantizer)
        assert kl_divergence(LinearHistogram(counts, edges), quantizer) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("name", ["int8", "uint8", "int4", "fp8_e5m2"])
@pytest.mark.parametrize("of", [SortedSums, Histogram])
def test_kl_is_finite_and_not_negative_from_5_to_100_percent(name, kind, of):
    for n in (3, 100, 5000):
        d = of.of(data(kind, n))
        for symmetric in (True, False):
            curve = sweep(d, name, symmetric=symmetric, thresholds=np.linspace(0.05, 1, 40) * d.absmax)
            assert np.isfinite(curve.kl).all() and (curve.kl >= 0).all()


@pytest.mark.parametrize("name", ["int16", "uint16", "int16_narrow", "fp32"])
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_a_format_finer_than_the_bins_has_no_divergence_without_clipping(name, kind):
    d = SortedSums.of(data(kind, 3000))
    assert kl_divergence(d, Quantizer.covering(name, -d.absmax, d.absmax)) == pytest.approx(0, abs=1e-14)
    # a bin is inside by its centre, so that the one that holds the nearer end may count as clipped
    assert kl_divergence(d, Quantizer.covering(name, d.low, d.high)) < 1e-3


@pytest.mark.parametrize("kind", ["gaussian", "relu", "student"])
@pytest.mark.parametrize("name", ["int8", "uint8", "fp8_e4m3"])
def test_the_curve_at_a_threshold_is_the_single_number(name, kind):
    d = SortedSums.of(data(kind, 3000))
    curve = sweep(d, name, thresholds=np.linspace(0.07, 1, 9) * d.absmax)
    for i in range(curve.thresholds.size):
        error = expected_error(d, curve.quantizer(i))
        assert curve.kl[i] == error.kl and curve.mse[i] == pytest.approx(error.mse, rel=1e-13)


@pytest.mark.parametrize("kind", ["gaussian", "relu", "laplace", "student", "uniform", "relu6", "negative"])
@pytest.mark.parametrize("n", [2000, 300_000])
def test_a_histogram_gives_nearly_the_same_divergence(kind, n):
    values = data(kind, n, seed=4)
    exact, rows = SortedSums.of(values), Histogram.of(values)
    assert np.array_equal(rows.linear_bins().counts, np.rint(rows.linear_bins().counts))
    for share in (0.3, 0.9, 1.0):
        quantizer = Quantizer.covering("int8", -share * exact.absmax, share * exact.absmax)
        assert kl_divergence(rows, quantizer) == pytest.approx(kl_divergence(exact, quantizer), rel=0.03)


def test_zeros_alone_inside_the_range_say_nothing():
    d = SortedSums.of(np.array([0.0] * 50 + [1.0] * 5))
    assert kl_divergence(d, Quantizer.covering("int8", -0.5, 0.5)) == 0
    assert kl_divergence(SortedSums.of(np.zeros(9)), Quantizer.covering("int8", -1, 1)) == 0
    assert kl_divergence(SortedSums.of([]), Quantizer.covering("int8", -1, 1)) == 0


def test_clipping_shows_and_grows():
    d = SortedSums.of(data("student", 50_000))
    curve = sweep(d, "int8")
    at = curve.kl[np.searchsorted(curve.thresholds, np.array([0.01, 0.03, 0.1]) * d.absmax)]
    assert at[0] > at[1] > at[2] > 0


def test_a_relu_tensor_is_not_punished_for_its_zeros():
    d = SortedSums.of(data("relu", 50_000))
    assert d.n_zeros > 20_000 and kl_divergence(d, Quantizer.covering("uint8", 0, d.high)) < 0.05


@seeded
@given(
    counts=st.lists(st.integers(0, 50), min_size=4, max_size=60),
    ratio=st.floats(0.05, 1.0),
    name=st.sampled_from(["int8", "int4", "uint4", "fp8_e4m3"]),
)
def test_any_counts_give_the_definition(counts, ratio, name):
    edges = np.linspace(-1, 1, len(counts) + 1)
    quantizer = Quantizer.covering(name, -ratio, ratio, symmetric=True)
    found = kl_divergence(LinearHistogram(counts, edges), quantizer)
    expected = slow_divergence_of_bins(edges.tolist(), [float(c) for c in counts], 0.0, quantizer)
    assert 0 <= found < math.inf and found == pytest.approx(max(expected, 0.0), rel=1e-12, abs=1e-13)
