"""`RowEnds`: lowest and highest values of rows, and where the most extreme ones stood."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.statistics.placed import MOST, Placed, ordered

CHUNK = 1024
BLOCK = 1 << 19  # values, 2 MB
INFINITE = 0x7F800000


@compiled("uint32[:,:] uint32[:,:]! uint32[:,:]! uint32[:]!")
def chunk_ends(bits: Any, low: Any, high: Any, span: Any) -> None:
    """Fill low, high (n, chunks) with the ends of each chunk of `bits` (n, m); all uint32 patterns of float32.

    As signed integers patterns of positive values ascend and lie above those of negative ones; as unsigned ones those
    of negative values lie above and ascend with the magnitude: three extremes of integers tell both ends. Where a chunk
    holds NaN or infinities its ends may be those.
    span: uint32 (2,), patterns of the least magnitude so far that is not zero, minus 1, and of the largest.
    """
    for row in range(bits.shape[0]):
        for chunk in range(low.shape[1]):
            largest, most = np.int32(-0x80000000), np.uint32(0)
            least = closest = np.uint32(0xFFFFFFFF)
            part = bits[row, chunk * CHUNK : (chunk + 1) * CHUNK]
            for i in range(part.size):  # extremes of scalars: this becomes vector code
                pattern = part[i]
                largest = max(largest, np.int32(pattern))
                most = max(most, pattern)
                least = min(least, pattern)
                # zero becomes the largest of all
                closest = min(closest, np.uint32((pattern & np.uint32(0x7FFFFFFF)) - np.uint32(1)))
            low[row, chunk] = most if most >= np.uint32(0x80000000) else least
            high[row, chunk] = np.uint32(largest) if largest >= 0 else least
            magnitude = max(np.uint32(largest if largest > 0 else 0), np.uint32(most & np.uint32(0x7FFFFFFF)))
            span[0], span[1] = min(span[0], closest), max(span[1], magnitude)


@compiled("float32[:,:] float32[:,:] float32 int64 int64[:] float32[:]! int64[:]! int64[:]! int64[:]!")
def keep_extremes(
    rows: Any, ends: Any, sign: Any, first_place: Any, samples: Any, values: Any, numbers: Any, places: Any, worst: Any
) -> None:
    """Put the largest of rows float32 (n, m) in the place of smaller ones in `values` (16,).

    sign: 1, or -1 for the smallest. ends: float32 (n, chunks), of each chunk: those that hold nothing larger are passed
    over. first_place: where the rows begin in their samples, samples: int64 (n,), which those are. values float32,
    numbers and places int64 (16,), in no order, worst int64 (1,): the slot that is given up next; of equal values the
    one that came last.
    """
    for row in range(rows.shape[0]):
        for chunk in range(ends.shape[1]):
            if not sign * ends[row, chunk] > sign * values[worst[0]]:
                continue
            for place in range(chunk * CHUNK, min((chunk + 1) * CHUNK, rows.shape[1])):
                x = rows[row, place]
                slot = worst[0]
                if np.isfinite(x) and sign * x > sign * values[slot]:
                    values[slot], numbers[slot], places[slot] = x, samples[row], first_place + place
                    for other in range(values.size):
                        lead = sign * values[slot] - sign * values[other]
                        later = numbers[other] > numbers[slot]
                        if numbers[other] == numbers[slot]:
                            later = places[other] > places[slot]
                        if lead > 0 or (lead == 0 and later):
                            slot = other
                    worst[0] = slot


class RowEnds:
    """Ends of rows that stream by; keeps the 16 largest and the 16 smallest values of all with their places."""

    def __init__(self) -> None:
        self._kept = {1: _slots(-np.inf), -1: _slots(np.inf)}  # by sign: largest, smallest
        self._span = np.array([0xFFFFFFFF, 0], np.uint32)

    def of(
        self, rows: np.ndarray, samples: np.ndarray | None, first_place: int = 0
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """(low, high, whether all are finite) of rows float32 (n, m), contiguous: ends of the finite values of each.

        inf and -inf where a row has none. samples: int64 (n,), number of the sample of each row; None where places are
        not kept. first_place: where the rows begin inside their samples.
        """
        low, high = np.empty((2, rows.shape[0], -(-rows.shape[1] // CHUNK)), np.float32)
        span = np.array([0xFFFFFFFF, 0], np.uint32)
        _ends(rows, low, high, span)
        self._span[0], self._span[1] = min(self._span[0], span[0]), max(self._span[1], span[1])
        all_finite = bool(span[1] < INFINITE)
        if not all_finite:
            finite = np.isfinite(rows)
            _ends(np.where(finite, rows, np.float32(np.inf)), low, high.copy(), span)
            _ends(np.where(finite, rows, np.float32(-np.inf)), low.copy(), high, span)
        if samples is not None:
            for sign, ends in ((1, high), (-1, low)):
                keep_extremes(rows, ends, sign, first_place, samples, *self._kept[sign])
        return low.min(axis=1), high.max(axis=1), all_finite

    @property
    def magnitudes(self) -> tuple[int, int]:
        """Patterns of the least magnitude so far that is not zero, and of the largest; NaN is larger than infinity."""
        least, largest = (int(v) for v in self._span)
        return least + 1, largest

    def placed(self, shape: tuple[int, ...], *, largest: bool) -> Placed:
        """The extreme values so far. shape: of one sample."""
        kept = self._kept[1 if largest else -1][:3]
        values, samples, places = (array[np.isfinite(kept[0])] for array in kept)
        return ordered(values + np.float32(0), samples, places, shape, largest=largest)  # -0.0 and 0.0 are one


def _slots(nothing: float) -> tuple[np.ndarray, ...]:
    """values, numbers, places and worst, as `keep_extremes` takes them."""
    return np.full(MOST, nothing, np.float32), np.zeros(MOST, np.int64), np.zeros(MOST, np.int64), np.zeros(1, np.int64)


def _ends(rows: np.ndarray, low: np.ndarray, high: np.ndarray, span: np.ndarray) -> None:
    chunk_ends(*(array.view(np.uint32) for array in (rows, low, high)), span)


def blocks_of(rows: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """(first row, first column, contiguous block) of rows (n, m): parts that stay in a cache between two kernels."""
    n, m = rows.shape
    if m > BLOCK:
        for row in range(n):
            for column in range(0, m, BLOCK):
                yield row, column, rows[row : row + 1, column : column + BLOCK]
    elif m:
        together = BLOCK // m
        for row in range(0, n, together):
            yield row, 0, rows[row : row + together]
