"""KL at every candidate in O(levels) each: prefix sums of c, [c > 0] and c log c, and a kernel that reads them."""

from typing import Any

import numpy as np

from workbench.numerics.clipping.compatibility.definition import Definition
from workbench.numerics.compiled import compiled

DIRECT = 0.02  # share of the smallest count above which the series of (c - e) log(c - e) is summed bin by bin instead


def divergences(
    counts: np.ndarray, starts: np.ndarray, stops: np.ndarray, levels: int, definition: Definition
) -> np.ndarray:
    """KL of P from Q, float64 (k,), at each slice [start, stop) of a histogram; infinite where it is none.

    counts: float64 (n,); starts, stops: int64 (k,), of at least two bins; levels: groups, at least two.
    Agrees with `relative_entropy(*expand(...))` after the definition's treatment of zeros to about 1e-12; sums that a
    tool makes in float32 are made in float64. Q is constant on the filled bins of a group, so that a group needs two
    differences of prefix sums and one logarithm.
    """
    counts = np.ascontiguousarray(counts, np.float64)
    filled = counts > 0
    log = np.log(np.where(filled, counts, 1.0))
    inverse = np.where(filled, 1.0 / np.where(filled, counts, 1.0), 0.0)
    sums = np.zeros((6, counts.size + 1))
    for row, column in zip(sums, (counts, filled, counts * log, log, inverse, inverse**2), strict=True):
        np.cumsum(column, out=row[1:])
    d = definition
    choices = np.array(
        [
            d.even_groups,
            ("filled", "one_short", "empty").index(d.remainder),
            d.counted == "p",
            ("p", "slice", "always").index(d.filled),
            d.drop_first,
            d.truncated,
            ("skip", "replace", "smooth").index(d.zeros),
        ],
        np.int64,
    )
    kl = np.empty(starts.size)
    direct = DIRECT * (counts[filled].min() if filled.any() else 1.0)
    _kernel(counts, sums, starts.astype(np.int64), stops.astype(np.int64), levels, choices, d.eps, direct, kl)
    return kl


@compiled("float64[:] float64[:,:] int64[:] int64[:] int64 int64[:] float64 float64 float64[:]!")
def _kernel(
    counts: Any, sums: Any, starts: Any, stops: Any, levels: Any, choices: Any, eps: Any, direct: Any, kl: Any
) -> None:
    """Fill `kl`; the names are those of `Definition`, `sums` (6, n + 1) and `choices` those of `divergences`."""
    even, remainder, by_p, fill, drop, truncated, zeros = choices
    total, number = sums[0], sums[1]
    n = counts.size
    value = np.zeros(levels)  # of each group: Q, the number of its bins, P's sum and number of bins there
    bins = np.zeros(levels)
    p_sum = np.zeros(levels)
    p_number = np.zeros(levels)
    for k in range(starts.size):
        a = starts[k]
        b = stops[k]
        size = b - a
        p_first = counts[a] + total[a]
        p_last = counts[b - 1] + total[n] - total[b]
        first = 0.0 if drop else counts[a]
        last = counts[b - 1]
        p_total = total[n]
        n_p = number[b - 1] - number[a + 1] + (p_first > 0) + (p_last > 0)
        groups = min(levels, size)
        width = max(size // levels, 1)
        q_total = 0.0
        n_q = 0.0
        unfilled = p_total  # P's sum, and number of bins, where Q is 0
        n_unfilled = n_p
        for g in range(groups):
            low = a + g * width
            high = a + (g + 1) * width  # of the counts
            if even and levels < size:
                low = a + (g * size + levels - 1) // levels
                high = a + ((g + 1) * size + levels - 1) // levels
            end = high  # of the bins that Q is written to
            if g == groups - 1:
                high = b
                if even or remainder == 0:
                    end = b
                elif remainder == 1:
                    end = b - 1
            s = total[high] - total[low]
            filled = 0.0 + number[end] - number[low]
            counted = filled
            s_p = total[end] - total[low]
            on_p = filled
            if g == 0 and end > low:
                was = 1.0 if counts[a] > 0 else 0.0
                s -= counts[a] - first
                in_p = 1.0 if p_first > 0 else 0.0
                in_slice = 1.0 if first > 0 else 0.0
                counted += (in_p if by_p else in_slice) - was
                filled += (in_slice if fill == 1 else in_p) - was
                if fill == 1 and in_slice == 0:
                    s_p -= counts[a]
                    on_p -= was
                else:
                    s_p += p_first - counts[a]
                    on_p += in_p - was
            if end == b and end > low:
                was = 1.0 if last > 0 else 0.0
                in_p = 1.0 if p_last > 0 else 0.0
                counted += (in_p if by_p else was) - was
                filled += (was if fill == 1 else in_p) - was
                if fill != 1 or was > 0:
                    s_p += p_last - last
                    on_p += in_p - was
            q = s / counted if counted > 0 else 0.0
            if truncated:
                q = np.floor(q)
            if fill == 2:
                filled = 0.0 + end - low
            value[g] = q
            bins[g] = filled
            p_sum[g] = s_p
            p_number[g] = on_p
            if q > 0:
                q_total += q * filled
                n_q += filled
                unfilled -= s_p
                n_unfilled -= on_p
        e_p = 0.0
        e_q = 0.0
        p_norm = p_total
        q_norm = q_total
        if zeros == 0:
            if n_unfilled > 0.5 or n_p == 0:
                kl[k] = np.inf
                continue
        elif zeros == 1:
            p_norm += eps * (size - n_p)
            q_norm += eps * (size - n_q)
        else:
            if n_p == 0 or n_q == 0:
                kl[k] = np.inf
                continue
            e_p = eps * (size - n_p) / n_p
            e_q = eps * (size - n_q) / n_q
            if e_p >= 1 or e_q >= 1:
                kl[k] = np.inf
                continue
        ends = 0.0
        if p_first > 0:
            ends += (p_first - e_p) * np.log(p_first - e_p)
        if p_last > 0:
            ends += (p_last - e_p) * np.log(p_last - e_p)
        own = 0.0
        if e_p > direct:
            for i in range(a + 1, b - 1):
                if counts[i] > 0:
                    own += (counts[i] - e_p) * np.log(counts[i] - e_p)
        else:
            own = sums[2, b - 1] - sums[2, a + 1]
            if e_p > 0:
                inside = number[b - 1] - number[a + 1]
                own -= e_p * (sums[3, b - 1] - sums[3, a + 1] + inside)
                own += e_p**2 / 2 * (sums[4, b - 1] - sums[4, a + 1])
                own += e_p**3 / 6 * (sums[5, b - 1] - sums[5, a + 1])
        cross = 0.0
        for g in range(groups):
            if value[g] > 0 and bins[g] > 0:
                if value[g] <= e_q:
                    cross = -np.inf
                    break
                level = np.log(value[g] - e_q)
                cross += (p_sum[g] - e_p * p_number[g]) * level
                if bins[g] > p_number[g]:
                    cross += eps * (bins[g] - p_number[g]) * (level - np.log(eps))
        if zeros != 0:
            cross += (unfilled - e_p * n_unfilled) * np.log(eps)
        found = (ends + own - cross) / p_norm + np.log(q_norm / p_norm)
        kl[k] = np.inf if np.isnan(found) else found  # a count below what smoothing takes from it
