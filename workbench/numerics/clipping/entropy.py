"""The threshold whose quantized histogram is nearest to the original, by KL divergence."""

import numpy as np

from workbench.numerics.clipping.clip_range import ClipRange, without_search
from workbench.numerics.clipping.sweep import ThresholdCurve, sweep
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

SMALLEST_RATIO = 0.05  # below, few bins are inside and their KL says nothing about the tensor
TIE = 1e-12  # nats: what rounding can leave of a divergence that is 0


def entropy(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The threshold with the least KL divergence between the values and what they become.

    Candidates are the edges of the 2048 bins from 5 % of the largest magnitude on, where anything but zeros is inside.
    Of equal ones (within 1e-12 nats) the largest wins, so that nothing is clipped without a gain.
    symmetric: as in `sweep`. The definition is that of `workbench.numerics.errors.divergence`.
    Source: after S. Migacz, 8-bit inference with TensorRT, GTC 2017.
    """
    format = as_format(format)
    known = without_search(distribution, format, symmetric)
    if known is not None:
        return known
    curve = sweep(distribution, format, symmetric=symmetric)
    eligible = np.flatnonzero((curve.thresholds >= SMALLEST_RATIO * distribution.absmax) & _holds_values(curve))
    if not eligible.size:
        eligible = np.array([curve.thresholds.size - 1])
    best = eligible[curve.kl[eligible] <= curve.kl[eligible].min() + TIE][-1]
    return ClipRange(float(curve.low[best]), float(curve.high[best]))


def _holds_values(curve: ThresholdCurve) -> np.ndarray:
    """bool (n,): whether a filled bin lies between the end levels; KL is 0, and says nothing, where none does."""
    bins = curve.distribution.linear_bins()
    filled = bins.centres[bins.counts > 0]
    # the zero point of an affine quantizer is rounded, which moves its end levels by up to half a step
    shift = 0.0 if curve.symmetric else (curve.high - curve.low) / (2**curve.format.bits - 2) / 2
    return np.searchsorted(filled, curve.high - shift, "right") > np.searchsorted(filled, curve.low + shift, "left")
