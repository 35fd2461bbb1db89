"""`SortedSums`: an exact distribution for tensors that are at hand (weights)."""

import functools
import math
from typing import Any

import numpy as np

from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Cells, LinearBins, kl_edges
from workbench.numerics.statistics.prefix import (
    BLOCK,
    block_sums,
    cell_ends,
    cell_sums,
    positions_along,
    positions_upto,
)
from workbench.numerics.values import as_float32

MOST_APART = 1 << 17  # cuts that are searched for apart: of more, the next one lies near the last


class SortedSums:
    """float32 values sorted once, with running sums of x and x^2 per block of 64 in double-double.

    A query costs one binary search and at most two partial blocks a cut, at any tensor size; 4.5 bytes a value.
    """

    def __init__(self, values: np.ndarray, n_nan: int = 0, n_infinite: int = 0) -> None:
        """values: float32 (n,), finite and ascending; use `SortedSums.of` for anything else."""
        self._values = values
        self.n_nan, self.n_infinite = n_nan, n_infinite
        self.count = int(values.size)
        self.low, self.high = (float(values[0]) + 0.0, float(values[-1]) + 0.0) if values.size else (0.0, 0.0)
        zero = np.searchsorted(values, np.float32(0), "left"), np.searchsorted(values, np.float32(0), "right")
        self.n_zeros = float(zero[1] - zero[0])
        self._sums = np.empty((values.size // BLOCK + 1, 4))
        block_sums(values, BLOCK, self._sums)

    @classmethod
    def of(cls, array: Any) -> "SortedSums":
        """From any array of numbers, taken as float32 and flattened; NaN and infinities are counted, not kept.

        Raises WorkbenchError for what is no array of real numbers.
        """
        flat = np.sort(as_float32(array), axis=None)
        n_nan = int(flat.size - np.searchsorted(flat, np.float32(np.nan), "left")) if flat.size else 0
        flat = flat[: flat.size - n_nan]
        first = int(np.searchsorted(flat, np.float32(-np.inf), "right"))
        last = int(np.searchsorted(flat, np.float32(np.inf), "left"))
        return cls(flat[first:last], n_nan, flat.size - (last - first))

    def __add__(self, other: "SortedSums") -> "SortedSums":
        """The values of both."""
        if not isinstance(other, SortedSums):
            return NotImplemented
        merged = np.sort(np.concatenate([self._values, other._values]), kind="stable")
        return SortedSums(merged, self.n_nan + other.n_nan, self.n_infinite + other.n_infinite)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SortedSums):
            return NotImplemented
        same = (self.n_nan, self.n_infinite) == (other.n_nan, other.n_infinite)
        return same and np.array_equal(self._values, other._values)

    __hash__ = None  # type: ignore[assignment]  # holds arrays

    def __repr__(self) -> str:
        return f"<SortedSums of {self.count:,} values in [{self.low:.4g}, {self.high:.4g}]>"

    @property
    def absmax(self) -> float:
        return max(abs(self.low), abs(self.high))

    @property
    def values(self) -> np.ndarray:
        """The values themselves, float32 (n,), ascending, read-only."""
        view = self._values.view()
        view.setflags(write=False)
        return view

    def _positions(self, cuts: np.ndarray) -> np.ndarray:
        """How many values are at or below each cut, int64 (..., k)."""
        cuts = np.ascontiguousarray(cuts, np.float32)
        positions = np.empty(cuts.shape, np.int64)
        search = positions_along if cuts.ndim == 1 and cuts.size > MOST_APART else positions_upto
        search(self._values, cuts.reshape(-1), positions.reshape(-1))
        return positions

    def cells(self, cuts: np.ndarray) -> Cells:
        positions = self._positions(cuts)
        n_cuts = positions.shape[-1]
        rows = positions.reshape(math.prod(positions.shape[:-1]), n_cuts)
        moments = np.empty((3, len(rows), n_cuts + 1))
        cell_sums(self._values, rows, BLOCK, self._sums, *moments)
        return Cells(*moments.reshape(3, *positions.shape[:-1], n_cuts + 1))

    def extremes(self, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        positions = self._positions(cuts)
        smallest, largest = np.empty((2, positions.size + 1))
        cell_ends(self._values, positions, smallest, largest)
        return smallest, largest

    def uncertainty(self, cost: Cost) -> tuple[float, float]:
        return 0.0, 0.0

    def quantile(self, share: float) -> float:
        if not self.count:
            return 0.0
        return float(self._values[min(self.count - 1, max(0, int(np.ceil(share * self.count)) - 1))])

    @functools.cached_property
    def _bins(self) -> LinearBins:
        edges = kl_edges(self.low, self.high)
        positions = self._positions(edges[1:-1])
        counts = np.diff(positions, prepend=0, append=self.count).astype(np.float64)
        if self.n_zeros:
            counts[np.searchsorted(edges[1:-1].astype(np.float32), np.float32(0), "left")] -= self.n_zeros
        return LinearBins(edges, counts, self.n_zeros)

    def linear_bins(self) -> LinearBins:
        return self._bins
