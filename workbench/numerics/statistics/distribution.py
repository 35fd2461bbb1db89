"""`Distribution`: the one question that every statistic of a tensor can answer."""

import functools
import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.prefix import running_sums


@dataclass(frozen=True, eq=False)
class Cells:
    """Count, sum and sum of squares of the values in each cell between ascending cuts.

    Cell 0 holds x <= cuts[0], cell i holds cuts[i - 1] < x <= cuts[i], the last cell what is above all cuts.
    count, total, square: float64 (len(cuts) + 1,); counts may be fractions where a cut runs through a bin.
    """

    count: np.ndarray
    total: np.ndarray
    square: np.ndarray


@dataclass(frozen=True, eq=False)
class LinearBins:
    """Counts in equal bins, exact zeros apart: what KL divergence is defined on.

    edges: float64 (n + 1,); counts: float64 (n,), zeros not included; n_zeros: count of exact zeros.
    """

    edges: np.ndarray
    counts: np.ndarray
    n_zeros: float

    @functools.cached_property
    def centres(self) -> np.ndarray:
        """float32 (n,): the value that stands for a bin; the kernel decides by it which level the bin goes to."""
        return ((self.edges[:-1] + self.edges[1:]) / 2).astype(np.float32)

    @functools.cached_property
    def filled(self) -> "FilledBins":
        """The bins that hold something: the others change no divergence."""
        held = self.counts > 0
        return FilledBins.of(self.centres[held], self.counts[held], self.n_zeros)


@dataclass(frozen=True, eq=False)
class FilledBins:
    """Counts in bins of which none is empty, ready for divergences.

    centres: float32 (n,), ascending. counts: float64 (n,), in units near their mean, which have small logarithms;
    n_zeros: of exact zeros, in the same unit. running: float64 (n + 1, 4), running sums of c and c ln c, hi and lo of
    each, c the counts.
    """

    centres: np.ndarray
    counts: np.ndarray
    n_zeros: float
    running: np.ndarray

    @classmethod
    def of(cls, centres: np.ndarray, counts: np.ndarray, n_zeros: float) -> "FilledBins":
        """counts: float64 (n,), all positive."""
        unit = math.ldexp(1.0, math.frexp(float(counts.mean()))[1]) if counts.size else 1.0
        counts, sums = counts / unit, np.zeros((4, counts.size + 1))
        for column, hi, lo in zip((counts, counts * np.log(counts)), sums[::2], sums[1::2], strict=True):
            running_sums(column, hi, lo)
        return cls(centres, counts, n_zeros / unit, np.ascontiguousarray(sums.T))


@runtime_checkable
class Distribution(Protocol):
    """The values of *one* group (tensor, channel or block), NaN and infinities counted apart.

    count: finite values. low, high, absmax: their exact extremes (0 where there are none). n_zeros: exact zeros.
    """

    count: int
    low: float
    high: float
    n_zeros: float
    n_nan: int
    n_infinite: int

    @property
    def absmax(self) -> float: ...

    def cells(self, cuts: np.ndarray) -> Cells:
        """Moments between float32 cuts (n,), or (rows, n): many questions at once; ascending in each row."""

    def extremes(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest value in each cell, float64 (len(cuts) + 1,), NaN where a cell is empty."""

    def uncertainty(self, cost: Cost) -> tuple[float, float]:
        """How far the true sum of costs can lie (below, above) the one computed from `cells`; neither negative."""

    def quantile(self, share: float) -> float:
        """Value below or at which the share (0 to 1) of the values lies."""

    def linear_bins(self) -> LinearBins:
        """The bins that KL divergence is counted in: 2048 over [0, absmax] or [-absmax, absmax]."""


N_KL_BINS = 2048


def kl_edges(low: float, high: float, n_bins: int = N_KL_BINS) -> np.ndarray:
    """Edges (n_bins + 1,) over [0, absmax], or over [-absmax, absmax] where negative values occur."""
    largest = float(max(abs(low), abs(high))) or 1.0
    return np.linspace(-largest if low < 0 else 0.0, largest, n_bins + 1)


def extremes_of_rows(
    row_low: np.ndarray, row_high: np.ndarray, low: float, high: float, cuts: np.ndarray, filled: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`Distribution.extremes` where values are known by rows [row_low, row_high], float64 (n,), ascending and filled.

    low, high: the extremes of all values. filled: bool (len(cuts) + 1,), cells that hold something.
    """
    if not row_low.size:
        return np.full(filled.size, np.nan), np.full(filled.size, np.nan)
    cut = np.asarray(cuts, np.float32).astype(np.float64)
    above = np.concatenate([[-np.inf], cut])  # a cell holds what is above its lower cut ...
    upto = np.append(cut, np.inf)  # ... and at or below its upper one
    first = np.minimum(np.searchsorted(row_high, above, "right"), row_low.size - 1)
    last = np.maximum(np.searchsorted(row_low, upto, "right") - 1, 0)
    smallest = np.maximum(np.maximum(above, row_low[first]), low)
    largest = np.minimum(np.minimum(upto, row_high[last]), high)
    return np.where(filled, smallest, np.nan), np.where(filled, largest, np.nan)
