"""What a file leaves open of a weight's groups, filled in from the model: their axis, their order, their number."""

import dataclasses

import numpy as np

from workbench.models.model import Layer, Model
from workbench.workflow.ranges.ranges import TensorRange


def fitted(model: Model, name: str, found: TensorRange) -> TensorRange:
    """The range with an axis where it has groups, and a bound for each group that the weight has along it.

    Channels without an axis are the layer's output channels; blocks run along its inputs. One channel stands for the
    tensor, unless it is the only one along the axis that the file names; as many as a convolution has groups stand for
    all channels of each; blocks that are one for all positions of a kernel stand for every one.
    """
    layers = [layer for layer in model.layers if layer.weight == name]
    if not np.ndim(found.low) or not layers:
        return found if found.axis is not None or not np.ndim(found.low) else dataclasses.replace(found, axis=0)
    shape, channels = model.tensors[name].array().shape, layers[0].weight_axis
    if "block_size" in found.others:
        return _blocks(found, shape, channels)
    only_channel = found.axis is not None and -len(shape) <= found.axis < len(shape) and shape[found.axis] == 1
    if np.size(found.low) == 1 and not only_channel:
        low, high = (float(np.ravel(bound)[0]) for bound in (found.low, found.high))
        return dataclasses.replace(found, low=low, high=high, axis=None)
    axis = found.axis if found.axis is not None else channels or 0
    if -len(shape) <= axis < len(shape):
        axis %= len(shape)
        n_groups = np.size(found.low)
        if n_groups == group_count(layers[0]) and shape[axis] % n_groups == 0:
            lows, highs = (np.repeat(bound, shape[axis] // n_groups) for bound in (found.low, found.high))
            return dataclasses.replace(found, low=lows, high=highs, axis=axis)
    return dataclasses.replace(found, axis=axis)


def group_count(layer: Layer) -> int:
    """Groups of a convolution; 1 for other layers."""
    return next((int(attribute.i) for attribute in layer.node.attribute if attribute.name == "group"), 1)


def block_axis(shape: tuple[int, ...], channels: int | None) -> int:
    """The axis that blocks of a weight run along where nobody says: that of its inputs."""
    return 0 if channels == len(shape) - 1 else min(1, len(shape) - 1)


def _blocks(found: TensorRange, shape: tuple[int, ...], channels: int | None) -> TensorRange:
    if found.axis is not None:
        inside = -len(shape) <= found.axis < len(shape)
        return dataclasses.replace(found, axis=found.axis % len(shape) if inside else found.axis)
    axis = block_axis(shape, channels)
    grid = list(shape)
    grid[axis] = max(1, shape[axis] // int(found.others["block_size"]))
    of_kernel = (*grid[:2], *[1] * (len(grid) - 2))
    size = np.size(found.low)
    if size not in (np.prod(grid), np.prod(of_kernel)):
        return dataclasses.replace(found, axis=axis)  # `plan` says how many there should be
    given = tuple(grid) if size == np.prod(grid) else of_kernel
    low, high = (
        np.moveaxis(np.broadcast_to(np.reshape(bound, given), grid), axis, -1).reshape(-1)
        for bound in (found.low, found.high)
    )
    return dataclasses.replace(found, low=low, high=high, axis=axis)
