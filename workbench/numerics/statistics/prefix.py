"""Running sums in double-double: pairs (hi, lo) of float64 that carry about 106 bits."""

from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled

BLOCK = 128


@compiled
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


@compiled
def block_sums(values: Any, block: Any, hi: Any, lo: Any, square_hi: Any, square_lo: Any) -> None:
    """Running double-double sums of x and x^2 of float32 (n,) at every `block`-th value: arrays (n // block + 1,)."""
    a = 0.0
    b = 0.0
    c = 0.0
    d = 0.0
    for i in range(hi.size):
        hi[i] = a
        lo[i] = b
        square_hi[i] = c
        square_lo[i] = d
        if (i + 1) * block > values.size:
            break
        total = 0.0
        square = 0.0
        for j in range(i * block, (i + 1) * block):
            x = np.float64(values[j])
            total += x
            square += x * x
        s = a + total
        z = s - a
        b += (a - (s - z)) + (total - z)
        a = s
        s = c + square
        z = s - c
        d += (c - (s - z)) + (square - z)
        c = s


@compiled
def cell_sums(
    values: Any, positions: Any, block: Any, hi: Any, lo: Any, square_hi: Any, square_lo: Any, total: Any, square: Any
) -> None:
    """Sums of x and x^2 of sorted float32 `values` between ascending `positions` (with 0 before and n after).

    total, square: float64 (len(positions) + 1,), filled. Whole blocks come from the running sums, the rest is added.
    """
    n = values.size
    before = 0
    for cell in range(total.size):
        after = positions[cell] if cell < positions.size else n
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
            t += (hi[last] - hi[first]) + (lo[last] - lo[first])
            q += (square_hi[last] - square_hi[first]) + (square_lo[last] - square_lo[first])
        else:
            for j in range(before, after):
                x = np.float64(values[j])
                t += x
                q += x * x
        total[cell] = t
        square[cell] = q
        before = after
