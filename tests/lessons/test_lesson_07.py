"""Lesson 07: right answers pass, typical wrong ones get the hint that names the mistake."""

import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_07
from workbench.lessons.pictures.budget import budget
from workbench.lessons.pictures.ranked import ranked
from workbench.lessons.spoiled import spoiled_pictures, spoiled_place

JUDGES = {each.name: each.judge for each in lesson_07.EXERCISES}
LOW = lesson_07.usual("int4", None)
HARD = lesson_07.network(True)
HARD_CALIBRATION = wb.calibrate(HARD, wb.demo.data()[0][:64])
WHOLE, CHANNELS = (wb.choose(HARD, HARD_CALIBRATION, per_channel=each) for each in (False, True))
DEPTHWISE = [name for name in WHOLE if name.endswith("depthwise.conv.weight")]
BY_SENSITIVITY = [row.name for row in wb.sensitivity(lesson_07.network(), LOW, wb.demo.data()[1][:64])]


def better(n, format):
    """4-bit weights, and the n most sensitive ones in another format."""
    return LOW.with_choices(*(lesson_07.usual(format, None)[name] for name in BY_SENSITIVITY[:n]))


def within_the_budget():
    return next(better(n, "int8") for n in range(13) if lesson_07.output_db(better(n, "int8")) >= lesson_07.WANTED_DB)


ROWS = lesson_07.ranking()
MEAN = sum(row.sqnr_db for row in ROWS) / len(ROWS)
RIGHT = [
    ("07.1", lesson_07.added_up_db()),
    ("07.1", round(lesson_07.added_up_db(), 1)),
    ("07.2", within_the_budget()),
    ("07.3", CHANNELS),
    ("07.3", CHANNELS.with_choices(WHOLE["head.classifier.weight"])),
    ("07.4", lesson_07.lost_answers()),
    ("07.4", 9.0),
    ("07.5", spoiled_place()),
    ("07.5", np.int64(spoiled_place())),
    ("07.6", "dark"),
    ("07.6", " Dark "),
]
WRONG = [
    ("07.1", ROWS[0].sqnr_db, "worst tensor alone"),
    ("07.1", MEAN, "averaged"),
    ("07.1", MEAN * len(ROWS), "cannot be added"),
    ("07.1", -lesson_07.added_up_db(), "sign"),
    ("07.1", 2 * lesson_07.added_up_db(), "not 20"),
    ("07.1", lesson_07.output_db(lesson_07.usual(), n_samples=64), "predicted"),
    ("07.1", 10.0, "share of the signal"),
    ("07.2", None, "recipe is wanted"),
    ("07.2", WHOLE, "digits_hard"),
    ("07.2", lesson_07.usual("int7", None), "int7"),
    ("07.2", lesson_07.usual("int8", None), "budget is 9,000"),
    ("07.2", LOW.without("merge.strided.conv.weight"), "takes 4 a value"),
    ("07.2", LOW, "come first in the ranking"),
    ("07.2", better(4, "int16"), "instead of a few 16"),
    ("07.3", lesson_07.usual(), "digits_hard"),
    ("07.3", WHOLE, "as broken as before"),
    ("07.3", WHOLE.with_choices(CHANNELS[DEPTHWISE[0]]), "One repair"),
    ("07.3", WHOLE.with_choices(*(CHANNELS[name] for name in DEPTHWISE)), "Nearly"),
    ("07.3", CHANNELS.without(*DEPTHWISE), "left float"),
    ("07.4", 11, "wrong before"),
    ("07.4", 7, "difference in accuracy"),
    ("07.4", 2, "were won"),
    ("07.4", 5, "Count the rows"),
    ("07.5", spoiled_place() + 1, "from 0"),
    ("07.5", 64, "how many"),
    ("07.5", -1, "0 to 63"),
    ("07.5", 3, "as good as the others"),
    ("07.5", LOW, "number of the picture"),
    ("07.6", "few", "not by much"),
    ("07.6", "inverted", "most unlike"),
    ("07.6", "bright", "One of these"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


def test_the_damaged_picture_is_the_one_the_findings_name():
    pictures = spoiled_pictures()
    assert np.flatnonzero(pictures.max(axis=(1, 2, 3)) > 1).tolist() == [spoiled_place()]
    calibration = wb.calibrate(wb.demo.model(), pictures)
    assert wb.range_against_samples(calibration, "image").hinges_on[0] == spoiled_place()
    recipe = wb.choose(wb.demo.model(), calibration)
    found = wb.diagnose(wb.demo.model(), recipe, calibration, wb.demo.data()[1][:32])[:3]
    assert any(f"sample {spoiled_place()} made them" in str(finding) for finding in found)
    assert lesson_07.output_db(recipe) < lesson_07.output_db(lesson_07.usual()) - 10


def test_the_ranking_is_drawn_as_it_is():
    bars = ranked(ROWS).data[0]
    assert list(bars.y) == [row.name for row in ROWS] and list(bars.x) == [row.sqnr_db for row in ROWS]
    assert len(set(bars.marker.color)) == 2


def test_ways_to_spend_a_budget_are_lines_beside_the_corner_that_is_asked_for():
    ways = {"first": [(100, 10.0), (200, 20.0)], "second": [(100, 10.0), (300, 25.0)]}
    figure = budget(ways, most_bytes=250, least_db=15)
    assert {line.name: list(zip(line.x, line.y, strict=True)) for line in figure.data} == ways
    assert (figure.layout.shapes[0].x1, figure.layout.shapes[0].y0) == (250, 15)
    for none in ({}, {str(n): [(1, 1.0)] for n in range(5)}):
        with pytest.raises(wb.WorkbenchError, match="expected 1 to 4"):
            budget(none, 250, 15)
