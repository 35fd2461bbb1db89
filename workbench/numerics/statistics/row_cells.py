"""The kernel behind `RowTable.cells`: the formulas of `density.partial_moments`, one cut after the other."""

from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled


@compiled(
    "float64[:,:] float64[:] float64[:] float64[:] float64[:] float64[:] float64[:,:] float64[:,:] float64[:,:,:]!"
)
def cells_of_rows(
    cuts: Any, low: Any, high: Any, count: Any, offset: Any, variance: Any, hi: Any, lo: Any, moments: Any
) -> None:
    """Fill moments float64 (3, questions, k + 1): count, sum and sum of squares between cuts float64 (questions, k).

    The cuts ascend in each question. low, high, count, offset, variance: of the rows, float64 (n,), see `RowTable`;
    hi, lo: their running sums, float64 (3, n + 1).
    """
    n = low.size
    here = np.zeros(3)  # what the row that a cut splits has below it
    last = np.zeros(3)
    for question in range(cuts.shape[0]):
        whole = 0
        before = 0
        last[:] = 0.0
        for i in range(cuts.shape[1] + 1):
            here[:] = 0.0
            if i == cuts.shape[1]:
                whole = n
            else:
                cut = cuts[question, i]
                step = 1
                end = whole  # rows wholly at or below the cut: ascending cuts go on from one another
                while end < n and high[end] <= cut:
                    whole = end + 1
                    end += step
                    step *= 2
                end = min(end, n)
                while whole < end:
                    middle = (whole + end) // 2
                    if high[middle] <= cut:
                        whole = middle + 1
                    else:
                        end = middle
                if whole < n and low[whole] <= cut:
                    half = (high[whole] - low[whole]) / 2
                    t = (cut - low[whole] - half) / half
                    u1 = (offset[whole] - half) / half
                    u2 = (offset[whole] ** 2 + variance[whole] - 2 * half * offset[whole] + half**2) / half**2
                    if u2 - u1**2 <= 1e-9:
                        share = 1.0 if t >= u1 else 0.0
                        first = share * u1
                        second = share * u2
                    else:
                        e2 = (3 * u2 - 1) / 2
                        c0 = 0.5 - 1.25 * e2
                        c1 = 1.5 * u1
                        c2 = 3.75 * e2
                        t2 = t * t
                        t3 = t2 * t
                        t4 = t3 * t
                        share = c0 * (t + 1) + c1 * (t2 - 1) / 2 + c2 * (t3 + 1) / 3
                        first = c0 * (t2 - 1) / 2 + c1 * (t3 + 1) / 3 + c2 * (t4 - 1) / 4
                        second = c0 * (t3 + 1) / 3 + c1 * (t4 - 1) / 4 + c2 * (t4 * t + 1) / 5
                        share = min(max(share, 0.0), 1.0)
                    total = half * (share + first)  # of x - low
                    square = half**2 * (share + 2 * first + second)
                    foot = low[whole]
                    here[0] = count[whole] * share
                    here[1] = count[whole] * (foot * share + total)
                    here[2] = count[whole] * (foot**2 * share + 2 * foot * total + square)
            for k in range(3):
                # the large parts of the running sums cancel exactly before the small ones are added
                small = (lo[k, whole] - lo[k, before]) + (here[k] - last[k])
                moments[k, question, i] = (hi[k, whole] - hi[k, before]) + small
                last[k] = here[k]
            before = whole
