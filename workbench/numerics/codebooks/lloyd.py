"""Lloyd's k-means on a distribution: assign to the nearest level, move each level to the mean of its values."""

from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.optimal import check_size
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.statistics.distribution import Cells, Distribution

Values = Distribution | WeightedValues
UNMOVED = 1e-13  # of the levels' span: what rounding moves levels by when no value changes sides


@dataclass(frozen=True, eq=False)
class Clusters:
    """Levels and what belongs to them.

    levels: float64 (k,) ascending. count: float64 (k,), values at each level; 0 for an empty cluster.
    squared_error: sum of (x - level)^2. rounds: how often the levels were moved.
    """

    levels: np.ndarray
    count: np.ndarray
    squared_error: float
    rounds: int

    @property
    def n_used(self) -> int:
        """Levels that hold at least one value."""
        return int((self.count > 0).sum())


def linear_start(low: float, high: float, k: int) -> np.ndarray:
    """k equally spaced levels from the smallest to the largest value, float64 (k,): large weights keep a level."""
    check_size(k)
    return np.linspace(low, high, k)


def density_start(values: Values, k: int) -> np.ndarray:
    """The quantiles (j + 0.5) / k, float64 (k,): many levels where many values are. Repeated ones stay repeated."""
    check_size(k)
    return np.array([values.quantile((j + 0.5) / k) for j in range(k)])


def nearest_cells(values: Values, levels: np.ndarray) -> Cells:
    """Moments of the values nearest to each of the ascending levels float64 (k,); a tie goes to the lower level."""
    middle = (levels[:-1] + levels[1:]) / 2
    if isinstance(values, WeightedValues):
        return values.cells(middle)
    cuts = middle.astype(np.float32)  # the largest float32 that is not above the middle: float32 values know no other
    return values.cells(np.where(cuts > middle, np.nextafter(cuts, np.float32(-np.inf)), cuts))


def clusters(values: Values, levels: np.ndarray, rounds: int = 0) -> Clusters:
    """What lies nearest to each of the ascending levels float64 (k,), and the squared error of that."""
    levels = np.asarray(levels, np.float64)
    cells = nearest_cells(values, levels)
    error = cells.square - levels * (2 * cells.total - levels * cells.count)
    return Clusters(levels, cells.count, max(0.0, float(error.sum())), rounds)


def lloyd(values: Values, start: np.ndarray, *, most_rounds: int = 2000) -> Clusters:
    """Assign and move in turn until no level moves, or `most_rounds` times: the error never rises.

    start: float64 (k,) ascending, for example `linear_start` or `density_start`. An empty cluster keeps its level;
    of equal levels the first takes what is at or below, the last what is above.
    Only counts and sums between cuts are asked for, so that a round costs the same at any number of values.
    Raises WorkbenchError for a start that is no ascending list.
    Source: S. P. Lloyd, Least squares quantization in PCM, IEEE Transactions on Information Theory 28, 1982.
    """
    levels = np.array(start, np.float64)
    if levels.ndim != 1 or not levels.size or not np.isfinite(levels).all() or (np.diff(levels) < 0).any():
        raise WorkbenchError("the start of k-means must be a list of finite levels, none below the one before")
    rounds = 0
    while rounds < most_rounds:
        cells = nearest_cells(values, levels)
        filled = cells.count > 0
        moved = np.where(filled, cells.total / np.where(filled, cells.count, 1.0), levels)
        moved = np.maximum.accumulate(moved)  # rounding of sums may cross levels that are one last place apart
        if np.abs(moved - levels).max() <= UNMOVED * (levels[-1] - levels[0]):
            break
        levels = moved
        rounds += 1
    return clusters(values, levels, rounds)
