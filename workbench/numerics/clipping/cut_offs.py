"""Fixed cut-offs for the inputs of saturating functions, which say the same of everything beyond."""

from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution

SIGMOID_CUT = 6.0  # 1 - sigmoid(6) = 0.0025
TANH_CUT = 3.0  # 1 - tanh(3) = 0.0049: tanh(x) = 2 sigmoid(2 x) - 1


def _cut(distribution: Distribution, format: Format | str, symmetric: bool | None, limit: float) -> ClipRange:
    check_not_empty(distribution)
    if not as_format(format).has_scale:
        return ClipRange(distribution.low, distribution.high)
    low, high = (max(-limit, min(limit, end)) for end in (distribution.low, distribution.high))
    kept = ClipRange(low, high)
    return kept.mirrored() if symmetric else kept


def sigmoid_cut(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The full range, cut at -6 and 6: for the input of a sigmoid, whose output then errs by 0.0025 at most.

    symmetric: True mirrors the range at its larger end.
    """
    return _cut(distribution, format, symmetric, SIGMOID_CUT)


def tanh_cut(distribution: Distribution, format: Format | str, *, symmetric: bool | None = None) -> ClipRange:
    """The full range, cut at -3 and 3: for the input of a tanh, whose output then errs by 0.005 at most.

    symmetric: True mirrors the range at its larger end.
    """
    return _cut(distribution, format, symmetric, TANH_CUT)
