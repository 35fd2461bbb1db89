"""The error of formats with thousands of levels, by the formulas of `fine.js`: what saturates or becomes 0 is exact."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.divergence import divergences_of_levels, kl_divergence
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.formats.logarithmic import LogarithmicFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.threshold.bins import Bins

SHARES = {
    "up": 1 / 3,
    "down": 1 / 3,
    "toward_zero": 1 / 3,
    "stochastic": 1 / 6,
}  # of a squared step; to nearest: 1 / 12
ZERO_CELLS = {"up": (1.0, 0.0), "down": (0.0, 1.0), "toward_zero": (1.0, 1.0), "stochastic": (0.0, 0.0)}


@dataclass(frozen=True, eq=False)
class Points:
    """Values that come again and again, to which chance does not apply. value: float32 (n,); weight: float64 (n,)."""

    value: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, bins: Bins) -> "Points":
        """The bins that hold one value."""
        alone = bins.shape_of_density[1] == 0
        return cls(bins.mean[alone].astype(np.float32), bins.weight[alone])


def fine_errors(source: Any, quantizer: Quantizer, points: Points) -> tuple[float, float]:
    """(rounding, clipping) parts of the mean squared error of one group.

    source: a `Distribution`, or whatever answers `cells` and `count` as one does. points: of the same values; they go
    through the kernel.
    """
    format, scale = quantizer.format, float(quantizer.scale)
    ends = np.array([float(end[0]) for end in quantizer.end_levels])
    under, over = _zero_cell(quantizer)
    cuts = np.array([ends[0], np.nextafter(np.float32(-under), np.float32(-np.inf)), over, ends[1]], np.float32)
    cuts = np.clip(cuts, cuts[0], max(cuts[0], cuts[3]))
    cells = source.cells(cuts)
    beyond = cells.square[[0, 4]] - ends * (2 * cells.total[[0, 4]] - ends * cells.count[[0, 4]])
    share, sides = SHARES.get(format.rounding, 1 / 12), [1, 3]
    at = np.searchsorted(cuts, points.value, "left")
    x = points.value.astype(np.float64)
    count = cells.count - np.bincount(at, points.weight, 5)
    square = cells.square - np.bincount(at, points.weight * x**2, 5)
    if isinstance(format, LogarithmicFormat):
        noise = square[sides] * (np.log(2) / format.steps_per_octave) ** 2 * share
    else:
        noise = np.minimum(count[sides] * scale**2 * share, square[sides])
    inside = (at == 1) | (at == 3)
    exact = points.weight * (x - quantizer.fake_quantize(points.value).astype(np.float64)) ** 2
    rounding = float(np.maximum(noise, 0.0).sum() + exact[inside].sum()) + max(0.0, float(cells.square[2]))
    return rounding / source.count, max(0.0, float(beyond.sum())) / source.count


def _zero_cell(quantizer: Quantizer) -> tuple[float, float]:
    """How far below and above 0 values become 0."""
    format, scale, band = quantizer.format, float(quantizer.scale), quantizer.zero_band
    below, above = ZERO_CELLS.get(format.rounding, (0.5, 0.5))
    second = least = scale
    if isinstance(format, LogarithmicFormat):
        top, steps = 2 ** (format.bits - 1) - 1, format.steps_per_octave
        least, second = (scale * 2.0 ** ((int(quantizer.zero_point) - top + k) / steps) for k in (0, 1))
    return max(below * second, band), max(above * least, band)


def fine_divergence(distribution: Distribution, quantizer: Quantizer) -> float:
    """KL in nats; of a logarithmic format as if every bin were a level of its own."""
    if isinstance(quantizer.format, IntegerFormat):
        return kl_divergence(distribution, quantizer)
    bins, (lowest, highest) = distribution.linear_bins().filled, quantizer.end_levels
    first, last = np.searchsorted(bins.centres, lowest, "left"), np.searchsorted(bins.centres, highest, "right") - 1
    return float(divergences_of_levels(bins, np.arange(bins.centres.size)[None], first, last)[0])
