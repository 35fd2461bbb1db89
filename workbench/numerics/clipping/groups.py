"""Ranges of many groups at once: one per channel or block of a weight."""

import numpy as np

from workbench.numerics.clipping.asking import clip_range
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.clipping.clip_range import must_mirror
from workbench.numerics.clipping.least_error import COARSE, FINE, least_error
from workbench.numerics.clipping.min_max import min_max
from workbench.numerics.formats.catalogue import as_format
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.numerics.values import as_float32


def clip_groups(
    rows: np.ndarray, format: Format | str, method: str, *, symmetric: bool | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high, float32 (groups,), that a clipping method gives each row of `rows` float32 (groups, n).

    NaN and infinities are left out; a row without finite values gets (0, 0). The mirrored least-error search runs over
    all groups at once, with the candidates of `least_error`; every other method is asked group by group.
    Raises WorkbenchError for an unknown format or method.
    """
    clip, format, rows = CLIPPING[method], as_format(format), as_float32(rows)
    finite = np.isfinite(rows)
    filled = finite.any(axis=1)
    if clip is least_error and format.has_scale and not format.stochastic and must_mirror(format, symmetric):
        high = _least_error_thresholds(np.where(finite, rows, np.float32(0)), format)
        return np.float32(0) - high, high
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


def _least_error_thresholds(rows: np.ndarray, format: Format) -> np.ndarray:
    """The mirrored threshold of least squared error of each row, float32 (groups,)."""
    largest = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64)

    def error_at(ratio: np.ndarray) -> np.ndarray:
        high = ratio * largest
        quantizer = Quantizer.covering(format, -high, high, symmetric=True, axis=0)
        difference = quantizer.fake_quantize(rows) - rows
        return np.einsum("ij,ij->i", difference, difference, dtype=np.float64)

    best, best_error = np.ones(len(rows)), np.full(len(rows), np.inf)

    def look(ratio: np.ndarray) -> None:
        nonlocal best, best_error
        error = error_at(ratio)
        better = (error < best_error) | ((error == best_error) & (ratio > best))
        best, best_error = np.where(better, ratio, best), np.where(better, error, best_error)

    for ratio in COARSE:
        look(np.full(len(rows), ratio))
    width = float(np.log(COARSE[1] / COARSE[0]))
    for _ in range(2):
        centre = best
        for step in FINE:
            look(np.minimum(1.0, centre * np.exp(width * step)))
        width /= 4
    return (best * largest).astype(np.float32)
