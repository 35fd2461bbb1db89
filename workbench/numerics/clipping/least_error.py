"""The range with the smallest mean squared error."""

from collections.abc import Callable

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty, must_mirror
from workbench.numerics.errors.expected import mean_squared_error
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution

COARSE = np.geomspace(0.01, 1.0, 33)
FINE = np.linspace(-1.0, 1.0, 9)


def search_ratio(error_at: Callable[[float], float]) -> float:
    """The ratio in [0.01, 1] with the least error: a geometric grid of 33, then two closer looks around the best.

    The last looks are 1/4 and 1/16 of a grid step apart. Ties go to the larger ratio, so that nothing is clipped
    without a gain.
    """
    errors = [error_at(r) for r in COARSE]
    best_error, best = min((e, -r) for e, r in zip(errors, COARSE, strict=True))
    best = -best
    width = float(np.log(COARSE[1] / COARSE[0]))
    for _ in range(2):
        looks = [min(1.0, best * float(np.exp(width * f))) for f in FINE]
        error, ratio = min((error_at(r), -r) for r in looks)
        if error < best_error:
            best_error, best = error, -ratio
        width /= 4
    return float(best)


def noise_model(distribution: Distribution, quantizer: Quantizer) -> float:
    """Mean squared error with clipping exact and rounding taken as scale^2 / 12: for steps far finer than the data.

    Exact zeros make no rounding error.
    Source: W. R. Bennett, Spectra of quantized signals, Bell System Technical Journal 27, 1948.
    """
    low, high = quantizer.end_levels
    ends = np.array([low[0], high[0]], np.float32)
    cells = distribution.cells(ends)
    levels = ends.astype(np.float64)
    outside = [0, 2]
    clipping = cells.square[outside] - levels * (2 * cells.total[outside] - levels * cells.count[outside])
    rounding = (cells.count[1] - distribution.n_zeros) * float(quantizer.scale) ** 2 / 12
    return float(rounding + np.maximum(clipping, 0.0).sum()) / distribution.count


def search_range(whole: ClipRange, mirrored: bool, error: Callable[[float, float], float]) -> ClipRange:
    """The range of least error(low, high) inside the full range of the data.

    mirrored: one threshold. Otherwise the lower and the upper end in turn until neither moves, at most three rounds.
    """
    if mirrored:
        largest = whole.threshold
        threshold = search_ratio(lambda ratio: error(-ratio * largest, ratio * largest)) * largest
        return ClipRange(-threshold, threshold)
    lowest, highest = min(whole.low, 0.0), max(whole.high, 0.0)

    def best_low(high: float) -> float:
        return search_ratio(lambda ratio: error(ratio * lowest, high)) * lowest if lowest < 0 else 0.0

    def best_high(low: float) -> float:
        return search_ratio(lambda ratio: error(low, ratio * highest)) * highest if highest > 0 else 0.0

    low, high = lowest, highest
    for _ in range(3):
        before = low, high
        high = best_high(low)
        low = best_low(high)
        if (low, high) == before or 0.0 in (low, high):
            break
    return ClipRange(low, high)


def least_error(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The range whose mean squared error (rounding plus clipping) is least; low and high are searched apart.

    symmetric: True or None with a signed format searches one mirrored threshold; False searches the lower and the
    upper end in turn until neither moves (at most three rounds). Integers of more than 8 bits are searched by
    `noise_model`, which is a thousand times faster and, at such steps, finds the same place.
    Source: Banner et al. 2019, Post training 4-bit quantization (arXiv:1810.05723), by search instead of a model.
    """
    check_not_empty(distribution)
    format = as_format(format)
    whole, mirrored = ClipRange(distribution.low, distribution.high), must_mirror(format, symmetric)
    if not format.has_scale:
        return whole
    if distribution.low == distribution.high:
        return whole.mirrored() if mirrored else whole

    def error(low: float, high: float) -> float:
        quantizer = Quantizer.covering(format, low, high, symmetric=mirrored)
        if isinstance(format, IntegerFormat) and format.bits > 8:
            return noise_model(distribution, quantizer)
        return mean_squared_error(distribution, quantizer)

    return search_range(whole, mirrored, error)
