"""The expected error of stochastic rounding, over the draws: cells are cut at the levels themselves."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import QuantizationError, cosine_of, decibels
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Cells, Distribution


@dataclass(frozen=True)
class Draws:
    """A distribution cut so that all values of an inner cell are drawn between the same two levels.

    cuts: float32 (n,). cells: moments, (n + 1,); the first and the last lie beyond the end levels. lower, upper:
    float64 (n - 1,), the neighbours of each inner cell, both 0 in the zero band. place: index of `upper`.
    """

    cuts: np.ndarray
    cells: Cells
    lower: np.ndarray
    upper: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, distribution: Distribution, quantizer: Quantizer) -> "Draws":
        levels = quantizer.levels
        assert levels is not None
        cuts = levels.copy()
        cuts[0], cuts[-1] = saturation_cuts(levels[0], levels[-1])
        band = np.float32(quantizer.zero_band)
        below_band = np.nextafter(-band, np.float32(-np.inf))
        if band:
            cuts = np.unique(np.concatenate([cuts, [below_band, band]]))
        place = np.clip(np.searchsorted(levels, cuts[1:], "left"), 1, levels.size - 1)
        lower, upper = (levels[at].astype(np.float64) for at in (place - 1, place))
        pruned = (cuts[:-1] >= below_band) & (cuts[1:] <= band) if band else np.zeros(place.size, bool)
        return cls(cuts, distribution.cells(cuts), np.where(pruned, 0, lower), np.where(pruned, 0, upper), place)

    @property
    def inner(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count, sum and sum of squares of the inner cells."""
        return self.cells.count[1:-1], self.cells.total[1:-1], self.cells.square[1:-1]

    @property
    def means(self) -> np.ndarray:
        """Sum of E[y] x over each inner cell: x^2, as the mean is kept; 0 in the band."""
        return np.where(self.lower == self.upper, 0.0, self.inner[2])

    @property
    def powers(self) -> np.ndarray:
        """Sum of E[y^2] over each inner cell: (l + h) x - l h."""
        count, total, _ = self.inner
        return (self.lower + self.upper) * total - self.lower * self.upper * count

    @property
    def zeroed(self) -> float:
        """Expected number of values that become 0, exact zeros among them."""
        count, total, _ = self.inner
        with np.errstate(divide="ignore", invalid="ignore"):
            down, up = count - total / self.upper, count - total / self.lower
        band = self.lower == self.upper
        shares = np.where(band, count, np.where(self.lower == 0, down, np.where(self.upper == 0, up, 0.0)))
        return float(np.nan_to_num(shares).sum())


def stochastic_error(distribution: Distribution, quantizer: Quantizer) -> QuantizationError:
    """All figures in the mean over the draws: x between the levels l and h costs (x - l)(h - x).

    levels_used counts the levels that can be hit. kl is that of the more likely level. Values beyond the end levels
    saturate.
    Source: Gupta et al. 2015, Deep Learning with Limited Numerical Precision (arXiv:1502.02551): the mean of stochastic
    rounding is x itself, from which the variance follows.
    """
    draws, n = Draws.of(distribution, quantizer), distribution.count
    levels, cells, outer = quantizer.levels, draws.cells, [0, -1]
    assert levels is not None
    ends = levels[outer].astype(np.float64)
    beyond = np.maximum(cells.square[outer] - ends * (2 * cells.total[outer] - ends * cells.count[outer]), 0.0)
    inside = np.maximum(draws.inner[2] - 2 * draws.means + draws.powers, 0.0)
    rounding, clipping = float(inside.sum()) / n, float(beyond.sum()) / n
    product = float(draws.means.sum() + (ends * cells.total[outer]).sum())
    power = float(draws.powers.sum() + (ends**2 * cells.count[outer]).sum())
    signal, mse = float(cells.square.sum()), rounding + clipping
    filled = draws.inner[0] > 0.5
    saturated = np.array([0, levels.size - 1])[cells.count[outer] > 0.5]
    hit = np.concatenate([draws.place[filled] - 1, draws.place[filled], saturated])
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(product, signal, power),
        kl=kl_divergence(distribution, quantizer),
        max_abs=_worst(distribution, draws, ends),
        saturated_fraction=float(cells.count[outer].sum()) / n,
        zeroed_fraction=max(0.0, draws.zeroed - distribution.n_zeros) / n,
        levels_used=int(np.unique(hit).size),
        interval=(mse, mse),
    )


def _worst(distribution: Distribution, draws: Draws, ends: np.ndarray) -> float:
    """Largest |x - y| that a draw can give."""
    smallest, largest = distribution.extremes(draws.cuts)
    up, down = draws.upper - smallest[1:-1], largest[1:-1] - draws.lower
    band = draws.lower == draws.upper
    inner = np.where(band, np.maximum(np.abs(smallest[1:-1]), np.abs(largest[1:-1])), np.maximum(up, down))
    return float(np.nanmax(np.concatenate([inner, [ends[0] - smallest[0], largest[-1] - ends[1], 0.0]])))
