"""Values by magnitude for formats that bring their own range: how many overflow, how many fall to nothing."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import FONT, LINEAR_COUNTS, MARGIN, NOTHING, TRACES, powers_of_ten
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.plain_text import plain

REACH = 5.0  # decades around the data within which a border of the format is shown
N_BINS = 240
LARGEST = math.log10(float(np.finfo(np.float32).max)) - 1e-9


@dataclass(frozen=True)
class Band:
    """Magnitudes low < |x| <= high that a format treats alike. count: values in it. name: "normal", ..."""

    name: str
    low: float
    high: float
    count: float


@dataclass(frozen=True, eq=False)
class Magnitudes:
    """Counts over magnitude. edges: float64 (n + 1,), of |x|, equal in ratio; counts: float64 (n,), both signs.

    bands: from overflow down to flush-to-zero. n_zeros: exact zeros, which no band counts.
    """

    edges: np.ndarray
    counts: np.ndarray
    bands: tuple[Band, ...]
    n_zeros: float
    quantity: str = "value"


def magnitudes_of(
    distribution: Distribution, format: FloatingFormat, quantity: str = "value", zero_band: float = 0.0
) -> Magnitudes:
    """Counts of a distribution by magnitude, with the borders of a format.

    Bands count what the format's kernel does under its rounding and overflow: "flushed to zero" what becomes 0,
    "overflow" what becomes infinite, or "saturated" where it goes to the largest level instead. zero_band: magnitudes
    up to this one become 0 first.
    """
    smallest_normal = 2.0 ** (1 - format.bias)
    levels, boundaries = format.unit_levels(), format.unit_boundaries()
    zero = int(np.searchsorted(levels, 0))
    # below 0 and above: a negative boundary itself goes to the lower level, both ends of a band to 0
    beyond_band = float(np.nextafter(np.float32(zero_band), np.float32(np.inf))) if zero_band else 0.0
    flushed = [max(-float(boundaries[zero - 1]), beyond_band), max(float(boundaries[zero]), zero_band)]
    smallest_normal = max(smallest_normal, *flushed)
    saturates = format.overflow == "saturate"
    beyond = [format.largest] * 2 if saturates else [-format.overflow_limits[0], format.overflow_limits[1]]
    names = ("flushed to zero", "subnormal", "normal", "saturated" if saturates else "overflow")
    counts = np.zeros(4)
    for side in (0, 1):
        counts += _one_side(distribution, side, np.array([flushed[side], smallest_normal, beyond[side]]))
    inner = [max(flushed), smallest_normal, min(beyond)]
    borders = [0.0, *inner, math.inf]
    bands = [Band(n, borders[i], borders[i + 1], max(0.0, float(counts[i]))) for i, n in enumerate(names)]
    tiny = _smallest_magnitude(distribution)
    low, high = math.log10(tiny), math.log10(max(distribution.absmax, tiny))
    shown = [math.log10(b) for b in inner if b > 0 and low - REACH <= math.log10(b) <= high + REACH]
    top = min(max([high, *shown]) + 0.4, LARGEST)
    edges = np.logspace(min([low, *shown]) - 0.4, top, N_BINS + 1)
    return Magnitudes(
        edges, counts_by_magnitude(distribution, edges), tuple(bands[::-1]), distribution.n_zeros, quantity
    )


def counts_by_magnitude(distribution: Distribution, edges: np.ndarray) -> np.ndarray:
    """Counts float64 (n,) of |x| in the bins of ascending edges (n + 1,), both signs, exact zeros left out."""
    return _both_signs(distribution, edges)[1:-1]


def _both_signs(distribution: Distribution, magnitudes: np.ndarray) -> np.ndarray:
    """Counts float64 (n + 1,) of |x| between ascending magnitudes (n,), exact zeros left out."""
    cuts = magnitudes.astype(np.float32)
    n = cuts.size
    with np.errstate(over="ignore"):  # below the lowest float32 is minus infinity
        below = np.nextafter(-cuts[::-1], np.float32(-np.inf))  # a negative value belongs to its magnitude's band
    count = distribution.cells(np.concatenate([below, cuts])).count
    count[n] -= distribution.n_zeros
    both = count[n:].copy()
    both[1:] += count[:n][::-1]
    return both


def _one_side(distribution: Distribution, positive: int, magnitudes: np.ndarray) -> np.ndarray:
    """Counts float64 (n + 1,) of |x| of one sign between ascending magnitudes (n,), exact zeros left out.

    A magnitude at a border belongs to the band below it; of negative values the first border does not.
    """
    cuts = magnitudes.astype(np.float32)
    zero = np.float32(0)
    if positive:
        return distribution.cells(np.concatenate([[zero], cuts])).count[1:]
    with np.errstate(over="ignore"):
        below = np.nextafter(-cuts[::-1], np.float32(-np.inf))
        below[-1] = -cuts[0]  # a boundary itself goes to the lower level
    return distribution.cells(np.concatenate([below, [np.nextafter(zero, np.float32(-1))]])).count[:-1][::-1]


def _smallest_magnitude(distribution: Distribution) -> float:
    """Of the values that are not 0; 1 where there are none."""
    smallest, largest = distribution.extremes(np.array([np.nextafter(np.float32(0), np.float32(-1)), 0], np.float32))
    nearest = [v for v in (-float(largest[0]), float(smallest[2])) if v > 0]
    return min(nearest, default=1.0)


def magnitude_figure(magnitudes: Magnitudes, palette: Palette = LIGHT, *, log_counts: bool = True) -> dict[str, Any]:
    """The same seven traces as `distribution_figure`, of which the counts alone are visible, and shaded bands."""
    counts = np.append(magnitudes.counts, magnitudes.counts[-1:])
    data: list[dict[str, Any]] = [
        {"type": "scatter", "name": n, "x": np.zeros(0), "y": np.zeros(0), "visible": False} for n in TRACES
    ]
    data[0] |= {
        "x": magnitudes.edges,
        "y": np.maximum(counts, NOTHING),
        "customdata": np.rint(counts),
        "mode": "lines",
        "line": {"color": palette.float_values, "width": 1.3, "shape": "hv"},
        "fill": "tozeroy",
        "fillcolor": palette.float_fill,
        "hovertemplate": "from %{x:.3g}: %{customdata:,d} values<extra></extra>",
        "visible": True,
        "showlegend": False,
        "xaxis": "x",
        "yaxis": "y",
    }
    largest = float(magnitudes.counts.max(initial=1.0))
    counts_axis: dict[str, Any] = LINEAR_COUNTS | {"range": [0.0, largest * 1.16]}
    if log_counts:
        top = max(math.log10(max(largest, 1.0)) * 1.12, 0.5)
        counts_axis = powers_of_ten([math.log10(NOTHING), top]) | {"range": [math.log10(NOTHING), top]}
    span = [math.log10(magnitudes.edges[0]), math.log10(magnitudes.edges[-1])]
    quiet = {"showgrid": False, "zeroline": False, "showline": False, "automargin": False, "tickangle": 0}
    hidden = {"visible": False}
    curves = hidden | {
        "type": "log",
        "range": [-1.0, 0.0],
    }  # a type that changes would take plotly's range for the given
    layout = {
        "autosize": True,
        "meta": 0.0,
        "margin": MARGIN,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "hovermode": "x",
        "dragmode": "zoom",
        "showlegend": False,
        "xaxis": quiet
        | powers_of_ten(span, most=10)
        | {"range": span, "ticks": "outside", "ticklen": 4, "tickcolor": "rgba(0,0,0,0)", "anchor": "y", "nticks": 9}
        | {"title": {"text": f"magnitude of the {plain(magnitudes.quantity)}", "standoff": 6, "font": {"size": 11}}},
        "xaxis2": quiet | hidden,
        "yaxis": quiet
        | {"showgrid": True, "gridcolor": palette.grid, "fixedrange": True, "domain": [0.0, 1.0]}
        | counts_axis,
        "yaxis2": curves,
        "yaxis3": curves,
        "shapes": _band_shapes(magnitudes, palette),
        "annotations": [],
    }
    return {"data": data, "layout": layout}


def _band_shapes(magnitudes: Magnitudes, palette: Palette) -> list[dict[str, Any]]:
    tints = {
        "overflow": palette.clipping,
        "saturated": palette.clipping,
        "subnormal": palette.quantized,
        "flushed to zero": palette.before,
    }
    shapes = []
    for band in magnitudes.bands:
        low, high = max(band.low, magnitudes.edges[0]), min(band.high, magnitudes.edges[-1])
        if band.name in tints and low < high:
            place = {"type": "rect", "xref": "x", "yref": "paper", "x0": low, "x1": high, "y0": 0, "y1": 1}
            look = {"fillcolor": tints[band.name], "opacity": 0.12, "line": {"width": 0}, "layer": "below"}
            shapes.append(place | look)
    return shapes
