"""Answers are judged in friendly words, and what was solved is remembered."""

import json

import numpy as np
import pytest

import workbench as wb
from workbench.lessons import checking, solved
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, text, whole


def is_seven(answer):
    value = whole(answer)
    not_this(value, -7, "Look at the sign.")
    close(value, 7)


LESSON = (Exercise("99.1", "What is 3 + 4?", is_seven, "<b>Counting</b> works."), Exercise("99.2", "Again?", is_seven))


@pytest.fixture(autouse=True)
def lesson(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(solved, "_known", set())
    monkeypatch.setattr(checking, "exercises", lambda name: LESSON if name == "99" else ())
    return tmp_path


def test_right_and_wrong_answers(lesson):
    right = wb.lessons.check("99.1", np.float32(7))
    assert right and str(right) == "✓ 99.1: right. <b>Counting</b> works.\nLesson 99: 1 of 2 solved."
    wrong = wb.lessons.check("99.2", -7)
    assert not wrong and "Look at the sign." in str(wrong) and "1 of 2" in str(wrong)
    assert "&lt;b&gt;" in right._repr_html_() and "<script" not in wrong._repr_html_()


def test_what_was_solved_outlives_the_kernel(lesson, monkeypatch):
    wb.lessons.check("99.1", 7)
    monkeypatch.setattr(solved, "_known", set())
    assert wb.lessons.progress() == {"99": "1 of 2"}
    assert json.loads((lesson / "workbench-autosave" / "lessons.json").read_text()) == ["99.1"]


@pytest.mark.parametrize("spoiled", ["{", '{"a": 1}', "[3, null]"])
def test_a_spoiled_file_is_begun_anew(lesson, spoiled):
    (lesson / "workbench-autosave").mkdir()
    (lesson / "workbench-autosave" / "lessons.json").write_text(spoiled)
    assert wb.lessons.progress() == {}
    wb.lessons.check("99.2", 7)
    assert wb.lessons.progress() == {"99": "1 of 2"}


def test_a_folder_that_cannot_be_written(lesson):
    (lesson / "workbench-autosave").write_text("in the way")
    assert wb.lessons.check("99.1", 7).done == 1


def test_what_does_not_exist(monkeypatch):
    with pytest.raises(wb.WorkbenchError, match="no exercise '99.3'; it has 99.1, 99.2"):
        wb.lessons.check("99.3", 7)
    monkeypatch.undo()
    for name in ("98", "../x", ""):
        with pytest.raises(wb.WorkbenchError, match="no lesson"):
            wb.lessons.exercises(name)


@pytest.mark.parametrize(
    ("read", "answer", "words"),
    [
        (number, "7", "a str"),
        (number, None, "given a value"),
        (array, None, "given a value"),
        (number, [1, 2], "these are 2"),
        (number, float("nan"), "finite"),
        (number, True, "a bool"),
        (number, object(), "a object"),
        (whole, 1.5, "no fractions"),
        (array, "a", "array of numbers"),
        (lambda a: array(a, (2,)), [1, 2, 3], "2 numbers in a list are wanted; how many are here: 3"),
        (lambda a: array(a, (1, 2)), [1, 2], r"shape \(1, 2\)"),
        (array, [np.inf], "infinity"),
        (lambda a: text(a, ("up", "down")), "left", "up, down"),
        (lambda a: text(a, ("up", "down")), 3, "in quotes"),
        (lambda a: close(a, 4.0), 4.1, "Close, but more than 0.1 % off"),
        (lambda a: close(a, 4.0), -4.0, "sign"),
        (lambda a: close(a, 4.0), 40.0, "size"),
    ],
)
def test_what_an_answer_is_not(read, answer, words):
    with pytest.raises(Wrong, match=words):
        read(answer)


def test_many_forms_of_a_right_answer():
    for answer in (7, 7.0, np.int8(7), np.array([7.0]), [7]):
        assert number(answer) == whole(answer) == 7
    assert text(" Up ", ("up", "down")) == "up"
    assert array([[1, 2]], (1, 2)).tolist() == [[1.0, 2.0]]
    assert array([[1], [2]], (2,)).tolist() == [1.0, 2.0]
    close(1e-12, 1e-12), close(0.0, 0.0)
