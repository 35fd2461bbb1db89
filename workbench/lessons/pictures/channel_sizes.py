"""The largest magnitude of each channel of a weight, beside the step that all of them have to share."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.messages import WorkbenchError
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.values import as_float32
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

FLOOR = 0.5  # of the lowest value or line: where the bars of a logarithmic axis begin


def channel_sizes(weights: Any, format: str = "int8", title: str = "Channels of a weight") -> "go.Figure":
    """A bar for each channel, and lines for one scale over the whole tensor: its largest level, and half its step.

    weights: (channels, ...). format: one with a scale and a code 0. A channel below half a step is rounded to zeros.
    Raises WorkbenchError for a single channel, and for weights that are all 0.
    """
    import plotly.graph_objects as go

    values = as_float32(weights)
    if values.ndim < 2 or not values.any():
        raise WorkbenchError(f"weights of shape {values.shape}; expected (channels, ...) with a value that is not 0")
    sizes = np.abs(values.reshape(len(values), -1)).max(axis=1)
    top = float(sizes.max())
    half = float(Quantizer.covering(format, -top, top).scale) / 2
    lost = sizes <= half
    bottom = FLOOR * min(half, float(sizes[sizes > 0].min()))
    data = [
        _bars("channel", np.flatnonzero(~lost), sizes[~lost], LIGHT.float_values),
        _bars("lost channel", np.flatnonzero(lost), sizes[lost], LIGHT.rounding),
    ]
    legend = {
        "largest magnitude of a channel": LIGHT.float_values,
        f"all zeros after rounding: {int(lost.sum())} of {len(sizes)}": LIGHT.rounding,
        f"half a step, {half:.3g}": LIGHT.quantized,
    }
    words = f"One scale for all: {format} from {-top:.3g} to {top:.3g}. Logarithmic axis."
    layout = _layout(bottom, top, len(sizes), half)
    return go.Figure(on_page({"data": data, "layout": layout}, Heading(title, (words,), legend), height=360))


def _bars(name: str, channels: np.ndarray, sizes: np.ndarray, colour: str) -> dict[str, Any]:
    hover = f"{name} %{{x}}: %{{y:.4g}}<extra></extra>"
    bars = {"x": channels, "y": sizes, "marker": {"color": colour}, "hovertemplate": hover}
    return {"type": "bar", "name": name} | bars


def _layout(bottom: float, top: float, n: int, half: float) -> dict[str, Any]:
    axis = {"showgrid": False, "zeroline": False}
    span = [float(np.log10(bottom)), float(np.log10(1.4 * top))]
    line = {"color": LIGHT.quantized, "width": 2, "dash": "dash"}
    return {
        **frame(),
        "bargap": 0.25,
        "shapes": [{"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": half, "y1": half, "line": line}],
        "xaxis": axis | {"title": {"text": "output channel, number"}, "range": [-0.7, n - 0.3]},
        "yaxis": axis
        | {"type": "log", "range": span, "showgrid": True, "gridcolor": EITHER.grid, "dtick": 1}
        | {"title": {"text": "largest |weight|, in the weight's own unit"}},
    }
