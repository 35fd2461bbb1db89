"""Checks every tensor of a model file: element type, dimensions, amount of data, external files."""

from math import prod
from pathlib import Path

from onnx import ModelProto, NodeProto, TensorProto

from workbench.models.external import check_external, is_external
from workbench.models.protos import all_graphs, attribute_tensors
from workbench.models.refusal import refusal, shown

LARGEST_TENSOR = 2**40  # elements; above it no file of this world can hold the data
RESAVE = "save the model again with onnx.save, or export it again"

BITS = {
    name: bits
    for bits, names in {
        2: "UINT2 INT2",
        4: "UINT4 INT4 FLOAT4E2M1",
        8: "UINT8 INT8 BOOL FLOAT8E4M3FN FLOAT8E4M3FNUZ FLOAT8E5M2 FLOAT8E5M2FNUZ FLOAT8E8M0",
        16: "UINT16 INT16 FLOAT16 BFLOAT16",
        32: "FLOAT INT32 UINT32",
        64: "INT64 DOUBLE UINT64 COMPLEX64",
        128: "COMPLEX128",
    }.items()
    for name in names.split()
}
FIELDS = {
    "FLOAT": "float_data",
    "COMPLEX64": "float_data",
    "DOUBLE": "double_data",
    "COMPLEX128": "double_data",
    "INT64": "int64_data",
    "UINT64": "uint64_data",
    "UINT32": "uint64_data",
    "STRING": "string_data",
}  # all others use int32_data


def check_tensors(model: ModelProto, path: Path) -> None:
    """Check all initializers and all tensors inside attributes. Raises WorkbenchError at the first that is broken."""
    for graph in all_graphs(model.graph):
        if graph.sparse_initializer:
            name = graph.sparse_initializer[0].values.name
            raise refusal(
                path, f"initializer {shown(name)} is sparse", "dense initializers", "save it as a dense tensor"
            )
        for tensor in graph.initializer:
            check_tensor(tensor, f"initializer {shown(tensor.name)}", path)
        for node in graph.node:
            check_attributes(node, path)
    for function in model.functions:
        for node in function.node:
            check_attributes(node, path)


def check_attributes(node: NodeProto, path: Path) -> None:
    """As `check_tensor`, for each tensor in a node's attributes."""
    for attribute, tensor in attribute_tensors(node):
        what = f"attribute {shown(attribute.name)} of node {shown(node.name or node.op_type)}"
        check_tensor(tensor, what, path)
        if is_external(tensor) and node.op_type != "Constant":
            raise refusal(path, f"{what} lies in an external file", "external data in initializers only", RESAVE)


def check_tensor(tensor: TensorProto, what: str, path: Path) -> None:
    """Element type known, dimensions sensible, exactly the data that they ask for. Raises WorkbenchError."""
    try:
        kind = TensorProto.DataType.Name(tensor.data_type)
    except ValueError:
        kind = "UNDEFINED"
    if kind not in BITS and kind != "STRING":
        raise refusal(path, f"{what} has data_type {tensor.data_type}", "an ONNX element type", RESAVE)
    dims = list(tensor.dims)
    if any(dim < 0 for dim in dims) or prod(dim for dim in dims if dim) > LARGEST_TENSOR:
        raise refusal(path, f"{what} has dims {shown(str(dims))}", "non-negative dims of a sensible size", RESAVE)
    if tensor.HasField("segment"):
        raise refusal(path, f"{what} is stored in segments", "whole tensors", RESAVE)
    n_values = prod(dims)
    if is_external(tensor):
        check_external(tensor, needed_bytes(kind, n_values), what, path)
    else:
        check_amount(tensor, kind, n_values, what, path)


def check_amount(tensor: TensorProto, kind: str, n_values: int, what: str, path: Path) -> None:
    """The data inside the file has the size that the dims ask for. Raises WorkbenchError."""
    dims = list(tensor.dims)
    if tensor.HasField("raw_data") and kind != "STRING":
        found, needed, unit = len(tensor.raw_data), needed_bytes(kind, n_values), "bytes in raw_data"
    else:
        field = FIELDS.get(kind, "int32_data")
        found, needed, unit = len(getattr(tensor, field)), needed_entries(kind, n_values), f"entries in {field}"
    if found != needed:
        expected = f"{needed:,} for dims {dims} of type {kind}"
        raise refusal(path, f"{what} has {found:,} {unit}", expected, RESAVE)


def needed_bytes(kind: str, n_values: int) -> int:
    """Bytes of n values; types of 2 and 4 bits are packed."""
    return (n_values * BITS.get(kind, 8) + 7) // 8


def needed_entries(kind: str, n_values: int) -> int:
    """Entries of n values in a typed field: complex numbers take two, 2- and 4-bit values share one byte."""
    if kind.startswith("COMPLEX"):
        return 2 * n_values
    return needed_bytes(kind, n_values) if BITS.get(kind, 8) < 8 else n_values
