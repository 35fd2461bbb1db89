"""`choose`: a recipe for a whole network by a method, with the documented defaults."""

from collections.abc import Mapping

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.groups import clip_groups
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.grouping import Grouping
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.choice import TensorChoice
from workbench.workflow.estimate import estimated_range
from workbench.workflow.recipe import Recipe

Distributions = Mapping[str, Distribution]


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
) -> Recipe:
    """A recipe with one format for all weights and one for all activations.

    Quantized are: every weight of Conv, ConvTranspose, Gemm and MatMul (symmetric; per output channel unless
    `per_channel=False`), every activation that such an operator reads, graph inputs too (per tensor; affine unless
    `symmetric=True`), and with `residual_adds=True` both inputs of an Add of two activations. Biases follow as int32.
    Graph outputs are not quantized. None leaves a side float.
    clipping: method for the activations' ranges. weight_clipping: the same for weights; None means min_max for formats
    of 8 bits or more and `clipping` below: with 8 bits per channel, clipping a weight costs the output more than the
    finer steps gain (0.2 dB in the mean of four networks, on their calibration data).
    calibration: tensor name -> Distribution; None without data: weights are chosen, activations get ranges estimated
    from BatchNorm statistics where there are any (marked estimated) and stay float elsewhere, said in `notices`.
    Raises WorkbenchError for an unknown format or method and for a calibration that lacks a tensor.
    """
    _ = CLIPPING[clipping]
    notices: list[Notice] = []
    choices: list[TensorChoice] = []
    if weights is not None and weights != "fp32":
        method = weight_clipping or default_weight_clipping(weights, clipping)
        for name in weight_names(model):
            choices.append(choose_tensor(model, None, name, format=weights, method=method, per_channel=per_channel))
    if activations is not None and activations != "fp32":
        _ = FORMATS[activations]
        names = [*model.observed, *(model.residual_inputs if residual_adds else ())]
        for name in dict.fromkeys(names):
            try:
                chosen = choose_tensor(
                    model, calibration, name, format=activations, method=clipping, symmetric=symmetric
                )
            except NoRange as missing:
                if calibration is not None:
                    raise
                notices.append(Notice("range", str(missing)))
            else:
                choices.append(chosen)
    return Recipe(model.name, model.sha256, {c.tensor: c for c in choices}, tuple(notices))


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
) -> TensorChoice:
    """The choice of one tensor by a method.

    symmetric: None means symmetric for weights, affine for activations. per_channel: weights only; None means per
    channel where the users of the weight agree on an axis. block_size: weights, blocks along the input axis.
    Raises WorkbenchError for unknown names; per-channel where users of a shared weight need different axes.
    """
    if name not in model.tensors:
        raise WorkbenchError(
            f"{model.name} has no tensor {name!r}; expected one of its weights or observed activations"
        )
    kind = FORMATS[format]
    if not kind.has_scale:
        return TensorChoice(name, format, "own", -kind.largest, kind.largest)
    if name in weight_names(model):
        return _choose_weight(model, name, format, method, symmetric, per_channel, block_size)
    mirrored = bool(symmetric)
    if calibration is not None and name in calibration:
        distribution = calibration[name]
        if not distribution.count:
            raise NoRange(f"tensor {name!r} held no finite value in the calibration data; it stays float")
        chosen = CLIPPING[method](distribution, format, symmetric=mirrored)
        return TensorChoice(name, format, method, chosen.low, chosen.high, symmetric=mirrored)
    estimate = estimated_range(model, name)
    if estimate is None:
        raise NoRange(
            f"tensor {name!r} has no calibration and no BatchNorm statistics; it stays float until data is given"
        )
    chosen = estimate.mirrored() if mirrored else estimate
    return TensorChoice(name, format, "min_max", chosen.low, chosen.high, symmetric=mirrored, estimated=True)


def _choose_weight(
    model: Model,
    name: str,
    format: str,
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
    low, high = clip_groups(grouping.split(array), FORMATS[format], method, symmetric=mirrored)
    if grouping.axis is None:
        bounds = float(low[0]), float(high[0])
        return TensorChoice(name, format, method, *bounds, symmetric=mirrored)
    return TensorChoice(
        name, format, method, np.asarray(low), np.asarray(high), mirrored, grouping.axis, grouping.block_size
    )
