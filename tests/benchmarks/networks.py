"""A network of the size of ResNet-50, built from its published shape with seeded weights, for what depends on size."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STAGES = ((3, 64), (4, 128), (6, 256), (3, 512))  # blocks, channels of their middle convolution
SIZE = 224


class _Builder:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, array: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(array.astype(np.float32), name))
        return name

    def node(self, operator: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def conv(self, x: str, name: str, channels: tuple[int, int], kernel: int, stride: int, gain: float = 1.0) -> str:
        fan_in = channels[0] * kernel**2
        weight = self.rng.standard_normal((channels[1], channels[0], kernel, kernel)) * gain * np.sqrt(2 / fan_in)
        bias = self.rng.standard_normal(channels[1]) * 0.05
        inputs = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        pads = [kernel // 2] * 4
        return self.node("Conv", inputs, name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)


def save_resnet50(path: Path, *, seed: int = 0, batch: int | str = "N") -> Path:
    """Write the network; BatchNorm folded already. 25.5 million parameters, input float32 (batch, 3, 224, 224).

    Shape: He et al. 2015, Deep Residual Learning for Image Recognition (arXiv:1512.03385), table 1, 50 layers; the
    stride stands in the 3 x 3 convolution.
    """
    b = _Builder(seed)
    x = b.node("Relu", [b.conv("image", "conv1", (3, 64), 7, 2)], "relu1")
    x = b.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    width = 64
    for stage, (n_blocks, middle) in enumerate(STAGES):
        for block in range(n_blocks):
            name, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            y = b.node("Relu", [b.conv(x, f"{name}.conv1", (width, middle), 1, 1)], f"{name}.relu1")
            y = b.node("Relu", [b.conv(y, f"{name}.conv2", (middle, middle), 3, stride)], f"{name}.relu2")
            y = b.conv(y, f"{name}.conv3", (middle, 4 * middle), 1, 1, gain=0.3)
            if not block:
                x = b.conv(x, f"{name}.shortcut", (width, 4 * middle), 1, stride, gain=0.7)
            x = b.node("Relu", [b.node("Add", [y, x], f"{name}.add")], f"{name}.relu3")
            width = 4 * middle
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "average")], "flatten")
    weight = b.constant("fc.weight", b.rng.standard_normal((1000, width)) / np.sqrt(width))
    x = b.node("Gemm", [x, weight, b.constant("fc.bias", np.zeros(1000))], "fc", transB=1)
    return _save(b, path, "resnet50_size", ("image", [batch, 3, SIZE, SIZE]), (x, [batch, 1000]))


def save_small(path: Path, *, seed: int = 0) -> Path:
    """Write a network of three convolutions: input float32 (N, 3, 64, 64), 10 outputs."""
    b = _Builder(seed)
    x = b.node("Relu", [b.conv("image", "conv1", (3, 16), 3, 1)], "relu1")
    x = b.node("Relu", [b.conv(x, "conv2", (16, 32), 3, 2)], "relu2")
    x = b.node("Relu", [b.conv(x, "conv3", (32, 32), 3, 1)], "relu3")
    x = b.node("Flatten", [b.node("GlobalAveragePool", [x], "average")], "flatten")
    x = b.node("Gemm", [x, b.constant("fc.weight", b.rng.standard_normal((32, 10)))], "fc")
    return _save(b, path, "small", ("image", ["N", 3, 64, 64]), (x, ["N", 10]))


def _save(
    builder: _Builder, path: Path, name: str, image: tuple[str, list[int | str]], output: tuple[str, list[int | str]]
) -> Path:
    ports = [helper.make_tensor_value_info(port, TensorProto.FLOAT, shape) for port, shape in (image, output)]
    graph = helper.make_graph(builder.nodes, name, ports[:1], ports[1:], builder.constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def images(n: int, *, seed: int = 1) -> np.ndarray:
    """Smooth random pictures, normalised: float32 (n, 3, 224, 224)."""
    rng = np.random.default_rng(seed)
    coarse = rng.standard_normal((n, 3, SIZE // 16, SIZE // 16)).astype(np.float32)
    fine = rng.standard_normal((n, 3, SIZE, SIZE)).astype(np.float32)
    return np.repeat(np.repeat(coarse, 16, axis=2), 16, axis=3) + np.float32(0.3) * fine
