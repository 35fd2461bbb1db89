"""The full range of the data."""

from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


def min_max(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """From the smallest to the largest value: nothing saturates, one outlier widens every step.

    symmetric: True mirrors the range at its larger end.
    Source: Jacob et al. 2018, Quantization and Training of Neural Networks (arXiv:1712.05877).
    """
    check_not_empty(distribution)
    whole = ClipRange(distribution.low, distribution.high)
    return whole.mirrored() if symmetric else whole
