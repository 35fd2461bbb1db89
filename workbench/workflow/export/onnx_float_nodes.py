"""`Nodes`: standard ONNX operators written one behind the other, as one writes a formula."""

from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from workbench.workflow.export.rewiring import GraphEditor

Shared = dict[tuple[str, tuple[int, ...], bytes], str]


class Nodes:
    """What is computed from one tensor of a graph.

    editor: of the graph. tensor: name after which all new values are named. shared: constants that the graph already
    holds; equal ones are stored once. nodes: those written so far, in order.
    """

    def __init__(self, editor: GraphEditor, tensor: str, shared: Shared) -> None:
        self._editor, self._tensor, self._shared = editor, tensor, shared
        self.nodes: list[NodeProto] = []

    def __call__(self, operator: str, *inputs: str | np.ndarray, **attributes: Any) -> str:
        """Name of the one output of an operator. inputs: names of values, or arrays, which become constants."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, n_outputs: int, *inputs: str | np.ndarray, **attributes: Any) -> tuple[str, ...]:
        """Names of the outputs of an operator."""
        read = [name if isinstance(name, str) else self.constant(name) for name in inputs]
        outputs = tuple(self._editor.fresh(f"{self._tensor}_{operator}") for _ in range(n_outputs))
        name = self._editor.fresh(f"{outputs[0]}_node")
        self.nodes.append(helper.make_node(operator, read, outputs, name=name, **attributes))
        return outputs

    def constant(self, array: np.ndarray) -> str:
        """Name of an initializer that holds these values."""
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._shared:
            self._shared[key] = self._editor.add_constant("constant", numpy_helper.from_array(array))
        return self._shared[key]

    def cast(self, value: str, to: int) -> str:
        """The value in another type, one of TensorProto."""
        return self("Cast", value, to=to)

    def as_float(self, value: str) -> str:
        return self.cast(value, TensorProto.FLOAT)


def number(value: float) -> np.ndarray:
    """A float32 constant without axes."""
    return np.array(value, np.float32)
