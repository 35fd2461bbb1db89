"""From a subject and its curves to what the chart draws."""

import dataclasses

import numpy as np

from workbench.numerics.statistics.distribution import Distribution
from workbench.ui.charts.distribution import Strips
from workbench.ui.threshold.bins import distinct_values
from workbench.ui.threshold.curves import Curves
from workbench.ui.threshold.groups import Groups
from workbench.ui.threshold.subject import Subject

FEW = 200  # so few values are drawn one by one
N_SHOWN_BINS = 280
PADDING = 0.03
LARGEST = float(np.finfo(np.float32).max)


def strips_of(subject: Subject, source: "Distribution | Groups", curves: Curves | None) -> Strips:
    """The count strip, and the error strips where there are curves."""
    few = curves is not None and draws_one_by_one(source)
    low, high = axis_of(subject, source, curves is not None, few)
    edges = np.linspace(low, high, N_SHOWN_BINS + 1)
    strips = Strips(
        edges,
        np.maximum(counts_between(source, edges), 0.0),
        low,
        high,
        axis_title(subject, source),
        n_zeros=source.n_zeros,
        one_by_one=few,
        ruler=14 if few else 9,
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


def draws_one_by_one(source: "Distribution | Groups") -> bool:
    """Whether the values are few and known one by one."""
    if isinstance(source, Groups) or not 0 < source.count < FEW:
        return False
    return distinct_values(source) is not None


def axis_of(subject: Subject, source: "Distribution | Groups", handled: bool, few: bool) -> tuple[float, float]:
    """The value axis: the data, 0, and every place that a handle can be moved to; a little room at both sides."""
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
    room = PADDING * (high - low)
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
