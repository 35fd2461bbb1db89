import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.integers import (
    accumulator_bits,
    fits,
    integer_range,
    product_bits,
    saturate,
    sum_bits,
    to_codes,
    wrap,
)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 7, 8, 16, 32])
def test_a_range_has_every_code_of_its_width(bits, signed):
    low, high = integer_range(bits, signed=signed)
    assert high - low + 1 == 2**bits and (low < 0) is signed and low <= 0 <= high


def test_the_range_of_bytes_is_numpys():
    for dtype in (np.int8, np.int16, np.int32, np.uint8, np.uint16, np.uint32):
        info = np.iinfo(dtype)
        assert integer_range(info.bits, signed=info.min < 0) == (info.min, info.max)


@seeded
@given(st.lists(st.integers(-(2**40), 2**40), max_size=20), st.sampled_from([8, 16, 32]))
def test_fitting_wrapping_and_saturating_agree_with_a_cast(values, bits):
    array = np.array(values, np.int64)
    register = array.astype(f"i{bits // 8}").astype(np.int64)
    assert wrap(array, bits).tolist() == register.tolist()
    assert fits(array, bits) == np.array_equal(register, array)
    low, high = integer_range(bits)
    assert saturate(array, bits).tolist() == [max(low, min(high, v)) for v in values]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(range(1, 5), repeat=2)))
@pytest.mark.parametrize("signed", [True, False])
def test_sums_and_products_of_every_pair_fit(a, b, signed):
    first, second = (range(low, high + 1) for low, high in (integer_range(n, signed=signed) for n in (a, b)))
    pairs = list(itertools.product(first, second))
    assert fits([x + y for x, y in pairs], sum_bits(a, b), signed=signed)
    assert not fits([x + y for x, y in pairs], sum_bits(a, b) - 1, signed=signed)
    assert fits([x * y for x, y in pairs], product_bits(a, b), signed=signed)


def test_an_accumulator_of_unsigned_bytes_has_no_bit_too_many_or_too_few():
    for terms in (2, 3, 16, 17, 256, 300):
        assert fits(terms * 255 * 255, accumulator_bits(8, 8, terms), signed=False)
    assert not fits(256 * 255 * 255, accumulator_bits(8, 8, 256) - 1, signed=False)
    assert accumulator_bits(8, 8, 1) == product_bits(8, 8)


@seeded
@given(st.lists(st.floats(-300, 300), max_size=20))
def test_codes_are_clamped_after_rounding_away(values):
    def by_hand(v: float) -> int:
        whole = int(abs(v))
        whole += abs(v) - whole >= 0.5
        return max(-128, min(127, whole if v > 0 else -whole))

    assert to_codes(values, -128, 127).tolist() == [by_hand(v) for v in values]


def test_what_is_just_under_a_half_is_not_rounded_up():
    assert to_codes([np.nextafter(0.5, 0), 0.5, -0.5, 2.5], -9, 9).tolist() == [0, 1, -1, 3]
    assert to_codes([0.5, 1.5, 2.5, -2.5], -9, 9, "nearest_even").tolist() == [0, 2, 2, -2]


def test_codes_of_infinities_saturate_and_nan_is_refused():
    assert to_codes([np.inf, -np.inf, 1e300], -128, 127).tolist() == [127, -128, 127]
    with pytest.raises(WorkbenchError, match="NaN has no integer code"):
        to_codes([0.0, np.nan], -128, 127)


def test_widths_that_are_none_are_refused():
    with pytest.raises(WorkbenchError, match="0 bits"):
        integer_range(0)
    with pytest.raises(WorkbenchError, match="0 terms"):
        accumulator_bits(8, 8, 0)
