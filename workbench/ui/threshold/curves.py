"""Error and divergence at many thresholds: the curves under the distribution."""

from dataclasses import dataclass

import numpy as np

from workbench.numerics.clipping.sweep import ThresholdCurve
from workbench.numerics.errors.divergence import divergence_of_levels
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.integer import IntegerFormat
from workbench.numerics.statistics.distribution import Cells, Distribution
from workbench.ui.threshold.groups import (
    MOST_AFFINE,
    MOST_AFFINE_VALUES,
    Groups,
    affine_table,
    is_fine,
    ratio_table,
)
from workbench.ui.threshold.subject import Subject

SHARES = np.concatenate([np.geomspace(0.02, 0.1, 20), np.linspace(0.1, 1.0, 110)[1:]])
SHARES_OF_TWO = SHARES[::-2][::-1]
MOST_VALUES = 1 << 22  # times ratios
MOST_GROUPS = 2560  # times ratios


@dataclass(frozen=True, eq=False)
class Curves:
    """Figures against the position of a handle on the value axis; arrays float64 (n,), ascending in `at`.

    at: where the handle would stand. For an affine quantizer the negative part moves the lower handle, the positive
    part the upper one, the other staying where it is; NaN stands between the two parts.
    rounding, clipping: parts of the mean squared error, squared units. kl: nats.
    """

    at: np.ndarray
    rounding: np.ndarray
    clipping: np.ndarray
    kl: np.ndarray

    @property
    def mse(self) -> np.ndarray:
        return self.rounding + self.clipping

    def least(self, figure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(position, value) of the smallest figure of each part."""
        gaps = np.flatnonzero(np.isnan(self.at))
        parts = np.split(np.arange(self.at.size), gaps)
        lowest = [part[int(np.nanargmin(figure[part]))] for part in parts if np.isfinite(figure[part]).any()]
        return self.at[lowest], figure[lowest]


def curves_of(subject: Subject, groups: Groups | None) -> tuple[Curves | None, dict[str, np.ndarray]]:
    """The curves of a subject, and the figures at some ratios that the browser cannot compute (grouped tensors)."""
    quantizer = subject.quantizer
    if quantizer is None or not quantizer.format.has_scale:
        return None, {}
    if groups is not None:
        return _group_curves(groups, quantizer.format, subject)
    distribution, format = subject.values, quantizer.format
    if not distribution.absmax:
        return None, {}
    low, high = subject.span
    if subject.mirrored:
        at = SHARES * max(distribution.absmax, high)
        return _curves(distribution, format, np.zeros_like(at) if subject.one_sided else -at, at, True, at), {}
    lowest, highest = min(distribution.low, low, 0.0), max(distribution.high, high, 0.0)
    parts = []
    if lowest < 0:
        at = lowest * (SHARES_OF_TWO if highest > 0 else SHARES)[::-1]
        parts.append(_curves(distribution, format, at, np.full(at.size, max(high, 0.0)), False, at))
    if highest > 0:
        at = highest * (SHARES_OF_TWO if lowest < 0 else SHARES)
        parts.append(_curves(distribution, format, np.full(at.size, min(low, 0.0)), at, False, at))
    return (parts[0] if len(parts) == 1 else _joined(*parts)), {}


def _joined(lower: Curves, upper: Curves) -> Curves:
    gap = np.array([np.nan])
    names = ("at", "rounding", "clipping", "kl")
    return Curves(*(np.concatenate([getattr(lower, n), gap, getattr(upper, n)]) for n in names))


def _curves(
    distribution: Distribution, format: Format, low: np.ndarray, high: np.ndarray, symmetric: bool, at: np.ndarray
) -> Curves:
    swept = ThresholdCurve(distribution, format, np.abs(at), low, high, symmetric)
    if not is_fine(format):
        return Curves(at, swept.rounding, swept.clipping, swept.kl)
    rounding, clipping = _fine_errors(distribution, swept)
    return Curves(at, rounding, clipping, _fine_divergence(distribution, swept))


def _end_levels(swept: ThresholdCurve, index: int) -> tuple[float, np.ndarray]:
    """(step, both end levels) of an integer quantizer, without listing its levels."""
    one, format = swept.quantizer(index), swept.format
    assert isinstance(format, IntegerFormat)
    scale, zero_point = float(one.scale), int(np.asarray(one.zero_point))
    return scale, np.array([format.qmin - zero_point, format.qmax - zero_point]) * scale


def _fine_errors(distribution: "Distribution | Groups", swept: ThresholdCurve) -> tuple[np.ndarray, np.ndarray]:
    """(rounding, clipping) for thousands of levels: step^2 / 12 for every value inside, exact moments outside."""
    n = distribution.count
    whole = distribution.cells(np.zeros(0, np.float32))
    rounding, clipping = np.zeros(swept.low.size), np.zeros(swept.low.size)
    for i in range(swept.low.size):
        step, ends = _end_levels(swept, i)
        cells: Cells = distribution.cells(ends.astype(np.float32))
        inside = float(cells.count[1]) - (0.0 if isinstance(distribution, Groups) else distribution.n_zeros)
        beyond = cells.square[[0, 2]] - ends * (2 * cells.total[[0, 2]] - ends * cells.count[[0, 2]])
        clipping[i] = max(0.0, float(beyond.sum())) / n
        rounding[i] = min(inside * step**2 / 12, float(whole.square.sum())) / n
    return rounding, clipping


def _fine_divergence(distribution: Distribution, swept: ThresholdCurve) -> np.ndarray:
    """KL where every bin is a level of its own."""
    bins = distribution.linear_bins()
    own, kl = np.arange(bins.counts.size), np.zeros(swept.low.size)
    for i in range(swept.low.size):
        _, ends = _end_levels(swept, i)
        first = int(np.searchsorted(bins.centres, ends[0], "left"))
        last = int(np.searchsorted(bins.centres, ends[1], "right")) - 1
        kl[i] = divergence_of_levels(bins.counts, bins.n_zeros, own, first, last)
    return kl


def _group_curves(groups: Groups, format: Format, subject: Subject) -> tuple[Curves | None, dict[str, np.ndarray]]:
    if not groups.absmax:
        return None, {}
    if not subject.mirrored:
        ratios = _ratios(min(groups.rows.shape[0], MOST_AFFINE), min(groups.rows.size, MOST_AFFINE_VALUES))
        table = affine_table(groups, format, ratios)
        return Curves(ratios, table["rounding_mse"], table["clipping_mse"], table["kl"]), {"ratio": ratios, **table}
    ratios = _ratios(groups.sample.shape[0], groups.sample.size)
    table = {"ratio": ratios, **ratio_table(groups, format, ratios, subject.one_sided)}
    low = np.zeros_like(SHARES) if subject.one_sided else -SHARES
    swept = ThresholdCurve(groups, format, SHARES, low, SHARES, True)  # type: ignore[arg-type]  # asked for cells alone
    errors = _fine_errors(groups, swept) if is_fine(format) else (swept.rounding, swept.clipping)
    return Curves(SHARES, *errors, np.interp(SHARES, ratios, table["kl"])), table


def _ratios(n_groups: int, n_values: int) -> np.ndarray:
    """Where the figures of so many groups are computed: 24 to 96 ratios, fewer for large tensors and many groups."""
    n = int(np.clip(min(MOST_VALUES // max(n_values, 1), MOST_GROUPS // max(n_groups, 1)), 24, 96))
    return np.concatenate([np.geomspace(0.02, 0.1, n // 4), np.linspace(0.1, 1.0, n - n // 4 + 1)[1:]])
