"""Error measured on the values themselves: for grouped quantizers and as the check of `expected_error`."""

from typing import Protocol

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.error import NO_ERROR, QuantizationError, cosine_of, decibels
from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.numerics.values import as_float32


class Adaptive(Protocol):
    """What becomes a quantizer once it sees the values, such as `DynamicQuantizer`."""

    def at(self, values: np.ndarray) -> Quantizer: ...


def measured_error(array: np.ndarray, quantizer: Quantizer | Adaptive, *, divergence: bool = True) -> QuantizationError:
    """All figures over all groups of an array: sums run over the whole tensor before ratios are taken.

    array: float32 of any shape; NaN and infinities are left out. quantizer: fixed, or one that takes its range from the
    array (samples with a range of their own are groups). kl is the mean of the groups' divergences, weighted by
    their counts (`divergence=False` leaves it 0: it sorts each group). levels_used counts the levels of all groups.
    Raises WorkbenchError for an array without finite values.
    """
    values = as_float32(array)
    quantizer = quantizer if isinstance(quantizer, Quantizer) else quantizer.at(values)
    rows = quantizer.grouping.split(values)
    finite = np.isfinite(rows)
    n = int(finite.sum())
    if not n:
        raise WorkbenchError(f"an array of shape {values.shape} holds no finite value")
    format = quantizer.format
    if format.unit_levels() is None and format.block_size is None and not quantizer.zero_band:
        return NO_ERROR
    quantized = quantizer.grouping.split(quantizer.fake_quantize(values))
    x, y = np.where(finite, rows, 0).astype(np.float64), np.where(finite, quantized, 0).astype(np.float64)
    below, above = saturation_cuts(*quantizer.end_levels)
    saturated = (x <= below[:, None]) | (x > above[:, None])
    squared = (x - y) ** 2
    rounding, clipping = float(squared[~saturated].sum()) / n, float(squared[saturated].sum()) / n
    mse = rounding + clipping
    signal = float((x**2).sum())
    return QuantizationError(
        mse=mse,
        rounding_mse=rounding,
        clipping_mse=clipping,
        sqnr_db=decibels(signal, mse * n),
        cosine=cosine_of(float((x * y).sum()), signal, float((y**2).sum())),
        kl=_mean_divergence(rows, quantizer) if divergence else 0.0,
        max_abs=float(np.abs(x - y).max()),
        saturated_fraction=float(saturated.sum()) / n,
        zeroed_fraction=float(((y == 0) & (x != 0)).sum()) / n,
        levels_used=sum(
            np.unique(row[np.isfinite(row) & kept]).size for row, kept in zip(quantized, finite, strict=True)
        ),
        interval=(mse, mse),
    )


def _mean_divergence(rows: np.ndarray, quantizer: Quantizer) -> float:
    """Count-weighted mean of the groups' KL divergences, nats."""
    groups = [SortedSums.of(row) for row in rows]
    weighted = [g.count * kl_divergence(g, quantizer.group(i)) for i, g in enumerate(groups) if g.count]
    return sum(weighted) / sum(g.count for g in groups)
