"""Topological order of nodes: every value is computed once, and before it is read."""

import heapq
from collections.abc import Iterable, Sequence
from pathlib import Path

from onnx import GraphProto, NodeProto

from workbench.models.protos import names_read, nested_graphs
from workbench.models.refusal import refusal, shown

EXPORT_AGAIN = "export the model again"


def sort_graph(graph: GraphProto, path: Path, outer: frozenset[str] = frozenset()) -> None:
    """Sort a graph, and the graphs inside its nodes, in place. outer: names that an enclosing graph provides.

    Raises WorkbenchError where a value is missing, computed twice or depends on itself.
    """
    given = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer} | outer
    order = sorted_nodes(graph.node, given, path)
    if any(position != index for index, position in enumerate(order)):
        nodes = [NodeProto.FromString(graph.node[position].SerializeToString()) for position in order]
        del graph.node[:]
        graph.node.extend(nodes)
    available = given | {name for node in graph.node for name in node.output}
    for value in graph.output:
        if value.name not in available:
            found = f"no node computes the output {shown(value.name)} of graph {shown(graph.name)}"
            raise refusal(path, found, "a node that computes each output", EXPORT_AGAIN)
    for node in graph.node:
        for inner in nested_graphs(node):
            sort_graph(inner, path, frozenset(available))


def sorted_nodes(nodes: Sequence[NodeProto], given: Iterable[str], path: Path) -> list[int]:
    """Positions of the nodes in topological order, the order of the file where that is one.

    given: names that need no node. Raises WorkbenchError.
    """
    given = set(given)
    producer = producers(nodes, given, path)
    waiting_for: list[int] = []  # per node: how many of its values are still to be computed
    readers: dict[int, list[int]] = {}
    for position, node in enumerate(nodes):
        sources: set[int] = set()
        for name in names_read(node):
            if name in producer:
                sources.add(producer[name])
            elif name not in given:
                found = f"node {describe(node)} reads {shown(name)}, which nothing provides"
                raise refusal(path, found, "a graph input, an initializer or a node's output", EXPORT_AGAIN)
        waiting_for.append(len(sources))
        for source in sources:
            readers.setdefault(source, []).append(position)
    ready = [position for position, count in enumerate(waiting_for) if not count]
    order: list[int] = []
    while ready:
        position = heapq.heappop(ready)
        order.append(position)
        for reader in readers.get(position, ()):
            waiting_for[reader] -= 1
            if not waiting_for[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        stuck = next(position for position, count in enumerate(waiting_for) if count)
        found = f"node {describe(nodes[stuck])} depends on its own output"
        raise refusal(path, found, "a graph without cycles", EXPORT_AGAIN)
    return order


def producers(nodes: Sequence[NodeProto], given: set[str], path: Path) -> dict[str, int]:
    """Name of a value -> position of the node that computes it. Raises WorkbenchError for a second producer."""
    producer: dict[str, int] = {}
    for position, node in enumerate(nodes):
        for name in node.output:
            if name and (name in producer or name in given):
                found = f"the value {shown(name)} of node {describe(node)} is already defined"
                raise refusal(path, found, "every value defined once", EXPORT_AGAIN)
            if name:
                producer[name] = position
    return producer


def describe(node: NodeProto) -> str:
    """A node for an error text: its name, else its operator and first output."""
    if node.name:
        return shown(node.name)
    return f"{shown(node.op_type)} (unnamed, computes {shown(node.output[0] if node.output else '')})"
