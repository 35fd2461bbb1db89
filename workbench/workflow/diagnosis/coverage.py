"""Other data than the calibration's reach beyond the range that was chosen on it."""

from collections.abc import Iterator

from workbench.numerics.errors.expected import expected_error
from workbench.numerics.statistics.distribution import Distribution
from workbench.workflow.diagnosis.case import Case, Point
from workbench.workflow.diagnosis.finding import Finding
from workbench.workflow.diagnosis.ranges import beyond, ends, has_one_range
from workbench.workflow.diagnosis.words import finding, number, percent, range_words, remedy

DRIFT = 1.25  # times as far as calibration reached
SHARE = 1e-3  # of the evaluation's values beyond the range, or as much noise as rounding makes
MORE = 4.0  # times the share that calibration has there


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
        if share > MORE * before and reach > DRIFT and (share > SHARE or _clips(seen, point)):
            yield _finding(case, point, share, before)


def _clips(seen: Distribution, point: Point) -> bool:
    """Whether few values that are cut off make more noise than rounding all does."""
    error = expected_error(seen, point.choice.quantizer)
    return error.clipping_mse > error.rounding_mse


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
    words = range_words(wider, "calibrate with more such samples, or widen the range to")
    widen = remedy(words, wider, short=range_words(wider, "widen to"))
    return finding("coverage", point, sentence, widen, share=share, share_in_calibration=before)
