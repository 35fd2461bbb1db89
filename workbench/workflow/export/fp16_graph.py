"""A float32 graph in true float16; casts stand at the borders to what stays float32."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from workbench.messages import Notice
from workbench.models.protos import (
    DEFAULT_DOMAINS,
    is_operator,
    names_read,
    nested_graphs,
    rename_reads,
    to_tensor,
    unused_name,
)
from workbench.workflow.export.fp16_constants import Rounding, batch_norm_constants
from workbench.workflow.export.fp16_plan import HALF, NodePlan, element_types, exact_nodes, plan_node


class Constants(Protocol):
    """Rounds constants to the half type and remembers what was lost, see `fp16_constants.Rounding`."""

    def __call__(self, name: str, array: np.ndarray) -> np.ndarray: ...

    def notices(self) -> tuple[Notice, ...]: ...


@dataclass(frozen=True)
class HalfType:
    """The 16-bit type that takes the place of float32.

    data_type: of TensorProto. schema: its name in the schemas of operators. name: the same for new values.
    rounding(refuse=...): of constants. narrow: whether the parameters of BatchNorm must be brought into its range.
    """

    data_type: int
    schema: str
    name: str
    rounding: Callable[..., Constants]
    narrow: bool


FLOAT16 = HalfType(TensorProto.FLOAT16, HALF, "float16", Rounding, narrow=True)


def to_float16(
    proto: ModelProto,
    *,
    replacements: Mapping[str, np.ndarray] | None = None,
    rounded: Collection[str] = (),
    keep_float: Collection[str] = (),
    keep_io_types: bool = True,
    refuse_overflow: bool = False,
    half: HalfType = FLOAT16,
) -> tuple[ModelProto, tuple[Notice, ...]]:
    """The same network with float16 weights and values, and remarks on what float16 cannot hold.

    proto: a valid model, it is not changed. replacements: initializer name -> array of its shape (float16 or float32)
    to store instead. rounded: initializers that hold numbers of float16 even where they are stored as float32.
    keep_float: operator types and names of nodes that stay float32. keep_io_types: whether float32 inputs and outputs
    stay so, or become float16 (but for inputs with a default).
    half: the type, if it is another than float16.
    Constants are rounded to nearest even, finite ones beyond +-65504 are clamped, or a WorkbenchError where
    refuse_overflow; BatchNorm's parameters are first brought into range. Operators whose schema has no float16, that
    hold graphs (If, Loop, Scan) or that onnx does not know stay float32 between casts, and so does arithmetic on shapes
    that ends in integers. Names of graph inputs, outputs and weights stay; there is at most one Cast a tensor and
    direction.
    """
    model = header_of(proto)
    constants = hoist_constants(model.graph, proto.graph)
    types = element_types(model, constants)
    exact = exact_nodes(model.graph, types, constants)
    plans = node_plans(model, types, half, {*exact, *named_nodes(model.graph, keep_float)})
    remark = float32_remark(model.graph, plans, types, exact)
    values = float_values(constants, replacements or {})
    if half.narrow:
        separate_batch_norms(model.graph, plans, values)
    rounding = half.rounding(refuse=refuse_overflow)
    ports = () if keep_io_types else half_ports(model.graph, types, constants)
    rewriting = _Rewriting(model.graph, plans, types, frozenset(ports), rounding, half)
    rewriting.place_constants(constants, values, rounded)
    for node, plan in zip(model.graph.node, plans, strict=True):
        rewriting.add(node, plan)
    rewriting.put_back()
    return model, (*rounding.notices(), *remark)


def named_nodes(graph: GraphProto, names: Collection[str]) -> set[int]:
    """Places of the nodes whose name or operator type is among `names`."""
    return {i for i, node in enumerate(graph.node) if not {node.name, node.op_type}.isdisjoint(names)}


def node_plans(model: ModelProto, types: Mapping[str, int], half: HalfType, kept: Collection[int]) -> list[NodePlan]:
    """What of each node becomes the half type; nothing of those at the places `kept`."""
    opset = next((entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS), 0)
    nodes = enumerate(model.graph.node)
    return [NodePlan() if i in kept else plan_node(node, types, opset, half.schema) for i, node in nodes]


def float_values(constants: Mapping[str, TensorProto], replacements: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The float32 constants by name, or what is to be stored instead, as float32."""
    return {
        name: np.asarray(replacements.get(name, numpy_helper.to_array(tensor)), np.float32)
        for name, tensor in constants.items()
        if tensor.data_type == TensorProto.FLOAT
    }


def half_ports(graph: GraphProto, types: Mapping[str, int], constants: Collection[str]) -> set[str]:
    """Graph inputs and outputs that can become float16; an input with a default keeps its type."""
    defaults = {value.name for value in graph.input}.intersection(constants)
    ports = {value.name for value in (*graph.input, *graph.output) if types.get(value.name) == TensorProto.FLOAT}
    return ports - defaults


def header_of(proto: ModelProto) -> ModelProto:
    """Everything but weights, and but what is said of inner values, which is no longer true in float16."""
    model, graph = ModelProto(), proto.graph
    for field, value in proto.ListFields():
        if field.name != "graph":
            message = ModelProto(**{field.name: value})
            model.MergeFrom(message)
    model.graph.CopyFrom(
        GraphProto(
            name=graph.name,
            doc_string=graph.doc_string,
            node=graph.node,
            input=graph.input,
            output=graph.output,
            sparse_initializer=graph.sparse_initializer,
            metadata_props=graph.metadata_props,
        )
    )
    return model


def hoist_constants(graph: GraphProto, source: GraphProto) -> dict[str, TensorProto]:
    """All constants by name: the initializers of `source` and the values of Constant nodes, which leave `graph`."""
    constants = {tensor.name: tensor for tensor in source.initializer}
    kept = []
    for node in graph.node:
        value = constant_value(node)
        if value is None:
            kept.append(node)
        else:
            constants[node.output[0]] = to_tensor(value, node.output[0])
    copies = GraphProto(node=kept)
    graph.ClearField("node")
    graph.node.extend(copies.node)
    return constants


def constant_value(node: NodeProto) -> np.ndarray | None:
    """What a Constant node of a number type holds; None for any other node."""
    if not is_operator(node, "Constant") or len(node.attribute) != 1:
        return None
    held = node.attribute[0]
    if held.type == AttributeProto.TENSOR and held.t.data_type != TensorProto.STRING:
        return numpy_helper.to_array(held.t)
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    return np.array(helper.get_attribute_value(held), kinds[held.name]) if held.name in kinds else None


def separate_batch_norms(graph: GraphProto, plans: list[NodePlan], values: dict[str, np.ndarray]) -> None:
    """Give every BatchNormalization parameters of its own that float16 can hold, in place."""
    readers = Counter(name for node in graph.node for name in names_read(node))
    readers.update(value.name for value in graph.output)
    taken = {*values, *readers}
    for node, plan in zip(graph.node, plans, strict=True):
        if not is_operator(node, "BatchNormalization") or not plan.inputs >= {0, 1, 2, 3, 4}:
            continue
        for position, array in (batch_norm_constants(node, values) or {}).items():
            name = node.input[position]
            if readers[name] > 1:
                name = node.input[position] = unused_name(f"{name}_{node.output[0]}", taken)
                taken.add(name)
            values[name] = array


def float32_remark(
    graph: GraphProto, plans: list[NodePlan], types: Mapping[str, int], exact: set[int]
) -> tuple[Notice, ...]:
    """One sentence on the operators that could not become float16; nothing where there are none."""
    kept = Counter(
        node.op_type
        for i, (node, plan) in enumerate(zip(graph.node, plans, strict=True))
        if plan == NodePlan()
        and i not in exact
        and any(types.get(name, TensorProto.FLOAT) == TensorProto.FLOAT for name in (*node.input, *node.output) if name)
    )
    if not kept:
        return ()
    names = ", ".join(f"{count} {op_type}" for op_type, count in kept.most_common())
    sentence = f"{kept.total()} of {len(plans)} operators stay float32, with casts around them: {names}."
    return (Notice("operators", sentence),)


class _Rewriting:
    """Writes the nodes again, in order. A float value is kept under up to two names: as float32 and as float16.

    ports: graph inputs and outputs that are float16 under their own name.
    """

    def __init__(
        self,
        graph: GraphProto,
        plans: list[NodePlan],
        types: Mapping[str, int],
        ports: frozenset[str],
        rounding: Constants,
        half_type: HalfType,
    ) -> None:
        self.half_type = half_type
        self.graph, self.plans, self.types, self.ports, self.rounding = graph, plans, types, ports, rounding
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []
        floats = [value.name for value in graph.input if types.get(value.name) == TensorProto.FLOAT]
        self.single = {name: name for name in floats if name not in ports}
        self.half = {name: name for name in floats if name in ports}
        self.taken = {*types, *(value.name for value in graph.output)}
        # what is known by name elsewhere stays float32 under that name: graph outputs, and what inner graphs read
        self.public = {value.name for value in graph.output}
        for node in graph.node:
            self.taken.update(node.output, names_read(node))
            if any(nested_graphs(node)):
                self.public.update(names_read(node))
        self.public -= ports

    def place_constants(
        self, constants: Mapping[str, TensorProto], values: Mapping[str, np.ndarray], rounded: Collection[str]
    ) -> None:
        """Each constant that is read, in the types in which it is; a default of a graph input stays as it is."""
        read = self.public.union(self.ports, *(names_read(node) for node in self.graph.node))
        as_half = set(self.ports)
        as_single = set(self.public)
        for node, plan in zip(self.graph.node, self.plans, strict=True):
            as_half.update(node.input[position] for position in plan.inputs)
            if not plan.as_it_is:
                as_single.update(name for position, name in enumerate(node.input) if position not in plan.inputs)
        for name in (*constants, *(name for name in values if name not in constants)):
            if name not in read and name not in self.single:
                continue
            if name not in values or name in self.single:
                self.initializers.append(constants[name])
                continue
            single = values[name]
            if name in as_half or name in rounded:
                half = self.rounding(name, single)
                single = half.astype(np.float32) if name in rounded else single
            if name in as_half:
                self.half[name] = self._half_name(name)
                self.initializers.append(to_tensor(half, self.half[name]))
            if name in as_single or name not in as_half:
                self.single[name] = self._single_name(name)
                self.initializers.append(to_tensor(single, self.single[name]))

    def add(self, node: NodeProto, plan: NodePlan) -> None:
        """The node with its inputs in the planned types, after the casts that are still missing."""
        new = NodeProto()
        new.CopyFrom(node)
        captured = self.ports.intersection(names_read(node)) if any(nested_graphs(node)) else ()
        rename_reads(new, {name: self._as_single(name) for name in sorted(captured)})
        for position, name in enumerate(node.input):
            if position in plan.inputs:
                new.input[position] = self._as_half(name)
            elif plan.as_it_is:
                new.input[position] = self.single.get(name) or self.half.get(name, name)
            elif name in self.half or name in self.single:
                new.input[position] = self._as_single(name)
        for position, name in enumerate(node.output):
            if position in plan.outputs:
                self.half[name] = new.output[position] = self._half_name(name)
            elif name in self.ports:
                self.single[name] = new.output[position] = self._unused(f"{name}_float32")
            elif self.types.get(name) == TensorProto.FLOAT:
                self.single[name] = name
        if plan.outputs:
            make_half(new, self.rounding, self.half_type.data_type)
        self.nodes.append(new)
        for name in node.output:
            if name in self.ports and name not in self.half:
                self.half[name] = self._cast(self.single[name], name, self.half_type.data_type)
            if name in self.public and name in self.half:
                self._as_single(name)

    def put_back(self) -> None:
        """Into the graph: the new nodes and constants in place of the old ones, and the types of the ports."""
        for field, content in (("node", self.nodes), ("initializer", self.initializers)):
            self.graph.ClearField(field)  # type: ignore[arg-type]
            getattr(self.graph, field).extend(content)
        for value in (*self.graph.input, *self.graph.output):
            if value.name in self.ports:
                value.type.tensor_type.elem_type = self.half_type.data_type

    def _as_half(self, name: str) -> str:
        if name not in self.half:
            wanted = self._unused(f"{name}_{self.half_type.name}")
            self.half[name] = self._cast(self.single[name], wanted, self.half_type.data_type)
        return self.half[name]

    def _as_single(self, name: str) -> str:
        if name not in self.single:
            self.single[name] = self._cast(self.half[name], self._single_name(name), TensorProto.FLOAT)
        return self.single[name]

    def _cast(self, source: str, target: str, kind: int) -> str:
        self.nodes.append(helper.make_node("Cast", [source], [target], name=f"cast_to_{target}", to=kind))
        return target

    def _half_name(self, name: str) -> str:
        return self._unused(f"{name}_{self.half_type.name}") if name in self.public else name

    def _single_name(self, name: str) -> str:
        return self._unused(f"{name}_float32") if self.half.get(name) == name else name

    def _unused(self, wanted: str) -> str:
        name = unused_name(wanted, self.taken)
        self.taken.add(name)
        return name


def make_half(node: NodeProto, rounding: Constants, data_type: int) -> None:
    """Where an attribute decides the type of the output, let it say the half type."""
    if is_operator(node, "Cast"):
        next(entry for entry in node.attribute if entry.name == "to").i = data_type
    if is_operator(node, "ConstantOfShape"):
        filling = [numpy_helper.to_array(entry.t) for entry in node.attribute if entry.name == "value"]
        half = rounding(node.output[0], filling[0] if filling else np.zeros(1, np.float32))
        node.ClearField("attribute")
        node.attribute.append(helper.make_attribute("value", to_tensor(half, "value")))
