"""Figures of the task in comparisons: those of the outputs, over growing samples, and what happens where none fit."""

import numpy as np
import pytest
from onnx import helper

from tests.workflow.small_models import constant, images, saved
from tests.workflow.test_resumed import started_at
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose
from workbench.workflow.comparison import output_error
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.samples import changed_samples, changes_between
from workbench.workflow.simulate import Simulator, quantized_outputs, simulate
from workbench.workflow.tasks.answers import given_labels
from workbench.workflow.tasks.classes import Classes
from workbench.workflow.tasks.regression import Regression

LABELS = np.arange(100) % 5


@pytest.fixture
def simulator(small):
    return Simulator(small, as_batches(small, images(100, 9)), LABELS)


def product(tmp_path, width, **nodes):
    """y = x @ identity, of `width` columns; x may have further axes."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    more = [helper.make_node(kind, ["y"], [name], keepdims=0, axes=[0]) for name, kind in nodes.items()]
    outputs = {name: None for name in nodes} or {"y": ["N", *width]}
    path = saved(tmp_path / "p.onnx", [node, *more], {"x": ["N", *width]}, outputs, [constant("w", np.eye(width[-1]))])
    return load(path)


def coarse_product(model):
    return choose(model, None, weights="int8", activations=None).with_tensor("w", low=-0.9, high=0.9)


@pytest.mark.parametrize("task", [None, "classes", "regression", Regression("logits", 0.2), Classes("logits")])
def test_they_are_those_of_the_outputs(small, coarse, task):
    data, labels = images(100, 9), LABELS if task in (None, "classes") else None
    found = simulate(small, coarse, data, labels=labels, task=task).answers
    assert found == changed_samples(small, coarse, data, labels=labels, task=task).figures
    assert found.n_samples == 100 and found.agreement < 1


def test_over_growing_samples(small, coarse, simulator):
    steps = list(simulator.progress(coarse))
    assert [step.answers.n_samples for step in steps] == [8, 32, 64, 100]
    for step in steps:
        n = step.n_samples
        assert step.answers == simulate(small, coarse, images(100, 9)[:n], labels=LABELS[:n]).answers
    assert steps[-1] == simulator.compare(coarse, tensors=False)
    assert simulator.trial(simulator.settings(coarse)).answers is None


@pytest.mark.parametrize("shape", [(30, 9), (30, 4), (30, 2, 1), (30, 1, 7, 1), (30, 1), (30,)])
def test_what_is_told_for_classes_is_what_is_counted(shape):
    rng = np.random.default_rng(len(shape))
    f, q = rng.random((2, *shape), np.float32)
    labels, task = rng.integers(0, 4, 30), Classes("y")
    for known in (None, labels):
        told = task.figures_told(output_error(f, q, known), 30)
        assert told == (task.figures({"y": f}, {"y": q}, known) if max(shape[1:], default=1) > 1 else None)


def test_the_outputs_of_a_compared_recipe_are_there(small, coarse, simulator, monkeypatch):
    list(simulator.progress(coarse))
    starts = started_at(monkeypatch)
    chosen = simulator.chosen_outputs(coarse)
    found = changes_between(simulator.float_outputs(), chosen, LABELS, task=simulator.task, numbers=range(200, 300))
    one = simulator.compare(coarse, tensors=False)
    assert starts == []
    expected = [run["logits"] for run in quantized_outputs(small, coarse, as_batches(small, images(100, 9)))]
    assert chosen["logits"].tobytes() == np.concatenate(expected).tobytes()
    assert found.figures == one.answers and found.task.because.startswith("Guessed from")
    assert [c.sample - 200 for c in found] == [c.sample for c in changed_samples(small, coarse, images(100, 9))]
    starts.clear()
    simulator.chosen_outputs(coarse.with_tensor("relu1_out", low=0.0, high=1.0))
    assert set(starts) == {small.chain.segment_reading("relu1_out")}


def test_one_sample_leaves_what_is_kept_in_place(small, coarse, simulator, monkeypatch):
    before = simulator.compare(coarse)
    other = coarse.with_tensor("relu1_out", low=0.0, high=1.0)
    for sample in (7, 99, 7):
        for recipe in (coarse, other):
            alone = simulator.compare_sample(recipe, sample)
            expected = simulate(small, recipe, images(100, 9)[sample : sample + 1])
            assert (alone.tensors, alone.outputs, alone.n_samples) == (expected.tensors, expected.outputs, 1)
            assert alone.answers.task == before.answers.task
    starts = started_at(monkeypatch)
    assert simulator.compare(coarse) == before and starts == []
    with pytest.raises(WorkbenchError, match="there is no sample 100; the data hold 100 samples"):
        simulator.compare_sample(coarse, 100)


def test_one_sample_is_named_by_its_number_in_the_data(small, coarse):
    rest = Simulator(small, as_batches(small, images(20, 9)).without({0, 5}))
    assert rest.compare_sample(coarse, 6).tensors == simulate(small, coarse, images(20, 9)[6:7]).tensors
    with pytest.raises(WorkbenchError, match="no sample 5"):
        rest.compare_sample(coarse, 5)


def test_a_task_that_the_outputs_are_not_is_a_notice(small, coarse):
    told = simulate(small, coarse, images(8), task="boxes")
    assert told.answers is None and told.outputs == simulate(small, coarse, images(8)).outputs
    (notice,) = (one for one in told.notices if one.topic == "task")
    assert "cannot be meant as 'boxes'; guessed is 'classes'" in notice.sentence
    told = simulate(small, coarse, images(8), task=Classes("other"))
    assert told.answers is None and "no output 'other' with one row a sample" in told.notices[-1].sentence
    with pytest.raises(WorkbenchError, match="unknown task 'clases'; expected one of classes, boxes"):
        simulate(small, coarse, images(8), task="clases")


def test_labels_are_those_of_the_task(small, coarse):
    data, wanted = images(8), np.zeros((8, 5))
    found = simulate(small, coarse, data, labels=wanted, task="regression")
    assert found.answers.score_name == "root-mean-square error" and found.outputs["logits"].accuracy is None
    known = np.arange(8) % 5
    assert simulate(small, coarse, data, labels=known).answers.score is not None
    for labels, words in [
        (wanted, r"dtype float64; expected class indices of shape \(8,\); the task is 'classes'"),
        ([np.zeros(i) for i in range(8)], "labels differ in shape from sample to sample.*another one is set by task="),
        (known[:7], "7 labels for 8 samples"),
        (np.int64(3), "0 labels for 8 samples"),
        (iter(known), "0 labels for 8 samples"),
        ({"logits": known}, "labels are a dict"),
    ]:
        with pytest.raises(WorkbenchError, match=words):
            simulate(small, coarse, data, labels=labels)


def test_labels_that_are_no_class_are_told(small, coarse):
    data, known = images(8), np.arange(8) % 5
    assert not simulate(small, coarse, data, labels=known).notices
    (told,) = simulate(small, coarse, data, labels=known + 1).notices
    assert told.topic == "labels" and "1 of 8 labels are no class of output 'logits', which has 0 to 4" in str(told)


def test_what_a_task_cannot_be_is_said_with_the_next_step():
    lists = [np.zeros((3, 2), np.float32), np.zeros((4, 2), np.float32)]
    with pytest.raises(
        WorkbenchError, match=r"one sample: 3, 2\) differ in size .* as 'sequences'; give samples of one"
    ):
        changes_between({"y": lists}, {"y": lists}, task="sequences")


@pytest.mark.parametrize("labels", [[1, 2, 3], (1, 2, 3), np.array([1, 2, 3], np.uint8)])
def test_class_indices_become_int64(labels):
    found = given_labels(labels, 2)
    assert found.dtype == np.int64 and found.tolist() == [1, 2]
    assert given_labels(None, 2) is None and given_labels([[0.5], [1.0, 2.0], [3.0]], 2) == [[0.5], [1.0, 2.0]]


def test_boxes_with_labels_of_many_lengths(tmp_path):
    model = product(tmp_path, [4, 6])
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (40, 4, 2))
    scores, classes = rng.uniform(0.3, 1, (40, 4, 1)), rng.integers(0, 3, (40, 4, 1))
    rows = np.concatenate([corners, corners + rng.uniform(5, 40, (40, 4, 2)), scores, classes], 2).astype(np.float32)
    truth = [np.delete(one, 4, axis=1)[: i % 4] for i, one in enumerate(rows)]
    simulator = Simulator(model, as_batches(model, rows), truth)
    steps = list(simulator.progress(coarse_product(model)))
    assert [step.answers.task for step in steps] == ["boxes"] * len(steps) and simulator.task.name == "boxes"
    assert steps[-1].answers.float_score > 0 and steps[-1].answers.score_name == "mAP at IoU 0.5"
    assert steps[-1].answers.score <= steps[-1].answers.float_score and len(steps) > 1


def test_the_guess_is_made_for_good_when_all_samples_are_in(tmp_path):
    model = product(tmp_path, [1])
    values = np.concatenate([np.full(8, 0.5), np.arange(40) % 2]).astype(np.float32)[:, None]
    simulator = Simulator(model, as_batches(model, values))
    steps = list(simulator.progress(coarse_product(model)))
    assert [step.answers.task for step in steps] == ["regression", "classes", "classes"]
    assert [step.answers.task for step in simulator.progress(coarse_product(model))] == ["classes"] * 3


def test_an_output_without_a_row_a_sample_is_no_answer(tmp_path):
    model = product(tmp_path, [3], mean="ReduceMean")
    told = simulate(model, coarse_product(model), np.ones((8, 3), np.float32))
    assert told.answers is None and "no output has one row for each of the 8 samples" in told.notices[-1].sentence
    assert told.outputs["mean"].sqnr_db < np.inf
