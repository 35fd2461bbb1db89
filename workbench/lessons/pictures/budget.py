"""Bytes against SQNR: ways to spend a budget, as lines, with the corner that is asked for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.messages import WorkbenchError
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = (LIGHT.float_values, LIGHT.rounding, EITHER.before, LIGHT.divergence)
CORNER = "rgba(230, 159, 0, 0.16)"


def budget(
    ways: Mapping[str, Sequence[tuple[float, float]]], most_bytes: float, least_db: float, top_db: float = 40.0
) -> "go.Figure":
    """A line for each way: its points are (bytes, dB). most_bytes, least_db: the corner that is shaded.

    top_db: where the axis ends; lines go on beyond it. Raises WorkbenchError for none or more than four ways.
    """
    import plotly.graph_objects as go

    if not 1 <= len(ways) <= len(COLOURS):
        raise WorkbenchError(f"{len(ways)} ways were given; expected 1 to {len(COLOURS)} of them")
    data, legend = [], {}
    for (title, points), colour in zip(ways.items(), COLOURS, strict=False):
        data.append(_line(title, points, colour))
        legend[title] = colour
    legend[f"at most {most_bytes:,.0f} bytes, at least {least_db:g} dB"] = LIGHT.quantized
    lowest = min(db for points in ways.values() for _, db in points) - 1
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": False}
    corner = {"type": "rect", "y0": least_db, "y1": top_db, "line": {"width": 0}}
    corner |= {"xref": "x", "x0": 0, "x1": most_bytes, "fillcolor": CORNER, "layer": "below"}
    layout = {
        **frame(left=62),
        "shapes": [corner],
        "xaxis": axis | {"title": {"text": "weights, bytes"}, "range": _range(ways), "tickformat": ","},
        "yaxis": axis | {"title": {"text": "output SQNR, dB"}, "range": [lowest, top_db]},
    }
    words = "One point further is one tensor more with more bits. Up and left is better."
    heading = Heading("Bytes of weights against SQNR of the output", (words,), legend)
    return go.Figure(on_page({"data": data, "layout": layout}, heading, height=380))


def _line(title: str, points: Sequence[tuple[float, float]], colour: str) -> dict[str, Any]:
    line = {"x": [x for x, _ in points], "y": [y for _, y in points], "line": {"color": colour, "width": 2}}
    hover = f"{title}<br>%{{x:,.0f}} bytes, %{{y:.1f}} dB<extra></extra>"
    return {"type": "scatter", "mode": "lines+markers", "name": title, "hovertemplate": hover} | line


def _range(ways: Mapping[str, Sequence[tuple[float, float]]]) -> list[float]:
    sizes = [size for points in ways.values() for size, _ in points]
    room = 0.04 * (max(sizes) - min(sizes))
    return [min(sizes) - room, max(sizes) + room]
