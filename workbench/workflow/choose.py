"""`choose`: a recipe for a whole network by a method, with the documented defaults."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.groups import clip_groups
from workbench.numerics.clipping.zero_band import zero_band
from workbench.numerics.codebooks.fit_codebook import fit_codebook
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.codebook import CodebookFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import Overflow, Rounding
from workbench.numerics.grouping import Grouping
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.choice import Dynamic, TensorChoice, own_range_of
from workbench.workflow.estimate import estimated_range
from workbench.workflow.every_operator import biases, check_unscaled, computed_values
from workbench.workflow.range_modes import RangeMode, with_range_mode
from workbench.workflow.recipe import Recipe

Distributions = Mapping[str, Distribution]
PRUNED = 0.5  # share set to zero where pruning is chosen without a share


def choose(
    model: Model,
    calibration: Distributions | None,
    *,
    weights: str | None = "int8",
    activations: str | None = "int8",
    clipping: str = "least_error",
    weight_clipping: str | None = None,
    per_channel: bool = True,
    symmetric: bool = False,
    residual_adds: bool = False,
    every_operator: bool = False,
    rounding: Rounding = "nearest_even",
    weight_sparsity: float = 0.0,
    stored: Recipe | None = None,
    range_mode: RangeMode = "initialise",
) -> Recipe:
    """A recipe with one format for all weights and one for all activations.

    Quantized are: every weight of Conv, ConvTranspose, Gemm and MatMul (symmetric; per output channel unless
    `per_channel=False`), every activation that such an operator reads, graph inputs too (per tensor; affine unless
    `symmetric=True`), and with `residual_adds=True` both inputs of an Add of two activations. Biases follow as int32.
    Graph outputs are not quantized. None leaves a side float.
    every_operator: `activations`, a format without a scale (fp16, bf16, TF32), stands at every float32 value that an
    operator reads, and in every bias: what a device computes that rounds after every operator.
    clipping: method for the activations' ranges. weight_clipping: the same for weights; None means min_max for formats
    of 8 bits or more and `clipping` below: with 8 bits per channel, clipping a weight costs the output more than the
    finer steps gain (0.2 dB in the mean of four networks, on their calibration data).
    rounding: of weights and activations, a key of `ROUNDINGS`. weight_sparsity: share of each weight, the smallest
    magnitudes, that is set to zero first (the format "pruned" takes a half unless told otherwise).
    stored, range_mode: an earlier recipe, and whether its ranges are ignored ("initialise"), widened by the new ones
    ("update") or kept ("apply_only"); see `with_range_mode`.
    calibration: tensor name -> Distribution; None without data: weights are chosen, activations get ranges estimated
    from BatchNorm statistics where there are any (marked estimated) and stay float elsewhere, said in `notices`.
    Raises WorkbenchError for an unknown format or method and for a calibration that lacks a tensor.
    """
    _ = CLIPPING[clipping]
    if every_operator:
        check_unscaled(activations)
    if stored is None and range_mode != "initialise":
        raise WorkbenchError(f"range mode {range_mode!r} needs the recipe whose ranges are meant; give stored=")
    if stored is not None and calibration is None and range_mode == "apply_only":
        return with_range_mode(None, stored, range_mode)
    notices: list[Notice] = []
    choices: list[TensorChoice] = []
    if weights is not None and weights != "fp32":
        method = weight_clipping or default_weight_clipping(weights, clipping)
        for name in weight_names(model):
            options: dict[str, Any] = {"per_channel": per_channel, "rounding": rounding, "sparsity": weight_sparsity}
            choices.append(choose_tensor(model, None, name, format=weights, method=method, **options))
    if activations is not None and activations != "fp32":
        _ = FORMATS[activations]
        names = [*model.observed, *(model.residual_inputs if residual_adds else ())]
        if every_operator:
            names = [*computed_values(model), *biases(model)]
        for name in dict.fromkeys(names):
            try:
                options = {"symmetric": symmetric, "rounding": rounding}
                chosen = choose_tensor(model, calibration, name, format=activations, method=clipping, **options)
            except NoRange as missing:
                if calibration is not None:
                    raise
                notices.append(Notice("range", str(missing)))
            else:
                choices.append(chosen)
    new = Recipe(model.name, model.sha256, {c.tensor: c for c in choices}, tuple(notices))
    return new if stored is None else with_range_mode(new, stored, range_mode)


def default_weight_clipping(format: str, clipping: str = "least_error") -> str:
    """The method for weights unless one is named: the whole range with 8 bits or more, `clipping` below."""
    return "min_max" if FORMATS[format].bits >= 8 else clipping


class NoRange(WorkbenchError):
    """There is nothing to choose a range from: no data for this tensor and no BatchNorm statistics."""


def weight_names(model: Model) -> tuple[str, ...]:
    """Weights of all layers, each once, in graph order."""
    return tuple(dict.fromkeys(layer.weight for layer in model.layers if layer.weight is not None))


def weight_axis(model: Model, name: str) -> int | None:
    """The output channel axis of a weight; None where its users need different axes or it has none."""
    axes = {layer.weight_axis for layer in model.layers if layer.weight == name}
    return axes.pop() if len(axes) == 1 else None


def choose_tensor(
    model: Model,
    calibration: Distributions | None,
    name: str,
    *,
    format: str,
    method: str = "least_error",
    symmetric: bool | None = None,
    per_channel: bool | None = None,
    block_size: int | None = None,
    rounding: Rounding = "nearest_even",
    overflow: Overflow | None = None,
    sparsity: float = 0.0,
    dynamic: Dynamic | None = None,
) -> TensorChoice:
    """The choice of one tensor by a method.

    symmetric: None means symmetric for weights, affine for activations. per_channel: weights only; None means per
    channel where the users of the weight agree on an axis. block_size: weights, blocks along the input axis.
    rounding, overflow: see `TensorChoice`. sparsity: share in [0, 1) of the values, those of smallest magnitude, that
    become 0. dynamic: activations only; the range is found anew in each "batch" or "sample", calibration's whole range
    is kept beside it. Codebooks that need it are fitted to the tensor's values.
    Raises WorkbenchError for unknown names; per-channel where users of a shared weight need different axes.
    """
    if name not in model.tensors:
        raise WorkbenchError(
            f"{model.name} has no tensor {name!r}; expected one of its weights or observed activations"
        )
    is_weight = name in weight_names(model)
    kind = FORMATS[format].with_choices(rounding=rounding, overflow=overflow)
    variation: dict[str, Any] = {"rounding": rounding, "overflow": overflow}
    if kind.family == "pruning" and not sparsity:
        sparsity = PRUNED
    if sparsity:
        variation["zero_band"] = zero_band(_distribution_of(model, calibration, name), sparsity)
    if dynamic is not None:
        if is_weight:
            raise WorkbenchError(f"weight {name!r} never changes, so that a dynamic range means nothing for it")
        method, variation["dynamic"] = "min_max", dynamic
    if not kind.has_scale:
        choice = _choose_own_range(model, calibration, name, kind, variation.get("zero_band", 0.0))
    elif is_weight:
        choice = _choose_weight(model, name, kind, method, symmetric, per_channel, block_size)
    else:
        choice = _choose_activation(model, calibration, name, kind, method, bool(symmetric))
    return dataclasses.replace(choice, **variation)


def _distribution_of(model: Model, calibration: Distributions | None, name: str) -> Distribution:
    if name in weight_names(model):
        return model.tensors[name].distribution()
    if calibration is None or name not in calibration:
        raise NoRange(f"tensor {name!r} has no calibration, and its values are needed; calibrate with data first")
    if not calibration[name].count:
        raise NoRange(f"tensor {name!r} held no finite value in the calibration data; it stays float")
    return calibration[name]


def _choose_own_range(
    model: Model, calibration: Distributions | None, name: str, format: Format, band: float
) -> TensorChoice:
    """A choice without a threshold: the format's own range, levels fitted to the values, or blocks along the inputs."""
    levels = None
    if isinstance(format, CodebookFormat) and format.needs_values:
        fitted = fit_codebook(format, _distribution_of(model, calibration, name), zero_band=band)
        levels = fitted.levels
    axis = None
    if format.block_size is not None:
        axis = (weight_axis(model, name) or 0) if name in weight_names(model) else 0
    return TensorChoice(name, format.name, **own_range_of(format, levels, axis), levels=levels)


def _choose_activation(
    model: Model, calibration: Distributions | None, name: str, format: Format, method: str, mirrored: bool
) -> TensorChoice:
    if calibration is not None and name in calibration:
        chosen = clip_range(method, _distribution_of(model, calibration, name), format, symmetric=mirrored)
        return TensorChoice(name, format.name, method, chosen.low, chosen.high, symmetric=mirrored)
    estimate = estimated_range(model, name)
    if estimate is None:
        raise NoRange(
            f"tensor {name!r} has no calibration and no BatchNorm statistics; it stays float until data is given"
        )
    chosen = estimate.mirrored() if mirrored else estimate
    return TensorChoice(name, format.name, "min_max", chosen.low, chosen.high, symmetric=mirrored, estimated=True)


def _choose_weight(
    model: Model,
    name: str,
    format: Format,
    method: str,
    symmetric: bool | None,
    per_channel: bool | None,
    block_size: int | None,
) -> TensorChoice:
    array = model.tensors[name].array()
    axis = weight_axis(model, name)
    if axis is None and per_channel and len({lay.weight_axis for lay in model.layers if lay.weight == name}) > 1:
        users = ", ".join(layer.name for layer in model.layers if layer.weight == name)
        raise WorkbenchError(f"weight {name!r} is shared by {users} with different channel axes; use per_channel=False")
    grouped = axis is not None and per_channel is not False
    grouping = Grouping(axis if grouped else None)
    if block_size is not None and axis is not None:
        input_axis = 0 if axis == array.ndim - 1 else 1
        grouping = Grouping(input_axis, block_size)
    mirrored = symmetric is not False
    low, high = clip_groups(grouping.split(array), format, method, symmetric=mirrored)
    if grouping.axis is None:
        bounds = float(low[0]), float(high[0])
        return TensorChoice(name, format.name, method, *bounds, symmetric=mirrored)
    return TensorChoice(
        name, format.name, method, np.asarray(low), np.asarray(high), mirrored, grouping.axis, grouping.block_size
    )
