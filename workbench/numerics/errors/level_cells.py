"""`LevelCells`: a distribution cut where a quantizer's levels meet, and the sums that every error is made of."""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.statistics.distribution import Cells, Distribution


@compiled("float64[:,:] float64[:,:] float64[:,:] float32[:,:] int64[:] int64[:] float64 float64 float64[:,:]!")
def _sum_up(
    count: Any,
    total: Any,
    square: Any,
    levels: Any,
    below: Any,
    above: Any,
    lost_below: Any,
    lost_above: Any,
    sums: Any,
) -> None:
    """Fill sums float64 (rows, 8), in the order of the fields of `Sums`; the other names are those of `LevelCells`.

    lost_below, lost_above: number of values that become infinite, and hold no level.
    """
    for row in range(count.shape[0]):
        inside = beyond = outside = 0.0
        signal = product = power = 0.0
        zeros = used = 0.0
        held = -lost_below
        before = 0
        for i in range(count.shape[1]):
            place = i - (i > below[row]) - (i > above[row])
            level = np.float64(levels[row, place])
            n = count[row, i]
            squared = square[row, i] - level * (2 * total[row, i] - level * n)
            if below[row] < i <= above[row]:
                inside += squared
            else:
                beyond += squared
                outside += n
            signal += square[row, i]
            product += level * total[row, i]
            power += level * level * n
            if level == 0:
                zeros += n
            if place != before:
                used += held > 0.5
                held = 0.0
                before = place
            held += n
        used += held - lost_above > 0.5
        # where a row of a histogram is cut, a density that is negative in places can make one part so: the other
        # makes up for it
        if inside < 0 or beyond < 0:
            whole = max(0.0, inside + beyond)
            inside, beyond = (whole, 0.0) if beyond < 0 else (0.0, whole)
        sums[row, 0] = inside
        sums[row, 1] = beyond
        sums[row, 2] = outside
        sums[row, 3] = signal
        sums[row, 4] = product
        sums[row, 5] = power
        sums[row, 6] = zeros
        sums[row, 7] = used


@dataclass(frozen=True, eq=False)
class Sums:
    """Over all cells of each row, float64 (rows,). x: a value, L: its level.

    inside, beyond: (x - L)^2 between the end levels, and beyond them; neither negative. outside: number of values
    beyond. signal, product, power: x^2, x L and L^2. zeros: number of values whose level is 0. used: number of levels
    that hold a value.
    """

    inside: np.ndarray
    beyond: np.ndarray
    outside: np.ndarray
    signal: np.ndarray
    product: np.ndarray
    power: np.ndarray
    zeros: np.ndarray
    used: np.ndarray


@dataclass(frozen=True, eq=False)
class LevelCells:
    """A distribution cut at the boundaries and at the end levels, by one quantizer or by many (a row each).

    levels: float32 (n,) or (rows, n). cuts: float32 (..., n + 1), ascending: the boundaries and the two places where
    saturation begins. below, above: int64 (...): which of the cuts those are; the first and the last, unless a zero
    band is wider than an end level. Cells up to `below`, and those behind `above`, lie beyond the end levels.
    """

    levels: np.ndarray
    cuts: np.ndarray
    below: np.ndarray
    above: np.ndarray
    cells: Cells

    @classmethod
    def of(
        cls, distribution: Distribution, levels: np.ndarray, boundaries: np.ndarray, ends: np.ndarray | None = None
    ) -> "LevelCells":
        """levels float32 (..., n), boundaries (..., n - 1); ends (..., 2): of all levels, where `levels` are a part."""
        n = levels.shape[-1]
        ends = levels[..., [0, -1]] if ends is None else ends
        low, high = (cut[..., None] for cut in saturation_cuts(ends[..., 0], ends[..., 1]))
        cuts = np.concatenate([low, boundaries, high], axis=-1, dtype=np.float32)
        below, above = np.zeros(low.shape[:-1], np.int64), np.full(low.shape[:-1], n, np.int64)
        if n > 1 and ((low > boundaries[..., :1]) | (boundaries[..., -1:] > high)).any():
            # values beyond an end are pruned to 0
            cuts = np.sort(cuts, axis=-1)
            below, above = (boundaries < low).sum(axis=-1), (boundaries <= high).sum(axis=-1) + 1
        return cls(levels, cuts, below, above, distribution.cells(cuts))

    def sums(self, overflown: tuple[float, float] = (0.0, 0.0)) -> Sums:
        """overflown: number of values that become infinite below and above; they hold no level."""
        cells, n = self.cells, self.below.size
        columns = (self.below.reshape(n), self.above.reshape(n))
        rows = (np.ascontiguousarray(a).reshape(n, -1) for a in (cells.count, cells.total, cells.square, self.levels))
        found = np.empty((n, 8))
        _sum_up(*rows, *columns, *overflown, found)
        return Sums(*found.T)

    @functools.cached_property
    def squared_errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum of (x - L)^2 between the end levels, and beyond them; float64 (rows,) each, () for one quantizer."""
        sums = self.sums()
        return sums.inside.reshape(self.below.shape), sums.beyond.reshape(self.below.shape)

    @property
    def level_of_cell(self) -> np.ndarray:
        """float32 (n + 2,): the level of each cell; of one quantizer."""
        i = np.arange(self.cuts.size + 1)
        return self.levels[i - (i > self.below) - (i > self.above)]
