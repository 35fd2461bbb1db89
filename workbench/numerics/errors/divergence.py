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
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution, LinearBins


@compiled
def divergence_of_levels(counts: Any, n_zeros: Any, level: Any, first: Any, last: Any) -> Any:
    """KL in nats. counts float64 (bins,), level float32 (bins,) the level each bin goes to, bins first..last inside."""
    n = counts.size
    below = 0.0
    above = 0.0
    inside = 0.0
    left = -1
    right = -1
    for i in range(n):
        if i < first:
            below += counts[i]
        elif i > last:
            above += counts[i]
        else:
            inside += counts[i]
            if counts[i] > 0:
                if left < 0:
                    left = i
                right = i
    total = inside + below + above + n_zeros
    kept = inside + n_zeros
    if left < 0 or kept == 0:
        return 0.0  # nothing, or zeros alone, are inside: P and Q are one cell
    result = 0.0
    if n_zeros > 0:
        result += n_zeros / total * np.log(kept / total)
    i = left
    while i <= right:
        group = 0.0
        filled = 0
        j = i
        while j <= right and level[j] == level[i]:
            group += counts[j]
            if counts[j] > 0:
                filled += 1
            j += 1
        for k in range(i, j):
            if counts[k] > 0:
                p = counts[k]
                if k == left:
                    p += below
                if k == right:
                    p += above
                result += p / total * np.log(p / total * kept * filled / group)
        i = j
    return max(result, 0.0)


def divergence_of_bins(bins: LinearBins, quantizer: Quantizer) -> float:
    """KL of counted values under a quantizer of one group, nats; the kernel says which level a bin's centre goes to.

    Under stochastic rounding it is the more likely level: draws would scatter a bin's neighbours.
    """
    centres = bins.centres
    likely = quantizer
    if quantizer.format.stochastic:
        likely = dataclasses.replace(quantizer, format=quantizer.format.with_choices(rounding="nearest_even"))
    level = likely.fake_quantize(centres)
    lowest, highest = quantizer.end_levels
    first = int(np.searchsorted(centres, lowest[0], "left"))
    last = int(np.searchsorted(centres, highest[0], "right")) - 1
    return float(divergence_of_levels(bins.counts, bins.n_zeros, level, first, last))


def kl_divergence(distribution: Distribution, quantizer: Quantizer) -> float:
    """KL divergence of one group under one quantizer, nats; 0 for fp32 and for formats finer than the bins."""
    if quantizer.format.unit_levels() is None:
        return 0.0
    return divergence_of_bins(distribution.linear_bins(), quantizer)
