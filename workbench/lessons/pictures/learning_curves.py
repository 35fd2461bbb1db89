"""Loss and moving weights by epoch, of some runs of `training.train`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.lessons.training import Run
from workbench.messages import WorkbenchError
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = (LIGHT.float_values, LIGHT.quantized, LIGHT.rounding, LIGHT.divergence)


def learning_curves(runs: Mapping[str, Run]) -> "go.Figure":
    """Left the loss of the training pictures, logarithmic; right the share of weights that changed in each epoch.

    runs: name -> run, one to four of them. Raises WorkbenchError for none and for more.
    """
    import plotly.graph_objects as go

    if not 1 <= len(runs) <= len(COLOURS):
        raise WorkbenchError(f"{len(runs)} runs were given; expected 1 to {len(COLOURS)} of them")
    lines = []
    for (name, run), colour in zip(runs.items(), COLOURS, strict=False):
        lines.append(_line(name, np.arange(len(run.losses)), run.losses, colour, "", "%{y:.4f} nats"))
        lines.append(_line(name, np.arange(len(run.changed)) + 1, 100 * run.changed, colour, "2", "%{y:.2f} %"))
    words = "Loss of the training pictures, and weights that are at another value after an epoch than before."
    legend = dict(zip(runs, COLOURS, strict=False))
    return go.Figure(on_page({"data": lines, "layout": _layout()}, Heading("Learning", (words,), legend), height=380))


def _line(name: str, x: np.ndarray, y: np.ndarray, colour: str, place: str, value: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": x,
        "y": y,
        "xaxis": f"x{place}",
        "yaxis": f"y{place}",
        "line": {"color": colour, "width": 2},
        "marker": {"color": colour, "size": 5},
        "hovertemplate": f"{name}, epoch %{{x}}: {value}<extra></extra>",
    }


def _layout() -> dict[str, Any]:
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": False, "ticks": "outside"}
    across = axis | {"title": {"text": "epoch"}}
    return {
        **frame(),
        "xaxis": across | {"domain": [0.0, 0.44]},
        "xaxis2": across | {"domain": [0.56, 1.0], "anchor": "y2"},
        "yaxis": axis | {"title": {"text": "loss, nats"}, "type": "log"},
        "yaxis2": axis | {"title": {"text": "weights changed, %"}, "anchor": "x2", "rangemode": "tozero"},
    }
