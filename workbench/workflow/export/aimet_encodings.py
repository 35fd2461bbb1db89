"""Target `aimet_encodings`: encodings 1.0.0 of AIMET, as Qualcomm's converters take them; integers and fp16.

The file: see `workbench.workflow.ranges.aimet_encodings`. Signed codes with a zero point other than 0 are unsigned
there, at the same levels.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Layer, Model
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.export.onnx_qdq import scale_layout
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.export.written_ranges import check_deployed, listed, text_refusal, unsaid, write_lists
from workbench.workflow.ranges.aimet_encodings import LISTS, VERSION, read
from workbench.workflow.ranges.fitting import block_axis
from workbench.workflow.recipe import Recipe

INTEGERS = tuple(f"{sign}int{bits}" for bits in (4, 8, 16) for sign in ("", "u"))


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """Integers of 4, 8 and 16 bits and fp16; floats say their width alone there, which could be bf16 as well."""
    if choice is None:
        return None
    if choice.format not in (*INTEGERS, "fp16"):
        return f"encodings {VERSION} have no {choice.format}; nearest is {_nearest(choice)}"
    return ", and ".join(unsaid(choice)) or None


def _nearest(choice: TensorChoice) -> str:
    format = choice.variation
    if isinstance(format, IntegerFormat):
        bits = next(bits for bits in (4, 8, 16) if bits >= format.bits)
        return f"{'int' if format.signed else 'uint'}{bits}"
    return "int4" if format.bits <= 4 else "int8" if format.bits <= 8 else "fp16"


def recipe_refusals(model: Model, recipe: Recipe, names: Mapping[str, str]) -> tuple[str, ...]:
    """Weights whose axis is not the one that readers take where the file names none."""
    layers = {layer.weight: layer for layer in reversed(model.layers) if layer.weight in recipe}
    reasons = {
        name: _axis_reason(model, recipe[name].quantizer, layers[name])
        for name in weight_names(model)
        if name in layers
    }
    return tuple(f"Weight {name!r}: {reason}." for name, reason in reasons.items() if reason)


def _axis_reason(model: Model, quantizer: Quantizer, layer: Layer) -> str | None:
    if quantizer.axis is None or not quantizer.format.has_scale:
        return None
    shape = model.tensors[layer.weight or ""].array().shape
    axis = quantizer.axis % len(shape)
    if quantizer.block_size is None:
        if axis != layer.weight_axis:
            return (
                f"it has a scale for each index of axis {axis}, encodings {VERSION} mean those of {layer.weight_axis}"
            )
    elif axis != block_axis(shape, layer.weight_axis):
        return f"its blocks run along axis {axis}, encodings {VERSION} mean those along its inputs"
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """Activations, then weights, in the order of the recipe."""
    weights = set(weight_names(order.model))
    lists: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for name, choice in order.recipe.items():
        entry = {"name": order.name(name), **_entry(order.model, name, choice.quantizer)}
        lists[name in weights].append(entry)
    write_lists(path, VERSION, {field: lists[is_weight] for field, is_weight in LISTS.items()})
    moved = [name for name, choice in order.recipe.items() if _is_moved(choice.quantizer)]
    if not moved:
        return ()
    sentence = f"Signed codes with a zero point are unsigned in the file, at the same levels: {listed(moved)}."
    return (Notice("format", sentence),)


def _is_moved(quantizer: Quantizer) -> bool:
    return quantizer.format.signed and bool(np.any(quantizer.zero_point))


def _entry(model: Model, name: str, quantizer: Quantizer) -> dict[str, Any]:
    """All fields but the name. Raises WorkbenchError for blocks that are not one for all positions of a kernel."""
    format = quantizer.format
    if not isinstance(format, IntegerFormat):
        return {"dtype": "FLOAT", "enc_type": "PER_TENSOR", "bw": format.bits}
    scale, offset = np.asarray(quantizer.scale), format.qmin - np.asarray(quantizer.zero_point)
    kind = "PER_TENSOR" if quantizer.axis is None else "PER_CHANNEL"
    blocks = {}
    if quantizer.block_size is not None:
        kind, blocks = "PER_BLOCK", {"block_size": quantizer.block_size}
        shape = model.tensors[name].array().shape
        scale, offset = (_of_all_positions(name, scale_layout(quantizer, shape, one)) for one in (scale, offset))
    return {
        "dtype": "INT",
        "enc_type": kind,
        "bw": format.bits,
        "is_sym": bool((offset == -(2 ** (format.bits - 1))).all()),
        "scale": scale.reshape(-1).tolist(),
        "offset": offset.reshape(-1).tolist(),
        **blocks,
    }


def _of_all_positions(name: str, grid: np.ndarray) -> np.ndarray:
    """The first position of a kernel, where all are equal: AIMET's blocks have no axes for them."""
    first = grid[(slice(None), slice(None), *[slice(1)] * (grid.ndim - 2))]
    if (grid != first).any():
        raise WorkbenchError(
            f"weight {name!r} has blocks for each position of its kernel, encodings {VERSION} one for all of them; "
            "nearest is a scale for each channel"
        )
    return first


def check(order: Order, path: Path) -> SelfCheck:
    """Every scale and zero point read back, equal to the last bit, and the codes of weights."""
    return check_deployed(order, path, read, {name: choice.quantizer for name, choice in order.recipe.items()})


AIMET_ENCODINGS = Target(
    name="aimet_encodings",
    title="AIMET encodings 1.0.0",
    runs_on="AIMET 1.0.0",
    suffix=".encodings",
    refusal=refusal,
    write=write,
    check=check,
    kind="ranges",
    name_refusal=text_refusal,
    named="tensors",
    recipe_refusals=recipe_refusals,
    read=read,
)
