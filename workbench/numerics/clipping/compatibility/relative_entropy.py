"""KL divergence of two lists, and the smoothing that the tools put before it."""

import numpy as np


def relative_entropy_terms(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """p log(p / q), float64 (n,): 0 where p is 0, infinite where q alone is 0.

    Between 1/2 and 2 the logarithm of the ratio is taken by log1p, which keeps the digits of small differences, as
    `scipy.special.rel_entr` does.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    terms = np.where((p > 0) & (q == 0), np.inf, 0.0)
    both = (p > 0) & (q > 0)
    a, b = p[both], q[both]
    with np.errstate(over="ignore", under="ignore"):
        ratio = a / b
        near = (ratio > 0.5) & (ratio < 2)
        log = np.log1p(np.where(near, a - b, 0.0) / b)
    apart = (ratio == 0) | np.isinf(ratio)
    log[~near] = np.log(np.where(apart, 1.0, ratio)[~near])
    log[apart] = np.log(a[apart]) - np.log(b[apart])
    terms[both] = a * log
    return terms


def relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """KL divergence of P from Q in nats, after each is divided by its sum; infinite where Q is 0 and P is not.

    p, q: (n,), not negative, neither all zero.
    Source: S. Kullback and R. A. Leibler, On information and sufficiency, 1951.
    """
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return float(relative_entropy_terms(p / p.sum(), q / q.sum()).sum())


def smooth(counts: np.ndarray, eps: float = 1e-4) -> tuple[np.ndarray, float] | None:
    """`counts` with each zero as `eps`, the sum of that taken evenly from the other bins; and what each of them lost.

    counts: (n,), not negative; the result is float32 (n,). None where that is not possible: all counts are zero, or
    each would lose 1 or more.
    Source: `_smooth_distribution` of Apache MXNet (python/mxnet/contrib/quantization.py, 1.2), in float32 like there.
    """
    zero = np.asarray(counts) == 0
    n_zeros, n_filled = int(zero.sum()), int((~zero).sum())
    if not n_filled:
        return None
    lost = eps * n_zeros / n_filled
    if lost >= 1:
        return None
    amounts = np.float32(eps) * zero.astype(np.float32) + np.float32(-lost) * (~zero).astype(np.float32)
    return np.asarray(counts).astype(np.float32) + amounts, lost
