"""Error read off a distribution: exact for `SortedSums`, within a certain interval for `Histogram`."""

import math
from dataclasses import dataclass

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import NO_ERROR, QuantizationError, cosine_of, decibels
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Cells, Distribution

CANCELLATION = 1e-14  # of the sum of squares: what m2 - 2 L m1 + L^2 m0 can lose in float64, with room to spare


def saturation_cuts(lowest: np.ndarray, highest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 (below, above) for end levels of any shape: x <= below or x > above saturates.

    Two steps of the last place are left, so that an end level which is the rounded maximum does not count it.
    """
    with np.errstate(over="ignore"):
        below, above = np.nextafter(lowest, np.float32(-np.inf)), highest
        for _ in range(2):
            below, above = np.nextafter(below, np.float32(-np.inf)), np.nextafter(above, np.float32(np.inf))
    return below, above


@dataclass(frozen=True)
class LevelCells:
    """A distribution cut at the boundaries and at the end levels: cell i goes to `levels[i]`.

    The first and the last cell lie beyond the end levels (they saturate) and share their level with their neighbour.
    cuts: float32 (n + 1,); levels: float64 (n + 2,) for n levels.
    """

    cuts: np.ndarray
    levels: np.ndarray
    cells: Cells

    @classmethod
    def of(cls, distribution: Distribution, levels: np.ndarray, boundaries: np.ndarray) -> "LevelCells":
        below, above = saturation_cuts(levels[0], levels[-1])
        cuts = np.concatenate([[below], boundaries, [above]]).astype(np.float32)
        padded = np.concatenate([levels[:1], levels, levels[-1:]]).astype(np.float64)
        return cls(cuts, padded, distribution.cells(cuts))

    @property
    def squared_errors(self) -> tuple[float, float]:
        """Sum of (x - L)^2 between the end levels, and beyond them."""
        cells, levels = self.cells, self.levels
        squared = cells.square - levels * (2 * cells.total - levels * cells.count)
        inside, beyond = float(squared[1:-1].sum()), float(squared[0] + squared[-1])
        # where a row is cut, a density that is negative in places can make one part so: the other makes up for it
        total = max(0.0, inside + beyond)
        return (total, 0.0) if beyond < 0 else (0.0, total) if inside < 0 else (inside, beyond)


def overflow_cuts(quantizer: Quantizer) -> np.ndarray:
    """float32 (2,): x <= the first or x > the second becomes infinite; infinite where the format saturates."""
    format = quantizer.format
    if not isinstance(format, FloatingFormat) or format.overflow != "infinity":
        return np.array([-np.inf, np.inf], np.float32)
    limit = np.float32(format.overflow_limit)
    return np.array([np.nextafter(-limit, np.float32(-np.inf)), limit])


def overflows(distribution: Distribution, quantizer: Quantizer) -> bool:
    """Whether some value becomes infinite (fp16, bf16 beyond their range)."""
    below, above = overflow_cuts(quantizer)
    return distribution.low <= below or distribution.high > above


def mean_squared_error(distribution: Distribution, quantizer: Quantizer) -> float:
    """`expected_error(...).mse` alone, for searches."""
    if quantizer.levels is None or quantizer.boundaries is None or not distribution.count:
        return 0.0
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
    if one.levels is None or one.boundaries is None:
        return NO_ERROR
    parts = LevelCells.of(distribution, one.levels, one.boundaries)
    n, cells, levels = distribution.count, parts.cells, parts.levels
    rounding, clipping = (sum_of_squares / n for sum_of_squares in parts.squared_errors)
    smallest, largest = distribution.extremes(parts.cuts)
    worst = float(np.nanmax(np.maximum(np.abs(smallest - levels), np.abs(largest - levels))))
    signal, product = float(cells.square.sum()), float((levels * cells.total).sum())
    power = float((levels**2 * cells.count).sum())
    by_level, saturated = cells.count[1:-1].copy(), cells.count[[0, -1]]
    by_level[[0, -1]] += saturated
    if overflows(distribution, one):
        clipping = worst = power = math.inf
        by_level[[0, -1]] -= distribution.cells(overflow_cuts(one)).count[[0, -1]]
    below, above = distribution.uncertainty(one.boundaries, one.levels)
    below, above = below + CANCELLATION * signal, above + CANCELLATION * signal
    mse = rounding + clipping
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(product, signal, power),
        kl=kl_divergence(distribution, one),
        max_abs=worst,
        saturated_fraction=float(saturated.sum()) / n,
        zeroed_fraction=max(0.0, float(by_level[one.levels == 0].sum()) - distribution.n_zeros) / n,
        levels_used=int((by_level > 0.5).sum()),
        interval=(max(0.0, mse - below / n), mse + above / n),
    )
