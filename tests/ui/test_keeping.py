"""Snapshots, and the work so far as a script: both end at the same recipe, bit for bit."""

import json

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.ui.studies import images
from workbench.messages import WorkbenchError
from workbench.ui.autosave import Saved
from workbench.ui.code import OPENING
from workbench.ui.history import History
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.recipe import Recipe

BEGINNING = OPENING.format(options="")


def test_a_snapshot_is_kept_restored_and_forgotten(study):
    study.set_format("conv2.weight", "int4")
    assert study.snapshot() == "snapshot 1" and study.snapshot("narrow") == "narrow"
    narrow = study.recipe
    study.set_format("conv2.weight", "fp16")
    study.restore("narrow")
    assert study.recipe is narrow and study.can_undo
    study.undo()
    assert study.recipe["conv2.weight"].format == "fp16"
    study.forget("snapshot 1")
    assert list(study.state.snapshots) == ["narrow"]
    with pytest.raises(WorkbenchError, match="no snapshot 'snapshot 1'.*narrow"):
        study.restore("snapshot 1")


def test_snapshots_are_saved_with_the_choices(model, tmp_path):
    first = Study(model, autosave=tmp_path)
    first.start()
    first.snapshot("before")
    kept = first.recipe
    first.set_format("conv2.weight", "int4")
    first.close()
    second = Study(model, autosave=tmp_path)
    assert second.state.snapshots == {"before": kept} and second.recipe["conv2.weight"].format == "int4"
    second.restore("before")
    assert second.recipe == kept
    second.close()


def test_snapshots_that_are_none_are_refused():
    saved = Saved(Recipe("net", "0" * 64), History()).to_json()
    for wrong in ([], {"a": 3}):
        with pytest.raises(WorkbenchError):
            Saved.from_json(json.loads(json.dumps({**saved, "snapshots": wrong})))


def run_script(code, study):
    """Run what follows the opening against a study of the same data."""
    assert code.startswith(BEGINNING)
    exec(compile(code.removeprefix(BEGINNING), "<script>", "exec"), {"study": study, "np": np})


def test_the_script_says_what_a_person_would_write(study):
    study.set_format("conv2.weight", "int4", "layer", same_kind=True)
    study.set_range("relu_out", 0.0, 1.5)
    study.set_per_channel("conv2.weight", False)
    study.undo()
    study.select("relu_out")
    assert study.code().removeprefix(BEGINNING).splitlines() == [
        "",
        "study.set_format('conv2.weight', 'int4', 'layer', same_kind=True)",
        "study.set_range('relu_out', 0.0, 1.5)",
        "study.select('relu_out')",
    ]


def test_a_recipe_that_was_put_in_is_told_by_its_entries(study):
    study.set_recipe(study.recipe.without("relu_out").with_tensor("conv2.weight", format="fp16"))
    assert "study.change({" in study.code() and "'relu_out': None" in study.code()
    other = study.recipe
    study.undo()
    study.change({"relu_out": None, "conv2.weight": other["conv2.weight"].to_json()})
    assert study.recipe == other
    with pytest.raises(WorkbenchError, match="nowhere"):
        study.change({"nowhere": None})


NAMES = ("conv1.weight", "conv2.weight", "fc.weight", "image", "relu_out", "flat_out")


def without_background_work(model, calibration):
    made = Study(model)
    made.close()
    recipe = choose(model, calibration)
    made.update(lambda _: State(recipe, calibration=calibration, calibrated=True, whole=True, selected="conv1.weight"))
    return made


class Work(RuleBasedStateMachine):
    """Whatever is done, undo and redo give back the very recipes that were seen, and the script leads to the last."""

    model = calibration = None

    def __init__(self):
        super().__init__()
        self.study = without_background_work(self.model, self.calibration)
        self.past, self.future, self.present = [], [], self.study.recipe

    def changed(self):
        if self.study.recipe is not self.present:
            self.past.append(self.present)
            self.future, self.present = [], self.study.recipe

    def has_threshold(self, name):
        return name in self.study.recipe and self.study.recipe[name].method != "own"

    @rule(name=st.sampled_from(NAMES), format=st.sampled_from(["fp32", "fp16", "bf16", "int8", "int4", "fp8_e4m3"]))
    def set_format(self, name, format):
        self.study.set_format(name, format)
        self.changed()

    @rule(name=st.sampled_from(NAMES), scope=st.sampled_from(["layer", "operator", "network"]), kind=st.booleans())
    def set_widely(self, name, scope, kind):
        self.study.set_format(name, "int8", scope, same_kind=kind)
        self.changed()

    @rule(name=st.sampled_from(NAMES), high=st.integers(1, 640).map(lambda n: n / 64), symmetric=st.booleans())
    def set_range(self, name, high, symmetric):
        if self.has_threshold(name):
            self.study.set_range(name, -high if symmetric else 0.0, high)
            self.changed()

    @rule(share=st.floats(0.3, 1))
    def set_ranges_of_channels(self, share):
        if self.has_threshold("conv2.weight"):
            high = np.float32(share) * np.asarray(self.study.recipe["conv2.weight"].high)
            self.study.set_range("conv2.weight", -high, high)
            self.changed()

    @rule(name=st.sampled_from(NAMES), method=st.sampled_from(["min_max", "least_error", "percentile"]))
    def set_method(self, name, method):
        if self.has_threshold(name):
            self.study.set_method(name, method)
            self.changed()

    @rule(name=st.sampled_from(NAMES))
    def leave_float(self, name):
        self.study.set_recipe(self.study.recipe.without(name))
        self.changed()

    @rule()
    def snapshot(self):
        self.study.snapshot("kept")

    @precondition(lambda self: self.study.state.snapshots)
    @rule()
    def restore(self):
        self.study.restore("kept")
        self.changed()

    @precondition(lambda self: self.past)
    @rule()
    def undo(self):
        self.study.undo()
        self.future.insert(0, self.present)
        self.present = self.past.pop()

    @precondition(lambda self: self.future)
    @rule()
    def redo(self):
        self.study.redo()
        self.past.append(self.present)
        self.present = self.future.pop(0)

    @invariant()
    def the_recipe_is_the_one_expected(self):
        assert self.study.recipe is self.present
        assert self.study.can_undo == bool(self.past) and self.study.can_redo == bool(self.future)
        assert Recipe.from_json(self.present.to_json()) == self.present

    def teardown(self):
        again = without_background_work(self.model, self.calibration)
        run_script(self.study.code(), again)
        assert again.recipe == self.present


def test_a_hundred_random_actions(model):
    Work.model, Work.calibration = model, calibrate(model, images())
    run_state_machine_as_test(
        Work, settings=settings(max_examples=5, stateful_step_count=100, deadline=None, derandomize=True)
    )
