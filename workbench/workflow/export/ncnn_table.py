"""Target `ncnn_table`: the int8 table of ncnn2int8, scales of the weight and the input of each layer.

The file: see `workbench.workflow.ranges.ncnn_table`. Its names are those of ncnn's layers: what `names` says of a
layer's weight, else the name of its node, else that of its output. Convolutions (2d), grouped and depthwise ones, Gemm
and MatMul with a constant weight have entries. ncnn quantizes a layer's weight and its input or neither: an entry of
the input alone makes ncnn2int8 stop, one of the weight alone does nothing; so a recipe with one of them is refused, and
layers without either are not in the file and stay float. Numbers are written with 9 digits and an exponent where it is
needed, as scanf's %f reads them; ncnn2table's own %f loses those below 5e-7.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Layer, Model
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choose import weight_names
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.export.written_ranges import (
    byte_refusal,
    bytes_of,
    check_deployed,
    is_symmetric,
    listed,
    made_symmetric,
    step,
    text_refusal,
)
from workbench.workflow.ranges.fitting import group_count
from workbench.workflow.ranges.layer_names import layer_name, weight_entry
from workbench.workflow.ranges.ncnn_table import FORMAT, read
from workbench.workflow.recipe import Recipe

_LONGEST = 247  # bytes; ncnn2int8 puts the name and "_param_0" into 256


def quantized_layers(model: Model, recipe: Recipe) -> list[Layer]:
    """Layers of which the recipe quantizes weight or input."""
    weighted = (layer for layer in model.layers if layer.weight is not None)
    return [layer for layer in weighted if layer.weight in recipe or any(name in recipe for name in layer.inputs)]


def recipe_refusals(model: Model, recipe: Recipe, names: Mapping[str, str]) -> tuple[str, ...]:
    """What ncnn's layers cannot do with the recipe, by layer and tensor."""
    sentences = []
    layers = quantized_layers(model, recipe)
    if not layers:
        sentences.append("It quantizes no layer, and an empty table says nothing; choose int8 for weights and inputs.")
    called = Counter(layer_name(layer, names) for layer in layers)
    for layer in layers:
        name = layer_name(layer, names)
        reasons = [_layer_reason(model, recipe, layer), _name_reason(name)]
        if called[name] > 1:
            reasons.append("another layer has this name; give their weights names with names=")
        sentences += [f"Layer {name!r}: {reason}." for reason in reasons if reason]
    read_by_layers = {name for layer in layers for name in layer.inputs}
    for name in recipe:
        if name not in read_by_layers and name not in weight_names(model):
            sentences.append(f"Activation {name!r}: no weighted layer reads it, ncnn has no place for it; take it out.")
    return tuple(sentences)


def _name_reason(name: str) -> str | None:
    if name.startswith("#") or "_param_" in name or len(name.split()) != 1 or name != name.strip():
        return "ncnn tables hold no layer names with spaces or '_param_', or with # first; use names="
    if text_refusal(name) is None and len(name.encode()) > _LONGEST:
        return f"ncnn reads names of up to {_LONGEST} bytes; use names="
    return text_refusal(name)


def _layer_reason(model: Model, recipe: Recipe, layer: Layer) -> str | None:
    weight = layer.weight or ""
    if any(byte_refusal(recipe.choices.get(name), is_weight=name == weight) for name in (weight, *layer.inputs)):
        return None  # the tensor's own refusal says what to do
    values = model.tensors[weight].array()
    convolves = layer.op_type == "Conv" and values.ndim == 4
    multiplies = layer.op_type in ("Gemm", "MatMul") and values.ndim == 2
    if not (convolves or multiplies) or len(layer.inputs) != 1 or layer.weight_axis is None:
        return f"ncnn2int8 quantizes no {layer.op_type} with a weight of shape {values.shape}; take its tensors out"
    if weight not in recipe:
        return (
            f"its input is quantized, its weight {weight!r} is not, and ncnn does both or neither; choose int8 for it"
        )
    if layer.inputs[0] not in recipe:
        return f"its weight is quantized, its input {layer.inputs[0]!r} is not, ncnn does both or neither; choose int8"
    if np.ndim(step(recipe[weight])) and recipe[weight].quantizer.axis != layer.weight_axis:
        return f"weight {weight!r} has a scale for each index of axis {recipe[weight].axis}, ncnn one a channel"
    try:
        numbers = (*_weight_scales(model, recipe, layer), step(recipe[layer.inputs[0]]))
    except WorkbenchError as error:
        return str(error)
    with np.errstate(over="ignore", divide="ignore"):
        read_there = np.float32(1 / np.asarray(numbers, np.float64))
    if not ((read_there >= np.finfo(np.float32).tiny) & np.isfinite(read_there)).all():
        return "a number 127 / threshold is 0, subnormal or infinite in float32; choose another range"
    return None


def _weight_scales(model: Model, recipe: Recipe, layer: Layer) -> np.ndarray:
    """float32 (output channels,), or one for each group of a grouped convolution, where ncnn has no more."""
    assert layer.weight is not None and layer.weight_axis is not None
    n_channels = model.tensors[layer.weight].array().shape[layer.weight_axis]
    scales = np.broadcast_to(step(recipe[layer.weight]), (n_channels,))
    groups = group_count(layer)
    if groups == 1 or groups == n_channels:
        return scales
    rows = scales.reshape(groups, -1)
    if (rows != rows[:, :1]).any():
        raise WorkbenchError(f"weight {layer.weight!r} has a scale a channel, ncnn one for each of its {groups} groups")
    return rows[:, 0]


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """Weights first, then inputs, in the order of the network."""
    model, recipe = order.model, order.recipe
    weights, inputs = [], []
    layers = quantized_layers(model, recipe)
    for layer in layers:
        name = layer_name(layer, order.names)
        weights.append(" ".join([weight_entry(name), *map(_digits, _weight_scales(model, recipe, layer))]))
        inputs.append(f"{name} {_digits(step(recipe[layer.inputs[0]]))}")
    path.write_text("".join(f"{line}\n" for line in [*weights, *inputs]), encoding="utf-8")
    return (*made_symmetric(recipe, recipe, "ncnn"), *_other_readers(model, recipe))


def foretold(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    """Which tensors get other codes than in the recipe."""
    return made_symmetric(recipe, bytes_of(recipe), "ncnn")


def _digits(scale: np.ndarray) -> str:
    """1 / scale; 9 digits are enough for its reciprocal to be the same float32 again."""
    return f"{1 / float(scale):.9g}"


def _other_readers(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    """ncnn quantizes in front of its int8 layers; other operators that read the same tensor see it as it was."""
    shared = [name for name in model.residual_inputs if name in recipe]
    if not shared:
        return ()
    sentence = f"Quantized tensors that an Add reads too, {len(shared)} in all, reach it unquantized in ncnn: "
    return (Notice("target", f"{sentence}{listed(shared)}."),)


def check(order: Order, path: Path) -> SelfCheck:
    """Every scale read back, equal to the last bit; and the codes that ncnn's own rounding gives, counted."""
    expected = {name: _deployed(order, name) for name in order.recipe}
    checked = check_deployed(order, path, read, expected)
    n_values = n_others = 0
    for name in set(weight_names(order.model)) & set(expected):
        if not is_symmetric(order.recipe[name].quantizer):
            continue
        values = order.model.tensors[name].array()
        codes = expected[name].encode(values).astype(np.int64)
        differences = np.abs(_codes_in_ncnn(values, expected[name]) - codes)
        if differences.max(initial=0) > 1:
            raise WorkbenchError(f"weight {name!r} has other codes in ncnn by more than one step; nothing was kept")
        n_values, n_others = n_values + values.size, n_others + int((differences > 0).sum())
    words = f"ncnn multiplies by the written number and rounds halves away from 0: {n_others} of {n_values} codes of "
    notice = Notice("check", words + "weights are one step off by that.")
    return SelfCheck(notices=(*checked.notices, notice))


def _deployed(order: Order, name: str) -> Quantizer:
    """What the file describes: codes -127 to 127; a tensor's one scale is there for each channel of a weight."""
    choice = order.recipe[name]
    layers = [layer for layer in order.model.layers if layer.weight == name]
    if not layers:
        return Quantizer(FORMATS[FORMAT], step(choice))
    scales = _weight_scales(order.model, order.recipe, layers[0])
    n_channels = order.model.tensors[name].array().shape[layers[0].weight_axis or 0]
    return Quantizer(FORMATS[FORMAT], np.repeat(scales, n_channels // len(scales)), 0, layers[0].weight_axis)


def _codes_in_ncnn(values: np.ndarray, quantizer: Quantizer) -> np.ndarray:
    """int64, shape of `values`: float32 product with the number as it is read, half away from 0, within +-127."""
    numbers = np.array([_digits(scale) for scale in quantizer.scale], np.float64).astype(np.float32)
    rows = np.moveaxis(values, quantizer.axis or 0, 0)
    products = rows * numbers.reshape(-1, *[1] * (rows.ndim - 1))
    rounded = np.trunc(products.astype(np.float64) + np.copysign(0.5, products))
    return np.moveaxis(np.clip(rounded, -127, 127).astype(np.int64), 0, quantizer.axis or 0)


NCNN_TABLE = Target(
    name="ncnn_table",
    title="ncnn int8 table",
    runs_on="ncnn",
    suffix=".table",
    refusal=byte_refusal,
    write=write,
    check=check,
    kind="ranges",
    recipe_refusals=recipe_refusals,
    foretold=foretold,
    profile="ncnn",
    read=read,
)
