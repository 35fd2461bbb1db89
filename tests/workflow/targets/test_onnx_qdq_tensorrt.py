"""`onnx_qdq_tensorrt`: nothing in its files that TensorRT's parser refuses, and every bit as simulated for them."""

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor, weight_names
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import export
from workbench.workflow.opening import load
from workbench.workflow.plan import plan
from workbench.workflow.simulate import quantized_run, simulate

TARGET = TARGETS["onnx_qdq_tensorrt"]


def as_tensorrt_reads(path, model) -> dict[str, np.ndarray]:
    """Constants of a file after the parser's conditions: int8 codes, zero points 0, axes of output channels."""
    graph = onnx.load(path).graph
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    axes = {layer.weight: layer.weight_axis for layer in model.layers}
    n_pairs = 0
    for node in graph.node:
        assert node.op_type not in ("DynamicQuantizeLinear", "QLinearConv")
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        n_pairs += 1
        scale, zero = held[node.input[1]], held[node.input[2]]
        assert scale.dtype == np.float32 and (scale > 0).all() and zero.dtype == np.int8 and not zero.any()
        assert {entry.name for entry in node.attribute} <= {"axis"}
        codes = held.get(node.input[0])
        if codes is None:
            assert scale.ndim == 0  # an activation
        else:
            assert codes.dtype == np.int8
            if scale.ndim:
                (axis,) = (entry.i for entry in node.attribute)
                assert axis == axes[node.output[0]] and len(scale) == codes.shape[axis]
    assert n_pairs and not any(array.dtype == np.int32 for array in held.values())
    return held


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("weights", ["int8", "int8_narrow"])
def test_symmetric_int8(small, small_calibration, tmp_path, per_channel, weights):
    recipe = choose(small, small_calibration, weights=weights, symmetric=True, per_channel=per_channel)
    report = export(small, recipe, tmp_path / "a.onnx", target=TARGET.name, data=images(16, 5))
    held = as_tensorrt_reads(tmp_path / "a.onnx", small)
    for name in ("conv1.bias", "conv2.bias", "fc.bias"):
        np.testing.assert_array_equal(held[name], small.tensors[name].array())
    for name in weight_names(small):
        expected = recipe[name].quantizer.encode(small.tensors[name].array())
        np.testing.assert_array_equal(held[f"{name}_quantized"], expected)
    assert report.bit_equal == 1.0
    (bias,) = (str(notice) for notice in report.notices if str(notice).startswith("Biases are float32 in this file"))
    seen = simulate(small, recipe, images(16, 5)).outputs["logits"].sqnr_db
    assert f"{report.sqnr_db:.2f} dB at 'logits'" in bias
    assert f"{report.sqnr_db - seen:+.2f} dB against the simulation with int32 biases" in bias


def test_biases_in_float_are_another_network(small, small_calibration):
    recipe = choose(small, small_calibration, symmetric=True)
    assert plan(small, recipe).biases and not plan(small, recipe, float_biases=True).biases
    feeds = {"image": images(8, 5)}
    with_int32, with_float = (
        quantized_run(small, recipe, float_biases=kept)(feeds)["logits"] for kept in (False, True)
    )
    assert 0 < np.abs(with_int32 - with_float).max() < 0.01


def test_without_data_nothing_is_said_of_decibels(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True)
    report = export(small, recipe, tmp_path / "a.onnx", target=TARGET.name)
    assert report.bit_equal is None and "dB" not in str(report)
    as_tensorrt_reads(tmp_path / "a.onnx", small)


def test_codes_that_tensorrt_weights_do_not_have_are_counted(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True, per_channel=False, weight_clipping="min_max")
    high = float(recipe["fc.weight"].high)
    for format, words in (("int8", "codes in 1 weights are -128 (first in 'fc.weight')"), ("int8_narrow", "")):
        clipped = recipe.with_tensor("fc.weight", format=format, low=-high / 3, high=high / 3)
        report = export(small, clipped, tmp_path / "a.onnx", target=TARGET.name)
        assert (words in str(report)) and ("-128" in str(report)) == bool(words)


@pytest.mark.parametrize(
    ("tensor", "changes", "words"),
    [
        ("relu1_out", dict(format="uint8", low=0.0, high=3.0), "int8 here, it is uint8; nearest is int8 with symm"),
        ("relu1_out", dict(low=0.0, high=3.0, symmetric=None), "zero point 0 alone.* nearest is int8 with symmetric=T"),
        ("relu1_out", dict(low=-1.0, high=3.0, symmetric=False), "zero point 0 alone.* nearest is int8 with symmetric"),
        ("relu1_out", dict(format="int8_narrow"), "int8 here, it is int8_narrow; nearest is int8"),
        ("relu1_out", dict(format="fp8_e4m3"), "int8 here, it is fp8_e4m3; nearest is int8"),
        ("relu1_out", dict(format="fp16"), "int8 here, it is fp16; nearest is int8"),
        ("relu1_out", dict(dynamic="batch"), "no DynamicQuantizeLinear; nearest is int8 .*and a fixed range"),
        ("relu1_out", dict(rounding="up"), "rounds values to nearest even, not up"),
        ("fc.weight", dict(format="int4"), "int8 here, it is int4; nearest is int8"),
        ("fc.weight", dict(format="int16"), "int8 here, it is int16"),
        ("fc.weight", dict(format="uint8"), "int8 here, it is uint8"),
        ("fc.weight", dict(low=-1.0, high=2.0, symmetric=False, axis=None), "zero point 0 alone"),
    ],
)
def test_what_tensorrt_would_compute_otherwise_is_refused_by_name(
    small, small_calibration, tmp_path, tensor, changes, words
):
    recipe = choose(small, small_calibration, symmetric=True).with_tensor(tensor, **changes)
    with pytest.raises(WorkbenchError, match=f"'{tensor}': .*{words}"):
        export(small, recipe, tmp_path / "a.onnx", target=TARGET.name)
    assert not list(tmp_path.iterdir())


def test_ranges_along_another_axis_and_in_blocks(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, symmetric=True)
    other = recipe.with_tensor("fc.weight", low=-np.ones(6), high=np.ones(6), axis=1)
    with pytest.raises(
        WorkbenchError, match=r"'fc.weight': its ranges lie along axis 1, .* output channels of 'fc' .axis 0"
    ):
        export(small, other, tmp_path / "a.onnx", target=TARGET.name)
    blocks = recipe.with_choices(choose_tensor(small, None, "fc.weight", format="int8", block_size=3))
    with pytest.raises(WorkbenchError, match="it is in blocks; nearest is int8 without block_size"):
        export(small, blocks, tmp_path / "a.onnx", target=TARGET.name)
    assert not list(tmp_path.iterdir())


def test_profiles():
    assert TARGET.profile == "tensorrt" and TARGETS["onnx_qdq"].profile == "onnxruntime"


@needs_assets
@pytest.mark.parametrize("name", NAMES)
def test_real_networks(name, tmp_path):
    model = load(model_path(name))
    calibration = calibrate(model, inputs(name, "calib")[0][:32])
    recipe = choose(model, calibration, symmetric=True)
    report = export(model, recipe, tmp_path / "a.onnx", target=TARGET.name, data=inputs(name, "eval")[0][:16])
    as_tensorrt_reads(tmp_path / "a.onnx", model)
    print(name, report)
    assert report.bit_equal == 1.0
