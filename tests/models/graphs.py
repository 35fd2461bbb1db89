"""Small ONNX graphs for the tests of workbench.models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from workbench.models.model import Model
from workbench.models.reader import load
from workbench.models.sessions import session_options

Shape = Sequence[int | str | None]
node = helper.make_node


def value(name: str, shape: Shape | None, dtype: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """float32 values of a normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def graph(
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape] | Sequence[ValueInfoProto],
    outputs: Mapping[str, Shape | None] | Sequence[ValueInfoProto],
    constants: Mapping[str, np.ndarray] | None = None,
    *,
    opset: int = 17,
    ir: int = 8,
    domains: Sequence[str] = (),
    functions: Sequence[onnx.FunctionProto] = (),
) -> ModelProto:
    """A model from its parts."""
    ins = [value(*item) for item in inputs.items()] if isinstance(inputs, Mapping) else list(inputs)
    outs = [value(*item) for item in outputs.items()] if isinstance(outputs, Mapping) else list(outputs)
    initializers = [numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_graph(list(nodes), "small", ins, outs, initializers)
    return helper.make_model(made, opset_imports=opsets, ir_version=ir, functions=list(functions))


def saved(model: ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    """The model as a file."""
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def opened(model: ModelProto, folder: Path, **options: object) -> Model:
    """The model through a file and `load`."""
    return load(saved(model, folder), **options)


def whole(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of one onnxruntime session of the whole graph."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def same_bits(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    """True where both hold the same names with the same bits."""
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def sqnr_db(reference: np.ndarray, array: np.ndarray) -> float:
    """10 log10 of signal power over error power, in dB."""
    wide = reference.astype(np.float64)
    error = ((wide - array) ** 2).sum()
    return float("inf") if error == 0 else float(10 * np.log10((wide**2).sum() / error))


def batch_norm(prefix: str, channels: int, seed: int = 1) -> dict[str, np.ndarray]:
    """The four constants of a BatchNormalization, float32 (channels,)."""
    rng = np.random.default_rng(seed)
    return {
        f"{prefix}.weight": rng.normal(1, 0.3, channels).astype(np.float32),
        f"{prefix}.bias": rng.normal(0, 1, channels).astype(np.float32),
        f"{prefix}.running_mean": rng.normal(0, 1, channels).astype(np.float32),
        f"{prefix}.running_var": rng.uniform(0.2, 3, channels).astype(np.float32),
    }


def bn_node(prefix: str, source: str, target: str, **attributes: object) -> NodeProto:
    """The BatchNormalization that reads `batch_norm(prefix, ...)`."""
    names = [f"{prefix}.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    return node("BatchNormalization", [source, *names], [target], name=f"{prefix}/BatchNormalization", **attributes)


def residual_network(*, opset: int = 17, batch: int | str = "N") -> ModelProto:
    """Conv, BatchNorm, Relu, Conv, residual Add, Relu, GlobalAveragePool, Flatten, Gemm."""
    constants = {
        "conv1.weight": numbers(4, 3, 3, 3, seed=2),
        "conv2.weight": numbers(4, 4, 3, 3, seed=3),
        "conv2.bias": numbers(4, seed=4),
        "fc.weight": numbers(5, 4, seed=5),
        "fc.bias": numbers(5, seed=6),
        **batch_norm("bn1", 4),
    }
    nodes = [
        node("Conv", ["x", "conv1.weight"], ["c1"], name="/conv1/Conv", pads=[1] * 4),
        bn_node("bn1", "c1", "n1"),
        node("Relu", ["n1"], ["r1"], name="/relu/Relu"),
        node("Conv", ["r1", "conv2.weight", "conv2.bias"], ["c2"], name="/conv2/Conv", pads=[1] * 4),
        node("Add", ["c2", "r1"], ["sum"], name="/Add"),
        node("Relu", ["sum"], ["r2"], name="/relu_1/Relu"),
        node("GlobalAveragePool", ["r2"], ["pool"], name="/pool/GlobalAveragePool"),
        node("Flatten", ["pool"], ["flat"], name="/Flatten"),
        node("Gemm", ["flat", "fc.weight", "fc.bias"], ["y"], name="/fc/Gemm", transB=1),
    ]
    return graph(nodes, {"x": [batch, 3, 8, 8]}, {"y": [batch, 5]}, constants, opset=opset)
