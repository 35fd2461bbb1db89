"""Are the calibration data good? Both distributions over one another, and the range against the number of samples."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.sheet import Heading, on_paper

LEFT, RIGHT = (0.0, 0.52), (0.6, 1.0)  # of the two drawings, in paper units


def calibration_figure(
    edges: np.ndarray,
    calibration: np.ndarray,
    evaluation: np.ndarray | None = None,
    span: tuple[float, float] | None = None,
    *,
    n_samples: Sequence[int] = (),
    ends: Sequence[np.ndarray] = (),
    enough: int | None = None,
    title: str = "",
    lines: Sequence[str] = (),
    palette: Palette = LIGHT,
) -> dict[str, Any]:
    """A plotly figure as a dict.

    edges (n + 1,); calibration, evaluation (n,): shares of the values in the bins. span: the range chosen. n_samples
    (m,): how many calibration samples were tried; ends: of the lower and the upper end the 5, 50 and 95 % quantiles
    (m, 3) over random sets of so many. enough: how many suffice.
    """
    legend = {"calibration": palette.float_values}
    data = [_shares("calibration", edges, calibration, palette.float_values, fill=palette.float_fill)]
    if evaluation is not None:
        data.append(_shares("evaluation", edges, evaluation, palette.quantized))
        legend["evaluation"] = palette.quantized
    shapes, annotations = [], []
    for bound in span or ():
        text = f"{bound:.4g}".replace("-", "−")
        line = {"color": palette.ink, "width": 1.8}
        shapes.append({"type": "line", "x0": bound, "x1": bound, "xref": "x", "yref": "paper", "y0": 0, "y1": 1})
        shapes[-1] |= {"line": line}
        place = {"xref": "x", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
        annotations.append({"text": text, "x": bound, "font": {"size": 11, "color": palette.ink}} | place)
    for rows in ends:
        data += _band(np.asarray(n_samples), rows, palette)
    if len(ends) and enough is not None:
        shapes.append({"type": "line", "x0": enough, "x1": enough, "xref": "x2", "yref": "paper", "y0": 0, "y1": 1})
        shapes[-1] |= {"line": {"color": palette.rounding, "width": 1.5, "dash": "dash"}}
        place = {"xref": "x2", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False}
        font = {"size": 11, "color": palette.ink}
        annotations.append({"text": f"{enough:,} samples", "x": float(np.log10(enough)), "font": font} | place)
    if len(ends):
        legend["range: median, and 5 to 95 % of random sets"] = palette.before
    axis = {"showgrid": False, "zeroline": False, "automargin": True, "ticks": "outside", "tickfont": {"size": 11}}
    vertical = axis | {"showgrid": True, "gridcolor": palette.grid, "automargin": False}
    layout = {
        "margin": {"l": 62, "r": 18, "t": 34, "b": 50},
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "showlegend": False,
        "xaxis": axis | {"domain": list(LEFT if len(ends) else (0.0, 1.0)), "title": _title("value")},
        "yaxis": vertical | {"type": "log", "exponentformat": "power", "dtick": 1, "title": _title("share (log)")},
        "xaxis2": axis
        | {"domain": list(RIGHT), "anchor": "y2", "type": "log", "title": _title("calibration samples")}
        | {"tickmode": "array", "tickvals": list(n_samples), "ticktext": [f"{n:,}" for n in n_samples]}
        | {"visible": len(ends) > 0},
        "yaxis2": vertical | {"anchor": "x2", "title": _title("range"), "visible": len(ends) > 0},
        "annotations": annotations,
        "shapes": shapes,
    }
    return on_paper({"data": data, "layout": layout}, Heading(title, tuple(lines), legend), palette, height=420)


def _title(text: str) -> dict[str, Any]:
    return {"text": text, "font": {"size": 11}}


def _shares(name: str, edges: np.ndarray, shares: np.ndarray, colour: str, fill: str = "") -> dict[str, Any]:
    y = np.append(shares, shares[-1:]).astype(float)
    least = y[y > 0].min(initial=1.0) / 2
    trace = {"type": "scatter", "name": name, "x": edges, "y": np.maximum(y, least), "mode": "lines"}
    trace |= {"line": {"color": colour, "width": 1.4, "shape": "hv"}}
    return trace | ({"fill": "tozeroy", "fillcolor": fill} if fill else {})


def _band(n_samples: np.ndarray, rows: np.ndarray, palette: Palette) -> list[dict[str, Any]]:
    common = {"type": "scatter", "mode": "lines", "xaxis": "x2", "yaxis": "y2", "x": n_samples}
    none = {"width": 0, "color": palette.before}
    shade = {"fill": "tonexty", "fillcolor": "rgba(144, 151, 163, 0.30)"}
    median = {"width": 1.8, "color": palette.before}
    return [
        common | {"name": "5 %", "y": rows[:, 0], "line": none},
        common | {"name": "95 %", "y": rows[:, 2], "line": none} | shade,
        common | {"name": "median", "y": rows[:, 1], "line": median},
    ]
