"""Small chains of layers for the tests of equalization: a graph is nodes and constants under their names."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper

from tests.models.graphs import graph, saved

SIDE = 6  # pixels of the image


@dataclass
class Chain:
    """Operators one behind the other on `x`, float32 (N, n_channels, SIDE, SIDE); weights of very unequal channels."""

    seed: int
    n_channels: int
    nodes: list[NodeProto] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    last: str = "x"
    n_terms: int = 0  # longest sum of products of each layer, added up

    def __post_init__(self) -> None:
        self.width, self.side = self.n_channels, SIDE
        self.random = np.random.default_rng(self.seed)

    def node(self, op_type: str, *more: str, **attributes: object) -> "Chain":
        """Any operator that reads the value so far."""
        name = f"{op_type.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, [self.last, *more], [f"{name}_out"], name=name, **attributes))
        self.last = f"{name}_out"
        return self

    def layer(
        self, op_type: str, width: int, *, group: int = 1, taps: int = 3, bias: bool = True, dead: bool = False, **more
    ) -> "Chain":
        """A Conv, ConvTranspose or Gemm with `width` output channels whose sizes differ up to 10,000-fold."""
        name, fan_in = f"{op_type.lower()}{len(self.nodes)}", self.width // group
        if op_type == "Gemm":
            shape: tuple[int, ...] = (width, fan_in) if more.get("transB") else (fan_in, width)
            axis = 0 if more.get("transB") else 1
        else:
            shape = (width, fan_in, taps, taps) if op_type == "Conv" else (self.width, width // group, taps, taps)
            axis = 0 if op_type == "Conv" else 1
            more |= dict(group=group, pads=[taps // 2] * 4)
            fan_in *= taps * taps
        sizes = 10.0 ** self.random.uniform(-2, 2, shape[axis])
        sizes[0] *= not dead
        weight = self.random.standard_normal(shape) * sizes.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        self.constants[f"{name}.weight"] = weight.astype(np.float32)
        more_inputs = [f"{name}.weight"]
        if bias:
            self.constants[f"{name}.bias"] = self.random.standard_normal(width).astype(np.float32)
            more_inputs.append(f"{name}.bias")
        self.width = width
        self.n_terms += fan_in + 1
        return self.node(op_type, *more_inputs, **more)

    def saved(self, folder: Path, *, outputs: tuple[str, ...] = (), absolute: bool = False) -> Path:
        """The file. outputs: besides the last value. absolute: with the absolute values of all constants."""
        constants = {name: np.abs(values) if absolute else values for name, values in self.constants.items()}
        shapes: dict[str, None] = dict.fromkeys((*outputs, self.last))
        model = graph(self.nodes, {"x": ["N", self.n_channels, SIDE, SIDE]}, shapes, constants)
        model = onnx.shape_inference.infer_shapes(model)
        return saved(model, folder, "absolute.onnx" if absolute else "chain.onnx")

    def images(self, n: int = 3) -> np.ndarray:
        return np.random.default_rng(self.seed + 1).standard_normal((n, self.n_channels, SIDE, SIDE)).astype(np.float32)


def inverted_residual(seed: int = 0) -> Chain:
    """Pointwise, depthwise, pointwise, with Relu between them."""
    chain = Chain(seed, 4).layer("Conv", 8, taps=1).node("Relu").layer("Conv", 8, group=8).node("Relu")
    return chain.layer("Conv", 5, taps=1)
