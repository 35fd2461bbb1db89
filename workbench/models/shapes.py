"""Types and shapes of all values, as onnx's shape inference knows them."""

from collections.abc import Mapping

import onnx
from onnx import TypeProto, ValueInfoProto

from workbench.models.network import Network
from workbench.models.protos import tensor_type

Shape = tuple[int | str | None, ...]
IMAGE_SIDE = 224  # assumed height and width where an image's are dynamic


def infer(network: Network, inputs: list[ValueInfoProto] | None = None) -> dict[str, TypeProto]:
    """Type of each value by name; what cannot be inferred is left out.

    inputs: other descriptions of the graph inputs, for example with a batch of 1. What the file itself says of inner
    values is not believed: it is often stale.
    """
    model = network.proto(light=True, values=False)
    if inputs is not None:
        n_inputs = len(network.inputs)
        rest = list(model.graph.input)[n_inputs:]
        described = onnx.GraphProto(input=[*inputs, *rest])
        del model.graph.input[:]
        model.graph.input.extend(described.input)
        for value in model.graph.output:
            value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception:  # whatever the library raises: shapes are a convenience
        inferred = model.graph
    types = {value.name: value.type for value in (*inferred.input, *inferred.value_info, *inferred.output)}
    kept: dict[str, TypeProto] = {}
    for name, kind in types.items():
        if kind.WhichOneof("value") is not None and name not in network.constants:
            kept[name] = TypeProto()
            kept[name].CopyFrom(kind)
    return kept


def complete_outputs(network: Network) -> None:
    """Write inferred types into graph outputs whose type or shape the file leaves open, in place."""
    for output in network.outputs:
        stated = output.type.tensor_type
        if output.name in network.types and not (stated.elem_type and stated.HasField("shape")):
            output.type.CopyFrom(network.types[output.name])


def single_batch(network: Network) -> tuple[list[ValueInfoProto], tuple[str, ...]]:
    """The graph inputs with every dynamic dimension filled in, and sentences on what had to be assumed.

    A dynamic first dimension is a batch of 1; height and width of an image are 224; any other dimension is 1.
    """
    known: dict[str, int] = {}
    filled: list[ValueInfoProto] = []
    assumed: list[str] = []
    for value in network.inputs:
        result = ValueInfoProto()
        result.CopyFrom(value)
        filled.append(result)
        if value.type.WhichOneof("value") != "tensor_type" or not value.type.tensor_type.HasField("shape"):
            continue
        dims = result.type.tensor_type.shape.dim
        for axis, entry in enumerate(dims):
            if entry.WhichOneof("value") == "dim_value" and entry.dim_value > 0:
                continue
            guess = IMAGE_SIDE if axis >= 2 and len(dims) == 4 else 1
            size = known.setdefault(entry.dim_param, guess) if entry.dim_param else guess
            if axis:
                assumed.append(f"axis {axis} of input {value.name!r} as {size}")
            entry.dim_value = size
    return filled, tuple(assumed)


def fixed_shapes(types: Mapping[str, TypeProto]) -> dict[str, tuple[int, ...]]:
    """The shapes that are fully known."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, kind in types.items():
        shape = tensor_type(kind)[1]
        if shape is not None and all(isinstance(size, int) for size in shape):
            shapes[name] = tuple(size for size in shape if isinstance(size, int))
    return shapes
