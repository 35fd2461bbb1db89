"""Channels and blocks on one axis: every value over the largest magnitude of its group.

One threshold T scales all ranges to [-T a, T a], a being each group's own maximum. In units of a the levels are the
same for all groups, so one histogram of x / a with weights a^2 gives the summed squared error of all of them.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.errors.divergence import divergence_of_levels
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import scale_and_zero_point
from workbench.numerics.statistics.density import partial_moments
from workbench.numerics.statistics.distribution import N_KL_BINS, Cells
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.threshold.bins import MOST_EXACT, N_BINS, Bins, filled_bins
from workbench.ui.threshold.subject import middle_code, unit_end

MOST_LEVELS = 256  # finer formats: rounding error as step^2 / 12, which searching each of 65,536 levels would confirm
MOST_GROUPS = 128  # for KL and levels used; the rest of the groups is taken to be like these
MOST_AFFINE = 32  # the same where each group has levels of its own
MOST_AFFINE_VALUES = 1 << 18  # for affine groups, whose ends differ: measured on whole groups up to so many values


@compiled
def count_ratios(rows: Any, largest: Any, low: Any, bins_per_unit: Any, table: Any) -> None:
    """Add rows float32 (groups, n) over `largest` float64 (groups,) to `table` float64 (bins, 4); zeros are skipped."""
    for g in range(rows.shape[0]):
        a = largest[g]
        if a > 0:
            for i in range(rows.shape[1]):
                x = np.float64(rows[g, i])
                if x != 0 and abs(x) <= a:
                    ratio = x / a
                    at = min(max(int((ratio - low) * bins_per_unit), 0), table.shape[0] - 1)
                    table[at, 0] += 1.0
                    table[at, 1] += a * a
                    table[at, 2] += a * a * ratio
                    table[at, 3] += a * a * ratio * ratio


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of an array as rows; meets `Distribution` where the curves need it (cells, count, absmax).

    rows: float32 (groups, n). Extremes are in units of each group's maximum, 1 or -1 at the far end.
    """

    rows: np.ndarray
    n_nan: int = 0
    n_infinite: int = 0

    @classmethod
    def of(cls, array: np.ndarray, quantizer: Quantizer) -> "Groups":
        rows = quantizer.grouping.split(np.asarray(array, np.float32))
        return cls(np.ascontiguousarray(np.where(np.isfinite(rows), rows, np.float32(0))))

    @functools.cached_property
    def lowest(self) -> np.ndarray:
        """float64 (groups,)."""
        return self.rows.min(axis=1).astype(np.float64)

    @functools.cached_property
    def highest(self) -> np.ndarray:
        """float64 (groups,)."""
        return self.rows.max(axis=1).astype(np.float64)

    @functools.cached_property
    def largest(self) -> np.ndarray:
        """float64 (groups,): the largest magnitude of each."""
        return np.maximum(-self.lowest, self.highest)

    @functools.cached_property
    def count(self) -> int:
        return int(self.rows.size)

    @functools.cached_property
    def n_zeros(self) -> float:
        return float(self.rows.size - np.count_nonzero(self.rows))

    @property
    def absmax(self) -> float:
        return 1.0 if self.largest.any() else 0.0

    @functools.cached_property
    def low(self) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(min(0.0, np.nanmin(self.lowest / self.largest))) if self.absmax else 0.0

    @functools.cached_property
    def high(self) -> float:
        with np.errstate(invalid="ignore", divide="ignore"):
            return float(max(0.0, np.nanmax(self.highest / self.largest))) if self.absmax else 0.0

    @functools.cached_property
    def bins(self) -> Bins:
        """4096 bins of x / a with weight a^2."""
        edges = np.linspace(self.low, self.high, N_BINS + 1).astype(np.float32).astype(np.float64)
        table = np.zeros((N_BINS, 4))
        if self.absmax:
            count_ratios(self.rows, self.largest, self.low, N_BINS / (self.high - self.low), table)
        return filled_bins(edges, table)

    @functools.cached_property
    def few_values(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(x / a float32 ascending, a float64) of every value that is not 0, where there are at most 8192."""
        if self.count > MOST_EXACT:
            return None
        largest = np.broadcast_to(self.largest[:, None], self.rows.shape)[self.rows != 0]
        ratios = (self.rows[self.rows != 0] / largest).astype(np.float32)
        order = np.argsort(ratios, kind="stable")
        return ratios[order], largest[order]

    def cells(self, cuts: np.ndarray) -> Cells:
        """Weighted moments between cuts given in units of the maximum; zeros add nothing."""
        bins, inside = self.bins, np.asarray(cuts, np.float64)
        columns = [np.concatenate([[0.0], np.cumsum(bins.weight * m)]) for m in (1.0, bins.mean, bins.mean_square)]
        whole = np.searchsorted(bins.high, inside, "right")
        below = [column[whole] for column in columns]
        split = (whole < bins.low.size) & (bins.low[np.minimum(whole, bins.low.size - 1)] < inside)
        at = whole[split]
        parts = partial_moments(inside[split], bins.low[at], bins.high[at], bins.mean[at], bins.mean_square[at])
        for part, column in zip(parts, below, strict=True):
            column[split] += part * bins.weight[at]
        return Cells(*(np.diff(b, prepend=0.0, append=c[-1]) for b, c in zip(below, columns, strict=True)))

    def counts(self, edges: np.ndarray) -> np.ndarray:
        """How many values lie between edges (n + 1,), zeros included; float64 (n,)."""
        if self.few_values is not None:
            counts = np.histogram(self.few_values[0], edges)[0].astype(np.float64)
        else:
            bins = self.bins
            running = np.concatenate([[0.0], np.cumsum(bins.count)])
            places = np.stack([bins.low, bins.high], axis=1).ravel()  # flat between a bin and the next filled one
            counts = np.diff(np.interp(edges, places, np.stack([running[:-1], running[1:]], axis=1).ravel()))
        counts[np.clip(np.searchsorted(edges, 0.0, "left") - 1, 0, counts.size - 1)] += self.n_zeros
        return counts

    def ratios(self, quantizer: Quantizer, mirrored: bool, one_sided: bool) -> np.ndarray:
        """float64: how much of its own range each group keeps at present; groups of zeros left out."""
        scale, format = np.atleast_1d(quantizer.scale).astype(np.float64), quantizer.format
        kept = self.largest > 0
        if mirrored or not isinstance(format, IntegerFormat):
            return scale[kept] * unit_end(format, one_sided) / self.largest[kept]
        width = np.maximum(self.highest, 0) - np.minimum(self.lowest, 0)
        return scale[kept] * (format.qmax - format.qmin) / width[kept]

    def range_at(self, ratio: float, mirrored: bool, one_sided: bool) -> tuple[np.ndarray, np.ndarray]:
        """(low, high), float32 (groups,) each: every group's own range scaled by `ratio`."""
        if mirrored:
            high = (ratio * self.largest).astype(np.float32)
            return (np.zeros_like(high) if one_sided else -high), high
        low, high = np.minimum(self.lowest, 0), np.maximum(self.highest, 0)
        return (ratio * low).astype(np.float32), (ratio * high).astype(np.float32)

    @property
    def sample(self) -> np.ndarray:
        """Evenly spread groups, all where there are at most 128; float32 (groups, n)."""
        step = max(1, -(-self.rows.shape[0] // MOST_GROUPS))
        return self.rows[::step]


def is_fine(format: Format) -> bool:
    """Whether a format has too many levels to be walked through at each threshold."""
    return 2**format.bits > MOST_LEVELS


def ratio_table(groups: Groups, format: Format, ratios: np.ndarray, one_sided: bool) -> dict[str, np.ndarray]:
    """kl and, where levels are few, levels_used at ratios (n,): float64 (n,) each.

    kl: mean divergence of the groups, nats. levels_used: of all groups together.
    """
    rows = groups.sample[groups.sample.any(axis=1)]
    scales = ratios / unit_end(format, one_sided)
    patterns = {left: _level_patterns(left, format, one_sided, scales) for left in (-1.0, 0.0)}
    boundaries = format.unit_boundaries(middle_code(format, one_sided))
    assert boundaries is not None  # formats without levels have no threshold
    kl, used = np.zeros(ratios.size), np.zeros(ratios.size)
    for row in rows:
        left = -1.0 if row.min() < 0 else 0.0
        filled = np.sort(row[row != 0] / float(np.abs(row).max()))
        place = np.ceil((filled - left) * (N_KL_BINS / (1 - left))).astype(np.int64) - 1
        counts = np.bincount(np.clip(place, 0, N_KL_BINS - 1), minlength=N_KL_BINS).astype(np.float64)
        n_zeros = row.size - filled.size
        for i, (level, first, last) in enumerate(patterns[left]):
            kl[i] += divergence_of_levels(counts, float(n_zeros), level, first, last)
            if not is_fine(format):
                cells = np.searchsorted(filled, boundaries * scales[i], "right")
                used[i] += np.count_nonzero(np.diff(cells, prepend=0, append=filled.size)) + (n_zeros > 0)
    n_rows = max(len(rows), 1)
    if is_fine(format):
        return {"kl": kl / n_rows}
    return {"kl": kl / n_rows, "levels_used": np.rint(used * np.count_nonzero(groups.largest) / n_rows)}


def _level_patterns(
    left: float, format: Format, one_sided: bool, scales: np.ndarray
) -> list[tuple[np.ndarray, int, int]]:
    """For each scale: the level of each bin of [left, 1], and the first and last bin inside the end levels."""
    zero_point = middle_code(format, one_sided)
    levels, boundaries = format.unit_levels(zero_point), format.unit_boundaries(zero_point)
    assert levels is not None and boundaries is not None
    centres = left + (np.arange(N_KL_BINS) + 0.5) * ((1 - left) / N_KL_BINS)
    patterns = []
    for scale in scales:
        first = int(np.searchsorted(centres, levels[0] * scale, "left"))
        last = int(np.searchsorted(centres, levels[-1] * scale, "right")) - 1
        own = np.arange(N_KL_BINS) if is_fine(format) else np.searchsorted(boundaries, centres / scale, "left")
        patterns.append((own, first, last))
    return patterns


def affine_table(groups: Groups, format: Format, ratios: np.ndarray) -> dict[str, np.ndarray]:
    """Every figure at each ratio, measured on whole groups: affine groups share their step, but not their ends."""
    n_groups = max(1, min(groups.rows.shape[0], MOST_AFFINE_VALUES // max(groups.rows.shape[1], 1)))
    part = Groups(np.ascontiguousarray(groups.rows[:: -(-groups.rows.shape[0] // n_groups)]))
    errors = []
    for ratio in ratios:
        low, high = part.range_at(float(ratio), False, False)
        quantizer = Quantizer.covering(format, low, high, symmetric=False, axis=0)
        errors.append(measured_error(part.rows, quantizer, divergence=False))
    columns = {name: np.array([getattr(e, name) for e in errors], np.float64) for name in TABLE_FIELDS}
    columns["levels_used"] = np.rint(columns["levels_used"] * groups.rows.shape[0] / part.rows.shape[0])
    columns["one_minus_cosine"] = 1 - columns.pop("cosine")
    return columns | {"kl": affine_divergence(groups, format, ratios)}


def affine_divergence(groups: Groups, format: Format, ratios: np.ndarray) -> np.ndarray:
    """KL float64 (ratios,), nats: the mean of a few groups, each under its own range."""
    assert isinstance(format, IntegerFormat)
    rows = groups.sample[groups.sample.any(axis=1)]
    rows = rows[:: max(1, -(-rows.shape[0] // MOST_AFFINE))]
    kl = np.zeros(ratios.size)
    for row in rows:
        one = SortedSums.of(row)
        bins = one.linear_bins()
        low, high = min(one.low, 0.0) * ratios, max(one.high, 0.0) * ratios
        scales, zeros = scale_and_zero_point(format, low, high, False)
        for i, (scale, zero_point) in enumerate(zip(scales, zeros, strict=True)):
            first, last = format.qmin - int(zero_point), format.qmax - int(zero_point)
            level = np.clip(np.rint(bins.centres / scale), first, last).astype(np.int64)
            first_bin = int(np.searchsorted(bins.centres, np.float32(first) * scale, "left"))
            last_bin = int(np.searchsorted(bins.centres, np.float32(last) * scale, "right")) - 1
            kl[i] += divergence_of_levels(bins.counts, bins.n_zeros, level, first_bin, last_bin)
    return kl / max(rows.shape[0], 1)


TABLE_FIELDS = (
    "mse",
    "rounding_mse",
    "clipping_mse",
    "sqnr_db",
    "cosine",
    "max_abs",
    "saturated_fraction",
    "zeroed_fraction",
    "levels_used",
)
