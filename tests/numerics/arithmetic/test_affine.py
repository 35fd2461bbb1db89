"""The rules of the zero point, worked by hand."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.affine import affine_parameters


def test_the_published_example_has_a_zero_point_of_one_hundred_and_twenty_seven_and_a_half():
    down = affine_parameters(-1, 1, 0, 255, rule="from_max", rounding="down")
    even = affine_parameters(-1, 1, 0, 255, rule="from_max")
    assert down.unrounded == 127.5 and (down.zero_point, even.zero_point) == (127, 128)
    assert down.encode(np.array([0.0, 1.0, -1.0]), "nearest_away").tolist() == [127, 255, 0]
    assert down.saturated(np.array([1.0, -1.0]), "nearest_away") == 1


def test_a_range_beside_zero_is_widened_or_its_zero_point_clamped():
    assert affine_parameters(3, 5, 0, 255).scale == 5 / 255
    narrow = affine_parameters(3, 5, 0, 255, include_zero=False, rule="from_max")
    assert narrow.scale == 2 / 255 and narrow.unrounded < -300 and narrow.zero_point == 0


@seeded
@given(st.floats(-1e3, -1e-3), st.floats(1e-3, 1e3))
def test_both_rules_are_the_exact_zero_point_and_read_back_within_half_a_step(low, high):
    exact = -Fraction(low) * 255 / (Fraction(high) - Fraction(low))
    for rule in ("from_min", "from_max"):
        found = affine_parameters(low, high, 0, 255, rule=rule)
        assert found.unrounded == pytest.approx(float(exact), abs=1e-9)
        x = np.linspace(low, high, 50)
        inside = np.abs(x - found.decode(found.encode(x)))
        assert inside.max() <= found.scale * (1 + 1e-9)
        assert found.decode(found.encode(np.zeros(1)))[0] == 0


def test_a_range_without_width_is_refused():
    with pytest.raises(WorkbenchError, match="no width"):
        affine_parameters(0, 0, 0, 255)
