"""A sensitivity ranking as bars: what the output is left with when one tensor alone is quantized."""

from typing import TYPE_CHECKING, Any

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading
from workbench.workflow.ranking import Ranking

if TYPE_CHECKING:
    import plotly.graph_objects as go

COLOURS = {"weights": LIGHT.float_values, "activations": LIGHT.quantized}
ROW = 19  # px


def ranked(ranking: Ranking) -> "go.Figure":
    """A bar for each row, the most sensitive on top; its length is the output's SQNR in dB."""
    import plotly.graph_objects as go

    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [row.sqnr_db for row in ranking],
        "y": [row.name for row in ranking],
        "text": [f"{row.sqnr_db:.1f}" for row in ranking],
        "textposition": "outside",
        "marker": {"color": [COLOURS[row.side] for row in ranking]},
        "hovertemplate": "%{y}: %{x:.1f} dB<extra></extra>",
    }
    words = f"One tensor quantized, all others float32; {ranking.n_samples} samples. A short bar hurts."
    heading = Heading("Sensitivity", (words,), COLOURS)
    figure = {"data": [bars], "layout": _layout(max(row.sqnr_db for row in ranking))}
    return go.Figure(on_page(figure, heading, height=ROW * len(ranking) + 70))


def _layout(longest: float) -> dict[str, Any]:
    return {
        **frame(left=230),
        "bargap": 0.25,
        "xaxis": {
            "title": {"text": "SQNR of the output, dB"},
            "gridcolor": EITHER.grid,
            "range": [0, 1.08 * longest],
        },
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
