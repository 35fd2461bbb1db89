from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.flexpoint import exponent_fits, flexpoint, shared_exponent, zeroed
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

TENSORS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30).filter(lambda x: max(map(abs, x)) > 1e-9)


@seeded
@given(TENSORS, st.sampled_from([4, 8, 16]))
@example([32767.0, 0.5], 16)
@example([32767.4999], 16)
@example([32767.5], 16)  # a half goes to 32768, which does not fit
@example([32768.0], 16)
def test_the_exponent_is_the_smallest_that_fits(x, bits):
    e, top, largest = shared_exponent(x, bits), 2 ** (bits - 1) - 1, Fraction(max(map(abs, x)))
    assert round(largest / Fraction(2) ** e) <= top < round(largest / Fraction(2) ** (e - 1))


@seeded
@given(TENSORS)
def test_every_value_is_within_half_a_step(x):
    found = flexpoint(x)
    assert np.abs(found.values - x).max() <= 2.0**found.exponent / 2
    assert np.abs(found.mantissas).max() <= 32767
    assert np.array_equal(flexpoint(found.values).values, found.values)


def test_what_is_small_beside_the_largest_becomes_zero():
    x = [1000.0, 0.01, 0.0, -1e-5]
    assert zeroed(x, flexpoint(x).values) == 2
    assert zeroed(x[1:], flexpoint(x[1:]).values) == 0


def test_the_catalogues_flexpoint_takes_the_same_scale():
    for largest in (0.3, 32767.0, 32767.25, 32767.75, 32768.0):
        scale = float(Quantizer.covering(FORMATS["flex16_5"], -largest, largest).scale)
        assert scale == 2.0 ** shared_exponent([largest]), largest


def test_exponents_must_lie_in_one_window():
    assert exponent_fits([]) and exponent_fits([7]) and exponent_fits([-20, 11]) and not exponent_fits([-20, 12])


def test_zeros_have_no_exponent():
    with pytest.raises(WorkbenchError, match="not all zero"):
        flexpoint([0.0])
