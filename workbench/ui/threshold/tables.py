"""Figures that the browser cannot compute, measured by Python at many thresholds: it interpolates between them.

What the browser lacks: KL and levels used of groups; groups whose levels are not the same in units of their maxima
(zero points, scales that go in steps, a zero band); formats with a step rule or a list of levels that it cannot follow.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbench.numerics.compiled import compiled
from workbench.numerics.errors.divergence import divergences_of_levels, kl_at
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.errors.expected import expected_error
from workbench.numerics.errors.level_cells import LevelCells
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.floating import FloatingFormat
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.scaling import scale_and_zero_point
from workbench.numerics.statistics.distribution import N_KL_BINS, Distribution, FilledBins
from workbench.numerics.statistics.sorted_sums import SortedSums
from workbench.ui.threshold.following import is_fine, jumps_beside, middle_code, unit_end
from workbench.ui.threshold.groups import Groups

MOST_AFFINE = 32  # groups, for their KL
MOST_AFFINE_VALUES = 1 << 18  # for affine groups, whose ends differ: measured on whole groups up to so many values
MOST_QUANTIZERS = 3000  # for groups whose scales go in steps: a group has as many quantizers as its scale has steps
MOST_JUMPS = 800  # ratios at which such scales change
Table = dict[str, np.ndarray]
FIELDS = (
    "mse",
    "rounding_mse",
    "clipping_mse",
    "cosine",
    "kl",
    "max_abs",
    "saturated_fraction",
    "zeroed_fraction",
    "levels_used",
)


def columns_of(errors: Sequence[QuantizationError]) -> Table:
    """float64 (n,) for each figure; the cosine as what it lacks to 1."""
    table = {name: np.array([getattr(e, name) for e in errors], np.float64) for name in FIELDS}
    return table | {"one_minus_cosine": 1 - table.pop("cosine")}


def threshold_table(
    distribution: Distribution,
    quantizers_at: Callable[[np.ndarray], Quantizer],
    thresholds: np.ndarray,
    pause: Callable[[], object],
) -> Table:
    """Every figure of one group at ascending thresholds (n,). pause() is called before each, as in all tables."""
    errors, quantizer = [], quantizers_at(thresholds)
    for i in range(thresholds.size):
        pause()
        errors.append(expected_error(distribution, quantizer.group(i)))
    return {"ratio": thresholds} | columns_of(errors)


@compiled("float32[:] float32[:] float64[:] int64 float64[:]!")
def count_levels(values: Any, boundaries: Any, scales: Any, zero_level: Any, used: Any) -> None:
    """Add to `used` float64 (scales,) how many levels ascending `values` take; zero_level: one more, -1 for none."""
    for i in range(scales.size):
        level = 0
        last = -1
        n = 0
        zero_counted = zero_level < 0
        for k in range(values.size):
            x = np.float64(values[k])
            while level < boundaries.size and x > np.float64(boundaries[level]) * scales[i]:
                level += 1
            if level != last:
                n += 1
                last = level
            if level == zero_level:
                zero_counted = True
        used[i] += n if zero_counted else n + 1


def ratio_table(
    groups: Groups, format: Format, ratios: np.ndarray, one_sided: bool, pause: Callable[[], object]
) -> Table:
    """kl and, where levels are few, levels_used at ratios (n,): float64 (n,) each.

    kl: mean divergence of the groups, nats. levels_used: of all groups together.
    """
    rows = groups.sample[groups.sample.any(axis=1)]
    scales = ratios / unit_end(format, one_sided)
    patterns = {left: _level_patterns(left, format, one_sided, scales) for left in (-1.0, 0.0)}
    boundaries = None if is_fine(format) else format.unit_boundaries(middle_code(format, one_sided))
    kl, used = np.zeros(ratios.size), np.zeros(ratios.size)
    for row in rows:
        pause()
        left = -1.0 if row.min() < 0 else 0.0
        values = np.sort(row[row != 0] / float(np.abs(row).max()))
        place = np.ceil((values - left) * (N_KL_BINS / (1 - left))).astype(np.int64) - 1
        filled, counts = np.unique(np.clip(place, 0, N_KL_BINS - 1), return_counts=True)
        n_zeros = row.size - values.size
        bins = FilledBins.of(filled.astype(np.float32), counts.astype(np.float64), float(n_zeros))
        levels, first, last = patterns[left]
        ends = np.searchsorted(filled, first, "left"), np.searchsorted(filled, last, "right") - 1
        kl += divergences_of_levels(bins, levels[:, filled], *ends)
        if boundaries is not None:
            zero_level = int(np.searchsorted(boundaries, np.float32(0), "left")) if n_zeros else -1
            count_levels(values, boundaries, scales, zero_level, used)
    n_rows = max(len(rows), 1)
    if boundaries is None:
        return {"ratio": ratios, "kl": kl / n_rows}
    used = np.rint(used * np.count_nonzero(groups.largest) / n_rows)
    return {"ratio": ratios, "kl": kl / n_rows, "levels_used": used}


def _level_patterns(
    left: float, format: Format, one_sided: bool, scales: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each scale: the level of each bin of [left, 1], float32 (scales, bins), and the first and last bin inside the
    end levels, int64 (scales,) each."""
    zero_point = middle_code(format, one_sided)
    ends = format.unit_ends(np.array([zero_point]))[0].astype(np.float64)
    boundaries = None if is_fine(format) else format.unit_boundaries(zero_point)
    centres = left + (np.arange(N_KL_BINS) + 0.5) * ((1 - left) / N_KL_BINS)
    first = np.searchsorted(centres, ends[0] * scales, "left")
    last = np.searchsorted(centres, ends[1] * scales, "right") - 1
    if boundaries is None:
        levels = np.broadcast_to(np.arange(N_KL_BINS), (scales.size, N_KL_BINS))
    else:
        levels = np.searchsorted(boundaries, centres / scales[:, None], "left")
    return levels.astype(np.float32), first, last


def affine_table(
    groups: Groups, format: Format, ratios: np.ndarray, zero_band: float, pause: Callable[[], object]
) -> Table:
    """Every figure at each ratio, measured on whole groups: affine groups share their step, but not their ends."""
    n_groups = max(1, min(groups.rows.shape[0], MOST_AFFINE_VALUES // max(groups.rows.shape[1], 1)))
    part = Groups(np.ascontiguousarray(groups.rows[:: -(-groups.rows.shape[0] // n_groups)]))
    errors = []
    for ratio in ratios:
        pause()
        low, high = part.range_at(float(ratio), False, False)
        quantizer = Quantizer.covering(format, low, high, symmetric=False, axis=0, zero_band=zero_band)
        errors.append(measured_error(part.rows, quantizer, divergence=False))
    table = columns_of(errors)
    table["levels_used"] = np.rint(table["levels_used"] * groups.rows.shape[0] / part.rows.shape[0])
    return {"ratio": ratios} | table | {"kl": affine_divergence(groups, format, ratios, pause)}


def affine_divergence(groups: Groups, format: Format, ratios: np.ndarray, pause: Callable[[], object]) -> np.ndarray:
    """KL float64 (ratios,), nats: the mean of a few groups, each under its own range."""
    rows = groups.sample[groups.sample.any(axis=1)]
    rows = rows[:: max(1, -(-rows.shape[0] // MOST_AFFINE))]
    kl = np.zeros(ratios.size)
    for row in rows:
        pause()
        one = SortedSums.of(row)
        low, high = min(one.low, 0.0) * ratios, max(one.high, 0.0) * ratios
        kl += kl_at(one, Quantizer.covering(format, low, high, symmetric=False, axis=0))
    return kl / max(rows.shape[0], 1)


def stepped_table(
    groups: Groups,
    format: Format,
    ratios: np.ndarray,
    one_sided: bool,
    zero_band: float,
    pause: Callable[[], object],
) -> Table:
    """Every figure for mirrored groups that each go in steps of their own; at the ratios and where the loudest step.

    Read off each group's distribution, once for each scale that it takes; of many groups an evenly spread part.
    """
    rows = groups.rows[groups.largest > 0]
    ratios = _with_jumps(groups, format, ratios)
    steps = np.unique(_scales(rows[:1], format, ratios, one_sided)[0][0]).size
    rows = rows[:: max(1, -(-rows.shape[0] * max(steps, 1) // MOST_QUANTIZERS))]
    sums = {name: np.zeros(ratios.size) for name in FIELDS}
    signal, count = 0.0, 0
    for row, scales, zero_points in zip(rows, *_scales(rows, format, ratios, one_sided), strict=True):
        pause()
        one = SortedSums.of(row)
        own = float((row.astype(np.float64) ** 2).sum())
        steps_up = np.append(True, (np.diff(scales) != 0) | (np.diff(zero_points) != 0))
        taken = Quantizer(
            format, scales[steps_up].astype(np.float32), zero_points[steps_up], axis=0, zero_band=zero_band
        )
        by_step, step = _figures(one, taken), np.cumsum(steps_up) - 1
        for name in FIELDS:
            figures = by_step[name][step]
            if name == "max_abs":
                sums[name] = np.maximum(sums[name], figures)
            else:
                sums[name] += figures * (own if name == "cosine" else 1 if name == "levels_used" else one.count)
        signal, count = signal + own, count + one.count
    return {"ratio": ratios} | _over_all(groups, sums, signal, count)


def _figures(one: SortedSums, quantizer: Quantizer) -> Table:
    """`FIELDS` of a few values under each group of a quantizer, float64 (groups,), as `expected_error` has them."""
    format, levels, boundaries = quantizer.format, quantizer.levels, quantizer.boundaries
    can_overflow = isinstance(format, FloatingFormat) and format.overflow != "saturate"
    if levels is None or boundaries is None or format.stochastic or is_fine(format) or can_overflow:
        errors = [expected_error(one, quantizer.group(i)) for i in range(quantizer.n_groups)]
        return {name: np.array([getattr(error, name) for error in errors], np.float64) for name in FIELDS}
    sums, n = LevelCells.of(one, levels, boundaries).sums(), one.count
    values = np.broadcast_to(one.values, (quantizer.n_groups, n))
    norms = np.sqrt(sums.signal * sums.power)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = np.where(norms > 0, np.clip(sums.product / norms, -1, 1), sums.signal == sums.power)
    return {
        "mse": (sums.inside + sums.beyond) / n,
        "rounding_mse": sums.inside / n,
        "clipping_mse": sums.beyond / n,
        "cosine": cosine,
        "kl": kl_at(one, quantizer),
        "max_abs": np.abs(values - quantizer.fake_quantize(values).astype(np.float64)).max(axis=1),
        "saturated_fraction": sums.outside / n,
        "zeroed_fraction": np.maximum(0.0, sums.zeros - one.n_zeros) / n,
        "levels_used": sums.used,
    }


def _with_jumps(groups: Groups, format: Format, ratios: np.ndarray) -> np.ndarray:
    """Ratios, and both sides of those at which the loudest groups take another scale."""
    loud = np.argsort((groups.rows.astype(np.float64) ** 2).sum(axis=1))[::-1]
    found, n = [ratios], 0
    for largest in groups.largest[loud[groups.largest[loud] > 0]]:
        beside = jumps_beside(format, float(ratios[0] * largest), float(ratios[-1] * largest)) / largest
        n += beside.size
        if n > MOST_JUMPS:
            break
        found.append(beside)
    return np.unique(np.concatenate(found))


def _scales(rows: np.ndarray, format: Format, ratios: np.ndarray, one_sided: bool) -> tuple[np.ndarray, np.ndarray]:
    """Scales and zero points, (groups, ratios) each."""
    high = np.abs(rows).max(axis=1, initial=0.0).astype(np.float64)[:, None] * ratios
    return scale_and_zero_point(format, np.zeros_like(high) if one_sided else -high, high, True)


def _over_all(groups: Groups, sums: Table, signal: float, count: int) -> Table:
    """From sums over some groups to figures of all: errors in proportion to the squares, shares to the counts."""
    n_filled = int(np.count_nonzero(groups.largest)) * groups.rows.shape[1]
    shares = ("saturated_fraction", "zeroed_fraction", "kl")
    table = {name: sums[name] / count * n_filled / groups.count for name in shares}
    errors = ("mse", "rounding_mse", "clipping_mse")
    table |= {name: sums[name] * (groups.signal / signal) / groups.count for name in errors}
    table |= {"max_abs": sums["max_abs"], "levels_used": np.rint(sums["levels_used"] * n_filled / count)}
    return table | {"one_minus_cosine": 1 - sums["cosine"] / signal}
