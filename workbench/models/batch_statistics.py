"""What BatchNorms say about the activations behind them, without any data."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from workbench.models.folding import BatchNorm
from workbench.models.network import Network
from workbench.models.protos import attribute, is_operator

MOVES = ("Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "MaxPool", "Identity")


@dataclass(frozen=True)
class BatchStatistics:
    """Distribution of an activation over the training data, per channel, before it was cut to lowest ... highest.

    mean, deviation: float64 (channels,), BatchNorm's shift and the size of its scale.
    """

    mean: np.ndarray
    deviation: np.ndarray
    lowest: float = -np.inf
    highest: float = np.inf

    def cut(self, lowest: float, highest: float) -> "BatchStatistics":
        """The same behind a Relu or Clip."""
        low, high = max(self.lowest, lowest), min(self.highest, highest)
        return BatchStatistics(self.mean, self.deviation, low, high)


def batch_statistics(network: Network, batch_norms: Mapping[str, BatchNorm]) -> dict[str, BatchStatistics]:
    """Statistics of the outputs of BatchNorms (folded or not) and of what only cuts or moves their values."""
    known: dict[str, BatchStatistics] = {}
    for node in network.nodes:
        for name in node.output:
            if name in batch_norms:
                known[name] = BatchStatistics(batch_norms[name].shift, np.abs(batch_norms[name].scale))
        if node.input and node.input[0] in known and node.output[0] not in known:
            bounds = bounds_of(node, network)
            if bounds is not None:
                known[node.output[0]] = known[node.input[0]].cut(*bounds)
    return known


def bounds_of(node: NodeProto, network: Network) -> tuple[float, float] | None:
    """The interval that a node cuts values to; None where it does more than cut and move."""
    if is_operator(node, "Relu"):
        return 0.0, np.inf
    if is_operator(node, *MOVES):
        return -np.inf, np.inf
    if not is_operator(node, "Clip"):
        return None
    low = bound(node, 1, attribute(node, "min", -np.inf), network)
    high = bound(node, 2, attribute(node, "max", np.inf), network)
    return None if low is None or high is None else (low, high)


def bound(node: NodeProto, position: int, default: float, network: Network) -> float | None:
    """One bound of a Clip; None where it is computed at run time."""
    if len(node.input) <= position or not node.input[position]:
        return float(default)
    array = network.constants.get(node.input[position])
    return None if array is None or array.size != 1 else float(array.reshape(-1)[0])
