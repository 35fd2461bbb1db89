"""NormalFloat: levels that a normal distribution fills about equally."""

from statistics import NormalDist

import numpy as np


def normal_float_levels(bits: int) -> tuple[float, ...]:
    """float32 levels in [-1, 1]: quantiles of the normal distribution, one more above zero than below, zero exact.

    The outermost quantile is halfway between those of 2^bits and of 2^bits - 1 equal shares.
    Source: Dettmers et al. 2023, QLoRA (arXiv:2305.14314), appendix E.
    """
    half = 2 ** (bits - 1)
    outermost = (1 - 1 / (4 * half) + 1 - 1 / (2 * (2 * half - 1))) / 2
    quantile = NormalDist().inv_cdf
    positive = [quantile(p) for p in np.linspace(0.5, outermost, half + 1)[1:]]
    negative = [-quantile(p) for p in np.linspace(0.5, outermost, half)[1:]]
    return tuple((np.array([*sorted(negative), 0.0, *positive], np.float32) / np.float32(positive[-1])).tolist())
