"""Model: what the rest of the workbench knows of a network; Layer and Port, its parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from onnx import ModelProto, NodeProto

from workbench.messages import Notice
from workbench.models.batch_statistics import BatchStatistics
from workbench.models.counting import MacCounter
from workbench.models.network import Network
from workbench.models.operators import Operands
from workbench.models.raising import proto_at
from workbench.models.tensors import Tensors

if TYPE_CHECKING:
    from workbench.models.segments import SegmentChain


@dataclass(frozen=True)
class Port:
    """An input or output of the network.

    shape: a dynamic dimension is its name or None. dtype: object where it is no tensor.
    """

    name: str
    shape: tuple[int | str | None, ...]
    dtype: np.dtype


@dataclass(frozen=True)
class Layer:
    """A weighted operator (Conv, ConvTranspose, Gemm, MatMul), or an Add of two activations (without weight).

    name: for people, unique in the model. weight, bias: tensor names or None.
    inputs: activations that the operator reads. output: what it computes.
    observed_output: the same after the bias Add and the activation function that onnxruntime computes with it.
    weight_axis: the axis of the weight that counts output channels; None without weight or for a vector.
    """

    name: str
    op_type: str
    weight: str | None
    bias: str | None
    inputs: tuple[str, ...]
    output: str
    observed_output: str
    n_parameters: int
    weight_axis: int | None
    node: NodeProto = field(repr=False, compare=False)
    operands: Operands = field(repr=False, compare=False)
    counter: MacCounter = field(repr=False, compare=False)

    @property
    def n_macs(self) -> int:
        """Multiply-accumulates at a batch of 1; 0 for an Add and where no shape can be found."""
        return self.counter.of(self.node, self.operands)


class Model:
    """A network as it was loaded: opset 13 or newer where that is possible, BatchNorm folded; it never changes.

    name: file name without its ending. path, sha256: of the file. data_files: those beside it that hold its constants.
    layers: in topological order.
    tensors: name -> Tensor. inputs, outputs: Ports. n_parameters: of the file, before the fold.
    notices: what was changed or is unusual. renamed: names that vanished -> the names that hold their values.
    observed: activations that weighted operators read, in graph order. residual_inputs: those of residual Adds.
    batch_statistics: activation -> what the BatchNorm before it says about its values.
    """

    def __init__(
        self,
        *,
        network: Network,
        path: Path,
        sha256: str,
        layers: tuple[Layer, ...],
        tensors: Tensors,
        inputs: tuple[Port, ...],
        outputs: tuple[Port, ...],
        n_parameters: int,
        observed: tuple[str, ...],
        residual_inputs: tuple[str, ...],
        batch_statistics: Mapping[str, BatchStatistics],
        renamed: Mapping[str, str],
    ) -> None:
        self.network = network
        self.name, self.path, self.sha256, self.data_files = path.stem, path, sha256, network.data_files
        self.layers, self.tensors, self.inputs, self.outputs = layers, tensors, inputs, outputs
        self.n_parameters = n_parameters
        self.notices: tuple[Notice, ...] = tuple(network.notices)
        self.renamed, self.opset = renamed, network.opset
        self.observed, self.residual_inputs = observed, residual_inputs
        self.batch_statistics = batch_statistics
        self._lock = Lock()
        self._closed = True

    def __setattr__(self, name: str, value: object) -> None:
        if "_closed" in self.__dict__:
            raise AttributeError(f"a Model does not change: {name} cannot be set")
        super().__setattr__(name, value)

    @cached_property
    def n_macs(self) -> int:
        """Multiply-accumulates of all layers at a batch of 1."""
        return sum(layer.n_macs for layer in self.layers)

    @cached_property
    def observable(self) -> frozenset[str]:
        """Names of all activations whose values can be observed."""
        return frozenset((*self.observed, *self.residual_inputs))

    @property
    def chain(self) -> "SegmentChain":
        """The network as a chain of onnxruntime sessions; worked out on first use."""
        from workbench.models.segments import SegmentChain

        with self._lock:
            chain = self.__dict__.get("_chain")
            if chain is None:
                chain = self.__dict__["_chain"] = SegmentChain(self)
            return chain

    def proto(self, *, opset: int | None = None) -> ModelProto:
        """The folded graph as a fresh message; a change in it changes nothing here.

        opset: at least this version of the default domain. Raises WorkbenchError where it cannot be raised so far.
        """
        return proto_at(self.network, opset or self.opset, self.path)

    def __repr__(self) -> str:
        return f"<Model {self.name}: {len(self.layers)} layers, {self.n_parameters:,} parameters, opset {self.opset}>"
