"""Target `ort_overrides`: onnxruntime's own quantize_static, given our file, writes our scales and zero points."""

import json

import numpy as np
import onnx
import onnxruntime.quantization as ort_quantization
import pytest
from onnx import numpy_helper

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images, small_cnn
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.export.exporting import export
from workbench.workflow.export.ort_overrides import CALL
from workbench.workflow.opening import load
from workbench.workflow.plan import plan
from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges


def as_the_tool_writes_it(path) -> dict[str, tuple]:
    """The documented call on our file, and what the file it writes says: name -> scale, zero point, codes or None."""
    document = json.loads(path.read_text(encoding="utf-8"))
    output = path.with_name("theirs.onnx")
    names = {"path": str(path), "network": str(path.with_name(document["network"])), "output": str(output)}
    exec("\n".join(document["call"]), names)  # what a person copies from the file
    graph = onnx.load(output).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            found[node.input[0]] = stored[node.input[1]], stored[node.input[2]], None
        elif node.op_type == "DequantizeLinear" and node.input[0] in stored:
            name = node.output[0].removesuffix("_DequantizeLinear_Output")
            found[name] = *(stored[entry] for entry in node.input[1:]), stored[node.input[0]]
    return found


def assert_ours(model, recipe, found, biases):
    assert set(found) == set(recipe) | set(biases)
    for name, choice in recipe.items():
        scale, zero_point, codes = found[name]
        np.testing.assert_array_equal(scale, choice.quantizer.scale)
        np.testing.assert_array_equal(zero_point, np.broadcast_to(choice.quantizer.zero_point, scale.shape))
        assert zero_point.dtype == choice.format
        if codes is not None:
            np.testing.assert_array_equal(codes, choice.quantizer.encode(model.tensors[name].array()))


CHOICES = [
    {},
    {"per_channel": False},
    {"symmetric": True},
    {"activations": "uint8"},
    {"weights": "int16", "activations": "uint16"},
    {"activations": "int16", "residual_adds": True},
]


BIASES = {"conv1.bias", "conv2.bias", "fc.bias"}


@pytest.mark.parametrize("chosen", CHOICES, ids=str)
def test_the_tool_writes_our_numbers(small, small_calibration, tmp_path, chosen):
    recipe = choose(small, small_calibration, **chosen)
    export(small, recipe, tmp_path / "net.json", target="ort_overrides", network=True)
    biases = plan(small, recipe).biases if set(plan(small, recipe).biases) == BIASES else ()
    assert bool(biases) is (chosen.get("weights") != "int16")  # products of 16 bits do not fit: all stay float
    assert_ours(small, recipe, as_the_tool_writes_it(tmp_path / "net.json"), biases)


@needs_assets
def test_the_tool_writes_our_numbers_for_a_real_network(tmp_path):
    model = load(model_path("cifar10_resnet20"))
    recipe = choose(model, calibrate(model, inputs("cifar10_resnet20", "calib")[0][:32]))
    report = export(model, recipe, tmp_path / "net.json", target="ort_overrides", network=True)
    assert len(report.files) == 2
    biases = {layer.bias for layer in model.layers if layer.bias is not None}
    assert_ours(model, recipe, as_the_tool_writes_it(tmp_path / "net.json"), biases)


def test_the_ranges_of_the_cache_are_ours_too(small, small_calibration, tmp_path):
    """Without the overrides the tool's arithmetic starts from float32 ends: the same to the last places."""
    recipe = choose(small, small_calibration)
    export(small, recipe, tmp_path / "net.json", target="ort_overrides")
    tensors = ort_quantization.calibrate.load_tensors_data(tmp_path / "net.json")
    assert set(tensors.keys()) == {name for name in recipe if name in small.observed}
    for name in tensors.keys():
        low, high = tensors[name].range_value
        assert (high - low) / 255 == pytest.approx(recipe[name].quantizer.scale, rel=3e-7)


def test_round_trip(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="int16", activations="uint8")
    export(small, recipe, tmp_path / "net.json", target="ort_overrides", names={"image": "pixels"})
    found = read_ranges(tmp_path / "net.json")
    assert found.kind == "onnxruntime_cache" and "pixels" in found.tensors and "image" not in found.tensors
    back, notices = recipe_from_ranges(small, found, names={"image": "pixels"})
    assert not notices and all(back[name].quantizer == recipe[name].quantizer for name in recipe)


def test_what_it_says(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration)
    report = export(small, recipe.without("flat_out"), tmp_path / "net.json", target="ort_overrides")
    said = " ".join(map(str, report.notices))
    assert CALL in said and "'fc.weight' has a range, but no layer whose weight and inputs all have one" in said
    assert "network" not in json.loads((tmp_path / "net.json").read_text())
    assert report.bit_equal is None and len(report.files) == 1


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        ({"format": "int4"}, "takes int8, uint8, int16, uint16, not int4; nearest is int8"),
        ({"format": "uint8"}, "its weights are signed and symmetric; nearest is int8"),
        ({"format": "int8", "block_size": 2}, "its scales are of channels, not of blocks"),
        ({"format": "int8", "rounding": "down"}, "it rounds to nearest even, not down"),
        ({"format": "int8", "sparsity": 0.5}, "it has no zero band"),
    ],
)
def test_what_it_refuses(small, tmp_path, weight, reason):
    recipe = choose(small, None, weights="int8").with_choice(choose_tensor(small, None, "conv2.weight", **weight))
    with pytest.raises(WorkbenchError, match=f"(?s)'conv2.weight': .*{reason}"):
        export(small, recipe, tmp_path / "net.json", target="ort_overrides")
    assert not list(tmp_path.iterdir())


class Images:
    def __init__(self):
        self._feeds = iter([{"image": images(16)}])

    def get_next(self):
        return next(self._feeds, None)


def test_a_cache_that_onnxruntime_wrote(small, tmp_path):
    network = small_cnn(tmp_path)
    arguments = {"calibration_cache_path": tmp_path / "cache.json"}
    ort_quantization.quantize_static(network, tmp_path / "theirs.onnx", Images(), **arguments)
    found = read_ranges(tmp_path / "cache.json")
    data = images(16)
    assert (found.tensors["image"].low, found.tensors["image"].high) == (float(data.min()), float(data.max()))
    recipe, notices = recipe_from_ranges(small, found)
    assert {"image", "relu1_out", "flat_out"} <= set(recipe) and {c.format for c in recipe.values()} == {"int8"}
    as_chosen = choose(small, calibrate(small, data), clipping="min_max")
    assert recipe["image"].quantizer == as_chosen["image"].quantizer
    assert any("say nothing of a format and became int8" in str(notice) for notice in notices)


OVERRIDE = {"quant_type": "QInt8", "scale": 0.5, "zero_point": 0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": []}, "CLS must be 'TensorsData', data an object"),
        ({"data": {"x": {"lowest": 0.0}}}, "'x': field 'highest' is no finite number"),
        ({"data": {"x": {"lowest": 2.0, "highest": 1.0}}}, "'x': lowest 2.0 is above highest 1.0"),
        ({"data": {"x": {"lowest": {"data": [1.0, 2.0]}, "highest": 3.0}}}, "field 'lowest' is no finite number"),
        ({"TensorQuantOverrides": []}, "must map tensor names to lists"),
        ({"TensorQuantOverrides": {"x": []}}, "'x': overrides are a list of objects, one at least"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "quant_type": "QInt4"}]}}, "quant_type is 'QInt4'"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "quant_type": ["QInt8"]}]}}, r"quant_type is \['QInt8'\]"),
        ({"TensorQuantOverrides": {"x": None}}, "'x': overrides are a list of objects, one at least"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "scale": 0}]}}, "'x': scale is 0"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "scale": "1"}]}}, "'x': scale is '1'"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "zero_point": 128}]}}, "zero_point is 128; expected -128 to 127"),
        ({"TensorQuantOverrides": {"x": [{**OVERRIDE, "axis": "0"}]}}, "axis is '0'; expected a whole number"),
    ],
)
def test_what_is_no_cache(tmp_path, change, said):
    document = {"CLS": "TensorsData", "data": {}, "calibration_method": None, **change}
    (tmp_path / "cache.json").write_text(json.dumps(document))
    with pytest.raises(WorkbenchError, match=said) as refused:
        read_ranges(tmp_path / "cache.json")
    assert "cache.json" in str(refused.value)
