import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic import requantization as r

INT32 = st.integers(-(2**31), 2**31 - 1)
FACTORS = st.floats(1e-12, 0.9999999999)


def rounded_away(q: Fraction) -> int:
    return math.floor(abs(q) + Fraction(1, 2)) * (1 if q >= 0 else -1)


@seeded
@given(st.floats(1e-30, 1e9))
@example(1.0)
@example(0.5)
@example(math.nextafter(1.0, 0))  # rounds up to 1, which has no mantissa of 31 bits
@example(math.nextafter(0.5, 0))
def test_a_multiplier_is_near_and_normalised(factor):
    fixed = r.fixed_multiplier(factor)
    assert 2**30 <= fixed.mantissa < 2**31
    assert abs(Fraction(fixed.value) - Fraction(factor)) <= Fraction(factor) / 2**31
    exact = Fraction(factor) * Fraction(2) ** (31 + fixed.right_shift)
    assert abs(fixed.mantissa - exact) <= Fraction(1, 2)


def test_a_power_of_two_is_exact():
    for exponent in range(-40, 8):
        fixed = r.fixed_multiplier(2.0**exponent)
        assert fixed == r.FixedMultiplier(2**30, -exponent - 1) and fixed.value == 2.0**exponent


@pytest.mark.parametrize("factor", [0.0, -0.5, math.inf, math.nan])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(WorkbenchError, match="expected a positive finite number"):
        r.fixed_multiplier(factor)


@seeded
@given(INT32, FACTORS)
@example(2**31 - 1, 1e-12)
@example(-(2**31), 0.9999999999)
def test_rounding_once_is_exact(accumulator, factor):
    assert int(r.multiply_exactly(accumulator, factor)) == rounded_away(accumulator * Fraction(factor))


@seeded
@given(INT32, FACTORS)
@example(1, 0.25)  # rounded twice upwards: 0.25 -> 0.5 -> 1
def test_rounding_twice_is_within_one_of_exact(accumulator, factor):
    fixed = r.fixed_multiplier(factor)
    found = int(r.multiply(accumulator, fixed))
    assert abs(found - Fraction(accumulator) * Fraction(fixed.value)) < 1
    assert abs(found - int(r.multiply_exactly(accumulator, fixed.value))) <= 1


def test_the_two_roundings_do_differ():
    accumulators = np.arange(-200, 200)
    quarter = r.fixed_multiplier(0.25)
    twice, once = r.multiply(accumulators, quarter), r.multiply_exactly(accumulators, 0.25)
    assert np.flatnonzero(twice != once).size and np.abs(twice - once).max() == 1


@seeded
@given(st.integers(-(2**20), 2**20), st.floats(1.0, 900.0))
def test_factors_above_one_shift_left_first(accumulator, factor):
    fixed = r.fixed_multiplier(factor)
    assert abs(int(r.multiply(accumulator, fixed)) - accumulator * Fraction(fixed.value)) <= Fraction(1, 2)


def test_products_beyond_int32_saturate():
    fixed = r.fixed_multiplier(2.0**20)
    assert r.multiply([2**30, -(2**30)], fixed).tolist() == [2**30, -(2**30)]  # half of the saturated register
    assert r.multiply_exactly([2**30, -(2**30)], 2.0**20).tolist() == [2**31 - 1, -(2**31)]


@seeded
@given(st.lists(INT32, max_size=10), FACTORS, st.integers(0, 255))
def test_codes_are_clamped_and_keep_the_order(accumulators, factor, zero_point):
    ordered = np.sort(np.array(accumulators, np.int64))
    fixed = r.fixed_multiplier(factor)
    for codes in (r.requantize(ordered, fixed, zero_point), r.requantize_exactly(ordered, factor, zero_point)):
        assert (np.diff(codes) >= 0).all() and ((codes >= 0) & (codes <= 255)).all()
    inside = r.requantize_exactly([0], factor, zero_point)
    assert inside.tolist() == [zero_point]


def test_the_one_factor_between_the_scales():
    assert r.requantization_scale(0.5, 0.25, 2.0) == 0.0625


def test_unrounded_is_the_real_product():
    assert r.unrounded([3, -4], 0.25, 7).tolist() == [7.75, 6.0]


def test_accumulators_beyond_int32_are_refused():
    for multiplied in (lambda a: r.multiply(a, r.fixed_multiplier(0.5)), lambda a: r.multiply_exactly(a, 0.5)):
        with pytest.raises(WorkbenchError, match="does not fit 32 bits"):
            multiplied([2**31])
