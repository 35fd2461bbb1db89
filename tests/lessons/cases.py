"""What every exercise of a lesson is tried with: right answers, and wrong ones with the hint that each deserves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from workbench.lessons.exercise import Wrong

FEWEST = 3  # typical wrong answers of an exercise


def exercise_tests(
    judges: Mapping[str, Callable[[Any], None]],
    right: Sequence[tuple[str, Any]],
    wrong: Sequence[tuple[str, Any, str]],
) -> tuple[Callable[..., None], ...]:
    """Three tests of a lesson. judges: exercise -> its judge. right: (exercise, answer). wrong: with a pattern too."""

    @pytest.mark.parametrize(("name", "answer"), right)
    def test_right_answers(name, answer):
        judges[name](answer)

    @pytest.mark.parametrize(("name", "answer", "hint"), wrong)
    def test_wrong_answers_are_told_why(name, answer, hint):
        with pytest.raises(Wrong, match=hint):
            judges[name](answer)

    def test_every_exercise_is_tried():
        for name in judges:
            assert [case for case in right if case[0] == name]
            assert len([case for case in wrong if case[0] == name]) >= FEWEST

    return test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried
