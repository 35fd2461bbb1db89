"""Rounding and overflow as choices: what each mode means, and the boundaries between levels that follow from it."""

from typing import Literal

import numpy as np

Rounding = Literal["nearest_even", "nearest_away", "toward_zero", "up", "down", "stochastic"]
Overflow = Literal["saturate", "infinity", "ieee"]

ROUNDINGS: dict[str, str] = {
    "nearest_even": "to the nearest level, ties to the even code (IEEE 754, ONNX)",
    "nearest_away": "to the nearest level, ties away from zero (C round, ncnn, TensorFlow)",
    "toward_zero": "truncate: the next level toward zero (old half libraries, bfloat16 truncation)",
    "up": "to the next level above (ceiling)",
    "down": "to the next level below (floor)",
    "stochastic": "up or down by chance, in proportion to the distances, so that the mean is kept",
}
OVERFLOWS: dict[str, str] = {
    "saturate": "values beyond the end levels, infinities too, go to the end level",
    "infinity": "values that round beyond the largest finite level become infinite (NaN where there is no infinity)",
    "ieee": "as infinity, but modes that round back to the finite range stop at the largest level (IEEE 754)",
}
_DOWN = np.float32(-np.inf)


def boundaries_between(levels: np.ndarray, rounding: Rounding, lower_is_even: np.ndarray) -> np.ndarray:
    """float32 (..., n - 1): the largest float32 that goes to the lower of two neighbouring levels.

    levels: float32 (..., n) ascending. lower_is_even: bool (n - 1,), whether a tie to even goes to the lower one.
    stochastic has the boundaries of nearest_even: the side that is more likely. Where a negative level has a positive
    neighbour (there is no zero), every mode but up and down goes to the nearest, and a tie is positive.
    """
    lower, upper = levels[..., :-1], levels[..., 1:]
    if rounding == "up":
        return lower.copy()
    below_upper = np.nextafter(upper, _DOWN)
    if rounding == "down":
        return below_upper
    middle = (lower.astype(np.float64) + upper.astype(np.float64)) / 2
    rounded = middle.astype(np.float32)
    before = np.nextafter(rounded, _DOWN)
    around_zero = (lower < 0) & (upper > 0)
    down_on_tie = upper <= 0 if rounding in ("nearest_away", "toward_zero") else lower_is_even & ~around_zero
    nearest = np.where((rounded < middle) | ((rounded == middle) & down_on_tie), rounded, before)
    if rounding != "toward_zero":
        return nearest
    return np.where(around_zero, nearest, np.where(lower >= 0, below_upper, lower))


def round_to_integer(values: np.ndarray, rounding: Rounding) -> np.ndarray:
    """float32 in, whole numbers as float32 out, by a mode that is not stochastic; NaN and infinities stay."""
    if rounding == "nearest_even":
        return np.rint(values)
    if rounding == "up":
        return np.ceil(values)
    if rounding == "down":
        return np.floor(values)
    whole = np.trunc(values)
    if rounding == "toward_zero":
        return whole
    with np.errstate(invalid="ignore"):
        away = np.abs(values - whole) >= np.float32(0.5)  # exact: both are within one of each other
    return whole + np.copysign(away.astype(np.float32), values)


def chosen_by_chance(values: np.ndarray, lower: np.ndarray, upper: np.ndarray, seed: int) -> np.ndarray:
    """float32: `upper` with probability (x - lower) / (upper - lower), else `lower`; the same draw for the same seed.

    Where one neighbour is infinite (or NaN, in formats without infinity) the other is taken.
    Source: Gupta et al. 2015, Deep Learning with Limited Numerical Precision (arXiv:1502.02551).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        width = upper.astype(np.float64) - lower
        share = np.where((width > 0) & np.isfinite(width), (values - lower.astype(np.float64)) / width, 0.0)
    share = np.where(~np.isfinite(lower) & np.isfinite(upper), 1.0, share)
    draws = np.random.default_rng(seed).random(np.shape(values))
    return np.where(draws < share, upper, lower).astype(np.float32)
