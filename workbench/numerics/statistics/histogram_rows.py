"""The table behind `Histogram`: rows keyed by the leading bits of the float32 pattern, moments as integers."""

import numpy as np

KEY_BITS = 20  # sign, 8 exponent bits, 11 mantissa bits
LOW_BITS = 32 - KEY_BITS
LARGEST_R = (1 << LOW_BITS) - 1
N_KEYS = 1 << KEY_BITS
_SIGN = 1 << (KEY_BITS - 1)
_INFINITE = 0x7F800000 >> LOW_BITS


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
