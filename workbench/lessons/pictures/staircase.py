"""Quantization as a staircase: what goes in, what comes out, and the saw of errors below it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.messages import WorkbenchError
from workbench.numerics.quantizer import Quantizer
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

BEYOND = 0.25  # of the range, shown on either side of it
N_VALUES = 4001


def staircase(quantizer: Quantizer) -> "go.Figure":
    """What a quantizer makes of each value of its range and a little beyond, and the error, in two plots.

    Raises WorkbenchError for several scales, and for formats without a scale: they have no steps to be drawn.
    """
    import plotly.graph_objects as go

    if quantizer.n_groups > 1 or quantizer.levels is None or not quantizer.format.has_scale:
        raise WorkbenchError(f"no staircase for {quantizer.format.title}; expected one scale, such as covering int4")
    low, high = quantizer.low, quantizer.high
    x = np.linspace(low - BEYOND * (high - low), high + BEYOND * (high - low), N_VALUES).astype(np.float32)
    y = quantizer.fake_quantize(x)
    half = float(quantizer.scale) / 2
    inside = (x >= low - half) & (x <= high + half)
    error = y - x
    data = [
        _line("the value itself", x, x, LIGHT.float_values, dash="dot"),
        _line("quantized", x, y, LIGHT.quantized),
        _line("rounding error", x, np.where(inside, error, np.nan), LIGHT.rounding, yaxis="y2"),
        _line("clipping error", x, np.where(inside, np.nan, error), LIGHT.clipping, yaxis="y2"),
    ]
    legend = {trace["name"]: trace["line"]["color"] for trace in data}
    words = f"scale {float(quantizer.scale):.6g}, zero point {quantizer.zero_point}"
    heading = Heading(f"{quantizer.format.title} as a staircase", (words,), legend)
    return go.Figure(on_page({"data": data, "layout": _layout()}, heading, height=440))


def _line(name: str, x: np.ndarray, y: np.ndarray, colour: str, **rest: Any) -> dict[str, Any]:
    line = {"color": colour, "width": 2} | ({"dash": rest.pop("dash")} if "dash" in rest else {})
    hover = f"{name} at %{{x:.4f}}: %{{y:.4f}}<extra></extra>"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": x,
        "y": y,
        "line": line,
        "hovertemplate": hover,
    } | rest


def _layout() -> dict[str, Any]:
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": True, "zerolinecolor": EITHER.before}
    return {
        **frame(),
        "xaxis": axis | {"title": {"text": "value, in the tensor's own unit"}, "anchor": "y2"},
        "yaxis": axis | {"title": {"text": "becomes"}, "domain": [0.42, 1.0]},
        "yaxis2": axis | {"title": {"text": "error"}, "domain": [0.0, 0.34]},
    }
