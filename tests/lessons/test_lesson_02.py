"""Lesson 02: right answers pass, typical wrong ones get the hint that names the mistake; its picture is true."""

from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_02
from workbench.lessons.pictures.frame import in_ink
from workbench.lessons.pictures.precision_by_size import OCTAVES, precision_by_size, worst_relative_errors

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02_numbers.ipynb"
JUDGES = {each.name: each.judge for each in lesson_02.EXERCISES}

RIGHT = [
    ("02.1", 6.5),
    ("02.1", SimpleNamespace(value=6.5)),  # the explorer itself
    ("02.2", [2049, 257]),
    ("02.2", np.array([2049.0, 257.0])),
    ("02.3", 65520),
    ("02.3", 65520.0),
    ("02.4", 1023),
    *(("02.5", k) for k in range(24, 35)),
    ("02.6", 2.0**-6),
    ("02.6", 0.0157),
]
WRONG = [
    ("02.1", 0.1, "began with"),
    ("02.1", 2.5, "leading 1"),
    ("02.1", 1.625, "exponent is missing"),
    ("02.1", 212992, "bias is missing"),
    ("02.1", 6.25, "mantissa's share"),
    ("02.2", (257, 2049), "other order"),
    ("02.2", (2048, 256), "power of two"),
    ("02.2", (1025, 129), "one more bit"),
    ("02.2", (65505, 257), "range"),
    ("02.2", (2049, 300), "bf16 is not right"),
    ("02.2", 2049, "2 numbers"),
    ("02.3", 65504, "it stays"),
    ("02.3", 65505, "rounded down"),
    ("02.3", 65536, "smaller ones do too"),
    ("02.3", 65519, "tie"),
    ("02.3", 40000, "the middle"),
    ("02.4", 1024, "Zero"),
    ("02.4", 2046, "positive"),
    ("02.4", 2047, "Two exponents"),
    ("02.4", 10, "how many different mantissas"),
    ("02.5", 10, "still become 0"),
    ("02.5", 45, "become infinite"),
    ("02.5", 2**25, "exponent k"),
    ("02.5", -4, "even smaller"),
    ("02.5", 25.5, "whole number"),
    ("02.6", 2.0**-5, "the step"),
    ("02.6", 1000 / 32767, "power of two"),
    ("02.6", 500 / 32767, "power of two"),
    ("02.6", 3e-8, "1000 decides"),
    ("02.6", 0.02, "half of a step"),
    ("02.6", None, "given a value"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_the_notebook_asks_what_is_judged():
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    asked = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for name in JUDGES:
        assert asked.count(f"**Exercise {name}.**") == code.count(f'wb.lessons.check("{name}"') == 1
    assert " ".join(lesson_02.PATTERN) in asked


def test_an_answer_outside_of_the_lesson_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert wb.lessons.check("02.4", 1023)
    assert not wb.lessons.check("02.4", 1024)


def test_worst_errors_are_half_a_step_of_each_format():
    powers = list(range(*OCTAVES))
    for name, bits in (("fp16", 11), ("bf16", 8)):
        assert worst_relative_errors(name)[powers.index(0)] == pytest.approx(2.0**-bits, rel=0.01)
    fp16 = worst_relative_errors("fp16")
    assert np.isnan(fp16[powers.index(16)])
    assert fp16[powers.index(-24)] == pytest.approx(1 / 3, rel=0.01)  # 1.5 steps lie between 1 and 2 of them
    assert fp16[powers.index(-26)] == 1.0
    q8 = worst_relative_errors("q8")
    assert q8[powers.index(-3)] == pytest.approx(2 * q8[powers.index(-2)], rel=0.1)


def test_the_picture_has_a_labelled_line_for_each_format():
    figure = precision_by_size(("fp16", "q8"))
    assert [trace.name for trace in figure.data] == [wb.FORMATS[name].title for name in ("fp16", "q8")]
    names = [in_ink(title) for title in ("FP16", wb.FORMATS["q8"].title)]
    assert set(names) <= {note.text for note in figure.layout.annotations}
    assert figure.layout.xaxis.title.text and figure.layout.yaxis.title.text
    for wrong in ((), ("fp16",) * 7):
        with pytest.raises(wb.WorkbenchError, match="expected 1 to 6"):
            precision_by_size(wrong)
    with pytest.raises(wb.WorkbenchError, match="fp17"):
        precision_by_size(("fp17",))
