"""Nearly all values share a handful of codes."""

from collections.abc import Iterator

import numpy as np

from workbench.numerics.formats.integer import IntegerFormat
from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import has_one_range
from workbench.workflow.diagnosis.words import finding, range_words, remedy

BULK = 0.99  # share of the values that are not 0
FEW = 12  # codes of 256


def few_codes(case: Case) -> Iterator[Finding]:
    """The range is so wide for the bulk of the values that a handful of codes holds them."""
    for point in case.points.values():
        if not has_one_range(point) or not isinstance(point.choice.variation, IntegerFormat):
            continue
        quantizer = point.choice.quantizer
        assert quantizer.levels is not None and quantizer.boundaries is not None
        counts = point.body.cells(quantizer.boundaries).count
        counts[np.argmin(np.abs(quantizer.levels))] -= point.body.n_zeros
        ordered = np.sort(np.maximum(counts, 0))[::-1]
        total = ordered.sum()
        n = int(np.searchsorted(np.cumsum(ordered), BULK * total)) + 1 if total else 0
        if not 0 < n <= FEW * 2 ** (point.choice.variation.bits - 8):
            continue
        sentence = f"{n} of {counts.size:,} codes hold {100 * BULK:.0f} % of the values that are not 0"
        finer = point.chosen(method="least_error")
        more = point.chosen(format="int16")
        remedies = [
            remedy(range_words(finer, "end the range at"), finer, short=range_words(finer, "end at")),
            remedy("give it int16 (65,536 levels)", more, short="give it int16"),
        ]
        if point.is_weight and point.layer.weight_axis is not None:
            each = point.chosen(per_channel=True)
            remedies[0] = remedy("one scale for each channel", each, short="a scale each channel")
        yield finding("few_codes", point, sentence, *remedies, n_codes=n)
