"""Running sums in double-double: pairs (hi, lo) of float64 that carry about 106 bits."""

from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled

BLOCK = 64


@compiled("float64[:] float64[:]! float64[:]!")
def running_sums(values: Any, hi: Any, lo: Any) -> None:
    """hi, lo float64 (n + 1,): sum of the first i of `values` float64 (n,), exact to double-double.

    Source: two-sum, Knuth, The Art of Computer Programming 2, section 4.2.2.
    """
    a = 0.0
    b = 0.0
    hi[0] = 0.0
    lo[0] = 0.0
    for i in range(values.size):
        x = values[i]
        s = a + x
        z = s - a
        b += (a - (s - z)) + (x - z)
        a = s
        hi[i + 1] = a
        lo[i + 1] = b


@compiled("float32[:] int64 float64[:,:]!")
def block_sums(values: Any, block: Any, sums: Any) -> None:
    """Running double-double sums of x and x^2 of float32 (n,) at every `block`-th value.

    sums: float64 (n // block + 1, 4), filled: hi and lo of x, hi and lo of x^2, side by side so that a query waits for
    memory once. block: a multiple of 4.
    """
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    for i in range(sums.shape[0]):
        sums[i, 0] = a
        sums[i, 1] = b
        sums[i, 2] = c
        sums[i, 3] = d
        if (i + 1) * block > values.size:
            break
        t0 = t1 = t2 = t3 = 0.0
        q0 = q1 = q2 = q3 = 0.0
        for j in range(i * block, (i + 1) * block, 4):  # four sums at a time need not wait for one another
            x0 = np.float64(values[j])
            x1 = np.float64(values[j + 1])
            x2 = np.float64(values[j + 2])
            x3 = np.float64(values[j + 3])
            t0 += x0
            t1 += x1
            t2 += x2
            t3 += x3
            q0 += x0 * x0
            q1 += x1 * x1
            q2 += x2 * x2
            q3 += x3 * x3
        total = (t0 + t1) + (t2 + t3)
        square = (q0 + q1) + (q2 + q3)
        s = a + total
        z = s - a
        b += (a - (s - z)) + (total - z)
        a = s
        s = c + square
        z = s - c
        d += (c - (s - z)) + (square - z)
        c = s


@compiled("float32[:] float32[:] int64[:]!")
def positions_upto(values: Any, cuts: Any, positions: Any) -> None:
    """positions int64 (k,), filled: how many of the ascending `values` float32 (n,) are at most each cut float32 (k,).

    All searches advance by halves together and without a branch, so that their waits for memory overlap: five times
    faster than one after the other where the values are many and the cuts few.
    """
    n = values.size
    half = 1
    while 2 * half <= n:
        half *= 2
    for i in range(cuts.size):  # from here on the number lies in [position, position + half)
        positions[i] = n - half + 1 if n and values[half - 1] <= cuts[i] else 0
    while half > 1:
        half //= 2
        for i in range(cuts.size):
            at = positions[i]
            positions[i] = at + half if values[at + half - 1] <= cuts[i] else at


@compiled("float32[:] float32[:] int64[:]!")
def positions_along(values: Any, cuts: Any, positions: Any) -> None:
    """The same for ascending cuts that are many: each search goes on from where the last one ended."""
    n = values.size
    low = 0
    for i in range(cuts.size):
        step = 1
        high = low
        while high < n and values[high] <= cuts[i]:
            low = high + 1
            high += step
            step *= 2
        high = min(high, n)
        while low < high:
            middle = (low + high) // 2
            if values[middle] <= cuts[i]:
                low = middle + 1
            else:
                high = middle
        positions[i] = low


@compiled("float32[:] int64[:,:] int64 float64[:,:] float64[:,:]! float64[:,:]! float64[:,:]!")
def cell_sums(values: Any, positions: Any, block: Any, sums: Any, count: Any, total: Any, square: Any) -> None:
    """Number, sum and sum of squares of sorted float32 `values` between positions int64 (rows, k), ascending in a row.

    count, total, square: float64 (rows, k + 1), filled; the first cell begins at 0, the last one ends at n. Whole
    blocks come from the running sums of `block_sums`, the rest is added.
    """
    n = values.size
    for row in range(total.shape[0]):
        before = 0
        for cell in range(total.shape[1]):
            after = positions[row, cell] if cell < positions.shape[1] else n
            first = (before + block - 1) // block
            last = after // block
            t = 0.0
            q = 0.0
            if first < last:
                for j in range(before, first * block):
                    x = np.float64(values[j])
                    t += x
                    q += x * x
                for j in range(last * block, after):
                    x = np.float64(values[j])
                    t += x
                    q += x * x
                t += (sums[last, 0] - sums[first, 0]) + (sums[last, 1] - sums[first, 1])
                q += (sums[last, 2] - sums[first, 2]) + (sums[last, 3] - sums[first, 3])
            else:
                for j in range(before, after):
                    x = np.float64(values[j])
                    t += x
                    q += x * x
            count[row, cell] = after - before
            total[row, cell] = t
            square[row, cell] = q
            before = after


@compiled("float32[:] int64[:] float64[:]! float64[:]!")
def cell_ends(values: Any, positions: Any, smallest: Any, largest: Any) -> None:
    """First and last of the sorted `values` in each cell between positions int64 (k,); NaN where a cell is empty."""
    before = 0
    for cell in range(smallest.size):
        after = positions[cell] if cell < positions.size else values.size
        smallest[cell] = values[before] if after > before else np.nan
        largest[cell] = values[after - 1] if after > before else np.nan
        before = after
