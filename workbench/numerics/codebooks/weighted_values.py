"""`WeightedValues`: distinct numbers and how often each occurs, in float64."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics.distribution import Cells, Distribution
from workbench.numerics.statistics.sorted_sums import SortedSums


class WeightedValues:
    """Ascending distinct values with their weights: what codebooks are fitted to.

    values: float64 (n,), strictly ascending and finite; weights: float64 (n,), positive (counts, where values repeat).
    Raises WorkbenchError for anything else.
    """

    def __init__(self, values: Any, weights: Any) -> None:
        self.values, self.weights = np.asarray(values, np.float64), np.asarray(weights, np.float64)
        if self.values.ndim != 1 or self.values.shape != self.weights.shape or not self.values.size:
            raise WorkbenchError(
                f"values of shape {self.values.shape} with weights of shape {self.weights.shape}; "
                "expected two lists of one length, at least one value long"
            )
        if not (np.isfinite(self.values).all() and (np.diff(self.values) > 0).all()):
            raise WorkbenchError("values of a codebook must be finite, distinct and ascending; use WeightedValues.of")
        if not (np.isfinite(self.weights).all() and (self.weights > 0).all()):
            raise WorkbenchError("weights of values must be finite and positive")

    @classmethod
    def of(cls, array: Any) -> "WeightedValues":
        """The distinct numbers of an array in float64, weighted by how often they occur."""
        values, counts = np.unique(np.asarray(array, np.float64), return_counts=True)
        return cls(values, counts)

    @classmethod
    def in_cells(cls, distribution: Distribution, cuts: np.ndarray) -> "WeightedValues":
        """The mean and count of each filled cell between cuts float64 (n,), in any order, of any distribution."""
        cells = distribution.cells(np.unique(cuts.astype(np.float32)))
        filled = cells.count > 1e-9 * distribution.count  # where rows are cut, what rounding leaves is no value
        count = cells.count[filled]
        means, place = np.unique(cells.total[filled] / count, return_inverse=True)
        return cls(means, np.bincount(place, count))

    @property
    def count(self) -> float:
        return float(self.weights.sum())

    def cells(self, cuts: np.ndarray) -> Cells:
        """As in `Distribution`, with float64 cuts (n,)."""
        at = np.concatenate([[0], np.searchsorted(self.values, cuts, "right"), [self.values.size]])
        columns = (self.weights, self.weights * self.values, self.weights * self.values**2)
        return Cells(*(_sums_between(column, at) for column in columns))

    def quantile(self, share: float) -> float:
        """Between the two values around the place share * (count - 1) of the sorted list, linearly."""
        place = share * (self.count - 1)
        last = np.cumsum(self.weights) - 1  # the place of the last of each value
        first = last - self.weights + 1
        return float(np.interp(place, np.stack([first, last], 1).reshape(-1), np.repeat(self.values, 2)))


def spread_cuts(distribution: Distribution, n: int) -> np.ndarray:
    """About 2 n cuts, float64: n with equal shares of the values between them, n equally far apart, zero by itself."""
    linear = np.linspace(distribution.low, distribution.high, n + 1)[1:-1]
    shares = [distribution.quantile(share) for share in np.linspace(0.0, 1.0, n + 1)[1:-1]]
    return np.concatenate([linear, shares, [np.nextafter(np.float32(0), np.float32(-1)), 0.0]])


def distinct_values(distribution: Distribution, at_most: int) -> WeightedValues | None:
    """The distinct values of an exact distribution (`SortedSums`); None where they are not known or are too many."""
    if not isinstance(distribution, SortedSums) or not distribution.count:
        return None
    values = distribution.values
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
    if first.size > at_most:
        return None
    return WeightedValues(values[first], np.diff(first, append=values.size))


def _sums_between(column: np.ndarray, at: np.ndarray) -> np.ndarray:
    """float64 (len(at) - 1,): sums of the column from each position to the next, each added by itself."""
    filled = np.flatnonzero(np.diff(at) > 0)
    sums = np.zeros(at.size - 1)
    sums[filled] = np.add.reduceat(column, at[filled])
    return sums
