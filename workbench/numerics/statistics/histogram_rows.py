"""The table behind `Histogram`: rows keyed by the leading bits of the float32 pattern, moments as integers."""

from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled

KEY_BITS = 20  # sign, 8 exponent bits, 11 mantissa bits
LOW_BITS = 32 - KEY_BITS
LARGEST_R = (1 << LOW_BITS) - 1
N_KEYS = 1 << KEY_BITS
N_SPARE = 16  # exact zeros take turns in these, so that neighbouring additions do not wait for one another
_SIGN = 1 << (KEY_BITS - 1)
_INFINITE = 0x7F800000 >> LOW_BITS


@compiled
def count_into(bits: Any, table: Any, n_keys: Any, low_bits: Any) -> None:
    """Add float32 patterns (uint32 (n,)) to `table` int64 (n_keys + 16, 3): count, sum r, sum r^2, r the low bits.

    All values of a row share sign, exponent and leading mantissa bits: value = base + ulp * r, so that integers
    carry the moments exactly and in any order.
    """
    mask = (1 << low_bits) - 1
    for i in range(bits.size):
        pattern = np.int64(bits[i])
        row = pattern >> low_bits
        if (pattern & 0x7FFFFFFF) == 0:
            row = n_keys + (i & 15)
        r = pattern & mask
        table[row, 0] += 1
        table[row, 1] += r
        table[row, 2] += r * r


def row_geometry(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Base (the value at r = 0) and signed size of one last place of finite rows; float64 (n,) each."""
    patterns = keys.astype(np.uint32) << np.uint32(LOW_BITS)
    base = patterns.view(np.float32).astype(np.float64)
    last = (patterns | np.uint32(LARGEST_R)).view(np.float32).astype(np.float64)
    return base, (last - base) / LARGEST_R


def ascending_order(keys: np.ndarray) -> np.ndarray:
    """Permutation that sorts keys by the value of their rows: negative rows downwards, then positive ones."""
    signed = keys.astype(np.int64)
    return np.argsort(np.where(signed & _SIGN, -(signed & (_SIGN - 1)) - 1, signed), kind="stable")


def kinds(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the rows that hold finite values, and of the two that hold infinities; the others hold NaN."""
    magnitude = keys.astype(np.int64) & (_SIGN - 1)
    return magnitude < _INFINITE, magnitude == _INFINITE
