"""The error along the depth: of all samples or of one, before and after a change, and where it falls."""

import math

import numpy as np
import pytest

from tests.workflow.small_models import images, small_cnn
from workbench import demo
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.comparison import LOW_COSINE, TensorError
from workbench.workflow.data import as_batches
from workbench.workflow.depth import ErrorAlongDepth, along_depth, error_along_depth
from workbench.workflow.opening import load
from workbench.workflow.simulate import Simulator, simulate


def test_before_a_change_nothing_moves_and_after_it_everything_does(small, small_calibration):
    data = images(40, 9)
    simulator = Simulator(small, as_batches(small, data))
    recipe = choose(small, small_calibration)
    changed = recipe.with_tensor("relu1_out", low=0.0, high=0.3)
    before = simulator.compare(recipe)
    found = along_depth(simulator.compare(changed), before)
    assert list(found.tensors) == list(small.observed) and found.before == before.tensors
    place = list(small.observed).index("relu1_out")
    for name in small.observed[:place]:
        assert found.tensors[name] == found.before[name]
    for name in small.observed[place:]:
        assert found.tensors[name].sqnr_db < found.before[name].sqnr_db
    assert found.drop[0] == "relu1_out"
    assert found == error_along_depth(small, changed, data, before=recipe)


def test_a_table_has_what_was_before_beside_what_is_now(small, small_calibration):
    recipe = choose(small, small_calibration)
    adds = choose(small, small_calibration, residual_adds=True)
    found = error_along_depth(small, adds, images(8), before=recipe)
    for row in found.table():
        now, then = found.tensors[row["tensor"]], found.before.get(row["tensor"])
        assert (row["sqnr_db"], row["cosine"]) == (now.sqnr_db, now.cosine)
        assert row["before_sqnr_db"] == (None if then is None else then.sqnr_db)
    assert {row["tensor"] for row in found.table() if row["before_cosine"] is None} == {"conv2_out"}
    alone = error_along_depth(small, adds, images(8))
    assert [row["tensor"] for row in alone.table()] == list(found.tensors) and alone.before is None
    assert not any(key.startswith("before") for row in alone.table() for key in row)


def test_one_sample_along_the_depth(small, coarse):
    data = images(12, seed=2)
    found = error_along_depth(small, coarse, data, 7)
    alone = simulate(small, coarse, data[7:8])
    assert found.tensors == alone.tensors and found.samples == (7,)
    assert found.low_cosine == tuple(n for n, e in alone.tensors.items() if e.cosine < 0.98)
    everything = error_along_depth(small, coarse, data)
    assert everything.samples == tuple(range(12)) and everything.tensors != found.tensors
    assert everything == along_depth(simulate(small, coarse, data))
    rest = as_batches(small, data).without({0, 3})
    assert error_along_depth(small, coarse, rest).samples == (1, 2, *range(4, 12))
    assert error_along_depth(small, coarse, rest, 7) == found


def test_a_fixed_batch_is_filled_with_the_sample(tmp_path, small, coarse):
    fixed = load(small_cnn(tmp_path, batch=4))
    recipe = choose(fixed, calibrate(fixed, images(64)), weights="int4", activations="int2", clipping="min_max")
    data = images(12, seed=2)
    feeds = [{"image": data[i : i + 4]} for i in (0, 4, 8)]
    found = error_along_depth(small, coarse, data, 7).tensors
    for given in (data, feeds):
        same = error_along_depth(fixed, recipe, given, 7).tensors
        assert same.keys() == found.keys()
        for name, error in same.items():
            assert error.cosine == pytest.approx(found[name].cosine, abs=1e-5)
            assert error.max_abs == pytest.approx(found[name].max_abs, rel=1e-4, abs=1e-5)
    with pytest.raises(WorkbenchError, match="there is no sample 12; the data hold 12 samples"):
        error_along_depth(fixed, recipe, data, 12)


def told(*sqnrs):
    return ErrorAlongDepth({str(i): TensorError(db, 1.0, 0.0, 0.0) for i, db in enumerate(sqnrs)}, (0,))


@pytest.mark.parametrize(
    ("sqnrs", "drop"),
    [
        ((40.0, 42.0, 30.0, 29.0), ("2", 10.0)),  # from 40, not from 42
        ((40.0, 42.0), None),
        ((math.inf, math.inf, 40.0, 35.0, 36.0), ("3", 5.0)),  # what has no error is none to fall from
        ((math.inf, math.inf), None),
        ((20.0, 30.0, 20.0), None),  # as bad as before
        ((20.0, -math.inf), ("1", math.inf)),
        ((30.0, 20.0, math.nan, 10.0), ("2", math.inf)),
        ((30.0, -math.inf, math.nan), ("1", math.inf)),
        ((30.0, math.nan, -math.inf), ("1", math.inf)),
        ((math.inf, math.nan), ("1", math.inf)),  # nothing was wrong, and then everything
        ((math.inf, 60.0, 10.0, 10.0, -math.inf), ("4", math.inf)),  # however far it fell before
        ((-math.inf, 20.0, math.nan), ("2", math.inf)),
        ((math.nan, -math.inf), None),  # spoilt from the beginning
        ((), None),
    ],
)
def test_where_the_error_drops(sqnrs, drop):
    assert told(*sqnrs).drop == drop


@pytest.mark.parametrize(
    ("sqnrs", "drop"),
    [
        ((56.0, 41.0, 38.0, 36.0, 35.0), ("2", 3.0)),  # even shares from the first layer on: 42, 39, 37.2, 36, 35
        ((56.0, 14.0, 12.0, 11.0, 10.0), ("1", 42.0)),  # the first layer holds more than its share
        ((56.0, 41.0, 38.0, 22.0, 21.0), ("3", 16.0)),  # not the first layer's 15 dB, which are rounding of the input
        ((56.0, 41.0, 38.0, 23.0, 22.0), ("3", 15.0)),
        ((math.inf, 14.0, 12.0, 11.0, 10.0), None),  # bad from the beginning, and then no worse
        ((math.nan, 41.0, 38.0, 22.0), None),  # nothing falls further than the first
    ],
)
def test_a_drop_is_more_than_an_even_share(sqnrs, drop):
    assert told(*sqnrs).drop == drop


def test_the_layer_that_is_spoilt_is_named():
    model, data = demo.model(), demo.data()[0][:64]
    recipe = choose(model, calibrate(model, data))
    healthy = error_along_depth(model, recipe, data)
    names = list(healthy.tensors)
    first = healthy.tensors[names[0]].sqnr_db - healthy.tensors[names[1]].sqnr_db
    assert healthy.drop[0] != names[1] and healthy.drop[1] < 6 < 12 < first
    for layer, tensor in (
        ("stem.conv.weight", "stem.relu_out"),
        ("blocks.0.depthwise.conv.weight", "blocks.0.depthwise.relu_out"),
        ("merge.strided.conv.weight", "merge.concat_out"),
        ("blocks.1.gate.expand.weight", "blocks.1.gate.scale_out"),
    ):
        found = error_along_depth(model, recipe.with_tensor(layer, format="int3"), data)
        assert found.drop[0] == tensor and found.drop[1] > 10


def test_a_low_cosine_is_one_below_the_rule():
    cosines = (1.0, LOW_COSINE, np.nextafter(LOW_COSINE, 0), -1.0)
    made = {str(i): TensorError(10.0, float(cosine), 0.0, 0.0) for i, cosine in enumerate(cosines)}
    assert [error.low_cosine for error in made.values()] == [False, False, True, True]
    assert ErrorAlongDepth(made, (0,)).low_cosine == ("2", "3") and LOW_COSINE == 0.98
