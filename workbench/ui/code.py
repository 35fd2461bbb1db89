"""Every change of a study as the line of Python that makes it again."""

import functools
import inspect
import itertools
import pprint
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ParamSpec, TypeVar

import numpy as np

from workbench.ui.history import step_between
from workbench.workflow.recipe import Recipe

P = ParamSpec("P")
R = TypeVar("R")
_line: ContextVar[str] = ContextVar("line", default="")
OPENING = """import numpy as np
import workbench as wb

# model, data: as given to wb.App(model, data)
app = wb.App(model, data, {options}autosave=None)
study = app.study
study.wait()
"""


def present_line() -> str:
    """The line of the verb that is at work in this thread; "" where there is none."""
    return _line.get()


@contextmanager
def said_as(line: str) -> Iterator[None]:
    """What changes inside is remembered as this line; inside another verb, as that one's."""
    token = _line.set(_line.get() or line)
    try:
        yield
    finally:
        _line.reset(token)


def said_by_entries() -> None:
    """Remember what the verb at work changes as the entries that differ, not as its call."""
    _line.set("")


def action(verb: Callable[P, R]) -> Callable[P, R]:
    """Mark a method of a study as something a person does: its changes are remembered as the call itself."""
    signature = inspect.signature(verb)

    @functools.wraps(verb)
    def recorded(*args: P.args, **options: P.kwargs) -> R:
        with said_as(call_line(verb.__name__, signature, args, options)):
            return verb(*args, **options)

    return recorded


def call_line(name: str, signature: inspect.Signature, args: Sequence[Any], options: dict[str, Any]) -> str:
    """`study.name(...)` as a person would write it: what equals its default is left out. args[0]: the study."""
    bound = signature.bind(*args, **options).arguments
    words, by_name = [], False
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.name not in bound or _is_default(bound[parameter.name], parameter):
            by_name = True
            continue
        by_name = by_name or parameter.kind is inspect.Parameter.KEYWORD_ONLY
        value = written(bound[parameter.name])
        words.append(f"{parameter.name}={value}" if by_name else value)
    return f"study.{name}({', '.join(words)})"


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    return type(value) is type(parameter.default) and value == parameter.default


def written(value: Any) -> str:
    """A value as Python reads it back, to the last bit."""
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, np.{value.dtype.name})"
    if isinstance(value, np.generic):
        return repr(value.item())
    return repr(value)


def script(
    recipes: Sequence[Recipe],
    lines: Sequence[str],
    more: Sequence[str] = (),
    *,
    state: Mapping[str, str] | None = None,
    with_recipe: bool = False,
) -> str:
    """A program that makes the changes from each recipe to the next. lines: one a change, "" where none is known.

    state: as given to wb.App. with_recipe: the work began with a recipe that was given there.
    """
    pairs = zip(lines, itertools.pairwise(recipes), strict=True)
    steps = [line or change_line(before, after) for line, (before, after) in pairs]
    options = ("" if state is None else f"state={dict(state)!r}, ") + ("recipe=recipe, " if with_recipe else "")
    opening = OPENING.format(options=options)
    if with_recipe:
        opening = opening.replace("# model, data:", "# model, data, recipe:")
    return "\n".join((opening, *steps, *more, ""))


def change_line(before: Recipe, after: Recipe) -> str:
    """The change as the entries that differ."""
    entries = pprint.pformat(step_between(before, after), width=110, sort_dicts=False)
    return f"study.change({entries})"
