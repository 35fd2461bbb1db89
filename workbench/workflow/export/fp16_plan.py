"""Which inputs and outputs of a node can be float16, as the operator's schema allows it."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper
from onnx.defs import OpSchema

from workbench.models.network import LIGHT
from workbench.models.protos import DEFAULT_DOMAINS, attribute, is_operator, names_read, nested_graphs

HALF = "tensor(float16)"
# a scale is part of a number format, rounding it would change the codes; a BitCast reads the bits of float32
EXACT = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "BitCast")
REDUCING = ("ScatterND", "ScatterElements")  # onnxruntime's CPU refuses float16 where these have a `reduction`
AS_IT_IS = ("Shape", "Size", "Cast")  # read any type, so no Cast is needed before them
REGION_OF_INTEREST = 1  # Resize: coordinates, not values
CHANCE = ("Random", "Multinomial", "Bernoulli")


@dataclass(frozen=True)
class NodePlan:
    """Positions of the float32 inputs that become float16 and of the outputs that come out as float16.

    as_it_is: the inputs may come in either type.
    """

    inputs: frozenset[int] = frozenset()
    outputs: frozenset[int] = frozenset()
    as_it_is: bool = False


FLOAT32 = NodePlan()


def element_types(model: ModelProto, constants: Mapping[str, TensorProto]) -> dict[str, int]:
    """Element type of every value of the outermost graph that is known to be a tensor; the others are left out.

    model: without its initializers. constants: those, by name.
    """
    light = ModelProto()
    light.CopyFrom(model)
    listed = {value.name for value in model.graph.input}
    for name, tensor in constants.items():
        if math.prod(tensor.dims) <= LIGHT:
            light.graph.initializer.append(tensor)
        elif name not in listed:  # the types are wanted, not the weights
            light.graph.input.append(helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    try:
        inferred = onnx.shape_inference.infer_shapes(light).graph
    except Exception:  # the library raises several types; what it does not know stays float32
        inferred = light.graph
    values = [*inferred.value_info, *inferred.output, *inferred.input]
    types = {value.name: value.type.tensor_type.elem_type for value in values if value.type.HasField("tensor_type")}
    types.update({name: tensor.data_type for name, tensor in constants.items()})
    return {name: kind for name, kind in types.items() if kind}


def plan_node(node: NodeProto, types: Mapping[str, int], opset: int, half: str = HALF) -> NodePlan:
    """What the schema of one operator allows; all float32 where it is unknown or the node holds graphs.

    half: the type that takes the place of float32, as schemas write it.
    """
    if is_operator(node, *AS_IT_IS):
        to_float = is_operator(node, "Cast") and attribute(node, "to") == TensorProto.FLOAT
        return NodePlan(outputs=frozenset([0]) if to_float else frozenset(), as_it_is=True)
    if is_operator(node, "ConstantOfShape"):
        return NodePlan(outputs=frozenset([0])) if types.get(node.output[0]) == TensorProto.FLOAT else FLOAT32
    used = [name for name in (*node.input, *node.output) if name]
    exact = is_operator(node, *EXACT) or (
        is_operator(node, *REDUCING) and attribute(node, "reduction", b"none") != b"none"
    )
    if node.domain not in DEFAULT_DOMAINS or exact or any(nested_graphs(node)) or not all(n in types for n in used):
        return FLOAT32
    try:
        schema = onnx.defs.get_schema(node.op_type, opset)
    except onnx.defs.SchemaError:
        return FLOAT32
    return plan_by_schema(node, types, schema, half)


def plan_by_schema(node: NodeProto, types: Mapping[str, int], schema: OpSchema, half: str = HALF) -> NodePlan:
    """All parameters of one type variable stay together; one that must be float32 keeps its type."""
    allowed = {entry.type_param_str: half in entry.allowed_type_strs for entry in schema.type_constraints}
    inputs, variables = [], set()
    for position, name in enumerate(node.input):
        formal = schema.inputs[min(position, len(schema.inputs) - 1)]
        if not name or types[name] != TensorProto.FLOAT or not allowed.get(formal.type_str, False):
            continue
        if is_operator(node, "Resize") and position == REGION_OF_INTEREST:
            continue
        if not formal.is_homogeneous:
            return FLOAT32
        inputs.append(position)
        variables.add(formal.type_str)
    outputs = []
    for position, name in enumerate(node.output):
        formal = schema.outputs[min(position, len(schema.outputs) - 1)]
        if not name or types[name] != TensorProto.FLOAT:
            continue
        if formal.type_str in variables:
            outputs.append(position)
        elif formal.type_str in allowed:  # an attribute or a default decides its type: leave the node alone
            return FLOAT32
    return NodePlan(frozenset(inputs), frozenset(outputs))


def exact_nodes(graph: GraphProto, types: Mapping[str, int], constants: Collection[str]) -> set[int]:
    """Positions of nodes that compute with shapes in float32 and end in integers: sizes above 2048 must stay exact.

    Such a node depends on no values of the data, and the float32 values that it gives are read by such nodes alone or
    by nodes that make no float32 of them.
    """
    known = {*constants, ""}
    fixed = set()
    for i, node in enumerate(graph.node):
        by_shape = is_operator(node, "Shape", "Size") or all(name in known for name in names_read(node))
        if by_shape and node.domain in DEFAULT_DOMAINS and not node.op_type.startswith(CHANCE):
            fixed.add(i)
            known.update(node.output)
    wanted = {value.name for value in graph.output}
    exact = set()
    for i in reversed(range(len(graph.node))):
        node = graph.node[i]
        floats = [name for name in node.output if name and types.get(name, TensorProto.FLOAT) == TensorProto.FLOAT]
        if i in fixed and floats and wanted.isdisjoint(floats):
            exact.add(i)
        elif floats:
            wanted.update(names_read(node))
    return exact
