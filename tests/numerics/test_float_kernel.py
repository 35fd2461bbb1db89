"""Directed rounding of floats, held against exact arithmetic on every level, midpoint and neighbour."""

import numpy as np
import pytest

from tests.numerics.samples import neighbours, same_bits
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.float_rounding import overflowed, round_to_float
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.rounding import ROUNDINGS

FLOATS = [name for name, format in FORMATS.items() if isinstance(format, FloatingFormat)]
MODES = [mode for mode in ROUNDINGS if mode != "stochastic"]


def places(format: FloatingFormat) -> np.ndarray:
    """float32: levels and midpoints (of TF32 every 97th) with their neighbours, and what lies beyond."""
    levels = format.unit_levels()[:: 97 if format.name == "tf32" else 1]
    between = format.unit_levels().astype(np.float64)
    middle = ((between[1:] + between[:-1]) / 2)[:: 97 if format.name == "tf32" else 1].astype(np.float32)
    beyond = np.float32([np.inf, 3.4028235e38, min(format.largest * 1.01, 3.4e38), 1e-45])
    return np.concatenate([neighbours(levels), neighbours(middle), beyond, -beyond, np.float32([np.nan, 0.0, -0.0])])


@pytest.mark.parametrize("rounding", MODES)
@pytest.mark.parametrize("name", FLOATS)
def test_every_mode_is_the_exact_value_rounded(name, rounding):
    format = FORMATS[name]
    x = places(format)
    for policy in format.overflows:
        varied = format.with_choices(rounding=rounding, overflow=policy)
        exact = round_to_float(x.astype(np.float64), format.mantissa_bits, 1 - format.bias, rounding)
        expected = overflowed(exact, format.largest, policy, rounding)
        # an infinite input is no rounding error: only saturation makes it finite
        expected = np.where(np.isinf(x) & (policy != "saturate"), x, expected)
        if not format.has_infinity:
            expected = np.where(np.isinf(expected), np.nan, expected)
        if not format.has_minus_zero:
            expected = expected + 0.0
        with np.errstate(invalid="ignore"):
            assert same_bits(varied.round_unit(x), expected.astype(np.float32))


@pytest.mark.parametrize("name", FLOATS)
def test_overflow_limits_are_the_last_finite_values(name):
    for rounding in ROUNDINGS:
        for policy in FORMATS[name].overflows:
            format = FORMATS[name].with_choices(rounding=rounding, overflow=policy)
            low, high = format.overflow_limits
            if policy == "saturate":
                assert (low, high) == (-np.inf, np.inf)
                continue
            with np.errstate(over="ignore"):
                ends = np.nextafter(np.float32([low, high]), np.float32([-np.inf, np.inf]))
            assert np.isfinite(format.round_unit(np.float32([low, high]))).all()
            if rounding != "stochastic":
                assert not np.isfinite(format.round_unit(ends)).any()


@pytest.mark.parametrize("name", FLOATS)
def test_patterns_and_codes_are_inverse_and_narrow(name):
    format = FORMATS[name]
    levels = format.unit_levels()
    found = format.patterns(format.encode_unit(levels))
    assert int(found.max()) < 2**format.bits and np.unique(found).size == levels.size
    assert np.array_equal(format.decode_unit(format.codes(found)), levels)


def test_flushing_leaves_normal_numbers_and_the_sign_of_zero():
    y = FORMATS["fp16"].flushed(np.float32([6.1035156e-05, 6.097555e-05, -5.9604645e-08, -0.0, 1.0]))
    assert same_bits(y, np.float32([6.1035156e-05, 0.0, -0.0, -0.0, 1.0]))


def test_choices_that_a_format_cannot_have_are_refused():
    with pytest.raises(WorkbenchError, match="int8: overflow 'infinity' is not possible; expected one of saturate"):
        FORMATS["int8"].with_choices(overflow="infinity")
    with pytest.raises(WorkbenchError, match="unknown rounding 'sideways'; expected one of nearest_even"):
        FORMATS["fp16"].with_choices(rounding="sideways")
    with pytest.raises(WorkbenchError, match="fp4_e2m1: overflow 'ieee' is not possible"):
        FORMATS["fp4_e2m1"].with_choices(overflow="ieee")
