"""What the browser gets of an output curve."""

import math

import numpy as np
import pytest

from workbench.ui.threshold.output import curve_facts, output_facts
from workbench.workflow.choice import TensorChoice
from workbench.workflow.output_curve import N_POINTS, CurvePoint, OutputCurve


def curve(low=-2.0, high=4.0, *, symmetric=False, axis=None, n=N_POINTS, lines=True):
    """An output curve with a maximum, as if it had been measured."""

    def point(a, b):
        return CurvePoint(a, b, 30 - 20 * (math.log(a) + 0.3) ** 2 - 9 * (math.log(b) + 0.1) ** 2, 40 + b)

    points = [point(f, f) for f in np.geomspace(0.1, 1, n)]
    crossing = (0.7, 0.9) if lines else None
    if lines:
        points += [point(f, 0.9) for f in (0.1, 0.3, 0.7, 1.0)] + [point(0.7, f) for f in (0.1, 0.4, 0.9, 1.0)]
    format = "int8" if symmetric else "uint8"
    choice = TensorChoice("t", format, "hand", low, high, symmetric=symmetric, axis=axis)
    return OutputCurve(choice, low, high, tuple(dict.fromkeys(points)), 64, crossing)


def test_two_handles_have_two_lines_that_meet():
    shown = curve_facts(curve(), shift_db=1.5)
    assert (shown["low"], shown["high"], shown["crossing"]) == (-2.0, 4.0, [0.7, 0.9])
    assert shown["low_line"]["at"] == [0.1, 0.3, 0.7, 1.0] and shown["high_line"]["at"] == [0.1, 0.4, 0.9, 1.0]
    assert shown["diagonal"]["at"] == pytest.approx(np.geomspace(0.1, 1, N_POINTS))
    assert shown["low_line"]["db"][2] == shown["high_line"]["db"][2]
    assert max(shown["diagonal"]["db"]) == pytest.approx(curve().output_sqnr_db.max() + 1.5)


def test_one_handle_goes_from_zero():
    mirrored = curve_facts(curve(-5.0, 4.0, symmetric=True, lines=False))
    assert (mirrored["low"], mirrored["high"]) == (0.0, 5.0) and mirrored["low_line"]["at"] == []
    ends = np.array([-1.0, -2.0], np.float32), np.array([2.0, 1.0], np.float32)
    grouped = curve_facts(curve(*ends, symmetric=True, axis=0, lines=False))
    assert (grouped["low"], grouped["high"]) == (0.0, 1.0)


def test_predictions_wait_for_the_even_grid_and_for_both_lines():
    assert not output_facts(words="soon")["ready"]
    assert not output_facts(curve(n=N_POINTS - 1, lines=False, low=0.0))["ready"]
    assert output_facts(curve(lines=False, low=0.0))["ready"]
    assert not output_facts(curve(lines=False))["ready"]
    assert output_facts(curve(), done=True)["ready"]


def test_the_best_point_is_marked_once_all_are_there():
    assert output_facts(curve(), mark="best")["best"] is None
    best = output_facts(curve(), mark="best", done=True, shift_db=0.5)["best"]
    point = curve().best
    assert best["name"] == "best" and best["db"] == point.output_sqnr_db + 0.5
    assert (best["low"], best["high"]) == (-2.0 * point.low_factor, 4.0 * point.high_factor)


def test_what_is_not_finite_is_left_out():
    points = (
        CurvePoint(0.1, 0.1, math.nan, math.nan),
        CurvePoint(0.5, 0.5, -math.inf, 1.0),
        CurvePoint(1.0, 1.0, 30.0, math.inf),
    )
    lost = OutputCurve(curve().choice, -2.0, 4.0, points, 8)
    assert curve_facts(lost)["diagonal"] == {"at": [1.0], "db": [30.0], "own": [None]}
    assert output_facts(lost, done=True, mark="m")["best"]["db"] == 30.0
