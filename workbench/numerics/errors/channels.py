"""The error of each channel of an array, whatever the groups are that its scales belong to."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workbench.numerics.errors.saturation import saturation_cuts
from workbench.numerics.grouping import Grouping
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.extremes import finite_extremes
from workbench.numerics.values import as_float32

AT_ONCE = 1 << 18  # values that are in memory as float64


@dataclass(frozen=True, eq=False)
class ChannelErrors:
    """Sums over the finite values x of each channel and what they become, y; float64 (channels,) each.

    count: how many. low, high: extremes, NaN in a channel without any. signal: sum x^2. squared_error: sum (x - y)^2.
    saturated: how many lie beyond the end levels.
    """

    count: np.ndarray
    low: np.ndarray
    high: np.ndarray
    signal: np.ndarray
    squared_error: np.ndarray
    saturated: np.ndarray

    def __len__(self) -> int:
        return int(self.count.size)

    @functools.cached_property
    def mse(self) -> np.ndarray:
        """Mean (x - y)^2; NaN where there is no value, as in `saturated_fraction`."""
        return self._share_of_count(self.squared_error)

    @functools.cached_property
    def saturated_fraction(self) -> np.ndarray:
        return self._share_of_count(self.saturated)

    @functools.cached_property
    def sqnr_db(self) -> np.ndarray:
        """10 log10(signal / squared error), dB; infinite without error, minus infinite where the signal is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = 10 * np.log10(self.signal / self.squared_error)
        return np.where(self.squared_error == 0, np.inf, values)

    @functools.cached_property
    def share(self) -> np.ndarray:
        """Part of the tensor's squared error, in [0, 1]; where some are infinite, these have equal parts of it."""
        infinite = np.isinf(self.squared_error)
        parts = infinite.astype(np.float64) if infinite.any() else self.squared_error
        return parts / (parts.sum() or 1.0)

    def _share_of_count(self, sums: np.ndarray) -> np.ndarray:
        return np.divide(sums, self.count, out=np.full(sums.size, np.nan), where=self.count > 0)


def channel_errors(
    array: np.ndarray, quantizer: Quantizer | None, axis: int, between: Callable[[], None] | None = None
) -> ChannelErrors:
    """What a quantizer does to each index along `axis`; measured on the values, NaN and infinities left out.

    array: float32 of any shape. quantizer: any, its scales may be those of the tensor, of channels along any axis or of
    blocks; None: nothing changes. between: called now and then; may raise to end the work.
    Raises WorkbenchError where axis or groups do not fit the shape.
    """
    values, channels = as_float32(array), Grouping(axis)
    rows = channels.split(values)
    quantized, saturated = rows, None
    if quantizer is not None:
        quantized = channels.split(quantizer.fake_quantize(values))
        saturated = channels.split(_saturated(values, quantizer))
    low, high, _ = finite_extremes(rows)
    low, high = (np.where(low <= high, end, np.nan).astype(np.float64) for end in (low, high))
    sums = np.zeros((4, len(rows)))  # count, signal, squared error, saturated
    step = max(1, AT_ONCE // max(1, rows.shape[1]))
    for first in range(0, len(rows), step):
        if between is not None:
            between()
        at = slice(first, first + step)
        finite = np.isfinite(rows[at])
        x, y = (np.where(finite, part[at], 0).astype(np.float64) for part in (rows, quantized))
        sums[0, at] = finite.sum(axis=1)
        sums[1, at] = (x**2).sum(axis=1)
        sums[2, at] = ((x - y) ** 2).sum(axis=1)
        sums[3, at] = 0 if saturated is None else (saturated[at] & finite).sum(axis=1)
    return ChannelErrors(sums[0], low, high, sums[1], sums[2], sums[3])


def _saturated(values: np.ndarray, quantizer: Quantizer) -> np.ndarray:
    """Which values lie beyond the end levels of their group; bool, shape as `values`."""
    grouping = quantizer.grouping
    groups = grouping.split(values)
    below, above = (cut[:, None] for cut in saturation_cuts(*quantizer.end_levels))
    return grouping.join((groups <= below) | (groups > above), values.shape)
