"""Counts what a model's local functions expand to, before anything inlines them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from onnx import FunctionProto, ModelProto, NodeProto

from workbench.models.protos import nested_graphs
from workbench.models.refusal import refusal, shown

MOST_NODES = 1_000_000
DEEPEST_CALL = 100  # what onnx itself inlines

Key = tuple[str, str, str]


def check_functions(model: ModelProto, path: Path) -> None:
    """Raises WorkbenchError where functions call themselves, too deeply, or expand to more than MOST_NODES nodes."""
    functions = {key_of_function(function): function for function in model.functions}
    sizes: dict[Key, int] = {}
    depths: dict[Key, int] = {}
    for key in functions:
        measure(key, functions, sizes, depths, path)
    total = sum(node_size(node, sizes) for node in every_node(model.graph.node))
    if total > MOST_NODES:
        found = f"its graph expands to {total:,} nodes" if total < 10**15 else "its nested functions never seem to end"
        raise refusal(path, found, f"at most {MOST_NODES:,}", "export it without nested local functions")


def measure(
    start: Key, functions: dict[Key, FunctionProto], sizes: dict[Key, int], depths: dict[Key, int], path: Path
) -> None:
    """Write expanded size and depth of a function, and of all that it calls, into the dicts; without recursion."""
    open_calls: dict[Key, Iterator[Key]] = {}
    stack = [start]
    while stack:
        key = stack[-1]
        if key in sizes:
            stack.pop()
            continue
        if key not in open_calls:
            calls = (key_of_call(node) for node in every_node(functions[key].node))
            open_calls[key] = (call for call in calls if call in functions)
        for call in open_calls[key]:
            if call in open_calls and call not in sizes:
                raise refusal(
                    path,
                    f"the local function {shown(call[1])} calls itself",
                    "functions without recursion",
                    "export the model without local functions",
                )
            if call not in sizes:
                stack.append(call)
                break
        else:
            nodes = list(every_node(functions[key].node))
            # more than a limit is enough to know: the sum of a hostile file has thousands of digits
            sizes[key] = min(sum(node_size(node, sizes) for node in nodes), 10**15)
            depths[key] = 1 + max((depths.get(key_of_call(node), 0) for node in nodes), default=0)
            if depths[key] > DEEPEST_CALL:
                found = f"the calls of its local functions are nested more than {DEEPEST_CALL} deep"
                raise refusal(path, found, "flatter functions", "export it without local functions")
            stack.pop()


def every_node(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """The nodes and those of the graphs inside them."""
    for node in nodes:
        yield node
        for graph in nested_graphs(node):
            yield from every_node(graph.node)


def node_size(node: NodeProto, sizes: dict[Key, int]) -> int:
    """1 for an operator, 1 + the expanded size for a call."""
    return 1 + sizes.get(key_of_call(node), 0)


def key_of_call(node: NodeProto) -> Key:
    """What a node calls, if that is a function."""
    return normal(node.domain), node.op_type, node.overload


def key_of_function(function: FunctionProto) -> Key:
    """The name under which a function is called."""
    return normal(function.domain), function.name, function.overload


def normal(domain: str) -> str:
    """The default domain has two spellings."""
    return "" if domain == "ai.onnx" else domain
