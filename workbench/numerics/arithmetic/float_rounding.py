"""Rounding to a float format exactly, in float64: any mantissa, any rounding mode, any overflow policy."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.formats.rounding import Overflow, Rounding, round_to_integer


def round_to_float(
    values: Any, mantissa_bits: int, min_exponent: int, rounding: Rounding = "nearest_even"
) -> np.ndarray:
    """float64, same shape: each value at the nearest number of mantissa_bits stored bits, rounded once.

    values: float64. min_exponent: of the smallest normal number (-14 for fp16); below it numbers keep the same step
    (gradual underflow). There is no upper limit: see `overflowed`. NaN, infinities and the sign of zero stay.
    Raises WorkbenchError for stochastic rounding and for formats that float64 does not hold.
    Source: IEEE 754-2019, sections 4.3 and 7.5.
    """
    if rounding == "stochastic":
        raise WorkbenchError("stochastic rounding has no single result; expected a deterministic mode")
    if not (0 <= mantissa_bits <= 52 and mantissa_bits - 1074 <= min_exponent <= mantissa_bits):
        raise WorkbenchError(
            f"{mantissa_bits} mantissa bits from exponent {min_exponent} on do not fit float64; "
            "expected 0 to 52 bits and steps of at most 1 at the smallest normal number"
        )
    x = np.asarray(values, np.float64)
    last_place = np.maximum(np.frexp(x)[1] - 1, min_exponent) - mantissa_bits
    with np.errstate(over="ignore", invalid="ignore"):  # signalling NaN
        return np.ldexp(round_to_integer(np.ldexp(x, -last_place), rounding), last_place)


def overflowed(values: Any, largest: float, overflow: Overflow, rounding: Rounding = "nearest_even") -> np.ndarray:
    """float64, same shape: rounded values with those beyond the largest finite number replaced.

    values: float64 from `round_to_float`. overflow: infinity; saturate (infinite input too); or ieee, which is
    infinity except that modes that round back to the finite range stop at the largest number, where the input was
    finite. Source: IEEE 754-2019, section 7.4.
    """
    x = np.asarray(values, np.float64)
    beyond = np.abs(x) > largest
    limit = np.where(beyond, np.copysign(largest, x), x)
    if overflow == "saturate":
        return limit
    infinite = np.where(beyond, np.copysign(np.inf, x), x)
    if overflow == "infinity" or rounding in ("nearest_even", "nearest_away"):
        return infinite
    upward, downward = rounding == "up", rounding == "down"
    leaves = np.isinf(x) | (upward & (x > 0)) | (downward & (x < 0))
    return np.where(leaves, infinite, limit)


def bit_patterns(values: Any, exponent_bits: int, mantissa_bits: int) -> np.ndarray:
    """int64, same shape: sign, exponent and mantissa fields of numbers that an IEEE-like format holds exactly.

    values: float64; NaN gives the positive quiet pattern. The format has at most 62 bits and the top exponent for
    infinities and NaN. Raises WorkbenchError for a value that the format does not hold.
    Source: IEEE 754-2019, section 3.4.
    """
    x = np.asarray(values, np.float64)
    bias = 2 ** (exponent_bits - 1) - 1
    finite = np.where(np.isfinite(x), np.abs(x), 0.0)
    exponent = np.maximum(np.frexp(finite)[1] - 1, 1 - bias)
    significand = np.ldexp(finite, mantissa_bits - exponent)
    if (significand != np.rint(significand)).any() or (exponent > bias).any():
        raise WorkbenchError(f"a value is no number of {exponent_bits} exponent and {mantissa_bits} mantissa bits")
    subnormal = significand < 2**mantissa_bits
    fields = significand.astype(np.int64) + np.where(subnormal, 0, (exponent + bias - 1) << mantissa_bits)
    top = (2**exponent_bits - 1) << mantissa_bits
    fields = np.where(np.isinf(x), top, fields) | (np.signbit(x).astype(np.int64) << exponent_bits + mantissa_bits)
    return np.where(np.isnan(x), top | 1 << max(mantissa_bits - 1, 0), fields)


def upper_half(patterns: Any) -> np.ndarray:
    """uint16, same shape: float32 patterns without their low 16 bits, the cheapest way to bfloat16.

    patterns: uint32. Rounds toward zero. A NaN whose payload is all in the low half becomes infinite.
    Source: TensorFlow, bfloat16 as truncated float32.
    """
    return (np.asarray(patterns, np.uint32) >> np.uint32(16)).astype(np.uint16)


def upper_half_keeping_nan(patterns: Any) -> np.ndarray:
    """uint16, same shape: as `upper_half`, but NaN stays NaN: its quiet bit is set."""
    whole = np.asarray(patterns, np.uint32)
    is_nan = (whole & np.uint32(0x7FFFFFFF)) > 0x7F800000
    return upper_half(whole) | np.where(is_nan, np.uint16(0x40), np.uint16(0))
