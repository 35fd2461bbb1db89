import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.binary import binarized, binary_dot, binary_scale, signs

SIGNS = st.lists(st.tuples(st.sampled_from([-1, 1]), st.sampled_from([-1, 1])), max_size=70)


@seeded
@given(SIGNS)
def test_counting_bits_gives_the_dot_product(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    found = binary_dot(a, b)
    assert found.dot == sum(x * y for x, y in pairs) and found.length == len(pairs)
    assert found.matches == sum(x == y for x, y in pairs)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_the_mean_magnitude_is_the_best_scale(axis):
    w = np.random.default_rng(4).normal(size=(3, 5, 2))
    best = np.square(binarized(w, axis) - w).sum()
    scale = binary_scale(w, axis)
    assert scale.shape == (() if axis is None else (w.shape[axis],))
    for factor in (0.99, 1.01):
        assert np.square(binarized(w, axis) * factor - w).sum() > best
    assert np.array_equal(np.sign(binarized(w, axis)), signs(w))
    assert np.square(binarized(w, 0) - w).sum() <= np.square(binarized(w) - w).sum()


def test_the_scale_of_a_row_is_its_own():
    w = np.array([[1.0, -3.0], [0.5, 0.5]])
    assert binary_scale(w, 0).tolist() == [2.0, 0.5] and binary_scale(w, 1).tolist() == [0.75, 1.75]
    assert binarized(w, 0).tolist() == [[2.0, -2.0], [0.5, 0.5]]
    assert signs([0.0, -0.0, -1e-30]).tolist() == [1, 1, -1]


def test_what_is_not_binary_is_refused():
    with pytest.raises(WorkbenchError, match="-1 and 1 alone"):
        binary_dot([1, 0], [1, 1])
    with pytest.raises(WorkbenchError, match="of one length"):
        binary_dot([1, 1], [1])
    with pytest.raises(WorkbenchError, match="no weights"):
        binary_scale([])
