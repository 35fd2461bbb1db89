"""What the browser gets of a tensor's output curve: measured points, and where on the value axis they stand."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.workflow.output_curve import N_POINTS, CurvePoint, OutputCurve, is_mirrored, two_ended

NO_OUTPUT: dict[str, Any] = {}  # no network, no strip


def output_facts(
    now: OutputCurve | None = None,
    before: OutputCurve | None = None,
    *,
    shift_db: float = 0.0,
    shift_before_db: float = 0.0,
    done: bool = False,
    mark: str = "",
    words: str = "",
) -> dict[str, Any]:
    """JSON values for the strip of the network's output; with it there is a strip, even without a curve.

    now: the curve so far; done: it is whole. before: one of an earlier moment, drawn as out of date. shift_db: added to
    all output figures. mark: the title of the best point. words: what stands there while nothing is drawn.
    Returned are also ready: whether predictions can be read from `now`, and best: {name, low, high, db} of the mark.
    """
    facts = None if now is None else curve_facts(now, shift_db)
    return {
        "now": facts,
        "before": None if before is None else curve_facts(before, shift_before_db),
        "done": done,
        "ready": now is not None and (done or _coarse(now)),
        "best": None if now is None or facts is None or not done else _best(now, facts, shift_db, mark),
        "words": words,
    }


def curve_facts(curve: OutputCurve, shift_db: float = 0.0) -> dict[str, Any]:
    """low, high: where the handles stand at a factor of 1: of groups 0 and 1, of a mirrored range 0 and its end, 0
    where the data end there. diagonal, low_line, high_line: {at: factors, db: output SQNR, own: that of the layer or
    None}; the lines are there for two handles alone. crossing: see `OutputCurve`.
    """
    if np.ndim(curve.low):
        low, high = 0.0, 1.0
    elif is_mirrored(curve.choice):
        low, high = 0.0, max(abs(float(curve.low)), abs(float(curve.high)))
    else:
        low, high = float(curve.low), float(curve.high)
    return {
        "low": low,
        "high": high,
        "diagonal": _line(curve.on_curve, "high_factor", shift_db),
        "low_line": _line(curve.low_line, "low_factor", shift_db),
        "high_line": _line(curve.high_line, "high_factor", shift_db),
        "crossing": None if curve.crossing is None else list(curve.crossing),
        "n_samples": curve.n_samples,
    }


def _coarse(curve: OutputCurve) -> bool:
    """Whether one factor tells all and the even grid is there."""
    return len(curve.on_curve) >= N_POINTS and not two_ended(curve.choice, curve.low, curve.high)


def _line(points: Sequence[CurvePoint], moving: str, shift_db: float) -> dict[str, list[float | None]]:
    finite = [point for point in points if math.isfinite(point.output_sqnr_db)]
    own = [point.own_sqnr_db for point in finite]
    return {
        "at": [getattr(point, moving) for point in finite],
        "db": [point.output_sqnr_db + shift_db for point in finite],
        "own": [value if math.isfinite(value) else None for value in own],
    }


def _best(curve: OutputCurve, facts: dict[str, Any], shift_db: float, mark: str) -> dict[str, Any] | None:
    best = curve.best
    if not math.isfinite(best.output_sqnr_db):
        return None
    ends = {"low": best.low_factor * facts["low"], "high": best.high_factor * facts["high"]}
    return ends | {"name": mark, "db": best.output_sqnr_db + shift_db}
