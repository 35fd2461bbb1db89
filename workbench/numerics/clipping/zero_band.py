"""The band around zero that magnitude pruning sets to zero."""

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import check_not_empty
from workbench.numerics.statistics.distribution import Distribution


def zero_band(distribution: Distribution, sparsity: float) -> float:
    """The smallest float32 b for which at least the share `sparsity` of the values has magnitude <= b.

    sparsity: share in [0, 1) of all finite values; exact zeros count. Values of equal magnitude fall together, so that
    the share reached may be larger. 0 where there are zeros enough.
    Raises WorkbenchError for an empty distribution and for a share that is none.
    Source: Han et al. 2015, Learning both Weights and Connections (arXiv:1506.02626).
    """
    check_not_empty(distribution)
    if not 0 <= sparsity < 1:
        raise WorkbenchError(f"sparsity is {sparsity}; expected a share of values in [0, 1)")
    wanted = round(sparsity * distribution.count)
    if not wanted:
        return 0.0
    lowest, highest = -1, int(np.float32(distribution.absmax).view(np.uint32))
    while highest - lowest > 1:  # halving the float32 numbers, which ascend as their bit patterns do
        middle = (lowest + highest) // 2
        if _within(distribution, _number(middle)) >= wanted - 1e-6:
            highest = middle
        else:
            lowest = middle
    return float(_number(highest))


def _number(pattern: int) -> np.float32:
    return np.array([pattern], np.uint32).view(np.float32)[0]


def _within(distribution: Distribution, band: np.float32) -> float:
    """How many values have magnitude <= band."""
    cuts = np.array([np.nextafter(-band, np.float32(-np.inf)), band], np.float32)
    return float(distribution.cells(cuts).count[1])
