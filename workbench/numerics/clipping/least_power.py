"""The range with the smallest mean of |x - y|^p: p = 1 forgives outliers, p above 2 fears them."""

import math

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange, must_mirror, without_search
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.range_search import search_range
from workbench.numerics.codebooks.weighted_values import distinct_values, spread_cuts
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution

MOST_DISTINCT = 16_384  # values that stand for themselves
N_CELLS = 4096


def points(distribution: Distribution) -> tuple[np.ndarray, np.ndarray]:
    """Numbers that stand for the values, float32 (n,), and how many each stands for, float64 (n,).

    The distinct values themselves where they are known and at most 16,384. Otherwise two points for each of some 8000
    cells, one standard deviation to either side of its mean: cells know count, mean and variance, which these have.
    Exact zeros are a point of their own.
    """
    exact = distinct_values(distribution, MOST_DISTINCT)
    if exact is not None:
        return exact.values.astype(np.float32), exact.weights
    cells = distribution.cells(np.unique(spread_cuts(distribution, N_CELLS).astype(np.float32)))
    filled = cells.count > 1e-9 * distribution.count
    count = cells.count[filled]
    mean = cells.total[filled] / count
    deviation = np.sqrt(np.maximum(cells.square[filled] / count - mean**2, 0.0))
    both = np.concatenate([mean - deviation, mean + deviation])
    return np.clip(both, distribution.low, distribution.high).astype(np.float32), np.tile(count / 2, 2)


def mean_power_error(x: np.ndarray, weights: np.ndarray, quantizer: Quantizer, p: float, *, unit: float = 1.0) -> float:
    """Weighted mean of (|x - y| / unit)^p, x float32 (n,), under a quantizer of one group.

    Under stochastic rounding the mean over the draws. Integers of more than 8 bits: rounding errors are taken as spread
    evenly over a step, (scale / 2)^p / (p + 1), because points are further apart than their steps. Infinite where a
    value becomes infinite.
    """
    values, format = x.astype(np.float64), quantizer.format
    if format.stochastic:
        powers = _power_over_draws(values, quantizer, p, unit)
    elif isinstance(format, IntegerFormat) and format.bits > 8:
        (low,), (high,) = quantizer.end_levels
        beyond = np.maximum(np.maximum(float(low) - values, values - float(high)), 0.0)
        rounding = (float(quantizer.scale) / 2 / unit) ** p / (p + 1)
        powers = np.where(beyond > 0, (beyond / unit) ** p, np.where(values == 0, 0.0, rounding))
    else:
        powers = (np.abs(values - quantizer.fake_quantize(x)) / unit) ** p
        powers = np.where(np.isnan(powers), np.inf, powers)
    return float(weights @ powers) / float(weights.sum())


def _power_over_draws(values: np.ndarray, quantizer: Quantizer, p: float, unit: float) -> np.ndarray:
    """Mean of (|x - y| / unit)^p of each value, y a neighbouring level by chance, in proportion to the distances."""
    assert quantizer.levels is not None
    levels = quantizer.levels.astype(np.float64) / unit
    x = values / unit
    inside = np.clip(x, levels[0], levels[-1])
    if levels.size == 1:
        return np.abs(x - inside) ** p
    at = np.clip(np.searchsorted(levels, inside, "right"), 1, levels.size - 1)
    down, up = inside - levels[at - 1], levels[at] - inside
    return (down**p * up + up**p * down) / (down + up) + np.abs(x - inside) ** p


def least_power(
    distribution: Distribution, format: Format | str, *, symmetric: bool | None = None, p: float = 2.4
) -> ClipRange:
    """The range with the smallest mean of |x - y|^2.4: between squares and the largest error.

    p: any positive power; 1 is least_absolute, 2 is least_error and searched by its exact sums. Other powers are
    measured on `points`. symmetric: as in least_error; the ends are searched in the same way.
    Raises WorkbenchError for a p that is not positive and finite.
    Source: Nahshan et al. 2019, Loss aware post-training quantization (arXiv:1911.07190), where p is varied.
    """
    if not (p > 0 and math.isfinite(p)):
        raise WorkbenchError(f"p is {p}; expected a positive power")
    format = as_format(format)
    if p == 2:
        return least_error(distribution, format, symmetric=symmetric)
    known = without_search(distribution, format, symmetric)
    if known is not None:
        return known
    mirrored = must_mirror(format, symmetric)
    x, weights = points(distribution)

    def errors(lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
        found = np.empty(lows.shape)
        for at, (low, high) in enumerate(zip(lows[:, 0], highs[:, 0], strict=True)):
            quantizer = Quantizer.covering(format, low, high, symmetric=mirrored)
            # in parts of the largest magnitude: high powers of small numbers would all be 0
            found[at] = mean_power_error(x, weights, quantizer, p, unit=distribution.absmax)
        return found

    low, high = search_range(np.array([distribution.low]), np.array([distribution.high]), mirrored, errors)
    return ClipRange(float(low[0]), float(high[0]))


def least_absolute(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The range with the smallest mean of |x - y| (L1): outliers count by their distance, not by its square.

    symmetric and the search: as in least_error; the error is measured on `points`.
    """
    return least_power(distribution, format, symmetric=symmetric, p=1.0)
