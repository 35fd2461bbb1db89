"""Small readings of ONNX messages: nested graphs, the names that a node reads, arrays of tensors."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto

DEFAULT_DOMAINS = ("", "ai.onnx")


def nested_graphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs inside one node's attributes (the branches of an If, the body of a Loop or Scan)."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from attribute.graphs


def all_graphs(graph: GraphProto) -> Iterator[GraphProto]:
    """The graph itself and every graph nested in its nodes, outermost first."""
    yield graph
    for node in graph.node:
        for inner in nested_graphs(node):
            yield from all_graphs(inner)


def attribute_tensors(node: NodeProto) -> Iterator[tuple[AttributeProto, TensorProto]]:
    """The tensors in the attributes of a node."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.TENSOR:
            yield attribute, attribute.t
        elif attribute.type == AttributeProto.TENSORS:
            for tensor in attribute.tensors:
                yield attribute, tensor


def names_read(node: NodeProto) -> list[str]:
    """The values that a node reads: its inputs, then what its nested graphs capture; without the empty name."""
    names = [name for name in node.input if name]
    for inner in nested_graphs(node):
        names.extend(captured(inner))
    return names


def captured(graph: GraphProto) -> list[str]:
    """The outer values that a nested graph uses, in order of first use."""
    inside = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        inside.update(node.output)
    outside: dict[str, None] = {}
    for node in graph.node:
        outside.update(dict.fromkeys(name for name in names_read(node) if name not in inside))
    outside.update(dict.fromkeys(value.name for value in graph.output if value.name not in inside))
    return list(outside)


def rename_reads(node: NodeProto, names: Mapping[str, str]) -> None:
    """Let a node, and the graphs inside it, read other values. names: old name -> new name."""
    for position, name in enumerate(node.input):
        if name in names:
            node.input[position] = names[name]
    for inner in nested_graphs(node):
        visible = {old: new for old, new in names.items() if old in set(captured(inner))}
        if visible:
            for inner_node in inner.node:
                rename_reads(inner_node, visible)


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """One attribute of a node as a Python value, or the default where the node has none of that name."""
    for candidate in node.attribute:
        if candidate.name == name:
            return onnx.helper.get_attribute_value(candidate)
    return default


def is_operator(node: NodeProto, *op_types: str) -> bool:
    """True for a node of ONNX's own domain with one of these operator types."""
    return node.op_type in op_types and node.domain in DEFAULT_DOMAINS


def element_dtype(data_type: int) -> np.dtype | None:
    """numpy's type for an ONNX element type (ml_dtypes for bfloat16, fp8, int4); None where there is none."""
    try:
        return np.dtype(onnx.helper.tensor_dtype_to_np_dtype(data_type))
    except (KeyError, ValueError, TypeError):
        return None


def tensor_type(kind: TypeProto) -> tuple[np.dtype | None, tuple[int | str | None, ...] | None]:
    """dtype and shape of a value's type; a dynamic dimension is its name or None, an unknown rank is None."""
    if kind.WhichOneof("value") != "tensor_type":
        return np.dtype(object), None
    tensor = kind.tensor_type
    dtype = element_dtype(tensor.elem_type) if tensor.elem_type else None
    if not tensor.HasField("shape"):
        return dtype, None
    return dtype, tuple(dimension(entry) for entry in tensor.shape.dim)


def dimension(entry: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """One dimension of a shape: its size, else its name, else None (some exporters write 0 or -1 for unknown)."""
    if entry.WhichOneof("value") == "dim_value":
        return int(entry.dim_value) if entry.dim_value > 0 else None
    return entry.dim_param or None


def to_tensor(array: np.ndarray, name: str) -> TensorProto:
    """An initializer that holds the array."""
    return onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def read_only(array: np.ndarray) -> np.ndarray:
    """The same values, protected against writing."""
    view = array.view()
    view.setflags(write=False)
    return view


def is_float(dtype: np.dtype | None) -> bool:
    """True for float16, bfloat16, float32 and float64: the types of trained weights and activations."""
    return dtype in FLOATS


FLOATS = frozenset(
    map(element_dtype, (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16))
)


def unused_name(wanted: str, taken: Iterable[str]) -> str:
    """`wanted`, or `wanted_2`, `wanted_3` ... where it is taken."""
    names = taken if isinstance(taken, (set, frozenset, dict)) else set(taken)
    candidate, number = wanted, 1
    while candidate in names:
        number += 1
        candidate = f"{wanted}_{number}"
    return candidate
