"""`Cost`: what a value costs, as a parabola in each cell between cuts; every error that is read off a distribution."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Cost:
    """sign (x - lower) (x - upper) in each cell between strictly ascending cuts, cells as in `Cells`.

    cuts: float64 (n,). lower, upper, sign: float64 (n + 1,). sign is 1, with lower = upper, where x goes to one level;
    -1 where it is drawn between two, in the mean over the draws; 0 where it is kept. In its cell no cost is negative.
    """

    cuts: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    sign: np.ndarray

    @classmethod
    def squared_error(cls, boundaries: np.ndarray, levels: np.ndarray) -> "Cost":
        """(x - level)^2; boundaries (n - 1,), levels (n,). Levels between equal boundaries hold nothing, and go."""
        reached = np.append(True, np.diff(boundaries) > 0)[: boundaries.size]
        known = levels[np.append(reached, True)].astype(np.float64)
        return cls(boundaries[reached].astype(np.float64), known, known, np.ones(known.size))

    @property
    def changes(self) -> np.ndarray:
        """bool (n,): cuts at which the formula is another one on the other side."""
        formula = np.stack([self.lower, self.upper, self.sign])
        return (formula[:, 1:] != formula[:, :-1]).any(axis=0)

    def at(self, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Cost of each x, float64, by the formula of its cell."""
        return self.sign[cell] * ((x - self.lower[cell]) * (x - self.upper[cell]))

    def slope(self, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Derivative of `at`."""
        return self.sign[cell] * ((x - self.lower[cell]) + (x - self.upper[cell]))

    def of_moments(
        self,
        count: np.ndarray | float,
        total: np.ndarray,
        square: np.ndarray,
        cell: np.ndarray | slice = np.s_[:],
        origin: np.ndarray | float = 0.0,
    ) -> np.ndarray:
        """Cost of all values of a cell, float64, from count, sum and sum of squares of x - origin."""
        lower, upper = self.lower[cell] - origin, self.upper[cell] - origin
        return self.sign[cell] * (square - (lower + upper) * total + lower * upper * count)
