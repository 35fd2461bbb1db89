"""Error and divergence at many thresholds: the curves under the distribution."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.divergence import kl_divergence
from workbench.numerics.errors.expected import LevelCells, overflows
from workbench.numerics.errors.stochastic import Draws
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.ui.threshold.bins import bins_of
from workbench.ui.threshold.fine import Points, fine_divergence, fine_errors
from workbench.ui.threshold.following import is_fine, is_followed, is_stepped, jumps_beside
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject
from workbench.ui.threshold.tables import (
    MOST_AFFINE,
    MOST_AFFINE_VALUES,
    Table,
    affine_table,
    ratio_table,
    stepped_table,
    threshold_table,
)

SHARES = np.concatenate([np.geomspace(0.002, 0.1, 32), np.linspace(0.1, 1.0, 110)[1:]])
SHARES_OF_TWO = SHARES[::-2][::-1]
SHARES_OF_FEW = SHARES[::-4][::-1]  # where each threshold takes long
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


def curves_of(subject: Subject, groups: Groups | None) -> tuple[Curves | None, Table]:
    """The curves of a subject, and the figures at some thresholds that the browser cannot compute (see `tables`)."""
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
        top = max(distribution.absmax, high)

        def mirrored(T: float) -> Quantizer:
            return _covering(subject, 0.0 if subject.one_sided else -T, T, True)

        if not is_followed(format):
            table = threshold_table(distribution, mirrored, SHARES_OF_FEW * top)
            return Curves(table["ratio"], table["rounding_mse"], table["clipping_mse"], table["kl"]), table
        return _curves(distribution, mirrored, places(format, SHARES * top)), {}
    lowest, highest = min(distribution.low, low, 0.0), max(distribution.high, high, 0.0)
    parts = []
    if lowest < 0:
        at = lowest * (SHARES_OF_TWO if highest > 0 else SHARES)[::-1]
        parts.append(_curves(distribution, lambda T: _covering(subject, T, max(high, 0.0), False), at))
    if highest > 0:
        at = highest * (SHARES_OF_TWO if lowest < 0 else SHARES)
        parts.append(_curves(distribution, lambda T: _covering(subject, min(low, 0.0), T, False), at))
    return (parts[0] if len(parts) == 1 else _joined(*parts)), {}


def _covering(subject: Subject, low: float, high: float, symmetric: bool) -> Quantizer:
    assert subject.quantizer is not None
    return Quantizer.covering(
        subject.quantizer.format, low, high, symmetric=symmetric, zero_band=subject.quantizer.zero_band
    )


def places(format: Format, thresholds: np.ndarray) -> np.ndarray:
    """Thresholds (n,), ascending, and both sides of every step that the scale takes between them."""
    return np.union1d(thresholds, jumps_beside(format, float(thresholds[0]), float(thresholds[-1])))


def _joined(lower: Curves, upper: Curves) -> Curves:
    gap = np.array([np.nan])
    names = ("at", "rounding", "clipping", "kl")
    return Curves(*(np.concatenate([getattr(lower, n), gap, getattr(upper, n)]) for n in names))


def _curves(source: Any, quantizer_at: Callable[[float], Quantizer], at: np.ndarray) -> Curves:
    """source: a `Distribution`; or `Groups`, whose KL is left 0."""
    figures = np.zeros((3, at.size))
    before: Quantizer | None = None
    points: Points | None = None
    for i, T in enumerate(at):
        quantizer = quantizer_at(float(T))
        if before is not None and (quantizer.scale, quantizer.zero_point) == (before.scale, before.zero_point):
            figures[:, i] = figures[:, i - 1]
            continue
        fine = is_fine(quantizer.format)
        if fine and points is None:
            points = Points.of(source.bins if isinstance(source, Groups) else bins_of(source))
        figures[:2, i] = fine_errors(source, quantizer, points) if points else errors_of(source, quantizer)
        if not isinstance(source, Groups):
            figures[2, i] = fine_divergence(source, quantizer) if fine else kl_divergence(source, quantizer)
        before = quantizer
    return Curves(at, *figures)


def errors_of(source: Any, quantizer: Quantizer) -> tuple[float, float]:
    """(rounding, clipping) parts of the mean squared error of one group, as `expected_error` has them."""
    levels, boundaries = quantizer.levels, quantizer.boundaries
    assert levels is not None and boundaries is not None  # formats without levels have no threshold
    if quantizer.format.stochastic:
        draws, ends = Draws.of(source, quantizer), levels[[0, -1]].astype(np.float64)
        outer, inner = draws.cells, draws.inner[2] - 2 * draws.means + draws.powers
        beyond = outer.square[[0, -1]] - ends * (2 * outer.total[[0, -1]] - ends * outer.count[[0, -1]])
        rounding, clipping = float(np.maximum(inner, 0.0).sum()), float(np.maximum(beyond, 0.0).sum())
    else:
        rounding, clipping = LevelCells.of(source, levels, boundaries).squared_errors
        if overflows(source, quantizer):
            clipping = np.inf
    return rounding / source.count, clipping / source.count


def _group_curves(groups: Groups, format: Format, subject: Subject) -> tuple[Curves | None, Table]:
    if not groups.absmax:
        return None, {}
    band, one_sided = subject.zero_band, subject.one_sided
    if not subject.mirrored:
        ratios = _ratios(min(groups.rows.shape[0], MOST_AFFINE), min(groups.rows.size, MOST_AFFINE_VALUES))
        table = affine_table(groups, format, ratios, band)
    elif is_stepped(format) or band or not is_followed(format):
        n_groups = groups.rows.shape[0]
        ratios = _ratios(min(n_groups, MOST_AFFINE) if is_stepped(format) else n_groups, groups.sample.size)
        table = stepped_table(groups, format, ratios, one_sided, band)
    else:
        table = ratio_table(groups, format, _ratios(groups.sample.shape[0], groups.sample.size), one_sided)

        def in_units(T: float) -> Quantizer:
            return Quantizer.covering(format, 0.0 if one_sided else -T, T, symmetric=True)

        curves = _curves(groups, in_units, SHARES)
        return Curves(SHARES, curves.rounding, curves.clipping, np.interp(SHARES, table["ratio"], table["kl"])), table
    return Curves(table["ratio"], table["rounding_mse"], table["clipping_mse"], table["kl"]), table


def _ratios(n_groups: int, n_values: int) -> np.ndarray:
    """Where the figures of so many groups are computed: 24 to 96 ratios, fewer for large tensors and many groups."""
    n = int(np.clip(min(MOST_VALUES // max(n_values, 1), MOST_GROUPS // max(n_groups, 1)), 24, 96))
    return np.concatenate([np.geomspace(0.02, 0.1, n // 4), np.linspace(0.1, 1.0, n - n // 4 + 1)[1:]])
