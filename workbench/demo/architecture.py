"""The built-in network as a list of steps: it is trained from them and written from them, so the two cannot differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

N_CLASSES = 10
EPSILON = 1e-5  # added to the variance by every BatchNormalization


@dataclass(frozen=True)
class Step:
    """One ONNX operator of the network.

    operator: ONNX operator type.
    name: module path; the node carries it.
    inputs: names of the activations that it reads.
    parameters: last part of a parameter's name -> shape, in the operator's input order; the tensor is `<name>.<part>`.
    attributes: ONNX attributes.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    parameters: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> str:
        """Name of the activation that it computes."""
        return "logits" if self.name == "head.classifier" else f"{self.name}_out"

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of its parameter tensors, in the operator's input order."""
        return tuple(f"{self.name}.{part}" for part in self.parameters)


def network() -> tuple[Step, ...]:
    """All steps in the order of computation, from `image` (n, 1, 8, 8) to `logits` (n, 10).

    stem      3x3 convolution to 16 channels of 8x8
    blocks.0  expand to 32, depthwise 3x3, project to 16, added to its input
    merge     a strided 3x3 convolution beside max pooling and 1x1 convolution, concatenated: 32 channels of 4x4
    blocks.1  expand to 64, depthwise 3x3, sigmoid gate, project to 32, added to its input
    head      mean over the picture, one fully connected layer

    Every convolution but those of the gate is followed by a BatchNormalization, and by a Relu unless it projects.
    Source: the blocks are those of MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381) with plain Relu, the gate is
    squeeze and excite (Hu et al. 2018, arXiv:1709.01507).
    """
    build = _Builder()
    x = build.unit("stem", "image", 1, 16, size=3)
    x = build.block("blocks.0", x, 16)
    strided = build.unit("merge.strided", x, 16, 16, size=3, stride=2)
    pooled = build.add("MaxPool", "merge.pool", x, attributes={"kernel_shape": [2, 2], "strides": [2, 2]})
    pooled = build.unit("merge.pooled", pooled, 16, 16)
    x = build.add("Concat", "merge.concat", strided, pooled, attributes={"axis": 1})
    x = build.block("blocks.1", x, 32, gated=True)
    x = build.add("GlobalAveragePool", "head.pool", x)
    x = build.add("Flatten", "head.flatten", x, attributes={"axis": 1})
    shapes = {"weight": (N_CLASSES, 32), "bias": (N_CLASSES,)}
    build.add("Gemm", "head.classifier", x, parameters=shapes, attributes={"transB": 1})
    return tuple(build.steps)


class _Builder:
    """Appends steps; every method returns the name of the activation that its last step computes."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(
        self,
        operator: str,
        name: str,
        *inputs: str,
        parameters: Mapping[str, tuple[int, ...]] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> str:
        self.steps.append(Step(operator, name, inputs, parameters or {}, attributes or {}))
        return self.steps[-1].output

    def convolve(
        self, name: str, x: str, n_in: int, n_out: int, *, bias: bool, size: int = 1, stride: int = 1, group: int = 1
    ) -> str:
        shapes: dict[str, tuple[int, ...]] = {"weight": (n_out, n_in // group, size, size)}
        if bias:
            shapes["bias"] = (n_out,)
        geometry = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [size // 2] * 4, "group": group}
        return self.add("Conv", name, x, parameters=shapes, attributes=geometry)

    def unit(self, name: str, x: str, n_in: int, n_out: int, *, relu: bool = True, **geometry: int) -> str:
        x = self.convolve(f"{name}.conv", x, n_in, n_out, bias=False, **geometry)
        shapes = {part: (n_out,) for part in ("weight", "bias", "running_mean", "running_var")}
        x = self.add("BatchNormalization", f"{name}.norm", x, parameters=shapes, attributes={"epsilon": EPSILON})
        return self.add("Relu", f"{name}.relu", x) if relu else x

    def gate(self, name: str, x: str, n: int) -> str:
        pooled = self.add("GlobalAveragePool", f"{name}.pool", x)
        squeezed = self.convolve(f"{name}.reduce", pooled, n, n // 8, bias=True)
        squeezed = self.add("Relu", f"{name}.relu", squeezed)
        opened = self.convolve(f"{name}.expand", squeezed, n // 8, n, bias=True)
        opened = self.add("Sigmoid", f"{name}.sigmoid", opened)
        return self.add("Mul", f"{name}.scale", x, opened)

    def block(self, name: str, x: str, n: int, *, gated: bool = False) -> str:
        inner = self.unit(f"{name}.expand", x, n, 2 * n)
        inner = self.unit(f"{name}.depthwise", inner, 2 * n, 2 * n, size=3, group=2 * n)
        if gated:
            inner = self.gate(f"{name}.gate", inner, 2 * n)
        inner = self.unit(f"{name}.project", inner, 2 * n, n, relu=False)
        return self.add("Relu", f"{name}.relu", self.add("Add", f"{name}.add", inner, x))
