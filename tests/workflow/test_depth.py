"""The error along the depth comes with every comparison: before and after, and where it falls."""

import numpy as np

from tests.workflow.small_models import images
from workbench.workflow.choose import choose
from workbench.workflow.comparison import Comparison, TensorError
from workbench.workflow.data import as_batches
from workbench.workflow.depth import error_along_depth, largest_drop
from workbench.workflow.simulate import Simulator


def test_before_a_change_nothing_moves_and_after_it_everything_does(small, small_calibration):
    simulator = Simulator(small, as_batches(small, images(40, 9)))
    recipe = choose(small, small_calibration)
    before = simulator.compare(recipe)
    rows = error_along_depth(simulator.compare(recipe.with_tensor("relu1_out", low=0.0, high=0.3)), before)
    assert [row.tensor for row in rows] == list(small.observed)
    assert all(row.before == before.tensors[row.tensor] for row in rows)
    place = list(small.observed).index("relu1_out")
    assert all(row.now == row.before for row in rows[:place])
    assert all(row.now.sqnr_db < row.before.sqnr_db for row in rows[place:])
    assert largest_drop(rows).tensor == "relu1_out"
    assert [row.low_cosine for row in rows] == [row.now.cosine < 0.98 for row in rows]


def told(*sqnrs):
    return Comparison({}, {str(i): TensorError(db, 1.0, 0.0, 0.0) for i, db in enumerate(sqnrs)}, 1)


def test_drops_are_against_the_tensor_before():
    rows = error_along_depth(told(np.inf, np.inf, 40.0, 35.0, 36.0))
    assert [row.drop_db for row in rows] == [0.0, 0.0, np.inf, 5.0, -1.0]
    assert largest_drop(rows).tensor == "2" and all(row.before is None for row in rows)
    assert largest_drop(error_along_depth(told(np.inf, np.inf))) is None and largest_drop(()) is None
