"""KL divergence between the values and what they become: one definition for live numbers, curves and scripts.

P: bins inside the clip range (their centre lies between the end levels), what lies beyond each end added to the last
non-empty bin inside. Q: the same bins without that addition, each level's sum spread evenly over its non-empty bins.
Exact zeros are a cell of their own in both. Both normalised; KL = sum P ln(P / Q) in nats. Never infinite: Q is
positive wherever P is. Where nothing but zeros is inside, KL is 0 and says nothing.
Differences to published definitions, and why: Q leaves the clipped values out, or KL would fall to 0 with T; zeros
stand apart, or a ReLU tensor would show 0.6 to 1 nat at every T.
Related: S. Migacz, 8-bit inference with TensorRT, GTC 2017.
"""

import dataclasses
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.errors.candidates import parts_of
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution, FilledBins


@compiled("float64[:] float64[:,:] float64 float32[:,:] int64[:] int64[:] float64[:]!")
def _divergences(counts: Any, running: Any, n_zeros: Any, level: Any, first: Any, last: Any, kl: Any) -> None:
    """Fill `kl` as `divergences_of_levels` says; counts, running and n_zeros are those of `FilledBins`.

    With S the sum of a level's f counts c, KL is the sum over levels of c ln c + S ln(f / S), divided by the total,
    plus ln(kept / total); to which comes what clipping adds to the end bins. A level of one bin adds nothing.
    """
    n = counts.size
    for row in range(kl.size):
        left = first[row]
        right = last[row]
        if left > right:
            kl[row] = 0.0  # nothing, or zeros alone, are inside: P and Q are one cell
            continue
        result = 0.0
        share = 0.0
        share_left = 0.0
        i = left
        while i <= right:
            j = i + 1
            while j <= right and level[row, j] == level[row, i]:
                j += 1
            group = (running[j, 0] - running[i, 0]) + (running[j, 1] - running[i, 1])
            share = np.log((j - i) / group)
            if j > i + 1:
                result += (running[j, 2] - running[i, 2]) + (running[j, 3] - running[i, 3]) + group * share
            if i == left:
                share_left = share
            i = j
        kept = (running[right + 1, 0] - running[left, 0]) + (running[right + 1, 1] - running[left, 1]) + n_zeros
        below = running[left, 0] + running[left, 1]
        above = (running[n, 0] - running[right + 1, 0]) + (running[n, 1] - running[right + 1, 1])
        total = kept + below + above
        p = counts[left] + below + (above if left == right else 0.0)
        result += p * np.log(p) - counts[left] * np.log(counts[left]) + (p - counts[left]) * share_left
        if left < right:
            p = counts[right] + above
            result += p * np.log(p) - counts[right] * np.log(counts[right]) + (p - counts[right]) * share
        kl[row] = max(result / total + np.log(kept / total), 0.0)


def divergences_of_levels(bins: FilledBins, level: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """KL of counted values under many quantizers, float64 (rows,), nats.

    level: (rows, bins), float32 numbers that tell the level which each bin goes to; first, last: int (rows,), the bins
    inside; none where last < first. O(bins) for each, with a logarithm a level.
    """
    kl = np.empty(len(level))
    level = np.ascontiguousarray(level, np.float32)
    first, last = (np.ascontiguousarray(ends, np.int64) for ends in (first, last))
    _divergences(bins.counts, bins.running, bins.n_zeros, level, first, last, kl)
    return kl


def divergences_of_bins(bins: FilledBins, quantizer: Quantizer) -> np.ndarray:
    """KL of counted values under each group of a quantizer, float64 (groups,), nats.

    The kernel says which level a bin's centre goes to. Under stochastic rounding it is the more likely level: draws
    would scatter a bin's neighbours.
    """
    centres, kl = bins.centres, np.zeros(quantizer.n_groups)
    if quantizer.format.stochastic:
        likely = quantizer.format.with_choices(rounding="nearest_even")
        quantizer = dataclasses.replace(quantizer, format=likely)
    for at, part in parts_of(quantizer, max(centres.size, 1)):
        level = part.fake_quantize(np.broadcast_to(centres, (part.n_groups, centres.size)))
        lowest, highest = part.end_levels
        first, last = np.searchsorted(centres, lowest, "left"), np.searchsorted(centres, highest, "right") - 1
        kl[at] = divergences_of_levels(bins, level, first, last)
    return kl


def kl_at(distribution: Distribution, quantizer: Quantizer) -> np.ndarray:
    """KL divergence of one distribution under each group of a quantizer, float64 (groups,), nats.

    0 for fp32 and for formats finer than the bins.
    """
    if quantizer.format.unit_levels() is None:
        return np.zeros(quantizer.n_groups)
    return divergences_of_bins(distribution.linear_bins().filled, quantizer)


def kl_divergence(distribution: Distribution, quantizer: Quantizer) -> float:
    """`kl_at` of one group."""
    return float(kl_at(distribution, quantizer)[0])
