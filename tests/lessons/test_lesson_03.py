"""Lesson 03: right answers pass, typical wrong ones get the hint that names the mistake; its picture is true."""

import math
from pathlib import Path

import nbformat
import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_03
from workbench.lessons.pictures.staircase import staircase

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03_uniform_quantization.ipynb"
JUDGES = {each.name: each.judge for each in lesson_03.EXERCISES}


def parameters(low, high):
    low, high = min(low, 0), max(high, 0)
    scale = (high - low) / 255
    return scale, round(-low / scale)


def from_the_other_end(low, high):
    low, high = min(low, 0), max(high, 0)
    scale = np.float32((high - low) / 255)
    return [scale, np.rint(255 - high / scale)]


def not_widened(low, high):
    scale = (high - low) / 255
    return scale, round(-low / scale)


def with_256_steps(low, high):
    return parameters(low, high)[0] * 255 / 256, 0


def not_rounded(low, high):
    scale = parameters(low, high)[0]
    return scale, -min(low, 0) / scale


def wrong_sign(low, high):
    scale, zero_point = parameters(low, high)
    return scale, -zero_point


def always_half(low, high):
    return parameters(low, high)[0], 128


def failing(low, high):
    return 1 / 0


def nothing(low, high):
    return None, None


def symmetric(low, high):
    return 2 * max(abs(low), abs(high)) / 255, 128


RIGHT = [
    ("03.1", parameters),
    ("03.1", from_the_other_end),
    ("03.2", 20 * math.log10(2)),
    ("03.2", lesson_03.relu_gain_db()),
    ("03.3", 9),
    ("03.4", -0.25),
    ("03.4", np.float32(-0.2502)),
    ("03.5", (6, 8)),
    ("03.5", np.array([6, 8])),
    ("03.6", 66311),
    ("03.7", [35, 0]),
]
WRONG = [
    ("03.1", with_256_steps, "255 steps"),
    ("03.1", not_widened, "widen"),
    ("03.1", not_rounded, "round it"),
    ("03.1", wrong_sign, "wrong sign"),
    ("03.1", always_half, "the zero point is not"),
    ("03.1", symmetric, "scale is not right"),
    ("03.1", failing, "division by zero"),
    ("03.1", nothing, "given a value"),
    ("03.1", parameters(-1, 3), "function itself"),
    ("03.2", -6.02, "minus int8"),
    ("03.2", 4, "ratio of squared errors"),
    ("03.2", 2, "ratio of the steps"),
    ("03.2", 3.01, "falls to a quarter"),
    ("03.3", 8, "Almost"),
    ("03.3", 16, "fewer"),
    ("03.3", 5, "Too few"),
    ("03.4", 0.25, "too small or too large"),
    ("03.4", -0.0392, "real units"),
    ("03.4", 0, "rounds both apart"),
    ("03.4", -0.75, "what it is rounded to"),
    ("03.5", (8, 6), "other order"),
    ("03.5", (2, 8), "fraction bits of both factors"),
    ("03.5", (-1, 8), "fraction bits of both factors"),
    ("03.5", (1, 8), "before the point"),
    ("03.5", (6, 3), "output shift"),
    ("03.5", (7, 8), "bias shift"),
    ("03.6", 132622, "sign"),
    ("03.6", 1, "int16"),
    ("03.6", 66312, "round down"),
    ("03.6", 1000, "Divide"),
    ("03.7", [23, -15], "zero point"),
    ("03.7", [34, 0], "cut off"),
    ("03.7", [35, -3], "saturates"),
    ("03.7", [35, 253], "wrapped"),
    ("03.7", [34.75, 0], "not rounded"),
    ("03.7", [12, 0], "Not yet"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_the_notebook_asks_what_is_judged():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    asked = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for name in JUDGES:
        assert asked.count(f"**Exercise {name}.**") == code.count(f'wb.lessons.check("{name}"') == 1
    formats = (lesson_03.Q_INPUT, lesson_03.Q_WEIGHT, lesson_03.Q_BIAS, lesson_03.Q_OUTPUT)
    assert "Input {}, weight {}, bias {}, output {}".format(*formats) in asked
    assert "accumulators {} and {}".format(*lesson_03.ACCUMULATORS) in asked
    assert f"{lesson_03.TARGET_DB:g} dB" in asked


def test_the_staircase_is_what_the_quantizer_does():
    quantizer = wb.Quantizer.covering("int4", -1.02, 1.02)
    itself, quantized, rounding, clipping = staircase(quantizer).data
    x = np.asarray(itself.x, np.float32)
    assert np.array_equal(quantized.y, quantizer.fake_quantize(x))
    half = float(quantizer.scale) / 2
    assert np.nanmax(np.abs(rounding.y)) <= half * (1 + 1e-5) < np.nanmax(np.abs(clipping.y))
    assert (np.isnan(rounding.y) != np.isnan(clipping.y)).all()


def test_what_has_no_staircase():
    grouped = wb.Quantizer.covering("int8", np.array([-1.0, -2.0]), np.array([1.0, 2.0]), axis=0)
    for none in (grouped, wb.Quantizer.covering("fp16", -1, 1), wb.Quantizer.covering("fp32", -1, 1)):
        with pytest.raises(wb.WorkbenchError, match="expected one scale"):
            staircase(none)
