"""Training steps, cut-offs and sizes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.numerics.arithmetic.cut_offs import (
    cut,
    largest_sigmoid_error,
    largest_tanh_error,
    sigmoid,
    symmetric_step,
)
from workbench.numerics.arithmetic.storage import codebook_bytes, packed_bytes
from workbench.numerics.arithmetic.training import float_copy, momentum, overwriting


def to_tenths(w: float) -> float:
    return round(w * 10) / 10


def test_small_steps_are_lost_where_codes_overwrite_the_weight():
    gradients = [1.0] * 20
    assert set(overwriting(1.0, gradients, 0.04, to_tenths)) == {1.0}
    kept = float_copy(1.0, gradients, 0.04, to_tenths)
    assert kept[-1] == to_tenths(1.0 - 20 * 0.04) and sorted(kept, reverse=True) == kept


def test_large_steps_are_not():
    assert overwriting(1.0, [1.0] * 3, 0.1, to_tenths) == float_copy(1.0, [1.0] * 3, 0.1, to_tenths) == [0.9, 0.8, 0.7]


@seeded
@given(st.lists(st.floats(-1, 1), max_size=8), st.floats(0, 0.99), st.floats(-0.1, 0.1))
def test_momentum_is_a_fading_sum_of_gradients(gradients, decay, rate):
    steps = momentum(2.0, gradients, decay, rate)
    for n, (change, weight) in enumerate(steps, 1):
        faded = sum(rate * g * decay ** (n - 1 - i) for i, g in enumerate(gradients[:n]))
        assert change == pytest.approx(faded, abs=1e-12)
        assert weight == pytest.approx(2.0 + sum(c for c, _ in steps[:n]), abs=1e-12)


def test_the_sigmoid_does_not_overflow():
    x = np.linspace(-30, 30, 601)
    assert sigmoid(x) == pytest.approx([1 / (1 + math.exp(-v)) for v in x], rel=1e-14)
    assert sigmoid([-1e4, 1e4, 0.0]).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("limit", [1.0, 3.0, 6.0])
def test_a_cut_changes_outputs_by_no_more_than_it_says(limit):
    x = np.linspace(-40, 40, 8001)
    for function, bound in ((sigmoid, largest_sigmoid_error(limit)), (np.tanh, largest_tanh_error(limit))):
        worst = np.abs(function(cut(x, limit)) - function(x)).max()
        assert worst == pytest.approx(bound, rel=1e-9)
    assert np.abs(cut(x, limit)).max() == limit


def test_steps_of_symmetric_codes():
    assert symmetric_step(127.0) == 1.0 and symmetric_step(6.0) == 6 / 127 and symmetric_step(7.0, 4) == 1.0


@seeded
@given(st.integers(0, 1000), st.integers(1, 33))
def test_packed_bytes_hold_every_bit_and_no_byte_more(count, bits):
    n = packed_bytes(count, bits)
    assert n * 8 >= count * bits > (n - 1) * 8 - (count == 0)


def test_a_codebook_adds_its_levels():
    assert codebook_bytes(100, 4) == 50 + 16 * 4 and codebook_bytes(100, 4, entry_bits=16) == 50 + 16 * 2
