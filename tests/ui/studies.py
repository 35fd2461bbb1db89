"""A small network, a study of it, and data for the tests of the app."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from workbench.models.model import Model
from workbench.workflow.opening import load


def small_model(folder: Path, name: str = "small.onnx") -> Model:
    """Conv, Relu, Conv, a residual Add, pooling, Gemm; 1 x 8 x 8 in, 4 classes out."""
    rng = np.random.default_rng(3)
    arrays = {
        "conv1.weight": rng.standard_normal((6, 1, 3, 3)) * 0.5,
        "conv1.bias": rng.standard_normal(6) * 0.1,
        "conv2.weight": rng.standard_normal((6, 6, 3, 3)) * 0.2,
        "fc.weight": rng.standard_normal((4, 6)),
    }
    constants = [numpy_helper.from_array(array.astype(np.float32), key) for key, array in arrays.items()]
    nodes = [
        helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["conv1_out"], name="conv1", pads=[1] * 4),
        helper.make_node("Relu", ["conv1_out"], ["relu_out"], name="relu"),
        helper.make_node("Conv", ["relu_out", "conv2.weight"], ["conv2_out"], name="conv2", pads=[1] * 4),
        helper.make_node("Add", ["conv2_out", "relu_out"], ["add_out"], name="add"),
        helper.make_node("GlobalAveragePool", ["add_out"], ["pool_out"], name="pool"),
        helper.make_node("Flatten", ["pool_out"], ["flat_out"], name="flatten"),
        helper.make_node("Gemm", ["flat_out", "fc.weight"], ["logits"], name="fc", transB=1),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 4])
    graph = helper.make_graph(nodes, "small", [image], [logits], constants)
    path = folder / name
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return load(path)


def two_outputs(model: Model, folder: Path) -> Model:
    """The same, which gives "relu_out" as its second output."""
    proto = onnx.load(model.path)
    proto.graph.output.append(helper.make_tensor_value_info("relu_out", TensorProto.FLOAT, None))
    onnx.save(proto, folder / "two.onnx")
    return load(folder / "two.onnx")


def images(n: int = 48, seed: int = 0) -> np.ndarray:
    """float32 (n, 1, 8, 8)."""
    return np.random.default_rng(seed).standard_normal((n, 1, 8, 8)).astype(np.float32)
