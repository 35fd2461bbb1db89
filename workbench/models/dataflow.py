"""Which values depend on the input data, which nodes are layers, and which tensors they read."""

from dataclasses import dataclass

from onnx import NodeProto

from workbench.models.network import Network
from workbench.models.operators import Operands, is_weighted, operands
from workbench.models.protos import is_float, is_operator, names_read, tensor_type

SHAPE_ONLY = ("Shape", "Size")  # their output depends on dimensions, not on values


@dataclass(frozen=True)
class Layered:
    """A node that is a layer: a weighted operator, or an Add of two activations (operands.weight is None)."""

    position: int
    node: NodeProto
    operands: Operands


@dataclass(frozen=True)
class Dataflow:
    """What a network computes with, worked out once.

    activations: names of the values that depend on the input data, in graph order.
    layers: weighted operators and residual Adds in topological order.
    observed: activations that weighted operators read, in graph order. residual_inputs: those of residual Adds.
    """

    activations: dict[str, None]
    layers: tuple[Layered, ...]
    observed: tuple[str, ...]
    residual_inputs: tuple[str, ...]


def dataflow(network: Network) -> Dataflow:
    """Follow the input data through a network whose types are known."""
    activations = dict.fromkeys(network.input_names)
    layers: list[Layered] = []
    for position, node in enumerate(network.nodes):
        if is_operator(node, *SHAPE_ONLY) or not any(name in activations for name in names_read(node)):
            continue
        activations.update(dict.fromkeys(name for name in node.output if name))
        if computes_integers(node, network):
            continue
        if is_weighted(node):
            layers.append(Layered(position, node, operands(node, network.constants, activations)))
        elif is_operator(node, "Add") and all(name in activations for name in node.input):
            layers.append(Layered(position, node, Operands(tuple(dict.fromkeys(node.input)), None, None, None)))
    observed = {name for layer in layers if is_weighted(layer.node) for name in layer.operands.data}
    residual = {name for layer in layers if not is_weighted(layer.node) for name in layer.operands.data}
    return Dataflow(
        activations=activations,
        layers=tuple(layers),
        observed=tuple(name for name in activations if name in observed),
        residual_inputs=tuple(name for name in activations if name in residual),
    )


def computes_integers(node: NodeProto, network: Network) -> bool:
    """True where the output is known to be no floating-point tensor."""
    kind = network.types.get(node.output[0])
    dtype = tensor_type(kind)[0] if kind is not None else None
    return dtype is not None and not is_float(dtype)
