"""`onnx_bf16`: true bfloat16 through the whole graph, float32 at its ends."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from tests.real_networks import NAMES, inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.workflow.choose import choose, weight_names
from workbench.workflow.export.exporting import export
from workbench.workflow.export.onnx_bf16 import BfloatRounding
from workbench.workflow.opening import load


@pytest.fixture(scope="module")
def bf16(small, small_calibration):
    return choose(small, small_calibration, weights="bf16", activations="bf16")


def test_bf16_is_true_bfloat16_with_float32_ports(small, bf16, tmp_path):
    report = export(small, bf16, tmp_path / "a.onnx", target="onnx_bf16", data=images(16, 5))
    proto = onnx.load(tmp_path / "a.onnx")
    assert {tensor.data_type for tensor in proto.graph.initializer} == {TensorProto.BFLOAT16}
    ports = [*proto.graph.input, *proto.graph.output]
    assert {value.type.tensor_type.elem_type for value in ports} == {TensorProto.FLOAT}
    assert [node.op_type for node in proto.graph.node].count("Cast") == 2
    assert report.bit_equal is None and report.simulated.sqnr_db == report.sqnr_db > 30
    assert report.deployed is None and "bfloat16" in str(report.notices)
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for name in weight_names(small):
        expected = small.tensors[name].array().astype(ml_dtypes.bfloat16)
        np.testing.assert_array_equal(stored[name].view(np.uint16), expected.view(np.uint16))


def test_without_data_nothing_is_run(small, bf16, tmp_path):
    report = export(small, bf16, tmp_path / "a.onnx", target="onnx_bf16")
    assert report.sqnr_db is None and "not run" in str(report.notices)


def test_weights_rounded_otherwise_and_pruned_are_stored(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="bf16", activations=None, rounding="up", weight_sparsity=0.3)
    export(small, recipe, tmp_path / "a.onnx", target="onnx_bf16")
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(tmp_path / "a.onnx").graph.initializer}
    expected = recipe["conv2.weight"].quantizer.fake_quantize(small.tensors["conv2.weight"].array())
    np.testing.assert_array_equal(stored["conv2.weight"].astype(np.float32), expected)
    assert 0.2 < (expected == 0).mean() < 0.4


@pytest.mark.parametrize(
    ("tensor", "changes", "words"),
    [
        ("conv2.weight", None, "Weight 'conv2.weight': it stays float32; choose bf16"),
        ("conv2.weight", dict(format="fp16"), "Weight 'conv2.weight': it is fp16"),
        ("relu1_out", dict(rounding="up"), "Activation 'relu1_out': .*nearest is bf16 as it comes"),
        ("relu1_out", dict(overflow="saturate"), "nearest is bf16 as it comes"),
        ("relu1_out", dict(zero_band=0.1), "nearest is bf16 as it comes"),
    ],
)
def test_other_recipes_are_refused_by_name(small, bf16, tmp_path, tensor, changes, words):
    recipe = bf16.without(tensor) if changes is None else bf16.with_tensor(tensor, **changes)
    with pytest.raises(WorkbenchError, match=words):
        export(small, recipe, tmp_path / "a.onnx", target="onnx_bf16")
    assert not list(tmp_path.iterdir())


def test_constants_never_become_infinite_and_an_epsilon_never_zero():
    rounding = BfloatRounding()
    values = np.array([3.4e38, -3.4e38, 1.0, np.inf, 1 + 2**-8, 1 + 3 * 2**-8], np.float32)
    found = rounding("a", values).astype(np.float32)
    largest = float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)
    np.testing.assert_array_equal(found, np.array([largest, -largest, 1, np.inf, 1, 1 + 2**-6], np.float32))
    assert rounding("b", np.float32(-1e-45)).astype(np.float32) == np.float32(-(2.0**-133))
    assert "'a'" in str(rounding.notices()) and "'b'" not in str(rounding.notices())


@needs_assets
@pytest.mark.parametrize("name", NAMES)
def test_real_networks_are_written_and_checked(tmp_path, name):
    model = load(model_path(name))
    recipe = choose(model, None, weights="bf16", activations="bf16")
    report = export(model, recipe, tmp_path / "a.onnx", target="onnx_bf16", data=inputs(name, "eval")[0][:2])
    proto = onnx.load(tmp_path / "a.onnx")
    print(f"\n{name}: simulated {report.sqnr_db:.2f} dB", *report.notices, sep="\n  ")
    kinds = [tensor.data_type for tensor in proto.graph.initializer]
    assert kinds.count(TensorProto.BFLOAT16) >= len(weight_names(model)) and TensorProto.FLOAT16 not in kinds
    assert report.sqnr_db > 15
