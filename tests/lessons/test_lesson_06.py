"""Lesson 06: right answers pass, typical wrong ones get the hint that names the mistake; its picture is true."""

import math

import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_06
from workbench.lessons.pictures.centroid_rounds import centroid_rounds, levels_by_round

JUDGES = {each.name: each.judge for each in lesson_06.EXERCISES}
TOP = 1.5057406


def nf4(threshold):
    return wb.Quantizer.covering("nf4", -threshold, threshold)


class Dragged:
    quantizer = nf4(0.76 * TOP)


def one_round(values, levels, empty=None, combine=np.mean):
    nearest = np.abs(values[:, None] - levels).argmin(axis=1)
    empty = levels if empty is None else np.full(levels.size, empty)
    return [combine(values[nearest == i]) if (nearest == i).any() else empty[i] for i in range(levels.size)]


@pytest.fixture(autouse=True)
def own_formats():
    wb.FORMATS.register(wb.format_from_levels("t06_even", range(-7, 8)))
    wb.FORMATS.register(wb.format_from_levels("t06_denser", [i * (12 + abs(i)) for i in range(-7, 8)]))
    wb.FORMATS.register(wb.format_from_levels("t06_many", range(-9, 10)))
    wb.FORMATS.register(wb.format_from_levels("t06_fixed", [-1.0, 0.0, 1.0], scaled=False))
    yield
    for name in ("t06_even", "t06_denser", "t06_many", "t06_fixed"):
        wb.FORMATS.unregister(name)


RIGHT = [
    ("06.1", nf4(0.76 * TOP)),
    ("06.1", Dragged()),
    ("06.2", 32 * 2048 / (4 * 2048 + 32 * 16)),
    ("06.2", np.float32(7.53)),
    ("06.2", 7.5),
    ("06.3", one_round),
    ("06.3", lambda values, levels: np.array(one_round(values, levels))),
    ("06.4", 1.875),
    ("06.4", [1.875]),
    ("06.4", 1.88),
    ("06.5", 114),
    ("06.6", 0.5),
    ("06.6", np.float64(0.5)),
    ("06.7", "t06_denser"),
    ("06.7", wb.format_from_levels("t06_denser", [0, 1])),  # the format itself, known by its name
]
WRONG = [
    ("06.1", nf4(TOP), "still at the largest"),
    ("06.1", nf4(0.45 * TOP), "Too far in"),
    ("06.1", nf4(0.97 * TOP), "not far enough"),
    ("06.1", wb.Quantizer.covering("int4", -1, 1), "explorer of nf4"),
    ("06.1", 0.76, "explorer's quantizer"),
    ("06.2", 8, "codes alone"),
    ("06.2", 32 * 2048 / (4 * 2048 + 16), "32 bits each"),
    ("06.2", 1 / 7.5294, "Upside down"),
    ("06.2", 32 * 2048 / (16 * 2048 + 32 * 16), "no 16 bits"),
    ("06.2", 7.0, "Close"),
    ("06.3", lambda values, levels: levels, "have not moved"),
    ("06.3", lambda values, levels: one_round(values, levels, 0.0, np.sum), "sums"),
    ("06.3", lambda values, levels: one_round(values, levels, empty=0.0), "stays where it is"),
    ("06.3", lambda values, levels: one_round(values, levels, empty=np.nan), "nothing|stays"),
    ("06.3", lambda values, levels: one_round(values, levels, combine=np.max), "First the nearest"),
    ("06.3", lambda values, levels: None, "array"),
    ("06.3", lambda values: values, "failed"),
    ("06.3", np.zeros(3), "without brackets"),
    ("06.4", math.log2(5), "equally frequent"),
    ("06.4", 3, "fixed code"),
    ("06.4", 1.875 * math.log(2), "nats"),
    ("06.4", -1.875, "minus"),
    ("06.4", 60, "per code"),
    ("06.5", 37, "taken away"),
    ("06.5", -40, "z was added"),
    ("06.5", 103, "natural logarithm"),
    ("06.5", 79, "16 steps"),
    ("06.5", 113, "Not yet"),
    ("06.5", 114.15, "whole number"),
    ("06.6", 0.9, "largest magnitude"),
    ("06.6", 0.1, "signs are kept apart"),
    ("06.6", 0.35**0.5, "energy"),
    ("06.7", "t06_even", "Where are most"),
    ("06.7", "t06_many", "more levels"),
    ("06.7", "t06_fixed", "with a scale"),
    ("06.7", "nf4", "comes with the workbench"),
    ("06.7", "t06_unknown", "not registered"),
    ("06.7", None, "name of your format"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_the_room_of_codebooks_names_what_it_has():
    assert "lloyd" in dir(wb.codebooks) and wb.codebooks.lloyd.lloyd
    with pytest.raises(AttributeError, match="it has .*finetuning"):
        _ = wb.codebooks.loyd


def test_rounds_of_k_means_are_drawn_as_they_are():
    values = np.random.default_rng(5).standard_normal(300).astype(np.float32)
    picture = centroid_rounds(values, k=4, rounds=6)
    assert len(picture.data) == 2 * (4 + 1)
    known = wb.SortedSums.of(values)
    start = wb.codebooks.lloyd.linear_start(known.low, known.high, 4)
    path = levels_by_round(known, start, 6)
    drawn = np.array([line.y for line in picture.data[:4]]).T
    assert np.array_equal(drawn, path)
    nearest = np.abs(values[:, None] - start).argmin(axis=1)
    assert np.allclose(path[1], [values[nearest == i].mean() for i in range(4)])
    for line in (picture.data[4], picture.data[9]):  # the error never rises, and never falls below the least
        assert (np.diff(line.y) <= 1e-9).all() and line.y[-1] >= 1 - 1e-6


@pytest.mark.parametrize(("values", "k", "words"), [([1.0, 2.0], 1, "2 to 32"), ([np.nan], 4, "no finite value")])
def test_what_has_no_rounds(values, k, words):
    with pytest.raises(wb.WorkbenchError, match=words):
        centroid_rounds(np.array(values), k=k)
