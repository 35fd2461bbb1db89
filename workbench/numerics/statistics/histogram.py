"""`Histogram`: a mergeable distribution for values that stream by (activations)."""

import functools
from array import array as growing
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics import histogram_rows as rows
from workbench.numerics.statistics.certainty import cost_uncertainty
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Cells, LinearBins, extremes_of_rows, kl_edges
from workbench.numerics.statistics.row_counts import WAITING, RowCounts
from workbench.numerics.statistics.row_ends import RowEnds, blocks_of
from workbench.numerics.statistics.row_table import RowTable
from workbench.numerics.statistics.seen_samples import SeenSamples
from workbench.numerics.values import as_float32


class Histogram:
    """Counts and moments in rows keyed by the leading 20 bits of the float32 pattern; no range needed beforehand.

    Integer moments make it bit-identical whatever the batches, their order or the number of workers: `a + b` adds.
    keys: uint32 (n,), ascending and unique; moments: int64 (n, 3): count, sum r, sum r^2 (see `histogram_rows`).
    n_zeros: exact zeros, kept apart; low, high: exact extremes of the finite values.
    samples: their ranges, and which of them the values at both ends came from; nothing where it is not known. That
    follows the order of the data, so `==` leaves it out.
    """

    def __init__(
        self,
        keys: np.ndarray,
        moments: np.ndarray,
        n_zeros: int,
        low: float,
        high: float,
        samples: SeenSamples | None = None,
    ) -> None:
        self._keys, self._moments = keys, moments
        self.samples = SeenSamples.none() if samples is None else samples
        self.n_zeros = float(n_zeros)
        self.low, self.high = low, high
        finite, infinite = rows.kinds(keys)
        self.n_infinite = int(moments[infinite, 0].sum())
        self.n_nan = int(moments[~finite & ~infinite, 0].sum())
        self.count = int(moments[finite, 0].sum()) + int(n_zeros)
        self._n_values = self.count + self.n_infinite + self.n_nan

    @classmethod
    def of(cls, array: Any) -> "Histogram":
        """From any array of numbers, taken as float32; WorkbenchError for what is none."""
        builder = HistogramBuilder()
        builder.add(array)
        return builder.histogram()

    def __add__(self, other: "Histogram") -> "Histogram":
        """The values of both; exact, commutative and associative to the bit.

        The samples of `other` come behind; where one of the two has not kept what tells samples apart, neither has the
        sum.
        """
        if not isinstance(other, Histogram):
            return NotImplemented
        keys = np.union1d(self._keys, other._keys)
        moments = np.zeros((keys.size, 3), np.int64)
        for part in (self, other):
            moments[np.searchsorted(keys, part._keys)] += part._moments
        filled = [p for p in (self, other) if p.count]
        low = min((p.low for p in filled), default=0.0)
        high = max((p.high for p in filled), default=0.0)
        known = all(len(p.samples.ranges) or not p._n_values for p in (self, other))
        samples = self.samples.followed_by(other.samples) if known else None
        return Histogram(keys, moments, int(self.n_zeros + other.n_zeros), low, high, samples)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (
            (self.n_zeros, self.low, self.high) == (other.n_zeros, other.low, other.high)
            and np.array_equal(self._keys, other._keys)
            and np.array_equal(self._moments, other._moments)
        )

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"<Histogram of {self.count:,} values in [{self.low:.4g}, {self.high:.4g}]>"

    @property
    def sample_ranges(self) -> np.ndarray:
        """float32 (samples, 2), see `SeenSamples.ranges`."""
        return self.samples.ranges

    @property
    def absmax(self) -> float:
        return max(abs(self.low), abs(self.high))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All there is, as arrays for a .npz file; `from_arrays` is the inverse."""
        scalars = np.array([self.n_zeros, self.low, self.high])
        return {"keys": self._keys, "moments": self._moments, "scalars": scalars, **self.samples.to_arrays()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Histogram":
        keys, moments, scalars = (np.asarray(arrays[field]) for field in ("keys", "moments", "scalars"))
        if keys.ndim != 1 or moments.shape != (keys.size, 3) or scalars.shape != (3,):
            raise WorkbenchError(
                f"keys of shape {keys.shape}, moments {moments.shape} and scalars {scalars.shape} are no histogram; "
                "expected (n,), (n, 3) and (3,)"
            )
        if (np.diff(keys.astype(np.int64)) <= 0).any() or (moments < 0).any() or not np.isfinite(scalars).all():
            raise WorkbenchError("keys of a histogram must ascend, its moments be positive and its extremes finite")
        n_zeros, low, high = (float(v) for v in scalars)
        samples = SeenSamples.from_arrays(arrays)
        return cls(keys.astype(np.uint32), moments.astype(np.int64), int(n_zeros), low, high, samples)

    @functools.cached_property
    def _table(self) -> RowTable:
        return RowTable.of(self._keys, self._moments, int(self.n_zeros), self.low, self.high)

    def cells(self, cuts: np.ndarray) -> Cells:
        return self._table.cells(np.asarray(cuts, np.float32).astype(np.float64))

    def extremes(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As in `Distribution`; a value inside a row that a cut splits is known to the row's width only."""
        table = self._table
        return extremes_of_rows(table.low, table.high, self.low, self.high, cuts, self.cells(cuts).count > 0)

    def uncertainty(self, cost: Cost) -> tuple[float, float]:
        return cost_uncertainty(self._table, cost)

    def quantile(self, share: float) -> float:
        """The mean of the row that the value lies in, within 1 / 2048 of it."""
        if not self.count:
            return 0.0
        return min(max(self._table.mean_at(share * self.count), self.low), self.high)

    @functools.cached_property
    def _bins(self) -> LinearBins:
        edges = kl_edges(self.low, self.high)
        inner = edges[1:-1].astype(np.float32)
        counts = self.cells(inner).count
        counts[np.searchsorted(inner, np.float32(0), "left")] -= self.n_zeros
        # rows are cut by their density: put whole into one bin each, every other bin near the maximum would be twice as
        # full, which trebles the KL of 2e6 values; running counts stay whole numbers, so that empty bins stay empty
        running = np.maximum.accumulate(np.rint(np.cumsum(counts)))
        return LinearBins(edges, np.diff(running, prepend=0.0), self.n_zeros)

    def linear_bins(self) -> LinearBins:
        return self._bins


class HistogramBuilder:
    """Counts arrays as they stream by; `histogram()` gives the value. Memory grows by 8 bytes a sample alone.

    waiting: values that are gathered before they are counted, see `RowCounts`.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self._counts, self._ends = RowCounts(waiting), RowEnds()
        self._low, self._high = np.inf, -np.inf
        self._ranges: growing[float] | None = growing("f")
        self._shapes: set[tuple[int, ...]] = set()
        self._n_samples = 0

    def add(self, array: Any, samples: int | Sequence[int] | None = None, *, continues: bool = False) -> None:
        """Count the values of any array of numbers, taken as float32; WorkbenchError for what is none.

        samples: how many samples the array holds, or their numbers in the data; without numbers they follow the ones
        before. Where that is the length of axis 0, range and extremes are kept for each, elsewhere for the whole. None:
        it is no batch of samples, and neither is kept at all. continues: the array is more of the one sample before,
        whose range it widens.
        """
        values = np.ascontiguousarray(as_float32(array))
        numbers = None if samples is None else self._numbered(samples)
        apart = numbers is not None and values.ndim > 0 and 0 < values.shape[0] == numbers.size
        if not apart and numbers is not None:
            numbers = numbers[:1]
        rows = values.reshape(values.shape[0] if apart else 1, -1)
        low, high = self._count(rows, numbers if rows.size else None)
        if numbers is None and values.size:
            self._ranges = None
        elif numbers is not None and self._ranges is not None:
            pairs = np.where(low <= high, [low, high], np.nan).T + 0.0  # -0.0 and 0.0 are one
            if continues:
                largest, least = self._ranges.pop(), self._ranges.pop()
                pairs = np.array([[np.fmin(pairs[0, 0], least), np.fmax(pairs[0, 1], largest)]])
            self._ranges.frombytes(pairs.astype(np.float32).tobytes())
            self._shapes.add(values.shape[1:] if apart else values.shape)
        self._low, self._high = min(self._low, float(low.min())), max(self._high, float(high.max()))

    def _numbered(self, samples: int | Sequence[int]) -> np.ndarray:
        """Numbers of the samples of one array, int64 (n,)."""
        if isinstance(samples, int | np.integer):
            samples = range(self._n_samples, self._n_samples + int(samples))
        numbers = np.asarray(samples, np.int64)
        self._n_samples = max(self._n_samples, int(numbers.max(initial=-1)) + 1)
        return numbers

    def _count(self, rows: np.ndarray, numbers: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Count float32 (n, m); lowest and highest finite value of each row, inf and -inf where there is none."""
        low, high = np.full(len(rows), np.inf, np.float32), np.full(len(rows), -np.inf, np.float32)
        for row, column, block in blocks_of(rows):
            here = slice(row, row + len(block))
            least, largest, finite = self._ends.of(block, None if numbers is None else numbers[here], column)
            low[here], high[here] = np.minimum(low[here], least), np.maximum(high[here], largest)
            if not finite:  # one pattern for NaN, never that of infinity's row
                block = np.where(np.isnan(block), np.float32(np.nan), block)
            self._counts.add(block.reshape(-1))
        return low, high

    def histogram(self) -> Histogram:
        """Everything added so far."""
        keys, moments, n_zeros = self._counts.rows(self._ends.magnitudes)
        low, high = (self._low, self._high) if self._low <= self._high else (0.0, 0.0)
        samples: SeenSamples | None = None
        if self._ranges is not None:
            ranges = np.array(self._ranges, np.float32).reshape(-1, 2)
            shape = next(iter(self._shapes)) if len(self._shapes) == 1 else ()
            largest, smallest = (self._ends.placed(shape, largest=largest) for largest in (True, False))
            samples = SeenSamples(ranges, largest, smallest, self._n_samples)
        # -0.0 would tell the order
        return Histogram(keys, moments, n_zeros, low + 0.0, high + 0.0, samples)
