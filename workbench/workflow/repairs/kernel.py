"""`Kernel`: a weight of Conv, ConvTranspose or Gemm seen by output and input channel, whatever its layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import NodeProto

from workbench.models.network import Network
from workbench.models.protos import attribute, is_operator

SCALED = ("Conv", "ConvTranspose", "Gemm")  # operators whose channels can be scaled


@dataclass(frozen=True)
class Kernel:
    """Where a stored weight keeps its channels.

    node: the operator. weight: name of its weight, float32. bias: name of its bias, None without.
    n_groups: 1, or more for a grouped or depthwise convolution. n_outputs, n_inputs: channels, of all groups.
    """

    node: NodeProto
    weight: str
    bias: str | None
    n_groups: int
    n_outputs: int
    n_inputs: int

    def by_channel(self, values: np.ndarray) -> np.ndarray:
        """A view of the weight or of an array of its shape: (groups, outputs of one, inputs of one, taps)."""
        outputs, inputs = self.n_outputs // self.n_groups, self.n_inputs // self.n_groups
        if is_operator(self.node, "Conv"):
            return values.reshape(self.n_groups, outputs, inputs, -1)
        if is_operator(self.node, "Gemm") and attribute(self.node, "transB", 0):
            return values.reshape(1, outputs, inputs, 1)
        return values.reshape(self.n_groups, inputs, outputs, -1).swapaxes(1, 2)

    def sizes(self, values: np.ndarray) -> np.ndarray:
        """Largest absolute value over the taps: (groups, outputs of one, inputs of one)."""
        return np.abs(self.by_channel(values)).max(axis=3)

    def of_outputs(self, factors: np.ndarray) -> np.ndarray:
        """One number an output channel, so that it meets `sizes`."""
        return factors.reshape(self.n_groups, -1, 1)

    def of_inputs(self, factors: np.ndarray) -> np.ndarray:
        """One number an input channel, or one for several in a row, so that it meets `sizes`."""
        return np.repeat(factors, self.n_inputs // factors.size).reshape(self.n_groups, 1, -1)


def kernel_of(node: NodeProto, network: Network, readers: Mapping[str, Sequence[int]]) -> Kernel | str:
    """The kernel of a SCALED operator; where its weight cannot be scaled alone, why not: words after "its weight"."""
    name = node.input[1]
    values = network.constants.get(name)
    if values is None:
        return "is computed, not stored"
    if values.dtype != np.float32:
        return f"is {values.dtype}, not float32"
    if len(readers[name]) > 1 or name in network.output_names:
        return "is read elsewhere, too"
    if not np.isfinite(values).all() or not values.size:
        return "has values that are no numbers" if values.size else "is empty"
    bias = node.input[2] if len(node.input) > 2 and node.input[2] else None
    if is_operator(node, "Gemm"):
        shape = values.shape if attribute(node, "transB", 0) else values.shape[::-1]
        return Kernel(node, name, bias, 1, *shape)
    n_groups = int(attribute(node, "group", 1))
    of_one, rest = values.shape[1], values.shape[0]
    if is_operator(node, "Conv"):
        return Kernel(node, name, bias, n_groups, rest, of_one * n_groups)
    return Kernel(node, name, bias, n_groups, of_one * n_groups, rest)
