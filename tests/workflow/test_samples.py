"""Samples whose answer changed, on networks that are run."""

import numpy as np
import pytest
from onnx import helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.data import as_batches
from workbench.workflow.depth import error_along_depth
from workbench.workflow.opening import load
from workbench.workflow.samples import changed_samples
from workbench.workflow.simulate import quantized_outputs, simulate


def test_changed_samples_are_those_of_both_runs(small, coarse):
    data, labels = images(50, seed=1), np.arange(50) % 5
    found = changed_samples(small, coarse, data, labels=labels)
    f = small.chain.run({"image": data})["logits"]
    (q,) = (run["logits"] for run in quantized_outputs(small, coarse, [{"image": data}]))
    changed = np.flatnonzero(f.argmax(axis=1) != q.argmax(axis=1))
    assert sorted(change.sample for change in found) == changed.tolist() and 0 < len(changed) < 50
    assert [change.lost for change in found] == sorted((change.lost for change in found), reverse=True)
    comparison = simulate(small, coarse, data, labels=labels).outputs["logits"]
    assert found.figures.agreement == comparison.agreement and found.figures.score == comparison.accuracy
    for change in found:
        assert (change.before[0].index, change.after[0].index) == (f[change.row].argmax(), q[change.row].argmax())
        assert change.margin_before > 0 > change.margin_after


def test_numbers_are_those_of_the_data(small, coarse):
    data = images(50, seed=1)
    everything = changed_samples(small, coarse, data)
    gone = {everything[0].sample, 0, 1}
    rest = changed_samples(small, coarse, as_batches(small, data).without(gone))
    assert {change.sample for change in rest} == {change.sample for change in everything} - gone


def test_a_task_of_ones_own(small, coarse):
    found = changed_samples(small, coarse, images(20), task="regression")
    assert found.task.name == "regression" and found.figures.sqnr_db > 0
    with pytest.raises(WorkbenchError, match="cannot be meant as 'boxes'"):
        changed_samples(small, coarse, images(20), task="boxes")


def test_outputs_of_other_sizes_for_each_sample(tmp_path):
    """A detector that gives as many boxes as it finds; its feeds hold one sample each."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("NonZero", ["r"], ["places"]),
        helper.make_node("Transpose", ["places"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["found"], to=1),
    ]
    path = saved(tmp_path / "d.onnx", nodes, {"x": [1, 4]}, {"found": ["n", 2]}, [constant("w", np.eye(4))])
    model = load(path)
    recipe = choose(model, calibrate(model, np.eye(4, dtype=np.float32)), weights="int8", activations="int8")
    feeds = [{"x": np.array([row], np.float32)} for row in ([1, 1, -1, -1], [1, -1, -1, -1])]
    with pytest.raises(WorkbenchError, match="differ in size from sample to sample and are no known boxes"):
        changed_samples(model, recipe, feeds)


@needs_assets
@pytest.mark.parametrize("name", ["imagenet_squeezenet", "cifar10_resnet20", "cifar10_mobilenet", "cifar10_vit_a"])
def test_real_networks_name_classes(name):
    model, (data, labels) = load(model_path(name)), inputs(name, "eval")
    n = 12 if name == "imagenet_squeezenet" else 60
    data, labels = data[:n], labels[:n]
    recipe = choose(model, calibrate(model, data[:8]), weights="int4", activations="int6", clipping="min_max")
    found = changed_samples(model, recipe, data, labels=labels)
    comparison = next(iter(simulate(model, recipe, data, labels=labels).outputs.values()))
    figures = found.figures
    assert found.task.name == "classes" and "scores of classes" in found.task.because
    assert (figures.agreement, figures.agreement_top5) == (comparison.agreement, comparison.agreement_top5)
    assert (figures.score, figures.float_score) == (comparison.accuracy, comparison.float_accuracy)
    assert len(found) == round((1 - figures.agreement) * n) > 0
    depth = error_along_depth(model, recipe, data, found[0].sample)
    assert len(depth.tensors) >= len(model.observed) and depth.drop is not None
