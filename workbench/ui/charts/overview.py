"""Every layer of a network at once: a heat map, one column a layer, one row a figure; darker is worse."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.sheet import Heading, name_ticks, on_paper

ALL_TOLD = 28  # so many layers have their numbers written in
EXACT = 99.0  # dB, and more


def _lost(db: float) -> float:
    return (50 - db) / 40


def _cut(share: float) -> float:
    return (math.log10(share) + 6) / 5 if share > 0 else 0.0


def _decibels(db: float) -> str:
    return "exact" if db >= EXACT else f"{db:.0f}".replace("-", "−")


def _share(share: float) -> str:
    return f"{100 * share:.2g}" if share > 0 else "0"


# figure -> (title of its row, how bad a value is from 0 to 1, the value in few letters)
ROWS: dict[str, tuple[str, Callable[[float], float], Callable[[float], str]]] = {
    "weight": ("weights, dB", _lost, _decibels),
    "activation": ("activations, dB", _lost, _decibels),
    "network": ("so far in the network, dB", _lost, _decibels),
    "saturated": ("saturated, %", _cut, _share),
    "bits": ("bits", lambda bits: (16 - bits) / 14, lambda bits: f"{bits:g}"),
}


def overview_figure(
    names: Sequence[str],
    figures: Mapping[str, Sequence[float | None]],
    *,
    title: str = "",
    lines: Sequence[str] = (),
    palette: Palette = LIGHT,
) -> dict[str, Any]:
    """A plotly figure as a dict. figures: a name of `ROWS` -> its value for each layer; None is left white."""
    rows = [(name, *ROWS[name]) for name in ROWS if name in figures]
    shades, texts = [], []
    for name, _, bad, told in rows:
        shades.append([None if v is None else min(1.0, max(0.0, bad(v))) for v in figures[name]])
        texts.append(["" if v is None else told(v) for v in figures[name]])
    trace: dict[str, Any] = {
        "type": "heatmap",
        "z": shades,
        "y": [row_title for _, row_title, *_ in rows],
        "x": list(range(len(names))),
        "text": texts,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, palette.grid], [1, palette.clipping]],
        "showscale": False,
        "xgap": 1 if len(names) <= 200 else 0,
        "ygap": 1,
    }
    if len(names) <= ALL_TOLD:
        trace |= {"texttemplate": "%{text}", "textfont": {"size": 10, "color": palette.ink}}
    axis = {"showgrid": False, "zeroline": False, "automargin": True}
    layout = {
        "margin": {"l": 160, "r": 18, "t": 34, "b": 44},
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "xaxis": axis | name_ticks(list(names)),
        "yaxis": axis | {"autorange": "reversed"},
        "annotations": [],
        "shapes": [],
    }
    words = (*lines, "every layer, first to last; darker is worse")
    return on_paper({"data": [trace], "layout": layout}, Heading(title, words), palette, height=400, gap=12)
