"""Ranges of an earlier recipe: initialise, update and apply only."""

import numpy as np
import pytest

from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.range_modes import range_in_mode, with_range_mode


@pytest.fixture(scope="module")
def quiet(small):
    """A recipe from data of small values."""
    return choose(small, calibrate(small, images(32, 1) * np.float32(0.5)), clipping="min_max")


@pytest.fixture(scope="module")
def loud(small):
    return choose(small, calibrate(small, images(32, 2)), clipping="min_max")


def test_the_three_modes_of_a_number():
    assert range_in_mode((-1.0, 2.0), (-3.0, 1.0), "initialise") == (-1.0, 2.0)
    assert range_in_mode((-1.0, 2.0), (-3.0, 1.0), "update") == (-3.0, 2.0)
    assert range_in_mode((-1.0, 2.0), (-3.0, 1.0), "apply_only") == (-3.0, 1.0)
    assert range_in_mode((-1.0, 2.0), None, "update") == range_in_mode(None, (-1.0, 2.0), "update") == (-1.0, 2.0)
    low, high = range_in_mode((np.array([-1.0, -4.0]), np.ones(2)), (np.array([-2.0, -3.0]), np.zeros(2)), "update")
    assert low.tolist() == [-2, -4] and high.tolist() == [1, 1]
    for new, stored, mode, words in (
        (None, (0.0, 1.0), "initialise", "needs a new range"),
        ((0.0, 1.0), None, "apply_only", "needs a stored range"),
        ((0.0, 1.0), (0.0, 1.0), "INIT", "'INIT' is unknown; expected one of initialise, update, apply_only"),
    ):
        with pytest.raises(WorkbenchError, match=words):
            range_in_mode(new, stored, mode)


def test_initialise_takes_the_new_recipe(quiet, loud):
    assert with_range_mode(loud, quiet, "initialise") is loud


def test_update_takes_the_wider_range_whichever_came_first(quiet, loud):
    one, other = with_range_mode(loud, quiet, "update"), with_range_mode(quiet, loud, "update")
    for name in loud:
        low, high = np.minimum(quiet[name].low, loud[name].low), np.maximum(quiet[name].high, loud[name].high)
        for updated in (one, other):
            assert np.array_equal(updated[name].low, low) and np.array_equal(updated[name].high, high)
    assert one["relu1_out"] == loud["relu1_out"] == other["relu1_out"] != quiet["relu1_out"]
    assert with_range_mode(one, quiet, "update") == one
    changed = [name for name in quiet if other[name].to_json() != quiet[name].to_json()]
    assert "relu1_out" in changed and "conv1.weight" not in changed
    assert f"{len(changed)} of 6 ranges are wider" in str(other.notices[-1])


def test_update_is_associative_over_several_calibrations(small, quiet, loud):
    third = choose(small, calibrate(small, images(32, 3)), clipping="min_max")
    left = with_range_mode(third, with_range_mode(loud, quiet, "update"), "update")
    right = with_range_mode(with_range_mode(third, loud, "update"), quiet, "update")
    assert left == right


def test_update_says_where_a_range_came_from(quiet):
    stored = quiet.with_tensor("image", low=-100.0, high=0.5)
    updated = with_range_mode(quiet, stored, "update")["image"]
    assert (updated.low, updated.high, updated.method) == (-100.0, quiet["image"].high, "min_max")
    wide = quiet.with_tensor("image", low=-100.0, high=100.0)
    assert with_range_mode(quiet, wide, "update")["image"].method == "hand"


def test_apply_only_gives_the_stored_scales_in_the_new_formats(small, quiet, loud):
    applied = with_range_mode(loud, quiet, "apply_only")
    assert applied == quiet
    narrow = with_range_mode(loud.with_tensor("image", format="int4"), quiet, "apply_only")["image"]
    assert (narrow.format, narrow.low, narrow.high) == ("int4", quiet["image"].low, quiet["image"].high)
    assert with_range_mode(None, quiet, "apply_only") is quiet
    per_tensor = choose(small, calibrate(small, images(8)), per_channel=False)
    assert with_range_mode(per_tensor, quiet, "apply_only")["conv1.weight"] == quiet["conv1.weight"]


def test_new_tensors_are_refused_by_name(quiet, loud):
    with pytest.raises(WorkbenchError, match="no range for 'image', 'flat_out'; calibrate them"):
        with_range_mode(loud, quiet.without("image", "flat_out"), "apply_only")
    updated = with_range_mode(loud, quiet.without("image"), "update")
    assert updated["image"] == loud["image"]


def test_stored_tensors_that_are_not_chosen_again_stay_float_and_are_named(quiet, loud):
    for mode in ("update", "apply_only"):
        recipe = with_range_mode(loud.without("image"), quiet, mode)
        assert "image" not in recipe and "left out: 'image'" in str(recipe.notices[-1])


def test_without_a_calibration_only_stored_ranges_are_there(quiet):
    for mode in ("initialise", "update"):
        with pytest.raises(WorkbenchError, match=f"'{mode}' needs ranges from a calibration"):
            with_range_mode(None, quiet, mode)
    with pytest.raises(WorkbenchError, match="'widen' is unknown"):
        with_range_mode(quiet, quiet, "widen")


def test_ranges_in_other_groups_do_not_join(small, quiet):
    per_tensor = choose(small, calibrate(small, images(8)), per_channel=False)
    with pytest.raises(WorkbenchError, match=r"'conv1.weight': 1 new ranges \(axis None.* and 6 stored ones \(axis 0"):
        with_range_mode(per_tensor, quiet, "update")


def test_formats_without_a_threshold(small, quiet, loud):
    half = loud.with_tensor("image", format="fp16")
    assert with_range_mode(half, quiet, "update")["image"] == half["image"]
    assert with_range_mode(half, quiet, "apply_only")["image"] == half["image"]
    assert with_range_mode(quiet, half, "update")["image"] == quiet["image"]
    with pytest.raises(WorkbenchError, match="'image' is stored as fp16, without a range for int8"):
        with_range_mode(quiet, half, "apply_only")


def test_fitted_levels_and_zero_bands_are_the_stored_ones(small, quiet):
    name = "conv2.weight"
    fitted = [choose_tensor(small, None, name, format="kmeans3", sparsity=share) for share in (0.0, 0.4, 0.6)]
    plain, some, more = (quiet.with_choice(choice) for choice in fitted)
    assert with_range_mode(more, some, "apply_only")[name] == some[name] != more[name]
    with pytest.raises(WorkbenchError, match="'conv2.weight' is stored as int8, without levels for kmeans3"):
        with_range_mode(plain, quiet, "apply_only")
    with pytest.raises(WorkbenchError, match="'conv2.weight' is stored as kmeans3, without a zero band"):
        with_range_mode(more, plain, "apply_only")
