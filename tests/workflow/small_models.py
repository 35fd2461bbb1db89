"""Small networks made by hand for the tests of the workflow."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, np.float32), name)


def saved(path: Path, nodes, inputs, outputs, constants, opset: int = 13) -> Path:
    """Write a graph of float tensors; inputs and outputs map names to shapes."""
    ports = ([helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in p.items()] for p in (inputs, outputs))
    graph = helper.make_graph(nodes, "small", *ports, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def small_cnn(folder: Path, *, batch: int | str = "N", opset: int = 13, name: str = "small.onnx") -> Path:
    """Conv, Relu, a residual Add of two activations, pooling and a Gemm; 2 x 8 x 8 in, 5 classes out."""
    rng = np.random.default_rng(7)
    normal = rng.standard_normal
    constants = [
        constant("conv1.weight", normal((6, 2, 3, 3)) * 0.4),
        constant("conv1.bias", normal(6) * 0.1),
        constant("conv2.weight", normal((6, 6, 3, 3)) * 0.2),
        constant("conv2.bias", normal(6) * 0.1),
        constant("fc.weight", normal((5, 6))),
        constant("fc.bias", normal(5)),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1_out"], name="conv1", pads=[1] * 4),
        helper.make_node("Relu", ["conv1_out"], ["relu1_out"], name="relu1"),
        helper.make_node(
            "Conv", ["relu1_out", "conv2.weight", "conv2.bias"], ["conv2_out"], name="conv2", pads=[1] * 4
        ),
        helper.make_node("Add", ["conv2_out", "relu1_out"], ["add_out"], name="add"),
        helper.make_node("Relu", ["add_out"], ["relu2_out"], name="relu2"),
        helper.make_node("GlobalAveragePool", ["relu2_out"], ["pool_out"], name="pool"),
        helper.make_node("Flatten", ["pool_out"], ["flat_out"], name="flatten"),
        helper.make_node("Gemm", ["flat_out", "fc.weight", "fc.bias"], ["logits"], name="fc", transB=1),
    ]
    return saved(folder / name, nodes, {"image": [batch, 2, 8, 8]}, {"logits": [batch, 5]}, constants, opset)


def images(n: int = 40, seed: int = 0) -> np.ndarray:
    """float32 (n, 2, 8, 8)."""
    return np.random.default_rng(seed).standard_normal((n, 2, 8, 8)).astype(np.float32)
