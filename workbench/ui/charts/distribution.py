"""The distribution of a tensor over its error curves: three strips on one value axis."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain
from workbench.ui.charts.value_axis import LINEAR, ValueAxis

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MARGIN = {"l": 62, "r": 18, "t": 34, "b": 44, "pad": 0, "autoexpand": False}
HEIGHT = 540
COUNTS_STRIP, ERROR_STRIP, KL_STRIP = (0.53, 1.0), (0.165, 0.387), (0.0, 0.13)  # at HEIGHT; geometry.js fits others
NOTHING = 0.5  # where the log axis of counts begins: a bin without values stands there
Shares = tuple[tuple[float, float], ...]  # of the height: bottom and top of the strips of counts, error and KL
SHARES: Shares = (COUNTS_STRIP, ERROR_STRIP, KL_STRIP)
TRACES = ("counts", "mse", "rounding", "clipping", "least_mse", "kl", "least_kl")  # order is fixed: data are swapped
Points = tuple[np.ndarray, np.ndarray]
_NO_POINTS: Points = (np.zeros(0), np.zeros(0))


@dataclass(frozen=True, eq=False)
class Strips:
    """What the figure draws; arrays float64.

    edges (n + 1,), counts (n,): values per bin. low, high: ends of the value axis. quantity: its title. axis: where
    values stand on it; the bins are equal in places.
    at (m,): positions of the handle for which mse, rounding, clipping (squared units) and kl (nats), (m,) each, are
    drawn; empty where there is no threshold: then the counts take the whole height. least_mse, least_kl: (x, y) of
    the minima. n_zeros: exact zeros, one bin of which may tower over all others.
    values: few values, drawn one by one instead of counted; ruler: room in px for the ruler of levels.
    """

    edges: np.ndarray
    counts: np.ndarray
    low: float
    high: float
    quantity: str = "value"
    at: np.ndarray = field(default_factory=lambda: np.zeros(0))
    mse: np.ndarray = field(default_factory=lambda: np.zeros(0))
    rounding: np.ndarray = field(default_factory=lambda: np.zeros(0))
    clipping: np.ndarray = field(default_factory=lambda: np.zeros(0))
    kl: np.ndarray = field(default_factory=lambda: np.zeros(0))
    least_mse: Points = _NO_POINTS
    least_kl: Points = _NO_POINTS
    n_zeros: float = 0.0
    one_by_one: bool = False
    ruler: int = 9
    axis: ValueAxis = LINEAR

    @property
    def span(self) -> tuple[float, float]:
        """Both ends as places on the axis."""
        low, high = self.axis.places(np.array([self.low, self.high])).tolist()
        return low, high


def distribution_figure(
    strips: Strips,
    palette: Palette = LIGHT,
    *,
    log_counts: bool = True,
    shares: Shares = SHARES,
) -> dict[str, Any]:
    """A plotly figure as a dict: `data`, the seven traces of `TRACES`, and `layout`; backgrounds are transparent.

    shares: of the height, for each strip, where there are curves.
    """
    curves = _positive_curves(strips)
    lines = {
        "mse": {"color": palette.ink, "width": 1.8},
        "rounding": {"color": palette.rounding, "width": 1.5, "dash": "6px 3px"},
        "clipping": {"color": palette.clipping, "width": 1.5, "dash": "1.5px 3px"},
        "kl": {"color": palette.divergence, "width": 1.6},
    }
    dots = {"least_mse": (strips.least_mse, palette.ink, "y2"), "least_kl": (strips.least_kl, palette.divergence, "y3")}
    traces: dict[str, dict[str, Any]] = {"counts": _counts_trace(strips, palette)}
    for name, line in lines.items():
        traces[name] = {"x": strips.axis.places(strips.at), "y": curves[name], "customdata": strips.at}
        traces[name] |= {"mode": "lines", "line": line, "xaxis": "x2", "yaxis": "y3" if name == "kl" else "y2"}
    for name, (points, colour, axis) in dots.items():
        marker = {"color": colour, "size": 5.5}
        positive = np.where(points[1] > 0, points[1], np.nan)
        x = strips.axis.places(points[0])
        traces[name] = {"x": x, "y": positive, "mode": "markers", "marker": marker, "hoverinfo": "skip"}
        traces[name] |= {"xaxis": "x2", "yaxis": axis}
    traces["mse"]["hovertemplate"] = "T = %{customdata:.4g}: MSE %{y:.3g}<extra></extra>"
    traces["kl"]["hovertemplate"] = "T = %{customdata:.4g}: %{y:.3g} nats<extra></extra>"
    for name in ("rounding", "clipping"):
        traces[name]["hoverinfo"] = "skip"
    shown = {"counts": not strips.one_by_one, "kl": strips.at.size > 0}
    data = [
        {"type": "scatter", "name": name, "showlegend": False, "connectgaps": False}
        | {"visible": shown.get(name, strips.at.size > 0)}
        | traces[name]
        for name in TRACES
    ]
    return {"data": data, "layout": _layout(strips, palette, log_counts, shares)}


def _counts_trace(strips: Strips, palette: Palette) -> dict[str, Any]:
    counts = np.append(strips.counts, strips.counts[-1:])
    told, start = np.rint(counts), "%{x:.4g}: %{customdata:,d}"
    if strips.axis.logarithmic:  # the axis knows places alone
        told, start = np.stack([told, strips.edges], axis=1), "%{customdata[1]:.3g}: %{customdata[0]:,d}"
    return {
        "x": strips.axis.places(strips.edges),
        "y": np.maximum(counts, NOTHING),
        "customdata": told,
        "mode": "lines",
        "line": {"color": palette.float_values, "width": 1.3, "shape": "hv"},
        "fill": "tozeroy",
        "fillcolor": palette.float_fill,
        "hovertemplate": f"from {start} values<extra></extra>",
        "xaxis": "x",
        "yaxis": "y",
    }


def _positive_curves(strips: Strips) -> dict[str, np.ndarray]:
    """Curves for a log axis: where a figure is 0 the line ends, it is not drawn at the edge."""
    curves = {"mse": strips.mse, "rounding": strips.rounding, "clipping": strips.clipping, "kl": strips.kl}
    return {name: np.where(curve > 0, curve, np.nan) for name, curve in curves.items()}


def log_range(values: np.ndarray, *, decades_below: float = 0.15, most: float = 12.0) -> tuple[float, float]:
    """Range of a log axis (in powers of ten) around positive values, at most `most` decades, (-1, 0) for none."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return -1.0, 0.0
    top = math.log10(float(positive.max())) + 0.15
    return max(math.log10(float(positive.min())) - decades_below, top - most), top


def counts_range(strips: Strips, log_counts: bool) -> list[float]:
    """Range of the count axis; linear, a bin of exact zeros that towers over the others leaves the strip."""
    if strips.one_by_one:
        return [0.0, 1.0]
    largest = float(strips.counts.max(initial=1.0))
    if log_counts:  # room above for the words about what saturates
        floor = math.log10(NOTHING)
        return [floor, floor + 1.12 * max(math.log10(max(largest, 1.0)) - floor, 0.7)]
    if strips.n_zeros:
        at_zero = min(max(int(np.searchsorted(strips.edges, 0.0, "left")) - 1, 0), strips.counts.size - 1)
        others = float(np.delete(strips.counts, at_zero).max(initial=1.0))
        largest = min(largest, max(2 * others, largest - strips.n_zeros))
    return [0.0, largest * 1.14]


def _layout(strips: Strips, palette: Palette, log_counts: bool, shares: Shares) -> dict[str, Any]:
    curved = strips.at.size > 0
    counts_share, error_share, kl_share = shares
    quiet = {"showgrid": False, "zeroline": False, "showline": False, "automargin": False, "tickangle": 0}
    horizontal = quiet | {"range": list(strips.span), "ticks": "outside", "tickcolor": "rgba(0,0,0,0)", "nticks": 9}
    horizontal |= strips.axis.ticks(*strips.span)
    vertical = quiet | {"showgrid": True, "gridcolor": palette.grid, "fixedrange": True}
    vertical |= {"ticklabeloverflow": "allow"}  # they have room; looking whether they do costs a tenth of a redraw
    # the MSE curve in full from where it is least; its parts may leave the strip at the lower edge
    error_range = list(log_range(strips.mse, decades_below=0.9, most=8.0))
    kl_range = list(log_range(strips.kl, most=5.0))
    counts: dict[str, Any] = {"range": counts_range(strips, log_counts)}
    counts |= count_ticks(counts["range"]) if log_counts else LINEAR_COUNTS
    if strips.one_by_one:
        counts |= {"type": "linear", "tickmode": "array", "tickvals": [], "ticktext": [], "showgrid": False}
    titles = [("error²", "y2"), ("nats", "y3")] if curved else []
    if not strips.one_by_one:
        titles.append(("count (log)" if log_counts else "count", "y"))
    return {
        "autosize": True,
        "meta": strips.axis.smallest,  # what turns values into places, for the overlay
        "margin": MARGIN,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "hovermode": "x",
        "hoverlabel": {"font": {"size": 11, "family": FONT}},
        "dragmode": "zoom",
        "showlegend": False,
        "xaxis": horizontal
        | {"anchor": "y", "ticklen": strips.ruler + 3}
        | {"title": {"text": "" if curved else plain(strips.quantity), "standoff": 6, "font": {"size": 11}}},
        "xaxis2": horizontal
        | {"anchor": "free", "position": 0, "matches": "x", "ticklen": 3, "visible": curved}
        | {"title": {"text": plain(strips.quantity), "standoff": 6, "font": {"size": 11}}},
        "yaxis": vertical | {"domain": list(counts_share if curved else (0.0, 1.0))} | counts,
        "yaxis2": vertical
        | {"domain": list(error_share), "range": error_range, "visible": curved, "anchor": "x2"}
        | powers_of_ten(error_range, most=3),
        "yaxis3": vertical
        | {"domain": list(kl_share), "range": kl_range, "visible": curved, "anchor": "x2"}
        | powers_of_ten(kl_range, most=2),
        "annotations": [_axis_title(text, axis, palette) for text, axis in titles],
        "shapes": [],
    }


LINEAR_COUNTS: dict[str, Any] = {"type": "linear", "tickmode": "auto", "nticks": 6, "tickformat": "~s"}
LINEAR_COUNTS |= {"tickvals": None, "ticktext": None}


def powers_of_ten(span: list[float], most: int = 4) -> dict[str, Any]:
    """Ticks of a log axis over `span` (in powers of ten): 1, 10, then powers, at most about `most` of them."""
    every = max(1, math.ceil((span[1] - span[0]) / (most + 0.5)))
    powers = [p for p in range(math.ceil(span[0]), math.floor(span[1]) + 1) if p % every == 0]
    names = {0: "1", 1: "10"}
    text = [names.get(p, f"10<sup>{p}</sup>".replace("-", "−")) for p in powers]
    return {"type": "log", "tickmode": "array", "tickvals": [10.0**p for p in powers], "ticktext": text}


def count_ticks(span: list[float]) -> dict[str, Any]:
    """Ticks of a log axis of counts; where it does not reach 100, also at 2 and 5 times a power of ten."""
    if span[1] >= 2:
        return powers_of_ten(span)
    values = [v for v in (1, 2, 5, 10, 20, 50) if math.log10(v) <= span[1]]
    return {"type": "log", "tickmode": "array", "tickvals": values, "ticktext": [str(v) for v in values]}


def _axis_title(text: str, axis: str, palette: Palette) -> dict[str, Any]:
    """Titles as annotations: at one place whatever the width of the tick labels."""
    return {
        "text": text,
        "xref": "paper",
        "yref": f"{axis} domain",
        "x": 0,
        "y": 0.5,
        "xshift": -50,
        "xanchor": "center",
        "yanchor": "middle",
        "textangle": -90,
        "showarrow": False,
        "font": {"size": 11, "color": palette.muted},
    }
