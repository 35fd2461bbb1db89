"""Target `model_explorer`: node data for Model Explorer, which colours the nodes of the network by their error.

Source: google-ai-edge/model-explorer, custom node data (keys are node ids or names of output tensors; a gradient has
the smallest value at stop 0 and the largest at stop 1). The graph is called as in the file; nodes without a name go by
their first output.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import GraphProto

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.error import QuantizationError
from workbench.workflow.choice import TensorChoice
from workbench.workflow.comparison import OutputError, TensorError
from workbench.workflow.export.compared import COMPARISON, compared
from workbench.workflow.export.own_errors import own_errors
from workbench.workflow.export.target import Order, SelfCheck, Target

Figure = Literal["sqnr_db", "mse", "cosine"]
Error = OutputError | TensorError | QuantizationError
BAD, MIDDLE, GOOD = "#d55e00", "#f7f7f7", "#0072b2"  # Okabe-Ito vermilion and blue
_UNNAMED_GRAPH = "<main>"


def refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """A report can tell of everything."""
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """Deterministic. Raises WorkbenchError for an unknown figure, and where there is neither data nor calibration."""
    document, notices = _document(order)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return notices


def _document(order: Order) -> tuple[dict[str, Any], tuple[Notice, ...]]:
    figure = order.options.get("figure", "sqnr_db")
    if figure not in get_args(Figure):
        raise WorkbenchError(f"option figure={figure!r}; expected one of {', '.join(get_args(Figure))}")
    errors, words = _errors(order)
    graph = order.model.proto().graph
    results, missing = {}, []
    keys = _keys(graph, _named_in_file(order.model))
    for tensor, error in errors.items():
        if tensor in keys:
            results[keys[tensor]] = _entry(getattr(error, figure), better_is_more=figure != "mse")
        else:
            missing.append(tensor)
    colours = (GOOD, MIDDLE, BAD) if figure == "mse" else (BAD, MIDDLE, GOOD)
    gradient = [{"stop": stop, "bgColor": colour} for stop, colour in zip((0, 0.5, 1), colours, strict=True)]
    notices = [Notice("report", f"{words} Figure: {figure}.")]
    if missing:
        sentence = f"{len(missing)} tensors are made by no node and are not shown (first: {missing[0]!r})."
        notices.append(Notice("report", sentence))
    return {graph.name or _UNNAMED_GRAPH: {"results": results, "gradient": gradient}}, tuple(notices)


def _errors(order: Order) -> tuple[Mapping[str, Error], str]:
    """Tensor -> error, and what that is."""
    comparison = compared(order)
    if comparison is not None:
        words = "Nodes have the error of what they compute in the quantized network, with all that reaches it."
        return {**comparison.tensors, **comparison.outputs}, words
    if order.calibration is not None:
        return own_errors(order), "Nodes have the error of rounding and clipping what they compute, by itself."
    raise WorkbenchError(
        "target model_explorer shows measured errors; give data=, or calibration= for the error of each tensor alone"
    )


def _named_in_file(model: Model) -> frozenset[str] | None:
    """Names that nodes have in the file itself (loading gives names to nodes without one); None where it is gone."""
    try:
        proto = onnx.load(str(model.path), load_external_data=False)
    except (OSError, DecodeError):
        return None
    return frozenset(node.name for node in proto.graph.node)


def _keys(graph: GraphProto, named: frozenset[str] | None) -> dict[str, str]:
    """Tensor -> key of what makes it: a node, a graph input or an initializer."""
    found = {value.name: value.name for value in (*graph.input, *graph.initializer)}
    for node in graph.node:
        has_name = node.name and (named is None or node.name in named)
        found.update({output: node.name if has_name else node.output[0] for output in node.output if output})
    return found


def _entry(value: float, *, better_is_more: bool) -> dict[str, Any]:
    """JSON has no infinite numbers: a word then, and the colour of the end that it belongs to."""
    if math.isfinite(value):
        return {"value": value}
    good = (value > 0) == better_is_more and not math.isnan(value)
    return {"value": "no error" if good else "no number", "bgColor": GOOD if good else BAD}


def check(order: Order, path: Path) -> SelfCheck:
    """Read back: figures are those measured, and the keys those of the graph."""
    read = json.loads(path.read_text(encoding="utf-8"))
    document, _ = _document(order)
    if read != document:
        raise WorkbenchError("the written node data are not those that were measured; nothing was kept")
    comparison = compared(order)
    simulated = None if comparison is None else next(iter(comparison.outputs.values()))
    return SelfCheck(
        simulated=simulated,
        notices=(Notice("check", "Node data were read back; they are no network that could be run."),),
    )


MODEL_EXPLORER = Target(
    name="model_explorer",
    title="Model Explorer node data: the error of each node as its colour",
    runs_on="Model Explorer",
    suffix=".json",
    refusal=refusal,
    write=write,
    check=check,
    kind="report",
    options={
        "figure": "what colours the nodes: sqnr_db (default, dB), mse or cosine",
        "comparison": COMPARISON,
    },
)
