"""`RowCounts`: the rows of a histogram while values stream in, and the kernels that fill them."""

import mmap
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.statistics.histogram_rows import LARGEST_R, LOW_BITS, N_KEYS

N_SPARE = 16  # exact zeros take turns in these, so that neighbouring additions do not wait for one another
WAITING = 1 << 17  # values, half a megabyte
CHUNK = 256  # values whose rows and increments are worked out before they are added: these loops become vector code
# One word a row: 9 bits of count, 21 of sum r, 34 of sum r^2. It is carried over when its count reaches 256, long
# before a field is full, so that rows stay small enough for the caches.
COUNT_BITS, SUM_BITS = 9, 21
FULL = 1 << (COUNT_BITS - 1)
INFINITE = 0x7F800000


@compiled("uint32[:] uint64[:]! int64[:,:]! int32[:]! int64[:]! uint32[:]! uint64[:]!")
def count_into(bits: Any, words: Any, carried: Any, carried_keys: Any, n_carried: Any, at: Any, increment: Any) -> None:
    """Add float32 patterns (uint32 (n,)) to the rows: count, sum r and sum r^2, r the low bits of the pattern.

    All values of a row share sign, exponent and leading mantissa bits: value = base + ulp * r, so that integers
    carry the moments exactly and in any order. words: uint64 (N_KEYS + 16,). carried: int64 (N_KEYS + 16, 3), sums
    of words that were full. carried_keys: int32 (N_KEYS + 16,), which rows those are, the first n_carried[0] of them.
    at uint32 (CHUNK,), increment uint64 (CHUNK,): scratch.
    """
    one, low_mask = np.uint64(1), np.uint32(LARGEST_R)
    for start in range(0, bits.size, CHUNK):
        part = bits[start : start + CHUNK]
        for i in range(part.size):
            pattern = part[i]
            is_zero = (pattern & np.uint32(0x7FFFFFFF)) == np.uint32(0)
            at[i] = np.uint32(N_KEYS + (i & (N_SPARE - 1))) if is_zero else pattern >> np.uint32(LOW_BITS)
            r = np.uint64(pattern & low_mask)
            increment[i] = (r * r << np.uint64(COUNT_BITS + SUM_BITS)) + (r << np.uint64(COUNT_BITS)) + one
        for i in range(part.size):
            row = at[i]
            word = words[row] + increment[i]
            words[row] = word
            if word & np.uint64(FULL):
                words[row] = 0
                if carried[row, 0] == 0:
                    carried_keys[n_carried[0]] = row
                    n_carried[0] += 1
                carried[row, 0] += np.int64(word & np.uint64((1 << COUNT_BITS) - 1))
                carried[row, 1] += np.int64((word >> np.uint64(COUNT_BITS)) & np.uint64((1 << SUM_BITS) - 1))
                carried[row, 2] += np.int64(word >> np.uint64(COUNT_BITS + SUM_BITS))


class RowCounts:
    """Counts and integer moments of values by rows; pages of memory are taken as values need them.

    About 1 MB for the values of one tensor, at most 40 MB for values that spread over all of float32. waiting: values
    that are gathered before they are counted: where many tensors take turns, the rows of each have left the caches by
    its next turn, and few values at a time would wait for memory more than they are counted.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self._words = on_demand(np.uint64, N_KEYS + N_SPARE)
        self._carried = on_demand(np.int64, N_KEYS + N_SPARE, 3)
        self._carried_keys = on_demand(np.int32, N_KEYS + N_SPARE)
        self._n_carried = np.zeros(1, np.int64)
        self._scratch = np.zeros(CHUNK, np.uint32), np.zeros(CHUNK, np.uint64)
        self._waiting = on_demand(np.float32, max(waiting, 1))
        self._n_waiting = 0

    def add(self, values: np.ndarray) -> None:
        """Count float32 (n,), contiguous; NaN must have one pattern that is not in the row of the infinities."""
        if self._n_waiting + values.size > self._waiting.size:
            self._count(self._waiting[: self._n_waiting])
            self._n_waiting = 0
        if values.size > self._waiting.size // 2:
            self._count(values)
        else:
            self._waiting[self._n_waiting : self._n_waiting + values.size] = values
            self._n_waiting += values.size

    def _count(self, values: np.ndarray) -> None:
        carried = self._carried, self._carried_keys, self._n_carried
        count_into(values.view(np.uint32), self._words, *carried, *self._scratch)

    def rows(self, magnitudes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int]:
        """(keys uint32 (n,), ascending; moments int64 (n, 3): count, sum r, sum r^2; number of exact zeros).

        magnitudes: patterns of the least and the largest magnitude that is not zero: rows outside are not looked at.
        """
        self._count(self._waiting[: self._n_waiting])
        self._n_waiting = 0
        carried_keys = np.sort(self._carried_keys[: self._n_carried[0]])
        keys = np.concatenate([self._filled(carried_keys, *part) for part in _key_ranges(*magnitudes)])
        words = self._words[keys]
        moments = np.empty((keys.size, 3), np.int64)
        moments[:, 0] = words & np.uint64((1 << COUNT_BITS) - 1)
        moments[:, 1] = (words >> np.uint64(COUNT_BITS)) & np.uint64((1 << SUM_BITS) - 1)
        moments[:, 2] = words >> np.uint64(COUNT_BITS + SUM_BITS)
        # only rows that were carried: to look at the others would take pages for them
        moments[np.searchsorted(keys, carried_keys)] += self._carried[carried_keys]
        n_rows = int(np.searchsorted(keys, N_KEYS))
        return keys[:n_rows].astype(np.uint32), moments[:n_rows], int(moments[n_rows:, 0].sum())

    def _filled(self, carried_keys: np.ndarray, first: int, stop: int) -> np.ndarray:
        """Keys from `first` to `stop` that hold something, ascending."""
        filled = self._words[first:stop] != 0
        here = slice(*np.searchsorted(carried_keys, [first, stop]))
        filled[carried_keys[here] - first] = True
        return first + np.flatnonzero(filled)


def _key_ranges(least: int, largest: int) -> list[tuple[int, int]]:
    """(first, stop) of the keys of positive and of negative values of these magnitudes, and of exact zeros."""
    half = N_KEYS // 2
    first, stop = least >> LOW_BITS, half if largest >= INFINITE else (largest >> LOW_BITS) + 1
    signed = [(first, stop), (half + first, half + stop)] if first < stop else []
    return [*signed, (N_KEYS, N_KEYS + N_SPARE)]


def on_demand(dtype: type, *shape: int) -> np.ndarray:
    """Zeros whose pages take no memory until they are written.

    Not numpy's: from 4 MB on it asks the system for large pages, and 2 MB are then taken and cleared for every row.
    """
    n = int(np.prod(shape))
    return np.frombuffer(mmap.mmap(-1, n * np.dtype(dtype).itemsize), dtype, n).reshape(shape)
