"""Builds a Model from a folded network: ports, layers, tensors."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import ValueInfoProto

from workbench.models.batch_statistics import batch_statistics
from workbench.models.counting import MacCounter
from workbench.models.dataflow import Dataflow, Layered, dataflow
from workbench.models.folding import BatchNorm
from workbench.models.measuring import measured_shapes
from workbench.models.model import Layer, Model, Port
from workbench.models.naming import layer_name, unique
from workbench.models.network import Network
from workbench.models.operators import FUSED_ACTIVATIONS, is_weighted, weight_axis
from workbench.models.protos import is_operator, tensor_type
from workbench.models.shapes import fixed_shapes, infer, single_batch
from workbench.models.tensors import Tensor, Tensors


def build_model(
    network: Network,
    *,
    path: Path,
    sha256: str,
    n_parameters: int,
    batch_norms: Mapping[str, BatchNorm],
    distribution_of: Callable[[np.ndarray], Any] | None,
) -> Model:
    """The Model of a normalised, folded network whose types are known. Arguments as in `reader.load`."""
    flow = dataflow(network)
    counter = mac_counter(network, flow, lambda: measured_shapes(model))
    layers = build_layers(network, flow, counter, batch_norms)
    renamed = MappingProxyType(dict(network.renamed))
    model = Model(
        network=network,
        path=path,
        sha256=sha256,
        layers=layers,
        tensors=Tensors(build_tensors(network, layers, distribution_of), renamed, path.name),
        inputs=tuple(map(port, network.inputs)),
        outputs=tuple(map(port, network.outputs)),
        n_parameters=n_parameters,
        observed=flow.observed,
        residual_inputs=flow.residual_inputs,
        batch_statistics=MappingProxyType(batch_statistics(network, batch_norms)),
        renamed=renamed,
    )
    return model


def port(value: ValueInfoProto) -> Port:
    """An input or output of the network."""
    dtype, shape = tensor_type(value.type)
    return Port(value.name, shape or (), dtype if dtype is not None else np.dtype(object))


def mac_counter(network: Network, flow: Dataflow, measure: Callable[[], Mapping[str, tuple[int, ...]]]) -> MacCounter:
    """Counts from inferred shapes; where the batch is dynamic they are inferred again for a batch of 1."""
    inputs, assumed = single_batch(network)
    dynamic = any(one != other for one, other in zip(inputs, network.inputs, strict=True))
    shapes = fixed_shapes(infer(network, inputs) if dynamic else network.types)
    shapes.update({name: tensor.shape for name, tensor in network.constants.items()})
    if assumed and any(is_weighted(layer.node) for layer in flow.layers):
        network.note("counting", f"multiply-accumulates are counted with {', '.join(assumed)}")
    first = tensor_type(network.inputs[0].type)[1] if network.inputs else None
    fixed_batch = first[0] if first and len(first) > 1 and isinstance(first[0], int) else 1
    return MacCounter(shapes, measure, fixed_batch)


def build_layers(
    network: Network, flow: Dataflow, counter: MacCounter, batch_norms: Mapping[str, BatchNorm]
) -> tuple[Layer, ...]:
    """The layers with unique names, in topological order."""
    readers = network.readers()
    names: list[str] = []
    counts: Counter[str] = Counter()
    for layer in flow.layers:
        output = layer.node.output[0]
        names.append(
            layer_name(
                layer.node,
                weight=network.origins.get(layer.operands.weight or "", layer.operands.weight),
                bias=layer.operands.bias or added_bias(network, output, readers),
                batch_norm=batch_norms[output].names[0] if output in batch_norms else None,
                index=counts[layer.node.op_type],
            )
        )
        counts[layer.node.op_type] += 1
    named = zip(unique(names), flow.layers, strict=True)
    return tuple(build_layer(name, layer, network, readers, counter) for name, layer in named)


def build_layer(
    name: str, layered: Layered, network: Network, readers: dict[str, list[int]], counter: MacCounter
) -> Layer:
    """One layer from its node."""
    node, operands = layered.node, layered.operands
    constants = [network.constants[entry] for entry in (operands.weight, operands.bias) if entry is not None]
    rank = network.constants[operands.weight].ndim if operands.weight is not None else 0
    return Layer(
        name=name,
        op_type=node.op_type,
        weight=operands.weight,
        bias=operands.bias,
        inputs=operands.data,
        output=node.output[0],
        observed_output=observed_output(layered, network, readers),
        n_parameters=sum(array.size for array in constants),
        weight_axis=weight_axis(node, operands.weight_position, rank),
        node=node,
        operands=operands,
        counter=counter,
    )


def added_bias(network: Network, output: str, readers: dict[str, list[int]]) -> str | None:
    """The constant that an Add right behind a MatMul adds."""
    for position in readers.get(output, ()):
        node = network.nodes[position]
        if is_operator(node, "Add"):
            return next((name for name in node.input if name in network.constants), None)
    return None


def observed_output(layered: Layered, network: Network, readers: dict[str, list[int]]) -> str:
    """The value behind the bias Add of a MatMul and behind a Relu, Clip or the like, where nothing else reads it."""
    name = layered.node.output[0]
    steps = [("Add",), FUSED_ACTIVATIONS] if is_operator(layered.node, "MatMul") else [FUSED_ACTIVATIONS]
    for step in steps:
        positions = readers.get(name, [])
        if len(positions) != 1 or name in network.output_names:
            return name
        reader = network.nodes[positions[0]]
        others = [entry for entry in reader.input if entry and entry != name]
        if is_operator(reader, *step) and all(entry in network.constants for entry in others):
            name = reader.output[0]
    return name


def build_tensors(
    network: Network, layers: tuple[Layer, ...], distribution_of: Callable[[np.ndarray], Any] | None
) -> dict[str, Tensor]:
    """All values in graph order: inputs, initializers, outputs of nodes."""
    readers: dict[str, list[str]] = {}
    for layer in layers:
        for name in dict.fromkeys(entry for entry in (*layer.inputs, layer.weight, layer.bias) if entry is not None):
            readers.setdefault(name, []).append(layer.name)
    kinds: dict[str, str] = {layer.bias: "bias" for layer in layers if layer.bias is not None}
    kinds.update({layer.weight: "weight" for layer in layers if layer.weight is not None})
    tensors: dict[str, Tensor] = {}
    for name, array in network.constants.items():
        users = tuple(readers.get(name, ()))
        kind = kinds.get(name, "constant")
        tensors[name] = Tensor(name, kind, array.shape, array.dtype, users, array, distribution_of)
    activations: dict[str, Tensor] = {}
    for kind, names in (
        ("input", network.input_names),
        ("activation", [name for node in network.nodes for name in node.output if name]),
    ):
        for name in names:
            known = network.types.get(name)
            dtype, shape = tensor_type(known) if known is not None else (None, None)
            activations[name] = Tensor(name, kind, shape, dtype, tuple(readers.get(name, ())))
    inputs = {name: activations.pop(name) for name in network.input_names}
    return {**inputs, **tensors, **activations}
