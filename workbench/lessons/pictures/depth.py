"""The error along the depth of a network as the app draws it, for a lesson's cell."""

from typing import TYPE_CHECKING

import numpy as np

from workbench.lessons.pictures.frame import EITHER, inked
from workbench.ui.charts.depth import depth_figure
from workbench.workflow.depth import ErrorAlongDepth

if TYPE_CHECKING:
    import plotly.graph_objects as go


def depth(along: ErrorAlongDepth, title: str = "Error along the depth") -> "go.Figure":
    """SQNR of every observed tensor in graph order, those with a cosine below 0.98 marked, earlier ones dashed.

    along: what `error_along_depth` gives; with `before=` in it the earlier recipe is drawn, too.
    """
    import plotly.graph_objects as go

    names = list(along.tensors)
    now = [_finite(each.sqnr_db) for each in along.tensors.values()]
    earlier = along.before
    before = (
        None if earlier is None else [_finite(earlier[name].sqnr_db) if name in earlier else None for name in names]
    )
    low = [names.index(name) for name in along.low_cosine]
    samples = "1 sample" if len(along.samples) == 1 else f"{len(along.samples)} samples"
    words = f"{samples}, quantized network against float."
    return go.Figure(inked(depth_figure(names, now, before, low=low, title=title, lines=(words,), palette=EITHER)))


def _finite(sqnr_db: float) -> float | None:
    return sqnr_db if np.isfinite(sqnr_db) else None
