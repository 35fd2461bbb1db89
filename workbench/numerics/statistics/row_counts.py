"""`RowCounts`: the rows of a histogram while values stream in, and the kernels that fill and read them."""

from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.statistics.histogram_rows import KEY_BITS, LARGEST_R, LOW_BITS, N_KEYS
from workbench.numerics.statistics.on_demand import LARGE_PAGE, on_demand

WAITING = 1 << 17  # values, half a megabyte
CHUNK = 256  # values whose rows and increments are worked out before they are added: these loops become vector code
# One word a row: 10 bits of count, 22 of sum r, 32 of sum r (4095 - r) / 2. The 1024th value of a row carries out of
# the word, long before another field is full; half of r (4095 - r) is a whole number and takes 3 bits less than r^2.
SUM_BITS, PRODUCT_BITS = 22, 32
FULL = 1 << (64 - SUM_BITS - PRODUCT_BITS)
# Rows stand in blocks of one sign and power of two. Those of magnitudes from 2^-24 up to 2^8 come first: values of a
# network seldom touch others, and a megabyte holds them.
BLOCK_BITS = KEY_BITS - 9
BLOCK_ROWS = 1 << BLOCK_BITS
N_BLOCKS = N_KEYS // BLOCK_ROWS
LEAST_EXPONENT = 127 - 24
TOGETHER_BITS = BLOCK_BITS + 5
TOGETHER_BYTES = 8 * 2 << TOGETHER_BITS
INFINITE = 0x7F800000


@compiled("uint32[:] uint64[:]! int64[:,:]! int64[:]! int64[:]! uint32[:]! uint64[:]!")
def count_into(bits: Any, words: Any, carried: Any, carried_at: Any, state: Any, at: Any, increment: Any) -> None:
    """Add float32 patterns (uint32 (n,)) to the rows: count, sum r and sum r^2, r the low bits of the pattern.

    All values of a row share sign, exponent and leading mantissa bits: value = base + ulp * r, so that integers
    carry the moments exactly and in any order. words: uint64 (N_KEYS,), see `places_of`. carried: int64 (N_KEYS, 3),
    sums of words that were full, in blocks from the end backwards, which lie next to the words that way. carried_at:
    int64 (N_BLOCKS,), where those of each block of words begin, -1 without any. state: int64 (2,), number of exact
    zeros, of carried blocks. at uint32 (CHUNK,), increment uint64 (CHUNK,): scratch.
    """
    for start in range(0, bits.size, CHUNK):
        part = bits[start : start + CHUNK]
        n_zeros = np.uint32(0)
        for i in range(part.size):
            pattern = part[i]
            magnitude = pattern & np.uint32(0x7FFFFFFF)
            place = (magnitude >> np.uint32(LOW_BITS)) - np.uint32(LEAST_EXPONENT << BLOCK_BITS)
            place &= np.uint32(N_KEYS // 2 - 1)
            low, high = place & np.uint32((1 << TOGETHER_BITS) - 1), place >> np.uint32(TOGETHER_BITS)
            row = low | (pattern >> np.uint32(31) | high << np.uint32(1)) << np.uint32(TOGETHER_BITS)
            r = pattern & np.uint32(LARGEST_R)
            product = r * (np.uint32(LARGEST_R) - r) >> np.uint32(1)
            count_and_sum = np.uint64(r | np.uint32(1 << SUM_BITS))
            # zeros are many: nothing is added for them, to rows in turn, so that additions do not wait for one another
            is_zero = magnitude == np.uint32(0)
            n_zeros += np.uint32(is_zero)
            at[i] = np.uint32(i) if is_zero else row
            increment[i] = np.uint64(0) if is_zero else count_and_sum << np.uint64(PRODUCT_BITS) | np.uint64(product)
        state[0] += np.int64(n_zeros)
        for i in range(part.size):
            row, added = at[i], increment[i]
            word = words[row] + added
            words[row] = word
            if word < added:
                words[row] = 0
                block = row >> np.uint32(BLOCK_BITS)
                if carried_at[block] < 0:
                    state[1] += 1
                    carried_at[block] = N_KEYS - state[1] * BLOCK_ROWS
                here = carried_at[block] + np.int64(row & np.uint32(BLOCK_ROWS - 1))
                total = np.int64(word >> np.uint64(PRODUCT_BITS))
                carried[here, 0] += FULL
                carried[here, 1] += total
                carried[here, 2] += LARGEST_R * total - 2 * np.int64(word & np.uint64((1 << PRODUCT_BITS) - 1))


@compiled("uint64[:] int64[:,:] int64[:] int64[:] int64 int64 uint32[:]! int64[:,:]!")
def read_rows(
    words: Any, carried: Any, carried_at: Any, places: Any, first: Any, stop: Any, keys: Any, moments: Any
) -> int:
    """How many keys from `first` to `stop` hold something; where there is room for them, what they hold.

    The first four as in `count_into` and `places_of`. keys: uint32 (n,) or (0,); moments: int64 (n, 3): count, sum r,
    sum r^2.
    """
    n = 0
    for key in range(first, stop):
        block, place = places[key >> BLOCK_BITS], key & (BLOCK_ROWS - 1)
        word, here = words[block * BLOCK_ROWS + place], carried_at[block] + place
        has_carried = carried_at[block] >= 0 and carried[here, 0] > 0
        if word == 0 and not has_carried:
            continue
        if keys.size:
            total = np.int64(word >> np.uint64(PRODUCT_BITS)) & ((1 << SUM_BITS) - 1)
            keys[n] = key
            moments[n, 0] = np.int64(word >> np.uint64(PRODUCT_BITS + SUM_BITS))
            moments[n, 1] = total
            moments[n, 2] = LARGEST_R * total - 2 * np.int64(word & np.uint64((1 << PRODUCT_BITS) - 1))
            if has_carried:
                for k in range(3):
                    moments[n, k] += carried[here, k]
        n += 1
    return n


class RowCounts:
    """Counts and integer moments of values by rows.

    Takes 2 MB for the values of one tensor, however many they are, where the system has large pages: rows of usual
    magnitudes, the values that wait, and of 10 to 20 blocks what was carried. Beyond, and without large pages, memory
    is taken as values need it, at most 32 MB for values that spread over all of float32. waiting: values that are
    gathered before they are counted: where many tensors take turns, the rows of each have left the caches by its next
    turn, and few values at a time would wait for memory more than they are counted.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        waiting += waiting % 2 + 2
        ends = np.cumsum([24 * N_KEYS, 4 * waiting, 8 * N_KEYS])
        memory = on_demand(int(ends[2]), int(ends[1]) + TOGETHER_BYTES - LARGE_PAGE)
        self._carried = memory[: ends[0]].view(np.int64).reshape(N_KEYS, 3)
        self._waiting = memory[ends[0] : ends[1]].view(np.float32)
        self._words = memory[ends[1] :].view(np.uint64)
        self._carried_at, self._state = np.full(N_BLOCKS, -1, np.int64), np.zeros(2, np.int64)
        self._scratch = np.zeros(CHUNK, np.uint32), np.zeros(CHUNK, np.uint64)
        self._n_waiting = 0

    def add(self, values: np.ndarray) -> None:
        """Count float32 (n,), contiguous; NaN must have one pattern that is not in the row of the infinities."""
        if self._n_waiting + values.size > self._waiting.size:
            self._count_waiting()
        if values.size > self._waiting.size // 2:
            self._count(values)
        else:
            self._waiting[self._n_waiting : self._n_waiting + values.size] = values
            self._n_waiting += values.size

    def _count_waiting(self) -> None:
        self._count(self._waiting[: self._n_waiting])
        self._n_waiting = 0

    def _count(self, values: np.ndarray) -> None:
        table = self._words, self._carried, self._carried_at, self._state
        count_into(values.view(np.uint32), *table, *self._scratch)

    def rows(self, magnitudes: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, int]:
        """(keys uint32 (n,), ascending; moments int64 (n, 3): count, sum r, sum r^2; number of exact zeros).

        magnitudes: patterns of the least and the largest magnitude that is not zero: rows outside are not looked at.
        """
        self._count_waiting()
        table = self._words, self._carried, self._carried_at, places_of(np.arange(N_BLOCKS))
        ranges = _key_ranges(*magnitudes)
        nothing = np.zeros(0, np.uint32), np.zeros((0, 3), np.int64)
        ends = np.cumsum([0, *(read_rows(*table, *part, *nothing) for part in ranges)])
        keys, moments = np.empty(ends[-1], np.uint32), np.empty((ends[-1], 3), np.int64)
        for part, start, end in zip(ranges, ends, ends[1:], strict=False):
            read_rows(*table, *part, keys[start:end], moments[start:end])
        return keys, moments, int(self._state[0])


def places_of(blocks: np.ndarray) -> np.ndarray:
    """Where blocks of keys (int64 (n,), sign and exponent) stand among the words, counted in blocks too.

    The 32 exponents from LEAST_EXPONENT on, of both signs, come first; then the next 32, and so on around.
    """
    sign, place = blocks >> 8, (blocks - LEAST_EXPONENT) & 0xFF
    return (place & 31) | (sign | place >> 5 << 1) << 5


def _key_ranges(least: int, largest: int) -> list[tuple[int, int]]:
    """(first, stop) of the keys of positive and of negative values of these magnitudes."""
    half = N_KEYS // 2
    first, stop = least >> LOW_BITS, half if largest >= INFINITE else (largest >> LOW_BITS) + 1
    return [(first, stop), (half + first, half + stop)] if first < stop else []
