"""Whole numbers of limited width: what fits, what saturates, what wraps around, and how widths grow."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.rounding import Rounding, round_to_integer


def integer_range(bits: int, *, signed: bool = True) -> tuple[int, int]:
    """Smallest and largest integer of a width: two's complement where signed."""
    if bits < 1:
        raise WorkbenchError(f"a width of {bits} bits holds nothing; expected at least 1")
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


def fits(values: Any, bits: int, *, signed: bool = True) -> bool:
    """Whether every integer lies in the range of the width: 20 - 50 = -30 does not fit 8 bits unsigned.

    values: integers of any shape. Source: Jacob et al. 2018 (arXiv:1712.05877), why products of differences need int32.
    """
    low, high = integer_range(bits, signed=signed)
    array = np.asarray(values)
    return bool(((array >= low) & (array <= high)).all())


def saturate(values: Any, bits: int, *, signed: bool = True) -> np.ndarray:
    """int64, same shape: integers beyond the range of the width at its nearer end (saturating hardware)."""
    return np.clip(np.asarray(values, np.int64), *integer_range(bits, signed=signed))


def wrap(values: Any, bits: int) -> np.ndarray:
    """int64, same shape: what a two's complement register of fewer than 64 bits keeps of larger integers."""
    low, high = integer_range(bits)
    return (np.asarray(values, np.int64) - low & (high - low)) + low


def sum_bits(a_bits: int, b_bits: int) -> int:
    """Width that always holds the sum of two integers of these widths."""
    return max(a_bits, b_bits) + 1


def product_bits(a_bits: int, b_bits: int) -> int:
    """Width that always holds the product of two integers of these widths."""
    return a_bits + b_bits


def accumulator_bits(a_bits: int, b_bits: int, terms: int) -> int:
    """Width that always holds a sum of `terms` products: product_bits + ceil(log2(terms)).

    Raises WorkbenchError where there are no terms. Source: any text on fixed-point filters; TensorFlow's guide on
    eight-bit quantization speaks of 20 to 25 bits in practice, hence int32.
    """
    if terms < 1:
        raise WorkbenchError(f"a sum of {terms} terms has no width; expected at least 1 term")
    return product_bits(a_bits, b_bits) + (terms - 1).bit_length()


def to_codes(values: Any, low: int, high: int, rounding: Rounding = "nearest_away") -> np.ndarray:
    """int64, same shape: real numbers rounded to whole ones, then clamped to low..high.

    values: float64 in units of one step; infinite ones saturate. rounding: any but stochastic.
    Raises WorkbenchError for NaN, which has no integer code.
    """
    array = np.asarray(values, np.float64)
    if np.isnan(array).any():
        raise WorkbenchError("NaN has no integer code; replace or remove NaN values first")
    return np.clip(round_to_integer(array, rounding), low, high).astype(np.int64)
