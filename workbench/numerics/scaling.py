"""From a clip range to scale and zero point, and from unit boundaries to the boundaries at a scale."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.compiled import compiled
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat

TINY = float(np.finfo(np.float32).tiny)
LARGEST = float(np.finfo(np.float32).max)


def _checked_range(low: float | np.ndarray, high: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds as float64 arrays of one shape; WorkbenchError where they are no range."""
    lows, highs = np.broadcast_arrays(np.asarray(low, np.float64), np.asarray(high, np.float64))
    if not ((np.abs(lows) <= LARGEST) & (np.abs(highs) <= LARGEST)).all():
        raise WorkbenchError(f"clip range [{low}, {high}] is not finite in float32; expected two finite numbers")
    if (lows > highs).any():
        raise WorkbenchError(f"clip range [{low}, {high}] is crossed; expected low <= high")
    return lows, highs


def scale_and_zero_point(
    format: Format, low: float | np.ndarray, high: float | np.ndarray, symmetric: bool | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scale float32 and zero point int64, both of the broadcast shape of low and high.

    Rules: see `Quantizer.covering`. Computed in float64, scale rounded once to float32 and kept a positive normal
    number at which every level is finite; an empty range (0, 0) gets scale 1.
    """
    if not format.has_scale:
        return np.asarray(np.float32(1)), np.asarray(0)
    lows, highs = _checked_range(low, high)
    magnitude = np.maximum(np.abs(lows), np.abs(highs))
    if not isinstance(format, IntegerFormat) or not format.affine:
        scale, zero_point = format.scale_covering(magnitude)
        ends = np.abs(format.unit_ends(zero_point.reshape(-1))).max(axis=1).reshape(zero_point.shape)
        return _limited(scale, ends, powers_of_two=format.step != "continuous"), zero_point
    if symmetric is None and format.signed:
        mirrored = lows == -highs
    else:
        mirrored = np.full(lows.shape, bool(symmetric))
    middle = 0 if format.signed else (format.qmax + 1) // 2
    one_sided = (not format.signed) & (lows >= 0)
    steps = np.where(one_sided, format.qmax, format.qmax - middle)
    widened_low, widened_high = np.minimum(lows, 0.0), np.maximum(highs, 0.0)
    affine_scale = (widened_high - widened_low) / (format.qmax - format.qmin)
    scale = np.where(mirrored, magnitude / steps, affine_scale)
    scale = np.where(scale == 0, 1.0, np.maximum(scale, TINY)).astype(np.float32)
    offset = np.clip(np.rint(format.qmin - widened_low / scale.astype(np.float64)), format.qmin, format.qmax)
    zero_point = np.where(mirrored, np.where(one_sided, 0, middle), offset).astype(np.int64)
    return _limited(scale, np.maximum(zero_point - format.qmin, format.qmax - zero_point)), zero_point


def _limited(scale: np.ndarray, largest_unit: np.ndarray | float, *, powers_of_two: bool = False) -> np.ndarray:
    """float32 scales at which a level of `largest_unit` is still finite; only ranges near 3e38 are cut."""
    limit = np.nextafter((LARGEST / np.asarray(largest_unit)).astype(np.float32), np.float32(0))
    if powers_of_two:
        limit = np.ldexp(np.float32(1), np.frexp(limit)[1] - 1)
    return np.minimum(scale, limit)


STEPS = 4  # of the last place, between a product and the boundary that the division gives, almost always


@compiled("float32[:,:] float32[:] float32[:,:]!")
def _walk(unit: Any, scale: Any, found: Any) -> None:
    """Fill `found` as `boundaries_at` says, all (groups, n) and scale (groups,); NaN where STEPS were not enough."""
    down = np.float32(-np.inf)
    up = np.float32(np.inf)
    for g in range(found.shape[0]):
        s = scale[g]
        for i in range(found.shape[1]):
            u = unit[g, i]
            x = np.float32(np.float64(u) * np.float64(s))
            for _ in range(STEPS):
                if not x / s > u:
                    break
                x = np.nextafter(x, down)
            after = np.nextafter(x, up)
            for _ in range(STEPS):
                if not after / s <= u:
                    break
                x = after
                after = np.nextafter(x, up)
            found[g, i] = np.float32(np.nan) if x / s > u or after / s <= u else x


def boundaries_at(unit_boundaries: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """float32 (n,): the largest x with float32(x / scale) <= unit_boundary, for each unit boundary.

    The kernel divides in float32, so the product alone is not enough: it is moved by single steps of the last place
    until the division agrees. Boundaries next to 0, where quotients are subnormal and many inputs share one, are found
    by halving. Works for groups too: unit (groups, n), scale (groups, 1) gives (groups, n).
    """
    unit = np.ascontiguousarray(unit_boundaries, np.float32)
    found = np.empty_like(unit)
    scales = np.ascontiguousarray(scale, np.float32).reshape(-1)
    _walk(np.atleast_2d(unit), scales, np.atleast_2d(found))
    wrong = np.isnan(found)
    if wrong.any():
        spread = np.broadcast_to(np.asarray(scale, np.float32), found.shape)
        with np.errstate(over="ignore"):
            found[wrong] = _largest_fitting(unit[wrong], spread[wrong])
    return found


def _largest_fitting(unit: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The same by halving the float32 numbers in their order, 32 steps; unit, scale: float32 (n,)."""
    fits = np.full(unit.shape, _order(np.array([-np.inf], np.float32))[0])
    beyond = np.full(unit.shape, _order(np.array([np.inf], np.float32))[0])
    while (beyond - fits > 1).any():
        middle = (fits + beyond) // 2
        good = _of_order(middle) / scale <= unit
        fits, beyond = np.where(good, middle, fits), np.where(good, beyond, middle)
    return _of_order(fits)


def _order(values: np.ndarray) -> np.ndarray:
    """int64 that ascend as float32 values do; -0 comes right before 0."""
    bits = values.view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)


def _of_order(order: np.ndarray) -> np.ndarray:
    """The inverse of `_order`."""
    return np.where(order < 0, (-order - 1) | 0x80000000, order).astype(np.uint32).view(np.float32)
