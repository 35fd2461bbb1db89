"""Target `onnx_qdq`: QuantizeLinear / DequantizeLinear around float operators; fp16 and bf16 tensors as Cast pairs."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import weight_names
from workbench.workflow.export.rewiring import GraphEditor
from workbench.workflow.export.selfcheck import check_by_running
from workbench.workflow.export.target import Target
from workbench.workflow.plan import IntegerBias, plan
from workbench.workflow.recipe import Recipe

# format name -> (numpy type of the codes in the file, lowest opset whose QuantizeLinear or Cast knows it)
_TYPES: dict[str, tuple[np.dtype, int]] = {
    "int8": (np.dtype(np.int8), 13),
    "int8_narrow": (np.dtype(np.int8), 13),
    "uint8": (np.dtype(np.uint8), 13),
    "int16": (np.dtype(np.int16), 21),
    "int16_narrow": (np.dtype(np.int16), 21),
    "uint16": (np.dtype(np.uint16), 21),
    "int4": (np.dtype(ml_dtypes.int4), 21),
    "int4_narrow": (np.dtype(ml_dtypes.int4), 21),
    "uint4": (np.dtype(ml_dtypes.uint4), 21),
    "fp8_e4m3": (np.dtype(ml_dtypes.float8_e4m3fn), 21),
    "fp8_e5m2": (np.dtype(ml_dtypes.float8_e5m2), 21),
    "fp16": (np.dtype(np.float16), 13),
    "bf16": (np.dtype(ml_dtypes.bfloat16), 13),
}

_RELU_IS_LOST = ("int4", "uint4", "fp8_e4m3", "fp8_e5m2")


def refusals(model: Model, recipe: Recipe) -> tuple[str, ...]:
    """What QuantizeLinear cannot say: formats it does not know, narrow ranges of activations."""
    weights = set(weight_names(model))
    sentences = []
    for name, choice in recipe.items():
        if choice.format not in _TYPES:
            sentences.append(f"Tensor {name!r}: QuantizeLinear has no {choice.format}; nearest is int8.")
        elif choice.format.endswith("_narrow") and name not in weights:
            nearest = choice.format.removesuffix("_narrow")
            sentences.append(
                f"Activation {name!r}: QuantizeLinear saturates at the ends of its type, so {choice.format} is for "
                f"weights only; nearest is {nearest}."
            )
    return tuple(sentences)


def needed_opset(recipe: Recipe) -> int:
    """Lowest opset that can express the recipe."""
    needed = [_TYPES[choice.format][1] for choice in recipe.values()]
    blocked = [21 for choice in recipe.values() if choice.block_size is not None]
    return max([13, *needed, *blocked])


def write(model: Model, recipe: Recipe, path: Path) -> tuple[Notice, ...]:
    """The folded graph with the quantized tensors behind QuantizeLinear and DequantizeLinear; deterministic."""
    opset, notices = needed_opset(recipe), []
    proto = model.proto(opset=opset)
    if model.opset < opset:
        notices.append(Notice("opset", f"The file was raised from opset {model.opset} to {opset} for its formats."))
    worked_out = plan(model, recipe)
    editor = GraphEditor(proto)
    for name, quantizer in worked_out.weights.items():
        _store_weight(editor, name, quantizer, model.tensors[name].array())
    for name, bias in worked_out.biases.items():
        _store_bias(editor, name, bias)
    for name, quantizer in worked_out.activations.items():
        _quantize_activation(editor, name, quantizer)
    finished = editor.finish()
    del finished.graph.value_info[:]
    path.write_bytes(finished.SerializeToString(deterministic=True))
    return tuple(notices) + worked_out.notices


def _element(format_name: str) -> int:
    return int(helper.np_dtype_to_tensor_dtype(_TYPES[format_name][0]))


def _is_cast(quantizer: Quantizer) -> bool:
    return not quantizer.format.has_scale


def scale_layout(quantizer: Quantizer, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """Scales or zero points, one a group, in the shape that DequantizeLinear wants for a tensor of `shape`."""
    if quantizer.axis is None or quantizer.block_size is None:
        return np.asarray(values)
    axis = quantizer.axis % len(shape)
    others = shape[:axis] + shape[axis + 1 :]
    blocks = np.asarray(values).reshape(*others, shape[axis] // quantizer.block_size)
    return np.moveaxis(blocks, -1, axis)


def _store_weight(editor: GraphEditor, name: str, quantizer: Quantizer, values: np.ndarray) -> None:
    dtype = _TYPES[quantizer.format.name][0]
    codes = numpy_helper.from_array(quantizer.encode(values).astype(dtype))
    stored = editor.add_constant(f"{name}_quantized", codes)
    node_name = editor.fresh(f"{name}_DequantizeLinear")
    if _is_cast(quantizer):
        node = helper.make_node("Cast", [stored], [name], name=node_name, to=TensorProto.FLOAT)
    else:
        scale, zero_point = _scale_constants(editor, name, quantizer, values.shape)
        placement: dict[str, Any] = {}
        if quantizer.axis is not None:
            placement["axis"] = quantizer.axis
        if quantizer.block_size is not None:
            placement["block_size"] = quantizer.block_size
        inputs = [stored, scale, zero_point]
        node = helper.make_node("DequantizeLinear", inputs, [name], name=node_name, **placement)
    editor.replace_constant(name, [node])


def _scale_constants(editor: GraphEditor, name: str, quantizer: Quantizer, shape: tuple[int, ...]) -> tuple[str, str]:
    dtype = _TYPES[quantizer.format.name][0]
    zero_points = np.broadcast_to(np.asarray(quantizer.zero_point), np.shape(quantizer.scale))
    scale = scale_layout(quantizer, shape, np.asarray(quantizer.scale, np.float32))
    zero_point = scale_layout(quantizer, shape, zero_points).astype(np.int32).astype(dtype)
    return (
        editor.add_constant(f"{name}_scale", numpy_helper.from_array(np.ascontiguousarray(scale).reshape(scale.shape))),
        editor.add_constant(f"{name}_zero_point", numpy_helper.from_array(zero_point.copy().reshape(scale.shape))),
    )


def _store_bias(editor: GraphEditor, name: str, bias: IntegerBias) -> None:
    stored = editor.add_constant(f"{name}_quantized", numpy_helper.from_array(bias.codes))
    scale = editor.add_constant(f"{name}_scale", numpy_helper.from_array(bias.scale))
    zero = editor.add_constant(f"{name}_zero_point", numpy_helper.from_array(np.zeros(bias.scale.shape, np.int32)))
    placement: dict[str, Any] = {"axis": 0} if bias.scale.ndim else {}
    node_name = editor.fresh(f"{name}_DequantizeLinear")
    node = helper.make_node("DequantizeLinear", [stored, scale, zero], [name], name=node_name, **placement)
    editor.replace_constant(name, [node])


def _quantize_activation(editor: GraphEditor, name: str, quantizer: Quantizer) -> None:
    coded, decoded = editor.fresh(f"{name}_quantized"), editor.fresh(f"{name}_dequantized")
    first, second = editor.fresh(f"{name}_QuantizeLinear"), editor.fresh(f"{name}_DequantizeLinear")
    if _is_cast(quantizer):
        nodes = [
            helper.make_node("Cast", [name], [coded], name=first, to=_element(quantizer.format.name)),
            helper.make_node("Cast", [coded], [decoded], name=second, to=TensorProto.FLOAT),
        ]
    else:
        nodes = _coded_and_back(editor, name, quantizer, coded, decoded, first, second)
    editor.insert_behind(name, nodes, decoded)


def _coded_and_back(
    editor: GraphEditor, name: str, quantizer: Quantizer, coded: str, decoded: str, first: str, second: str
) -> list[NodeProto]:
    """QuantizeLinear and DequantizeLinear of one scale, written so that onnxruntime keeps a Relu before them.

    onnxruntime removes a Relu before QuantizeLinear where the zero point already cuts at 0, but looks at the value of
    the zero point for 8 and 16 bit integers alone: for int4 and fp8 it always removes it. Without a zero point (it is 0
    then) it does not look; where a 4-bit zero point is needed, a Max of one input stands between.
    """
    scale, zero_point = _scale_constants(editor, name, quantizer, ())
    nodes, read, parameters = [], name, [scale, zero_point]
    output_type: dict[str, Any] = {}
    if quantizer.format.name in _RELU_IS_LOST:
        format = quantizer.format
        if not quantizer.zero_point:
            parameters, output_type = [scale], {"output_dtype": _element(format.name)}
            editor.remove_constant(zero_point)
        elif not isinstance(format, IntegerFormat) or quantizer.zero_point != format.qmin:
            read = editor.fresh(f"{name}_kept")
            nodes.append(helper.make_node("Max", [name], [read], name=editor.fresh(f"{name}_Max")))
    nodes.append(helper.make_node("QuantizeLinear", [read, *parameters], [coded], name=first, **output_type))
    nodes.append(helper.make_node("DequantizeLinear", [coded, *parameters], [decoded], name=second))
    return nodes


ONNX_QDQ = Target(
    name="onnx_qdq",
    title="ONNX with QuantizeLinear / DequantizeLinear",
    suffix=".onnx",
    refusals=refusals,
    write=write,
    check=check_by_running,
)
