"""A range that reaches far beyond everything that occurs."""

from collections.abc import Iterator

from workbench.workflow.diagnosis.case import Case
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import has_one_range, reach, width
from workbench.workflow.diagnosis.words import finding, number, percent, range_words, remedy

EMPTY = 1.3  # times as far as the values reach


def wide(case: Case) -> Iterator[Finding]:
    """Levels beyond the largest value are never used: narrow the range."""
    for point in case.points.values():
        if not has_one_range(point):
            continue
        reached, span = reach(point), width(point.choice)
        if span > EMPTY * reached > 0:
            new = point.fresh
            low, high = number(point.distribution.low), number(point.distribution.high)
            sentence = (
                f"the values reach {low} to {high} alone, so that {percent(1 - reached / span)} of the range is empty"
            )
            narrow = remedy(range_words(new, "narrow the range to"), new, short=range_words(new, "narrow to"))
            yield finding("wide", point, sentence, narrow, empty=1 - reached / span)
