"""What the browser gets of a tensor: distinct values where they are few, else equal bins with their moments."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.histogram_rows import LOW_BITS
from workbench.numerics.statistics.sorted_sums import SortedSums

N_BINS = 4096
MOST_EXACT = 8192
POINT = 1e-9  # variance in half-widths below which a bin holds one value, as in statistics/density.py
CANCELLATION = 1e-15  # relative: what mean square minus squared mean loses in float64


@dataclass(frozen=True, eq=False)
class Bins:
    """Filled bins in ascending order, exact zeros left out; a bin holds low < x <= high.

    low, high: float64 (n,), exactly float32. count: float64 (n,), how many values. weight: float64 (n,), what each
    bin's squared errors count; equal to `count` for one group, sum of the groups' squared maxima for several.
    mean, mean_square: float64 (n,), of the values with that weight.
    """

    low: np.ndarray
    high: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    mean: np.ndarray
    mean_square: np.ndarray

    @property
    def n_bytes(self) -> int:
        return 6 * self.low.nbytes

    @property
    def shape_of_density(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance in half-widths from the centre, float32 (n,): what is sent. A variance of 0 is one value.

        The numbers are of the bin's own size, so float32 carries them to 1e-7 of its width.
        """
        half, centre = (self.high - self.low) / 2, (self.high + self.low) / 2
        mean = (self.mean - centre) / half
        square = (self.mean_square - 2 * centre * self.mean + centre**2) / half**2
        variance = square - mean**2
        point = variance <= POINT + CANCELLATION * (centre / half) ** 2
        return mean.astype(np.float32), np.where(point, 0.0, variance).astype(np.float32)


def bins_of(distribution: Distribution, n_bins: int = N_BINS) -> Bins:
    """At most `n_bins` equal bins from the smallest to the largest value; moments exact.

    Cuts are moved to the borders of `Histogram`'s rows (float32 patterns cut off after 20 bits), so that no row is
    split and every moment is a sum of whole rows. The rows of both extremes are bins of their own: where many values
    are one and the same extreme (ReLU6), it matters on which side of a boundary all of them lie.
    """
    ends = np.array([distribution.low, distribution.high], np.float32)
    apart = np.concatenate([row_borders(ends[:1]), below_row(ends[1:])])
    cuts = np.union1d(row_borders(np.linspace(distribution.low, distribution.high, n_bins - 1)[1:-1]), apart)
    cuts = cuts[(cuts > distribution.low) & (cuts < distribution.high)]
    cells = distribution.cells(cuts)
    count, total, square = cells.count.copy(), cells.total, np.maximum(cells.square, 0.0)
    count[np.searchsorted(cuts, np.float32(0), "left")] -= distribution.n_zeros
    edges = np.concatenate([[distribution.low], cuts.astype(np.float64), [distribution.high]])
    return _filled(edges[:-1], edges[1:], count, count, total, square)


def _filled(
    low: np.ndarray, high: np.ndarray, count: np.ndarray, weight: np.ndarray, total: np.ndarray, square: np.ndarray
) -> Bins:
    """Bins that hold something, sums turned into means; a bin without width (all values equal) gets a little."""
    kept = count > 0.5
    low, high, count, weight = low[kept], high[kept], count[kept], weight[kept]
    widest = np.maximum(np.abs(low), np.abs(high)) * 1e-6 + 1e-30
    low = np.where(high > low, low, low - widest)
    return Bins(low, high, count, weight, total[kept] / weight, square[kept] / weight)


def filled_bins(edges: np.ndarray, table: np.ndarray) -> Bins:
    """Bins from edges (n + 1,) and columns (n, 4): count, weight, weighted sum, weighted sum of squares."""
    return _filled(edges[:-1], edges[1:], table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def row_borders(cuts: np.ndarray) -> np.ndarray:
    """float32, ascending and unique: each cut moved up to the largest value of the histogram row that it falls in."""
    mask = np.uint32((1 << LOW_BITS) - 1)
    pattern = np.ascontiguousarray(cuts, np.float32).view(np.uint32)
    negative = pattern >> np.uint32(31) == 1
    moved = np.where(negative, pattern & ~mask, pattern | mask).view(np.float32)
    return np.unique(moved + np.float32(0.0))


def below_row(values: np.ndarray) -> np.ndarray:
    """float32: for each value the largest one below the histogram row that it falls in."""
    pattern = np.ascontiguousarray(values, np.float32).view(np.uint32)
    mask = np.uint32((1 << LOW_BITS) - 1)
    negative = pattern >> np.uint32(31) == 1
    edge = np.where(negative, pattern | mask, pattern & ~mask).view(np.float32)
    return np.nextafter(edge, np.float32(-np.inf))


def distinct_values(distribution: Distribution) -> tuple[np.ndarray, np.ndarray] | None:
    """(values float32 ascending, counts float64) without 0, where there are at most 8192; None where there are more.

    A histogram knows them where every bin holds one value again and again (pixels).
    """
    if isinstance(distribution, SortedSums):
        return _distinct_of_sorted(distribution.values)
    bins = bins_of(distribution)
    if bins.shape_of_density[1].any():
        return None
    return bins.mean.astype(np.float32), bins.count


def _distinct_of_sorted(values: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    looks = values[:: max(1, values.size // (4 * MOST_EXACT))]
    if np.count_nonzero(np.diff(looks)) > MOST_EXACT:
        return None
    starts = np.concatenate([[0], np.flatnonzero(np.diff(values)) + 1])
    if starts.size > MOST_EXACT + 1:
        return None
    distinct, counts = values[starts], np.diff(starts, append=values.size).astype(np.float64)
    return distinct[distinct != 0], counts[distinct != 0]
