"""`Histogram`: a mergeable distribution for values that stream by (activations)."""

import functools
from array import array as growing
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.statistics import histogram_rows as rows
from workbench.numerics.statistics.certainty import squared_error_uncertainty
from workbench.numerics.statistics.distribution import Cells, LinearBins, extremes_of_rows, kl_edges
from workbench.numerics.statistics.extremes import finite_extremes
from workbench.numerics.statistics.row_table import RowTable
from workbench.numerics.values import as_float32


class Histogram:
    """Counts and moments in rows keyed by the leading 20 bits of the float32 pattern; no range needed beforehand.

    Integer moments make it bit-identical whatever the batches, their order or the number of workers: `a + b` adds.
    keys: uint32 (n,), ascending and unique; moments: int64 (n, 3): count, sum r, sum r^2 (see `histogram_rows`).
    n_zeros: exact zeros, kept apart; low, high: exact extremes of the finite values.
    sample_ranges: float32 (samples, 2), lowest and highest finite value of each sample in the order seen, NaN where a
    sample has none; (0, 2) where they are not known. They follow the order of the data, so `==` leaves them out.
    """

    def __init__(
        self,
        keys: np.ndarray,
        moments: np.ndarray,
        n_zeros: int,
        low: float,
        high: float,
        sample_ranges: np.ndarray | None = None,
    ) -> None:
        self._keys, self._moments = keys, moments
        self.sample_ranges = np.zeros((0, 2), np.float32) if sample_ranges is None else sample_ranges
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

        The samples' ranges of `other` come behind; where one of the two has not kept them, neither has the sum.
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
        known = all(len(p.sample_ranges) or not p._n_values for p in (self, other))
        ranges = np.concatenate([self.sample_ranges, other.sample_ranges]) if known else None
        return Histogram(keys, moments, int(self.n_zeros + other.n_zeros), low, high, ranges)

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
    def absmax(self) -> float:
        return max(abs(self.low), abs(self.high))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All there is, as arrays for a .npz file; `from_arrays` is the inverse."""
        scalars = np.array([self.n_zeros, self.low, self.high])
        return {
            "keys": self._keys,
            "moments": self._moments,
            "scalars": scalars,
            "sample_ranges": self.sample_ranges,
        }

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
        ranges = np.asarray(arrays.get("sample_ranges", np.zeros((0, 2))), np.float32)
        if ranges.ndim != 2 or ranges.shape[1] != 2:
            raise WorkbenchError(f"sample ranges of a histogram have shape {ranges.shape}; expected (samples, 2)")
        n_zeros, low, high = (float(v) for v in scalars)
        return cls(keys.astype(np.uint32), moments.astype(np.int64), int(n_zeros), low, high, ranges)

    @functools.cached_property
    def _table(self) -> RowTable:
        return RowTable.of(self._keys, self._moments, int(self.n_zeros))

    def cells(self, cuts: np.ndarray) -> Cells:
        return self._table.cells(np.asarray(cuts, np.float32).astype(np.float64))

    def extremes(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As in `Distribution`; a value inside a row that a cut splits is known to the row's width only."""
        table = self._table
        return extremes_of_rows(table.low, table.high, self.low, self.high, cuts, self.cells(cuts).count > 0)

    def uncertainty(self, boundaries: np.ndarray, levels: np.ndarray) -> tuple[float, float]:
        return squared_error_uncertainty(self._table, boundaries, levels)

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
    """Counts arrays as they stream by; `histogram()` gives the value. Memory grows by 8 bytes a sample alone."""

    def __init__(self) -> None:
        self._table = np.zeros((rows.N_KEYS + rows.N_SPARE, 3), np.int64)  # pages are touched as values need them
        self._low, self._high = np.inf, -np.inf
        self._ranges: growing[float] | None = growing("f")

    def add(self, array: Any, n_samples: int | None = None) -> None:
        """Count the values of any array of numbers, taken as float32; WorkbenchError for what is none.

        n_samples: how many samples the array holds: where that is the length of axis 0, the range of each is kept,
        elsewhere the range of the whole. None: it is no batch of samples, and no ranges are kept at all.
        """
        values = np.ascontiguousarray(as_float32(array))
        apart = values.ndim > 0 and 0 < values.shape[0] == n_samples
        low, high, all_finite = finite_extremes(values.reshape(values.shape[0] if apart else 1, -1))
        if n_samples is None and values.size:
            self._ranges = None
        elif n_samples is not None and self._ranges is not None:
            pairs = np.where(low <= high, [low, high], np.nan).T + 0.0  # -0.0 and 0.0 are one
            self._ranges.frombytes(pairs.astype(np.float32).tobytes())
        if not values.size:
            return
        values = values.reshape(-1)
        if not all_finite:
            values = np.where(np.isnan(values), np.float32(np.nan), values)  # one pattern, never that of infinity's row
        rows.count_into(values.view(np.uint32), self._table, rows.N_KEYS, rows.LOW_BITS)
        self._low, self._high = min(self._low, float(low.min())), max(self._high, float(high.max()))

    def histogram(self) -> Histogram:
        """Everything added so far."""
        keys = np.flatnonzero(self._table[: rows.N_KEYS, 0]).astype(np.uint32)
        n_zeros = int(self._table[rows.N_KEYS :, 0].sum())
        low, high = (self._low, self._high) if self._low <= self._high else (0.0, 0.0)
        ranges = np.array([] if self._ranges is None else self._ranges, np.float32).reshape(-1, 2)
        # -0.0 would tell the order
        return Histogram(keys, self._table[keys], n_zeros, low + 0.0, high + 0.0, ranges)
