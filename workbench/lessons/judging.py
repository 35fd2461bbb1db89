"""What judges of exercises share: reading an answer, and saying in friendly words what it is not."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.lessons.exercise import Wrong


def number(answer: Any) -> float:
    """An answer as a float; `Wrong` for what is no single finite number."""
    if isinstance(answer, bool | np.bool_) or isinstance(answer, str | bytes) or answer is None:
        raise Wrong(f"A number is wanted, this is {_what(answer)}.")
    try:
        array = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"A number is wanted, this is {_what(answer)}.") from None
    if array.size != 1:
        raise Wrong(f"One number is wanted, these are {array.size}.")
    value = float(array.reshape(()))
    if not math.isfinite(value):
        raise Wrong("A finite number is wanted.")
    return value


def whole(answer: Any) -> int:
    """An answer as an int; `Wrong` for what is no whole number."""
    value = number(answer)
    if value != round(value):
        raise Wrong("A whole number is wanted: codes and counts have no fractions.")
    return int(value)


def array(answer: Any, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """An answer as float64 of a shape; `Wrong` for anything else. A flat shape takes the numbers in any shape."""
    if answer is None:
        raise Wrong(f"An array of numbers is wanted, this is {_what(answer)}.")
    try:
        values = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"An array of numbers is wanted, this is {_what(answer)}.") from None
    if shape is not None and len(shape) == 1:
        if values.size != shape[0]:
            raise Wrong(f"{shape[0]} numbers in a list are wanted; how many are here: {values.size}.")
        values = values.reshape(shape)
    if shape is not None and values.shape != shape:
        raise Wrong(f"An array of shape {shape} is wanted, this one has {values.shape}.")
    if not np.isfinite(values).all():
        raise Wrong("There is a NaN or an infinity in it.")
    return values


def text(answer: Any, choices: Sequence[str]) -> str:
    """An answer as one of some words, capitals and spaces aside; `Wrong` with the list for anything else."""
    if not isinstance(answer, str):
        raise Wrong(f"One of these words is wanted, in quotes: {', '.join(choices)}.")
    said = answer.strip().lower()
    for choice in choices:
        if said == choice.lower():
            return choice
    raise Wrong(f"One of these is wanted: {', '.join(choices)}.")


def close(value: float, expected: float, *, rel: float = 1e-3, near: str = "", far: str = "") -> None:
    """`Wrong` unless value is within `rel` of expected. near, far: words for within a factor of 2, and beyond."""
    if math.isclose(value, expected, rel_tol=rel, abs_tol=rel * 1e-6):
        return
    same_sign = value * expected > 0
    if same_sign and 0.5 <= value / expected <= 2:
        raise Wrong(near or f"Close, but more than {100 * rel:g} % off.")
    raise Wrong(far or ("The size is not right yet." if same_sign else "The sign is not right yet."))


def not_this(value: float, mistake: float, words: str, *, rel: float = 1e-6) -> None:
    """`Wrong` with `words` where value is what a known mistake gives."""
    if math.isclose(value, mistake, rel_tol=rel):
        raise Wrong(words)


def _what(answer: Any) -> str:
    return "None, so it is still to be given a value" if answer is None else f"a {type(answer).__name__}"
