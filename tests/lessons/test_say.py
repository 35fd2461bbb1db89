"""Sentences are printed in lines that end between words."""

import pytest

import workbench as wb
from workbench.lessons.say import WIDTH


def test_a_long_sentence_is_broken_between_words(capsys):
    words = "calibration " * 30 + "end"
    wb.lessons.say(words)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1 and max(map(len, lines)) <= WIDTH
    assert " ".join(lines) == words


@pytest.mark.parametrize("long", ["x" * (WIDTH + 20), "blocks.0-" * 20])
def test_a_long_name_stays_whole(capsys, long):
    wb.lessons.say(f"The tensor {long} is not there.")
    assert long in capsys.readouterr().out.splitlines()


def test_lines_and_empty_lines_stay_and_each_argument_begins_one(capsys):
    wb.lessons.say("one\n\ntwo", 3, "")
    assert capsys.readouterr().out.split("\n") == ["one", "", "two", "3", "", ""]
