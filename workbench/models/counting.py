"""Counts parameters (of the file, before BatchNorm is folded) and multiply-accumulates (per layer, batch of 1)."""

from collections.abc import Callable, Mapping
from math import prod
from threading import Lock

import numpy as np
from onnx import NodeProto, TensorProto

from workbench.models.network import Network
from workbench.models.operators import WEIGHTED, Operands
from workbench.models.protos import all_graphs, attribute, is_float, is_operator, nested_graphs

# inputs that hold settings or statistics, not trained values
UNTRAINED = {
    "BatchNormalization": (3, 4),
    "Clip": (1, 2),
    "Pad": (2,),
    "Pow": (1,),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
    "Dropout": (1,),
    "QuantizeLinear": (1, 2),
    "DequantizeLinear": (1, 2),
    "Range": (0, 1, 2),
    "OneHot": (1, 2),
    "TopK": (1,),
    "LSTM": (4, 5, 6),
    "GRU": (4, 5),
    "RNN": (4, 5),
}
PARAMETRISED = (*WEIGHTED, "BatchNormalization", "InstanceNormalization", "LayerNormalization", "LSTM", "GRU", "RNN")
ELEMENTWISE = ("Add", "Sub", "Mul", "Div", "Max", "Min", "Where", "Less", "Greater", "Equal", "Mod")
FLOAT_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)


def count_parameters(network: Network) -> int:
    """Trained values of a network: weights, biases, scales and shifts; each tensor once.

    Not counted: BatchNorm's running statistics, integer constants, single numbers and settings such as clip bounds.
    """
    return sum(network.constants[name].size for name in trained(network)) + sum(map(nested_parameters, network.nodes))


def trained(network: Network) -> list[str]:
    """Names of the constants that are trained values."""
    names: dict[str, bool] = {}
    for node in network.nodes:
        skipped = UNTRAINED.get(node.op_type, ()) if node.domain == "" else ()
        for position, name in enumerate(node.input):
            if position not in skipped and name in network.constants and is_parameter(network.constants[name], node):
                names[name] = names.get(name, False) or is_operator(node, *PARAMETRISED)
    # exporters keep weights in initializers, tables and masks in Constant nodes; some keep everything in the latter
    if all(name in network.lifted for name in names):
        return list(names)
    return [name for name, surely in names.items() if surely or name not in network.lifted]


def is_parameter(array: np.ndarray, reader: NodeProto) -> bool:
    """A float tensor; a single number in elementwise arithmetic is a setting, such as an attention's divisor."""
    return is_float(array.dtype) and array.ndim > 0 and (array.size > 1 or not is_operator(reader, *ELEMENTWISE))


def nested_parameters(node: NodeProto) -> int:
    """Float tensors in the branches of an If and the bodies of loops."""
    total = 0
    for outer in nested_graphs(node):
        for graph in all_graphs(outer):
            constants = [entry.t for inner in graph.node if is_operator(inner, "Constant") for entry in inner.attribute]
            tensors = [tensor for tensor in (*graph.initializer, *constants) if tensor.data_type in FLOAT_TYPES]
            total += sum(prod(tensor.dims) for tensor in tensors if tensor.dims)
    return total


class MacCounter:
    """Multiply-accumulates of layers at a batch of 1, from the shapes of their inputs.

    shapes: tensor name -> shape at a batch of 1, as far as it is known. measure: runs the network once and gives the
    shapes of all observed tensors; called at most once, only where `shapes` is not enough.
    fixed_batch: samples that the file always computes at once; the count is divided by it.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        measure: Callable[[], Mapping[str, tuple[int, ...]]],
        fixed_batch: int = 1,
    ) -> None:
        self._shapes = dict(shapes)
        self._measure: Callable[[], Mapping[str, tuple[int, ...]]] | None = measure
        self._fixed_batch = fixed_batch
        self._lock = Lock()

    def of(self, node: NodeProto, operands: Operands) -> int:
        """Multiply-accumulates of one node; 0 for an Add, and where no shape can be found."""
        if is_operator(node, "Add"):
            return 0
        with self._lock:  # a second thread waits for the measurement instead of counting without it
            if any(name not in self._shapes for name in node.input[:2]) and self._measure is not None:
                measured = self._measure()
                self._shapes.update({name: shape for name, shape in measured.items() if name not in self._shapes})
                self._measure = None
        if any(name not in self._shapes for name in node.input[:2]):
            return 0
        try:
            macs = multiply_accumulates(node, self._shapes[node.input[0]], self._shapes[node.input[1]])
        except (ValueError, TypeError, IndexError, ZeroDivisionError):
            return 0  # shapes that contradict the operator: onnxruntime will say so
        return macs // self._fixed_batch if macs % self._fixed_batch == 0 else macs


def multiply_accumulates(node: NodeProto, first: tuple[int, ...], second: tuple[int, ...]) -> int:
    """Products that a Conv, ConvTranspose, Gemm or MatMul adds up, from the shapes of its two inputs."""
    if is_operator(node, "Conv"):
        return first[0] * prod(conv_outputs(node, first, second)) * prod(second)
    if is_operator(node, "ConvTranspose"):
        return prod(first) * prod(second[1:])
    if is_operator(node, "Gemm"):
        rows, inner = first[::-1] if attribute(node, "transA", 0) else first
        return rows * inner * (second[0] if attribute(node, "transB", 0) else second[1])
    left, right = (1, *first) if len(first) == 1 else first, (*second, 1) if len(second) == 1 else second
    return prod(np.broadcast_shapes(left[:-2], right[:-2])) * left[-2] * left[-1] * right[-1]


def conv_outputs(node: NodeProto, data: tuple[int, ...], weight: tuple[int, ...]) -> list[int]:
    """Spatial size of a Conv's output (ONNX operator specification, Conv and its auto_pad)."""
    axes = len(data) - 2
    strides = list(attribute(node, "strides", [1] * axes))
    dilations = list(attribute(node, "dilations", [1] * axes))
    pads = list(attribute(node, "pads", [0] * 2 * axes))
    mode = attribute(node, "auto_pad", b"NOTSET")
    sizes = []
    for axis in range(axes):
        size, stride, width = data[2 + axis], strides[axis], dilations[axis] * (weight[2 + axis] - 1) + 1
        if mode in (b"SAME_UPPER", b"SAME_LOWER"):
            sizes.append(-(-size // stride))
        else:
            padding = 0 if mode == b"VALID" else pads[axis] + pads[axis + axes]
            sizes.append(max(0, (size + padding - width) // stride + 1))
    return sizes
