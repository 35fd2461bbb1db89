"""What every number format promises; a new member of the catalogue is tested by being in it."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import KINDS, SCALED, bits, member, neighbours, same_bits, seeded, unit_scale
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS, as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.quantizer import Quantizer

LISTED = [name for name in FORMATS if member(name).unit_levels() is not None]
INTEGERS = [name for name, format in FORMATS.items() if isinstance(format, IntegerFormat)]
DETERMINISTIC = [rounding for rounding in ROUNDINGS if rounding != "stochastic"]
SCALES = [float(np.finfo(np.float32).tiny), 1e-30, 3.7e-11, 1 / 255, 1.0, 0.1, 7.3e9, 1e30]


def zero_points(format: Format) -> list[int]:
    """The ends, the middle and one odd place of what is allowed."""
    lowest, highest = format.zero_points
    return sorted({lowest, highest, min(3, highest), (lowest + highest) // 2})


def quantizers(name: str, rounding: str | None = None) -> list[Quantizer]:
    """A member at many scales and zero points; wide formats at fewer."""
    format = member(name).with_choices(rounding=rounding)
    if not format.has_scale:
        return [Quantizer(format, np.float32(1))]
    few = format.bits > 8
    scales = [1e-30, 0.1] if format.bits > 12 else SCALES[1::3] if few else SCALES
    return [unit_scale(format, s, z) for s in scales for z in zero_points(format)[-2 if few else -4 :]]


def probes(quantizer: Quantizer, seed: int = 0) -> np.ndarray:
    """float32: every boundary and level with its neighbours, random values, tiny and huge ones."""
    rng = np.random.default_rng(seed)
    reach = 1.3 * max(abs(quantizer.low), abs(quantizer.high))
    with np.errstate(over="ignore"):
        spread = (rng.uniform(-1, 1, 2000) * reach).astype(np.float32)
        huge = np.array([1e38, 3.4028235e38, np.inf, reach, reach * 1e3], np.float32)
    tiny = np.array([0.0, 1e-45, 2e-45, 1.1754944e-38, 1e-30], np.float32)
    both = np.concatenate([huge, tiny, -huge, -tiny])
    return np.concatenate([neighbours(quantizer.boundaries), neighbours(quantizer.levels), spread, both])


def test_the_catalogue_names_its_members_and_refuses_others():
    for name, format in FORMATS.items():
        assert format.name == name and as_format(name) is format and as_format(format) is format
        assert format.title and format.family and 1 <= format.bits <= 32
        assert format.storage.itemsize * 8 >= format.bits
    with pytest.raises(WorkbenchError, match="unknown format 'int99'; expected one of fp32, fp16"):
        as_format("int99")


def has_zero(name: str) -> bool:
    """Whether 0 must be a level: codebooks are free to leave it out."""
    return FORMATS[name].family not in ("binary", "codebook") or name in ("ternary", "nf4")


@pytest.mark.parametrize("name", LISTED)
def test_levels_ascend_with_zero_once_and_boundaries_between(name):
    for quantizer in quantizers(name):
        levels, boundaries = quantizer.levels, quantizer.boundaries
        assert levels.dtype == boundaries.dtype == np.float32
        assert np.isfinite(levels).all() and (np.diff(levels) > 0).all()
        assert np.count_nonzero(levels == 0) == has_zero(name) and not np.signbit(levels[levels == 0]).any()
        assert (levels[:-1] <= boundaries).all() and (boundaries < levels[1:]).all()
        assert (quantizer.low, quantizer.high) == (levels[0], levels[-1])


def finite_range(quantizer: Quantizer, x: np.ndarray) -> np.ndarray:
    """Those of the values that do not become infinite."""
    if quantizer.format.overflow == "saturate":
        return x
    lowest, highest = quantizer.format.overflow_limits
    return x[(x >= lowest) & (x <= highest)]


def search_is_kernel(quantizer: Quantizer) -> None:
    x = finite_range(quantizer, probes(quantizer))
    found = quantizer.levels[np.searchsorted(quantizer.boundaries, x, "left")]
    assert np.array_equal(found, quantizer.fake_quantize(x))


@pytest.mark.parametrize("name", LISTED)
def test_one_search_in_the_boundaries_is_the_kernel(name):
    for quantizer in quantizers(name):
        search_is_kernel(quantizer)


@pytest.mark.parametrize("rounding", DETERMINISTIC)
@pytest.mark.parametrize("name", KINDS)
def test_one_search_is_the_kernel_under_every_rounding(name, rounding):
    for quantizer in quantizers(name, rounding)[:: 1 if FORMATS[name].bits < 16 else 3]:
        search_is_kernel(quantizer)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("name", KINDS)
def test_every_rounding_is_idempotent_and_goes_to_a_neighbour(name, rounding):
    """Up is never below x, down never above, toward zero never larger; away and even differ at ties alone."""
    for quantizer in quantizers(name, rounding)[-2:]:
        x = np.sort(probes(quantizer))
        x = x[(x >= quantizer.low) & (x <= quantizer.high)]
        y = quantizer.fake_quantize(x)
        assert same_bits(quantizer.fake_quantize(y), y)
        levels = quantizer.levels
        assert np.isin(y, levels).all()
        if rounding != "stochastic":
            assert not (np.diff(y) < 0).any()
        if rounding == "up":
            assert (y >= x).all()
        if rounding == "down":
            assert (y <= x).all()
        if rounding == "toward_zero" and has_zero(name):
            assert (np.abs(y) <= np.abs(x)).all()
        at = np.searchsorted(levels, x, "left")
        above = levels[np.minimum(at, levels.size - 1)]
        below = np.where(above == x, x, levels[np.maximum(at - 1, 0)])
        assert ((y == above) | (y == below)).all()


@pytest.mark.parametrize("name", LISTED)
def test_the_kernel_is_idempotent_monotone_and_goes_to_the_nearest_level(name):
    for quantizer in quantizers(name):
        x = np.sort(probes(quantizer))
        y = quantizer.fake_quantize(x)
        assert y.dtype == np.float32 and same_bits(quantizer.fake_quantize(y), y)
        with np.errstate(invalid="ignore"):
            assert not (np.diff(y) < 0).any()
        inside = (x >= quantizer.low) & (x <= quantizer.high)
        x, y = x[inside].astype(np.float64), y[inside].astype(np.float64)
        if quantizer.format.family == "logarithmic":
            assert_nearest_exponent(quantizer, x, y)
            continue
        levels = quantizer.levels.astype(np.float64)
        at = np.clip(np.searchsorted(levels, x), 1, levels.size - 1)
        nearest = np.minimum(np.abs(x - levels[at - 1]), np.abs(x - levels[at]))
        slack = 4e-7 * np.maximum(np.abs(x), 1e-45)  # the kernel divides in float32
        assert (np.abs(x - y) <= nearest + slack).all()


def assert_nearest_exponent(quantizer: Quantizer, x: np.ndarray, y: np.ndarray) -> None:
    """Logarithmic formats look for the nearest exponent; under half of the smallest level is 0."""
    steps = quantizer.format.steps_per_octave
    small = quantizer.levels[quantizer.levels > 0][0]
    second = -quantizer.levels[quantizer.levels < 0][-1]
    normal = np.where(x > 0, np.abs(x) >= small, np.abs(x) >= second) & (y != 0)
    assert (np.abs(np.log2(np.abs(x[normal])) - np.log2(np.abs(y[normal]))) <= 0.5 / steps + 1e-6).all()
    assert (np.abs(x[y == 0]) <= second / 2 * (1 + 1e-6)).all()
    assert (y[np.abs(x) < small / 2 * (1 - 1e-6)] == 0).all()


@pytest.mark.parametrize("name", [name for name in KINDS if FORMATS[name].bits <= 8])
def test_stochastic_rounding_keeps_the_mean(name):
    format = member(name)
    quantizer = unit_scale(format, 0.37)
    levels = quantizer.levels.astype(np.float64)
    x = np.random.default_rng(2).uniform(levels[0], levels[-1], 400).astype(np.float32)
    draws = []
    for seed in range(400):
        varied = format.with_choices(rounding="stochastic", seed=seed)
        draws.append(Quantizer(varied, quantizer.scale, quantizer.zero_point).fake_quantize(x))
    at = np.clip(np.searchsorted(levels, x), 1, levels.size - 1)
    spread = np.sqrt(np.maximum((x - levels[at - 1]) * (levels[at] - x), 0) / len(draws))
    rare = 4 * (levels[at] - levels[at - 1]) / len(draws)  # a draw that is seldom taken, taken a few times
    assert (np.abs(np.mean(draws, axis=0, dtype=np.float64) - x) <= 5 * spread + rare).all()
    again = Quantizer(varied, quantizer.scale, quantizer.zero_point).fake_quantize(x)
    assert np.array_equal(again, draws[-1]), "the same seed gives the same draw"


@pytest.mark.parametrize("name", FORMATS)
def test_codes_decode_to_what_fake_quantize_gives(name):
    values = np.random.default_rng(1).normal(size=(50, 40)).astype(np.float32) * 3
    for quantizer in quantizers(name):
        x = values if quantizer.format.unit_levels() is None else np.append(values.reshape(-1), probes(quantizer))
        codes = quantizer.encode(x)
        assert codes.dtype == quantizer.format.storage and codes.shape == x.shape
        assert same_bits(quantizer.decode(codes), quantizer.fake_quantize(x))


@pytest.mark.parametrize("name", INTEGERS)
def test_every_integer_code_comes_back(name):
    format = FORMATS[name]
    assert 2**format.bits >= format.qmax - format.qmin + 1 > 2 ** (format.bits - 1)
    codes = np.arange(format.qmin, format.qmax + 1).astype(format.storage)
    for zero_point in zero_points(format):
        quantizer = unit_scale(name, 0.037, zero_point)
        assert np.array_equal(quantizer.encode(quantizer.decode(codes)), codes)
        assert np.array_equal(quantizer.decode(codes), quantizer.levels)


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_have_no_minus_zero_and_no_code_for_nan(name):
    quantizer = unit_scale(name, 0.5)
    x = np.array([-0.0, -0.2, -0.25, np.nan, 0.0], np.float32)
    y = quantizer.fake_quantize(x)
    assert np.array_equal(bits(y[[0, 1, 2, 4]]), np.zeros(4, np.uint32)) and np.isnan(y[3])
    with pytest.raises(WorkbenchError, match=f"1 NaN values have no code in {name}"):
        quantizer.encode(x)


@pytest.mark.parametrize("name", LISTED)
@seeded
@given(exponent=st.floats(-30, 30), offset=st.integers(-(2**15), 2**16), seed=st.integers(0, 99))
def test_the_contract_holds_at_any_scale_and_zero_point(name, exponent, offset, seed):
    format = FORMATS[name]
    zero_point = min(max(offset, format.zero_points[0]), format.zero_points[1])
    scale = 10.0**exponent if format.has_scale else 1.0
    if format.bits > 8 and seed % (10 if format.bits < 13 else 30):
        return  # thousands of levels: one example in ten or thirty
    quantizer = unit_scale(name, scale, zero_point)
    levels, boundaries = quantizer.levels, quantizer.boundaries
    assert np.isfinite(levels).all() and (np.diff(levels) > 0).all()
    assert np.count_nonzero(levels == 0) == has_zero(name)
    assert (levels[:-1] <= boundaries).all() and (boundaries < levels[1:]).all()
    x = np.concatenate([neighbours(boundaries), np.random.default_rng(seed).normal(size=500).astype(np.float32)])
    x = finite_range(quantizer, x)
    found = levels[np.searchsorted(boundaries, x, "left")]
    assert np.array_equal(found, quantizer.fake_quantize(x))
    assert np.array_equal(found, quantizer.decode(quantizer.encode(x)))


@pytest.mark.parametrize("name", SCALED)
def test_nothing_warns_however_far_values_and_scale_are_apart(name):
    x = np.array([-np.inf, -3e38, -1e-45, 0, 1e-45, 3e38, np.inf], np.float32)
    for scale in SCALES:
        quantizer = unit_scale(name, scale)
        y = quantizer.fake_quantize(x)
        assert np.isfinite(y).all() and y[0] == quantizer.low and y[-1] == quantizer.high
        assert np.array_equal(quantizer.decode(quantizer.encode(x)), y)


def test_fp32_leaves_everything_as_it_is():
    quantizer = Quantizer.covering("fp32", -1, 1)
    x = np.array([-0.0, 1e-45, 3e38, np.inf, np.nan], np.float32)
    assert same_bits(quantizer.fake_quantize(x), x) and same_bits(quantizer.decode(quantizer.encode(x)), x)
    assert quantizer.levels is None and quantizer.boundaries is None
    assert quantizer.high == -quantizer.low == float(np.finfo(np.float32).max)


def test_four_bit_codes_are_those_of_the_four_bit_types():
    x = np.linspace(-3, 3, 999, dtype=np.float32)
    for name, dtype in {"int4": ml_dtypes.int4, "uint4": ml_dtypes.uint4}.items():
        codes = unit_scale(name, 0.3).encode(x)
        assert np.array_equal(codes.astype(dtype).astype(codes.dtype), codes)
