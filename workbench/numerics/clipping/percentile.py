"""A range that leaves a small share of the values outside."""

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution


def percentile(
    distribution: Distribution, format: Format | str, *, symmetric: bool | None = None, keep: float = 0.9999
) -> ClipRange:
    """The range that keeps 99.99 % of the values, cut equally from both tails.

    keep: share in (0, 1]; 1.0 equals min_max. symmetric: True mirrors the range at its larger end.
    Source: Wu et al. 2020, Integer Quantization for Deep Learning Inference (arXiv:2004.09602).
    """
    check_not_empty(distribution)
    if not 0 < keep <= 1:
        raise WorkbenchError(f"keep is {keep}; expected a share in (0, 1]")
    tail = (1 - keep) / 2
    low = distribution.quantile(tail) if tail else distribution.low
    kept = ClipRange(low, distribution.quantile(1 - tail) if tail else distribution.high)
    return kept.mirrored() if symmetric else kept
