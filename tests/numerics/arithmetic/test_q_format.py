import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.q_format import QFormat, format_for, multiply_accumulate, range_table
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

SEVENS = st.integers(0, 7).map(lambda m: QFormat(m, 7 - m))


@seeded
@given(st.integers(-5, 20), st.integers(2, 16))
def test_names_are_read_back(m, bits):
    q = QFormat(m, bits - 1 - m)
    assert QFormat.parse(str(q)) == q and q.bits == bits


def test_the_table_of_a_width():
    table = range_table(8)
    assert [q.name for q in table] == ["Q0.7", "Q1.6", "Q2.5", "Q3.4", "Q4.3", "Q5.2", "Q6.1", "Q7.0"]
    for q in table:
        reals = q.decode(np.arange(-128, 128))
        assert (reals[0], reals[-1], reals[1] - reals[0]) == (q.low, q.high, q.step)


@seeded
@given(SEVENS, st.floats(-200, 200))
@example(QFormat(2, 5), 3.984375)  # the middle between the last code and one more: away from zero is beyond
@example(QFormat(2, 5), -4.015625)
@example(QFormat(2, 5), 3.96875)
@example(QFormat(2, 5), -4.0)
def test_codes_are_the_nearest_and_saturation_is_told(q, value):
    exact = Fraction(value) * 2**q.fraction_bits
    nearest = math.floor(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert int(q.encode(value)) == max(-128, min(127, nearest))
    assert bool(q.saturates(value)) == (not -128 <= nearest <= 127)


@seeded
@given(st.floats(1e-30, 1e30))
@example(1.0)
@example(4.0)
@example(math.nextafter(4.0, 5))
@example(math.nextafter(4.0, 3))
def test_the_format_of_a_maximum(largest):
    q = format_for(largest, clamped=False)
    assert 2.0 ** (q.integer_bits - 1) < largest <= 2.0**q.integer_bits
    assert q.bits == 8 and -q.low >= largest
    kept = format_for(largest)
    assert kept in range_table(8) and (kept == q or not 0 <= q.integer_bits <= 7)


@pytest.mark.parametrize("largest", [0.6, 3.6, 4.0, 3.99, 28.4, 100.0])
def test_the_catalogues_q8_takes_the_same_format(largest):
    scale = float(Quantizer.covering(FORMATS["q8"], -largest, largest).scale)
    assert scale == format_for(largest).step


@seeded
@given(st.lists(st.tuples(st.floats(-8, 8), st.floats(-2, 2)), min_size=1, max_size=5), st.data())
def test_sums_of_products_in_exact_arithmetic(pairs, data):
    input, weight, bias, output = (data.draw(SEVENS) for _ in range(4))
    real_bias = data.draw(st.floats(-4, 4))
    x, w = zip(*pairs, strict=True)
    found = multiply_accumulate(x, w, real_bias, input, weight, bias, output)
    scale = 2**found.product_fraction_bits
    products = sum(
        Fraction(float(input.decode(a))) * Fraction(float(weight.decode(b)))
        for a, b in zip(found.x_codes, found.w_codes, strict=True)
    )
    aligned = math.floor(Fraction(float(bias.decode(found.bias_code))) * scale)
    assert found.bias_aligned == aligned
    assert (
        Fraction(found.accumulator, scale) == products + Fraction(aligned, scale) == Fraction(found.accumulator_value)
    )
    in_steps = Fraction(found.accumulator, scale) * 2**output.fraction_bits
    assert found.shifted_floor == math.floor(in_steps)
    assert abs(found.shifted_nearest - in_steps) <= Fraction(1, 2)
    assert found.output_code == max(-128, min(127, found.shifted_nearest))
    assert found.output_code_floor == max(-128, min(127, found.shifted_floor))
    assert found.saturated == (found.output_code != found.shifted_nearest)
    assert found.product_integer_bits + found.product_fraction_bits == 15


@seeded
@given(st.floats(-11, 11), st.floats(-11, 11), st.floats(-7, 7))
def test_the_smallest_fitting_output(x, w, bias):
    found = multiply_accumulate([x], [w], bias, QFormat(4, 3), QFormat(4, 3), QFormat(3, 4), QFormat(0, 7))
    fitting = found.smallest_fitting()
    if fitting is None:
        assert all(found.into(q).saturated for q in range_table(8))
        return
    assert not fitting.saturated
    assert abs(fitting.output_value - found.accumulator_value) <= fitting.output.step / 2
    smaller = range_table(8)[: fitting.output.integer_bits]
    assert all(found.into(q).saturated for q in smaller)


@pytest.mark.parametrize(
    ("x", "nearest", "floor"), [(0.5, 1, 0), (1.5, 2, 1), (2.5, 3, 2), (-0.5, -1, -1), (-2.5, -3, -3)]
)
def test_halves_of_the_output_go_away_from_zero(x, nearest, floor):
    found = multiply_accumulate([x], [1.0], 0, QFormat(6, 1), QFormat(7, 0), QFormat(7, 0), QFormat(7, 0))
    assert (found.shifted_nearest, found.shifted_floor) == (nearest, floor)


def test_a_sum_that_no_format_holds():
    found = multiply_accumulate([60.0] * 2, [3.9] * 2, 0, QFormat(6, 1), QFormat(2, 5), QFormat(7, 0), QFormat(7, 0))
    assert found.accumulator_value > 128 and found.smallest_fitting() is None


def test_words_and_widths_that_are_none_are_refused():
    for name in ("Q5", "5.2", "Q5.2 ", "q5.2", "Q.7"):
        with pytest.raises(WorkbenchError, match="is no Q format"):
            QFormat.parse(name)
    with pytest.raises(WorkbenchError, match="at least 2"):
        QFormat(0, 0)
    with pytest.raises(WorkbenchError, match="positive finite"):
        format_for(0.0)
