"""Formats without a scale after every operator: what is simulated is what files with a Cast at each place compute."""

import numpy as np
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import constant, images, saved
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose, weight_names
from workbench.workflow.data import as_batches
from workbench.workflow.every_operator import computed_values
from workbench.workflow.export.exporting import export
from workbench.workflow.export.selfcheck import float_reading
from workbench.workflow.opening import load
from workbench.workflow.plan import plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.sensitivity import sensitivity
from workbench.workflow.simulate import Simulator, quantized_run, simulate

UNSCALED = ["fp16", "bf16", "tf32"]


def everywhere(model, format):
    return choose(model, None, weights=format, activations=format, every_operator=True)


@pytest.mark.parametrize("format", UNSCALED)
def test_every_value_that_is_read_and_every_bias_has_an_entry(small, format):
    recipe = everywhere(small, format)
    values = ["image", "conv1_out", "relu1_out", "conv2_out", "add_out", "relu2_out", "pool_out", "flat_out"]
    assert list(computed_values(small)) == values
    assert set(recipe) == {*weight_names(small), *values, "conv1.bias", "conv2.bias", "fc.bias"}
    assert {choice.format for choice in recipe.values()} == {format}
    assert set(plan(small, recipe).activations) == set(values)
    assert Recipe.from_json(recipe.to_json()) == recipe


def alone(node, given):
    """What onnxruntime makes of one operator, all of whose inputs are given as float32 arrays."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in given.items()]
    output = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "alone", ports, [output])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    runtime = ort.InferenceSession(proto.SerializeToString(), float_reading(), providers=["CPUExecutionProvider"])
    return runtime.run(None, given)[0]


@pytest.mark.parametrize("format", UNSCALED)
def test_the_simulation_is_one_operator_after_another_on_rounded_values(small, format):
    recipe = everywhere(small, format)
    (feeds,) = as_batches(small, images(6, 2))
    values = {name: small.tensors[name].array() for name in small.network.constants} | {"image": feeds["image"]}
    for node in small.proto().graph.node:
        given = {name: recipe[name].quantizer.fake_quantize(values[name]) for name in node.input}
        values[node.output[0]] = alone(node, given)
    np.testing.assert_array_equal(quantized_run(small, recipe)(feeds)["logits"], values["logits"])
    plain = quantized_run(small, choose(small, None, weights=format, activations=format))
    assert not np.array_equal(plain(feeds)["logits"], values["logits"])


@pytest.mark.parametrize("target", ["onnx_float", "onnx_qdq"])
@pytest.mark.parametrize("format", UNSCALED)
def test_files_are_equal_in_all_bits(small, tmp_path, target, format):
    recipe = everywhere(small, format)
    if (format, target) == ("tf32", "onnx_qdq"):
        with pytest.raises(WorkbenchError, match="nearest is"):
            export(small, recipe, tmp_path / "a.onnx", target=target)
        return
    assert export(small, recipe, tmp_path / "a.onnx", target=target, data=images(16, 5)).bit_equal == 1.0


def test_a_device_of_16_bits_can_hold_integer_weights(small, tmp_path):
    recipe = choose(small, None, weights="int4", activations="fp16", every_operator=True)
    assert recipe["conv2.weight"].format == "int4" and recipe["conv2.bias"].format == "fp16"
    assert not plan(small, recipe).biases
    assert export(small, recipe, tmp_path / "a.onnx", data=images(8, 5)).bit_equal == 1.0


def test_true_files_of_the_same_recipe(small, tmp_path):
    for format in ("fp16", "bf16"):
        report = export(small, everywhere(small, format), tmp_path / "a.onnx", target=f"onnx_{format}", data=images(8))
        assert report.bit_equal is None
        assert ("dB from the simulation" in str(report.notices)) == (format == "fp16")


@pytest.mark.parametrize("activations", ["int8", "fp8_e4m3", "nf4", "mxfp4", "kmeans4", "pruned", None])
def test_formats_with_ranges_are_refused_in_words(small, activations):
    with pytest.raises(WorkbenchError, match="every_operator=True needs .* one of fp16, bf16, tf32"):
        choose(small, None, activations=activations, every_operator=True)


@pytest.mark.parametrize("tensor", ["conv1_out", "conv1.bias", "pool_out"])
def test_ranges_stay_for_quantization_points(small, small_calibration, tensor):
    recipe = choose(small, small_calibration)
    with pytest.raises(WorkbenchError, match=f"'{tensor}' of small is no quantization point; .*fp16"):
        plan(small, recipe.with_tensor(tensor, format="int8", low=-1.0, high=1.0))
    assert tensor in recipe.with_tensor(tensor, format="fp16") and plan(
        small, recipe.with_tensor(tensor, format="bf16")
    )


def test_an_output_that_nothing_reads_is_no_point(small):
    with pytest.raises(WorkbenchError, match="'logits'"):
        plan(small, Recipe(small.name, small.sha256).with_tensor("logits", format="fp16"))


def test_values_that_do_not_follow_from_the_data_are_left_alone(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Cast", ["shape"], ["size"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["size"], ["largest"], keepdims=0),
        helper.make_node("Exp", ["c"], ["e"]),
        helper.make_node("Mul", ["x", "e"], ["m"]),
        helper.make_node("Div", ["m", "largest"], ["d"]),
        helper.make_node("Relu", ["d"], ["y"]),
    ]
    path = saved(tmp_path / "m.onnx", nodes, {"x": ["N", 3]}, {"y": ["N", 3]}, [constant("c", np.ones(3))])
    model = load(path)
    assert computed_values(model) == ("x", "m", "d")
    data = images(4).reshape(-1)[:120].reshape(-1, 3)
    assert export(model, everywhere(model, "fp16"), tmp_path / "a.onnx", data=data).bit_equal == 1.0


def test_what_is_resumed_is_what_is_fresh(small):
    simulator, data = Simulator(small, as_batches(small, images(8))), images(8)
    for recipe in (
        choose(small, None, weights="fp16", activations="fp16"),
        everywhere(small, "fp16"),
        everywhere(small, "bf16").without("add_out"),
        everywhere(small, "bf16").without("conv1.bias", "conv2_out"),
    ):
        assert simulator.compare(recipe).outputs == simulate(small, recipe, data).outputs


def test_sensitivity_looks_at_every_entry(small):
    recipe = everywhere(small, "bf16")
    ranking = sensitivity(small, recipe, images(8), workers=1)
    assert {row.name for row in ranking.rows} == set(recipe)
    assert all(row.error.sqnr_db > 40 for row in ranking.rows)


def test_an_ordinary_recipe_is_cut_as_before(small, small_calibration):
    model = load(small.path)
    quantized_run(model, choose(model, small_calibration))(next(iter(as_batches(model, images(2)))))
    assert model.chain.n_built == model.chain.n_segments == 3


@needs_assets
@pytest.mark.parametrize("name", NAMES)
def test_real_networks(name, tmp_path):
    model = load(model_path(name))
    data = inputs(name, "eval")[0][:4]
    for format in ("fp16", "bf16"):
        recipe = everywhere(model, format)
        for target in ("onnx_float", "onnx_qdq"):
            report = export(model, recipe, tmp_path / "a.onnx", target=target, data=data)
            assert report.bit_equal == 1.0
        print(f"\n{name}: {len(recipe)} tensors as {format}, {report.sqnr_db:.1f} dB against float", end="")
    report = export(model, everywhere(model, "fp16"), tmp_path / "a.onnx", target="onnx_fp16", data=data)
    assert report.sqnr_db > 50
    print("", *report.notices, sep="\n  ")


@needs_assets
def test_tf32_after_every_operator_of_a_real_network(tmp_path):
    model = load(model_path("cifar10_resnet20"))
    data = inputs("cifar10_resnet20", "eval")[0][:2]
    report = export(model, everywhere(model, "tf32"), tmp_path / "a.onnx", target="onnx_float", data=data)
    assert report.bit_equal == 1.0 and report.sqnr_db > 40
