"""Small changes to an ONNX graph: fresh names, readers of a tensor, initializers in and out."""

from collections.abc import Iterable

import onnx


class GraphEditor:
    """Edits the main graph of a proto in place; nodes stay in a valid order when `finish` is called.

    proto: onnx.ModelProto, nodes topologically sorted, no local functions.
    """

    def __init__(self, proto: onnx.ModelProto) -> None:
        self.proto, self.graph = proto, proto.graph
        self._taken = set(_all_names(self.graph))
        self._before: dict[str, list[onnx.NodeProto]] = {}
        self._first: list[onnx.NodeProto] = []

    def fresh(self, wish: str) -> str:
        """`wish`, or with a number behind it, so that it names nothing else in the graph."""
        name, number = wish, 2
        while name in self._taken:
            name, number = f"{wish}_{number}", number + 1
        self._taken.add(name)
        return name

    def add_constant(self, wish: str, tensor: onnx.TensorProto) -> str:
        """Add an initializer under a fresh name; returns the name."""
        tensor.name = self.fresh(wish)
        self.graph.initializer.append(tensor)
        return tensor.name

    def replace_constant(self, name: str, nodes: Iterable[onnx.NodeProto]) -> None:
        """Remove the initializer `name`; `nodes` (put first) compute a value of the same name instead."""
        self.remove_constant(name)
        self._first.extend(nodes)

    def set_constant(self, name: str, tensor: onnx.TensorProto) -> None:
        """Put another value of the same shape and type under the name of the initializer `name`."""
        self.remove_constant(name)
        tensor.name = name
        self.graph.initializer.append(tensor)

    def remove_constant(self, name: str) -> None:
        """Take the initializer `name` out."""
        position = next(i for i, tensor in enumerate(self.graph.initializer) if tensor.name == name)
        del self.graph.initializer[position]

    def insert_behind(self, name: str, nodes: list[onnx.NodeProto], replacement: str) -> None:
        """All readers of the tensor `name`, subgraphs too, read `replacement` instead, which `nodes` compute from it.

        A graph output of that name stays what it is.
        """
        for node in self.graph.node:
            _rewire(node, name, replacement)
        self._before[name] = nodes

    def finish(self) -> onnx.ModelProto:
        """Put all new nodes into place: constants first, others right behind the producer of what they read."""
        ordered = list(self._first)
        for port in self.graph.input:
            ordered.extend(self._before.get(port.name, ()))
        for node in self.graph.node:
            ordered.append(node)
            for output in node.output:
                ordered.extend(self._before.get(output, ()))
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
        del self.graph.node[:]
        self.graph.node.extend(copies)
        return self.proto


def _rewire(node: onnx.NodeProto, name: str, replacement: str) -> None:
    for i, read in enumerate(node.input):
        if read == name:
            node.input[i] = replacement
    for attribute in node.attribute:
        for graph in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
            own = {port.name for port in graph.input} | {t.name for t in graph.initializer}
            own.update(output for inner in graph.node for output in inner.output)
            if name not in own:
                for inner in graph.node:
                    _rewire(inner, name, replacement)
                for port in graph.output:
                    if port.name == name:
                        port.name = replacement


def _all_names(graph: onnx.GraphProto) -> Iterable[str]:
    yield from (port.name for port in [*graph.input, *graph.output, *graph.value_info])
    yield from (tensor.name for tensor in graph.initializer)
    for node in graph.node:
        yield node.name
        yield from node.input
        yield from node.output
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _all_names(inner)
