import math
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.float_rounding import (
    bit_patterns,
    overflowed,
    round_to_float,
    upper_half,
    upper_half_keeping_nan,
)

MODES = ("nearest_even", "nearest_away", "toward_zero", "up", "down")
IEEE = {  # exponent bits, mantissa bits, largest, type
    "fp16": (5, 10, 65504.0, np.dtype(np.float16)),
    "bf16": (8, 7, 3.3895313892515355e38, np.dtype(ml_dtypes.bfloat16)),
    "fp8_e5m2": (5, 2, 57344.0, np.dtype(ml_dtypes.float8_e5m2)),
    "fp32": (8, 23, float(np.finfo(np.float32).max), np.dtype(np.float32)),
}


def widened(values: np.ndarray) -> np.ndarray:
    """float64 of narrower floats; signalling NaN among them makes no warning."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def neighbours(value: Fraction, mantissa_bits: int, min_exponent: int) -> tuple[Fraction, Fraction]:
    """The multiples of the last place at or below and at or above an exact value."""
    exponent = min_exponent
    while abs(value) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    place = Fraction(2) ** (exponent - mantissa_bits)
    return math.floor(value / place) * place, math.ceil(value / place) * place


@pytest.mark.parametrize("mode", MODES)
@seeded
@given(st.floats(-1e6, 1e6), st.integers(1, 12), st.integers(-20, -2))
@example(2.2250738585072014e-308, 10, -14)
@example(-5e-324, 10, -14)
@example(2.0**-25, 10, -14)
@example(1.00048828125, 10, -14)
@example(-1.00146484375, 10, -14)
def test_every_mode_in_exact_arithmetic(mode, x, mantissa_bits, min_exponent):
    found = Fraction(float(round_to_float(x, mantissa_bits, min_exponent, mode)))
    exact = Fraction(x)
    below, above = neighbours(exact, mantissa_bits, min_exponent)
    assert found in (below, above)
    if mode in ("up", "down"):
        assert found == (above if mode == "up" else below)
    elif mode == "toward_zero":
        assert found == (below if x >= 0 else above)
    elif exact - below != above - exact:
        assert abs(found - exact) == min(exact - below, above - exact)
    elif mode == "nearest_away":
        assert abs(found) == max(abs(below), abs(above))
    elif below != above:
        assert (found / (above - below)) % 2 == 0


@pytest.mark.parametrize("name", ["fp16", "bf16", "fp8_e5m2"])
def test_every_number_of_a_type_stays_and_has_its_own_pattern(name):
    exponent_bits, mantissa_bits, _, dtype = IEEE[name]
    codes = np.arange(2 ** (1 + exponent_bits + mantissa_bits)).astype(f"u{dtype.itemsize}")
    values = widened(codes.view(dtype))
    min_exponent = 2 - 2 ** (exponent_bits - 1)
    for mode in MODES:
        rounded = round_to_float(values, mantissa_bits, min_exponent, mode)
        assert np.array_equal(rounded, values, equal_nan=True)
        assert np.array_equal(np.signbit(rounded), np.signbit(values))
    patterns, numbers = bit_patterns(values, exponent_bits, mantissa_bits), ~np.isnan(values)
    assert np.array_equal(patterns[numbers], codes[numbers])
    assert np.isnan(patterns[~numbers].astype(codes.dtype).view(dtype).astype(np.float64)).all()


@pytest.mark.parametrize("name", IEEE)
def test_ties_to_even_agree_with_the_types_own_cast(name):
    exponent_bits, mantissa_bits, largest, dtype = IEEE[name]
    rng = np.random.default_rng(7)
    x = np.concatenate([rng.normal(size=20_000) * 2.0 ** rng.integers(-30, 18, 20_000), [largest * 1.01, -1e39, 0.0]])
    with np.errstate(over="ignore"):
        x = x.astype(np.float32).astype(np.float64)  # ml_dtypes goes through float32
    rounded = overflowed(round_to_float(x, mantissa_bits, 2 - 2 ** (exponent_bits - 1)), largest, "infinity")
    with np.errstate(over="ignore"):
        assert np.array_equal(rounded, x.astype(dtype).astype(np.float64))
    codes = rounded.astype(dtype).view(f"u{dtype.itemsize}")
    assert np.array_equal(bit_patterns(rounded, exponent_bits, mantissa_bits), codes)


def test_float64_to_fp16_is_rounded_once():
    x = np.random.default_rng(8).normal(size=50_000) * 100
    x[:2] = 1 + 2.0**-11 + 2.0**-50, 65519.99999999999
    once = overflowed(round_to_float(x, 10, -14), 65504.0, "infinity")
    assert np.array_equal(once, x.astype(np.float16).astype(np.float64))
    assert once[0] != x[0].astype(np.float32).astype(np.float16)


@pytest.mark.parametrize(
    ("overflow", "rounding", "expected"),
    [
        ("saturate", "nearest_even", [-8.0, -8.0, -8.0, 8.0, 8.0, 8.0]),
        ("infinity", "toward_zero", [-np.inf, -np.inf, -8.0, 8.0, np.inf, np.inf]),
        ("ieee", "nearest_even", [-np.inf, -np.inf, -8.0, 8.0, np.inf, np.inf]),
        ("ieee", "nearest_away", [-np.inf, -np.inf, -8.0, 8.0, np.inf, np.inf]),
        ("ieee", "toward_zero", [-np.inf, -8.0, -8.0, 8.0, 8.0, np.inf]),
        ("ieee", "up", [-np.inf, -8.0, -8.0, 8.0, np.inf, np.inf]),
        ("ieee", "down", [-np.inf, -np.inf, -8.0, 8.0, 8.0, np.inf]),
    ],
)
def test_overflow_policies(overflow, rounding, expected):
    x = [-np.inf, -9.0, -8.0, 8.0, 9.0, np.inf]
    assert overflowed(x, 8.0, overflow, rounding).tolist() == expected
    assert np.isnan(overflowed(np.nan, 8.0, overflow, rounding))


def test_formats_at_the_limits_of_float64():
    x = np.random.default_rng(10).normal(size=1000)
    assert np.array_equal(round_to_float(x, 52, -1022), x)
    assert round_to_float([5e-324, 2.0**-1060], 52, -1022).tolist() == [5e-324, 2.0**-1060]
    assert round_to_float([1.4, -1.6, 3.1, 0.3], 0, 0).tolist() == [1.0, -2.0, 4.0, 0.0]  # powers of two alone


def test_special_values_stay():
    for mode in MODES:
        found = round_to_float([np.nan, np.inf, -np.inf, 0.0, -0.0], 10, -14, mode)
        assert np.array_equal(found, [np.nan, np.inf, -np.inf, 0, 0], equal_nan=True)
        assert np.signbit(found[4]) and not np.signbit(found[3])
    assert np.isinf(round_to_float(np.finfo(np.float64).max, 3, -6, "up"))


def test_the_upper_half_is_a_bfloat16_rounded_toward_zero():
    codes = np.random.default_rng(9).integers(0, 2**32, 100_000, dtype=np.uint32)
    x = widened(codes.view(np.float32))
    kept = np.isfinite(x)
    truncated = widened(upper_half(codes).view(ml_dtypes.bfloat16))
    assert np.array_equal(truncated[kept], round_to_float(x[kept], 7, -126, "toward_zero"))
    safe = widened(upper_half_keeping_nan(codes).view(ml_dtypes.bfloat16))
    assert np.array_equal(np.isnan(safe), np.isnan(x)) and np.isnan(x).any()
    assert np.array_equal(safe[kept], truncated[kept])


def test_a_payload_in_the_low_half_is_lost_or_kept():
    assert hex(int(upper_half(0xFF80FFFF))) == "0xff80" and hex(int(upper_half_keeping_nan(0xFF80FFFF))) == "0xffc0"
    assert int(upper_half_keeping_nan(0x7F800000)) == 0x7F80


def test_what_float64_does_not_hold_is_refused():
    for mantissa_bits, min_exponent in ((53, -14), (-1, -14), (10, -1070), (3, 4)):
        with pytest.raises(WorkbenchError, match="do not fit float64"):
            round_to_float(1.0, mantissa_bits, min_exponent)
    with pytest.raises(WorkbenchError, match="no single result"):
        round_to_float(1.0, 10, -14, "stochastic")
    for value in (1 + 2.0**-11, 65536.0, 2.0**-25):
        with pytest.raises(WorkbenchError, match="no number of 5 exponent and 10 mantissa bits"):
            bit_patterns(value, 5, 10)
