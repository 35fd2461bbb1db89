"""Other data than the calibration's reach beyond the range that was chosen on it."""

from collections.abc import Iterator

from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import beyond, ends, has_one_range
from workbench.workflow.diagnosis.words import finding, number, percent, range_words, remedy

DRIFT = 1.25  # times as far as calibration reached
SHARE = 1e-3  # of the evaluation's values beyond the range, and 4 times what calibration has there


def coverage(case: Case) -> Iterator[Finding]:
    """The range was chosen on too few or on other samples: calibrate with more of them, or widen."""
    if case.evaluation is None:
        return
    for point in case.activations:
        seen = case.evaluation.get(point.name)
        if seen is None or not seen.count or not has_one_range(point):
            continue
        low, high = ends(point.choice)
        share = beyond(seen, low, high) / seen.count
        before = beyond(point.body, low, high) / point.body.count
        reach = max(seen.high / point.body.high if point.body.high > 0 else 0.0, _below(seen.low, point.body.low))
        if share > SHARE and share > 4 * before and reach > DRIFT:
            yield _finding(case, point, share, before)


def _below(seen: float, known: float) -> float:
    return seen / known if known < 0 else 0.0


def _finding(case: Case, point: Point, share: float, before: float) -> Finding:
    assert case.evaluation is not None
    seen = case.evaluation[point.name]
    sentence = (
        f"{percent(share)} of the evaluation's values lie beyond the range, {percent(before)} of the calibration's do: "
        f"they reach {number(seen.low)} to {number(seen.high)} instead of {number(point.body.low)} to "
        f"{number(point.body.high)}"
    )
    wider = point.covering_also(seen)
    widen = remedy(range_words(wider, "calibrate with more such samples, or widen the range to"), wider)
    return finding("coverage", point, sentence, widen, share=share, share_in_calibration=before)
