"""The range with the smallest mean squared error."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, must_mirror, without_search
from workbench.numerics.clipping.range_search import search_range
from workbench.numerics.errors.expected import errors_at
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution


def noise_model(distribution: Distribution, quantizer: Quantizer) -> np.ndarray:
    """Mean squared error with clipping exact and rounding taken as scale^2 / 12: for steps far finer than the data.

    Of each group of the quantizer, float64 (groups,). Exact zeros make no rounding error.
    Source: W. R. Bennett, Spectra of quantized signals, Bell System Technical Journal 27, 1948.
    """
    ends = np.stack(quantizer.end_levels, axis=1)
    cells = distribution.cells(ends)
    levels, outside = ends.astype(np.float64), [0, 2]
    count, total, square = (moment[:, outside] for moment in (cells.count, cells.total, cells.square))
    clipping = np.maximum(square - levels * (2 * total - levels * count), 0.0).sum(axis=1)
    step = quantizer.scale.reshape(-1).astype(np.float64)
    rounding = (cells.count[:, 1] - distribution.n_zeros) * step**2 / 12
    return (rounding + clipping) / distribution.count


def mean_squared_errors(distribution: Distribution, quantizer: Quantizer) -> np.ndarray:
    """What a search compares, float64 (groups,): the mean squared error, for integers of more than 8 bits its model.

    `noise_model` is a thousand times faster and, at such steps, has its least value in the same place.
    """
    if isinstance(quantizer.format, IntegerFormat) and quantizer.format.bits > 8:
        return noise_model(distribution, quantizer)
    return np.add(*errors_at(distribution, quantizer))


def least_error(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The range whose mean squared error (rounding plus clipping) is least; low and high are searched apart.

    symmetric: True or None with a signed format searches one mirrored threshold; False searches the lower and the
    upper end in turn until neither moves (at most three rounds). Integers of more than 8 bits are searched by
    `noise_model`.
    Source: Banner et al. 2019, Post training 4-bit quantization (arXiv:1810.05723), by search instead of a model.
    """
    format = as_format(format)
    known = without_search(distribution, format, symmetric)
    if known is not None:
        return known
    mirrored = must_mirror(format, symmetric)

    def errors(low: np.ndarray, high: np.ndarray) -> np.ndarray:
        quantizer = Quantizer.covering(format, low[:, 0], high[:, 0], symmetric=mirrored, axis=0)
        return mean_squared_errors(distribution, quantizer)[:, None]

    low, high = search_range(np.array([distribution.low]), np.array([distribution.high]), mirrored, errors)
    return ClipRange(float(low[0]), float(high[0]))
