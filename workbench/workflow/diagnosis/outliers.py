"""A few values far from all others stretch the range, so that the rest shares a few steps."""

from collections.abc import Iterator
from typing import Any

from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.workflow.choice import TensorChoice
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import beyond, deviation, ends, has_one_range, samples_beyond, width
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
        if n and few and width(point.choice) >= STRETCH * width(new):
            yield _finding(point, new, usual, n)


def _finding(point: Point, new: TensorChoice, usual: tuple[float, float], n: int) -> Finding:
    low, high = usual
    spread, stretch = deviation(point.body), width(point.choice) / width(new)
    sigmas = max(high, -low) / spread if spread else 0.0
    samples = point.broken.tolist() or samples_beyond(point.distribution, low, high)
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
        words = f"leave {listed(samples, 'sample')} out, which ends the range at"
        remedies.insert(0, remedy(range_words(without, words), without))
    numbers: dict[str, Any] = dict(n_beyond=n, standard_deviations=sigmas, stretch=stretch, samples=tuple(samples))
    return finding("outliers", point, sentence, *remedies, low=low, high=high, **numbers)
