"""Ranges of many groups at once: one per channel or block of a weight."""

import numpy as np

from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import must_mirror
from workbench.numerics.clipping.least_error import least_error
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.clipping.range_search import search_range
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.numerics.values import as_float32


def clip_groups(
    rows: np.ndarray, format: Format | str, method: str, *, symmetric: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high, float32 (groups,), that a clipping method gives each row of `rows` float32 (groups, n).

    NaN and infinities are left out; a row without finite values gets (0, 0). The least-error search runs over all
    groups at once, with the candidates of `least_error`; every other method is asked group by group.
    Raises WorkbenchError for an unknown format or method.
    """
    clip, format, rows = CLIPPING[method], as_format(format), as_float32(rows)
    finite = np.isfinite(rows)
    filled = finite.any(axis=1)
    if clip is least_error and format.has_scale and not format.stochastic and rows.size:
        return _least_error_ranges(np.where(finite, rows, np.float32(0)), format, must_mirror(format, symmetric))
    low, high = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    if clip is min_max:
        low[filled] = rows.min(axis=1, where=finite, initial=np.inf)[filled]
        high[filled] = rows.max(axis=1, where=finite, initial=-np.inf)[filled]
        if symmetric:
            high = np.maximum(np.abs(low), np.abs(high))
            low = np.float32(0) - high
        return low, high
    for i in np.flatnonzero(filled):
        chosen = clip_range(method, SortedSums.of(rows[i]), format, symmetric=symmetric)
        low[i], high[i] = chosen.low, chosen.high
    return low, high


def _least_error_ranges(rows: np.ndarray, format: Format, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Low and high of least squared error of each row, float32 (groups,), all groups searched together."""

    def errors(lows: np.ndarray, highs: np.ndarray) -> np.ndarray:
        quantizer = Quantizer.covering(format, lows.ravel(), highs.ravel(), symmetric=mirrored, axis=0)
        columns = (np.reshape(figure, (*lows.shape, 1)) for figure in (quantizer.scale, quantizer.zero_point))
        return np.stack([format.squared_error(rows, *one) for one in zip(*columns, strict=True)])

    lowest, highest = rows.min(axis=1).astype(np.float64), rows.max(axis=1).astype(np.float64)
    low, high = search_range(lowest, highest, mirrored, errors)
    if not mirrored:  # equal values are covered as they are
        low, high = (np.where(lowest == highest, lowest, end) for end in (low, high))
    return low.astype(np.float32), high.astype(np.float32)
