"""`QuantizationError`: what quantization does to one tensor, in numbers."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class QuantizationError:
    """All figures of one tensor under one quantizer. x: the values, y: what they become, L: the levels.

    mse: mean (x - y)^2, in squared units of the tensor; = rounding_mse + clipping_mse.
    rounding_mse: the part from values between the end levels. clipping_mse: the part from values beyond them.
    sqnr_db: 10 log10(sum x^2 / sum (x - y)^2), dB; infinite where there is no error.
    cosine: x.y / (|x| |y|); 1 where both are zeros alone, 0 where one is or where a value became infinite.
    kl: divergence of the value histograms, nats, see `divergence`.
    max_abs: largest |x - y|. saturated_fraction: share of values beyond the end levels, in [0, 1].
    zeroed_fraction: share of values that are not 0 but become 0. levels_used: levels that hold at least one value
    (None for fp32, which has no list of levels).
    interval: (low, high), bounds that the true mse is certain to lie in; both are mse where it was measured, and within
    1e-14 of the mean square of x or y (140 dB down) where it was read off exact sums.
    """

    mse: float
    rounding_mse: float
    clipping_mse: float
    sqnr_db: float
    cosine: float
    kl: float
    max_abs: float
    saturated_fraction: float
    zeroed_fraction: float
    levels_used: int | None
    interval: tuple[float, float]


NO_ERROR = QuantizationError(0.0, 0.0, 0.0, math.inf, 1.0, 0.0, 0.0, 0.0, 0.0, None, (0.0, 0.0))


def decibels(signal: float, noise: float) -> float:
    """10 log10(signal / noise); infinite without noise, minus infinite where noise is infinite or signal is 0."""
    if noise == 0:
        return math.inf
    if signal == 0 or math.isinf(noise):
        return -math.inf
    return 10 * math.log10(signal / noise)


def cosine_of(product: float, signal: float, power: float) -> float:
    """x.y / (|x| |y|) from x.y, |x|^2 and |y|^2; see `QuantizationError.cosine` for those that are 0 or infinite."""
    norm = math.sqrt(signal * power)
    if norm == 0:
        return float(signal == power)
    return max(-1.0, min(1.0, product / norm)) if math.isfinite(norm) else 0.0
