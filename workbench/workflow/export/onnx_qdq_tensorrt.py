"""Target `onnx_qdq_tensorrt`: QuantizeLinear / DequantizeLinear as TensorRT reads them.

int8 alone, every zero point 0, weights per tensor or output channel, activations per tensor, biases in float32:
TensorRT's parser accepts no DequantizeLinear of int32, and quantizes biases by itself where its kernels want that.
Source: NVIDIA TensorRT documentation, Working with Quantized Types; the operator table of onnx-tensorrt.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export import qdq_elements
from workbench.workflow.export.onnx_qdq import write_plan
from workbench.workflow.export.selfcheck import check_by_running
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.plan import Plan, plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

NEAREST = "int8 with symmetric=True"
LOWEST_WEIGHT = -128  # a code that TensorRT's weights do not have


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """What TensorRT cannot read, or would compute as something else than was seen."""
    if choice is None:
        return None
    element = qdq_elements.element_of(choice.variation, is_weight=is_weight)
    if element is None or element.dtype != np.int8:
        return f"TensorRT takes int8 here, it is {choice.format}; nearest is {NEAREST}"
    if qdq_elements.is_dynamic(choice):
        return f"TensorRT reads no DynamicQuantizeLinear; nearest is {NEAREST} and a fixed range"
    if np.any(choice.quantizer.zero_point):
        return f"TensorRT takes zero point 0 alone, and its range is not symmetric; nearest is {NEAREST}"
    if choice.block_size is not None:
        return "TensorRT takes int8 per tensor or per channel, it is in blocks; nearest is int8 without block_size"
    return qdq_elements.refusal(choice, is_weight=is_weight)


def recipe_refusals(model: Model, recipe: Recipe, names: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on weights with ranges along another axis than the output channels of each layer that reads them."""
    found = []
    for layer in model.layers:
        choice = recipe.choices.get(layer.weight or "")
        axis = None if choice is None else choice.quantizer.axis
        if layer.weight is None or axis is None:
            continue
        if axis % model.tensors[layer.weight].array().ndim != layer.weight_axis:
            found.append(
                f"Weight {layer.weight!r}: its ranges lie along axis {axis}, TensorRT takes the output channels of "
                f"{layer.name!r} (axis {layer.weight_axis}); choose that axis, or one range."
            )
    return tuple(found)


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """As `onnx_qdq`, with float32 biases."""
    worked_out = plan(order.model, order.recipe, float_biases=True)
    return (*write_plan(order, path, worked_out), *_lowest_codes(order, worked_out))


def _lowest_codes(order: Order, worked_out: Plan) -> tuple[Notice, ...]:
    """One sentence on weights with the code -128; nothing where there are none."""
    counts = {
        name: int((worked_out.weights[name].encode(order.model.tensors[name].array()) == LOWEST_WEIGHT).sum())
        for name in weight_names(order.model)
        if name in worked_out.weights
    }
    found = [name for name, n in counts.items() if n]
    if not found:
        return ()
    sentence = (
        f"{sum(counts.values())} codes in {len(found)} weights are -128 (first in {found[0]!r}); TensorRT documents "
        "-127..127 for weights, which int8_narrow keeps to."
    )
    return (Notice("range", sentence),)


def check(order: Order, path: Path) -> SelfCheck:
    """Equality with a simulation that leaves biases in float, and how far that is from the one that people see."""
    checked = check_by_running(order, path, float_biases=True)
    if order.batches is None or checked.simulated is None or not plan(order.model, order.recipe).biases:
        return checked
    first = order.batches.answers(order.model)[0]
    seen = Simulator(order.model, order.batches).compare(order.recipe, tensors=False).outputs[first]
    sentence = (
        f"Biases are float32 in this file: {checked.simulated.sqnr_db:.2f} dB at {first!r}, "
        f"{checked.simulated.sqnr_db - seen.sqnr_db:+.2f} dB against the simulation with int32 biases."
    )
    notices = (*checked.notices, Notice("bias", sentence))
    return SelfCheck(checked.bit_equal, checked.simulated, checked.deployed, notices)


ONNX_QDQ_TENSORRT = Target(
    name="onnx_qdq_tensorrt",
    title="ONNX with QuantizeLinear / DequantizeLinear for TensorRT",
    runs_on="TensorRT",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check,
    recipe_refusals=recipe_refusals,
    profile="tensorrt",
)
