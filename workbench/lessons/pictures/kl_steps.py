"""The KL search of TensorRT in pictures: one candidate step by step, and the curve over all candidates."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, in_ink, on_page
from workbench.messages import WorkbenchError
from workbench.numerics.clipping.compatibility.definition import expand, group_starts
from workbench.numerics.clipping.compatibility.relative_entropy import relative_entropy_terms
from workbench.numerics.clipping.compatibility.slides import DEFINITION
from workbench.numerics.clipping.entropy import entropy
from workbench.numerics.clipping.sweep import ThresholdCurve
from workbench.numerics.statistics.linear_histogram import LinearHistogram
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

LOW = 10  # bars below the highest one's height by this factor are lower than their numbers
FEW = 40  # bins that still have room for their numbers
PLACES = ("top right", "top center", "bottom center", "bottom right", "bottom left", "top left")  # of the marks' names
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def kl_step(step: int, histogram: LinearHistogram, keep: int, levels: int = 128) -> "go.Figure":
    """One step of judging one candidate: the first `keep` bins of a histogram of magnitudes, on `levels` levels.

    step: 1 the histogram and what lies beyond; 2 the reference P, with that added to the last bin; 3 Q's sums, one for
    each level; 4 Q spread over the bins that are not empty; 5 p ln(p / q) of each bin, whose sum is KL in nats. More
    than 40 bins have a logarithmic count. `compatibility.definition.expand` makes P and Q, by the rules of the slides.
    Raises WorkbenchError for another step, and for a candidate that the histogram does not have.
    Source: S. Migacz, 8-bit inference with TensorRT, GTC 2017.
    """
    import plotly.graph_objects as go

    n = histogram.counts.size
    if step not in STEPS:
        raise WorkbenchError(f"step {step!r} of the KL method; expected one of {', '.join(map(str, STEPS))}")
    if not 2 <= levels <= keep <= n or not histogram.counts[:keep].any():
        raise WorkbenchError(
            f"{keep} of {n} bins on {levels} levels; expected 2 <= levels <= keep <= bins, not all empty"
        )
    data, heading, unit = STEPS[step](histogram, keep, levels)
    layout = _layout("magnitude |x|, in the tensor's own unit", unit) | {"barmode": "overlay", "bargap": 0}
    if step == 2:
        layout["barmode"] = "stack"
    layout["xaxis"]["range"] = [0.0, float(histogram.edges[-1])]
    layout["shapes"] = [_cut(float(histogram.edges[keep]))]
    if step < 5 and n > FEW:
        layout["yaxis"]["type"], layout["yaxis"]["dtick"] = "log", 1
    return go.Figure(on_page({"data": data, "layout": layout}, heading, height=260))


def kl_curve(curves: Mapping[str, ThresholdCurve]) -> "go.Figure":
    """KL against the threshold for one or more sweeps (name -> `wb.sweep`), the least one of each marked.

    Infinite candidates leave a gap. The mark is the choice that the swept tool, or `entropy`, makes: not always the
    very least, as a few bins near 0 say nothing. More than 40 candidates have a logarithmic KL.
    Raises WorkbenchError for none, or more than six.
    """
    import plotly.graph_objects as go

    if not 1 <= len(curves) <= len(DASHES):
        raise WorkbenchError(f"{len(curves)} curves were given; expected 1 to {len(DASHES)} of them")
    data: list[dict[str, Any]] = []
    words: list[str] = []
    for (name, curve), dash, place in zip(curves.items(), DASHES, PLACES, strict=False):
        at, value = _choice(curve)
        hover = f"{name}: KL %{{y:.4f}} nats at T = %{{x:.4f}}<extra></extra>"
        line = {"color": LIGHT.divergence, "width": 2, "dash": dash}
        mode = "lines+markers" if curve.kl.size <= FEW else "lines"
        kl = np.where(np.isfinite(curve.kl), curve.kl, np.nan)
        data.append(_scatter(name, curve.thresholds, kl, mode=mode, line=line, hovertemplate=hover))
        mark = {"color": EITHER.ink, "size": 10, "symbol": "circle-open", "line": {"width": 2}}
        named = {"text": [name if len(curves) > 1 else ""], "textposition": place, "mode": "markers+text"}
        data.append(_scatter(f"{name}, least", [at], [value], marker=mark, hovertemplate=hover, **named))
        words.append(f"{name} ({dash}): least KL {value:.4f} nats at T = {at:.4f}")
    layout = _layout("threshold T, in the tensor's own unit", "KL, nats")
    layout["yaxis"] |= _kl_axis(curves, floor=min(trace["y"][0] for trace in data[1::2]))
    title = "KL of every candidate" if len(curves) == 1 else "KL of every candidate of each definition"
    return go.Figure(on_page({"data": data, "layout": layout}, Heading(title, tuple(words)), height=300))


def _kl_axis(curves: Mapping[str, ThresholdCurve], floor: float) -> dict[str, Any]:
    """From 0 for a few candidates; logarithmic for many, from half the least one that was chosen."""
    if max(curve.kl.size for curve in curves.values()) <= FEW or floor <= 0:
        return {"rangemode": "tozero"}
    top = max(float(curve.kl[np.isfinite(curve.kl)].max()) for curve in curves.values())
    ticks = [m * 10.0**e for e in range(-6, 3) for m in (1, 2, 5)]
    return {"type": "log", "range": [float(np.log10(0.5 * floor)), float(np.log10(1.3 * top))], "tickvals": ticks}


def _choice(curve: ThresholdCurve) -> tuple[float, float]:
    """The threshold that a swept definition takes, and its KL in nats."""
    if curve.chosen is not None:
        return float(curve.thresholds[curve.chosen]), float(curve.kl[curve.chosen])
    taken = entropy(curve.distribution, curve.format, symmetric=curve.symmetric).threshold
    nearest = int(np.abs(curve.thresholds - taken).argmin())
    return float(curve.thresholds[nearest]), float(curve.kl[nearest])


Drawn = tuple[list[dict[str, Any]], Heading, str]


def _histogram(histogram: LinearHistogram, keep: int, levels: int) -> Drawn:
    beyond = float(histogram.counts[keep:].sum())
    data = [
        _bars("kept", histogram, 0, histogram.counts[:keep], LIGHT.float_values),
        _bars("beyond the candidate", histogram, keep, histogram.counts[keep:], LIGHT.clipping),
    ]
    words = f"The candidate keeps {keep} of {histogram.counts.size} bins; {beyond:g} values lie beyond it."
    return data, Heading("1. The histogram", (words,), _legend(data)), "count"


def _reference(histogram: LinearHistogram, keep: int, levels: int) -> Drawn:
    beyond = float(histogram.counts[keep:].sum())
    added = np.where(np.arange(keep) == keep - 1, beyond, 0.0)
    data = [
        _bars("kept", histogram, 0, histogram.counts[:keep], LIGHT.float_values),
        _bars("added to the last bin", histogram, 0, added, LIGHT.clipping),
    ]
    if histogram.counts.size <= FEW and beyond:  # one number above both parts
        data[0]["text"][-1], data[1]["text"][-1] = "", f"{histogram.counts[keep - 1]:g} + {beyond:g}"
    words = f"Values beyond are clipped, so the last bin gets all {beyond:g} of them."
    return data, Heading("2. The reference P", (words,), _legend(data)), "count"


def _sums(histogram: LinearHistogram, keep: int, levels: int) -> Drawn:
    starts = group_starts(keep, levels, DEFINITION)
    sums = np.add.reduceat(histogram.counts[:keep], starts)
    edges = histogram.edges[[*starts, keep]]
    wide = _bars("sum of a level", LinearHistogram(sums, edges), 0, sums, LIGHT.quantized)
    wide["marker"]["line"] = {"color": EITHER.paper, "width": 1 if levels <= FEW else 0}
    kept = _bars("kept", histogram, 0, histogram.counts[:keep], LIGHT.float_values)
    kept["textposition"] = "none"
    words = f"{keep} bins become {sums.size} levels. What was clipped is not counted here."
    return [wide, kept], Heading("3. Q: one sum for each level", (words,), _legend([wide, kept])), "count"


def _spread(histogram: LinearHistogram, keep: int, levels: int) -> Drawn:
    p, q = expand(histogram.counts, 0, keep, levels, DEFINITION)
    spread = _bars("Q", histogram, 0, q, LIGHT.quantized)
    inside = {"textposition": "inside", "insidetextanchor": "start", "textangle": 0, "constraintext": "none"}
    spread |= inside | {"textfont": {"color": LIGHT.ink}}  # above the bars the line of P would cross them
    if "text" in spread:
        spread["text"] = [
            in_ink(text) if low else text for text, low in zip(spread["text"], q < q.max() / LOW, strict=True)
        ]
    reference = {
        "type": "scatter",
        "mode": "lines",
        "name": "P",
        "x": np.repeat(histogram.edges[: keep + 1], 2)[1:-1],
        "y": np.where(np.repeat(p, 2) > 0, np.repeat(p, 2), np.nan if p.size > FEW else 0.0),
        "line": {"color": LIGHT.float_values, "width": 2 if p.size <= FEW else 1},
        "hovertemplate": "P %{y:,.4g}<extra></extra>",
    }
    legend = {"Q": LIGHT.quantized, "P": LIGHT.float_values}
    words = "Each sum is divided among the bins of its level that are not empty in P; empty bins stay empty."
    return [spread, reference], Heading("4. Q spread back over the bins", (words,), legend), "count"


def _terms(histogram: LinearHistogram, keep: int, levels: int) -> Drawn:
    p, q = expand(histogram.counts, 0, keep, levels, DEFINITION)
    terms = relative_entropy_terms(p / p.sum(), q / q.sum() if q.any() else q)
    shown = np.where(np.isfinite(terms), terms, np.nan)
    bars = _bars("p ln(p / q)", histogram, 0, shown, LIGHT.divergence, texts=[f"{t:+.3f}" if t else "0" for t in shown])
    words = f"P and Q each divided by their sum. All bars together: KL = {float(terms.sum()):.4f} nats."
    return [bars], Heading("5. The KL of this candidate", (words,), _legend([bars])), "p ln(p / q), nats"


STEPS: dict[int, Callable[[LinearHistogram, int, int], Drawn]] = {
    1: _histogram,
    2: _reference,
    3: _sums,
    4: _spread,
    5: _terms,
}


def _bars(
    name: str, histogram: LinearHistogram, first: int, heights: np.ndarray, colour: str, texts: list[str] | None = None
) -> dict[str, Any]:
    """Bars for the bins from `first` on; with the numbers above where there are few bins."""
    edges = histogram.edges[first : first + heights.size + 1]
    bars: dict[str, Any] = {
        "type": "bar",
        "name": name,
        "x": (edges[:-1] + edges[1:]) / 2,
        "y": heights,
        "width": np.diff(edges),
        "marker": {"color": colour, "line": {"color": EITHER.paper, "width": 1 if heights.size <= FEW else 0}},
        "hovertemplate": f"{name} %{{y:,.4g}} at %{{x:.4g}}<extra></extra>",
    }
    if histogram.counts.size <= FEW:
        numbers = [f"{height:g}" if height else "" for height in heights]
        bars |= {"text": texts or numbers, "textposition": "outside", "cliponaxis": False}
    return bars


def _scatter(name: str, x: Any, y: Any, **rest: Any) -> dict[str, Any]:
    return {"type": "scatter", "name": name, "x": x, "y": y} | rest


def _cut(x: float) -> dict[str, Any]:
    line = {"color": EITHER.ink, "width": 1, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1, "line": line}


def _legend(data: list[dict[str, Any]]) -> dict[str, str]:
    return {trace["name"]: trace["marker"]["color"] for trace in data}


def _layout(x: str, y: str) -> dict[str, Any]:
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": False, "ticks": "outside"}
    return {
        **frame(),
        "xaxis": axis | {"title": {"text": x}},
        "yaxis": axis | {"title": {"text": y}},
    }
