"""`SideBySide`: how the values of all tensors of the selected layer are spread, to be seen next to one another."""

import math
from dataclasses import dataclass

import numpy as np

from workbench.models.segments import Cancelled
from workbench.models.tensors import Tensor
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram import Histogram
from workbench.ui.books import Source, source_of
from workbench.ui.scopes import quantizable
from workbench.ui.state import State
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn

N_BINS, FEWEST = 160, 40  # fewer where there are few values


@dataclass(frozen=True, eq=False)
class Spread:
    """tensor: its name. low, high: ends of the bins. counts: float64 (bins,), values in each. count: finite values."""

    tensor: str
    low: float
    high: float
    counts: np.ndarray
    count: int


class SideBySide(Topic):
    """An answer is a tuple of `Spread`, the weight first; tensors of which nothing is known yet are left out."""

    name, what, urgency = "side_by_side", "counting the values of the layer", 5

    def about(self, state: State) -> tuple | None:
        known = self._sources(state)
        return (state.layer, *known, *known.values()) if known else None

    def answer(self, state: State, turn: Turn) -> tuple[Spread, ...]:
        found = []
        for name, source in self._sources(state).items():
            if turn.cancelled():
                raise Cancelled
            found.append(_spread(name, Histogram.of(source.array()) if isinstance(source, Tensor) else source))
        return tuple(found)

    def _sources(self, state: State) -> dict[str, Source]:
        model = self.means.model
        layer = next((layer for layer in model.layers if layer.name == state.layer), None)
        names = () if layer is None else quantizable(model, layer)
        found = {name: source_of(model, state.calibration, name) for name in names}
        return {name: source for name, source in found.items() if source is not None}


def _spread(name: str, distribution: Distribution) -> Spread:
    low, high = min(distribution.low, 0.0), max(distribution.high, 0.0)
    if low == high:
        low, high = -1.0, 1.0
    n_bins = int(np.clip(2 * math.sqrt(distribution.count), FEWEST, N_BINS))
    inner = np.linspace(low, high, n_bins + 1)[1:-1].astype(np.float32)
    counts = np.maximum(distribution.cells(inner).count, 0.0)
    return Spread(name, low, high, counts, distribution.count)
