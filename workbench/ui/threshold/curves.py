"""Error and divergence at many thresholds: the curves under the distribution."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.numerics.errors.divergence import kl_at
from workbench.numerics.errors.expected import errors_at
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.distribution import Distribution
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
AT_ONCE = 32  # thresholds from one pause to the next
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

    @property
    def n_bytes(self) -> int:
        return 4 * self.at.nbytes

    def least(self, figure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(position, value) of the smallest figure of each part."""
        gaps = np.flatnonzero(np.isnan(self.at))
        parts = np.split(np.arange(self.at.size), gaps)
        lowest = [part[int(np.nanargmin(figure[part]))] for part in parts if np.isfinite(figure[part]).any()]
        return self.at[lowest], figure[lowest]


Parts = Mapping[Hashable, Curves]  # by what a piece depends on, beside the values and the way they are quantized


def no_pause() -> None:
    """What is called on the way where nobody waits."""


def curves_of(
    subject: Subject, source: Any, known: Parts | None = None, pause: Callable[[], object] = no_pause
) -> tuple[Curves | None, Table, Parts]:
    """The curves of a subject, the figures at some thresholds that the browser cannot compute (see `tables`), and the
    pieces that the curves are made of: they are taken from `known` where they hold for the present range.

    source: of the subject's values, a `Distribution`, or `Groups` where it is grouped. pause() is called now and then.
    """
    quantizer = subject.quantizer
    if quantizer is None or not quantizer.format.has_scale or not source.absmax:
        return None, {}, {}
    made: dict[Hashable, Curves] = {}
    table: Table = {}

    def piece(depends_on: Hashable, make: Callable[[], Curves]) -> Curves:
        made[depends_on] = found = (known or {}).get(depends_on) or make()
        return found

    low, high = subject.span
    if isinstance(source, Groups):

        def of_groups() -> Curves:
            curves, figures = _group_curves(source, quantizer.format, subject, pause)
            table.update(figures)
            return curves

        return piece("groups", of_groups), table, made
    if subject.mirrored:
        top = max(source.absmax, high)

        def of_one() -> Curves:
            curves, figures = _mirrored_curves(source, quantizer.format, subject, top, pause)
            table.update(figures)
            return curves

        return piece(("mirrored", top), of_one), table, made
    lowest, highest = min(source.low, low, 0.0), max(source.high, high, 0.0)
    shares = SHARES_OF_TWO if lowest < 0 < highest else SHARES
    parts = []
    if lowest < 0:
        upper = max(high, 0.0)  # stays while the lower end moves
        at_low = lowest * shares[::-1]
        lower_part = piece(
            ("lower", lowest, upper, shares.size),
            lambda: _curves(source, lambda T: _covering(subject, T, 0 * T + upper, False), at_low, pause),
        )
        parts.append(lower_part)
    if highest > 0:
        lower = min(low, 0.0)
        at_high = highest * shares
        upper_part = piece(
            ("upper", highest, lower, shares.size),
            lambda: _curves(source, lambda T: _covering(subject, 0 * T + lower, T, False), at_high, pause),
        )
        parts.append(upper_part)
    return (parts[0] if len(parts) == 1 else _joined(*parts)), table, made


def _mirrored_curves(
    distribution: Distribution, format: Format, subject: Subject, top: float, pause: Callable[[], object]
) -> tuple[Curves, Table]:
    def mirrored(T: np.ndarray) -> Quantizer:
        return _covering(subject, 0 * T if subject.one_sided else -T, T, True)

    if not is_followed(format):
        table = threshold_table(distribution, mirrored, SHARES_OF_FEW * top, pause)
        return Curves(table["ratio"], table["rounding_mse"], table["clipping_mse"], table["kl"]), table
    return _curves(distribution, mirrored, places(format, SHARES * top), pause), {}


def _covering(subject: Subject, low: np.ndarray, high: np.ndarray, symmetric: bool) -> Quantizer:
    """A quantizer with a group for each range, as the subject's own."""
    assert subject.quantizer is not None
    format, band = subject.quantizer.format, subject.quantizer.zero_band
    return Quantizer.covering(format, low, high, symmetric=symmetric, axis=0, zero_band=band)


def places(format: Format, thresholds: np.ndarray) -> np.ndarray:
    """Thresholds (n,), ascending, and both sides of every step that the scale takes between them."""
    return np.union1d(thresholds, jumps_beside(format, float(thresholds[0]), float(thresholds[-1])))


def _joined(lower: Curves, upper: Curves) -> Curves:
    gap = np.array([np.nan])
    names = ("at", "rounding", "clipping", "kl")
    return Curves(*(np.concatenate([getattr(lower, n), gap, getattr(upper, n)]) for n in names))


def _curves(
    source: Any, quantizers_at: Callable[[np.ndarray], Quantizer], at: np.ndarray, pause: Callable[[], object]
) -> Curves:
    """source: a `Distribution`; or `Groups`, whose KL is left 0. quantizers_at(T (n,)): one with a group for each."""
    figures = np.zeros((3, at.size))
    points: Points | None = None
    for some in np.array_split(np.arange(at.size), -(-at.size // AT_ONCE)):
        pause()
        quantizer = quantizers_at(at[some])
        if is_fine(quantizer.format):
            if points is None:
                points = Points.of(source.bins if isinstance(source, Groups) else bins_of(source))
            each = [fine_errors(source, quantizer.group(i), points) for i in range(some.size)]
            figures[:2, some] = np.transpose(each)
        else:
            figures[:2, some] = errors_at(source, quantizer)
        if isinstance(source, Groups):
            continue
        if is_fine(quantizer.format):
            figures[2, some] = [fine_divergence(source, quantizer.group(i)) for i in range(some.size)]
        else:
            figures[2, some] = kl_at(source, quantizer)
    return Curves(at, *figures)


def _group_curves(
    groups: Groups, format: Format, subject: Subject, pause: Callable[[], object]
) -> tuple[Curves, Table]:
    band, one_sided = subject.zero_band, subject.one_sided
    if not subject.mirrored:
        ratios = _ratios(min(groups.rows.shape[0], MOST_AFFINE), min(groups.rows.size, MOST_AFFINE_VALUES))
        table = affine_table(groups, format, ratios, band, pause)
    elif is_stepped(format) or band or not is_followed(format):
        n_groups = groups.rows.shape[0]
        ratios = _ratios(min(n_groups, MOST_AFFINE) if is_stepped(format) else n_groups, groups.sample.size)
        table = stepped_table(groups, format, ratios, one_sided, band, pause)
    else:
        ratios = _ratios(groups.sample.shape[0], groups.sample.size)
        table = ratio_table(groups, format, ratios, one_sided, pause)

        def in_units(T: np.ndarray) -> Quantizer:
            return Quantizer.covering(format, 0 * T if one_sided else -T, T, symmetric=True, axis=0)

        curves = _curves(groups, in_units, SHARES, pause)
        return Curves(SHARES, curves.rounding, curves.clipping, np.interp(SHARES, table["ratio"], table["kl"])), table
    return Curves(table["ratio"], table["rounding_mse"], table["clipping_mse"], table["kl"]), table


def _ratios(n_groups: int, n_values: int) -> np.ndarray:
    """Where the figures of so many groups are computed: 24 to 96 ratios, fewer for large tensors and many groups."""
    n = int(np.clip(min(MOST_VALUES // max(n_values, 1), MOST_GROUPS // max(n_groups, 1)), 24, 96))
    return np.concatenate([np.geomspace(0.02, 0.1, n // 4), np.linspace(0.1, 1.0, n - n // 4 + 1)[1:]])
