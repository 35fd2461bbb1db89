"""Quantized ONNX files, opened as a float network and a recipe that compute what the file computes, bit for bit."""

import numpy as np
import onnx
import onnxruntime.quantization as ort_quantization
import pytest
from onnx import helper, numpy_helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images, saved, small_cnn
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.export.selfcheck import equal_bits, float_reading, opened_file
from workbench.workflow.opening import load
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges
from workbench.workflow.ranges.opening import open_quantized
from workbench.workflow.simulate import quantized_run

CODES = ("int8", "uint8", "int16", "uint16", "int4", "uint4", *(name for name in FORMATS if name.startswith("fp8")))


def same_quantizers(one, other) -> bool:
    return set(one) == set(other) and all(one[name].quantizer == other[name].quantizer for name in one)


def assert_computes_the_same(path, model, recipe, feeds):
    simulated, written = quantized_run(model, recipe), opened_file(path, float_reading())
    for feed in feeds:
        ours, theirs = simulated(feed), written(feed)
        for name, values in theirs.items():
            assert equal_bits(ours[name], values) == values.size > 0


@pytest.mark.parametrize("format", CODES)
def test_every_type_of_codes_comes_back(small, small_calibration, tmp_path, format):
    recipe = choose(small, small_calibration, weights=format, activations=format)
    path = tmp_path / "quantized.onnx"
    export(small, recipe, path)
    model, back, notices = open_quantized(path)
    assert same_quantizers(recipe, back)
    assert not any("already quantized" in str(notice) for notice in notices)
    assert [layer.op_type for layer in model.layers] == [layer.op_type for layer in small.layers]
    assert_computes_the_same(path, model, back, [{"image": images(8, seed=4)}])
    of_floats, _ = recipe_from_ranges(small, read_ranges(path))
    assert same_quantizers(recipe, of_floats)


@pytest.mark.parametrize("format", ["fp16", "bf16"])
def test_casts_to_16_bit_floats_are_that_format(small, small_calibration, tmp_path, format):
    recipe = choose(small, small_calibration, weights="int8", activations=format)
    export(small, recipe, tmp_path / "cast.onnx")
    model, back, _ = open_quantized(tmp_path / "cast.onnx")
    assert same_quantizers(recipe, back)
    assert_computes_the_same(tmp_path / "cast.onnx", model, back, [{"image": images(8, seed=4)}])


def test_weights_of_other_formats_come_back_as_the_codes_they_are_stored_in(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="int6", activations="uint8")
    export(small, recipe, tmp_path / "narrow.onnx")
    model, back, _ = open_quantized(tmp_path / "narrow.onnx")
    assert {back[name].format for name in weight_names(model)} == {"int8"}
    for name in weight_names(model):
        np.testing.assert_array_equal(back[name].quantizer.scale, recipe[name].quantizer.scale)
    assert_computes_the_same(tmp_path / "narrow.onnx", model, back, [{"image": images(8, seed=4)}])


def test_blocks_and_dynamic_ranges(small, small_calibration, tmp_path):
    blocked = choose_tensor(small, None, "conv2.weight", format="int4", block_size=2)
    recipe = choose(small, small_calibration, activations="uint8").with_tensor("relu1_out", dynamic="batch")
    recipe = recipe.with_choice(blocked)
    export(small, recipe, tmp_path / "mixed.onnx")
    model, back, _ = open_quantized(tmp_path / "mixed.onnx")
    assert back["conv2.weight"].quantizer == blocked.quantizer and back["conv2.weight"].block_size == 2
    assert back["relu1_out"].dynamic == "batch" and back["relu1_out"].format == "uint8"
    assert_computes_the_same(tmp_path / "mixed.onnx", model, back, [{"image": images(8, seed=4)}])


class Images:
    """What onnxruntime calls a calibration data reader."""

    def __init__(self):
        self._feeds = iter([{"image": images(16)}])

    def get_next(self):
        return next(self._feeds, None)


@pytest.fixture
def theirs(tmp_path):
    """A file that onnxruntime's own tool wrote, and its arguments."""

    def write(**arguments):
        network, path = small_cnn(tmp_path), tmp_path / "theirs.onnx"
        ort_quantization.quantize_static(network, path, Images(), **arguments)
        return path

    return write


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"per_channel": True},
        {"activation_type": ort_quantization.QuantType.QUInt16},
        {"extra_options": {"AddQDQPairToWeight": True, "DedicatedQDQPair": True}},
    ],
    ids=["default", "per channel", "16 bits", "pairs for all"],
)
def test_files_of_onnxruntimes_own_tool(theirs, small, arguments):
    path = theirs(**arguments)
    model, recipe, notices = open_quantized(path)
    assert set(weight_names(model)) == {"conv1.weight", "conv2.weight", "fc.weight"} <= set(recipe)
    assert {"image", "relu1_out", "flat_out"} <= set(recipe) <= {*model.tensors}
    assert [port.name for port in model.outputs] == ["logits"]
    left_out = next(str(notice) for notice in notices if "Left out" in str(notice))
    assert "'logits'" in left_out and "'pool_out'" in left_out
    of_floats, _ = recipe_from_ranges(small, read_ranges(path))
    assert same_quantizers(recipe, of_floats)


def test_their_file_of_layers_alone_computes_what_we_simulate(theirs):
    weighted = ["Conv", "Gemm"]
    options = {"OpTypesToExcludeOutputQuantization": weighted, "QDQDisableWeightAdjustForInt32Bias": True}
    path = theirs(per_channel=True, op_types_to_quantize=weighted, extra_options=options)
    model, recipe, notices = open_quantized(path)
    assert not any("Left out" in str(notice) for notice in notices)
    assert_computes_the_same(path, model, recipe, [{"image": images(8, seed=4)}])


def test_files_without_pairs(theirs, tmp_path):
    model, recipe, notices = open_quantized(small_cnn(tmp_path, name="float.onnx"))
    assert not recipe and len(model.layers) == 4 and any("the recipe is empty" in str(n) for n in notices)
    with pytest.raises(WorkbenchError, match="float.onnx: no QuantizeLinear and DequantizeLinear in this file"):
        read_ranges(tmp_path / "float.onnx")
    path = theirs(quant_format=ort_quantization.QuantFormat.QOperator)
    _, recipe, notices = open_quantized(path)
    assert not recipe and any("QLinearConv" in str(notice) for notice in notices)


def hand_made(folder, *, scale=0.5, codes=np.uint8, second=None, domain="", outputs=("y",), computed=False):
    """x -> Q -> DQ -> MatMul with stored int8 codes -> y; second: another scale of the DequantizeLinear."""
    stored = [
        numpy_helper.from_array(np.float32(scale), "s"),
        numpy_helper.from_array(np.float32(second or scale), "s2"),
        numpy_helper.from_array(np.array(3, codes), "z"),
        numpy_helper.from_array(np.array([[1, -2], [3, 127], [-128, 0]], np.int8), "w_quantized"),
        numpy_helper.from_array(np.array([0.25, 0.5], np.float32), "w_scale"),
        numpy_helper.from_array(np.zeros(2, np.int8), "w_zero"),
    ]
    other = "s2" if second else "s"
    nodes = [
        helper.make_node("Max", ["x"], ["kept"]),
        helper.make_node("QuantizeLinear", ["kept", "s", "z"], ["x_q"], domain=domain),
        helper.make_node("DequantizeLinear", ["x_q", other, "z"], ["x_dq"], domain=domain),
        helper.make_node("DequantizeLinear", ["w_quantized", "w_scale", "w_zero"], ["w"], axis=1),
        helper.make_node("MatMul", ["x_dq", "w"], ["y"]),
    ]
    if computed:
        nodes.insert(0, helper.make_node("Abs", ["s"], ["s_computed"]))
        nodes[2].input[1] = nodes[3].input[1] = "s_computed"
    ports = {"x": [2, 3]}, dict.fromkeys(outputs, [2, None])
    path = saved(folder / "hand.onnx", nodes, *ports, stored, opset=21)
    message = onnx.load(path)
    message.ir_version = 10
    if domain:
        message.opset_import.append(helper.make_opsetid(domain, 1))
    onnx.save(message, path)
    return path


@pytest.mark.parametrize("domain", ["", "com.microsoft"])
@pytest.mark.parametrize("codes", [np.uint8, np.int16])
def test_numbers_of_a_file_made_by_hand(tmp_path, domain, codes):
    path = hand_made(tmp_path, codes=codes, domain=domain)
    model, recipe, _ = open_quantized(path)
    np.testing.assert_array_equal(model.tensors["w"].array(), [[0.25, -1], [0.75, 63.5], [-32, 0]])
    assert recipe["x"].format == np.dtype(codes).name
    assert (recipe["x"].quantizer.scale, recipe["x"].quantizer.zero_point) == (0.5, 3)
    np.testing.assert_array_equal(recipe["w"].quantizer.scale, [0.25, 0.5])
    assert recipe["w"].axis == 1 and recipe["w"].format == "int8"
    assert_computes_the_same(path, model, recipe, [{"x": np.linspace(-9, 200, 6, dtype=np.float32).reshape(2, 3)}])


def test_a_pair_of_two_scales_is_a_step_of_the_network(tmp_path):
    path = hand_made(tmp_path, second=0.75)
    model, recipe, _ = open_quantized(path)
    assert list(recipe) == ["w"] and {"QuantizeLinear", "DequantizeLinear"} < set(model.network.operators())
    assert_computes_the_same(path, model, recipe, [{"x": np.ones((2, 3), np.float32)}])


def test_an_output_behind_a_pair(tmp_path):
    with pytest.raises(WorkbenchError, match="output 'x_dq' is a quantized copy of 'x', which has to stay"):
        open_quantized(hand_made(tmp_path, outputs=("y", "x_dq")))


def test_a_scale_that_the_network_computes(tmp_path):
    with pytest.raises(WorkbenchError, match="hand.onnx: .*'s_computed' is computed while the network runs"):
        open_quantized(hand_made(tmp_path, computed=True))


def test_a_scale_that_is_none(tmp_path):
    with pytest.raises(WorkbenchError, match="no positive normal float32 number"):
        open_quantized(hand_made(tmp_path, scale=0.0))


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("w_scale", np.ones(3, np.float32), "do not fit scales of shape"),
        ("w_zero", np.zeros(3, np.int8), "zero points of shape .3,. do not fit scales of shape .2,."),
        ("w_scale", np.ones(2, np.float16), "its scale is float16; only float32 can be read"),
        ("w_scale", np.array([1, np.nan], np.float32), "no positive normal float32 number"),
        ("s", np.ones((1, 1), np.float32), "do not fit"),
    ],
)
def test_constants_that_do_not_fit_are_refused_in_words(tmp_path, name, values, said):
    path = hand_made(tmp_path)
    message = onnx.load(path)
    kept = [numpy_helper.from_array(values, name) if t.name == name else t for t in message.graph.initializer]
    del message.graph.initializer[:]
    message.graph.initializer.extend(kept)
    onnx.save(message, path)
    for opening in (open_quantized, read_ranges):
        with pytest.raises(WorkbenchError, match=said):
            opening(path)


@needs_assets
def test_a_real_network_computes_the_same_bits(tmp_path):
    data = inputs("cifar10_resnet20", "calib")[0][:32]
    model = load(model_path("cifar10_resnet20"))
    recipe = choose(model, calibrate(model, data), residual_adds=True)
    export(model, recipe, tmp_path / "resnet20.onnx")
    opened, back, _ = open_quantized(tmp_path / "resnet20.onnx")
    assert same_quantizers(recipe, back) and len(back) > 50
    name = model.inputs[0].name
    feeds = [{name: image[None]} for image in inputs("cifar10_resnet20", "eval")[0][:32]]
    assert_computes_the_same(tmp_path / "resnet20.onnx", opened, back, feeds)
