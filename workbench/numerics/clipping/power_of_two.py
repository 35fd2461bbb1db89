"""Ranges whose scale is a power of two, so that a shift replaces the multiplication, for any format with a scale."""

import math

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty, must_mirror
from workbench.numerics.clipping.least_error import mean_squared_errors
from workbench.numerics.clipping.unit_threshold import unit_threshold
from workbench.numerics.errors.expected import mean_squared_error
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import LARGEST
from workbench.numerics.statistics.distribution import Distribution

LEAST = -126  # exponent of the smallest normal float32 number
BELOW, ABOVE = 4, 1  # how far around the exponent that holds everything the best one is looked for


def largest_exponent(reach: float) -> int:
    """The largest e at which reach * 2^e is a finite float32 number."""
    return math.frexp(LARGEST / reach)[1] - 1


def holding_exponent(magnitude: float, reach: float) -> int:
    """The smallest e with magnitude <= reach * 2^e. reach: the threshold at scale 1, for example 127.

    At least -126 and at most `largest_exponent`: scale and threshold are float32 numbers.
    """
    if magnitude <= 0:
        return LEAST
    most = largest_exponent(reach)
    exponent = math.frexp(magnitude / reach)[1]  # rounding of the quotient can hide the last place: look beside it
    while exponent > LEAST and magnitude <= math.ldexp(reach, exponent - 1):
        exponent -= 1
    while exponent < most and magnitude > math.ldexp(reach, exponent):
        exponent += 1
    return max(LEAST, min(exponent, most))


def _affine_range(format: IntegerFormat, zero_point: int, exponent: int) -> ClipRange:
    scale = math.ldexp(1.0, exponent)
    return ClipRange((format.qmin - zero_point) * scale, (format.qmax - zero_point) * scale)


def _zero_points(format: IntegerFormat, low: float, high: float, exponent: int) -> tuple[int, int]:
    """The smallest zero point that reaches down to low, and the largest that reaches up to high."""
    scale = math.ldexp(1.0, exponent)
    return math.ceil(format.qmin - low / scale), math.floor(format.qmax - high / scale)


def _holding(distribution: Distribution, format: Format, mirrored: bool) -> tuple[int, ClipRange]:
    """The exponent of the smallest power of two at which nothing saturates, and its range."""
    if mirrored or not isinstance(format, IntegerFormat):
        exponent = holding_exponent(distribution.absmax, unit_threshold(format))
        threshold = math.ldexp(unit_threshold(format), exponent)
        return exponent, ClipRange(-threshold, threshold)
    low, high = min(distribution.low, 0.0), max(distribution.high, 0.0)
    reach = format.qmax - format.qmin
    exponent = holding_exponent(high - low, reach)
    for_low, for_high = _zero_points(format, low, high, exponent)
    if for_low > for_high and exponent < largest_exponent(reach):  # long enough, but zero would not be a code
        exponent += 1
        for_low, for_high = _zero_points(format, low, high, exponent)
    zero_point = max(format.qmin, min(format.qmax, for_low))
    return exponent, _affine_range(format, zero_point, exponent)


def _undecided(distribution: Distribution, format: Format, mirrored: bool) -> ClipRange | None:
    """The range where there is nothing to choose: no scale, or zeros alone."""
    check_not_empty(distribution)
    whole = ClipRange(distribution.low, distribution.high)
    if not format.has_scale:
        return whole
    return (whole.mirrored() if mirrored else whole) if distribution.absmax == 0 else None


def power_of_two_max(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The smallest range with a power-of-two scale that holds every value.

    symmetric: True or None with a signed format gives a mirrored range; otherwise a zero point is found, and the scale
    is doubled where none reaches both ends.
    Source: Gysel et al. 2018, Ristretto (dynamic fixed point); ARM CMSIS-NN (Lai et al. 2018, arXiv:1801.06601).
    """
    format = as_format(format)
    mirrored = must_mirror(format, symmetric)
    return _undecided(distribution, format, mirrored) or _holding(distribution, format, mirrored)[1]


def errors_by_exponent(
    distribution: Distribution, format: Format | str, *, symmetric: bool | None = None
) -> list[tuple[int, ClipRange, float]]:
    """(exponent, range, mean squared error) from e - 4 to e + 1, e being the exponent that holds every value.

    Where a zero point can be chosen it is the best one for its exponent.
    Raises WorkbenchError for an empty distribution; empty where there is nothing to choose (zeros alone, no scale).
    """
    format = as_format(format)
    mirrored = must_mirror(format, symmetric)
    if _undecided(distribution, format, mirrored) is not None:
        return []
    holding, widest = _holding(distribution, format, mirrored)
    most = holding + largest_exponent(widest.threshold)
    found = []
    for exponent in range(max(LEAST, holding - BELOW), min(most, holding + ABOVE) + 1):
        if mirrored or not isinstance(format, IntegerFormat):
            factor = math.ldexp(1.0, exponent - holding)
            best = ClipRange(widest.low * factor, widest.high * factor)
        else:
            best = _affine_range(format, _best_zero_point(distribution, format, exponent), exponent)
        quantizer = Quantizer.covering(format, best.low, best.high, symmetric=mirrored)
        found.append((exponent, best, mean_squared_error(distribution, quantizer)))
    return found


def _best_zero_point(distribution: Distribution, format: IntegerFormat, exponent: int) -> int:
    """The zero point of least error at a scale, by halving between those that keep one end of the data.

    A zero point moves the window of codes over the data by whole steps: rounding stays as it is, and the clipping on
    either side is a convex function of the place.
    """
    scale = np.array(math.ldexp(1.0, exponent), np.float32)
    ends = _zero_points(format, min(distribution.low, 0.0), max(distribution.high, 0.0), exponent)
    first, last = (max(format.qmin, min(format.qmax, z)) for z in sorted(ends))

    def error(zero_point: int) -> float:
        quantizer = Quantizer(format, scale, zero_point)
        return float(mean_squared_errors(distribution, quantizer)[0])

    while last - first > 2:
        middle = (first + last) // 2
        if error(middle) <= error(middle + 1):
            last = middle
        else:
            first = middle + 1
    return min(range(first, last + 1), key=error)


def power_of_two_mse(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The range of least mean squared error among those whose scale is a power of two.

    Looks from 1/16 to twice the scale that holds every value; of equal errors the scale that holds it is taken.
    symmetric: as in `power_of_two_max`.
    """
    holding = power_of_two_max(distribution, format, symmetric=symmetric)
    tried = [(error, clip) for _, clip, error in errors_by_exponent(distribution, format, symmetric=symmetric)]
    return min(tried, key=lambda one: (one[0], one[1] != holding, -one[1].threshold))[1] if tried else holding
