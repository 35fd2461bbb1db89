"""A threshold that cuts off far more than the finer steps are worth."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import beyond, ends
from workbench.workflow.diagnosis.words import finding, number, percent, range_words, remedy

NARROW = 0.95  # of the range that the values would get


def clipped(case: Case) -> Iterator[Finding]:
    """The range ends inside the bulk of the values: widen it."""
    for point in case.points.values():
        if not point.choice.variation.has_scale or point.choice.block_size is not None:
            continue
        new = point.fresh
        widths = [np.maximum(np.abs(choice.low), np.abs(choice.high)) for choice in (point.choice, new)]
        if widths[0].shape == widths[1].shape and float(np.mean(widths[0] / np.maximum(widths[1], 1e-30))) < NARROW:
            yield _finding(point, new)


def _finding(point: Point, new: TensorChoice) -> Finding:
    if np.ndim(point.choice.low):
        inside = point.choice.quantizer.grouping.split(point.array)
        low, high = (np.asarray(end)[:, None] for end in (point.choice.low, point.choice.high))
        n = int(((inside < low) | (inside > high)).sum())
        where = "the ranges of its channels"
    else:
        n = beyond(point.body, *ends(point.choice))
        where = range_words(point.choice, "the range that ends at")
    n_all = point.body.count
    sentence = f"{percent(n / n_all)} of the values ({n:,} of {n_all:,}) lie beyond {where} and are cut off"
    reach = f"; they reach {number(point.body.low)} to {number(point.body.high)}"
    widen = remedy(range_words(new, "widen the range to"), new, short=range_words(new, "widen to"))
    numbers: dict[str, Any] = dict(n_beyond=n, share=n / n_all, low=point.body.low, high=point.body.high)
    return finding("clipped", point, sentence + reach, widen, **numbers)
