"""Scales and weights that are powers of two: a shift in place of a multiplication."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.integers import integer_range, to_codes
from workbench.numerics.formats.rounding import Rounding


def ceil_log2(value: float) -> int:
    """The smallest integer e with value <= 2^e, exactly; WorkbenchError for what is not positive and finite."""
    if not 0 < value < math.inf:
        raise WorkbenchError(f"log2 of {value} is no number; expected a positive finite magnitude")
    fraction, exponent = math.frexp(value)
    return exponent - 1 if fraction == 0.5 else exponent


def largest_magnitude(values: Any) -> float:
    """max|x|; WorkbenchError where there is nothing, or nothing but zeros, or anything that is not finite."""
    magnitudes = np.abs(np.asarray(values, np.float64))
    largest = float(magnitudes.max(initial=0.0))
    if not 0 < largest < math.inf:
        raise WorkbenchError(f"the largest magnitude is {largest}; expected finite values that are not all zero")
    return largest


@dataclass(frozen=True, eq=False)
class DynamicFixedPoint:
    """Codes of a tensor with its own place of the binary point: real = code * 2^-fraction_length."""

    bits: int
    integer_length: int
    codes: np.ndarray

    @property
    def fraction_length(self) -> int:
        return self.bits - self.integer_length

    @property
    def scale(self) -> float:
        return math.ldexp(1.0, -self.fraction_length)

    @property
    def values(self) -> np.ndarray:
        """float64, the shape of the codes."""
        return np.ldexp(self.codes.astype(np.float64), -self.fraction_length)


def dynamic_fixed_point(
    values: Any, bits: int = 8, *, room_for_sign: bool = True, rounding: Rounding = "nearest_away"
) -> DynamicFixedPoint:
    """A tensor in dynamic fixed point: integer length = ceil(log2 max|x|), one more where the sign gets its own bit.

    values: float64, not all zero. room_for_sign: True for parameters; layer inputs and outputs drop the bit, so that
    values above half of the range saturate.
    Raises WorkbenchError for values without a largest magnitude.
    Source: Gysel 2016, Ristretto (arXiv:1605.06402), and its quantization.cpp.
    """
    x = np.asarray(values, np.float64)
    integer_length = ceil_log2(largest_magnitude(x)) + room_for_sign
    return DynamicFixedPoint(
        bits, integer_length, to_codes(np.ldexp(x, bits - integer_length), *integer_range(bits), rounding)
    )


def power_of_two_exponents(weights: Any, lowest: int, highest: int) -> np.ndarray:
    """int64, same shape: round(log2|w|) clamped to lowest..highest; 0 has the lowest, there is no level at zero.

    weights: float64. Source: Gysel 2016, Ristretto (arXiv:1605.06402), integer power-of-two parameters.
    """
    with np.errstate(divide="ignore"):
        return to_codes(np.log2(np.abs(np.asarray(weights, np.float64))), lowest, highest)


def power_of_two_weights(weights: Any, lowest: int, highest: int) -> np.ndarray:
    """float64, same shape: each weight as its sign times a power of two; 0 counts as positive."""
    signs = np.where(np.asarray(weights, np.float64) < 0, -1.0, 1.0)
    return np.ldexp(signs, power_of_two_exponents(weights, lowest, highest))


def covering_exponent(values: Any, qmax: int) -> int:
    """The smallest e with max|x| / 2^e <= qmax: the finest power-of-two scale at which nothing saturates."""
    largest = largest_magnitude(values)
    exponent = ceil_log2(largest / qmax)
    return exponent + (largest > math.ldexp(qmax, exponent))  # where the division rounded down


def power_of_two_codes(values: Any, exponent: int, qmax: int, rounding: Rounding = "nearest_even") -> np.ndarray:
    """int64, same shape: codes -qmax..qmax at scale 2^exponent."""
    return to_codes(np.ldexp(np.asarray(values, np.float64), -exponent), -qmax, qmax, rounding)


def errors_by_exponent(
    values: Any, qmax: int, *, finer: int = 4, coarser: int = 1, rounding: Rounding = "nearest_even"
) -> dict[int, float]:
    """Mean squared error for each scale 2^e, from `finer` exponents below the covering one to `coarser` above.

    Finer scales clip, coarser ones round more: the smallest error need not be at the covering exponent.
    """
    x, e = np.asarray(values, np.float64), covering_exponent(values, qmax)
    reals = {i: np.ldexp(power_of_two_codes(x, i, qmax, rounding) * 1.0, i) for i in range(e - finer, e + coarser + 1)}
    return {exponent: float(np.mean((y - x) ** 2)) for exponent, y in reals.items()}
