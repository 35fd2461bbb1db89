"""Integer rounding: right shifts in four manners, and the two building blocks of requantization."""

from typing import Any, Literal

import numpy as np

from workbench.messages import WorkbenchError

ShiftRounding = Literal["floor", "half_up", "half_away", "half_even"]
LONGEST = 62  # bits that an int64 can be shifted by while a half still has a bit of its own


def shift_right(values: Any, shift: int, rounding: ShiftRounding = "half_away") -> np.ndarray:
    """int64, same shape: values / 2^shift, rounded to a whole number; nothing can overflow.

    values: int64. shift: 0 to 62 bits.
    rounding: floor (the plain arithmetic shift), or to the nearest with halves up, away from zero or to the even one.
    Raises WorkbenchError for another shift or rounding.
    Source of half_away: gemmlowp fixedpoint/fixedpoint.h, RoundingDivideByPOT.
    """
    if not 0 <= shift <= LONGEST:
        raise WorkbenchError(f"a right shift by {shift} bits is not possible; expected 0 to {LONGEST}")
    integers = np.asarray(values, np.int64)
    floor = integers >> shift
    if rounding == "floor" or shift == 0:
        return np.asarray(floor)
    remainder, half = integers - (floor << shift), 1 << shift - 1
    if rounding == "half_up":
        on_tie = np.ones(integers.shape, bool)
    elif rounding == "half_away":
        on_tie = integers >= 0
    elif rounding == "half_even":
        on_tie = (floor & 1) == 1
    else:
        raise WorkbenchError(f"unknown rounding {rounding!r}; expected floor, half_up, half_away or half_even")
    return np.asarray(floor + ((remainder > half) | ((remainder == half) & on_tie)))


def shift(values: Any, right: int, rounding: ShiftRounding = "half_away") -> np.ndarray:
    """int64, same shape: a right shift where `right` is positive, an exact left shift where it is negative.

    Raises WorkbenchError where a left shift leaves int64.
    """
    if right >= 0:
        return shift_right(values, right, rounding)
    integers = np.asarray(values, np.int64)
    if integers.size and int(np.abs(integers).max()).bit_length() - right > 63:
        raise WorkbenchError(f"a left shift by {-right} bits leaves 64 bits; expected smaller values or shifts")
    return np.asarray(integers << -right)


def rounding_doubling_high_mul(a: Any, b: Any) -> np.ndarray:
    """int64, broadcast shape: the upper half of 2ab, that is a * b / 2^31 to the nearest, a half upwards.

    a, b: int32 values (in any integer dtype); b is usually a fraction in Q0.31. The one product that does not fit,
    (-2^31)^2, saturates at 2^31 - 1.
    Raises WorkbenchError for values outside of int32.
    Source: gemmlowp fixedpoint/fixedpoint.h, SaturatingRoundingDoublingHighMul (ARM's SQRDMULH).
    """
    products = int32(a) * int32(b)
    return np.minimum(shift_right(products, 31, "half_up"), 2**31 - 1)


def rounding_right_shift(values: Any, exponent: int) -> np.ndarray:
    """int64, same shape: values / 2^exponent to the nearest, halves away from zero.

    Source: gemmlowp fixedpoint/fixedpoint.h, RoundingDivideByPOT.
    """
    return shift_right(values, exponent, "half_away")


def int32(values: Any) -> np.ndarray:
    """int64 that holds the values; WorkbenchError where one of them does not fit 32 bits."""
    integers = np.asarray(values, np.int64)
    beyond = (integers < -(2**31)) | (integers > 2**31 - 1)
    if beyond.any():
        raise WorkbenchError(f"{integers[beyond].reshape(-1)[0]} does not fit 32 bits; expected int32 accumulators")
    return integers
