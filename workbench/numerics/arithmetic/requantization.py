"""From int32 accumulators back to 8 bits: one multiplier as an integer fraction and a shift, and the exact product."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.shifts import LONGEST, int32, rounding_doubling_high_mul, rounding_right_shift


@dataclass(frozen=True)
class FixedMultiplier:
    """A positive real factor as mantissa * 2^-31 * 2^-right_shift.

    mantissa: Q0.31 integer in [2^30, 2^31). right_shift: negative where the factor is 1 or more.
    """

    mantissa: int
    right_shift: int

    @property
    def value(self) -> float:
        """The factor that is really used; within 2^-31 of the wanted one, relatively."""
        return math.ldexp(self.mantissa, -31 - self.right_shift)


def requantization_scale(scale_x: float, scale_y: float, scale_z: float) -> float:
    """The one real factor M = scale_x * scale_y / scale_z between accumulator and result, known before any data.

    Source: Jacob et al. 2018 (arXiv:1712.05877), equation 5.
    """
    return scale_x * scale_y / scale_z


def fixed_multiplier(factor: float) -> FixedMultiplier:
    """The factor as M0 * 2^-shift with M0 in [0.5, 1), and M0 as round(M0 * 2^31), a half away from zero.

    Raises WorkbenchError for factors that are not positive and finite.
    Source: gemmlowp doc/quantization_example.cc, QuantizeMultiplierSmallerThanOne.
    """
    if not 0 < factor < math.inf:
        raise WorkbenchError(f"requantization multiplier {factor}: expected a positive finite number; check the scales")
    fraction, exponent = math.frexp(factor)
    mantissa = math.floor(fraction * 2**31 + 0.5)
    if mantissa == 2**31:  # rounded up to 1
        mantissa, exponent = 2**30, exponent + 1
    return FixedMultiplier(mantissa, -exponent)


def multiply(accumulators: Any, multiplier: FixedMultiplier) -> np.ndarray:
    """int64, same shape: accumulator * multiplier as integer kernels compute it, rounded twice.

    First a left shift where the factor is 1 or more (saturating at int32), then the rounding doubling high multiply,
    then the rounding right shift. Rounding twice can differ by one from rounding the exact product once.
    Raises WorkbenchError for accumulators outside of int32.
    Sources: gemmlowp doc/quantization_example.cc; TensorFlow Lite kernels/internal/common.h for factors above 1.
    """
    left, right = max(0, -multiplier.right_shift), min(max(0, multiplier.right_shift), LONGEST)
    shifted = np.clip(int32(accumulators) << min(left, 31), -(2**31), 2**31 - 1)
    return rounding_right_shift(rounding_doubling_high_mul(shifted, multiplier.mantissa), right)


def multiply_exactly(accumulators: Any, factor: float) -> np.ndarray:
    """int64, same shape: accumulator * factor in exact rational arithmetic, rounded once, halves away from zero.

    Saturates at int32, as `multiply` does. Raises WorkbenchError for accumulators outside of int32.
    """
    integers, (numerator, denominator) = int32(accumulators), float(factor).as_integer_ratio()
    products = [int(a) * numerator for a in integers.flat]
    rounded = [(2 * abs(p) + denominator) // (2 * denominator) * (1 if p >= 0 else -1) for p in products]
    return np.array([min(max(r, -(2**31)), 2**31 - 1) for r in rounded], np.int64).reshape(integers.shape)


def requantize(
    accumulators: Any, multiplier: FixedMultiplier, zero_point: int, low: int = 0, high: int = 255
) -> np.ndarray:
    """int64 codes, same shape: `multiply`, plus the zero point of the result, clamped to low..high.

    Source: gemmlowp doc/quantization.md, "Implementation of quantized matrix multiplication".
    """
    return np.clip(multiply(accumulators, multiplier) + zero_point, low, high)


def requantize_exactly(accumulators: Any, factor: float, zero_point: int, low: int = 0, high: int = 255) -> np.ndarray:
    """int64 codes, same shape: as `requantize`, from the exact product rounded once."""
    return np.clip(multiply_exactly(accumulators, factor) + zero_point, low, high)


def unrounded(accumulators: Any, factor: float, zero_point: int) -> np.ndarray:
    """float64, same shape: accumulator * factor + zero point before rounding and clamping."""
    return int32(accumulators) * factor + zero_point
