"""fp16, bf16 and both fp8: every code, every tie and its neighbours against the casts of numpy and ml_dtypes."""

import ml_dtypes
import numpy as np
import pytest

from tests.numerics.samples import neighbours, same_bits, unit_scale
from workbench.numerics.formats.catalogue import FORMATS

DTYPES = {
    "fp16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "fp8_e4m3": ml_dtypes.float8_e4m3fn,
    "fp8_e5m2": ml_dtypes.float8_e5m2,
}
LARGEST = {"fp16": 65504.0, "bf16": 3.3895313892515355e38, "fp8_e4m3": 448.0, "fp8_e5m2": 57344.0}
FINITE = {"fp16": 63487, "bf16": 65279, "fp8_e4m3": 253, "fp8_e5m2": 247}  # both zeros counted once


def every_code(name: str) -> np.ndarray:
    """All values of a type, NaN and infinities among them."""
    dtype = np.dtype(DTYPES[name])
    return np.arange(2 ** (8 * dtype.itemsize), dtype=f"u{dtype.itemsize}").view(dtype).astype(np.float32)


@pytest.mark.parametrize("name", DTYPES)
def test_levels_are_the_finite_values_of_the_type(name):
    levels = FORMATS[name].unit_levels()
    finite = every_code(name)
    assert np.array_equal(levels, np.unique(finite[np.isfinite(finite)]))
    assert levels.size == FINITE[name] and levels[-1] == FORMATS[name].largest == LARGEST[name]
    exponent_bits, mantissa_bits = FORMATS[name].exponent_bits, FORMATS[name].mantissa_bits
    assert 1 + exponent_bits + mantissa_bits == FORMATS[name].bits
    bias = 2 ** (exponent_bits - 1) - 1
    assert levels[levels > 0][0] == 2.0 ** (1 - bias - mantissa_bits)  # smallest subnormal


@pytest.mark.parametrize("name", DTYPES)
def test_every_code_and_tie_rounds_as_the_cast(name):
    format, levels = FORMATS[name], FORMATS[name].unit_levels().astype(np.float64)
    ties = ((levels[1:] + levels[:-1]) / 2).astype(np.float32)
    assert np.array_equal(ties.astype(np.float64), (levels[1:] + levels[:-1]) / 2)  # exact in float32
    x = neighbours(np.concatenate([levels.astype(np.float32), ties]))
    inside = x[np.abs(x) <= format.largest]
    expected = inside.astype(DTYPES[name])
    quantizer = unit_scale(name, 1.0)
    codes = quantizer.encode(inside)
    unsigned = f"u{codes.dtype.itemsize}"
    assert np.array_equal(codes.view(unsigned), expected.view(unsigned))
    assert same_bits(quantizer.fake_quantize(inside), expected.astype(np.float32))
    found = quantizer.levels[np.searchsorted(quantizer.boundaries, inside, "left")]
    assert np.array_equal(found, expected.astype(np.float32))


@pytest.mark.parametrize("name", DTYPES)
def test_specials_survive_as_the_type_has_them(name):
    quantizer = unit_scale(name, 1.0)
    assert np.isnan(quantizer.fake_quantize(np.array([np.nan, -np.nan], np.float32))).all()
    assert same_bits(quantizer.fake_quantize(np.array([-0.0, -1e-45, 1e-45], np.float32)), np.array([-0.0, -0.0, 0.0]))
    finite = every_code(name)[np.isfinite(every_code(name))]
    assert same_bits(quantizer.fake_quantize(finite), finite)


@pytest.mark.parametrize("name", ["fp16", "bf16"])
def test_overflow_is_where_the_cast_has_it(name):
    lowest, limit = (np.float32(limit) for limit in FORMATS[name].overflow_limits)
    assert lowest == -limit
    x = np.array([limit, np.nextafter(limit, np.float32(np.inf)), 3.4028235e38, np.inf], np.float32)
    with np.errstate(over="ignore"):
        expected = x.astype(DTYPES[name]).astype(np.float32)
    assert np.array_equal(np.isfinite(expected), [True, False, False, False])
    for sign in (1, -1):
        assert same_bits(unit_scale(name, 1.0).fake_quantize(sign * x), sign * expected)


def test_fp16_stays_finite_up_to_half_a_step_beyond_its_end():
    x = np.array([65504, 65519.99, 65520, -65519.99, -65520], np.float32)
    assert unit_scale("fp16", 1.0).fake_quantize(x).tolist() == [65504, 65504, np.inf, -65504, -np.inf]


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])
def test_fp8_saturates_at_any_scale(name):
    largest = np.float32(FORMATS[name].largest)
    for scale in (1e-30, 0.013, 1.0, 1e30):
        end = np.float32(scale) * largest
        x = np.array([end, np.nextafter(end, np.float32(np.inf)), 3.4e38, np.inf], np.float32)
        quantizer = unit_scale(name, scale)
        assert (quantizer.fake_quantize(x) == end).all() and (quantizer.fake_quantize(-x) == -end).all()
        assert (quantizer.encode(x).astype(np.float32) == largest).all()


@pytest.mark.parametrize("name", ["fp8_e4m3", "fp8_e5m2"])
def test_fp8_divides_by_its_scale_in_float32(name):
    x = np.random.default_rng(0).normal(size=20_000).astype(np.float32) * 100
    scale = np.float32(0.37)
    largest = np.float32(FORMATS[name].largest)
    expected = np.clip(x / scale, -largest, largest).astype(DTYPES[name]).astype(np.float32) * scale
    assert same_bits(unit_scale(name, scale).fake_quantize(x), expected)
