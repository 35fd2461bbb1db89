"""Lesson 10: right answers pass, typical wrong ones get the hint that names the mistake."""

from types import SimpleNamespace

import numpy as np
import plotly.graph_objects as go

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_10

JUDGES = {each.name: each.judge for each in lesson_10.EXERCISES}
WEIGHT = wb.demo.model().tensors[lesson_10.TENSOR].distribution()
SQUARES = wb.format_from_levels("squares", lesson_10.SQUARES)
ALPHA = 5.03


def squares_at(threshold):
    return wb.Quantizer.covering(SQUARES, -threshold, threshold)


def magnitude(distribution):
    cells = distribution.cells([0.0])
    return float(cells.total[1] - cells.total[0]) / distribution.count


def laplace(distribution, format, *, symmetric=None):
    reach = ALPHA * magnitude(distribution)
    return wb.ClipRange(-reach, reach)


def laplace_at_most_the_largest(distribution, format, *, symmetric=None):
    reach = min(distribution.absmax, ALPHA * magnitude(distribution))
    return wb.ClipRange(-reach, reach)


def signed_mean(distribution, format, *, symmetric=None):
    reach = ALPHA * abs(float(distribution.cells([]).total[0])) / distribution.count
    return wb.ClipRange(-reach, reach)


def mean_square(distribution, format, *, symmetric=None):
    reach = ALPHA * float(distribution.cells([]).square[0] / distribution.count) ** 0.5
    return wb.ClipRange(-reach, reach)


def summed(distribution, format, *, symmetric=None):
    reach = ALPHA * magnitude(distribution) * distribution.count
    return wb.ClipRange(-reach, reach)


def without_factor(distribution, format, *, symmetric=None):
    return wb.ClipRange(-magnitude(distribution), magnitude(distribution))


def another_factor(distribution, format, *, symmetric=None):
    reach = 4.0 * magnitude(distribution)
    return wb.ClipRange(-reach, reach)


def one_sided(distribution, format, *, symmetric=None):
    return wb.ClipRange(0.0, ALPHA * magnitude(distribution))


def a_pair(distribution, format, *, symmetric=None):
    return -1.0, 1.0


def failing(distribution, format, *, symmetric=None):
    return distribution.mean


def nothing(distribution, format, *, symmetric=None):
    return None


def figure(across, up):
    return go.Figure(layout={"xaxis": {"title": {"text": across}}, "yaxis": {"title": {"text": up}}})


COST = lesson_10.output_db("int4") - lesson_10.output_db_of_squares()
ON_ONE_WEIGHT = lesson_10.sqnr(WEIGHT, "int4") - lesson_10.sqnr(WEIGHT, SQUARES)
UNIFORM = lesson_10.grid("int{}").mean(axis=0)
BEFORE, AFTER = lesson_10.recipes()
CHANGES = BEFORE.diff(AFTER)
CHANGED = len({change.tensor for change in CHANGES})

RIGHT = [
    ("10.1", squares_at(1.13)),
    ("10.1", SimpleNamespace(quantizer=squares_at(1.1))),  # the explorer itself
    ("10.2", COST),
    ("10.2", np.float32(4.65)),
    ("10.2", round(COST, 1)),
    ("10.3", laplace),
    ("10.3", laplace_at_most_the_largest),
    ("10.4", "stem.conv.weight"),
    ("10.5", np.polyfit(range(2, 7), UNIFORM, 1)[0]),
    ("10.5", 5.46),
    ("10.6", CHANGED),
    ("10.7", figure("bits", "SQNR in dB")),
    ("10.7", figure("code width", "signal to noise (decibels)")),
]
WRONG = [
    ("10.1", squares_at(WEIGHT.absmax), "Nothing is clipped"),
    ("10.1", squares_at(1.4), "rounding error"),
    ("10.1", squares_at(0.6), "clipping error"),
    ("10.1", wb.Quantizer.covering("int4", -1.1, 1.1), "explore with format='squares'"),
    ("10.1", 1.13, "explorer.quantizer"),
    ("10.2", -COST, "int4 minus squares"),
    ("10.2", lesson_10.output_db("int4"), "difference"),
    ("10.2", lesson_10.output_db_of_squares(), "difference"),
    ("10.2", ON_ONE_WEIGHT, "on one weight"),
    ("10.2", 0.6 * COST, "usual ones"),
    ("10.2", None, "given a value"),
    ("10.3", signed_mean, "cancel"),
    ("10.3", mean_square, "root mean square"),
    ("10.3", summed, "divide the sums"),
    ("10.3", without_factor, "factor is missing"),
    ("10.3", another_factor, "is the factor right"),
    ("10.3", one_sided, "mirrored"),
    ("10.3", a_pair, "returns a tuple"),
    ("10.3", failing, "AttributeError"),
    ("10.3", nothing, "returns None"),
    ("10.3", (-1, 1), "without calling"),
    ("10.4", "blocks.1.gate.expand.weight", "least of all"),
    ("10.4", "blocks.0.expand.conv.weight", "uniform levels are worst"),
    ("10.4", "blocks.1.depthwise.conv.weight", "Others gain more"),
    ("10.4", 0, "in quotes"),
    ("10.5", 6.02, "evenly spread"),
    ("10.5", lesson_10.slope("kmeans{}"), "first family"),
    ("10.5", UNIFORM[-1] - UNIFORM[0], "whole gain"),
    ("10.5", (UNIFORM[-1] - UNIFORM[0]) / 5, "four steps"),
    ("10.5", 5.3, "Close"),
    ("10.6", len(CHANGES), "several fields"),
    ("10.6", len(BEFORE), "not all of them"),
    ("10.6", 0, "Some did change"),
    ("10.6", 4, "There are more"),
    ("10.7", figure(None, None), "Neither axis"),
    ("10.7", figure("bits", ""), "vertical axis has no title"),
    ("10.7", figure(None, "SQNR in dB"), "horizontal axis has no title"),
    ("10.7", figure("bits", "SQNR"), "in which unit"),
    ("10.7", None, "figure is wanted"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_the_format_of_the_lesson_is_registered_no_longer_than_needed():
    assert lesson_10.output_db_of_squares() < lesson_10.output_db("int4")
    assert set(wb.FORMATS) == wb.FORMATS.built_in
