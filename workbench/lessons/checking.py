"""`check`: an answer to an exercise is judged, and what was solved is remembered."""

import html
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from workbench.lessons import solved
from workbench.lessons.exercise import Exercise, Wrong
from workbench.messages import WorkbenchError


@dataclass(frozen=True)
class Verdict:
    """right: whether the answer is. words: why, or what is wrong. done, of: of the lesson's exercises are solved."""

    exercise: str
    right: bool
    words: str
    done: int
    of: int

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return f"{'✓' if self.right else '✗'} {self.exercise}: {self.words}\n{self._progress}"

    __repr__ = __str__

    @property
    def _progress(self) -> str:
        return f"Lesson {self.exercise.partition('.')[0]}: {self.done} of {self.of} solved."

    def _repr_html_(self) -> str:
        """The same with a mark in colour; words are escaped."""
        colour, sign = ("#009e73", "✓") if self.right else ("#d55e00", "✗")
        words = html.escape(f"{self.exercise}: {self.words}")
        return (
            f'<div style="border-left:4px solid {colour};padding:2px 10px"><b>{sign}</b> {words}<br>'
            f'<span style="opacity:.7">{self._progress}</span></div>'
        )


def exercises(lesson: str) -> tuple[Exercise, ...]:
    """The exercises of a lesson, "03". Raises WorkbenchError for a lesson that has none."""
    module = f"workbench.lessons.lesson_{lesson}"
    if not lesson.isalnum() or find_spec(module) is None:
        raise WorkbenchError(
            f"there is no lesson {lesson!r} with exercises; the number is in the notebook's name: '03'"
        )
    found: tuple[Exercise, ...] = import_module(module).EXERCISES
    return found


def check(exercise: str, answer: Any) -> Verdict:
    """Judge an answer. exercise: lesson and number, "03.2".

    The verdict is true where the answer is right, and says what is wrong where it is not, without giving the answer
    away. What was solved is remembered, see `progress`. Raises WorkbenchError for an exercise that does not exist.
    """
    lesson, _, _ = str(exercise).partition(".")
    known = {each.name: each for each in exercises(lesson)}
    if exercise not in known:
        raise WorkbenchError(f"lesson {lesson} has no exercise {exercise!r}; it has {', '.join(known)}")
    try:
        known[exercise].judge(answer)
    except Wrong as wrong:
        right, words = False, str(wrong)
    else:
        right, words = True, f"right. {known[exercise].praise}".rstrip()
        solved.remember(exercise)
    done = len(solved.all_solved() & set(known))
    return Verdict(exercise, right, words, done, len(known))


def progress() -> dict[str, str]:
    """Lesson -> "2 of 5", for the lessons of which something was solved."""
    found: dict[str, str] = {}
    for lesson in sorted({name.partition(".")[0] for name in solved.all_solved()}):
        names = {each.name for each in exercises(lesson)}
        found[lesson] = f"{len(solved.all_solved() & names)} of {len(names)}"
    return found
