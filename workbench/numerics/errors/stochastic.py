"""The expected error of stochastic rounding, over the draws: cells are cut at the levels themselves."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import QuantizationError, cosine_of, decibels
from workbench.numerics.errors.interval import certain_interval
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.cost import Cost
from workbench.numerics.statistics.distribution import Cells, Distribution


@dataclass(frozen=True, eq=False)
class Draws:
    """A distribution cut so that all values of a cell are drawn between the same two levels, or go to the same one.

    cuts: float32 (n,), the levels, where saturation begins, and the ends of the zero band. cells: moments, (n + 1,).
    cost: the mean squared error over the draws; its `lower` and `upper` are the levels of each cell. beyond: bool
    (n + 1,), cells beyond the end levels.
    """

    cuts: np.ndarray
    cells: Cells
    cost: Cost
    beyond: np.ndarray

    @classmethod
    def of(cls, distribution: Distribution, quantizer: Quantizer) -> "Draws":
        levels, band = quantizer.levels, np.float32(quantizer.zero_band)
        assert levels is not None
        (low, high), below_band = saturation_cuts(levels[0], levels[-1]), np.nextafter(-band, np.float32(-np.inf))
        cuts = np.unique(np.concatenate([[low], levels, [high], [below_band, band] if band else []], dtype=np.float32))
        above, upto = np.append(np.float32(-np.inf), cuts), np.append(cuts, np.float32(np.inf))
        place = np.searchsorted(levels, upto, "left")
        lower, upper = levels[np.maximum(place - 1, 0)], levels[np.minimum(place, levels.size - 1)]
        pruned = (above >= below_band) & (upto <= band) & (band > 0)
        lower, upper = (np.where(pruned, 0.0, ends.astype(np.float64)) for ends in (lower, upper))
        cost = Cost(cuts.astype(np.float64), lower, upper, np.where(lower == upper, 1.0, -1.0))
        return cls(cuts, distribution.cells(cuts), cost, (upto <= low) | (above >= high))

    @property
    def means(self) -> np.ndarray:
        """Sum of E[y] x over each cell: x^2 where the mean is kept."""
        return np.where(self.cost.sign < 0, self.cells.square, self.cost.lower * self.cells.total)

    @property
    def powers(self) -> np.ndarray:
        """Sum of E[y^2] over each cell: (l + h) x - l h, or the square of the one level."""
        lower, upper, count = self.cost.lower, self.cost.upper, self.cells.count
        drawn = (lower + upper) * self.cells.total - lower * upper * count
        return np.where(self.cost.sign < 0, drawn, lower**2 * count)

    @property
    def squared_errors(self) -> tuple[float, float]:
        """Sum of E[(x - y)^2] between the end levels, and beyond them; where one is negative (the density of a row that
        is cut can be), the other makes up for it."""
        costs = self.cost.of_moments(self.cells.count, self.cells.total, self.cells.square)
        inside, beyond = float(costs[~self.beyond].sum()), float(costs[self.beyond].sum())
        if min(inside, beyond) >= 0:
            return inside, beyond
        whole = max(0.0, inside + beyond)
        return (whole, 0.0) if beyond < 0 else (0.0, whole)

    @property
    def zeroed(self) -> float:
        """Expected number of values that become 0, exact zeros among them."""
        count, total, lower, upper = self.cells.count, self.cells.total, self.cost.lower, self.cost.upper
        with np.errstate(divide="ignore", invalid="ignore"):
            down, up = count - total / upper, count - total / lower
        drawn = np.where(lower == 0, down, np.where(upper == 0, up, 0.0))
        return float(np.where(self.cost.sign < 0, drawn, np.where(lower == 0, count, 0.0)).sum())


def stochastic_error(distribution: Distribution, quantizer: Quantizer) -> QuantizationError:
    """All figures in the mean over the draws: x between the levels l and h costs (x - l)(h - x).

    levels_used counts the levels that can be hit. kl is that of the more likely level. Values beyond the end levels
    saturate.
    Source: Gupta et al. 2015, Deep Learning with Limited Numerical Precision (arXiv:1502.02551): the mean of stochastic
    rounding is x itself, from which the variance follows.
    """
    draws, n = Draws.of(distribution, quantizer), distribution.count
    cells, cost = draws.cells, draws.cost
    rounding, clipping = (sum_of_squares / n for sum_of_squares in draws.squared_errors)
    signal, product, power = (float(sums.sum()) for sums in (cells.square, draws.means, draws.powers))
    mse, filled = rounding + clipping, cells.count > 0.5
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(product, signal, power),
        kl=kl_divergence(distribution, quantizer),
        max_abs=_worst(distribution, draws),
        saturated_fraction=float(cells.count[draws.beyond].sum()) / n,
        zeroed_fraction=max(0.0, draws.zeroed - distribution.n_zeros) / n,
        levels_used=int(np.unique([cost.lower[filled], cost.upper[filled]]).size),
        interval=certain_interval(distribution, cost, mse, max(signal, power)),
    )


def _worst(distribution: Distribution, draws: Draws) -> float:
    """Largest |x - y| that a draw can give."""
    smallest, largest = distribution.extremes(draws.cuts)
    return float(np.nanmax(np.abs([draws.cost.upper - smallest, largest - draws.cost.lower])))
