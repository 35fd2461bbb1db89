"""A distribution figure with its thresholds and methods drawn in: for reports, where nothing can be dragged."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.ui.charts.distribution import ERROR_STRIP, NOTHING, Strips, distribution_figure
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain

LANE = (ERROR_STRIP[1] + 0.012, ERROR_STRIP[1] + 0.045)  # rows of method labels, lower and upper, in paper units


def annotated_figure(
    strips: Strips,
    bounds: tuple[float, ...],
    marks: Mapping[str, float],
    quantized: np.ndarray | None = None,
    palette: Palette = LIGHT,
    *,
    log_counts: bool = True,
    width: int = 900,
) -> dict[str, Any]:
    """`distribution_figure` with lines at the bounds, labelled method marks and the quantized distribution.

    bounds: one or two thresholds. marks: title of a method -> position. quantized: counts (n,) in the bins of
    `strips` after quantization. width: of the picture in px, so that labels can be kept apart.
    """
    figure = distribution_figure(strips, palette, log_counts=log_counts)
    layout = figure["layout"]
    layout["width"] = width
    if quantized is not None:
        line = {"color": palette.quantized, "width": 1.4, "shape": "hv"}
        y = np.maximum(np.append(quantized, quantized[-1:]), NOTHING)
        figure["data"].append(
            {"type": "scatter", "name": "quantized", "x": strips.edges, "y": y, "mode": "lines", "line": line}
            | {"hoverinfo": "skip", "showlegend": False}
        )
    for bound in bounds:
        line = {"color": palette.ink, "width": 1.8}
        layout["shapes"].append({"type": "line", "xref": "x", "yref": "paper", "x0": bound, "x1": bound, "line": line})
        layout["shapes"][-1] |= {"y0": 0, "y1": 1}
        layout["annotations"].append(_label(f"{bound:.3g}", bound, 1.0, palette.ink, "bottom"))
    scale = (width - 80) / (strips.high - strips.low)
    rows = stagger({name: (x - strips.low) * scale for name, x in marks.items()}, width - 80)
    for name, x in marks.items():
        line = {"color": palette.muted, "width": 1, "dash": "dot"}
        layout["shapes"].append(
            {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": ERROR_STRIP[0], "line": line}
            | {"y1": LANE[max(rows[name], 0)]}
        )
        if rows[name] >= 0:
            layout["annotations"].append(_label(plain(name), x, LANE[rows[name]], palette.ink, "bottom"))
    return figure


def _label(text: str, x: float, y: float, colour: str, anchor: str) -> dict[str, Any]:
    place = {"xref": "x", "yref": "paper", "x": x, "y": y, "xanchor": "center", "yanchor": anchor, "showarrow": False}
    return {"text": text, "font": {"size": 11, "color": colour}} | place


def stagger(positions: Mapping[str, float], width: float, *, per_letter: float = 6.0, rows: int = 2) -> dict[str, int]:
    """Row (0 is the lowest) for each label so that labels of a row do not overlap; -1 where no row has room.

    positions: label -> x in px; width of the plot in px. Labels are centred on their marks, the widest row wins ties.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    chosen = {}
    for label, x in sorted(positions.items(), key=lambda item: item[1]):
        half = per_letter * len(label) / 2 + 4
        centre = min(max(x, half), width - half)
        free = (r for r in range(rows) if all(centre - half >= b or centre + half <= a for a, b in taken[r]))
        chosen[label] = next(free, -1)
        if chosen[label] >= 0:
            taken[chosen[label]].append((centre - half, centre + half))
    return chosen
