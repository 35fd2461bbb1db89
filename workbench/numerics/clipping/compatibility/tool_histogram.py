"""The histograms that other tools count, read off a `Distribution`: where their float32 arithmetic puts the borders."""

from collections.abc import Callable

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.linear_histogram import LinearHistogram

BINS = 2048  # of most tools


def equal_edges(low: float, high: float, bins: int) -> np.ndarray:
    """Edges float32 (bins + 1,) as `np.histogram(values, bins, range=(low, high))` makes them for float32 values."""
    with np.errstate(over="ignore", invalid="ignore"):
        edges = np.linspace(np.float32(low), np.float32(high), bins + 1, dtype=np.float32)
    if not np.isfinite(edges).all():  # high - low is beyond float32
        edges = np.linspace(float(low), float(high), bins + 1).astype(np.float32)
    return edges


def numpy_histogram(distribution: Distribution, edges: np.ndarray) -> np.ndarray:
    """Counts float64 (n,) of `np.histogram`: a bin holds edges[i] <= x < edges[i + 1], the last its upper edge too."""
    lower = np.nextafter(edges[:-1], np.float32(-np.inf))
    return _whole(distribution, np.append(lower, edges[-1]))[1:-1]


def given_bins(distribution: Distribution, bins: int | None, *, mirrored: bool) -> LinearHistogram | None:
    """The distribution itself where its bins are equal ones over [-T, T] (mirrored) or [0, T]: a tool's own histogram.

    None where it is no `LinearHistogram`, has other bins, or where a number of bins is asked for.
    """
    if bins is not None or not isinstance(distribution, LinearHistogram):
        return None
    edges, end = distribution.edges, float(distribution.edges[-1])
    equal = np.linspace(-end if mirrored else 0.0, end, edges.size)
    return distribution if np.abs(edges - equal).max() <= 1e-6 * end else None


def given_or_counted(
    distribution: Distribution, bins: int | None, counted: Callable[[int], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Counts and edges over [0, absmax]: the distribution's own (`given_bins`), or what a tool counts.

    counted: gives them for a number of bins; without one that is asked for, 2048.
    """
    given = given_bins(distribution, bins, mirrored=False)
    return counted(bins or BINS) if given is None else (given.counts, given.edges)


def two_sided(distribution: Distribution, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts float64 (bins,) and edges float32 (bins + 1,) of `np.histogram` over [-absmax, absmax]."""
    largest = distribution.absmax or 0.5  # as numpy widens an empty range
    edges = equal_edges(-largest, largest, bins)
    return numpy_histogram(distribution, edges), edges


def magnitudes(
    distribution: Distribution, bins: int, position: Callable[[np.ndarray, np.float32], np.ndarray]
) -> np.ndarray:
    """Counts float64 (bins,) of |x| over [0, absmax] by a tool's own rounding.

    position: where float32 magnitudes (n,) lie, in bins, for a given absmax; not descending. Zeros are counted.
    """
    largest = np.float32(distribution.absmax or 0.5)
    border = np.arange(1, bins)
    near = (border * (float(largest) / bins)).astype(np.float32)
    around = near[:, None] + np.arange(-6, 7) * np.spacing(near)[:, None]
    around = np.maximum(around.astype(np.float32), np.float32(0))
    with np.errstate(over="ignore"):
        first = np.argmax(position(around, largest) >= border[:, None], axis=1)  # of all float32 that it can be
    upto = np.nextafter(around[np.arange(border.size), first], np.float32(-np.inf))
    upto = np.maximum.accumulate(np.maximum(upto, np.float32(0)))
    below = np.nextafter(-upto[::-1], np.float32(-np.inf))
    within = np.cumsum(_whole(distribution, np.concatenate([below, upto])))
    inside = within[border.size : -1] - within[: border.size][::-1]
    return np.diff(inside, prepend=0.0, append=within[-1])


def _whole(distribution: Distribution, cuts: np.ndarray) -> np.ndarray:
    """Counts between cuts; whole numbers where the distribution counts values, for a cut can run through a row."""
    counts = distribution.cells(cuts).count
    if not float(distribution.count).is_integer():
        return counts
    running = np.maximum.accumulate(np.rint(np.cumsum(counts)))
    return np.diff(running, prepend=0.0)
