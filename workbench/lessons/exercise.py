"""`Exercise`: a question of a lesson, and how an answer to it is judged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Wrong(Exception):  # noqa: N818  # it is no error of the program
    """What is wrong with an answer, in words that do not give the right one away."""


@dataclass(frozen=True)
class Exercise:
    """name: lesson and number, "03.2". question: one sentence. judge(answer): returns for a right one, else `Wrong`.

    praise: a sentence on what a right answer has shown; may be empty.
    """

    name: str
    question: str
    judge: Callable[[Any], None]
    praise: str = ""
