"""The one plotly FigureWidget: its data are swapped, it is never made twice (each sends 5 MB of script)."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from workbench.ui.charts.distribution import HEIGHT, SHARES, TRACES, Shares, Strips, distribution_figure
from workbench.ui.charts.magnitude import Magnitudes, magnitude_figure

Chart = Strips | Magnitudes


def drawn(chart: Chart, log_counts: bool, shares: Shares = SHARES) -> dict[str, Any]:
    """The chart as a figure dict. Colours are the light theme's; the widget's style sheet sets them for either.

    shares: of the height for the strips, as the page has them.
    """
    if isinstance(chart, Magnitudes):
        return magnitude_figure(chart, log_counts=log_counts)
    return distribution_figure(chart, log_counts=log_counts, shares=shares)


def figure_widget(chart: Chart, log_counts: bool) -> go.FigureWidget:
    """A FigureWidget of the chart, sized by its container, without plotly's own buttons."""
    figure = go.FigureWidget(drawn(chart, log_counts), skip_invalid=False)
    figure.layout.height = HEIGHT
    figure._config = {"responsive": True, "displayModeBar": False, "doubleClick": False, "scrollZoom": False}
    return figure


ARRAYS = ("x", "y", "customdata")
STYLE = ("visible", "mode", "fill", "fillcolor", "line.color", "line.width", "line.shape", "line.dash", "hovertemplate")


def swap(figure: go.FigureWidget, old: dict[str, Any], new: dict[str, Any]) -> None:
    """Turn the figure drawn from `old` into `new` with one message that holds what differs."""
    layout_old, layout_new = flat(old["layout"]), flat(new["layout"])
    relayout = {key: layout_new.get(key) for key in layout_old | layout_new if _differ(layout_old, layout_new, key)}
    changed = [i for i in range(len(TRACES)) if not _same(old["data"][i], new["data"][i])]
    if not changed and not relayout:
        return
    if changed:
        restyle: dict[str, Any] = {key: [_array(new["data"][i], key) for i in changed] for key in ARRAYS}
        styles = [(flat(old["data"][i]), flat(new["data"][i])) for i in changed]
        for key in STYLE:  # each costs plotly as much as an array
            if any(_differ(before, after, key) for before, after in styles if key in before | after):
                restyle[key] = [after.get(key) for _, after in styles]
        figure.plotly_update(restyle, relayout, changed)
    else:
        figure.plotly_relayout(relayout)


def flat(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"xaxis": {"range": r}} as {"xaxis.range": r}: the keys that plotly's relayout takes."""
    result: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, dict):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def _array(trace: dict[str, Any], key: str) -> np.ndarray:
    return np.asarray(trace.get(key, np.zeros(0)))


def _differ(old: dict[str, Any], new: dict[str, Any], key: str) -> bool:
    return key not in old or key not in new or not np.array_equal(old[key], new[key])


def _same(old: dict[str, Any], new: dict[str, Any]) -> bool:
    old, new = flat(old), flat(new)
    return old.keys() == new.keys() and all(_equal(old[key], new[key]) for key in old)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")
    return bool(a == b)
