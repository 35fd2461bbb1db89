"""`RowTable`: the rows of a histogram in order of value, ready to be cut."""

import numpy as np

from workbench.numerics.statistics import histogram_rows as rows
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.distribution import Cells
from workbench.numerics.statistics.prefix import running_sums


class RowTable:
    """Rows in ascending order of value, with running sums; arrays float64 (n,).

    low, high: the values a row can hold; a row whose values all are equal has no width, and is exact.
    count: how many it holds. mean, variance: theirs. offset: mean - low. Offset and variance come from the integer
    moments, right to 1e-16 of the row's width: as differences of sums of squares they would lose eight digits.
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
    def of(cls, keys: np.ndarray, moments: np.ndarray, n_zeros: int) -> "RowTable":
        """keys uint32 (n,), moments int64 (n, 3) as in `Histogram`; exact zeros become a row without width."""
        finite, _ = rows.kinds(keys)
        order = rows.ascending_order(keys[finite])
        keys, moments = keys[finite][order], moments[finite][order]
        base, ulp = rows.row_geometry(keys)
        last = base + ulp * rows.LARGEST_R
        count, r1, r2 = (moments[:, i].astype(np.float64) for i in range(3))
        r = r1 / count
        mean, variance = base + ulp * r, ulp**2 * np.maximum(r2 - r1 * r, 0.0) / count
        equal = variance == 0
        low = np.where(equal, mean, np.minimum(base, last))
        high = np.where(equal, mean, np.maximum(base, last))
        offset = np.where(equal, 0.0, np.abs(ulp) * np.where(ulp > 0, r, rows.LARGEST_R - r))
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
        """Count, sum and sum of squares between ascending cuts, float64."""
        whole, split = self.split_rows(cuts)
        row = whole[split]
        low, (share, first, second) = self.low[row], self.shares_above_low(row, cuts[split])
        parts = np.zeros((3, cuts.size))
        parts[:, split] = self.count[row] * np.stack(
            [share, low * share + first, low**2 * share + 2 * low * first + second]
        )
        # the large parts of the running sums cancel exactly before the small ones are added
        return Cells(*(_between(self._hi, whole) + (_between(self._lo, whole) + _between(parts))))


def _between(running: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Differences of running sums (3, n) at positions, from 0 to the last; without positions, from 0 to 0."""
    inside = running if at is None else running[:, at]
    ends = np.zeros((3, 1)) if at is None else running[:, -1:]
    return np.diff(np.concatenate([np.zeros((3, 1)), inside, ends], axis=1), axis=1)
