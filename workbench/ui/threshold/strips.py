"""From a subject and its curves to what the chart draws."""

import dataclasses

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.charts.value_axis import LINEAR, ValueAxis
from workbench.ui.threshold.bins import distinct_values
from workbench.ui.threshold.curves import Curves
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

FEW = 200  # so few values are drawn one by one
N_SHOWN_BINS = 280
PADDING = 0.03
LARGEST = float(np.finfo(np.float32).max)


ROOM = 0.02  # at both sides of a logarithmic axis, where 3 % of the values are next to nothing
SMALL_SHARE = 0.002  # of the values that are not 0 may lie in the part of a logarithmic axis that is linear
DECADES = (2, 6)  # fewest and most between the largest value and that part


def strips_of(
    subject: Subject, source: "Distribution | Groups", curves: Curves | None, *, log_axis: bool = False
) -> Strips:
    """The count strip, and the error strips where there are curves; on a linear value axis or a logarithmic one."""
    few = curves is not None and draws_one_by_one(source)
    low, high = axis_of(subject, source, curves is not None, few, 0.0 if log_axis else PADDING)
    axis = LINEAR
    if log_axis:
        axis = ValueAxis(smallest_shown(source, max(abs(low), abs(high))))
        wider = axis.values(with_room(axis.places(np.array([low, high]))))
        low, high = (float(v) for v in np.clip(wider, -LARGEST, LARGEST))
    ends = axis.places(np.array([low, high]))
    edges = axis.values(np.linspace(ends[0], ends[1], N_SHOWN_BINS + 1))
    edges[[0, -1]] = low, high
    strips = Strips(
        edges,
        np.maximum(counts_between(source, edges), 0.0),
        low,
        high,
        axis_title(subject, source),
        n_zeros=source.n_zeros,
        one_by_one=few,
        ruler=14 if few else 9,
        axis=axis,
    )
    if curves is None:
        return strips
    return dataclasses.replace(
        strips,
        at=curves.at,
        mse=curves.mse,
        rounding=curves.rounding,
        clipping=curves.clipping,
        kl=curves.kl,
        least_mse=curves.least(curves.mse),
        least_kl=curves.least(curves.kl) if (curves.kl > 0).any() else (np.zeros(0), np.zeros(0)),
    )


def with_room(ends: np.ndarray) -> np.ndarray:
    """Both ends of a logarithmic axis, a little further out."""
    room = ROOM * (ends[1] - ends[0])
    return ends + np.array([-room, room])


def smallest_shown(source: "Distribution | Groups", largest: float) -> float:
    """A power of ten below which few of the magnitudes lie."""
    decade = np.floor(np.log10(largest))
    magnitudes = 10.0 ** np.clip(decade - np.arange(DECADES[0], DECADES[1] + 1), -37, 38)
    edges = np.concatenate([[-2 * largest], -magnitudes, magnitudes[::-1], [2 * largest]])
    counts = counts_between(source, np.clip(edges, -LARGEST, LARGEST))
    n = magnitudes.size
    within = np.array([counts[1 + i : 2 * n - i].sum() for i in range(n)]) - source.n_zeros
    few = within <= SMALL_SHARE * max(source.count - source.n_zeros, 1.0)
    return float(magnitudes[int(np.argmax(few)) if few.any() else -1])


def draws_one_by_one(source: "Distribution | Groups") -> bool:
    """Whether the values are few and known one by one."""
    if isinstance(source, Groups) or not 0 < source.count < FEW:
        return False
    return distinct_values(source) is not None


def axis_of(
    subject: Subject, source: "Distribution | Groups", handled: bool, few: bool, padding: float
) -> tuple[float, float]:
    """The value axis: the data, 0, and every place that a handle can be moved to; `padding` of it more on each side."""
    low, high = (source.low, source.high) if source.count else (-1.0, 1.0)
    if handled:
        low, high = min(low, 0.0), max(high, 0.0)
        if isinstance(source, Groups):
            high = max(high, 1.0)
        elif subject.mirrored:
            high = max(high, source.absmax, subject.span[1])
        else:
            low, high = min(low, subject.span[0]), max(high, subject.span[1])
        if few and subject.mirrored and not subject.one_sided:
            low = -high * 1.15  # all levels are to be seen, also those that no value needs
    if low == high:
        low, high = low - 1.0, high + 1.0
    room = padding * (high - low)
    return max(low - room, -LARGEST), min(high + room, LARGEST)


def counts_between(source: "Distribution | Groups", edges: np.ndarray) -> np.ndarray:
    """Values in each bin, float64 (n,)."""
    if isinstance(source, Groups):
        return source.counts(edges)
    cuts = edges[1:-1].astype(np.float32)
    if (np.diff(cuts) > 0).all():
        return source.cells(cuts).count
    counts = np.zeros(edges.size - 1)  # a spread below float32's resolution
    counts[counts.size // 2] = source.count
    return counts


def axis_title(subject: Subject, source: "Distribution | Groups") -> str:
    if not isinstance(source, Groups):
        return "value" if subject.quantity == "value" else f"{subject.quantity} value"
    name = "block" if subject.quantizer is not None and subject.quantizer.block_size else "channel"
    return f"{subject.quantity} ÷ largest magnitude of its {name}"
