"""`Histogram`: bit-identical whatever the batches, exact between its rows, and back from its arrays."""

import functools
import operator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.samples import data, floats, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.statistics.histogram import Histogram, HistogramBuilder
from workbench.numerics.statistics.sorted_sums import SortedSums


def test_cuts_between_rows_make_a_histogram_exact():
    values = data("gaussian", 50_000)
    cuts = np.unique(np.linspace(-2, 2, 65).astype(np.float32).view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)
    cuts = np.sort(np.where(cuts > 0, np.nextafter(cuts, np.float32(0)), cuts))  # the last value of the row before
    exact, rows = SortedSums.of(values).cells(cuts), Histogram.of(values).cells(cuts)
    assert np.array_equal(rows.count, exact.count)
    assert np.allclose(rows.total, exact.total, rtol=1e-13, atol=0)
    assert np.allclose(rows.square, exact.square, rtol=1e-13, atol=0)


def state(histogram: Histogram) -> bytes:
    return b"".join(np.ascontiguousarray(a).tobytes() for a in histogram.to_arrays().values())


@settings(seeded, max_examples=25)
@given(st.randoms(use_true_random=False), floats)
def test_a_histogram_is_bit_identical_whatever_the_batches_and_their_order(random, extra):
    values = [*data("student", 40).tolist(), *data("relu", 40).tolist(), *extra]
    whole = state(Histogram.of(np.array(values, np.float32)))
    shuffled = list(values)
    random.shuffle(shuffled)
    for size in (1, 3, 7, len(values)):
        parts = [np.array(shuffled[i : i + size], np.float32) for i in range(0, len(shuffled), size)]
        builder = HistogramBuilder()
        for part in parts:
            builder.add(part)
        assert state(builder.histogram()) == whole
        half = len(parts) // 2
        merged = [Histogram.of(np.concatenate([np.zeros(0, np.float32), *p])) for p in (parts[half:], parts[:half])]
        assert state(merged[0] + merged[1]) == whole


def test_a_histogram_read_back_is_the_same():
    histogram = Histogram.of(np.concatenate([data("relu", 3000), [np.nan, np.inf, -0.0]]))
    again = Histogram.from_arrays(histogram.to_arrays())
    assert again == histogram and state(again) == state(histogram)
    assert (again.count, again.n_nan, again.n_infinite) == (histogram.count, 1, 1)
    empty = Histogram.of([])
    assert Histogram.from_arrays(empty.to_arrays()) == empty == HistogramBuilder().histogram()


def test_ranges_of_samples():
    builder = HistogramBuilder()
    builder.add(np.array([[1.0, -2.0], [np.nan, 3.0], [np.inf, np.nan], [-0.0, -0.0]]), 4)
    builder.add(np.array([[5.0, 6.0, 7.0]]), 2)  # axis 0 is not the samples: one range for all
    builder.add(np.zeros((2, 0)), 2)
    builder.add(np.float32(9), 1)
    kept = builder.histogram()
    none = [np.nan, np.nan]
    expected = np.array([[-2, 1], [3, 3], none, [0, 0], [5, 7], none, none, [9, 9]], np.float32)
    np.testing.assert_array_equal(kept.sample_ranges, expected)
    assert not np.signbit(kept.sample_ranges[3]).any()
    assert (kept.low, kept.high, kept.count) == (-2.0, 9.0, 9)
    again = Histogram.from_arrays(kept.to_arrays())
    np.testing.assert_array_equal(again.sample_ranges, expected)
    np.testing.assert_array_equal((kept + kept).sample_ranges, np.concatenate([expected, expected]))
    builder.add([1.0], 1)
    assert len(kept.sample_ranges) == 8  # a value of before does not grow


def test_a_sample_may_come_in_several_arrays():
    builder = HistogramBuilder()
    builder.add(np.array([[1.0, -2.0]]), [0])
    builder.add(np.array([[5.0, np.nan]]), [0], continues=True)
    builder.add(np.array([[np.nan, np.nan]]), [0], continues=True)
    builder.add(np.array([[np.nan, np.nan]]), [1])
    builder.add(np.array([[3.0, 4.0]]), [1], continues=True)
    kept = builder.histogram()
    np.testing.assert_array_equal(kept.sample_ranges, np.array([[-2, 5], [3, 4]], np.float32))
    assert kept == Histogram.of([1.0, -2.0, 5.0, *[np.nan] * 5, 3.0, 4.0]) and kept.samples.n == 2


def test_ranges_of_samples_are_all_there_or_not_at_all():
    plain, empty = Histogram.of([1.0, 2.0]), Histogram.of([])
    builder = HistogramBuilder()
    builder.add(np.array([[1.0, 2.0]]), 1)
    kept = builder.histogram()
    assert kept == plain  # counts alone are compared
    assert (
        plain.sample_ranges.shape == (plain + kept).sample_ranges.shape == (kept + plain).sample_ranges.shape == (0, 2)
    )
    np.testing.assert_array_equal((kept + empty).sample_ranges, [[1, 2]])
    builder.add([3.0])
    builder.add(np.array([[4.0]]), 1)
    assert builder.histogram().sample_ranges.shape == (0, 2)
    with pytest.raises(WorkbenchError, match=r"sample ranges .* have shape \(3,\)"):
        Histogram.from_arrays({**kept.to_arrays(), "sample_ranges": np.zeros(3)})


@pytest.mark.parametrize("change", ["keys", "moments", "scalars", "negative", "descending"])
def test_arrays_that_are_no_histogram_are_refused(change):
    arrays = {name: a.copy() for name, a in Histogram.of(data("gaussian", 100)).to_arrays().items()}
    match change:
        case "negative":
            arrays["moments"][0] = -1
        case "descending":
            arrays["keys"] = arrays["keys"][::-1]
        case name:
            arrays[name] = arrays[name][:-1]
    with pytest.raises(WorkbenchError, match="histogram"):
        Histogram.from_arrays(arrays)


def brute_extremes(values: np.ndarray, largest: bool) -> list[tuple[float, int, int]]:
    """(value, sample, place) of the 16 most extreme finite values (samples, n)."""
    samples, places = np.nonzero(np.isfinite(values))
    found = values[samples, places]
    order = np.lexsort([places, samples, -found if largest else found])[:16]
    return list(zip(found[order].tolist(), samples[order].tolist(), places[order].tolist(), strict=True))


def extremes_of(histogram: Histogram, largest: bool) -> list[tuple[float, int, int]]:
    ends = histogram.samples.largest if largest else histogram.samples.smallest
    return list(zip(ends.values.tolist(), ends.samples.tolist(), ends.places.tolist(), strict=True))


@pytest.mark.parametrize("kind", ["gaussian", "relu", "few", "ascending", "special", "long"])
def test_extremes_are_those_of_brute_force_whatever_the_batches(kind):
    rng = np.random.default_rng(3)
    values = rng.standard_normal((12, 3000)).astype(np.float32)
    match kind:
        case "relu":
            values = np.maximum(values, 0)
        case "few":
            values = np.rint(values)  # many values are equal: the first of them count
        case "ascending":
            values = np.sort(values, axis=None).reshape(values.shape)
        case "special":
            values[rng.random(values.shape) < 0.2] = np.nan
            values[rng.random(values.shape) < 0.1] = np.inf
            values[5] = -np.inf
        case "long":
            values = rng.standard_normal((2, 300_000)).astype(np.float32)  # each is taken in several blocks
    expected = {largest: brute_extremes(values, largest) for largest in (True, False)}
    for size in (1, 5, 12):
        builder = HistogramBuilder()
        for start in range(0, len(values), size):
            builder.add(values[start : start + size], len(values[start : start + size]))
        parts = [HistogramBuilder(), HistogramBuilder()]
        for part, rows in zip(parts, np.split(values, [len(values) // 2]), strict=True):
            part.add(rows, len(rows))
        for histogram in (builder.histogram(), parts[0].histogram() + parts[1].histogram()):
            for largest in (True, False):
                assert extremes_of(histogram, largest) == expected[largest]
            assert histogram.samples.largest.shape == values.shape[1:]


def test_places_of_samples_of_different_shapes_stay_flat():
    builder = HistogramBuilder()
    builder.add(np.arange(12, dtype=np.float32).reshape(1, 3, 4), 1)
    assert builder.histogram().samples.largest.coordinates(0) == (2, 3)
    builder.add(np.full((1, 5), 20, np.float32), 1)
    ends = builder.histogram().samples.largest
    assert (ends.shape, ends.coordinates(0), ends.coordinates(5)) == ((), (0,), (11,))


def test_a_row_that_is_full_is_carried_over():
    values = np.repeat(np.float32([1.2345678, -3.0, 0.0]), [1_000_001, 255, 256])
    histogram = Histogram.of(values)
    cells = histogram.cells(np.array([-1.0, 1.0], np.float32))
    assert cells.count.tolist() == [255, 256, 1_000_001]
    x = float(np.float32(1.2345678))
    assert cells.total[2] == pytest.approx(1_000_001 * x, rel=1e-15)
    assert cells.square[2] == pytest.approx(1_000_001 * x * x, rel=1e-15)
    halves = Histogram.of(values[:500_000]) + Histogram.of(values[500_000:])
    assert state(halves) == state(histogram)


def test_counting_does_not_depend_on_what_waits():
    values = [data("student", n, seed=n) for n in (5, 1000, 70_000, 3, 200_000)]
    whole = state(Histogram.of(np.concatenate(values)))
    for waiting in (0, 64, 1 << 17):
        builder = HistogramBuilder(waiting)
        for part in values:
            builder.add(part)
            builder.histogram()  # looking on the way changes nothing
        assert state(builder.histogram()) == whole


def test_workers_of_their_own_add_up_to_the_same():
    values = data("laplace", 400_000).reshape(40, -1)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(Histogram.of, np.array_split(values, 7)))
    assert state(functools.reduce(operator.add, parts)) == state(Histogram.of(values))
