"""A distribution figure with its thresholds, methods and numbers drawn in: for reports, where nothing is dragged."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.ui.charts.distribution import ERROR_STRIP, HEIGHT, NOTHING, Strips, distribution_figure
from workbench.ui.charts.magnitude import Magnitudes, magnitude_figure
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain
from workbench.ui.charts.sheet import LETTER, WIDTH, Heading, label, on_paper

LANE = (ERROR_STRIP[1] + 0.012, ERROR_STRIP[1] + 0.045)  # rows of method labels, lower and upper, in paper units
LEAST_STEP = 4.0  # px, width of a step of the quantized line


@dataclasses.dataclass(frozen=True, eq=False)
class LevelCounts:
    """How many values each level stands for. edges: float64 (n + 1,) of the values; counts: float64 (n,).

    zero: the level of exact zeros, of which there are n_zeros. below, above: values that were cut off.
    """

    edges: np.ndarray
    counts: np.ndarray
    zero: int = -1
    n_zeros: float = 0.0
    below: float = 0.0
    above: float = 0.0


def annotated_figure(
    strips: Strips,
    heading: Heading,
    bounds: tuple[float, ...] = (),
    marks: Mapping[str, float] | None = None,
    levels: LevelCounts | None = None,
    palette: Palette = LIGHT,
    *,
    log_counts: bool = True,
) -> dict[str, Any]:
    """`distribution_figure` on paper, with lines at the bounds, labelled marks of methods and the quantized values.

    bounds: one or two thresholds; one beyond the axis is an arrow at its end. marks: title of a method -> position.
    """
    strips = dataclasses.replace(strips, one_by_one=False, ruler=9)  # few values are counted here
    figure = distribution_figure(strips, palette, log_counts=log_counts)
    layout = figure["layout"]
    plot_width = WIDTH - layout["margin"]["l"] - layout["margin"]["r"]
    legend = {"float values": palette.float_values}
    if levels is not None:
        legend["quantized"] = palette.quantized
        x, y = _level_line(levels, strips, (strips.span[1] - strips.span[0]) / plot_width)
        line = {"color": palette.quantized, "width": 1.4}
        figure["data"].append(
            {"type": "scatter", "name": "quantized", "x": x, "y": np.maximum(y, NOTHING), "mode": "lines"}
            | {"line": line, "hoverinfo": "skip", "showlegend": False}
        )
    if strips.at.size:
        legend |= {"MSE": palette.ink, "rounding": palette.rounding, "clipping": palette.clipping}
        legend |= {"KL": palette.divergence}
    for i, bound in enumerate(sorted(bounds)):
        _draw_bound(layout, strips, bound, "right" if i == 0 and len(bounds) > 1 else "left", palette)
    if strips.at.size:
        _draw_marks(layout, strips, marks or {}, plot_width, palette)
    return on_paper(figure, dataclasses.replace(heading, legend=legend), palette, height=HEIGHT)


def annotated_magnitudes(
    magnitudes: Magnitudes, heading: Heading, palette: Palette = LIGHT, *, log_counts: bool = True
) -> dict[str, Any]:
    """`magnitude_figure` on paper, with the name, the borders and the count of every band."""
    figure = magnitude_figure(magnitudes, palette, log_counts=log_counts)
    layout = figure["layout"]
    words = []
    for band in magnitudes.bands:
        words.append(f"{band.name} {round(band.count):,}")
        if magnitudes.edges[0] < band.low < magnitudes.edges[-1]:
            layout["shapes"].append(_line(band.low, palette.ink, width=1.4))
            words_there, at = f"{band.name} above {_short(band.low)}", math.log10(band.low)  # plotly: its power
            above = label(words_there, at, 1.0, palette.ink, xanchor="left")
            layout["annotations"].append(above | {"textangle": -90, "yanchor": "top", "xshift": 2})
    zeros = f"exact zeros {round(magnitudes.n_zeros):,}"
    heading = dataclasses.replace(
        heading, lines=(*heading.lines, " · ".join((*words, zeros))), legend={"float values": palette.float_values}
    )
    return on_paper(figure, heading, palette, height=HEIGHT)


def _draw_bound(layout: dict[str, Any], strips: Strips, bound: float, side: str, palette: Palette) -> None:
    low, high = strips.span
    place = float(strips.axis.places(np.array(bound)))
    if low <= place <= high:
        layout["shapes"].append(_line(place, palette.ink, width=1.8))
        layout["annotations"].append(label(_short(bound), place, 1.0, palette.ink, xanchor=side))
    else:
        text, end, side = (f"← {_short(bound)}", low, "left") if place < low else (f"{_short(bound)} →", high, "right")
        layout["annotations"].append(label(text, end, 1.0, palette.ink, xanchor=side))


def _draw_marks(
    layout: dict[str, Any], strips: Strips, marks: Mapping[str, float], plot_width: float, palette: Palette
) -> None:
    low, high = strips.span
    places = {name: float(strips.axis.places(np.array(x))) for name, x in marks.items()}
    places = {name: place for name, place in places.items() if low <= place <= high}
    scale = plot_width / (high - low)
    rows = stagger({name: (place - low) * scale for name, place in places.items()}, plot_width)
    for name, place in places.items():
        top = LANE[max(rows[name], 0)]
        layout["shapes"].append(_line(place, palette.muted, width=1, y0=ERROR_STRIP[0], y1=top, dash="dot"))
        if rows[name] >= 0:
            half = _half(name) / scale
            centre = min(max(place, low + half), high - half)
            layout["annotations"].append(label(plain(name), centre, top, palette.ink, bgcolor=palette.paper))


def _line(x: float, colour: str, *, width: float, y0: float = 0, y1: float = 1, dash: str = "solid") -> dict[str, Any]:
    line = {"color": colour, "width": width, "dash": dash}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": y0, "y1": y1, "line": line}


def _short(value: float) -> str:
    return f"{value:.4g}".replace("-", "−")


def _level_line(levels: LevelCounts, strips: Strips, per_px: float) -> tuple[np.ndarray, np.ndarray]:
    """(places, counts per bin of `strips`) of a line that spreads each level's values over its cell.

    What piles up on one value, exact zeros and all that saturates, counts in full. Cells narrower than a step of the
    line are joined. per_px: width of a pixel in places.
    """
    places = strips.axis.places(levels.edges)
    n, per_bin = levels.counts.size, (strips.span[1] - strips.span[0]) / strips.counts.size
    alone = {0, n - 1, levels.zero}
    x, y, i = [float(places[0])], [0.0], 0
    while i < n:
        j = i + 1
        while j < n and not {i, j} & alone and places[j] - places[i] < LEAST_STEP * per_px:
            j += 1
        piled = (levels.below if i == 0 else 0.0) + (levels.above if j == n else 0.0)
        piled += levels.n_zeros if i <= levels.zero < j else 0.0
        spread = max(0.0, float(levels.counts[i:j].sum()) - piled)
        height = spread * per_bin / (max(float(places[j] - places[i]), 0.0) or per_bin) + piled
        x += [float(places[i]), float(places[j])]
        y += [height, height]
        i = j
    return np.array([*x, places[-1]]), np.array([*y, 0.0])


def _half(text: str) -> float:
    """Half the width of a label with room around it, px."""
    return LETTER * len(text) / 2 + 4


def stagger(positions: Mapping[str, float], width: float, *, rows: int = 2) -> dict[str, int]:
    """Row (0 is the lowest) for each label so that labels of a row do not overlap; -1 where no row has room.

    positions: label -> x in px; width of the plot in px. Labels are centred on their marks, the lowest row comes first.
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    chosen = {}
    for text, x in sorted(positions.items(), key=lambda item: item[1]):
        half = _half(text)
        centre = min(max(x, half), width - half)
        free = (r for r in range(rows) if all(centre - half >= b or centre + half <= a for a, b in taken[r]))
        chosen[text] = next(free, -1)
        if chosen[text] >= 0:
            taken[chosen[text]].append((centre - half, centre + half))
    return chosen
