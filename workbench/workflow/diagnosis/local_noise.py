"""Noise of one tensor where it is read: what it adds to the layer's output, relative to what the layer computes."""

import numpy as np

from workbench.models.model import Layer
from workbench.models.protos import attribute, is_operator


def energies(layer: Layer, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of a weight by output and input channel, float64 (outputs, inputs of one output), and which those
    inputs are, int64 of the same shape.

    weight: the layer's weight or anything of its shape (an error, for example).
    """
    square = np.square(np.asarray(weight, np.float64))
    if is_operator(layer.node, "Conv"):
        per = square.reshape(*square.shape[:2], -1).sum(axis=2)
        n_groups = int(attribute(layer.node, "group", 1))
        group = np.arange(per.shape[0]) // max(1, per.shape[0] // n_groups)
        return per, group[:, None] * per.shape[1] + np.arange(per.shape[1])
    if is_operator(layer.node, "ConvTranspose"):
        per = square.reshape(*square.shape[:2], -1).sum(axis=2)  # (inputs, outputs of a group)
        n_groups = int(attribute(layer.node, "group", 1))
        inputs = np.arange(per.shape[0]).reshape(n_groups, -1)
        parts = [per[rows].T for rows in inputs]
        places = [np.broadcast_to(rows, (per.shape[1], rows.size)) for rows in inputs]
        return np.concatenate(parts), np.concatenate(places)
    axis = layer.weight_axis
    matrix = square.reshape(-1, *square.shape[-2:]).sum(axis=0) if square.ndim > 2 else np.atleast_2d(square)
    per = matrix if axis == 0 and square.ndim == 2 else matrix.T
    return per, np.broadcast_to(np.arange(per.shape[1]), per.shape)


def per_output(of: np.ndarray, places: np.ndarray, power: np.ndarray | None) -> np.ndarray:
    """float64 (outputs,): energies times the power of the input channels they meet; 1 each where that is not known."""
    if power is None or places.max(initial=0) >= power.size:
        return np.asarray(of.sum(axis=1))
    return np.asarray((of * power[places]).sum(axis=1))


def mean_ratio(noise: np.ndarray, signal: np.ndarray) -> float:
    """Mean over output channels of noise over signal; channels that compute nothing are left out.

    A channel counts the same however large it is: the layers behind may scale it as they like.
    """
    alive = signal > 0
    if not alive.any():
        return 0.0
    with np.errstate(over="ignore"):
        return float(np.mean(noise[alive] / signal[alive]))
