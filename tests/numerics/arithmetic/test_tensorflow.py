import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic import tensorflow as tf

LOWS, WIDTHS = st.floats(-100, 0), st.floats(0.01, 200)


@pytest.mark.parametrize("dtype", tf.TYPES)
@seeded
@given(LOWS, WIDTHS)
def test_codes_ascend_and_cover_the_type(dtype, low, width):
    qmin, qmax = tf.TYPES[dtype]
    x = np.linspace(low - width, low + 2 * width, 200)
    codes = tf.min_first(x, low, low + width, dtype)
    assert (np.diff(codes) >= 0).all() and codes[0] == qmin and codes[-1] == qmax
    assert abs(tf.min_first(low, low, low + width, dtype) - qmin) == 0


@seeded
@given(LOWS, st.floats(0.01, 100))
def test_the_minimum_rounded_apart_makes_zero_a_code(low, high):
    zero = tf.min_first(0.0, low, high)
    step = tf.step(low, high)
    noise = 1e-5 * max(abs(low), high)
    assert abs(float(tf.dequantize_min_rounded(zero, low, high))) <= noise
    assert abs(float(tf.dequantize(zero, low, high))) <= step / 2 + noise


@pytest.mark.parametrize("dtype", tf.TYPES)
def test_both_readings_differ_by_the_rounding_of_the_minimum_in_every_type(dtype):
    codes = tf.min_first([-10.0, 0.0, 7.3, 30.0], -10, 30, dtype)
    step = tf.step(-10, 30, dtype)
    shift = tf.dequantize_min_rounded(codes, -10, 30, dtype) - tf.dequantize(codes, -10, 30, dtype)
    assert shift == pytest.approx([np.rint(-10 / step) * step + 10] * 4, abs=1e-5)


def test_without_it_zero_is_none():
    assert abs(float(tf.dequantize(tf.min_first(0.0, -10, 30), -10, 30))) > 0.03
    assert abs(float(tf.dequantize_min_rounded(tf.min_first(0.0, -10, 30), -10, 30))) < 1e-6


@pytest.mark.parametrize(("low", "high"), [(-10.0, 30.0), (-1.37, 2.11), (-0.4, 3.1)])
def test_errors_of_the_old_rule_drift_and_those_of_the_new_one_do_not(low, high):
    x = np.random.default_rng(0).uniform(low * 0.99, high * 0.99, 200_000)
    step = tf.step(low, high)
    drift = {
        rule: float((tf.dequantize_min_rounded(rule(x, low, high), low, high) - x).mean()) / step
        for rule in (tf.min_first, tf.min_first_drifting)
    }
    minimum_in_steps = low * tf.range_scale(low, high)
    assert abs(drift[tf.min_first]) < 0.005
    assert abs(drift[tf.min_first_drifting] - (np.rint(minimum_in_steps) - minimum_in_steps)) < 0.005
    assert abs(drift[tf.min_first_drifting]) > 0.02


@seeded
@given(LOWS, WIDTHS, st.floats(0, 1))
def test_reading_back_is_within_a_step(low, width, share):
    x, high = low + share * width, low + width
    for rule in (tf.min_first, tf.min_first_drifting):
        assert abs(float(tf.dequantize(rule(x, low, high), low, high)) - x) <= tf.step(low, high) * 1.0001


def test_the_ends_read_back_exactly_in_every_type():
    for dtype, (qmin, qmax) in tf.TYPES.items():
        assert tf.dequantize([qmin, qmax], -10, 30, dtype).tolist() == [-10, 30]
        assert tf.min_first([-10, 30], -10, 30, dtype).tolist() == [qmin, qmax]


@seeded
@given(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=30), st.floats(0.1, 1e6))
def test_shrinking_keeps_values_within_a_step(codes, limit):
    shrunk = tf.quantize_down_and_shrink(codes, -limit, limit)
    assert shrunk.real.tolist() == tf.int32_to_real(codes, -limit, limit).tolist()
    assert shrunk.low == min(0.0, shrunk.real.min()) and shrunk.high == shrunk.real.max()
    if shrunk.high > shrunk.low:
        read = tf.dequantize(shrunk.codes, shrunk.low, shrunk.high)
        assert np.abs(read - shrunk.real).max() <= 1.001 * tf.step(shrunk.low, shrunk.high)


def test_shrinking_recovers_what_the_wide_range_loses():
    codes = np.random.default_rng(1).integers(-(10**5), 10**5, 5000)
    shrunk = tf.quantize_down_and_shrink(codes, -5e5, 5e5)
    assert len(np.unique(shrunk.codes)) > 250
    assert len(np.unique(tf.min_first(shrunk.real, -5e5, 5e5))) <= 2


def test_the_ends_of_int32_are_the_ends_of_the_range():
    assert tf.int32_to_real([-(2**31), 2**31 - 1], -3.0, 5.0).tolist() == [-3.0, 5.0]


def test_sums_without_a_range_have_one_code():
    shrunk = tf.quantize_down_and_shrink([-(2**31)] * 3, 0.0, 7.0)
    assert (shrunk.low, shrunk.high, shrunk.codes.tolist()) == (0.0, 0.0, [0, 0, 0])


def test_what_has_no_codes_is_refused():
    for low, high in ((1.0, 1.0), (2.0, 1.0), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(WorkbenchError, match="has no codes"):
            tf.min_first([0.0], low, high)
    with pytest.raises(WorkbenchError, match="unknown type 'int8'; expected one of quint8"):
        tf.min_first([0.0], 0, 1, "int8")
    with pytest.raises(WorkbenchError, match="no values"):
        tf.quantize_down_and_shrink([], 0, 1)
