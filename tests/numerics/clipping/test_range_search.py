"""The search for the range of least error, for one tensor and for many groups."""

import numpy as np
import pytest

from tests.numerics.samples import data, member
from workbench.numerics.clipping.range_search import COARSE, search_range, search_ratio
from workbench.numerics.errors.expected import errors_at
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums


def test_every_group_finds_its_own_best_ratio():
    places = np.array([0.013, 0.2, 0.5, 1.0])
    found = search_ratio(lambda ratio: (np.log(ratio) - np.log(places)) ** 2, 4)
    step = np.log(COARSE[1] / COARSE[0])
    assert (np.abs(np.log(found) - np.log(places)) <= step / 32 + 1e-12).all()


def test_ties_go_to_the_widest_range():
    flat = lambda low, high: np.zeros(low.shape)  # noqa: E731
    low, high = search_range(np.array([-2.0, 0.0, 3.0]), np.array([1.0, 5.0, 4.0]), False, flat)
    assert low.tolist() == [-2, 0, 0] and high.tolist() == [1, 5, 4]
    low, high = search_range(np.array([-2.0, 0.0, 3.0]), np.array([1.0, 5.0, 4.0]), True, flat)
    assert low.tolist() == [-2, -5, -4] and high.tolist() == [2, 5, 4]


def test_both_ends_are_searched_in_turn():
    best = np.array([[-0.5, 0.25], [-0.1, 0.8]])

    def errors(low, high):
        return (np.log(low / best[:, 0])) ** 2 + (np.log(high / best[:, 1])) ** 2

    low, high = search_range(np.array([-1.0, -1.0]), np.array([1.0, 1.0]), False, errors)
    assert low == pytest.approx(best[:, 0], rel=0.01) and high == pytest.approx(best[:, 1], rel=0.01)


@pytest.mark.parametrize("name", ["int8", "uint4", "int4_narrow", "fp8_e4m3", "nf4", "q8"])
@pytest.mark.parametrize("rounding", ["nearest_even", "down"])
def test_squared_errors_of_rows_are_those_of_each(name, rounding):
    format, rows = member(name).with_choices(rounding=rounding), np.stack([data("gaussian", 901, s) for s in range(3)])
    quantizer = Quantizer.covering(format, [-1.0, -0.2, -3.0], [1.0, 0.3, 2.0], axis=0)
    found = format.squared_error(rows, quantizer.scale[:, None], np.asarray(quantizer.zero_point)[:, None])
    for i, row in enumerate(rows):
        expected = sum(part[0] for part in errors_at(SortedSums.of(row), quantizer.group(i))) * row.size
        assert found[i] == pytest.approx(expected, rel=1e-5)  # differences are float32
