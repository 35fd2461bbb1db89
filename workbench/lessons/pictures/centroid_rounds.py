"""k-means round by round: where the shared levels go from an even start and from one that follows the values."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.lessons.pictures.frame import EITHER, frame, on_page
from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.fitting import fit_levels
from workbench.numerics.codebooks.lloyd import clusters, density_start, linear_start, lloyd
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.numerics.values import as_float32
from workbench.ui.charts.palette import LIGHT
from workbench.ui.charts.sheet import Heading

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_LEVELS = 32


def levels_by_round(values: SortedSums, start: np.ndarray, rounds: int) -> np.ndarray:
    """float64 (rounds + 1, k): the levels before the first round of k-means and after each."""
    path = [np.asarray(start, np.float64)]
    for _ in range(rounds):
        path.append(lloyd(values, path[-1], most_rounds=1).levels)
    return np.array(path)


def centroid_rounds(values: Any, k: int = 8, rounds: int = 30) -> "go.Figure":
    """The levels of k-means by round, from the linear and from the density start, and their error.

    values: numbers of any shape, without the ones that are not finite. The third plot has the squared error as a
    multiple of the least possible one. Raises WorkbenchError for no finite value, and for a k outside 2..32.
    """
    import plotly.graph_objects as go

    if not 2 <= k <= MOST_LEVELS:
        raise WorkbenchError(f"k is {k}; expected 2 to {MOST_LEVELS} levels, so that they can be told apart")
    array = as_float32(values)
    known = SortedSums.of(array[np.isfinite(array)])
    least = clusters(known, fit_levels(known, k).astype(np.float64)).squared_error  # raises where nothing is finite
    starts = {
        "linear start": (linear_start(known.low, known.high, k), LIGHT.float_values),
        "density start": (density_start(known, k), LIGHT.quantized),
    }
    lines: list[dict[str, Any]] = []
    words = []
    for i, (name, (start, colour)) in enumerate(starts.items(), 1):
        path = levels_by_round(known, start, rounds)
        lines += [_line(f"{name}, level {j}", path[:, j], colour, i, width=1.3) for j in range(k)]
        ratios = np.array([clusters(known, levels).squared_error for levels in path]) / (least or 1.0)
        lines.append(_line(f"{name}, error", ratios, colour, 3, width=2.0))
        words.append(f"{name}: error {ratios[-1]:.3f} times the least after {rounds} rounds")
    legend = {name: colour for name, (_, colour) in starts.items()}
    heading = Heading(f"k-means with {k} levels", tuple(words), legend)
    return go.Figure(on_page({"data": lines, "layout": _layout()}, heading, height=430))


def _line(name: str, y: np.ndarray, colour: str, place: int, width: float) -> dict[str, Any]:
    suffix = "" if place == 1 else str(place)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": np.arange(len(y)),
        "y": y,
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "line": {"color": colour, "width": width},
        "hovertemplate": f"{name}: %{{y:.4f}} after round %{{x}}<extra></extra>",
    }


def _layout() -> dict[str, Any]:
    axis = {"showgrid": True, "gridcolor": EITHER.grid, "zeroline": False, "ticks": "outside"}
    across = axis | {"title": {"text": "rounds"}}
    level = axis | {"title": {"text": "level, in the weight's unit"}}
    error = axis | {"title": {"text": "error / least error"}, "type": "log", "anchor": "x3"}
    return {
        **frame(),
        "xaxis": across | {"domain": [0.0, 0.29]},
        "xaxis2": across | {"domain": [0.33, 0.62], "anchor": "y2"},
        "xaxis3": across | {"domain": [0.74, 1.0], "anchor": "y3"},
        "yaxis": level,
        "yaxis2": axis | {"matches": "y", "showticklabels": False, "anchor": "x2"},
        "yaxis3": error,
    }
