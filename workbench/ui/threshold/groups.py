"""Channels and blocks on one axis: every value over the largest magnitude of its group.

One threshold T scales all ranges to [-T a, T a], a being each group's own maximum. In units of a the levels are the
same for all groups, so one histogram of x / a with weights a^2 gives the summed squared error of all of them.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.distribution import Cells
from workbench.ui.threshold.bins import MOST_EXACT, N_BINS, Bins, filled_bins
from workbench.ui.threshold.following import unit_end

MOST_GROUPS = 128  # for KL and levels used; the rest of the groups is taken to be like these


@compiled("float32[:,:] float64[:] float64 float64 float64[:,:]!")
def count_ratios(rows: Any, largest: Any, low: Any, bins_per_unit: Any, table: Any) -> None:
    """Add rows float32 (groups, n) over `largest` float64 (groups,) to `table` float64 (bins, 4); zeros are skipped."""
    for g in range(rows.shape[0]):
        a = largest[g]
        if a > 0:
            for i in range(rows.shape[1]):
                x = np.float64(rows[g, i])
                if x != 0 and abs(x) <= a:
                    ratio = x / a
                    at = min(max(int((ratio - low) * bins_per_unit), 0), table.shape[0] - 1)
                    table[at, 0] += 1.0
                    table[at, 1] += a * a
                    table[at, 2] += a * a * ratio
                    table[at, 3] += a * a * ratio * ratio


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of an array as rows; meets `Distribution` where the curves need it (cells, count, absmax).

    rows: float32 (groups, n). Extremes are in units of each group's maximum, 1 or -1 at the far end.
    """

    rows: np.ndarray
    n_nan: int = 0
    n_infinite: int = 0

    @classmethod
    def of(cls, array: np.ndarray, quantizer: Quantizer) -> "Groups":
        rows = quantizer.grouping.split(np.asarray(array, np.float32))
        finite = np.isfinite(rows)
        return cls(np.ascontiguousarray(rows if finite.all() else np.where(finite, rows, np.float32(0))))

    @property
    def n_bytes(self) -> int:
        """What it keeps beside the array that it was made of."""
        kept = self.__dict__  # holds what was worked out so far
        own = () if self.rows.base is not None else (self.rows,)
        arrays = (*own, *(kept.get("few_values") or ()), *kept.get("_running", ()))
        return sum(array.nbytes for array in arrays) + (self.bins.n_bytes if "bins" in kept else 0)

    @functools.cached_property
    def lowest(self) -> np.ndarray:
        """float64 (groups,)."""
        return self.rows.min(axis=1).astype(np.float64)

    @functools.cached_property
    def highest(self) -> np.ndarray:
        """float64 (groups,)."""
        return self.rows.max(axis=1).astype(np.float64)

    @functools.cached_property
    def largest(self) -> np.ndarray:
        """float64 (groups,): the largest magnitude of each."""
        return np.maximum(-self.lowest, self.highest)

    @functools.cached_property
    def count(self) -> int:
        return int(self.rows.size)

    @functools.cached_property
    def n_zeros(self) -> float:
        return float(self.rows.size - np.count_nonzero(self.rows))

    @functools.cached_property
    def zero_weight(self) -> float:
        """What exact zeros count where they make an error: for each the squared maximum of its group."""
        zeros = self.rows.shape[1] - np.count_nonzero(self.rows, axis=1)
        return float((zeros * self.largest**2).sum())

    @functools.cached_property
    def signal(self) -> float:
        """Sum of the squares of all values."""
        return float((self.rows.astype(np.float64) ** 2).sum())

    @property
    def absmax(self) -> float:
        return 1.0 if self.largest.any() else 0.0

    @functools.cached_property
    def low(self) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(min(0.0, np.nanmin(self.lowest / self.largest))) if self.absmax else 0.0

    @functools.cached_property
    def high(self) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(max(0.0, np.nanmax(self.highest / self.largest))) if self.absmax else 0.0

    @functools.cached_property
    def bins(self) -> Bins:
        """4096 bins of x / a with weight a^2."""
        edges = np.linspace(self.low, self.high, N_BINS + 1).astype(np.float32).astype(np.float64)
        table = np.zeros((N_BINS, 4))
        if self.absmax:
            count_ratios(self.rows, self.largest, self.low, N_BINS / (self.high - self.low), table)
        return filled_bins(edges, table)

    @functools.cached_property
    def _running(self) -> list[np.ndarray]:
        """Weight, sum and sum of squares of all bins before each, float64 (bins + 1,)."""
        bins = self.bins
        return [np.concatenate([[0.0], np.cumsum(bins.weight * m)]) for m in (1.0, bins.mean, bins.mean_square)]

    @functools.cached_property
    def few_values(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(x / a float32 ascending, a float64) of every value that is not 0, where there are at most 8192."""
        if self.count > MOST_EXACT:
            return None
        largest = np.broadcast_to(self.largest[:, None], self.rows.shape)[self.rows != 0]
        ratios = (self.rows[self.rows != 0] / largest).astype(np.float32)
        order = np.argsort(ratios, kind="stable")
        return ratios[order], largest[order]

    def cells(self, cuts: np.ndarray) -> Cells:
        """Weighted moments between cuts (n,) or (rows, n) in units of the maximum; zeros add to the count alone."""
        bins, columns, inside = self.bins, self._running, np.asarray(cuts, np.float64)
        whole = np.searchsorted(bins.high, inside, "right")
        below = [column[whole] for column in columns]
        split = (whole < bins.low.size) & (bins.low[np.minimum(whole, bins.low.size - 1)] < inside)
        at = whole[split]
        parts = partial_moments(inside[split], bins.low[at], bins.high[at], bins.mean[at], bins.mean_square[at])
        for part, column in zip(parts, below, strict=True):
            column[split] += part * bins.weight[at]
        cells = Cells(*(np.diff(b, prepend=0.0, append=c[-1]) for b, c in zip(below, columns, strict=True)))
        at_zero = np.arange(inside.shape[-1] + 1) == (inside < 0).sum(axis=-1)[..., None]
        cells.count[at_zero] += self.zero_weight
        return cells

    def counts(self, edges: np.ndarray) -> np.ndarray:
        """How many values lie between edges (n + 1,), zeros included; float64 (n,)."""
        if self.few_values is not None:
            counts = np.histogram(self.few_values[0], edges)[0].astype(np.float64)
        else:
            bins = self.bins
            running = np.concatenate([[0.0], np.cumsum(bins.count)])
            places = np.stack([bins.low, bins.high], axis=1).ravel()  # flat between a bin and the next filled one
            counts = np.diff(np.interp(edges, places, np.stack([running[:-1], running[1:]], axis=1).ravel()))
        counts[np.clip(np.searchsorted(edges, 0.0, "left") - 1, 0, counts.size - 1)] += self.n_zeros
        return counts

    def ratios(
        self,
        quantizer: Quantizer,
        mirrored: bool,
        one_sided: bool,
        low: np.ndarray | float | None = None,
        high: np.ndarray | float | None = None,
    ) -> np.ndarray:
        """float64: how much of its own range each group keeps at present; groups of zeros left out.

        low, high: the chosen ranges (groups,); without them they are read from the scales.
        """
        scale, format = np.atleast_1d(quantizer.scale).astype(np.float64), quantizer.format
        kept = self.largest > 0
        width = np.maximum(self.highest, 0) - np.minimum(self.lowest, 0)
        if low is not None and high is not None and np.size(high) == self.largest.size:
            bottom, top = (np.ravel(end).astype(np.float64)[kept] for end in (low, high))
            if mirrored:
                return np.maximum(np.abs(bottom), np.abs(top)) / self.largest[kept]
            return (np.maximum(top, 0) - np.minimum(bottom, 0)) / width[kept]
        if mirrored or not isinstance(format, IntegerFormat):
            ends = scale * unit_end(format, one_sided)
            if not isinstance(format, IntegerFormat):
                unit = np.abs(format.unit_ends(np.broadcast_to(quantizer.zero_point, scale.shape)))
                ends = scale * unit.max(axis=1)
            return ends[kept] / self.largest[kept]
        return scale[kept] * (format.qmax - format.qmin) / width[kept]

    def range_at(self, ratio: float, mirrored: bool, one_sided: bool) -> tuple[np.ndarray, np.ndarray]:
        """(low, high), float32 (groups,) each: every group's own range scaled by `ratio`."""
        if mirrored:
            high = (ratio * self.largest).astype(np.float32)
            return (np.zeros_like(high) if one_sided else -high), high
        low, high = np.minimum(self.lowest, 0), np.maximum(self.highest, 0)
        return (ratio * low).astype(np.float32), (ratio * high).astype(np.float32)

    @property
    def sample(self) -> np.ndarray:
        """Evenly spread groups, all where there are at most 128; float32 (groups, n)."""
        step = max(1, -(-self.rows.shape[0] // MOST_GROUPS))
        return self.rows[::step]
