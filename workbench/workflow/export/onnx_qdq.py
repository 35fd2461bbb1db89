"""Target `onnx_qdq`: QuantizeLinear / DequantizeLinear around float operators; fp16 and bf16 tensors as Cast pairs.

What it can express is data, in `qdq_elements`; dynamic uint8 ranges become DynamicQuantizeLinear.
"""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.dynamic import DynamicQuantizer
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import weight_names
from workbench.workflow.export.qdq_elements import Element, element_of, refusal
from workbench.workflow.export.rewiring import GraphEditor
from workbench.workflow.export.saving import save_network
from workbench.workflow.export.selfcheck import check_by_running
from workbench.workflow.export.target import Order, Target
from workbench.workflow.plan import IntegerBias, Plan, plan
from workbench.workflow.recipe import Recipe


def needed_opset(model: Model, recipe: Recipe) -> int:
    """Lowest opset that can express the recipe."""
    weights = set(weight_names(model))
    needed = [_element(choice.variation, is_weight=name in weights).opset for name, choice in recipe.items()]
    blocked = [21 for choice in recipe.values() if choice.block_size is not None]
    return max([13, *needed, *blocked])


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The folded graph with the quantized tensors behind QuantizeLinear and DequantizeLinear; deterministic."""
    return write_plan(order, path, plan(order.model, order.recipe))


def write_plan(order: Order, path: Path, worked_out: Plan) -> tuple[Notice, ...]:
    """The same for a recipe that is worked out already."""
    model, recipe = order.model, order.recipe
    opset, notices = needed_opset(model, recipe), []
    proto = model.proto(opset=opset)
    if model.opset < opset:
        notices.append(Notice("opset", f"The file was raised from opset {model.opset} to {opset} for its formats."))
    editor = GraphEditor(proto)
    for name, quantizer in worked_out.weights.items():
        _store_weight(editor, name, quantizer, model.tensors[name].array())
    for name, bias in worked_out.biases.items():
        _store_bias(editor, name, bias)
    for name, activation in worked_out.activations.items():
        if isinstance(activation, DynamicQuantizer):
            _quantize_dynamically(editor, name)
        else:
            _quantize_activation(editor, name, activation)
    n_dynamic = sum(isinstance(activation, DynamicQuantizer) for activation in worked_out.activations.values())
    if n_dynamic:
        words = f"The ranges of {n_dynamic} activations are found in each batch: the outputs of a sample depend on the "
        notices.append(
            Notice("range", words + "samples that run with it, and are those simulated for the same batches.")
        )
    finished = editor.finish()
    del finished.graph.value_info[:]
    save_network(finished, path)
    return tuple(notices) + worked_out.notices


def _element(format: Format, *, is_weight: bool) -> Element:
    element = element_of(format, is_weight=is_weight)
    if element is None:
        raise WorkbenchError(f"ONNX has no type for {format.name}; ask ONNX_QDQ.refusals(model, recipe) before writing")
    return element


def _onnx_type(element: Element) -> int:
    return int(helper.np_dtype_to_tensor_dtype(element.dtype))


def scale_layout(quantizer: Quantizer, shape: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """Scales or zero points, one a group, in the shape that DequantizeLinear wants for a tensor of `shape`."""
    if quantizer.axis is None or quantizer.block_size is None:
        return np.asarray(values)
    axis = quantizer.axis % len(shape)
    others = shape[:axis] + shape[axis + 1 :]
    blocks = np.asarray(values).reshape(*others, shape[axis] // quantizer.block_size)
    return np.moveaxis(blocks, -1, axis)


def _store_weight(editor: GraphEditor, name: str, quantizer: Quantizer, values: np.ndarray) -> None:
    element = _element(quantizer.format, is_weight=True)
    if element.operator == "constant":
        editor.set_constant(name, numpy_helper.from_array(quantizer.fake_quantize(values)))
        return
    codes = numpy_helper.from_array(quantizer.encode(values).astype(element.dtype))
    stored = editor.add_constant(f"{name}_quantized", codes)
    node_name = editor.fresh(f"{name}_DequantizeLinear")
    if element.operator == "Cast":
        node = helper.make_node("Cast", [stored], [name], name=node_name, to=TensorProto.FLOAT)
    else:
        scale, zero_point = _scale_constants(editor, name, quantizer, element, values.shape)
        placement: dict[str, Any] = {}
        if quantizer.axis is not None:
            placement["axis"] = quantizer.axis
        if quantizer.block_size is not None:
            placement["block_size"] = quantizer.block_size
        inputs = [stored, scale, zero_point]
        node = helper.make_node("DequantizeLinear", inputs, [name], name=node_name, **placement)
    editor.replace_constant(name, [node])


def _scale_constants(
    editor: GraphEditor, name: str, quantizer: Quantizer, element: Element, shape: tuple[int, ...]
) -> tuple[str, str]:
    zero_points = np.broadcast_to(np.asarray(quantizer.zero_point), np.shape(quantizer.scale))
    scale = scale_layout(quantizer, shape, np.asarray(quantizer.scale, np.float32))
    zero_point = scale_layout(quantizer, shape, zero_points).astype(np.int32).astype(element.dtype)
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
    element = _element(quantizer.format, is_weight=False)
    if element.operator == "Cast":
        nodes = [
            helper.make_node("Cast", [name], [coded], name=first, to=_onnx_type(element)),
            helper.make_node("Cast", [coded], [decoded], name=second, to=TensorProto.FLOAT),
        ]
    else:
        nodes = _coded_and_back(editor, name, quantizer, coded, decoded, first, second)
    editor.insert_behind(name, nodes, decoded)


def _quantize_dynamically(editor: GraphEditor, name: str) -> None:
    """DynamicQuantizeLinear finds scale and zero point in the batch; DequantizeLinear takes them from there."""
    coded, scale, zero_point, decoded = (
        editor.fresh(f"{name}_{part}") for part in ("quantized", "scale", "zero_point", "dequantized")
    )
    first, second = editor.fresh(f"{name}_DynamicQuantizeLinear"), editor.fresh(f"{name}_DequantizeLinear")
    nodes = [
        helper.make_node("DynamicQuantizeLinear", [name], [coded, scale, zero_point], name=first),
        helper.make_node("DequantizeLinear", [coded, scale, zero_point], [decoded], name=second),
    ]
    editor.insert_behind(name, nodes, decoded)


def _coded_and_back(
    editor: GraphEditor, name: str, quantizer: Quantizer, coded: str, decoded: str, first: str, second: str
) -> list[NodeProto]:
    """QuantizeLinear and DequantizeLinear of one scale, written so that onnxruntime keeps a Relu before them.

    onnxruntime removes a Relu before QuantizeLinear where the zero point already cuts at 0, but looks at the value of
    the zero point for 8 and 16 bit integers alone: for int4 and fp8 it always removes it, and behind a Clip it refuses
    the whole file. Without a zero point (it is 0 then) it does not look; where a 4-bit zero point is needed, a Max of
    one input stands between.
    """
    element = _element(quantizer.format, is_weight=False)
    scale, zero_point = _scale_constants(editor, name, quantizer, element, ())
    nodes, read, parameters = [], name, [scale, zero_point]
    output_type: dict[str, Any] = {}
    if element.relu_is_lost:
        if not quantizer.zero_point:
            parameters, output_type = [scale], {"output_dtype": _onnx_type(element)}
            editor.remove_constant(zero_point)
        else:
            read = editor.fresh(f"{name}_kept")
            nodes.append(helper.make_node("Max", [name], [read], name=editor.fresh(f"{name}_Max")))
    nodes.append(helper.make_node("QuantizeLinear", [read, *parameters], [coded], name=first, **output_type))
    nodes.append(helper.make_node("DequantizeLinear", [coded, *parameters], [decoded], name=second))
    return nodes


ONNX_QDQ = Target(
    name="onnx_qdq",
    title="ONNX with QuantizeLinear / DequantizeLinear",
    runs_on="onnxruntime",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check_by_running,
    profile="onnxruntime",
)
