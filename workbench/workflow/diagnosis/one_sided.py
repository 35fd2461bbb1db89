"""Values on one side of zero in a format that has as many levels on the other."""

from collections.abc import Iterator

from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.words import finding, number, percent, remedy

LOPSIDED = 0.25  # the smaller end over the larger one


def one_sided(case: Case) -> Iterator[Finding]:
    """A mirrored range gives half of its levels to a side without values: move the zero point."""
    for point in case.activations:
        format = point.choice.variation
        if not (format.has_scale and format.affine and point.is_symmetric and point.choice.quantizer.low < 0):
            continue
        low, high = point.body.low, point.body.high
        small, large = sorted((max(high, 0.0), max(-low, 0.0)))
        if small > LOPSIDED * large:
            continue
        unused = (large - small) / (2 * large)
        sentence = (
            f"the values lie between {number(low)} and {number(high)}, but the range is mirrored at 0: "
            f"{percent(unused)} of the {2**format.bits:,} codes are never used"
        )
        words = "let the range end where the values do (a zero point of its own)"
        shift = remedy(words, point.chosen(symmetric=False), short="move the zero point")
        yield finding("one_sided", point, sentence, shift, unused=unused, low=low, high=high)
