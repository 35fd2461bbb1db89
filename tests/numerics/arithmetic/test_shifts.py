import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.shifts import (
    rounding_doubling_high_mul,
    rounding_right_shift,
    shift,
    shift_right,
)

HALF = Fraction(1, 2)
EXACT = {
    "floor": math.floor,
    "half_up": lambda q: math.floor(q + HALF),
    "half_away": lambda q: math.floor(q + HALF) if q >= 0 else -math.floor(-q + HALF),
    "half_even": round,  # of a Fraction: to even
}
INT32 = st.integers(-(2**31), 2**31 - 1)


@pytest.mark.parametrize("rounding", EXACT)
@pytest.mark.parametrize("bits", [0, 1, 2, 3, 5])
def test_small_values_exhaustively(rounding, bits):
    values = range(-100, 101)
    assert shift_right(values, bits, rounding).tolist() == [EXACT[rounding](Fraction(v, 2**bits)) for v in values]


@pytest.mark.parametrize("rounding", EXACT)
@seeded
@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 62))
@example(2**63 - 1, 1)
@example(-(2**63), 1)
@example(-(2**63), 62)
def test_any_value_and_shift_without_overflow(rounding, value, bits):
    assert int(shift_right(value, bits, rounding)) == EXACT[rounding](Fraction(value, 2**bits))


@seeded
@given(st.integers(-(2**40), 2**40), st.integers(-20, 20))
def test_a_negative_shift_is_an_exact_multiplication(value, right):
    expected = value << -right if right < 0 else EXACT["half_away"](Fraction(value, 2**right))
    assert int(shift(value, right)) == expected


def c_high_multiply(a: int, b: int) -> int:
    """As the C++ source has it: a nudge of the product's sign, then a division that truncates."""
    if a == b == -(2**31):
        return 2**31 - 1
    nudge = 2**30 if a * b >= 0 else 1 - 2**30
    return math.trunc(Fraction(a * b + nudge, 2**31))


@seeded
@given(INT32, INT32)
@example(-(2**31), -(2**31))
@example(-(2**31), 2**31 - 1)
@example(1, 2**30)
@example(-1, 2**30)
@example(-3, 2**30)
def test_the_high_multiply_of_gemmlowp(a, b):
    found = int(rounding_doubling_high_mul(a, b))
    assert found == c_high_multiply(a, b)
    assert abs(found - Fraction(a * b, 2**31)) <= (1 if a == b == -(2**31) else HALF)


def c_rounding_divide(x: int, exponent: int) -> int:
    """As the C++ source has it: masks and a threshold that is one more for negative values."""
    mask = (1 << exponent) - 1
    return (x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0))


@seeded
@given(INT32, st.integers(0, 31))
def test_the_rounding_shift_of_gemmlowp(x, exponent):
    assert int(rounding_right_shift(x, exponent)) == c_rounding_divide(x, exponent)


def test_shapes_are_kept():
    assert shift_right(np.zeros((2, 3, 1), np.int32), 4).shape == (2, 3, 1)
    assert rounding_doubling_high_mul(np.ones((2, 3), np.int32), 2**30).shape == (2, 3)


def test_what_is_impossible_is_refused():
    for bits in (-1, 63):
        with pytest.raises(WorkbenchError, match=f"shift by {bits} bits"):
            shift_right(1, bits)
    with pytest.raises(WorkbenchError, match="unknown rounding 'nearest'"):
        shift_right(1, 1, "nearest")
    with pytest.raises(WorkbenchError, match="leaves 64 bits"):
        shift([1, 2**33], -30)
    assert shift([1, 2**32], -30).tolist() == [2**30, 2**62]
    with pytest.raises(WorkbenchError, match="2147483648 does not fit 32 bits"):
        rounding_doubling_high_mul([0, 2**31], 1)
