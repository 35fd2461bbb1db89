"""How exact a format is at each size of number: its precision is the height of a line, its range the line's length."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, on_page
from workbench.messages import WorkbenchError
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.quantizer import Quantizer
from workbench.ui.charts.distribution import FONT
from workbench.ui.charts.palette import LIGHT, Palette
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

FORMATS = ("fp16", "bf16", "fp8_e4m3", "q8")
OCTAVES = (-40, 30)  # powers of two that are shown, the second one left out
STEPS = 2**12  # values that are tried in each octave: the ties of up to 11 mantissa bits are among them
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def worst_relative_errors(name: str, octaves: tuple[int, int] = OCTAVES) -> np.ndarray:
    """float64 (octaves,): the largest |rounded - x| / x for x from 2^k up to 2^(k+1); NaN where all become infinite.

    Formats with a scale cover [-1, 1]. The values that are tried are float32 numbers.
    """
    powers = np.exp2(np.arange(*octaves, dtype=np.float64))
    x = (powers[:, None] * (1 + np.arange(STEPS) / STEPS)).astype(np.float32)
    rounded = Quantizer.covering(name, -1.0, 1.0).fake_quantize(x).astype(np.float64)
    errors = np.abs(rounded - x) / x
    finite = np.isfinite(errors)
    return np.where(finite.any(axis=1), np.where(finite, errors, 0.0).max(axis=1), np.nan)


def precision_by_size(formats: Sequence[str] = FORMATS) -> "go.Figure":
    """The worst relative error of some formats by the size of the number, both axes logarithmic.

    formats: names of `FORMATS`; formats with a scale cover [-1, 1]. An error of 1 (100 %) means that the number became
    0; beyond the range a line ends (infinity) or rises to 100 % (saturation).
    Raises WorkbenchError for an unknown format, and for none or more than six.
    """
    import plotly.graph_objects as go

    if not 1 <= len(formats) <= len(DASHES):
        raise WorkbenchError(f"{len(formats)} formats were given; expected 1 to {len(DASHES)} of them")
    sizes = np.exp2(np.arange(*OCTAVES) + 0.5)
    lines, labels = [], []
    for name, dash in zip(formats, DASHES, strict=False):
        title, errors = as_format(name).title, worst_relative_errors(name)
        lines.append(_line(title, sizes, errors, dash))
        labels.append(_label(title, sizes, errors))
    layout = _layout(EITHER) | {"annotations": labels}
    words = "Worst rounding error as a share of the number. Lower is more exact, longer reaches further."
    return go.Figure(on_page({"data": lines, "layout": layout}, Heading("Precision by size", (words,)), height=420))


def _line(title: str, sizes: np.ndarray, errors: np.ndarray, dash: str) -> dict[str, Any]:
    shown = np.where(errors > 0, errors, np.nan)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": title,
        "x": sizes,
        "y": shown,
        "line": {"color": LIGHT.quantized, "width": 2, "dash": dash, "shape": "hvh"},
        "hovertemplate": f"{title}: near %{{x:.3g}} off by up to %{{y:.3%}}<extra></extra>",
    }


def _label(title: str, sizes: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    """The name below the line, a quarter into the stretch where it is most exact."""
    best = np.flatnonzero(np.isclose(errors, np.nanmin(np.where(errors > 0, errors, np.nan)), rtol=0.1))
    place = best[len(best) // 4]
    at = {"x": float(np.log10(sizes[place])), "y": float(np.log10(errors[place]))}
    font = {"size": 12, "color": EITHER.ink}
    return {"text": title, "showarrow": False, "yanchor": "top", "yshift": -3, "font": font} | at


def _layout(palette: Palette) -> dict[str, Any]:
    axis = {"type": "log", "showgrid": True, "gridcolor": palette.grid, "zeroline": False, "ticks": "outside"}
    return {
        "margin": {"l": 78, "r": 24, "t": 20, "b": 54},
        "font": {"family": FONT, "size": 11, "color": palette.muted},
        "showlegend": False,
        "xaxis": axis | {"title": {"text": "size of the number"}, "exponentformat": "power", "dtick": 2},
        "yaxis": axis
        | {"title": {"text": "worst relative error"}, "tickformat": ".3~%", "dtick": 1, "range": [-4.1, 0.2]},
    }
