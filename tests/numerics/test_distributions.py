"""What SortedSums and Histogram promise together: cells, extremes, special values, merging."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given

from tests.numerics.samples import SHAPES_OF_DATA, data, floats, neighbours, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Distribution, kl_edges
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.sorted_sums import SortedSums

EXACT_OR_ROWS = [SortedSums, Histogram]


def brute_cells(values: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Count, sum, sum of squares, smallest and largest in each cell, float64."""
    cell = np.searchsorted(cuts, values, "left")  # x <= cut belongs below
    members = [values[cell == i].astype(np.float64) for i in range(cuts.size + 1)]
    columns = [[m.size, m.sum(), (m**2).sum(), m.min(initial=np.inf), m.max(initial=-np.inf)] for m in members]
    return tuple(np.array(columns).T)


def cuts_for(values: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    reach = float(np.abs(values).max()) or 1.0
    cuts = np.concatenate([rng.uniform(-1.2, 1.2, 30) * reach, rng.choice(values, 10), [0.0, reach, -reach]])
    return np.unique(np.concatenate([cuts.astype(np.float32), neighbours(cuts[30:33])]))


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("n", [1, 2, 127, 128, 129, 5000])
def test_cells_of_sorted_sums_are_those_of_brute_force(kind, n):
    values = data(kind, n)
    distribution = SortedSums.of(values.reshape(1, -1, 1))
    cuts = cuts_for(values, n)
    count, total, square, smallest, largest = brute_cells(values, cuts)
    cells = distribution.cells(cuts)
    assert np.array_equal(cells.count, count)
    assert np.allclose(cells.total, total, rtol=1e-13, atol=1e-14 * np.abs(values).sum())
    assert np.allclose(cells.square, square, rtol=1e-12, atol=0)
    filled = count > 0
    low, high = distribution.extremes(cuts)
    assert np.array_equal(low[filled], smallest[filled]) and np.array_equal(high[filled], largest[filled])
    assert np.isnan(low[~filled]).all() and np.isnan(high[~filled]).all()
    assert distribution.uncertainty(Cost.squared_error(cuts[1:], cuts)) == (0.0, 0.0)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_cells_of_a_histogram_are_brute_force_within_the_rows_that_are_cut(kind):
    values = data(kind, 5000)
    distribution = Histogram.of(values)
    cuts = cuts_for(values, 1)
    count, total, square, smallest, largest = brute_cells(values, cuts)
    cells = distribution.cells(cuts)
    near = np.abs(values[:, None] - cuts) <= np.abs(cuts) * 2.0**-11  # what shares a row with a cut
    doubt = near.sum(axis=0)
    doubt = np.concatenate([[0], doubt]) + np.append(doubt, 0)
    assert (np.abs(cells.count - count) <= doubt).all()
    reach = np.abs(np.concatenate([cuts[:1], cuts])) + np.abs(np.append(cuts, cuts[-1]))
    assert (np.abs(cells.total - total) <= doubt * reach * 1.01 + 1e-12 * np.abs(total).sum()).all()
    assert (np.abs(cells.square - square) <= doubt * reach**2 * 1.01 + 1e-12 * square.sum()).all()
    low, high = distribution.extremes(cuts)
    sure = doubt == 0
    assert np.array_equal(np.isnan(low[sure]), (count == 0)[sure])
    filled = sure & (count > 0)
    assert np.allclose(low[filled], smallest[filled], rtol=2.0**-11, atol=0)
    assert np.allclose(high[filled], largest[filled], rtol=2.0**-11, atol=0)


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
def test_extremes_and_counts_are_exact(of):
    for kind in SHAPES_OF_DATA:
        values = data(kind, 999)
        d = of.of(values)
        assert (d.count, d.low, d.high) == (999, values.min(), values.max())
        assert d.absmax == np.abs(values).max() and d.n_zeros == np.count_nonzero(values == 0)
        assert (d.n_nan, d.n_infinite) == (0, 0) and isinstance(d, Distribution)


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
def test_nan_and_infinities_are_counted_and_left_out(of):
    signalling = np.array([0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF], np.uint32).view(np.float32)
    values = np.concatenate([np.array([np.inf, -np.inf, np.inf, 1.5, -2.0, 0.0], np.float32), signalling])
    d = of.of(values)
    assert (d.count, d.n_nan, d.n_infinite, d.low, d.high) == (3, 4, 3, -2.0, 1.5)
    assert d.cells(np.zeros(1, np.float32)).count.tolist() == [2, 1]
    assert d.linear_bins().counts.sum() == 2
    only = of.of(np.array([np.nan, np.inf]))
    assert (only.count, only.low, only.high, only.absmax, only.quantile(0.5)) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_an_empty_array_has_empty_cells(of, shape):
    d = of.of(np.zeros(shape, np.float32))
    assert (d.count, d.low, d.high, d.n_zeros) == (0, 0, 0, 0)
    cells = d.cells(np.array([-1, 1], np.float32))
    assert not cells.count.any() and not cells.total.any() and not cells.square.any()
    low, high = d.extremes(np.array([-1, 1], np.float32))
    assert np.isnan(low).all() and np.isnan(high).all()
    assert d.quantile(0.5) == 0 and not d.linear_bins().counts.any()
    assert (d + of.of(np.array([2.0]))).low == 2.0


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
def test_zeros_of_both_signs_are_zeros(of):
    d = of.of(np.array([-0.0, 0.0, -0.0], np.float32))
    assert (d.count, d.n_zeros, d.low, d.high, d.absmax) == (3, 3, 0, 0, 0)
    assert not np.signbit([d.low, d.high]).any()
    assert d.cells(np.array([-1e-45, 0.0], np.float32)).count.tolist() == [0, 3, 0]
    assert d.extremes(np.zeros(1, np.float32))[0][0] == 0
    assert d.linear_bins().n_zeros == 3 and not d.linear_bins().counts.any()


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
@pytest.mark.parametrize("value", [1.0, -3.7, 1e-45, -1e-45, 1.1754942e-38, 3.4028235e38, -1.9998779, 1.9998779])
def test_one_value_many_times(of, value):
    value = float(np.float32(value))
    d = of.of(np.full(1000, value, np.float32))
    assert (d.count, d.low, d.high, d.n_zeros) == (1000, value, value, 0)
    with np.errstate(over="ignore"):
        cuts = np.sort(neighbours([value]))
    cuts = cuts[np.isfinite(cuts)]
    cells = d.cells(cuts)
    assert cells.count[1] == 1000 and cells.count.sum() == 1000
    assert cells.total[1] == pytest.approx(1000 * value, rel=1e-14)
    assert cells.square[1] == pytest.approx(1000 * value**2, rel=1e-14)
    low, high = d.extremes(cuts)
    assert low[1] == high[1] == value
    assert d.quantile(0.3) == value and d.linear_bins().counts.sum() == 1000


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
def test_subnormals_keep_their_values(of):
    values = (np.arange(-5000, 5001) * 1e-45).astype(np.float32)
    d = of.of(values)
    assert d.n_zeros == np.count_nonzero(values == 0) and (d.low, d.high) == (values.min(), values.max())
    cells = d.cells(np.array([0.0], np.float32))
    assert cells.count[1] == np.count_nonzero(values > 0)
    assert cells.total[1] == pytest.approx(values[values > 0].astype(np.float64).sum(), rel=1e-13)


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
@pytest.mark.parametrize(
    "array",
    [
        np.array([1.5, -2.5, 1e300, -1e300, 1e-320]),
        np.array([3, -4, 2**40]),
        np.array([True, False, True]),
        np.array([1.5, 65504], np.float16),
        np.array([1.5, 3e38], ml_dtypes.bfloat16),
        [[1.0, 2.0], [3.0, 4.0]],
        7,
        np.arange(24, dtype=np.float32).reshape(2, 3, 4)[:, ::-1, ::2],
        np.arange(6, dtype=">f4"),
        np.broadcast_to(np.float32(2), (3, 3)),
    ],
    ids=str,
)
def test_any_array_of_numbers_is_taken_as_float32(of, array):
    with np.errstate(over="ignore"):
        expected = np.asarray(array).astype(np.float32).reshape(-1)
    assert of.of(array) == of.of(expected)
    assert of.of(array).count == np.isfinite(expected).sum()


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
@pytest.mark.parametrize("array", [["a"], np.array([1j]), [[1, 2], [3]], {"a": 1}, np.array(["2020"], "M8[Y]"), None])
def test_what_is_no_array_of_numbers_is_refused(of, array):
    with pytest.raises(WorkbenchError, match="no real numbers"):
        of.of(array)


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
def test_the_input_is_left_alone(of):
    values = data("student", 1000)
    values[:2] = np.nan
    kept = values.copy()
    values.setflags(write=False)
    of.of(values)
    assert np.array_equal(values, kept, equal_nan=True)
    if of is SortedSums:
        with pytest.raises(ValueError):
            of.of(values).values[0] = 1


@pytest.mark.parametrize("of", EXACT_OR_ROWS)
@seeded
@given(a=floats, b=floats, c=floats)
def test_merging_commutes_associates_and_counts_everything(of, a, b, c):
    a, b, c = (np.array(x, np.float32) for x in (a, b, c))
    da, db, dc = of.of(a), of.of(b), of.of(c)
    assert da + db == db + da and (da + db) + dc == da + (db + dc)
    assert da + db + dc == of.of(np.concatenate([a, b, c]))
    assert np.array_equal((da + db).cells(np.zeros(1)).square, (db + da).cells(np.zeros(1)).square)


def test_kinds_of_distributions_do_not_mix():
    with pytest.raises(TypeError):
        SortedSums.of([1.0]) + Histogram.of([1.0])
    assert SortedSums.of([1.0]) != Histogram.of([1.0]) and SortedSums.of([1.0]) != SortedSums.of([2.0])


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
@pytest.mark.parametrize("share", [0.0, 1e-4, 0.01, 0.25, 0.5, 0.9, 0.9999, 1.0])
def test_quantiles_are_those_of_numpy(kind, share):
    values = data(kind, 2000)
    expected = np.quantile(values, share, method="inverted_cdf")
    assert SortedSums.of(values).quantile(share) == expected
    assert Histogram.of(values).quantile(share) == pytest.approx(expected, rel=2.0**-11, abs=1e-30)


def test_kl_bins_are_equal_bins_with_zeros_apart():
    for kind in SHAPES_OF_DATA:
        values = data(kind, 5000)
        edges = kl_edges(values.min(), values.max())
        largest = float(np.abs(values).max())
        assert edges.size == 2049 and edges[-1] == largest and edges[0] == (-largest if values.min() < 0 else 0)
        bins = SortedSums.of(values).linear_bins()
        assert np.array_equal(bins.edges, edges)
        inner = edges[1:-1].astype(np.float32)
        expected = np.bincount(np.searchsorted(inner, values[values != 0], "left"), minlength=2048)
        assert np.array_equal(bins.counts, expected) and bins.n_zeros == np.count_nonzero(values == 0)
        rows = Histogram.of(values).linear_bins()
        assert np.array_equal(rows.edges, edges) and rows.n_zeros == bins.n_zeros
        assert rows.counts.sum() == bins.counts.sum()
        moved = np.abs(np.cumsum(rows.counts) - np.cumsum(bins.counts))
        near = np.abs(values[values != 0][:, None] - inner[::97]) <= np.abs(inner[::97]) * 2.0**-11
        assert (moved[:-1][::97] <= near.sum(axis=0)).all()
