"""Simulation against a plain onnxruntime session and figures written out in numpy."""

import dataclasses

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from tests.workflow.small_models import constant, images, saved, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.data import as_batches
from workbench.workflow.opening import load
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator, quantized_outputs, simulate


@pytest.fixture(scope="module")
def float_logits(small):
    session = ort.InferenceSession(small.proto().SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images(40, 9)})[0]


def test_an_empty_recipe_changes_nothing(small):
    comparison = simulate(small, Recipe(small.name, small.sha256), images(40, 9))
    out = comparison.outputs["logits"]
    assert (out.sqnr_db, out.agreement, out.mse, out.kl) == (np.inf, 1.0, 0.0, 0.0)
    assert all(error.mse == 0 for error in comparison.tensors.values())
    assert comparison.n_samples == 40


def test_figures_are_those_of_the_outputs(small, small_calibration, float_logits):
    recipe = choose(small, small_calibration, weights="int4", activations="int4")
    batches = as_batches(small, images(40, 9))
    logits = np.concatenate([result["logits"] for result in quantized_outputs(small, recipe, batches)])
    labels = np.arange(40) % 5
    out = simulate(small, recipe, images(40, 9), labels=labels, metric=lambda y, _: float(y.max())).outputs["logits"]
    f, q = float_logits.astype(np.float64), logits.astype(np.float64)
    assert out.sqnr_db == pytest.approx(10 * np.log10((f**2).sum() / ((f - q) ** 2).sum()), abs=1e-3)
    assert out.agreement == (f.argmax(1) == q.argmax(1)).mean()
    assert out.accuracy == (q.argmax(1) == labels).mean()
    assert out.float_accuracy == (f.argmax(1) == labels).mean()
    assert out.accuracy_interval[0] <= out.accuracy <= out.accuracy_interval[1]
    assert out.metric[1] == pytest.approx(q.max())


def test_a_fixed_batch_gives_the_same(small, small_calibration, tmp_path):
    fixed = load(small_cnn(tmp_path, batch=4))
    recipe = choose(fixed, calibrate(fixed, images(64)))
    one, two = simulate(fixed, recipe, images(40, 9)), simulate(small, recipe, images(40, 9))
    assert one.outputs["logits"].sqnr_db == pytest.approx(two.outputs["logits"].sqnr_db, abs=1e-3)


def test_a_simulator_asked_again_gives_the_same_as_a_fresh_one(small, small_calibration):
    simulator = Simulator(small, as_batches(small, images(40, 9)))
    first = choose(small, small_calibration)
    second = first.with_tensor("relu1_out", low=0.0, high=1.0)
    answers = [simulator.compare(recipe) for recipe in (first, second, first)]
    assert answers[0] == answers[2] != answers[1]
    assert answers[1] == simulate(small, second, images(40, 9))
    small_cache = Simulator(small, as_batches(small, images(40, 9)), cache_bytes=0)
    assert small_cache.compare(second) == answers[1]


def test_unchanged_weights_keep_their_sessions(small, small_calibration):
    simulator = Simulator(small, as_batches(small, images(8)))
    first = choose(small, small_calibration)
    simulator.compare(first)
    built = small.chain.n_built
    simulator.compare(first.with_tensor("relu1_out", low=0.0, high=1.0, symmetric=False))
    assert small.chain.n_built - built <= 1  # conv2's bias follows the scale of its input


def test_labels_that_do_not_fit(small):
    recipe = Recipe(small.name, small.sha256)
    with pytest.raises(WorkbenchError, match="3 labels for 8 samples"):
        simulate(small, recipe, images(8), labels=[1, 2, 3])
    with pytest.raises(WorkbenchError, match="expected class indices"):
        simulate(small, recipe, images(8), labels=np.zeros(8))


def test_a_recipe_of_another_file_is_told(small, small_calibration):
    recipe = choose(small, small_calibration)
    other = dataclasses.replace(recipe, model_name="other", model_sha256="0" * 64)
    assert not simulate(small, recipe, images(8)).notices
    assert ["made for another file (other)" in str(one) for one in simulate(small, other, images(8)).notices] == [True]


def test_a_metric_is_a_function(small):
    with pytest.raises(WorkbenchError, match="metric='f1'"):
        simulate(small, Recipe(small.name, small.sha256), images(8), metric="f1")


def test_rows_that_hang_on_values_are_not_compared(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("ReduceMax", ["a"], ["m"], axes=[0], keepdims=0),
        helper.make_node("Greater", ["m", "zero"], ["positive"]),
        helper.make_node("Compress", ["a", "positive"], ["y"], axis=1),
    ]
    weight = np.random.default_rng(0).standard_normal((6, 60)) - 0.01
    constants = [constant("w", weight), constant("zero", np.zeros(1))]
    model = load(saved(tmp_path / "picked.onnx", nodes, {"x": [1, 6]}, {"y": [1, "k"]}, constants))
    data = np.random.default_rng(1).standard_normal((12, 6)).astype(np.float32)
    recipe = choose(model, calibrate(model, data), weights="int2", activations="int8")
    with pytest.raises(WorkbenchError, match=r"output 'y' has the shape .* for the same feed"):
        simulate(model, recipe, data)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_activations_of_another_float_type_are_refused_in_words(tmp_path, dtype):
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    ports = [helper.make_tensor_value_info(name, element, ["N", 4]) for name in ("x", "y")]
    weight = numpy_helper.from_array(np.eye(4, dtype=dtype), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "half", ports[:1], ports[1:], [weight])
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "half.onnx")
    model, x = load(tmp_path / "half.onnx"), np.ones((3, 4), dtype)
    recipe = choose(model, calibrate(model, x))
    with pytest.raises(WorkbenchError, match=f"activation 'x' of half is {np.dtype(dtype)}; expected float32"):
        simulate(model, recipe, x)
    assert simulate(model, recipe.without("x"), x).outputs["y"].agreement == 1.0


def test_an_output_that_is_not_finite_is_told(small, small_calibration):
    recipe, data = choose(small, small_calibration), images(8)
    data[3] = np.inf
    (told,) = simulate(small, recipe, data).notices
    assert told.topic == "output" and "'logits' is not finite for" in str(told) and "check_inputs" in str(told)
    halves = choose(small, small_calibration, weights="fp16", activations="fp16")
    (told,) = simulate(small, halves, images(8) * 1e6).notices
    assert "for 8 of 8 samples: its figures" in str(told) and "diagnose names" in str(told)
    assert not simulate(small, halves, images(8)).notices
