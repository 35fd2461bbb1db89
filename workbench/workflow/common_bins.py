"""Two distributions in the same bins: to be drawn over one another, and to tell how far apart they are."""

import math
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics.distribution import Distribution


@dataclass(frozen=True, eq=False)
class CommonBins:
    """Shares of the values of two distributions, exact zeros apart; the end bins hold what lies beyond them.

    edges: float64 (n + 1,), equal steps. first, second: float64 (n,); zeros: the shares of exact zeros of both. Each
    distribution's shares and zeros add up to 1.
    """

    edges: np.ndarray
    first: np.ndarray
    second: np.ndarray
    zeros: tuple[float, float]

    @property
    def distance(self) -> float:
        """Jensen-Shannon distance of the two, in [0, 1]; exact zeros are a bin. A metric.

        The square root of the mean, in bits, of both Kullback-Leibler divergences from their average.
        Source: Lin 1991, Divergence measures based on the Shannon entropy; Endres and Schindelin 2003.
        """
        one, other = (np.append(bins, zeros) for bins, zeros in zip((self.first, self.second), self.zeros, strict=True))
        mean = (one + other) / 2
        divergence = sum(
            float((share[share > 0] * np.log2(share[share > 0] / mean[share > 0])).sum()) for share in (one, other)
        )
        return math.sqrt(min(max(divergence / 2, 0.0), 1.0))


def common_bins(
    first: Distribution,
    second: Distribution,
    n_bins: int = 128,
    *,
    low: float | None = None,
    high: float | None = None,
) -> CommonBins:
    """Both in `n_bins` bins over [low, high]; None: the extremes of both together.

    Raises WorkbenchError where a distribution is empty, and for fewer than 2 bins.
    """
    if not (first.count and second.count):
        raise WorkbenchError("a distribution without values cannot be compared; calibrate with data first")
    if n_bins < 2:
        raise WorkbenchError(f"n_bins={n_bins}; expected at least 2")
    low = min(first.low, second.low) if low is None else low
    high = max(first.high, second.high) if high is None else high
    if not low < high:
        low, high = low - (abs(low) or 1.0) / 2, low + (abs(low) or 1.0) / 2
    edges = np.linspace(low, high, n_bins + 1)
    shares = [_shares(one, edges) for one in (first, second)]
    return CommonBins(edges, shares[0], shares[1], (first.n_zeros / first.count, second.n_zeros / second.count))


def _shares(distribution: Distribution, edges: np.ndarray) -> np.ndarray:
    cuts = edges[1:-1].astype(np.float32)
    counts = distribution.cells(cuts).count.copy()
    counts[np.searchsorted(cuts, np.float32(0), "left")] -= distribution.n_zeros
    return np.maximum(counts, 0.0) / distribution.count
