"""A few values far from all others stretch the range, so that the rest shares a few steps."""

from collections.abc import Iterator
from typing import Any

from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import (
    beyond,
    broken_numbers,
    deviation,
    ends,
    has_one_range,
    reach,
    samples_beyond,
    width,
)
from workbench.workflow.diagnosis.words import finding, listed, number, range_words, remedy, times

FEW = 2e-3  # share of the values beyond the range without them
STRETCH = 1.4  # times


def outliers(case: Case) -> Iterator[Finding]:
    """Values that few others keep company stretch the range: clip, and see which samples they came from."""
    for point in case.points.values():
        if not has_one_range(point):
            continue
        new = point.chosen(method="least_error") if point.is_weight else point.fresh
        usual = (point.body.low, point.body.high) if point.broken.size else ends(new)
        n = beyond(point.distribution, *usual)
        few = point.broken.size or n <= max(1, FEW * point.distribution.count)
        # a range that ends far beyond all values is not stretched by them: `wide` tells of it
        stretch = min(width(point.choice), 1.1 * reach(point)) / width(new)
        if n and few and stretch >= STRETCH:
            yield _finding(point, new, usual, n, width(point.choice) / width(new))


def _finding(point: Point, new: TensorChoice, usual: tuple[float, float], n: int, stretch: float) -> Finding:
    low, high = usual
    spread = deviation(point.body)
    sigmas = max(high, -low) / spread if spread else 0.0
    samples = broken_numbers(point) or samples_beyond(point.distribution, low, high)
    are, stretch_it, them = ("is", "stretches", "it") if n == 1 else ("are", "stretch", "them")
    sentence = (
        f"{n:,} of {point.distribution.count:,} values {are} beyond {number(sigmas)} standard deviations and "
        f"{stretch_it} the range {times(stretch)} times"
    )
    if samples and len(samples) <= max(3, 0.05 * len(getattr(point.distribution, "sample_ranges", ()))):
        sentence += f"; {listed(samples, 'sample')} made {them}"
    remedies = [remedy(range_words(new, "clip at"), new)]
    if point.broken.size and not point.is_weight:  # the person's own method, as if those samples had not been there
        method = point.choice.method if point.choice.method in CLIPPING else "min_max"
        without = point.chosen(method=method)
        words = f"{range_words(without, 'end the range at')}, as without {listed(samples, 'sample')}"
        remedies.insert(0, remedy(words, without, short=range_words(without, "end at")))
    numbers: dict[str, Any] = dict(n_beyond=n, standard_deviations=sigmas, stretch=stretch, samples=tuple(samples))
    numbers["broken"] = bool(point.broken.size)  # the samples have nothing in common with the others
    return finding("outliers", point, sentence, *remedies, low=low, high=high, **numbers)
