import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import floats, seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.nvdla import INF_REPLACEMENT, OUTPUT_LIMITS, convert, fp16_output


@seeded
@given(floats, st.booleans())
def test_outputs_are_numpys_without_infinities(values, flush_nan):
    x = np.array(values, np.float64)
    found = fp16_output(x, flush_nan=flush_nan)
    with np.errstate(over="ignore"):
        plain = np.clip(x.astype(np.float16), np.float16(-65504), np.float16(65504))
    expected = np.where(np.isnan(plain), np.float16(0), plain) if flush_nan else plain
    assert np.array_equal(found.values, expected.astype(np.float64), equal_nan=True)
    numbers = ~np.isnan(expected)
    assert np.array_equal(found.patterns[numbers], expected.view(np.uint16)[numbers])
    assert found.nan_inputs == np.isnan(x).sum() and found.inf_inputs == np.isinf(x).sum()
    assert found.nan_outputs == (0 if flush_nan else found.nan_inputs)


def test_the_tables_of_units_and_outputs():
    assert [name for name, value in INF_REPLACEMENT.items() if math.isinf(value)] == ["pdp_max_min"]
    assert INF_REPLACEMENT["cdp"] == 65504 * 2.0**16
    for name in ("int8", "int16"):
        assert OUTPUT_LIMITS[name] == (np.iinfo(name).min, np.iinfo(name).max)
    assert OUTPUT_LIMITS["fp16"] == (-np.finfo(np.float16).max, np.finfo(np.float16).max)


@seeded
@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=10),
    st.integers(-(2**20), 2**20),
    st.integers(-(2**15), 2**15),
    st.integers(0, 40),
    st.sampled_from([8, 16]),
)
def test_the_converter_in_exact_arithmetic(values, offset, scaling, shifter, bits):
    half, top = Fraction(1, 2), 2 ** (bits - 1)
    expected = []
    for value in values:
        exact = Fraction((value - offset) * scaling, 2**shifter)
        nearest = math.floor(abs(exact) + half) * (1 if exact >= 0 else -1)
        expected.append(max(-top, min(top - 1, nearest)))
    assert convert(values, offset, scaling, shifter, bits).tolist() == expected


def test_another_rounding_of_the_converter():
    assert convert([1, 3, 5, -1, -3], 0, 1, 1, 8, "half_even").tolist() == [0, 2, 2, 0, -2]


def test_products_that_no_register_holds_are_refused():
    with pytest.raises(WorkbenchError, match="leaves 64 bits"):
        convert([0, 2**40], 0, 2**23, 0, 8)
    assert convert([0, 2**39], 0, 2**23, 60, 8).tolist() == [0, 4]
