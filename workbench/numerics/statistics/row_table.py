"""`RowTable`: the rows of a histogram in order of value, ready to be cut."""

import math

import numpy as np

from workbench.numerics.statistics import histogram_rows as rows
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.distribution import Cells
from workbench.numerics.statistics.prefix import running_sums
from workbench.numerics.statistics.row_cells import cells_of_rows


class RowTable:
    """Rows in ascending order of value, with running sums; arrays float64 (n,).

    low, high: the values a row can hold; a row whose values all are equal has no width, and is exact.
    count: how many it holds. mean, variance: theirs. offset: mean - low. Offset and variance come from the integer
    moments, right to 1e-15 of themselves: as differences of sums of squares they would lose eight digits.
    """

    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        count: np.ndarray,
        mean: np.ndarray,
        offset: np.ndarray,
        variance: np.ndarray,
    ) -> None:
        self.low, self.high, self.count = low, high, count
        self.mean, self.offset, self.variance = mean, offset, variance
        columns = (count, count * mean, count * (mean**2 + variance))
        self._hi, self._lo = np.zeros((3, count.size + 1)), np.zeros((3, count.size + 1))
        for column, hi, lo in zip(columns, self._hi, self._lo, strict=True):
            running_sums(column, hi, lo)

    @classmethod
    def of(
        cls, keys: np.ndarray, moments: np.ndarray, n_zeros: int, lowest: float = -np.inf, highest: float = np.inf
    ) -> "RowTable":
        """keys uint32 (n,), moments int64 (n, 3) as in `Histogram`; exact zeros become a row without width.

        lowest, highest: no value lies beyond, so that rows end there at the latest.
        """
        finite, _ = rows.kinds(keys)
        order = rows.ascending_order(keys[finite])
        keys, moments = keys[finite][order], moments[finite][order]
        base, ulp = rows.row_geometry(keys)
        step, foot = np.abs(ulp), np.minimum(base, base + ulp * rows.LARGEST_R)
        middle, fraction, spread = _centred(moments)
        mean, variance, equal = base + ulp * (middle + fraction), ulp**2 * spread, spread == 0
        # from here on in last places above the foot of each row: whole numbers, which lose no digits
        middle, fraction = np.where(ulp > 0, [middle, fraction], [rows.LARGEST_R - middle, -fraction])
        place = middle + fraction
        first, last = (np.clip(np.rint((end - foot) / step), 0, rows.LARGEST_R) for end in (lowest, highest))
        first, last = np.where(first < place, first, 0), np.where(last > place, last, rows.LARGEST_R)
        low, high = (np.where(equal, mean, foot + step * end) for end in (first, last))
        offset = np.where(equal, 0.0, step * ((middle - first) + fraction))
        count = moments[:, 0].astype(np.float64)
        if n_zeros:
            at = int(np.searchsorted(low, 0.0, "left"))
            low, high, mean, offset, variance = (np.insert(a, at, 0.0) for a in (low, high, mean, offset, variance))
            count = np.insert(count, at, float(n_zeros))
        return cls(low, high, count, mean, offset, variance)

    def mean_at(self, rank: float) -> float:
        """Mean of the row that holds the value of this rank (1 is the smallest)."""
        row = int(np.searchsorted(self._hi[0], rank, "left")) - 1
        return float(self.mean[min(max(row, 0), self.mean.size - 1)])

    def split_rows(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For each cut: number of rows wholly at or below it, and whether the next row is split by it."""
        whole = np.searchsorted(self.high, cuts, "right")
        following = np.minimum(whole, max(self.low.size - 1, 0))
        split = (whole < self.low.size) & (self.low[following] <= cuts) if self.low.size else np.zeros(cuts.shape, bool)
        return whole, split

    def shares_above_low(self, row: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What a value of each row contributes on average to count, sum and sum of squares at or below its cut.

        Sums are of x - low: from the row's own end, no digits are lost.
        """
        low, offset = self.low[row], self.offset[row]
        square = offset**2 + self.variance[row]
        return partial_moments(cuts - low, np.zeros(row.size), self.high[row] - low, offset, square)

    def cells(self, cuts: np.ndarray) -> Cells:
        """Count, sum and sum of squares between float64 cuts (..., n), ascending along the last axis."""
        n_cuts = cuts.shape[-1]
        questions = np.ascontiguousarray(cuts).reshape(math.prod(cuts.shape[:-1]), n_cuts)
        moments = np.empty((3, len(questions), n_cuts + 1))
        rows_of_table = self.low, self.high, self.count, self.offset, self.variance
        cells_of_rows(questions, *rows_of_table, self._hi, self._lo, moments)
        return Cells(*moments.reshape(3, *cuts.shape[:-1], n_cuts + 1))


def _centred(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the low bits r in each row: the whole number next to their mean, the rest of the mean, the variance.

    moments: int64 (n, 3). Three float64 (n,). The sum of (r - middle)^2 is a whole number, and the square of the rest
    is at most half of its mean: the variance is right to 1e-15 of itself, and 0 where all values are equal alone.
    """
    count, r1, r2 = moments.T
    middle = np.rint(r1 / count).astype(np.int64)
    fraction = (r1 - count * middle) / count
    spread = (r2 - middle * (2 * r1 - count * middle)) / count
    return middle.astype(np.float64), fraction, np.maximum(spread - fraction**2, 0.0)
