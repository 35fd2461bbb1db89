"""Channels of very different size under one scale: the small ones drown in steps made for the largest."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from workbench.numerics.formats.integer import IntegerFormat
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.words import finding, number, percent, remedy, times

UNEQUAL = 8.0  # largest over median
EQUALIZE = "wb.equalize(model, path) makes channels alike where only a Relu or pooling lies between two layers"


def channels(case: Case) -> Iterator[Finding]:
    """The largest channel sets the step for all: one scale a channel, or equalize."""
    for point in case.weights:
        if point.choice.axis is None and point.choice.variation.has_scale and point.layer.weight_axis is not None:
            yield from _weight(point)
    for point in case.activations:
        if point.choice.axis is None and point.choice.variation.has_scale:
            yield from _activation(point)


def _unequal(sizes: np.ndarray) -> float:
    """Largest size over the median of those that are not 0; 1 where there is nothing to compare."""
    alive = sizes[sizes > 0]
    return float(alive.max() / np.median(alive)) if alive.size > 1 else 1.0


def _lost(sizes: np.ndarray, point: Point) -> int:
    """How many channels stay within 8 steps."""
    return int((sizes < 8 * float(np.max(point.choice.quantizer.scale))).sum())


def _weight(point: Point) -> Iterator[Finding]:
    sizes = np.abs(point.rows).max(axis=1)
    ratio = _unequal(sizes)
    if ratio < UNEQUAL / 2:
        return
    sentence = _sentence(sizes, ratio, point)
    numbers: dict[str, Any] = dict(ratio=ratio, n_lost=_lost(sizes, point), channel=int(np.argmax(sizes)))
    words = "one scale for each channel, or wb.equalize where the target takes one a tensor"
    each = remedy(words, point.chosen(per_channel=True), short="a scale each channel")
    yield finding("channels", point, sentence, each, **numbers)


def _activation(point: Point) -> Iterator[Finding]:
    rows = None if point.case.look is None else point.case.look.rows.get(point.name)
    if rows is None:
        return
    sizes = np.abs(rows).max(axis=1)
    ratio = _unequal(sizes)
    if ratio < UNEQUAL:
        return
    finer = []
    if isinstance(point.choice.variation, IntegerFormat) and point.choice.variation.bits <= 8:
        words = "give it int16, as an activation has one scale"
        finer = [remedy(words, point.chosen(format="int16"), short="give it int16")]
    numbers: dict[str, Any] = dict(ratio=ratio, n_lost=_lost(sizes, point), channel=int(np.argmax(sizes)))
    yield finding("channels", point, _sentence(sizes, ratio, point), *finer, advice=EQUALIZE, **numbers)


def _sentence(sizes: np.ndarray, ratio: float, point: Point) -> str:
    n, largest = _lost(sizes, point), int(np.argmax(sizes))
    share = f", so that {n:,} of {sizes.size:,} channels ({percent(n / sizes.size)}) get 8 steps or fewer" if n else ""
    reach = number(float(sizes[largest]))
    return f"channel {largest} reaches {reach}, {times(ratio)} times the middle one, and all share one scale{share}"
