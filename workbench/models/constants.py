"""Works out weights that reach their operator through Transpose, Reshape, Cast and the like of a constant."""

from collections.abc import Callable

import numpy as np
from onnx import NodeProto

from workbench.models.network import Network
from workbench.models.operators import is_weighted
from workbench.models.protos import attribute, element_dtype, is_float, is_operator, read_only

LARGEST = 2**31  # bytes of a result: a constant must not explode while a file is loaded


def fold_weight_paths(network: Network) -> None:
    """Replace constant expressions that weighted operators and BatchNorm read by initializers, in place.

    The initializer has the name of the expression's output. Movements of values are exact; arithmetic is float32.
    """
    expressions = constant_expressions(network)
    for node in network.nodes:
        if is_weighted(node) or is_operator(node, "BatchNormalization"):
            for name in node.input:
                if name in expressions:
                    work_out(name, network, expressions)
    network.nodes = [node for node in network.nodes if not network.constants.keys() & set(node.output)]


def constant_expressions(network: Network) -> dict[str, NodeProto]:
    """The values that we can work out from constants alone, in topological order, with the node that computes each."""
    outputs = set(network.output_names)
    found: dict[str, NodeProto] = {}
    for node in network.nodes:
        if is_operator(node, *EXACT, *ARITHMETIC) and len(node.output) == 1 and node.output[0] not in outputs:
            if all(not name or name in network.constants or name in found for name in node.input):
                found[node.output[0]] = node
    return found


def work_out(name: str, network: Network, expressions: dict[str, NodeProto]) -> None:
    """Add the value of a constant expression to `network.constants`; nothing happens where that fails."""
    needed: set[str] = set()
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current in expressions and current not in needed and current not in network.constants:
            needed.add(current)
            open_names.extend(expressions[current].input)
    results: dict[str, np.ndarray] = {}
    for current in [entry for entry in expressions if entry in needed] if len(needed) > 1 else needed:
        node = expressions[current]
        values = [results.get(entry, network.constants.get(entry)) for entry in node.input]
        array = evaluate(node, values)
        if array is None:
            return
        results[current] = read_only(array)
        largest = max(
            node.input, key=lambda entry: getattr(results.get(entry, network.constants.get(entry)), "size", 0)
        )
        network.origins[current] = network.origins.get(largest, largest)
    network.constants.update(results)


def evaluate(node: NodeProto, values: list[np.ndarray | None]) -> np.ndarray | None:
    """The output of one node on constants; None where its inputs are not such as we know."""
    function = {**EXACT, **ARITHMETIC}[node.op_type]
    try:
        with np.errstate(all="ignore"):
            array = function(node, *values)
    except (ValueError, TypeError, IndexError, AttributeError, OverflowError):
        return None
    return None if array is None or array.nbytes > LARGEST else np.ascontiguousarray(array).reshape(array.shape)


def transpose(node: NodeProto, data: np.ndarray) -> np.ndarray:
    return np.transpose(data, attribute(node, "perm"))


def reshape(node: NodeProto, data: np.ndarray, shape: np.ndarray) -> np.ndarray:
    keep_zero = bool(attribute(node, "allowzero", 0))
    wanted = [data.shape[i] if size == 0 and not keep_zero else int(size) for i, size in enumerate(shape)]
    return data.reshape(wanted)


def cast(node: NodeProto, data: np.ndarray) -> np.ndarray | None:
    dtype = element_dtype(int(attribute(node, "to")))
    return data.astype(dtype) if is_float(dtype) and is_float(data.dtype) else None


def squeeze(node: NodeProto, data: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    chosen = attribute(node, "axes") if axes is None else axes.tolist()
    return np.squeeze(data, None if chosen is None else tuple(chosen))


def unsqueeze(node: NodeProto, data: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    chosen = attribute(node, "axes") if axes is None else axes.tolist()
    return np.expand_dims(data, tuple(chosen))


def flatten(node: NodeProto, data: np.ndarray) -> np.ndarray:
    axis = int(attribute(node, "axis", 1))
    axis += data.ndim if axis < 0 else 0
    return data.reshape(int(np.prod(data.shape[:axis])), -1) if data.size else data.reshape(0, 0)


def arithmetic(operation: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., np.ndarray | None]:
    """Elementwise arithmetic on two float tensors of one type, rounded as the operator rounds."""

    def function(node: NodeProto, first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
        if first.dtype != second.dtype or not is_float(first.dtype) or first.size * second.size > LARGEST:
            return None
        return operation(first, second)

    return function


EXACT: dict[str, Callable[..., np.ndarray | None]] = {
    "Identity": lambda node, data: data,
    "Transpose": transpose,
    "Reshape": reshape,
    "Cast": cast,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Flatten": flatten,
}
ARITHMETIC: dict[str, Callable[..., np.ndarray | None]] = {
    "Add": arithmetic(np.add),
    "Sub": arithmetic(np.subtract),
    "Mul": arithmetic(np.multiply),
    "Div": arithmetic(np.divide),
}
