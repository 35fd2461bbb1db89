"""What QuantizeLinear and DequantizeLinear say of a network's tensors, and the network without them.

A pair between an activation and its readers is a range; a DequantizeLinear of constant codes is a weight or an int32
bias; QuantizeLinear of a constant weight and back is a weight whose values are still float. A DynamicQuantizeLinear and
its DequantizeLinear are a dynamic uint8 range; a Cast to fp16 or bf16 and back to float is that format.
Source: ONNX operators QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, Cast.
"""

from dataclasses import dataclass, field

import ml_dtypes
import numpy as np
from onnx import NodeProto, TensorProto

from workbench.messages import WorkbenchError
from workbench.models.network import Network, last_name
from workbench.models.protos import DEFAULT_DOMAINS, attribute, is_operator, read_only
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.choice import own_range_of
from workbench.workflow.ranges.covering import covering_range
from workbench.workflow.ranges.ranges import TensorRange

_FORMATS = {
    np.dtype(kind): name
    for kind, name in (
        (np.int8, "int8"),
        (np.uint8, "uint8"),
        (np.int16, "int16"),
        (np.uint16, "uint16"),
        (ml_dtypes.int4, "int4"),
        (ml_dtypes.uint4, "uint4"),
        (ml_dtypes.float8_e4m3fn, "fp8_e4m3"),
        (ml_dtypes.float8_e5m2, "fp8_e5m2"),
        (ml_dtypes.float8_e4m3fnuz, "fp8_e4m3fnuz"),
        (ml_dtypes.float8_e5m2fnuz, "fp8_e5m2fnuz"),
    )
}
_TYPES = {
    TensorProto.UINT8: np.uint8,
    TensorProto.INT8: np.int8,
    TensorProto.UINT16: np.uint16,
    TensorProto.INT16: np.int16,
    TensorProto.UINT4: ml_dtypes.uint4,
    TensorProto.INT4: ml_dtypes.int4,
    TensorProto.FLOAT8E4M3FN: ml_dtypes.float8_e4m3fn,
    TensorProto.FLOAT8E5M2: ml_dtypes.float8_e5m2,
    TensorProto.FLOAT8E4M3FNUZ: ml_dtypes.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2FNUZ: ml_dtypes.float8_e5m2fnuz,
}
_HALVES = {TensorProto.FLOAT16: "fp16", TensorProto.BFLOAT16: "bf16"}
_ADDED = ("_DequantizeLinear_Output", "_dequantized")  # what exporters put behind the name of a weight


@dataclass
class Pairs:
    """What was found.

    ranges: tensor -> its range, in graph order. weights: value -> float32 values of stored codes. called: such a value
    -> its name before a tool put an ending of its own behind that. passed: value behind a pair -> value before it.
    differing: tensors that more than one pair quantizes, differently.
    """

    ranges: dict[str, TensorRange] = field(default_factory=dict)
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    differing: list[str] = field(default_factory=list)

    def add(self, found: TensorRange) -> None:
        known = self.ranges.setdefault(found.name, found)
        if known is not found and not _same(known, found):
            self.differing.append(found.name)


def found_pairs(network: Network) -> Pairs:
    """All pairs of a network. Raises WorkbenchError for scales and codes that are none."""
    pairs, used = Pairs(), network.names()
    producers = {name: node for node in network.nodes for name in node.output if name}
    for node in network.nodes:
        if node.op_type == "DequantizeLinear" and _plain(node):
            if node.input[0] in network.constants:
                _stored(network, node, pairs)
            else:
                _pair(network, producers, node, pairs)
        elif is_operator(node, "Cast") and attribute(node, "to") == TensorProto.FLOAT:
            _half(network, producers.get(node.input[0]), node, pairs)
    for value in pairs.weights:
        plain = (value.removesuffix(end) for end in _ADDED if value.endswith(end))
        pairs.called[value] = next((name for name in plain if name and name not in used), value)
    return pairs


def without_pairs(network: Network, pairs: Pairs) -> None:
    """Take the pairs out of the network, in place: stored codes become float32 constants, readers read what was before.

    Raises WorkbenchError where an output of the network is a copy that cannot be without its pair.
    """
    network.nodes = [node for node in network.nodes if not _taken(node, pairs)]
    for value, array in pairs.weights.items():
        network.constants[pairs.called[value]] = read_only(array)
    outputs = set(network.output_names)
    for after in [name for name in pairs.passed if name in outputs]:
        _keep_output(network, after, last_name(pairs.passed[after], pairs.passed), pairs)
    moved = {value: name for value, name in pairs.called.items() if name != value}
    network.rename({**pairs.passed, **moved})
    network.drop_dead()


def _keep_output(network: Network, after: str, before: str, pairs: Pairs) -> None:
    """A graph output behind a pair is computed by what was before the pair, and keeps its name."""
    for node in network.nodes:
        for position, name in enumerate(node.output):
            if name == before and before not in network.output_names:
                node.output[position] = after
                del pairs.passed[after]
                pairs.passed[before] = after
                pairs.ranges[after] = pairs.ranges.pop(before)
                return
    raise WorkbenchError(f"output {after!r} is a quantized copy of {before!r}, which has to stay; it cannot be opened")


def _taken(node: NodeProto, pairs: Pairs) -> bool:
    gone = pairs.passed.keys() | pairs.weights.keys()
    return bool(gone.intersection(node.output))


def _plain(node: NodeProto) -> bool:
    return node.domain in (*DEFAULT_DOMAINS, "com.microsoft")


def _stored(network: Network, node: NodeProto, pairs: Pairs) -> None:
    """DequantizeLinear of constant codes."""
    codes, name = network.constants[node.input[0]], node.output[0]
    scale = _constant(network, node, 1)
    points = _points(network, node, scale)
    if codes.dtype == np.int32:  # a bias: its scale follows from input and weight
        pairs.weights[name] = codes.astype(np.float32) * _along(node, scale, codes.shape)
        return
    quantizer = _quantizer(node, codes.dtype, scale, points, codes.shape)
    pairs.weights[name] = quantizer.decode(codes)
    pairs.add(_range(name, quantizer, is_weight=True))


def _along(node: NodeProto, scale: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """One scale, or one for each index of the node's axis, in a shape that multiplies values of `shape`."""
    axis = int(attribute(node, "axis", 1)) % max(len(shape), 1)
    if scale.dtype != np.float32 or (scale.size > 1 and (scale.ndim != 1 or scale.shape != shape[axis : axis + 1])):
        raise WorkbenchError(f"{node.op_type} {node.name!r}: scales {scale.dtype} {scale.shape} do not fit {shape}")
    return scale.reshape([-1 if i == axis else 1 for i in range(len(shape))] if scale.size > 1 else ())


def _pair(network: Network, producers: dict[str, NodeProto], node: NodeProto, pairs: Pairs) -> None:
    """DequantizeLinear of what another node has just quantized."""
    before = producers.get(node.input[0])
    if before is None or not _plain(before):
        return
    source = _read_through(before.input[0], producers)
    if before.op_type == "DynamicQuantizeLinear":
        others = {"dynamic": "batch"}
        pairs.add(TensorRange(source, "uint8", 0.0, 0.0, False, is_weight=False, others=others))
    elif before.op_type == "QuantizeLinear" and _as_it_was(network, before, node):
        scale = _constant(network, node, 1)
        points = _points(network, node, scale)
        kind = points.dtype if points.dtype != np.int64 else _kind(before)
        values = network.constants.get(source)
        shape = () if values is None else values.shape
        quantizer = _quantizer(node, kind, scale, points, shape)
        pairs.add(_range(source, quantizer, is_weight=values is not None))
    else:
        return
    pairs.passed[node.output[0]] = source


def _as_it_was(network: Network, before: NodeProto, after: NodeProto) -> bool:
    """Whether both operators of a pair have one scale and one zero point; else the pair is a step of the network."""
    ours, theirs = ([network.constants.get(name) for name in node.input[1:3]] for node in (before, after))
    return before.input[1:3] == after.input[1:3] or (
        len(ours) == len(theirs)
        and all(a is not None and b is not None and np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    )


def _read_through(name: str, producers: dict[str, NodeProto]) -> str:
    """What a Max of one input stands for: it keeps onnxruntime from removing a Relu, see the target `onnx_qdq`."""
    node = producers.get(name)
    return node.input[0] if node is not None and is_operator(node, "Max") and len(node.input) == 1 else name


def _half(network: Network, before: NodeProto | None, node: NodeProto, pairs: Pairs) -> None:
    """A Cast to a 16-bit float and back."""
    kind = None if before is None else _HALVES.get(attribute(before, "to"))
    if before is not None and kind is not None and is_operator(before, "Cast"):
        limits = own_range_of(FORMATS[kind])
        others = {"method": limits["method"]}
        found = TensorRange(before.input[0], kind, limits["low"], limits["high"], others=others)
        pairs.add(found)
        pairs.passed[node.output[0]] = before.input[0]


def _kind(node: NodeProto) -> np.dtype:
    """Type of the codes of a QuantizeLinear without a zero point; uint8 unless it says another."""
    return np.dtype(_TYPES.get(attribute(node, "output_dtype", TensorProto.UINT8), np.uint8))


def _constant(network: Network, node: NodeProto, position: int) -> np.ndarray:
    name = node.input[position]
    if name not in network.constants:
        raise WorkbenchError(f"{node.op_type} {node.name!r}: {name!r} is computed while the network runs, not constant")
    return network.constants[name]


def _points(network: Network, node: NodeProto, scale: np.ndarray) -> np.ndarray:
    """Zero points in the type of the codes; int64 zeros where the operator has none."""
    given = len(node.input) > 2 and node.input[2]
    return _constant(network, node, 2) if given else np.zeros(scale.shape, np.int64)


def _quantizer(
    node: NodeProto, kind: np.dtype, scale: np.ndarray, points: np.ndarray, shape: tuple[int, ...]
) -> Quantizer:
    """The quantizer of a DequantizeLinear for values of `shape`; () where that is not known."""
    where = f"{node.op_type} {node.name!r}"
    if kind not in _FORMATS:
        raise WorkbenchError(f"{where}: codes of {kind} are none that are known here")
    if scale.dtype != np.float32:
        raise WorkbenchError(f"{where}: its scale is {scale.dtype}; only float32 can be read")
    numbers = points.astype(np.float32)
    if scale.shape != points.shape or not np.isfinite(numbers).all():
        raise WorkbenchError(f"{where}: zero points of shape {points.shape} do not fit scales of shape {scale.shape}")
    format, zero_points = FORMATS[_FORMATS[kind]], numbers.astype(np.int64)
    axis, block = int(attribute(node, "axis", 1)), int(attribute(node, "block_size", 0))
    one_channel = scale.ndim == 1 and -len(shape) <= axis < len(shape) and shape[axis] == 1
    if scale.size == 1 and not block and not one_channel:
        return Quantizer(format, scale.reshape(()), int(zero_points.reshape(())))
    if scale.ndim != (len(shape) if block else 1) or (shape and not -len(shape) <= axis < len(shape)):
        raise WorkbenchError(f"{where}: scales of shape {scale.shape} do not fit axis {axis} of values of {shape}")
    axis = axis % len(shape) if shape else axis
    if not block:
        return Quantizer(format, scale, zero_points, axis=axis)
    steps, points = (np.moveaxis(values, axis, -1).reshape(-1) for values in (scale, zero_points))
    return Quantizer(format, steps, points, axis=axis, block_size=block)


def _range(name: str, quantizer: Quantizer, *, is_weight: bool) -> TensorRange:
    low, high, symmetric = covering_range(quantizer.format, quantizer.scale, quantizer.zero_point)
    others = {} if quantizer.block_size is None else {"block_size": quantizer.block_size}
    return TensorRange(name, quantizer.format.name, low, high, symmetric, quantizer.axis, is_weight, others)


def _same(one: TensorRange, other: TensorRange) -> bool:
    ends = (np.array_equal(a, b) for a, b in ((one.low, other.low), (one.high, other.high)))
    return one.format == other.format and one.symmetric == other.symmetric and all(ends)
