"""`expected_error` and `measured_error` against a float64 brute force, and the certain interval of a `Histogram`."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.numerics.samples import KINDS, SCALED, SHAPES_OF_DATA, SMALL, awkward, cases, data, member, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.errors.error import QuantizationError, cosine_of, decibels
from workbench.numerics.errors.expected import expected_error, mean_squared_error
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.histogram import Histogram
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.numerics.statistics.sorted_sums import SortedSums

FIGURES = ("mse", "rounding_mse", "clipping_mse", "sqnr_db", "cosine", "max_abs")
FIGURES += ("saturated_fraction", "zeroed_fraction", "levels_used")
SHARES = [0.02, 0.1, 0.37, 0.8, 1.0, 1.7]


def brute_force(values: np.ndarray, quantizer: Quantizer) -> dict[str, float]:
    """Every figure but kl and interval, written out from fake_quantize in float64."""
    x, y = values.astype(np.float64), quantizer.fake_quantize(values).astype(np.float64)
    squared = (x - y) ** 2
    levels = quantizer.levels
    beyond = np.zeros(x.size, bool)
    for end, direction in ((levels[0], -np.inf), (levels[-1], np.inf)):
        slack = np.nextafter(np.nextafter(end, np.float32(direction)), np.float32(direction))
        beyond |= values < slack if direction < 0 else values > slack
    norm = math.sqrt((x**2).sum()) * math.sqrt((y**2).sum())
    return {
        "mse": squared.mean(),
        "rounding_mse": squared[~beyond].sum() / x.size,
        "clipping_mse": squared[beyond].sum() / x.size,
        "sqnr_db": 10 * math.log10((x**2).sum() / squared.sum()) if squared.any() else math.inf,
        "cosine": (x * y).sum() / norm if norm else float(not x.any()),
        "max_abs": np.abs(x - y).max(),
        "saturated_fraction": beyond.mean(),
        "zeroed_fraction": ((y == 0) & (x != 0)).mean(),
        "levels_used": np.unique(y).size,
    }


def quantizers_over(values: np.ndarray, name: str, shares: list[float] = SHARES) -> list[Quantizer]:
    """Symmetric and affine quantizers at several thresholds of the data."""
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    made = [Quantizer.covering(name, -s * largest, s * largest, symmetric=True) for s in shares]
    if FORMATS[name].affine:
        cut = [(max(min(low, 0), -s * largest), min(max(high, 0), s * largest)) for s in shares]
        made += [Quantizer.covering(name, *ends, symmetric=False) for ends in cut]
        made += [Quantizer.covering(name, s * min(low, 0), s * max(high, 0), symmetric=False) for s in shares]
    return made


def agree(error: QuantizationError, expected: dict[str, float], relative: float, floor: float) -> None:
    """All figures; mse and its parts also within `floor`, what sums of squares in float64 can resolve."""
    for field in ("mse", "rounding_mse", "clipping_mse"):
        assert getattr(error, field) == pytest.approx(expected[field], rel=relative, abs=floor), field
    if expected["mse"] > 1e8 * floor:
        assert error.sqnr_db == pytest.approx(expected["sqnr_db"], abs=10 * relative)
    assert error.cosine == pytest.approx(expected["cosine"], rel=1e-12)
    assert error.max_abs == pytest.approx(expected["max_abs"], rel=1e-12)
    for field in ("saturated_fraction", "zeroed_fraction", "levels_used"):
        assert getattr(error, field) == pytest.approx(expected[field], rel=1e-12), field
    assert error.rounding_mse + error.clipping_mse == pytest.approx(error.mse, rel=1e-14)


@pytest.mark.parametrize(("name", "kind"), cases(SCALED, SHAPES_OF_DATA))
def test_expected_error_is_the_brute_force(name, kind):
    fine = FORMATS[name].bits > 8
    values = data(kind, 3000 if fine else 20_000)
    distribution = SortedSums.of(values)
    floor = 1e-15 * float((values.astype(np.float64) ** 2).mean())
    for quantizer in quantizers_over(values, name, SHARES[1::3] if fine else SHARES):
        expected = brute_force(values, quantizer)
        error = expected_error(distribution, quantizer)
        agree(error, expected, 1e-5 if fine else 1e-9, floor)
        assert error.interval[0] <= expected["mse"] <= error.interval[1]
        assert mean_squared_error(distribution, quantizer) == pytest.approx(error.mse, rel=1e-12)
        measured = measured_error(values, quantizer)
        agree(measured, expected, 1e-12, 0)
        assert measured.kl == pytest.approx(error.kl, rel=1e-12) and measured.interval == (measured.mse, measured.mse)


@pytest.mark.parametrize(("name", "kind"), cases(SMALL, ["gaussian", "laplace", "relu", "student"]))
def test_a_billionth_is_reached_without_a_floor(name, kind):
    values = data(kind, 200_000, seed=3)
    distribution = SortedSums.of(values)
    for quantizer in quantizers_over(values, name):
        x = values.astype(np.float64)
        exact = ((x - quantizer.fake_quantize(values)) ** 2).mean()
        assert expected_error(distribution, quantizer).mse == pytest.approx(exact, rel=1e-9, abs=0)


OWN_RANGE = [name for name in FORMATS if name not in SCALED and member(name).unit_levels() is not None]


@pytest.mark.parametrize(("name", "kind"), cases(OWN_RANGE, SHAPES_OF_DATA))
def test_formats_without_a_scale(name, kind):
    values = data(kind, 5000)
    quantizer = Quantizer.covering(member(name), -1, 1)
    error, expected = expected_error(SortedSums.of(values), quantizer), brute_force(values, quantizer)
    agree(error, expected, 1e-5, 1e-15 * float((values.astype(np.float64) ** 2).mean()))
    if FORMATS[name].family == "floating":  # k-means levels that were fitted to other values end somewhere
        assert error.clipping_mse == error.saturated_fraction == 0
    assert error.interval[0] <= expected["mse"] <= error.interval[1]


@pytest.mark.parametrize("of", [SortedSums, Histogram])
@pytest.mark.parametrize("beyond", [[1e5], [-1e5, 70000.0], [65520.0], [-65520.0]])
def test_what_fp16_cannot_hold_is_an_infinite_error(of, beyond):
    values = np.concatenate([data("gaussian", 100), [65500.0, 65510.0, *beyond]]).astype(np.float32)
    quantizer = Quantizer.covering("fp16", 0, 0)
    measured = measured_error(values, quantizer)
    for error in (expected_error(of.of(values), quantizer), measured):
        assert error.mse == error.clipping_mse == error.max_abs == error.interval[1] == math.inf
        assert error.sqnr_db == -math.inf and error.cosine == 0.0
        assert math.isfinite(error.rounding_mse) and error.saturated_fraction == (1 + len(beyond)) / values.size
        assert error.levels_used == measured.levels_used
    assert measured.levels_used == np.unique(values[np.abs(values) < 65520].astype(np.float16)).size
    assert mean_squared_error(of.of(values), quantizer) == math.inf


def test_fp16_rounds_to_its_end_just_below_the_overflow():
    values = np.array([65519.99, -65519.99, 1.0], np.float32)
    error = expected_error(SortedSums.of(values), Quantizer.covering("fp16", 0, 0))
    assert error.max_abs == pytest.approx(15.99, rel=1e-3) and error.levels_used == 3
    assert error.saturated_fraction == 2 / 3 and error.rounding_mse == 0 < error.clipping_mse


def test_fp32_makes_no_error():
    values = data("gaussian", 100)
    for error in (
        expected_error(SortedSums.of(values), Quantizer.covering("fp32", 0, 0)),
        measured_error(values, Quantizer.covering("fp32", 0, 0)),
    ):
        assert (error.mse, error.sqnr_db, error.cosine, error.kl, error.levels_used) == (0, math.inf, 1, 0, None)


def test_zeros_become_ones_without_a_level_at_0():
    zeros = np.zeros(10, np.float32)
    for error in (
        expected_error(SortedSums.of(zeros), Quantizer.covering("binary", 0, 0)),
        measured_error(zeros, Quantizer.covering("binary", -1, 1)),
    ):
        assert (error.mse, error.max_abs, error.cosine, error.zeroed_fraction) == (1, 1, 0, 0)
        assert error.sqnr_db == -math.inf and error.levels_used == 1


@pytest.mark.parametrize("name", [name for name in SCALED if name != "binary"])
@pytest.mark.parametrize("of", [SortedSums, Histogram])
def test_zeros_make_no_error(name, of):
    zeros = np.zeros(10, np.float32)
    for error in (
        expected_error(of.of(zeros), Quantizer.covering(name, 0, 0)),
        measured_error(zeros, Quantizer.covering(name, -1, 1)),
    ):
        assert (error.mse, error.kl, error.zeroed_fraction, error.saturated_fraction) == (0, 0, 0, 0)
        assert (error.sqnr_db, error.cosine, error.levels_used, error.max_abs) == (math.inf, 1, 1, 0)


@pytest.mark.parametrize("name", SMALL)
def test_values_on_the_levels_make_an_error_below_the_certain_bound(name):
    quantizer = Quantizer.covering(name, -3, 5 if FORMATS[name].affine else 3)
    values = np.repeat(quantizer.levels, 100)
    error = expected_error(SortedSums.of(values), quantizer)
    assert measured_error(values, quantizer).mse == 0
    assert error.max_abs == error.clipping_mse == error.saturated_fraction == 0 == error.interval[0]
    assert error.sqnr_db > 140 and error.levels_used == quantizer.levels.size


@pytest.mark.parametrize(("name", "magnitude"), cases(SCALED, [1e-45, 1e-38, 1e-20, 1e20, 3e38]))
def test_figures_are_finite_at_any_magnitude(name, magnitude):
    values = (np.linspace(-1, 1, 1001) * magnitude).astype(np.float32)
    for of in (SortedSums, Histogram):
        d = of.of(values)
        error = expected_error(d, Quantizer.covering(name, d.low, d.high))
        for field in ("mse", "rounding_mse", "clipping_mse", "cosine", "kl", "max_abs", "saturated_fraction"):
            assert math.isfinite(getattr(error, field)), field
        assert not math.isnan(error.sqnr_db)


def test_refusals_name_the_next_step():
    grouped = Quantizer.covering("int8", [-1.0, -2.0], [1.0, 2.0], axis=0)
    with pytest.raises(WorkbenchError, match=r"describes one group, this quantizer has 2; use quantizer.group"):
        expected_error(SortedSums.of([1.0]), grouped)
    with pytest.raises(WorkbenchError, match="calibrate with data first"):
        expected_error(SortedSums.of([]), Quantizer.covering("int8", -1, 1))
    with pytest.raises(WorkbenchError, match="holds no finite value"):
        measured_error(np.array([np.nan]), Quantizer.covering("int8", -1, 1))
    assert mean_squared_error(SortedSums.of([]), Quantizer.covering("int8", -1, 1)) == 0


@pytest.mark.parametrize(("axis", "block_size"), [(0, None), (1, None), (-1, 8), (0, 3)])
def test_groups_are_measured_together(axis, block_size):
    values = data("laplace", 6 * 40).reshape(6, 40)
    values[0, :3] = [np.nan, np.inf, 0.0]
    n = {None: values.shape[axis]}.get(block_size, values.size // (block_size or 1))
    high = np.random.default_rng(0).uniform(0.5, 4, n)
    quantizer = Quantizer.covering("int4", -high, high, axis=axis, block_size=block_size)
    error = measured_error(values, quantizer)
    rows = quantizer.grouping.split(values)
    parts = [row[np.isfinite(row)] for row in rows]
    single = [brute_force(part, quantizer.group(i)) for i, part in enumerate(parts)]
    weights = np.array([part.size for part in parts]) / sum(part.size for part in parts)
    for field in ("mse", "rounding_mse", "clipping_mse", "saturated_fraction", "zeroed_fraction"):
        expected = float(np.dot(weights, [s[field] for s in single]))
        assert getattr(error, field) == pytest.approx(expected, rel=1e-12), field
    assert error.levels_used == sum(s["levels_used"] for s in single)
    assert error.max_abs == max(s["max_abs"] for s in single)
    kl = [expected_error(SortedSums.of(part), quantizer.group(i)).kl for i, part in enumerate(parts)]
    assert error.kl == pytest.approx(float(np.dot(weights, kl)), rel=1e-12)
    assert measured_error(values, quantizer, divergence=False).kl == 0


def test_infinities_and_nan_use_no_level():
    values = np.array([0.5, np.inf, -np.inf, np.nan], np.float32)
    error = measured_error(values, Quantizer.covering("int8", -1, 1))
    assert (error.levels_used, error.saturated_fraction) == (1, 0) and error.max_abs < 0.005


def hypothetical(kind: int, n: int, seed: int) -> np.ndarray:
    """float32 (n,) of a shape, size and spread that depend on the seed."""
    rng = np.random.default_rng(seed)
    values = data(SHAPES_OF_DATA[kind], n, seed).astype(np.float64) * 10.0 ** rng.uniform(-6, 6)
    if rng.random() < 0.3:
        values = values + rng.normal() * np.abs(values).max()
    return values.astype(np.float32)


def exact_mse(values: np.ndarray, quantizer: Quantizer) -> float:
    return float(((values.astype(np.float64) - quantizer.fake_quantize(values)) ** 2).mean())


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_a_histogram_is_right_to_a_ten_thousandth_and_certain(kind):
    limit = 3e-4 if kind == "relu6" else 1e-4
    for seed in range(25):
        values = data(kind, 50_000, seed)
        floor = 1e-14 * float((values.astype(np.float64) ** 2).mean())
        distribution = Histogram.of(values)
        share = float(np.random.default_rng(seed).uniform(0.05, 1))
        for name in ("int8", "uint8", "fp8_e4m3"):
            for quantizer in quantizers_over(values, name, [share, 1.0]):
                exact, error = exact_mse(values, quantizer), expected_error(distribution, quantizer)
                assert error.interval[0] <= exact <= error.interval[1]
                assert error.mse == pytest.approx(exact, rel=limit, abs=floor)


@pytest.mark.parametrize("name", [name for name in SCALED if name in KINDS])
@settings(seeded, max_examples=40)
@given(
    kind=st.integers(0, len(SHAPES_OF_DATA) - 1),
    n=st.integers(1, 300),
    seed=st.integers(0, 10_000),
    share=st.floats(0.01, 2),
)
def test_the_truth_is_always_inside_the_interval(name, kind, n, seed, share):
    values = hypothetical(kind, n, seed)
    if FORMATS[name].bits > 8 and seed % 6:
        return
    certain(values, name, share)


@pytest.mark.parametrize("name", [name for name in SCALED if name not in KINDS])
def test_the_truth_is_inside_the_interval_of_every_other_format(name):
    for seed in range(2 if FORMATS[name].bits > 8 else 6):
        certain(hypothetical(seed % len(SHAPES_OF_DATA), 200, seed), name, [0.03, 0.3, 1.0, 1.6][seed % 4])


def certain(values: np.ndarray, name: str, share: float) -> None:
    for quantizer in quantizers_over(values, name, [share]):
        exact = exact_mse(values, quantizer)
        for of in (SortedSums, Histogram):
            error = expected_error(of.of(values), quantizer)
            assert error.interval[0] <= exact <= error.interval[1]
            assert error.interval[0] <= error.mse <= error.interval[1]


@pytest.mark.parametrize("seed", range(20))
def test_awkward_data_are_certain_too(seed):
    rng = np.random.default_rng(seed)
    for _ in range(30):
        values = awkward(rng)
        name = str(rng.choice(["int8", "uint8", "int4", "fp8_e4m3", "fp8_e5m2", "int4_narrow", "int16"]))
        quantizer = quantizers_over(values, name, [float(rng.uniform(0.02, 1.5))])[int(rng.integers(2)) - 1]
        exact, errors = brute_force(values, quantizer), []
        for of in (SortedSums, Histogram):
            error = expected_error(of.of(values), quantizer)
            assert error.interval[0] <= exact["mse"] <= error.interval[1]
            assert 0 <= error.saturated_fraction <= 1 and 0 <= error.zeroed_fraction <= 1 and -1 <= error.cosine <= 1
            assert min(error.rounding_mse, error.clipping_mse) >= 0 and 0 <= error.kl < math.inf
            errors.append(error)
        for field in ("levels_used", "saturated_fraction", "zeroed_fraction", "max_abs"):
            assert getattr(errors[0], field) == pytest.approx(exact[field], rel=1e-12, abs=0), field


@pytest.mark.parametrize(
    ("name", "n_bins"), [(n, b) for n in ("uint8", "int4", "fp8_e5m2") for b in (3, 4000)] + [("int16", 100)]
)
@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_given_bins_are_certain_too(kind, name, n_bins):
    values = data(kind, 4000)
    counts, edges = np.histogram(values.astype(np.float64), n_bins)
    distribution = LinearHistogram(counts, edges)
    for quantizer in quantizers_over(values, name, [0.3, 1.0]):
        error = expected_error(distribution, quantizer)
        assert error.interval[0] <= exact_mse(values, quantizer) <= error.interval[1]
        assert error.interval[0] <= error.mse * (1 + 1e-12)


@pytest.mark.parametrize("kind", SHAPES_OF_DATA)
def test_other_figures_of_a_histogram_are_near(kind):
    values = data(kind, 50_000)
    for quantizer in quantizers_over(values, "int8", [0.3, 1.0]):
        exact, error = brute_force(values, quantizer), expected_error(Histogram.of(values), quantizer)
        near = max(1e-4, 2 / values.size)
        assert error.saturated_fraction == pytest.approx(exact["saturated_fraction"], abs=5e-3)
        assert error.zeroed_fraction == pytest.approx(exact["zeroed_fraction"], abs=5e-3)
        assert error.max_abs == pytest.approx(exact["max_abs"], rel=5e-3)
        assert error.cosine == pytest.approx(exact["cosine"], abs=near)
        assert error.levels_used == pytest.approx(exact["levels_used"], abs=3)
        assert error.rounding_mse + error.clipping_mse == pytest.approx(error.mse, rel=1e-12)


BANDED = [name for name in KINDS if name not in ("binary", "kmeans3", "tf32", "int16")]


@pytest.mark.parametrize(("name", "rounding"), cases(BANDED, ["nearest_even", "up", "down", "toward_zero"]))
def test_a_zero_band_wider_than_the_end_levels_is_told_as_it_is_measured(name, rounding):
    """Values beyond an end level that become 0 are clipping, those inside are rounding, whichever is further out."""
    format = FORMATS[name].with_choices(rounding=rounding)
    for kind in ("laplace", "relu", "negative") if format.bits <= 8 else ("student",):
        values = data(kind, 2000)
        largest = float(np.abs(values).max())
        low, high = max(float(values.min()), -0.3 * largest), min(float(values.max()), 0.3 * largest)
        for band in (0.01, 0.29, 0.31, 1.0):
            quantizer = Quantizer.covering(format, min(low, 0), max(high, 0), zero_band=band * largest)
            measured = measured_error(values, quantizer)
            exact = expected_error(SortedSums.of(values), quantizer)
            agree(exact, {field: getattr(measured, field) for field in FIGURES}, 1e-7, 1e-14 * largest**2)
            for error in (exact, expected_error(Histogram.of(values), quantizer)):
                assert error.interval[0] <= measured.mse <= error.interval[1]
                assert min(error.rounding_mse, error.clipping_mse) >= 0 and 0 <= error.saturated_fraction <= 1


def test_what_the_band_holds_does_not_overflow():
    values = np.array([1.0, 7e4, -8e4], np.float32)
    quantizer = Quantizer(FORMATS["fp16"], np.float32(1), zero_band=8e4)
    for error in (expected_error(SortedSums.of(values), quantizer), measured_error(values, quantizer)):
        assert (error.levels_used, error.max_abs, error.sqnr_db, error.zeroed_fraction) == (1, 8e4, 0, 1)
        assert error.saturated_fraction == pytest.approx(2 / 3) and error.rounding_mse == pytest.approx(1 / 3)


def test_error_sums_need_arrays_of_one_shape():
    sums = ErrorSums()
    with pytest.raises(WorkbenchError, match=r"\(3,\) and \(2,\) cannot be compared"):
        sums.add(np.zeros(3, np.float32), np.zeros(2, np.float32))
    f, q = data("gaussian", 600).reshape(20, 30), data("gaussian", 600, 1).reshape(20, 30)
    for rows in (slice(0, 7), slice(7, 20)):
        sums.add(f[rows].T, q[rows].T)  # any layout
    d = f.astype(np.float64) - q
    assert sums.count == 600 and sums.mse == pytest.approx((d**2).mean(), rel=1e-13)
    assert sums.max_abs == np.abs(d).max()
    assert sums.cosine == pytest.approx(
        (f.astype(np.float64) * q).sum() / np.linalg.norm(f) / np.linalg.norm(q), rel=1e-6
    )
    assert (ErrorSums().mse, ErrorSums().cosine, ErrorSums().sqnr_db) == (0, 1, math.inf)


def test_an_error_that_is_no_number_is_not_the_smallest():
    sums, other = ErrorSums(), ErrorSums()
    sums.add(np.float32([0, 0]), np.float32([0, 1]))
    other.add(np.float32([0, 0]), np.float32([math.nan, 0.5]))
    assert sums.max_abs == 1 and math.isnan(other.max_abs)
    sums.include(other)
    assert math.isnan(sums.max_abs) and math.isnan(sums.mse)


def test_decibels_and_cosine_at_their_ends():
    assert decibels(100, 1) == 20 and decibels(1, 0) == math.inf and decibels(0, 0) == math.inf
    assert decibels(0, 1) == decibels(1, math.inf) == -math.inf
    assert cosine_of(0, 0, 0) == 1 and cosine_of(0, 1, 0) == 0 and cosine_of(1, 1, math.inf) == 0
    assert cosine_of(1 + 1e-15, 1, 1) == 1
