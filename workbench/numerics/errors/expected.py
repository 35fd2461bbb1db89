"""Error read off a distribution: exact for `SortedSums`, within a certain interval for `Histogram`."""

import math

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.candidates import parts_of
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import NO_ERROR, QuantizationError, cosine_of, decibels
from workbench.numerics.errors.interval import certain_interval
from workbench.numerics.errors.level_cells import LevelCells
from workbench.numerics.errors.pruned import pruned_error
from workbench.numerics.errors.stochastic import Draws, stochastic_error
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Distribution


def overflow_cuts(quantizer: Quantizer) -> np.ndarray:
    """float32 (..., 2): x <= the first or x > the second becomes infinite; infinite where the format saturates.

    Of each group, (groups, 2), where there are several scales.
    """
    format, scale = quantizer.format, quantizer.scale
    if not isinstance(format, FloatingFormat) or format.overflow == "saturate":
        return np.broadcast_to(np.array([-np.inf, np.inf], np.float32), (*scale.shape, 2))
    lowest, highest = (np.float32(limit) * scale for limit in format.overflow_limits)
    band = np.float32(quantizer.zero_band)
    with np.errstate(over="ignore"):
        below = np.nextafter(np.minimum(lowest, -band), np.float32(-np.inf))
        return np.stack([below, np.maximum(highest, band)], axis=-1)


def overflows(distribution: Distribution, quantizer: Quantizer) -> np.ndarray:
    """Whether some value becomes infinite or NaN (fp16, bf16 beyond their range); bool (groups,), or () for one."""
    cuts = overflow_cuts(quantizer)
    return (distribution.low <= cuts[..., 0]) | (distribution.high > cuts[..., 1])


def errors_at(distribution: Distribution, quantizer: Quantizer) -> tuple[np.ndarray, np.ndarray]:
    """Rounding and clipping parts of the mean squared error, float64 (groups,) each, as `expected_error` has them.

    Each group of the quantizer is a candidate for the whole distribution: `Quantizer.covering(format, lows, highs,
    axis=0)` makes many. 0 where there is no value.
    """
    rounding, clipping = np.zeros(quantizer.n_groups), np.zeros(quantizer.n_groups)
    levels = quantizer.format.unit_levels()
    if not distribution.count:
        return rounding, clipping
    if levels is None:
        rounding[:] = expected_error(distribution, quantizer.group(0)).mse  # there is no scale, and so one candidate
        return rounding, clipping
    if quantizer.format.stochastic:
        each = [Draws.of(distribution, quantizer.group(i)).squared_errors for i in range(quantizer.n_groups)]
        rounding, clipping = np.transpose(each) / distribution.count
        return rounding, clipping
    for at, part in parts_of(quantizer, levels.size):
        assert part.levels is not None and part.boundaries is not None
        inside, beyond = LevelCells.of(distribution, part.levels, part.boundaries).squared_errors
        rounding[at] = inside / distribution.count
        clipping[at] = np.where(overflows(distribution, part), np.inf, beyond / distribution.count)
    return rounding, clipping


def mean_squared_error(distribution: Distribution, quantizer: Quantizer) -> float:
    """`expected_error(...).mse` alone, for searches; 0 where there is no value."""
    rounding, clipping = errors_at(distribution, quantizer)
    return float(rounding[0] + clipping[0])


def expected_error(distribution: Distribution, quantizer: Quantizer) -> QuantizationError:
    """All figures of one group under one quantizer, without touching its values again.

    error = sum over cells of m2 - 2 L m1 + L^2 m0 with the moments m0, m1, m2 of each cell and its level L.
    Raises WorkbenchError for an empty distribution, and for a quantizer with several groups (ask group by group with
    `quantizer.group(i)`, or use `measured_error` on the array).
    """
    if quantizer.n_groups > 1:
        raise WorkbenchError(
            f"a distribution describes one group, this quantizer has {quantizer.n_groups}; "
            "use quantizer.group(i) with the distribution of channel i, or measured_error on the array"
        )
    if not distribution.count:
        raise WorkbenchError("the distribution holds no finite value; calibrate with data first")
    one = quantizer.group(0)
    if one.format.block_size is not None:
        raise WorkbenchError(
            f"{one.format.name} scales each block by its own values, which a distribution does not know; "
            "use measured_error on the array"
        )
    if one.levels is None or one.boundaries is None:
        return pruned_error(distribution, one) if one.zero_band else NO_ERROR
    if one.format.stochastic:
        return stochastic_error(distribution, one)
    held = _held(distribution, one)
    n, levels, boundaries = distribution.count, one.levels[held], one.boundaries[held.start : held.stop - 1]
    parts = LevelCells.of(distribution, levels, boundaries, one.levels[[0, -1]])
    infinite = overflows(distribution, one)
    lost = distribution.cells(overflow_cuts(one)).count if infinite else np.zeros(3)
    sums = parts.sums((lost[0], lost[2]))
    rounding, clipping = float(sums.inside[0]) / n, float(sums.beyond[0]) / n
    worst = _largest_error(distribution, parts)
    signal, product, power = float(sums.signal[0]), float(sums.product[0]), float(sums.power[0])
    squares = max(signal, power)
    if infinite:
        clipping = worst = power = math.inf
    mse = rounding + clipping
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(product, signal, power),
        kl=kl_divergence(distribution, one),
        max_abs=worst,
        saturated_fraction=float(sums.outside[0]) / n,
        zeroed_fraction=max(0.0, float(sums.zeros[0]) - distribution.n_zeros) / n,
        levels_used=int(sums.used[0]),
        interval=certain_interval(distribution, Cost.squared_error(boundaries, levels), mse, squares),
    )


def _held(distribution: Distribution, quantizer: Quantizer) -> slice:
    """Which levels can hold a value. All, where there is a scale to choose: it puts them where the values are."""
    levels, boundaries = quantizer.levels, quantizer.boundaries
    assert levels is not None and boundaries is not None
    if quantizer.format.has_scale:
        return slice(0, levels.size)
    first = int(np.searchsorted(boundaries, np.nextafter(np.float32(distribution.low), np.float32(-np.inf))))
    last = int(np.searchsorted(boundaries, np.nextafter(np.float32(distribution.high), np.float32(np.inf))))
    return slice(first, last + 1)  # of half a million levels (TF32) most lie beyond all values


def _largest_error(distribution: Distribution, parts: LevelCells) -> float:
    """Largest |x - y|: at an end of some cell."""
    level = parts.level_of_cell
    return float(max(np.fmax.reduce(np.abs(end - level)) for end in distribution.extremes(parts.cuts)))
