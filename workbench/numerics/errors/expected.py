"""Error read off a distribution: exact for `SortedSums`, within a certain interval for `Histogram`."""

import functools
import math
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import NO_ERROR, QuantizationError, cosine_of, decibels
from workbench.numerics.errors.pruned import pruned_error
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.errors.stochastic import stochastic_error
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Cells, Distribution

CANCELLATION = 1e-14  # of the sums of squares: what m2 - 2 L m1 + L^2 m0 can lose in float64, with room to spare


@dataclass(frozen=True)
class LevelCells:
    """A distribution cut at the boundaries and at the end levels: cell i goes to `levels[i]`.

    The cells outside of `inside` lie beyond the end levels (they saturate): the first and the last, which share their
    level with their neighbour, and more where a zero band is wider than an end level.
    cuts: float32 (n + 1,) ascending; places: int64 (n + 2,), the index of each cell's level among n levels; levels:
    float64 (n + 2,).
    """

    cuts: np.ndarray
    places: np.ndarray
    levels: np.ndarray
    cells: Cells
    inside: slice

    @classmethod
    def of(cls, distribution: Distribution, levels: np.ndarray, boundaries: np.ndarray) -> "LevelCells":
        n = levels.size
        below, above = saturation_cuts(levels[0], levels[-1])
        cuts = np.concatenate([[below], boundaries, [above]]).astype(np.float32)
        places, inside = np.arange(-1, n + 1), slice(1, n + 1)
        places[0], places[-1] = 0, n - 1
        if n > 1 and (below > boundaries[0] or boundaries[-1] > above):  # values beyond an end are pruned to 0
            order = np.argsort(cuts, kind="stable")
            place_below, place_above = np.flatnonzero((order == 0) | (order == n))
            places = np.concatenate([[0], np.cumsum((order > 0) & (order < n))])
            cuts, inside = cuts[order], slice(int(place_below) + 1, int(place_above) + 1)
        return cls(cuts, places, levels.astype(np.float64)[places], distribution.cells(cuts), inside)

    @functools.cached_property
    def squared(self) -> np.ndarray:
        """Sum of (x - L)^2 in each cell, float64 (n + 2,)."""
        cells, levels = self.cells, self.levels
        return cells.square - levels * (2 * cells.total - levels * cells.count)

    @property
    def squared_errors(self) -> tuple[float, float]:
        """Sum of (x - L)^2 between the end levels, and beyond them."""
        inside, beyond = float(self.squared[self.inside].sum()), self.beyond(self.squared)
        # where a row is cut, a density that is negative in places can make one part so: the other makes up for it
        total = max(0.0, inside + beyond)
        return (total, 0.0) if beyond < 0 else (0.0, total) if inside < 0 else (inside, beyond)

    def beyond(self, figures: np.ndarray) -> float:
        """Sum of a figure of the cells, float64 (n + 2,), over those beyond the end levels."""
        return float(figures[: self.inside.start].sum()) + float(figures[self.inside.stop :].sum())


def overflow_cuts(quantizer: Quantizer) -> np.ndarray:
    """float32 (2,): x <= the first or x > the second becomes infinite; infinite where the format saturates."""
    format = quantizer.format
    if not isinstance(format, FloatingFormat) or format.overflow == "saturate":
        return np.array([-np.inf, np.inf], np.float32)
    lowest, highest = (np.float32(limit) * np.float32(quantizer.scale) for limit in format.overflow_limits)
    band = np.float32(quantizer.zero_band)
    with np.errstate(over="ignore"):
        return np.array([np.nextafter(min(lowest, -band), np.float32(-np.inf)), max(highest, band)])


def overflows(distribution: Distribution, quantizer: Quantizer) -> bool:
    """Whether some value becomes infinite or NaN (fp16, bf16 beyond their range)."""
    below, above = overflow_cuts(quantizer)
    return distribution.low <= below or distribution.high > above


def mean_squared_error(distribution: Distribution, quantizer: Quantizer) -> float:
    """`expected_error(...).mse` alone, for searches."""
    if not distribution.count:
        return 0.0
    if quantizer.format.unit_levels() is None or quantizer.format.stochastic:
        return expected_error(distribution, quantizer).mse
    assert quantizer.levels is not None and quantizer.boundaries is not None
    if overflows(distribution, quantizer):
        return math.inf
    return sum(LevelCells.of(distribution, quantizer.levels, quantizer.boundaries).squared_errors) / distribution.count


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
    parts = LevelCells.of(distribution, one.levels, one.boundaries)
    n, cells, levels = distribution.count, parts.cells, parts.levels
    rounding, clipping = (sum_of_squares / n for sum_of_squares in parts.squared_errors)
    smallest, largest = distribution.extremes(parts.cuts)
    worst = float(np.nanmax(np.maximum(np.abs(smallest - levels), np.abs(largest - levels))))
    signal, product = float(cells.square.sum()), float((levels * cells.total).sum())
    power = float((levels**2 * cells.count).sum())
    lost = CANCELLATION * max(signal, power)  # where the levels are far too large, they are what is large
    by_level = np.bincount(parts.places, cells.count, one.levels.size)
    if overflows(distribution, one):
        clipping = worst = power = math.inf
        by_level[[0, -1]] -= distribution.cells(overflow_cuts(one)).count[[0, -1]]
    below, above = distribution.uncertainty(one.boundaries, one.levels)
    below, above = below + lost, above + lost
    mse = rounding + clipping
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(product, signal, power),
        kl=kl_divergence(distribution, one),
        max_abs=worst,
        saturated_fraction=parts.beyond(cells.count) / n,
        zeroed_fraction=max(0.0, float(by_level[one.levels == 0].sum()) - distribution.n_zeros) / n,
        levels_used=int((by_level > 0.5).sum()),
        interval=(max(0.0, mse - below / n), mse + above / n),
    )
