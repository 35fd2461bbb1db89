"""Where the weighted operators keep their data, weight and bias, and which axis counts output channels."""

from collections.abc import Container
from dataclasses import dataclass

from onnx import NodeProto

from workbench.models.protos import attribute, is_operator

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
FUSED_ACTIVATIONS = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid")  # onnxruntime computes them with it


@dataclass(frozen=True)
class Operands:
    """The inputs of one weighted operator by role.

    data: activation names, each once. weight, bias: constant names or None.
    weight_position: 0 or 1, the input that the weight is; None without weight.
    """

    data: tuple[str, ...]
    weight: str | None
    bias: str | None
    weight_position: int | None


def is_weighted(node: NodeProto) -> bool:
    """True for Conv, ConvTranspose, Gemm and MatMul."""
    return is_operator(node, *WEIGHTED) and len(node.input) >= 2


def operands(node: NodeProto, constants: Container[str], activations: Container[str]) -> Operands:
    """Sort the inputs of a weighted operator.

    constants: names of initializers. activations: names that depend on the network's input data. An input that is
    neither (a shape computed at run time, a constant that only onnxruntime can work out) has no role.
    """
    weight_sides = (1,) if is_operator(node, "Conv", "ConvTranspose") else (1, 0)
    position = next((side for side in weight_sides if node.input[side] in constants), None)
    bias = node.input[2] if len(node.input) > 2 and node.input[2] in constants else None
    return Operands(
        data=tuple(dict.fromkeys(name for name in node.input[:2] if name in activations)),
        weight=None if position is None else node.input[position],
        bias=bias,
        weight_position=position,
    )


def weight_axis(node: NodeProto, position: int | None, rank: int) -> int | None:
    """The axis of the weight that counts output channels; None for a weight of less than two axes.

    position: which input the weight is. rank: its number of axes.
    """
    if position is None or rank < 2:
        return None
    if is_operator(node, "Conv"):
        return 0
    if is_operator(node, "ConvTranspose"):
        return 1
    if is_operator(node, "Gemm"):
        transposed = bool(attribute(node, "transB" if position else "transA", 0))
        return 0 if transposed == bool(position) else 1
    return rank - 1 if position else rank - 2
