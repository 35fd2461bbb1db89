"""ACIQ: the threshold that a Gauss or Laplace density of the same spread would want, by formula instead of search."""

import functools
import math
from collections.abc import Callable

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty, must_mirror
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

NCNN_ALPHA = (1.71063519, 2.15159277, 2.55913646, 2.93620062, 3.28691474, 3.6151146, 3.92403714)  # 2 to 8 bits


@functools.cache
def gauss_alpha(bits: int) -> float:
    """Best threshold of a centred Gauss density in standard deviations, for 2^bits equal steps.

    The least of (a^2 + 1)(1 - erf(a / sqrt 2)) - sqrt(2 / pi) a exp(-a^2 / 2) + a^2 / (3 4^bits).
    Source: Banner et al. 2019, Post training 4-bit quantization (arXiv:1810.05723).
    """

    def slope(a: float) -> float:
        return a * (math.erfc(a / math.sqrt(2)) + 4.0**-bits / 3) - math.sqrt(2 / math.pi) * math.exp(-a * a / 2)

    return _root(slope)


@functools.cache
def laplace_alpha(bits: int) -> float:
    """Best threshold of a centred Laplace density in mean absolute deviations b, for 2^bits equal steps.

    The least of 2 exp(-a) + a^2 / (3 4^bits) for b = 1. Source: as `gauss_alpha`.
    """
    return _root(lambda a: a * 4.0**-bits / 3 - math.exp(-a))


def _root(slope: Callable[[float], float]) -> float:
    """Where a slope that starts below 0 and ends above it crosses 0, by halving [0, 64]."""
    low, high = 0.0, 64.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return high


def standard_deviation(distribution: Distribution, centre: float) -> float:
    """Root mean square of x - centre over the values that are not exactly 0; 0 where there are none."""
    n = distribution.count - distribution.n_zeros
    cells = distribution.cells(np.zeros(0, np.float32))
    squared = float(cells.square[0]) - centre * (2 * float(cells.total[0]) - centre * n)
    return math.sqrt(max(0.0, squared) / n) if n else 0.0


def mean_deviation(distribution: Distribution, centre: float) -> float:
    """Mean of |x - centre| over the values that are not exactly 0; 0 where there are none."""
    n = distribution.count - distribution.n_zeros
    cells = distribution.cells(np.array([centre], np.float32))
    distances = float(np.array([-1.0, 1.0]) @ (cells.total - centre * cells.count)) - abs(centre) * distribution.n_zeros
    return max(0.0, distances) / n if n else 0.0


def _aciq(
    distribution: Distribution,
    format: Format | str,
    symmetric: bool | None,
    spread: Callable[[Distribution, float], float],
    alpha: Callable[[int], float],
) -> ClipRange:
    """The range centre +- alpha(bits) * spread, never wider than the data."""
    check_not_empty(distribution)
    format = as_format(format)
    whole = ClipRange(distribution.low, distribution.high)
    if not format.has_scale:
        return whole
    if must_mirror(format, symmetric):
        threshold = min(distribution.absmax, alpha(format.bits) * spread(distribution, 0.0))
        return ClipRange(0.0 - threshold, threshold)
    if whole.low == whole.high:
        return whole
    if whole.low >= 0 or whole.high <= 0:
        # half of a density around 0 in 2^bits steps has the same step as the whole of it in twice as many
        threshold = alpha(format.bits + 1) * spread(distribution, 0.0)
        return ClipRange(max(whole.low, -threshold) if whole.low < 0 else 0.0, max(0.0, min(whole.high, threshold)))
    mean = float(distribution.cells(np.zeros(0, np.float32)).total[0]) / (distribution.count - distribution.n_zeros)
    threshold = alpha(format.bits) * spread(distribution, mean)
    return ClipRange(max(whole.low, mean - threshold), min(whole.high, mean + threshold))


def aciq_gauss(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The threshold of least error for a Gauss density with the data's standard deviation (ACIQ).

    symmetric: True or None with a signed format centres the range at 0, otherwise at the mean. Data of one sign (after
    a ReLU), when not mirrored, are taken as half of a density around 0. Exact zeros make no error and are left out. The
    range is never wider than the data. Formats that are not uniform are treated as if they were.
    Source: Banner et al. 2019, Post training 4-bit quantization (arXiv:1810.05723).
    """
    return _aciq(distribution, format, symmetric, standard_deviation, gauss_alpha)


def aciq_laplace(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The threshold of least error for a Laplace density with the data's mean absolute deviation (ACIQ).

    symmetric, one-sided data and zeros: as `aciq_gauss`.
    Source: as `aciq_gauss`.
    """
    return _aciq(distribution, format, symmetric, mean_deviation, laplace_alpha)


def ncnn_gauss_threshold(absmax: float, count: int, bits: int = 8) -> tuple[float, float]:
    """(standard deviation, threshold) of a weight as ncnn's ACIQ estimates them from its maximum and its size alone.

    std = absmax * 0.35 * (1 + sqrt(pi ln 4)) / sqrt(2 ln count), the spread of a Gauss density whose largest of `count`
    values is absmax; threshold = alpha(bits) * std by ncnn's table. Its scale is (2^(bits - 1) - 1) / threshold.
    Raises WorkbenchError for bits outside 2 to 8 and for fewer than two values.
    Source: ncnn, tools/quantize/ncnn2table.cpp.
    """
    if not 2 <= bits <= 8:
        raise WorkbenchError(f"ncnn has clipping factors for 2 to 8 bits, not for {bits!r}")
    if count < 2:
        raise WorkbenchError(f"the spread of {count!r} values cannot be told from their maximum; expected two or more")
    std = absmax * 0.35 * (1 + math.sqrt(math.pi * math.log(4))) / math.sqrt(2 * math.log(count))
    return std, NCNN_ALPHA[bits - 2] * std
