"""TensorFlow's eight-bit scheme with float minimum and maximum: MIN_FIRST, its two readings, and shrinking a range."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.arithmetic.integers import integer_range, to_codes
from workbench.numerics.arithmetic.shifts import int32

TYPES = {
    "quint8": integer_range(8, signed=False),
    "qint8": integer_range(8),
    "quint16": integer_range(16, signed=False),
    "qint16": integer_range(16),
}


def _type_range(dtype: str) -> tuple[int, int]:
    if dtype not in TYPES:
        raise WorkbenchError(f"unknown type {dtype!r}; expected one of {', '.join(TYPES)}")
    return TYPES[dtype]


def range_scale(low: float, high: float, dtype: str = "quint8") -> float:
    """Codes per unit: steps / ((high - low) * steps / (steps - 1)), steps being the number of codes.

    Raises WorkbenchError for a range that is empty, crossed or not finite, and for an unknown type.
    Source: TensorFlow kernels/quantization_utils.h, FloatToQuantizedStruct.
    """
    qmin, qmax = _type_range(dtype)
    if not 0 < high - low < np.inf:
        raise WorkbenchError(f"range [{low}, {high}] has no codes; expected two finite numbers, low < high")
    steps = qmax - qmin + 1
    return steps / ((high - low) * steps / (steps - 1))


def step(low: float, high: float, dtype: str = "quint8") -> float:
    """Real distance of neighbouring codes, (high - low) / (steps - 1)."""
    qmin, qmax = _type_range(dtype)
    return (high - low) / (qmax - qmin)


def min_first(values: Any, low: float, high: float, dtype: str = "quint8") -> np.ndarray:
    """int64 codes, same shape: round(x * range_scale) - round(low * range_scale) + lowest code, clamped.

    values: float64. Halves go away from zero. Value and minimum are rounded each for itself, so that real numbers keep
    the grid of whole steps around 0 and errors do not drift one way; compare `min_first_drifting`.
    Source: TensorFlow tf.quantization.quantize, mode MIN_FIRST; kernels/quantization_utils.h, FloatToQuantized.
    """
    qmin, qmax = _type_range(dtype)
    scale = range_scale(low, high, dtype)
    whole = to_codes(np.asarray(values, np.float64) * scale, -(2**53), 2**53)
    return np.clip(whole - to_codes(low * scale, -(2**53), 2**53) + qmin, qmin, qmax)


def min_first_unrounded(values: Any, low: float, high: float, dtype: str = "quint8") -> np.ndarray:
    """float64, same shape: x * range_scale - low * range_scale + lowest code; neither rounded nor clamped."""
    scale = range_scale(low, high, dtype)
    return np.asarray(values, np.float64) * scale - low * scale + _type_range(dtype)[0]


def min_first_drifting(values: Any, low: float, high: float, dtype: str = "quint8") -> np.ndarray:
    """int64 codes, same shape: subtract first, then round once; the rule that MIN_FIRST replaced.

    Read back with the minimum rounded to a whole step, all values are off by the same fraction of a step.
    Source: TensorFlow guide "How to Quantize Neural Networks with TensorFlow" on why the minimum is rounded apart.
    """
    return to_codes(min_first_unrounded(values, low, high, dtype), *_type_range(dtype))


def dequantize(codes: Any, low: float, high: float, dtype: str = "quint8") -> np.ndarray:
    """float64, same shape: low + (q - lowest code) * step; the ends are exact, real 0 is in general no code."""
    return low + (np.asarray(codes, np.int64) - _type_range(dtype)[0]) * step(low, high, dtype)


def dequantize_min_rounded(codes: Any, low: float, high: float, dtype: str = "quint8") -> np.ndarray:
    """float64, same shape: as `dequantize`, but with the minimum rounded to a whole step, so that real 0 is a code.

    The minimum is rounded in float32, as the kernel does, which leaves real 0 within float32 noise of 0.
    Source: TensorFlow kernels/quantization_utils.h, QuantizedToFloatStruct.
    """
    width = step(low, high, dtype)
    in_steps = to_codes(np.float32(low) / np.float32(width), -(2**53), 2**53)
    rounded_low = float(in_steps) * float(np.float32(width))
    return rounded_low + (np.asarray(codes, np.int64) - _type_range(dtype)[0]) * width


def int32_to_real(codes: Any, low: float, high: float) -> np.ndarray:
    """float64, same shape: what int32 codes stand for whose whole range, -2^31 to 2^31 - 1, covers [low, high]."""
    return low + (int32(codes) + 2**31) * (high - low) / (2**32 - 1)


@dataclass(frozen=True, eq=False)
class ShrunkRange:
    """real: float64, the values of the int32 codes. low, high: the range found. codes: int64, in that range."""

    real: np.ndarray
    low: float
    high: float
    codes: np.ndarray


def quantize_down_and_shrink(codes: Any, low: float, high: float, dtype: str = "quint8") -> ShrunkRange:
    """int32 sums brought to 8 bits by the range that they really use, instead of the widest possible one.

    codes: int32, at least one. low, high: what the ends of int32 stand for. The new range is min(0, smallest) to the
    largest value; where that is empty (all zero) every code is the lowest.
    Raises WorkbenchError where there are no codes.
    Source: TensorFlow kernels/quantize_down_and_shrink_range.cc.
    """
    real = int32_to_real(codes, low, high)
    if not real.size:
        raise WorkbenchError("there are no values whose range could be shrunk; expected at least one int32 code")
    new_low, new_high = min(0.0, float(real.min())), float(real.max())
    if new_high <= new_low:
        return ShrunkRange(real, new_low, new_high, np.full(real.shape, _type_range(dtype)[0], np.int64))
    return ShrunkRange(real, new_low, new_high, min_first(real, new_low, new_high, dtype))
