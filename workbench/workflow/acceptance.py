"""`judge`: whether a quantized network is good enough, and whether there were enough samples to say so."""

import math
import numbers
from dataclasses import dataclass
from typing import Literal

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import Comparison, OutputError

Verdict = Literal["met", "missed", "not enough samples"]
MAX_LOSS = 0.01  # of the accuracy, or of the agreement where there are no labels
_Z = 1.96  # 95 %


@dataclass(frozen=True)
class Acceptance:
    """One target and what was measured.

    verdict: "not enough samples" where the target lies inside the 95 % interval. measured_ok: whether the measured
    figure itself is within the target, however sure that is. words: a sentence without a full stop. interval: None
    where nothing is known of it; the verdict is then that of the measured figure.
    """

    verdict: Verdict
    measured_ok: bool
    words: str
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        return f"{self.verdict}: {self.words}."


def judge(
    comparison: Comparison, *, max_loss: float | str | None = MAX_LOSS, min_sqnr_db: float | None = None
) -> tuple[Acceptance, ...]:
    """The first output against each target that is given.

    max_loss: share in [0, 1] of the accuracy that may be lost (against labels), or of the task's score; without labels
    the share of samples whose answer may change; "1%" is 0.01. min_sqnr_db: dB.
    Raises WorkbenchError for targets that are none, and where nothing of the output can be counted as an answer.
    """
    found = []
    error = next(iter(comparison.outputs.values()))
    if max_loss is not None:
        found.append(_judge_loss(comparison, error, as_share(max_loss)))
    if min_sqnr_db is not None:
        if not _is_number(min_sqnr_db) or not math.isfinite(min_sqnr_db):
            raise WorkbenchError(f"an output SQNR of at least {min_sqnr_db} dB is no number of dB")
        half = None if error.sqnr_error_db is None else _Z * error.sqnr_error_db
        interval = None if half is None else (error.sqnr_db - half, error.sqnr_db + half)
        words = f"output SQNR {error.sqnr_db:.2f} dB, at least {min_sqnr_db:g} dB wanted"
        found.append(_verdict(min_sqnr_db - error.sqnr_db, _turned(interval, min_sqnr_db), words, interval))
    return tuple(found)


def as_share(value: float | str) -> float:
    """A share in [0, 1]: 0.01, "0.01", "1%" and "1 %" are the same. Raises WorkbenchError for what is none."""
    share: float | str | None = value
    if isinstance(value, str):
        text = value.strip()
        try:
            share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            share = None
    if not _is_number(share) or not 0 <= float(share or 0) <= 1:
        raise WorkbenchError(f"a loss of at most {value} is no share; expected 0 to 1, such as 0.01 or 1%")
    return float(share or 0)


def _is_number(value: object) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def can_be_judged(comparison: Comparison) -> bool:
    """Whether answers can be counted, so that there is a loss."""
    error = next(iter(comparison.outputs.values()))
    return error.accuracy is not None or error.agreement is not None or comparison.answers is not None


def _judge_loss(comparison: Comparison, error: OutputError, limit: float) -> Acceptance:
    told = comparison.answers
    n, wanted = comparison.n_samples, f"at most {100 * limit:g} % wanted"
    if error.accuracy is not None and error.float_accuracy is not None:
        loss, changed = error.float_accuracy - error.accuracy, 1 - (error.agreement or 0.0)
        words = f"accuracy loss {100 * loss:.2f} % on {n} samples, {wanted}"
        return _judged(loss, paired_interval(loss, changed, n), limit, words)
    if told is not None and told.score is not None and told.float_score is not None:
        sign = -1 if told.smaller_is_better else 1
        loss = sign * (told.float_score - told.score)
        return _judged(loss, None, limit, f"loss of {told.score_name} {loss:.4f} on {n} samples, {wanted}")
    if error.agreement is not None:
        loss, around = 1 - error.agreement, error.agreement_interval
        words = f"{100 * loss:.2f} % of the answers changed on {n} samples, {wanted}"
        return _judged(loss, None if around is None else (1 - around[1], 1 - around[0]), limit, words)
    if told is not None:
        loss = 1 - told.agreement
        return _judged(loss, None, limit, f"{100 * loss:.2f} % of the answers lost on {n} samples, {wanted}")
    raise WorkbenchError("no answers can be counted in this output; give a least output SQNR in dB instead of a loss")


def _judged(loss: float, interval: tuple[float, float] | None, limit: float, words: str) -> Acceptance:
    excess = None if interval is None else (interval[0] - limit, interval[1] - limit)
    return _verdict(loss - limit, excess, words, interval)


def _verdict(
    excess: float, around: tuple[float, float] | None, words: str, interval: tuple[float, float] | None
) -> Acceptance:
    """excess: how far the measured figure is beyond the target; around: its interval."""
    low, high = around or (excess, excess)
    verdict: Verdict = "met" if high <= 0 else "missed" if low > 0 else "not enough samples"
    return Acceptance(verdict, excess <= 0, words, interval)


def _turned(interval: tuple[float, float] | None, wanted: float) -> tuple[float, float] | None:
    return None if interval is None else (wanted - interval[1], wanted - interval[0])


def paired_interval(loss: float, changed: float, n: int) -> tuple[float, float]:
    """95 % interval of a loss of accuracy measured on the same samples.

    loss: share of answers that were right and are wrong, less those that went the other way. changed: share of answers
    that changed at all; those that went from wrong to wrong only make the interval wider.
    Source: Agresti and Min 2005, Simple improved confidence intervals for comparing matched proportions (half a sample
    more in each of the four cells).
    """
    total = n + 2
    middle, spread = loss * n / total, (changed * n + 1) / total
    half = _Z * math.sqrt(max(spread - middle**2, 0.0) / total)
    return middle - half, middle + half
