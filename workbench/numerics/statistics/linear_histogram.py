"""`LinearHistogram`: counts in given bins, as other tools and reference cases have them."""

import functools
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.distribution import Cells, LinearBins, extremes_of_rows


class LinearHistogram:
    """Counts between edges; values are taken as spread evenly inside a bin.

    counts: (n,), not negative; edges: (n + 1,), strictly ascending. `count` is their sum, a whole number where the
    counts are. low and high are the edges of the outermost filled bins. KL is counted in these very bins, and no value
    is known to be an exact zero.
    """

    n_nan = 0
    n_infinite = 0
    n_zeros = 0.0

    def __init__(self, counts: Any, edges: Any) -> None:
        self.counts, self.edges = np.asarray(counts, np.float64), np.asarray(edges, np.float64)
        if self.counts.ndim != 1 or self.edges.shape != (self.counts.size + 1,) or not self.counts.size:
            raise WorkbenchError(
                f"counts of shape {self.counts.shape} with edges of shape {self.edges.shape}; "
                "expected (n,) and (n + 1,)"
            )
        if not (np.isfinite(self.edges).all() and (np.diff(self.edges) > 0).all()):
            raise WorkbenchError("edges of a histogram must be finite and strictly ascending")
        if not (np.isfinite(self.counts).all() and (self.counts >= 0).all()):
            raise WorkbenchError("counts of a histogram must be finite and not negative")
        total = float(self.counts.sum())
        self.count = int(total) if total.is_integer() else total
        filled = self.counts > 0
        self._low, self._high = self.edges[:-1][filled], self.edges[1:][filled]
        self.low, self.high = (float(self._low[0]), float(self._high[-1])) if filled.any() else (0.0, 0.0)

    def __add__(self, other: "LinearHistogram") -> "LinearHistogram":
        """Both counts; WorkbenchError where the edges differ."""
        if not isinstance(other, LinearHistogram):
            return NotImplemented
        if not np.array_equal(self.edges, other.edges):
            raise WorkbenchError("histograms with different edges cannot be merged; use Histogram, which needs none")
        return LinearHistogram(self.counts + other.counts, self.edges)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LinearHistogram):
            return NotImplemented
        return np.array_equal(self.edges, other.edges) and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"<LinearHistogram of {self.count:,} values in [{self.low:.4g}, {self.high:.4g}]>"

    @property
    def absmax(self) -> float:
        return max(abs(self.low), abs(self.high))

    @functools.cached_property
    def _moments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, mean and mean square of an even spread inside each bin."""
        a, b = self.edges[:-1], self.edges[1:]
        return np.ones(a.size), (a + b) / 2, (a * a + a * b + b * b) / 3

    def cells(self, cuts: np.ndarray) -> Cells:
        _, mean, mean_square = self._moments
        inside = np.clip(np.asarray(cuts, np.float64), self.edges[0], self.edges[-1])
        at = np.clip(np.searchsorted(self.edges, inside, "right") - 1, 0, self.counts.size - 1)
        parts = partial_moments(inside, self.edges[at], self.edges[at + 1], mean[at], mean_square[at])
        columns = []
        for moment, part in zip(self._moments, parts, strict=True):
            running = np.concatenate([[0.0], np.cumsum(self.counts * moment)])
            begun = np.where(inside > self.edges[at], self.counts[at] * part, 0.0)
            below = np.where(inside < self.edges[-1], running[at] + begun, running[-1])
            columns.append(np.diff(below, prepend=0.0, append=running[-1]))
        return Cells(*columns)

    def extremes(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return extremes_of_rows(self._low, self._high, self.low, self.high, cuts, self.cells(cuts).count > 0)

    def uncertainty(self, cost: Cost) -> tuple[float, float]:
        """A value can lie anywhere in its bin: from its least to its largest cost there.

        Both are found at the edges, at the cuts (on either side), and where a parabola has its vertex.
        """
        vertex, inner = (
            (cost.lower + cost.upper) / 2,
            np.flatnonzero((cost.cuts >= self.low) & (cost.cuts <= self.high)),
        )
        own = np.flatnonzero(np.searchsorted(cost.cuts, vertex, "left") == np.arange(vertex.size))
        places = np.concatenate([self.edges, cost.cuts[inner], cost.cuts[inner], vertex[own]])
        costs = cost.at(places, np.concatenate([np.searchsorted(cost.cuts, self.edges, "left"), inner, inner + 1, own]))
        least, largest = np.full(self.counts.size, np.inf), np.zeros(self.counts.size)
        for side in ("left", "right"):  # what lies on an edge counts in both bins
            at = np.searchsorted(self.edges, places, side) - 1
            inside = (at >= 0) & (at < self.counts.size)
            np.minimum.at(least, at[inside], costs[inside])
            np.maximum.at(largest, at[inside], costs[inside])
        cells = self.cells(cost.cuts)
        assumed = float(cost.of_moments(cells.count, cells.total, cells.square).sum())
        below, above = assumed - float((self.counts * least).sum()), float((self.counts * largest).sum()) - assumed
        return max(0.0, below), max(0.0, above)

    def quantile(self, share: float) -> float:
        running = np.concatenate([[0.0], np.cumsum(self.counts)])
        return float(np.interp(share * running[-1], running, self.edges))

    def linear_bins(self) -> LinearBins:
        return LinearBins(self.edges, self.counts, 0.0)
