"""Folds BatchNorm into the Conv, ConvTranspose or Gemm before it, once, when a file is loaded.

y = gamma * (W x + b - mean) / sqrt(var + epsilon) + beta is again a weight and a bias:
W' = f W and b' = f (b - mean) + beta with f = gamma / sqrt(var + epsilon) per output channel.
Source: Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient Inference (arXiv:1712.05877), 3.2.
"""

from dataclasses import dataclass

import numpy as np
from onnx import AttributeProto, NodeProto

from workbench.models.network import Network
from workbench.models.protos import attribute, is_operator, read_only, unused_name
from workbench.models.refusal import shown

BIAS_ENDINGS = {"weight": "bias", "kernel": "bias", "_w_0": "_b_0", "_w": "_b", ".W": ".B"}


@dataclass(frozen=True)
class BatchNorm:
    """Parameters of one BatchNormalization at inference.

    output: name of its output. names: of its scale, shift, mean and variance. All arrays float64 (channels,).
    """

    output: str
    names: tuple[str, ...]
    scale: np.ndarray
    shift: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    epsilon: float

    @property
    def factor(self) -> np.ndarray:
        """float64 (channels,): what each channel is multiplied with."""
        return self.scale / np.sqrt(self.variance + self.epsilon)


def fold(network: Network) -> dict[str, BatchNorm]:
    """Fold every BatchNorm that can be, in place; returns all BatchNorms of the network by the name of their output.

    The folded operator takes the name of the BatchNorm's output; the name that vanishes goes into `network.renamed`.
    """
    readers = network.readers()
    producers = network.producers()
    outputs = set(network.output_names)
    found: dict[str, BatchNorm] = {}
    folded: set[int] = set()
    names: dict[str, str] = {}
    taken = network.names()
    for position, node in enumerate(network.nodes):
        batch_norm = read_batch_norm(node, network)
        if batch_norm is None:
            continue
        found[batch_norm.output] = batch_norm
        source = node.input[0]
        if source not in producers or readers[source] != [position] or source in outputs:
            continue
        operator = network.nodes[producers[source]]
        if fold_one(operator, batch_norm, network, readers, taken):
            operator.output[0] = batch_norm.output
            names[source] = batch_norm.output
            producers[batch_norm.output] = producers[source]  # a second BatchNorm finds the operator
            folded.add(position)
    network.nodes = [node for position, node in enumerate(network.nodes) if position not in folded]
    network.rename(names)
    network.drop_dead()
    if folded:
        network.note("fold", f"{len(folded)} BatchNormalization operators were folded into the operator before them")
    return found


def read_batch_norm(node: NodeProto, network: Network) -> BatchNorm | None:
    """The parameters of a BatchNormalization; None where they are no constants or it would not be one at inference."""
    if not is_operator(node, "BatchNormalization") or len(node.input) != 5 or any(node.output[1:]):
        return None
    if attribute(node, "training_mode", 0) or not attribute(node, "spatial", 1):
        return None
    arrays = [network.constants.get(name) for name in node.input[1:]]
    parameters = [array.astype(np.float64) for array in arrays if array is not None and array.ndim == 1]
    if len(parameters) < 4 or len({array.shape for array in parameters}) != 1:
        return None
    epsilon = float(attribute(node, "epsilon", 1e-5))
    if not all(np.isfinite(array).all() for array in parameters) or (parameters[3] + epsilon <= 0).any():
        network.note("fold", f"BatchNormalization {shown(node.name)} has impossible statistics and is not folded")
        return None
    scale, shift, mean, variance = parameters
    return BatchNorm(node.output[0], tuple(node.input[1:]), scale, shift, mean, variance, epsilon)


def fold_one(
    operator: NodeProto, batch_norm: BatchNorm, network: Network, readers: dict[str, list[int]], taken: set[str]
) -> bool:
    """Write the folded weight and bias; False, and nothing changed, where the operator is none that can take them."""
    if not is_operator(operator, "Conv", "ConvTranspose", "Gemm") or len(operator.input) < 2:
        return False
    name = operator.input[1]
    weight = network.constants.get(name)
    if weight is None or weight.dtype != np.float32 or len(readers[name]) > 1 or name in network.output_names:
        return False
    bias_name = operator.input[2] if len(operator.input) > 2 else ""
    bias = network.constants.get(bias_name)
    if bias_name and (bias is None or bias.dtype != np.float32):
        return False
    new_weight = folded_weight(operator, weight, batch_norm.factor)
    new_bias = folded_bias(operator, bias, batch_norm)
    if new_weight is None or new_bias is None:
        return False
    network.constants[name] = rounded(new_weight)
    if not bias_name or len(readers[bias_name]) > 1 or bias_name in network.output_names:
        bias_name = unused_name(name_of_bias(name), taken)
        taken.add(bias_name)
        readers[bias_name] = [-1]
    network.constants[bias_name] = rounded(new_bias)
    del operator.input[2:]
    operator.input.append(bias_name)
    set_beta_one(operator)
    return True


def folded_weight(operator: NodeProto, weight: np.ndarray, factor: np.ndarray) -> np.ndarray | None:
    """float64, the shape of the weight; None where the channels do not match."""
    wide = weight.astype(np.float64)
    n = factor.size
    if is_operator(operator, "Conv"):
        return wide * factor.reshape(-1, *[1] * (wide.ndim - 1)) if wide.ndim > 1 and wide.shape[0] == n else None
    if is_operator(operator, "ConvTranspose"):
        groups = int(attribute(operator, "group", 1))
        if wide.ndim < 2 or groups < 1 or wide.shape[0] % groups or wide.shape[1] * groups != n:
            return None
        # output channel g * (channels per group) + j belongs to group g, whose inputs are one block of rows
        parts = wide.reshape(groups, wide.shape[0] // groups, *wide.shape[1:])
        return (parts * factor.reshape(groups, 1, -1, *[1] * (wide.ndim - 2))).reshape(wide.shape)
    if wide.ndim != 2:
        return None
    axis = 0 if attribute(operator, "transB", 0) else 1
    return wide * (factor[:, None] if axis == 0 else factor[None, :]) if wide.shape[axis] == n else None


def folded_bias(operator: NodeProto, bias: np.ndarray | None, batch_norm: BatchNorm) -> np.ndarray | None:
    """float64 (channels,); None where the bias is not one value a channel."""
    n = batch_norm.factor.size
    old = np.zeros(n)
    if bias is not None:
        one_row = bias.size in (1, n) and (bias.ndim <= 1 or bias.shape == (1, n) or bias.size == 1)
        if not one_row or (not is_operator(operator, "Gemm") and bias.shape != (n,)):
            return None
        old = np.broadcast_to(bias.astype(np.float64).reshape(-1), (n,))
        if is_operator(operator, "Gemm"):
            old = old * float(attribute(operator, "beta", 1.0))
    return batch_norm.factor * (old - batch_norm.mean) + batch_norm.shift


def set_beta_one(operator: NodeProto) -> None:
    """The folded bias of a Gemm already holds its beta."""
    for entry in operator.attribute:
        if entry.name == "beta" and entry.type == AttributeProto.FLOAT:
            entry.f = 1.0


def rounded(array: np.ndarray) -> np.ndarray:
    """float32, rounded once, read-only."""
    with np.errstate(over="ignore"):
        return read_only(array.astype(np.float32))


def name_of_bias(weight: str) -> str:
    """A name for the bias that goes with a weight: `conv1.weight` -> `conv1.bias`."""
    for ending, replacement in BIAS_ENDINGS.items():
        if weight.endswith(ending):
            return weight.removesuffix(ending) + replacement
    return f"{weight}.bias"
