"""Target `tpu_mlir_table`: the calibration table of TPU-MLIR: `name threshold min max` for each activation.

threshold is what the tool's symmetric mode divides by 127; min and max are what its asymmetric mode divides by 255
steps: the range of the 256 codes, so that a symmetric tensor has the same scale in both. It calls the output of an
operator by tensor and operator (`122_Conv`) and inputs by their name: the option `operators` writes them so.
Source: TPU-MLIR, developer manual, run_calibration and model_deploy.
"""

import dataclasses
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.range_check import check_read_back
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.ranges import tpu_mlir_table
from workbench.workflow.ranges.covering import code_range
from workbench.workflow.ranges.tpu_mlir_table import FULL_RANGE, HEADING


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """int8 alone: the tool rounds, saturates and quantizes weights by its own rules."""
    if choice is None:
        return None
    if choice.format != "int8":
        nearest = "int8" if choice.variation.bits <= 8 else "no entry (the tool's own F16 or BF16)"
        return f"a TPU-MLIR table holds int8 ranges, not {choice.format}; nearest is {nearest}"
    reasons = []
    if choice.dynamic is not None:
        reasons.append("its ranges are fixed")
    if is_weight and np.any(choice.quantizer.zero_point):
        reasons.append("its weights are symmetric")
    if is_weight and choice.block_size is not None:
        reasons.append("its weights have one scale a channel, not a block")
    if not is_weight and choice.rounding != "nearest_even":
        reasons.append(f"it does not round {choice.rounding}")
    if not is_weight and choice.zero_band:
        reasons.append("it has no zero band")
    return f"{', and '.join(reasons)}; nearest is int8 without these" if reasons else None


def name_refusal(name: str) -> str | None:
    """Fields are parted by spaces, comments begin with #."""
    if not name or name.split() != [name]:
        return "names in a TPU-MLIR table hold no space and no line break"
    return "names in a TPU-MLIR table do not begin with #" if name.startswith("#") else None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """One line an activation, in the order of the recipe, numbers that come back to the same bits."""
    recipe, weights = order.recipe, set(weight_names(order.model))
    lines = [f"# recipe for {' '.join(recipe.model_name.split())}", FULL_RANGE, "###", HEADING]
    activations = {name: choice for name, choice in recipe.items() if name not in weights}
    for name, choice in activations.items():
        low, high = code_range(choice.quantizer)
        threshold = high if not choice.quantizer.zero_point else max(-low, high)
        lines.append(f"{called(order, name)} {threshold!r} {low!r} {high!r}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return _notices(order, activations)


def called(order: Order, name: str) -> str:
    """What the tool calls a tensor: as it is told, or by the operator that computes it where the option says so."""
    if name in order.names or not order.options.get("operators"):
        return order.name(name)
    operator = _operators(order.model).get(name)
    return name if operator is None else f"{name}_{operator}"


def _operators(model: Model) -> dict[str, str]:
    return {output: node.op_type for node in model.network.nodes for output in node.output}


def _notices(order: Order, activations: dict[str, TensorChoice]) -> tuple[Notice, ...]:
    notices = []
    n_affine = sum(bool(choice.quantizer.zero_point) for choice in activations.values())
    if n_affine:
        words = "have a zero point: deploy with --asymmetric, else the tool takes their thresholds alone"
        notices.append(Notice("ranges", f"{n_affine} of {len(activations)} activations {words}."))
    other = [name for name in weight_names(order.model) if name in order.recipe and not _as_the_tool(order, name)]
    if other:
        words = "are quantized by the tool to the largest magnitude of each channel, which is not what the recipe has"
        notices.append(Notice("ranges", f"{len(other)} weights (first: {other[0]!r}) {words}."))
    return tuple(notices)


def _as_the_tool(order: Order, name: str) -> bool:
    """Whether the recipe quantizes a weight as the tool will: per output channel, largest magnitude / 127."""
    choice, values = order.recipe[name], order.model.tensors[name].array()
    if not np.ndim(choice.quantizer.scale):
        return False
    largest = np.abs(choice.quantizer.grouping.split(values)).max(axis=1)
    return np.array_equal(choice.quantizer.scale[largest > 0], (largest / np.float32(127))[largest > 0])


def check(order: Order, path: Path) -> SelfCheck:
    weights = set(weight_names(order.model))
    names = {name: called(order, name) for name in order.recipe if name not in weights}
    if len(set(names.values())) < len(names):
        raise WorkbenchError("two tensors have one name in the table; give names= or leave the option operators out")
    as_written = dataclasses.replace(order, names=names)
    return check_read_back(as_written, path, tpu_mlir_table.read, weights=False)


TPU_MLIR_TABLE = Target(
    name="tpu_mlir_table",
    title="TPU-MLIR calibration table",
    runs_on="TPU-MLIR",
    suffix=".cali_table",
    refusal=refusal,
    write=write,
    check=check,
    kind="ranges",
    name_refusal=name_refusal,
    named="activations",
    read=tpu_mlir_table.read,
    options={"operators": "True: call the output of an operator tensor_Operator, as the tool does"},
)
