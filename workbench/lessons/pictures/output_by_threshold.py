"""The network's output error against the threshold of one tensor, with what each method would choose."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.messages import WorkbenchError
from workbench.ui.charts.annotated import stagger
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.plain_text import plain
from workbench.ui.charts.sheet import WIDTH, Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

LEFT, RIGHT, ROW = 72, 24, 15  # px: margins, and height of a row of labels
ROWS = 4


def output_by_threshold(
    thresholds: Any, output_sqnr_db: Any, own_sqnr_db: Any = None, marks: Mapping[str, float] | None = None
) -> "go.Figure":
    """SQNR of the network's output, and of the tensor itself, at some thresholds T of one tensor.

    thresholds: (n,), ascending. output_sqnr_db, own_sqnr_db: (n,), dB; the second may be left out. marks: method -> T.
    Raises WorkbenchError where the lengths differ or there are fewer than two points.
    """
    import plotly.graph_objects as go

    x, lines = np.asarray(thresholds, np.float64), {"network's output": (output_sqnr_db, LIGHT.quantized, "solid")}
    if own_sqnr_db is not None:
        lines["tensor itself"] = (own_sqnr_db, EITHER.before, "dash")
    data = []
    for name, (values, colour, dash) in lines.items():
        y = np.asarray(values, np.float64)
        if y.shape != x.shape or x.ndim != 1 or x.size < 2:
            raise WorkbenchError(f"{x.shape} thresholds and {y.shape} figures; expected two lists of one length, >= 2")
        data.append(_line(name, x, y, colour, dash))
    span, marks = (float(x.min()), float(x.max())), marks or {}
    at = {name: (T - span[0]) / (span[1] - span[0]) * (WIDTH - LEFT - RIGHT) for name, T in marks.items()}
    rows = stagger(at, WIDTH - LEFT - RIGHT, rows=ROWS)
    layout = _layout(span) | {
        "shapes": [_mark(T) for T in marks.values()],
        "annotations": [_label(name, T, rows[name]) for name, T in marks.items() if rows[name] >= 0],
    }
    best = int(np.nanargmax(data[0]["y"]))
    words = f"Best of these points at the output: {data[0]['y'][best]:.2f} dB with T = {x[best]:.3f}"
    heading = Heading("Which threshold is right?", (words,), {t["name"]: t["line"]["color"] for t in data})
    gap = ROW * (1 + max(rows.values(), default=0)) + 16
    return go.Figure(on_page({"data": data, "layout": layout}, heading, height=320 + gap, gap=gap))


def _line(name: str, x: np.ndarray, y: np.ndarray, colour: str, dash: str) -> dict[str, Any]:
    line = {"color": colour, "width": 2, "dash": dash}
    hover = f"{name} at T = %{{x:.3f}}: %{{y:.2f}} dB<extra></extra>"
    kind = {"type": "scatter", "mode": "lines+markers", "name": name, "x": x, "y": y}
    return kind | {"line": line, "marker": {"color": colour, "size": 5}, "hovertemplate": hover}


def _mark(x: float) -> dict[str, Any]:
    line = {"color": EITHER.muted, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line}


def _label(text: str, x: float, row: int) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "x": x, "y": 1, "xanchor": "center", "yanchor": "bottom", "showarrow": False}
    return {"text": plain(text), "yshift": 2 + ROW * row, "font": {"size": 11, "color": EITHER.ink}} | place


def _layout(span: tuple[float, float]) -> dict[str, Any]:
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": False, "ticks": "outside"}
    room = 0.02 * (span[1] - span[0])
    return {
        **frame(LEFT, RIGHT),
        "xaxis": axis
        | {"title": {"text": "threshold T, in the tensor's own unit"}, "range": [span[0] - room, span[1] + room]},
        "yaxis": axis | {"title": {"text": "SQNR, dB"}},
    }
