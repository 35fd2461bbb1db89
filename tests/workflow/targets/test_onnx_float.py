"""`onnx_float`: every format as a graph of float32 operators that equals the simulation in all bits."""

import warnings

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from tests.real_networks import inputs, model_path, needs_assets
from tests.workflow.small_models import images
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.rounding import ROUNDINGS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose, choose_tensor
from workbench.workflow.export.exporting import export
from workbench.workflow.export.onnx_float import ONNX_FLOAT
from workbench.workflow.export.onnx_float_nodes import Nodes
from workbench.workflow.export.onnx_float_rounding import quantized
from workbench.workflow.export.rewiring import GraphEditor
from workbench.workflow.export.selfcheck import float_reading
from workbench.workflow.opening import load

NAMES = [name for name in FORMATS if name != "fp32"]
MODES = [rounding for rounding in ROUNDINGS if rounding != "stochastic"]
ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, -1e-40, 3.4028235e38, -3.4028235e38], "f4")
N_BOUNDARIES = 4000  # of a long table


def as_graph(quantizer: Quantizer, opset: int = 13) -> onnx.ModelProto:
    """x float32 (n, m) to y, what the quantizer makes of it."""
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "m"]) for name in "xy"]
    graph = helper.make_graph([], "rounding", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    nodes = Nodes(GraphEditor(model), "x", {})
    found = quantized(nodes, "x", quantizer)
    model.graph.node.extend([*nodes.nodes, helper.make_node("Identity", [found], ["y"])])
    onnx.checker.check_model(model, full_check=True)
    return model


def of_graph(model: onnx.ModelProto, values: np.ndarray) -> np.ndarray:
    runtime = ort.InferenceSession(model.SerializeToString(), float_reading(), providers=["CPUExecutionProvider"])
    return runtime.run(None, {"x": values})[0]


def trying(quantizer: Quantizer, width: int = 1) -> np.ndarray:
    """float32 (n, width): all boundaries and their neighbours (of a long table some), levels, odd and other values."""
    rng = np.random.default_rng(3)
    spread = rng.standard_normal(2000) * 10.0 ** rng.uniform(-38, 37, 2000)
    parts = [ODD, spread.astype(np.float32), rng.standard_normal(2000).astype(np.float32)]
    boundaries, levels = quantizer.boundaries, quantizer.levels
    if boundaries is not None:
        chosen = rng.permutation(boundaries.size)[:N_BOUNDARIES]
        ends = boundaries[[0, -1]] if boundaries.size else boundaries
        near = np.concatenate([boundaries[chosen], ends])
        with np.errstate(over="ignore"):
            around = [np.nextafter(near, np.float32(end)) for end in (-np.inf, np.inf)]
        parts += [near, *around, levels[chosen], levels[-1:]]
    values = np.concatenate(parts)
    return np.concatenate([values, np.zeros(-values.size % width, np.float32)]).reshape(-1, width)


def variations(name: str):
    """Every rounding and overflow of a format, with and without a zero band, at an ordinary and at a tiny scale."""
    kind = FORMATS[name]
    if kind.needs_values:
        kind = kind.with_levels(np.sort(np.random.default_rng(1).standard_normal(2**kind.bits)).astype(np.float32))
    for rounding in MODES:
        for overflow in kind.overflows:
            format = kind.with_choices(rounding=rounding, overflow=overflow)
            axis = 0 if format.block_size else None
            for low, high in ((-2.7, 3.1), (0.0, 1e-6)) if format.has_scale else ((0.0, 0.0),):
                yield Quantizer.covering(format, low, high, axis=axis)
            if rounding == "nearest_even" and name not in ("binary", "nf4") and not name.startswith("kmeans"):
                yield Quantizer.covering(format, -2.7, 3.1, axis=axis, zero_band=0.3)


@pytest.mark.parametrize("name", NAMES)
def test_every_format_in_every_mode_is_fake_quantize(name):
    for quantizer in variations(name):
        values = trying(quantizer, 70 if quantizer.format.block_size else 1)
        with np.errstate(all="ignore"):
            expected = quantizer.fake_quantize(values)
        found = of_graph(as_graph(quantizer), values)
        differ = (expected.view(np.uint32) != found.view(np.uint32)) & ~(np.isnan(expected) & np.isnan(found))
        case = quantizer.format.rounding, quantizer.format.overflow, quantizer.zero_band, quantizer.scale
        assert not differ.any(), (case, values[differ][:3], expected[differ][:3], found[differ][:3])


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("name", ["int8", "int5", "int12", "nf4", "tf32", "mxfp4", "fp16"])
def test_the_operators_are_those_of_later_opsets_too(name, opset):
    quantizer = Quantizer.covering(name, -2.7, 3.1, axis=0 if name == "mxfp4" else None)
    values = trying(quantizer, 70)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(of_graph(as_graph(quantizer, opset), values), quantizer.fake_quantize(values))


@pytest.mark.parametrize("rounding", ["nearest_even", "toward_zero"])
@pytest.mark.parametrize(
    "name", ["int4", "int8", "uint12", "q8", "nf4", "fp6_e3m2", "tf32", "gfpq8", "mxfp8_e5m2", "bf16"]
)
def test_another_runtime_computes_the_same(name, rounding):
    """The reference evaluator of onnx itself, written in numpy; it has DequantizeLinear from opset 19 on."""
    format = FORMATS[name].with_choices(rounding=rounding)
    quantizer = Quantizer.covering(format, -2.7, 3.1, axis=0 if format.block_size else None)
    values = trying(quantizer, 70)
    if name in ("int8", "q8"):  # its QuantizeLinear wraps where codes leave int32 before they saturate
        values = np.clip(values, np.float32(-1e6), np.float32(1e6))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ReferenceEvaluator(as_graph(quantizer, 21)).run(None, {"x": values})[0]
        expected = quantizer.fake_quantize(values)
    np.testing.assert_array_equal(found.view(np.uint32)[~np.isnan(values)], expected.view(np.uint32)[~np.isnan(values)])
    assert np.isnan(found[np.isnan(values)]).all()


@pytest.mark.parametrize("side", ["weights", "activations"])
@pytest.mark.parametrize("name", NAMES)
def test_every_format_on_a_network_is_equal_in_all_bits(small, small_calibration, tmp_path, side, name):
    sides = {"weights": None, "activations": None} | {side: name}
    recipe = choose(small, small_calibration, clipping="min_max", residual_adds=True, **sides)
    report = export(small, recipe, tmp_path / "a.onnx", target="onnx_float", data=images(8, 5))
    assert report.bit_equal == 1.0 and np.isfinite(report.sqnr_db)
    model = onnx.load(tmp_path / "a.onnx")
    assert [entry.version for entry in model.opset_import] == [13]
    if side == "weights":
        assert [node.op_type for node in model.graph.node] == [node.op_type for node in small.proto().graph.node]
        assert {tensor.data_type for tensor in model.graph.initializer} == {TensorProto.FLOAT}


def test_integer_biases_blocks_of_weights_and_equal_files(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration).with_choice(
        choose_tensor(small, None, "fc.weight", format="int4", block_size=3)
    )
    for path in ("a.onnx", "b.onnx"):
        assert export(small, recipe, tmp_path / path, target="onnx_float", data=images(16, 5)).bit_equal == 1.0
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_equal_tables_are_stored_once(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights=None, activations="fp16", rounding="up")
    export(small, recipe, tmp_path / "a.onnx", target="onnx_float")
    lengths = [tuple(tensor.dims) for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer]
    assert len(recipe) > 1 and lengths.count((65536,)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (dict(format="int5", rounding="stochastic"), "cannot draw .*; nearest is int5 with rounding nearest_even"),
        (dict(format="uint8", dynamic="sample"), "one range a batch; nearest is uint8"),
        (dict(format="int8", dynamic="batch"), "nearest is uint8 with symmetric=False"),
    ],
)
def test_what_no_file_can_say_is_refused_by_name(small, small_calibration, tmp_path, changes, words):
    recipe = choose(small, small_calibration).with_tensor("relu1_out", **changes)
    with pytest.raises(WorkbenchError, match=f"Activation 'relu1_out': .*{words}"):
        export(small, recipe, tmp_path / "a.onnx", target="onnx_float")


def test_blocks_along_another_axis_are_refused(small, small_calibration):
    recipe = choose(small, small_calibration, activations="mxfp4").with_tensor("relu1_out", axis=1)
    (sentence,) = ONNX_FLOAT.refusals(small, recipe)
    assert "'relu1_out'" in sentence and "nearest is mxfp4 with axis 0" in sentence


def test_dynamic_bytes_are_equal_in_all_bits(small, small_calibration, tmp_path):
    recipe = choose(small, small_calibration, weights="nf4", activations="uint8")
    recipe = recipe.with_tensor("relu1_out", dynamic="batch")
    assert export(small, recipe, tmp_path / "a.onnx", target="onnx_float", data=images(8, 5)).bit_equal == 1.0


@needs_assets
def test_a_mixed_recipe_on_a_real_network(tmp_path):
    model = load(model_path("cifar10_resnet20"))
    calibration = calibrate(model, inputs("cifar10_resnet20", "calib")[0][:20])
    recipe = choose(model, calibration, weights="nf4", residual_adds=True)
    formats = ["nf4", "fp6_e2m3", "log2_4", "int5", "gfpq8", "mxfp6_e3m2", "int8", "bf16", "q8"]
    activations = [name for name in recipe if recipe[name].axis is None and name in model.observable]
    for number, name in enumerate(activations):
        options = dict(format=formats[number % len(formats)], method="min_max")
        recipe = recipe.with_choice(choose_tensor(model, calibration, name, **options))
    report = export(
        model, recipe, tmp_path / "a.onnx", target="onnx_float", data=inputs("cifar10_resnet20", "eval")[0][:8]
    )
    assert report.bit_equal == 1.0
    print(f"\n{len(activations)} activations of {len(formats)} formats: {report.sqnr_db:.2f} dB")
