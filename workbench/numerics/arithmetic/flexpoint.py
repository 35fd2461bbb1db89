"""Flexpoint: 16-bit integer mantissas, and one exponent that a whole tensor shares."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.arithmetic.integers import to_codes
from workbench.numerics.arithmetic.powers_of_two import ceil_log2, largest_magnitude


@dataclass(frozen=True, eq=False)
class Flexpoint:
    """exponent: shared by all. mantissas: int64, the shape of the tensor; value = mantissa * 2^exponent."""

    exponent: int
    mantissas: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """float64, same shape."""
        return np.ldexp(self.mantissas.astype(np.float64), self.exponent)


def shared_exponent(values: Any, mantissa_bits: int = 16) -> int:
    """The smallest e with round(max|x| / 2^e) <= 2^(mantissa_bits - 1) - 1, halves to even.

    values: float64. Raises WorkbenchError for values that are all zero or not finite.
    Source: Koester et al. 2017, Flexpoint (arXiv:1711.02213); there the exponent is predicted during training.
    """
    largest, top = largest_magnitude(values), 2 ** (mantissa_bits - 1) - 1
    exponent = ceil_log2(largest) - mantissa_bits
    while np.rint(np.ldexp(largest, -exponent)) > top:
        exponent += 1
    return exponent


def flexpoint(values: Any, mantissa_bits: int = 16) -> Flexpoint:
    """A tensor in one shared exponent: what is small beside the largest value becomes zero.

    values: float64, not all zero. Mantissas are rounded with halves to even.
    Source: Koester et al. 2017, Flexpoint (arXiv:1711.02213).
    """
    top, exponent = 2 ** (mantissa_bits - 1) - 1, shared_exponent(values, mantissa_bits)
    scaled = np.ldexp(np.asarray(values, np.float64), -exponent)
    return Flexpoint(exponent, to_codes(scaled, -top, top, "nearest_even"))


def exponent_fits(exponents: Any, exponent_bits: int = 5) -> bool:
    """Whether the exponents of some tensors lie within one window of 2^exponent_bits values.

    exponents: integers. The papers fix the width of the field, not its offset, so that only the spread can be judged.
    """
    array = np.asarray(exponents, np.int64)
    return bool(array.size == 0 or np.ptp(array) < 2**exponent_bits)


def zeroed(values: Any, quantized: Any) -> int:
    """How many values that are not zero became zero."""
    return int(((np.asarray(values) != 0) & (np.asarray(quantized) == 0)).sum())
