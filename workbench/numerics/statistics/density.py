"""The density inside a bin of which count, mean and mean square are known: a quadratic matched to the three.

The browser computes live numbers by the same formulas (`ui/threshold/moments.js`); a test holds the two together.
"""

import numpy as np


def partial_moments(
    upto: np.ndarray, low: np.ndarray, high: np.ndarray, mean: np.ndarray, mean_square: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares of count, and means over the bin of x and x^2 restricted to x <= upto.

    All arguments float64 of one shape, low <= upto <= high, low < high. Returns three arrays: what each value of the
    bin contributes on average to (count, sum, sum of squares) below `upto`. A bin whose values all are equal (variance
    0 to rounding) goes whole to the side of its mean. Shares are kept within [0, 1].
    Density: (1 + 3 u1 t + 5 e2 (3 t^2 - 1) / 2) / 2 on t in [-1, 1], the Legendre expansion with u1 = E[t] and
    e2 = E[P2(t)]; it reproduces mean and mean square exactly.
    """
    half, centre = (high - low) / 2, (high + low) / 2
    t = (upto - centre) / half
    u1 = (mean - centre) / half
    u2 = (mean_square - 2 * centre * mean + centre**2) / half**2
    e2 = (3 * u2 - 1) / 2
    c0, c1, c2 = 0.5 - 1.25 * e2, 1.5 * u1, 3.75 * e2
    t2, t3, t4, t5 = t**2, t**3, t**4, t**5
    share = c0 * (t + 1) + c1 * (t2 - 1) / 2 + c2 * (t3 + 1) / 3
    first = c0 * (t2 - 1) / 2 + c1 * (t3 + 1) / 3 + c2 * (t4 - 1) / 4
    second = c0 * (t3 + 1) / 3 + c1 * (t4 - 1) / 4 + c2 * (t5 + 1) / 5
    point = u2 - u1**2 <= 1e-9
    below = (t >= u1).astype(np.float64)
    share = np.where(point, below, np.clip(share, 0.0, 1.0))
    first = np.where(point, below * u1, first)
    second = np.where(point, below * u2, second)
    total = centre * share + half * first
    square = centre**2 * share + 2 * centre * half * first + half**2 * second
    return share, total, square
