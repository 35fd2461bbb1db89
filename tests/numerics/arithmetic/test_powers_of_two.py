import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic import powers_of_two as powers
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

TENSORS = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30).filter(lambda x: max(map(abs, x)) > 1e-9)


@seeded
@given(st.floats(1e-300, 1e300))
@example(1.0)
@example(0.125)
@example(math.nextafter(8.0, 9))
@example(math.nextafter(8.0, 7))
@example(5e-324)
def test_the_exponent_above(value):
    e = powers.ceil_log2(value)
    assert Fraction(2) ** (e - 1) < Fraction(value) <= Fraction(2) ** e


@seeded
@given(TENSORS)
def test_dynamic_fixed_point_with_room_for_the_sign_never_clips_by_more_than_a_step(x):
    found = powers.dynamic_fixed_point(x)
    assert found.integer_length + found.fraction_length == 8
    assert np.array_equal(found.values, found.codes * found.scale)
    beyond = np.array(x) > 127.5 * found.scale
    errors = np.abs(found.values - x)
    assert (errors[~beyond] <= found.scale / 2).all() and (errors[beyond] <= found.scale).all()


def test_without_room_the_upper_half_of_the_range_saturates():
    tight = powers.dynamic_fixed_point([12.0, 3.0], room_for_sign=False)
    assert tight.codes.tolist() == [127, 48] and tight.values.tolist() == [7.9375, 3.0]
    assert powers.dynamic_fixed_point([12.0, 3.0]).values.tolist() == [12.0, 3.0]


def test_halves_go_away_from_zero_unless_chosen_otherwise():
    x = [64.0, 0.5, -0.5, 2.5]
    assert powers.dynamic_fixed_point(x, 8, room_for_sign=True).scale == 0.5
    assert powers.dynamic_fixed_point(x, 7).codes.tolist() == [63, 1, -1, 3]
    assert powers.dynamic_fixed_point(x, 7, rounding="nearest_even").codes.tolist() == [63, 0, 0, 2]


@seeded
@given(st.lists(st.floats(-4, 4), max_size=30), st.integers(-9, -5), st.integers(-4, 2))
def test_weights_go_to_the_nearest_exponent(weights, lowest, highest):
    found = powers.power_of_two_weights(weights, lowest, highest)
    levels = np.arange(lowest, highest + 1)
    for w, y in zip(weights, found, strict=True):
        exponent = math.log2(abs(w)) if w else -math.inf
        nearest = levels[np.argmin(np.abs(levels - max(exponent, -1e9)))]
        assert abs(y) == 2.0**nearest and (y < 0) == (w < 0)


def test_a_zero_weight_has_no_level():
    assert powers.power_of_two_weights([0.0, -0.0], -8, -1).tolist() == [2.0**-8, 2.0**-8]


@seeded
@given(TENSORS, st.sampled_from([7, 127, 32767]))
@example([127.0], 127)
@example([math.nextafter(127.0, 128)], 127)
@example([math.nextafter(7 * 0.25, 2)], 7)
def test_the_covering_exponent_is_the_smallest_without_saturation(x, qmax):
    e, largest = powers.covering_exponent(x, qmax), Fraction(max(map(abs, x)))
    assert largest <= qmax * Fraction(2) ** e and largest > qmax * Fraction(2) ** (e - 1)


@pytest.mark.parametrize("largest", [0.01, 1.4208, 4.3162, 127.0, 128.0])
def test_the_catalogues_format_takes_the_same_scale(largest):
    scale = float(Quantizer.covering(FORMATS["int8_pow2"], -largest, largest).scale)
    assert scale == 2.0 ** powers.covering_exponent([largest], 127)


@seeded
@given(TENSORS)
def test_errors_by_exponent_are_those_of_the_codes(x):
    e, errors = powers.covering_exponent(x, 127), powers.errors_by_exponent(x, 127)
    assert list(errors) == list(range(e - 4, e + 2))
    for exponent, mse in errors.items():
        read = [max(-127, min(127, round(Fraction(v) / Fraction(2) ** exponent))) * 2.0**exponent for v in x]
        assert mse == pytest.approx(np.mean((np.array(read) - x) ** 2), rel=1e-12, abs=1e-300)


def test_a_magnitude_without_a_logarithm_is_refused():
    for value in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(WorkbenchError, match="positive finite magnitude"):
            powers.ceil_log2(value)


def test_a_tensor_without_a_magnitude_is_refused():
    for x in ([], [0.0, 0.0], [1.0, np.inf], [np.nan]):
        with pytest.raises(WorkbenchError, match="largest magnitude"):
            powers.dynamic_fixed_point(x)
