"""Scale and zero point to a range and back, to the last bit of float32."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.ranges.covering import code_range, covering_range

AFFINE = ("int8", "uint8", "int8_narrow", "int16", "uint16", "int4", "uint4")
scales = st.floats(2.0**-100, 2.0**100, width=32)


def back(format: str, scale, zero_point=0) -> Quantizer:
    low, high, symmetric = covering_range(FORMATS[format], scale, zero_point)
    axis = 0 if np.ndim(scale) else None
    return Quantizer.covering(format, low, high, symmetric=symmetric, axis=axis)


@given(st.sampled_from(AFFINE), scales, st.data())
def test_one_scale(format, scale, data):
    zero_point = data.draw(st.integers(*FORMATS[format].zero_points))
    found = back(format, scale, zero_point)
    assert found.scale == np.float32(scale) and found.zero_point == zero_point
    low, high = code_range(found)
    assert (low, high) == tuple((end - zero_point) * float(np.float32(scale)) for end in FORMATS[format].zero_points)


@given(st.sampled_from(AFFINE), st.lists(scales, min_size=1, max_size=20), st.data())
def test_a_scale_for_each_channel_in_float32(format, listed, data):
    points = data.draw(st.lists(st.integers(*FORMATS[format].zero_points), min_size=len(listed), max_size=len(listed)))
    given_scales = np.array(listed, np.float32)
    low, high, _ = covering_range(FORMATS[format], given_scales, np.array(points))
    assert low.dtype == high.dtype == np.float32
    found = back(format, given_scales, np.array(points))
    np.testing.assert_array_equal(found.scale, given_scales)
    np.testing.assert_array_equal(found.zero_point, points)


def test_scales_that_no_float32_threshold_divided_by_127_gives():
    """One in 128 float32 numbers is no quotient of a float32 number and 127; the affine rule reaches them."""
    rng = np.random.default_rng(3)
    some = (1 + rng.random(4000)).astype(np.float32)
    thresholds = (127 * some.astype(np.float64)).astype(np.float32)
    missed = some[(thresholds.astype(np.float64) / 127).astype(np.float32) != some]
    assert len(missed) > 5
    assert covering_range(FORMATS["int8"], missed)[2] is False
    np.testing.assert_array_equal(back("int8", missed).scale, missed)


@given(st.sampled_from(["fp8_e4m3", "fp8_e5m2", "nf4"]), scales)
def test_formats_without_a_zero_point(format, scale):
    assert back(format, scale).scale == np.float32(scale)


@pytest.mark.parametrize("format", ["q8", "int8_pow2", "flex16_5"])
def test_powers_of_two_alone(format):
    assert back(format, 0.25).scale == 0.25
    with pytest.raises(WorkbenchError, match="no range of"):
        covering_range(FORMATS[format], 0.3)


def test_steps_whose_range_is_beyond_float32():
    with pytest.raises(WorkbenchError):
        covering_range(FORMATS["int8"], np.array([1.0, 3e38], np.float32))
