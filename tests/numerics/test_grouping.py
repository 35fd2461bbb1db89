"""Groups: split and join for every axis and block size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.numerics.samples import seeded
from workbench.messages import WorkbenchError
from workbench.numerics.grouping import Grouping


@seeded
@given(data=st.data())
def test_join_undoes_split(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 6), min_size=0, max_size=4)))
    array = np.arange(int(np.prod(shape))).reshape(shape)
    assert np.array_equal(Grouping().join(Grouping().split(array), shape), array)
    if not shape:
        return
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    divisors = [d for d in range(1, 7) if shape[axis] % d == 0]
    for block_size in (None, *divisors):
        grouping = Grouping(axis, block_size)
        rows = grouping.split(array)
        assert rows.ndim == 2 and rows.size == array.size
        joined = grouping.join(rows, shape)
        assert joined.shape == shape and np.array_equal(joined, array)


def test_a_channel_is_what_shares_an_index():
    array = np.random.default_rng(0).normal(size=(3, 4, 5))
    for axis in range(-3, 3):
        rows = Grouping(axis).split(array)
        for i in range(array.shape[axis]):
            assert np.array_equal(rows[i], np.take(array, i, axis).reshape(-1))
    assert np.array_equal(Grouping().split(array), array.reshape(1, -1))


def test_a_block_is_neighbours_along_the_axis():
    array = np.arange(24).reshape(4, 6)
    assert Grouping(1, 3).split(array)[:3].tolist() == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert Grouping(0, 2).split(array)[:3].tolist() == [[0, 6], [12, 18], [1, 7]]


@pytest.mark.parametrize(
    ("axis", "block_size", "text"),
    [
        (2, None, r"axis 2 is not an axis of shape \(4, 6\); expected 0 to 1"),
        (-3, None, "axis -3 is not an axis"),
        (1, 4, "block_size 4 does not divide axis 1 of length 6"),
        (1, 0, "block_size 0 does not divide"),
        (1, -2, "block_size -2 does not divide"),
        (None, 2, "block_size 2 was given without an axis"),
    ],
)
def test_groups_that_do_not_fit_are_refused(axis, block_size, text):
    with pytest.raises(WorkbenchError, match=text):
        Grouping(axis, block_size).split(np.zeros((4, 6)))
