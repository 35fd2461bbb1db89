"""A range that follows the data sample by sample, so that one outlier counts for little."""

from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.clipping.clip_range import ClipRange, check_not_empty
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.statistics.distribution import Distribution
from workbench.numerics.statistics.sorted_sums import SortedSums


def moving_average_range(ranges: Any, c: float = 0.01) -> tuple[float, float]:
    """(low, high) after all samples: the first range, then m + c (new - m) for each that follows.

    ranges: (n, 2), low and high of each sample in the order they were seen; rows that are not finite (samples without a
    finite value) are left out. c: weight of a new sample, in (0, 1]; computed in float64.
    Raises WorkbenchError for another c, another shape, or where no range is left.
    Source: Jacob et al. 2018 (arXiv:1712.05877), section 3.1; PyTorch's MovingAverageMinMaxObserver has c = 0.01.
    """
    if not 0 < c <= 1:
        raise WorkbenchError(f"c is {c}; expected a weight in (0, 1]")
    rows = np.asarray(ranges, np.float64)
    if rows.ndim != 2 or rows.shape[1] != 2:
        raise WorkbenchError(f"ranges of shape {rows.shape}; expected (samples, 2), low and high of each sample")
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        raise WorkbenchError("no sample has a finite range to average; calibrate with data first")
    low, high = rows[0].tolist()
    for new_low, new_high in rows[1:].tolist():
        low += c * (new_low - low)
        high += c * (new_high - high)
    return low, high


def moving_average(
    distribution: Distribution, format: Format | str, *, symmetric: bool | None = None, c: float = 0.01
) -> ClipRange:
    """The average of the samples' ranges, each new one with a weight of 1 %, in the order they were seen.

    A weight is one sample, so that its range is the full one. c: weight of a new sample, in (0, 1]. symmetric: True
    mirrors the range at its larger end.
    Raises WorkbenchError for another c, and for a distribution that did not keep the ranges of its samples.
    Source: as `moving_average_range`.
    """
    check_not_empty(distribution)
    if not as_format(format).has_scale:
        return ClipRange(distribution.low, distribution.high)
    ranges = getattr(distribution, "sample_ranges", None)
    if isinstance(distribution, SortedSums):
        ranges = [(distribution.low, distribution.high)]
    if ranges is None or not len(ranges):
        raise WorkbenchError(
            "this distribution has not kept the ranges of its samples, which moving_average needs; "
            "calibrate with data again, or use min_max"
        )
    averaged = ClipRange(*moving_average_range(ranges, c))
    return averaged.mirrored() if symmetric else averaged
