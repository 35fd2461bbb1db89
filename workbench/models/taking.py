"""Takes a parsed message apart into a Network: arrays, nodes in order, interface, header."""

from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from workbench.models import ordering
from workbench.models.external import is_external, read_external
from workbench.models.guard_tensors import needed_bytes
from workbench.models.network import Network
from workbench.models.protos import DEFAULT_DOMAINS, all_graphs, attribute_tensors, nested_graphs, read_only
from workbench.models.refusal import refusal, shown


def normalise_domains(message: ModelProto) -> None:
    """Write the default domain as the empty string everywhere, in place."""
    for entry in message.opset_import:
        entry.domain = plain(entry.domain)
    owners: list[Any] = [*all_graphs(message.graph), *message.functions]
    for owner in owners:
        for node in owner.node:
            if node.domain in DEFAULT_DOMAINS:
                node.domain = ""


def plain(domain: str) -> str:
    return "" if domain in DEFAULT_DOMAINS else domain


def take_apart(message: ModelProto, path: Path) -> Network:
    """Weights into arrays, initializers out of the inputs, nodes in order. Raises WorkbenchError."""
    graph = message.graph
    embed_external(graph, path)
    ordering.sort_graph(graph, path)
    arrays = {tensor.name: to_array(tensor, f"initializer {shown(tensor.name)}", path) for tensor in graph.initializer}
    listed = [value.name for value in graph.input if value.name in arrays]
    network = Network(
        file=path.name,
        header=header_of(message),
        nodes=[],
        constants=arrays,
        inputs=[copied(value) for value in graph.input if value.name not in arrays],
        outputs=[copied(value) for value in graph.output],
    )
    if listed:
        network.note(
            "input",
            f"{len(listed)} initializers were also listed as graph inputs (first: {shown(listed[0])}); "
            "they are treated as constants",
        )
    take_nodes(network, graph, path)
    return network


def take_nodes(network: Network, graph: GraphProto, path: Path) -> None:
    """Copy the graph's nodes, Constant nodes as constants (unless they are graph outputs)."""
    ends = {value.name for value in graph.output}
    kept: list[NodeProto] = []
    for node in graph.node:
        if node.op_type == "Constant" and node.domain == "" and node.output[0] not in ends:
            array = constant_value(node, path)
            if array is not None:
                network.constants[node.output[0]] = array
                network.lifted.add(node.output[0])
                continue
        kept.append(node)
    # one new message: the parsed one, with all its weights, can then be freed
    copy = GraphProto()
    copy.node.extend(kept)
    network.nodes = list(copy.node)


def constant_value(node: NodeProto, path: Path) -> np.ndarray | None:
    """The value of a Constant node; None for a sparse one."""
    if len(node.attribute) != 1 or len(node.output) != 1 or not node.output[0]:
        raise refusal(
            path, f"node {ordering.describe(node)} is a Constant without one value", "one value", "export again"
        )
    attribute = node.attribute[0]
    if attribute.name == "value":
        return to_array(attribute.t, f"the value of Constant {shown(node.output[0])}", path)
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    if attribute.name in kinds:
        return read_only(np.array(helper.get_attribute_value(attribute), dtype=kinds[attribute.name]))
    if attribute.name in ("value_string", "value_strings"):
        return read_only(np.array(helper.get_attribute_value(attribute), dtype=object))
    return None


def to_array(tensor: TensorProto, what: str, path: Path) -> np.ndarray:
    """The values of a checked tensor, read-only."""
    if is_external(tensor):
        kind = TensorProto.DataType.Name(tensor.data_type)
        found = read_external(tensor, needed_bytes(kind, int(np.prod(tensor.dims, dtype=object))), what, path)
        if isinstance(found, np.ndarray):
            return found
        tensor = found
    try:
        return read_only(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, OverflowError, MemoryError):
        found_text = f"{what} cannot be turned into an array"
        raise refusal(path, found_text, "values that fit its type and dims", "save the model again") from None


def embed_external(graph: GraphProto, path: Path) -> None:
    """Read the external tensors of nested graphs into the message, in place (the outermost stay outside)."""
    for node in graph.node:
        for outer in nested_graphs(node):
            for inner in all_graphs(outer):
                tensors = [*inner.initializer]
                tensors += [tensor for entry in inner.node for _, tensor in attribute_tensors(entry)]
                for tensor in tensors:
                    if is_external(tensor):
                        values = to_array(tensor, f"tensor {shown(tensor.name)}", path)
                        tensor.CopyFrom(numpy_helper.from_array(np.array(values), tensor.name))


def copied(value: ValueInfoProto) -> ValueInfoProto:
    """The same description, independent of the message that it came from."""
    result = ValueInfoProto()
    result.CopyFrom(value)
    return result


def header_of(message: ModelProto) -> ModelProto:
    """Everything but the graph's contents."""
    header = ModelProto(
        ir_version=message.ir_version,
        producer_name=message.producer_name,
        producer_version=message.producer_version,
        opset_import=message.opset_import,
        metadata_props=message.metadata_props,
        functions=message.functions,
    )
    header.graph.name = message.graph.name or "graph"
    return header


def take_back(network: Network, message: ModelProto, path: Path) -> None:
    """Continue with the nodes of a light message that a library gave back."""
    normalise_domains(message)
    constants_before = network.constants
    weights = {value.name for value in message.graph.input} - set(network.input_names)
    for name in weights:
        message.graph.initializer.append(TensorProto(name=name))  # a placeholder: order needs the names alone
    ordering.sort_graph(message.graph, path)
    network.header = header_of(message)
    network.constants = {
        tensor.name: constants_before[tensor.name]
        if tensor.name in constants_before
        else to_array(tensor, f"initializer {shown(tensor.name)}", path)
        for tensor in message.graph.initializer
    }
    take_nodes(network, message.graph, path)
