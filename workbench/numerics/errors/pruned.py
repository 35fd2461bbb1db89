"""The error of a zero band alone: float32 values of which the small ones become 0."""

import math

import numpy as np

from workbench.numerics.errors.error import QuantizationError, decibels
from workbench.numerics.errors.interval import certain_interval
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Cells, Distribution


def band_cells(distribution: Distribution, quantizer: Quantizer) -> tuple[np.ndarray, Cells]:
    """Cuts float32 (2,) and the cells below, within and above the zero band; within is |x| <= zero_band."""
    band = np.float32(quantizer.zero_band)
    cuts = np.array([np.nextafter(-band, np.float32(-np.inf)), band], np.float32)
    return cuts, distribution.cells(cuts)


def pruned_error(distribution: Distribution, quantizer: Quantizer) -> QuantizationError:
    """All figures of magnitude pruning: what lies in the band is lost, everything else is kept to the last bit.

    kl is 0, "below the bins": by its definition a level's sum is spread over the bins that go to it.
    """
    cuts, cells = band_cells(distribution, quantizer)
    n, signal, lost = distribution.count, float(cells.square.sum()), float(max(cells.square[1], 0.0))
    smallest, largest = distribution.extremes(cuts)
    worst = float(np.nanmax(np.abs([smallest[1], largest[1], 0.0])))
    mse, kept = lost / n, max(signal - lost, 0.0)
    cosine = math.sqrt(kept / signal) if signal > 0 else 1.0
    zeroed = max(0.0, float(cells.count[1]) - distribution.n_zeros) / n
    cost = Cost(cuts.astype(np.float64), np.zeros(3), np.zeros(3), np.array([0.0, 1.0, 0.0]))
    interval = certain_interval(distribution, cost, mse, signal)
    return QuantizationError(mse, mse, 0.0, decibels(signal, lost), cosine, 0.0, worst, 0.0, zeroed, None, interval)
