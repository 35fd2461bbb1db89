"""The best codebook of sorted numbers: exact one-dimensional k-means by dynamic programming."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.codebooks.weighted_values import WeightedValues
from workbench.numerics.compiled import compiled
from workbench.numerics.statistics.prefix import running_sums


@compiled("float64[:] float64[:] float64[:] float64[:] float64[:] int64 int32[:,:]!")
def _best_starts(
    weight: Any, first: Any, first_lo: Any, second: Any, second_lo: Any, n_levels: Any, start: Any
) -> None:
    """start int32 (n_levels, n + 1): where the last of q + 1 clusters over the first j values begins, least error.

    weight, first, second (each with what its rounding left): float64 (n + 1,), running sums of w, w x and w x^2.
    The best start never moves left as j grows, so each row is filled from the middle outwards between known neighbours.
    """
    n = weight.size - 1
    least = np.empty(n + 1)
    before = np.empty(n + 1)
    for j in range(n + 1):
        total = (first[j] - first[0]) + (first_lo[j] - first_lo[0])
        square = (second[j] - second[0]) + (second_lo[j] - second_lo[0])
        least[j] = 0.0 if j == 0 else max(0.0, square - total * total / weight[j])
        start[0, j] = 0
    for q in range(1, n_levels):
        before[:] = least
        lowest = q + 1 if q < n_levels - 1 else n  # the last row needs all values alone
        size = 1
        while size < n - lowest + 2:
            size *= 2
        step = size
        while step >= 1:
            j = lowest - 1 + step
            while j <= n:
                left = q
                if j - step >= lowest:
                    left = start[q, j - step]
                left = max(left, start[q - 1, j])
                right = j - 1
                if j + step <= n and step < size:
                    right = min(right, start[q, j + step])
                right = max(left, right)  # rounding can make neighbours cross
                best = np.inf
                place = left
                for i in range(left, right + 1):
                    total = (first[j] - first[i]) + (first_lo[j] - first_lo[i])
                    square = (second[j] - second[i]) + (second_lo[j] - second_lo[i])
                    error = before[i] + max(0.0, square - total * total / (weight[j] - weight[i]))
                    if error < best:
                        best = error
                        place = i
                least[j] = best
                start[q, j] = place
                j += 2 * step
            step //= 2


def optimal_levels(values: np.ndarray, weights: np.ndarray, k: int) -> tuple[np.ndarray, float]:
    """The k levels of least squared error, and that error: float64 (k,) ascending, sum of w (x - level)^2.

    values: float64 (n,), distinct and ascending; weights: float64 (n,), positive. Of at most k values the levels are
    the values themselves. Takes time k n log n at most and 4 k n bytes.
    Raises WorkbenchError for values, weights or k that are none.
    Sources: Wang and Song 2011, Ckmeans.1d.dp (R Journal 3/2), for the recurrence; the order of the search is the
    divide and conquer of monotone matrices, after Aggarwal et al. 1987.
    """
    points = WeightedValues(values, weights)
    check_size(k)
    if points.values.size <= k:
        return points.values.copy(), 0.0
    starts = _cluster_starts(points, k)
    sums = np.add.reduceat(points.weights, starts)
    # twice: the second mean, of what is left of the first, loses no digits where a cluster is far from zero
    levels = np.add.reduceat(points.weights * points.values, starts) / sums
    own = np.repeat(np.arange(k), np.diff(starts, append=points.values.size))
    levels += np.add.reduceat(points.weights * (points.values - levels[own]), starts) / sums
    return levels, float((points.weights * (points.values - levels[own]) ** 2).sum())


def check_size(k: int) -> None:
    """WorkbenchError for a number of levels that is not positive."""
    if not isinstance(k, int | np.integer) or k < 1:
        raise WorkbenchError(f"a codebook of {k!r} levels is not possible; expected a whole number from 1 on")


def _cluster_starts(points: WeightedValues, k: int) -> np.ndarray:
    """int64 (k,): the index of the first value of each cluster."""
    n = points.values.size
    running = np.cumsum(points.weights)
    middle = int(np.searchsorted(running, running[-1] / 2))
    # counted from the median outwards, scaled to 1: an outlier at either end takes no digits from the bulk
    largest = max(abs(points.values[[0, -1]] - points.values[middle]))
    x = (points.values - points.values[middle]) / largest
    sums = [_outwards(points.weights * x**power, middle) for power in (1, 2)]
    start = np.zeros((k, n + 1), np.int32)
    weight = np.concatenate([[0.0], running])
    _best_starts(weight, *sums[0], *sums[1], k, start)
    starts, end = np.zeros(k, np.int64), n
    for q in range(k - 1, -1, -1):
        starts[q] = end = start[q, end]
    return starts


def _outwards(terms: np.ndarray, middle: int) -> tuple[np.ndarray, np.ndarray]:
    """Running sums float64 (n + 1,) that are 0 at `middle`, and what their rounding left."""
    n = terms.size
    hi, lo = np.zeros(n + 1), np.zeros(n + 1)
    running_sums(terms[middle:], hi[middle:], lo[middle:])
    left = np.zeros((2, middle + 1))
    running_sums(terms[:middle][::-1].copy(), *left)
    hi[: middle + 1], lo[: middle + 1] = -left[0, ::-1], -left[1, ::-1]
    return hi, lo
