"""The built-in network, its hard twin and the digits: what a user of `workbench.demo` relies on."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from workbench import demo
from workbench.demo.architecture import network
from workbench.demo.graph import onnx_model
from workbench.demo.hard_twin import rescaled
from workbench.demo.train import NOTE, package
from workbench.messages import WorkbenchError

TWINS = pytest.mark.parametrize("hard", [False, True], ids=["digits", "digits_hard"])


def logits(model, images):
    file = model if isinstance(model, bytes) else model.SerializeToString()
    return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, {"image": images})[0]


def parameters(model):
    return {tensor.name: numpy_helper.to_array(tensor).copy() for tensor in model.graph.initializer}


def sqnr_db(reference, other):
    noise = np.square(reference - other, dtype=np.float64).sum()
    return np.inf if noise == 0 else 10 * np.log10(np.square(reference, dtype=np.float64).sum() / noise)


def with_int8_weights(model, *, per_channel, spared=""):
    """The file with every Conv and Gemm weight rounded to symmetric int8 as it is after the BatchNormalization fold.

    spared: layers with this in their name keep their weights.
    """
    rounded = onnx.ModelProto.FromString(model.SerializeToString())
    values = parameters(model)
    norms = {node.input[0]: node.input[1:] for node in model.graph.node if node.op_type == "BatchNormalization"}
    weights = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm") and not (spared and spared in node.name):
            weight = values[node.input[1]]
            gain = np.ones(len(weight))
            if node.output[0] in norms:
                scale, _, _, variance = (values[name] for name in norms[node.output[0]])
                gain = scale / np.sqrt(variance + 1e-5)
            gain = gain.reshape(-1, *[1] * (weight.ndim - 1))
            axes = tuple(range(1, weight.ndim)) if per_channel else None
            step = np.abs(weight * gain).max(axis=axes, keepdims=True) / 127
            weights[node.input[1]] = (np.rint(weight * gain / step) * step / gain).astype(np.float32)
    for tensor in rounded.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    return rounded


@TWINS
def test_file_is_valid_and_reads_the_digits(hard):
    onnx.checker.check_model(str(demo.path(hard)), full_check=True)
    _, evaluation, labels = demo.data()
    model = onnx.load(demo.path(hard))
    assert (logits(model, evaluation).argmax(1) == labels).mean() >= 0.97
    assert logits(model, evaluation[:1]).shape == (1, 10)  # the batch size is open


@TWINS
def test_every_operator_that_the_example_promises(hard):
    graph = onnx.load(demo.path(hard)).graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    kinds = {node.op_type for node in graph.node}
    assert kinds >= {"Conv", "BatchNormalization", "Relu", "Concat", "Sigmoid", "Mul", "GlobalAveragePool", "Gemm"}
    groups = [next(a.i for a in node.attribute if a.name == "group") for node in graph.node if node.op_type == "Conv"]
    assert max(groups) > 1, "no depthwise convolution"
    additions = [node for node in graph.node if node.op_type == "Add"]
    assert additions and all(name not in values for node in additions for name in node.input), "no residual Add"
    assert graph.node[-1].op_type == "Gemm" and graph.node[-1].output[0] == "logits"
    assert [value.name for value in graph.input] == ["image"]


@TWINS
def test_file_is_what_the_architecture_writes(hard):
    model = onnx.load(demo.path(hard))
    again = onnx_model(demo.path(hard).stem, network(), parameters(model), note=NOTE)
    assert again == model


def test_twins_compute_the_same_function():
    easy, hard = onnx.load(demo.path()), onnx.load(demo.path(hard=True))
    expected = rescaled(parameters(easy))
    assert all(np.array_equal(expected[name], value) for name, value in parameters(hard).items())
    _, evaluation, _ = demo.data()
    assert sqnr_db(logits(easy, evaluation), logits(hard, evaluation)) > 100


def test_rescaling_leaves_its_input_alone():
    values = parameters(onnx.load(demo.path()))
    before = {name: value.copy() for name, value in values.items()}
    rescaled(values)
    assert all(np.array_equal(before[name], value) for name, value in values.items())


def compared(model, other):
    """Share of the evaluation digits that both read alike, and SQNR of the other's logits in dB."""
    _, evaluation, _ = demo.data()
    reference, approximate = logits(model, evaluation), logits(other, evaluation)
    return (reference.argmax(1) == approximate.argmax(1)).mean(), sqnr_db(reference, approximate)


def test_int8_weights_fail_per_tensor_and_recover_per_channel():
    model = onnx.load(demo.path(hard=True))
    failing, failing_db = compared(model, with_int8_weights(model, per_channel=False))
    repaired, repaired_db = compared(model, with_int8_weights(model, per_channel=True))
    spared, spared_db = compared(model, with_int8_weights(model, per_channel=False, spared="depthwise"))
    assert failing < 0.8 and failing_db < 5
    assert repaired > 0.98 and repaired_db > 20
    assert spared > 0.95 and spared_db > 10  # a better format for the two bad layers alone repairs most of it


@pytest.mark.parametrize("per_channel", [False, True], ids=["per_tensor", "per_channel"])
def test_int8_weights_are_harmless_on_the_easy_twin(per_channel):
    model = onnx.load(demo.path())
    agreement, quality_db = compared(model, with_int8_weights(model, per_channel=per_channel))
    assert agreement > 0.98 and quality_db > 25


def test_the_bad_layers_can_be_seen():
    """After the fold, channels of the depthwise weights differ by far more in the hard twin."""
    ratios = []
    for hard in (False, True):
        values = parameters(onnx.load(demo.path(hard)))
        for layer in ("blocks.0.depthwise", "blocks.1.depthwise"):
            gain = values[f"{layer}.norm.weight"] / np.sqrt(values[f"{layer}.norm.running_var"] + 1e-5)
            largest = np.abs(gain[:, None, None, None] * values[f"{layer}.conv.weight"]).max(axis=(1, 2, 3))
            ratios.append(largest.max() / largest.min())
    assert max(ratios[:2]) < 10 and min(ratios[2:]) > 100


@pytest.mark.parametrize(
    "hard, per_channel, least, most",
    [(False, False, 0.98, 1), (False, True, 0.98, 1), (True, False, 0, 0.8), (True, True, 0.97, 1)],
)
def test_int8_by_the_stock_tool(tmp_path, hard, per_channel, least, most):
    """Weights and activations in int8 by onnxruntime.quantization, run by onnxruntime's own int8 kernels."""
    calibration, _, _ = demo.data()
    prepared, quantized = str(tmp_path / "prepared.onnx"), str(tmp_path / "quantized.onnx")
    quant_pre_process(str(demo.path(hard)), prepared, skip_symbolic_shape=True)
    feeds = iter([{"image": calibration}])
    reader = SimpleNamespace(get_next=lambda: next(feeds, None))
    quantize_static(prepared, quantized, reader, per_channel=per_channel, weight_type=QuantType.QInt8)
    agreement, _ = compared(onnx.load(demo.path(hard)), onnx.load(quantized))
    assert least <= agreement <= most


def test_data_shapes_and_values():
    calibration, evaluation, labels = demo.data()
    assert (calibration.shape, evaluation.shape, labels.shape) == ((256, 1, 8, 8), (450, 1, 8, 8), (450,))
    assert (calibration.dtype, evaluation.dtype, labels.dtype) == (np.float32, np.float32, np.int64)
    for images in (calibration, evaluation):
        assert images.min() == 0 and images.max() == 1
        assert np.array_equal(images * 16, np.rint(images * 16))
    assert set(labels) == set(range(10)) and np.bincount(labels).min() >= 43  # the same share of each digit
    learned = {image.tobytes() for image in calibration}
    assert not any(image.tobytes() in learned for image in evaluation)


def test_data_comes_as_a_new_copy_each_time():
    first, again = demo.data(), demo.data()
    for array in first:
        array[:] = 0
    third = demo.data()
    for array, kept, fresh in zip(first, again, third, strict=True):
        assert not np.array_equal(array, fresh) and np.array_equal(kept, fresh)


def test_files_are_small():
    sizes = [file.stat().st_size for file in demo.path().parent.iterdir() if file.suffix in (".onnx", ".npz")]
    assert len(sizes) == 3 and sum(sizes) < 400_000


@TWINS
def test_model_opens(hard):
    model = demo.model(hard)
    assert model.n_parameters == 10_690
    assert [port.name for port in model.inputs] == ["image"] and [port.name for port in model.outputs] == ["logits"]
    assert "blocks.0.depthwise.conv" in {layer.name for layer in model.layers}


def test_import_stays_light():
    code = "import sys, workbench.demo; print({'onnx', 'onnxruntime', 'torch', 'sklearn'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_training_names_what_it_needs():
    with pytest.raises(WorkbenchError, match="'missing_package'.*expected torch and scikit-learn.*pip install"):
        package("missing_package")
