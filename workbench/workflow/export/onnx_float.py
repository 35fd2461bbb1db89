"""Target `onnx_float`: any format in a float32 file of opset 13, so that every runtime computes the simulation.

Weights and integer biases are stored as the float32 values that they decode to; activations are rounded by standard
operators, see `onnx_float_rounding`.
"""

from pathlib import Path

from onnx import numpy_helper

from workbench.messages import Notice
from workbench.numerics.dynamic import DynamicQuantizer
from workbench.numerics.formats.identity import IdentityFormat
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export import qdq_elements
from workbench.workflow.export.onnx_float_nodes import Nodes, Shared
from workbench.workflow.export.onnx_float_rounding import quantized
from workbench.workflow.export.rewiring import GraphEditor
from workbench.workflow.export.saving import save_network
from workbench.workflow.export.selfcheck import check_by_running
from workbench.workflow.export.target import Order, Target
from workbench.workflow.plan import Activation, plan

OPSET = 13


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """Chance, ranges found while the network runs, and blocks along another axis than a sample's values."""
    if choice is None or is_weight:
        return None
    format = choice.variation
    if qdq_elements.is_dynamic(choice):
        return qdq_elements.refusal(choice, is_weight=False)
    if format.stochastic and not isinstance(format, IdentityFormat):
        way_out = f"nearest is {choice.format} with rounding nearest_even"
        return f"a file cannot draw the random numbers of the simulation; {way_out}"
    if format.block_size is not None and choice.axis != 0:
        return f"blocks of {choice.format} run through each sample; nearest is {choice.format} with axis 0"
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The folded graph with stored weights rounded and activations behind the operators that round; deterministic."""
    model = order.model
    worked_out = plan(model, order.recipe)
    editor, shared = GraphEditor(model.proto(opset=OPSET)), Shared()
    for name, values in worked_out.replacements(model).items():
        stored = values.astype(model.network.constants[name].dtype, copy=False)
        editor.set_constant(name, numpy_helper.from_array(stored))
    for name, activation in worked_out.activations.items():
        graph = Nodes(editor, name, shared)
        found = _seen(graph, name, activation)
        if found != name:
            editor.insert_behind(name, graph.nodes, found)
    finished = editor.finish()
    del finished.graph.value_info[:]
    save_network(finished, path)
    return worked_out.notices


def _seen(graph: Nodes, name: str, activation: Activation) -> str:
    """What the readers of an activation see."""
    if not isinstance(activation, DynamicQuantizer):
        return quantized(graph, name, activation)
    return graph("DequantizeLinear", *graph.several("DynamicQuantizeLinear", 3, name))


ONNX_FLOAT = Target(
    name="onnx_float",
    title="ONNX in float32 that computes any format",
    runs_on="any ONNX runtime",
    suffix=".onnx",
    refusal=refusal,
    write=write,
    check=check_by_running,
)
