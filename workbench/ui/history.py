"""`History`: what can be undone and redone, as a value."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.messages import WorkbenchError
from workbench.workflow.choice import TensorChoice
from workbench.workflow.recipe import Recipe

LIMIT = 200  # steps; each holds references to the same choices, so a step costs what it changed


@dataclass(frozen=True)
class History:
    """Recipes before and after the present one. past: oldest first. future: the next redo first.

    done: the line of Python that led from each recipe of the past to the next, "" where none is known; undone: the
    lines that lead to those of the future.
    """

    past: tuple[Recipe, ...] = ()
    future: tuple[Recipe, ...] = ()
    done: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()

    def after_change(self, present: Recipe, line: str = "") -> "History":
        """`present` is about to be replaced; what had been undone is given up."""
        return History((*self.past, present)[-LIMIT:], done=(*self.done, line)[-LIMIT:])

    def back(self, present: Recipe) -> tuple[Recipe, "History"]:
        """(the recipe before, the history then). Raises WorkbenchError where nothing is left to undo."""
        if not self.past:
            raise WorkbenchError("there is nothing to undo; this is the recipe the work began with")
        future, undone = (present, *self.future), (self.done[-1], *self.undone)
        return self.past[-1], History(self.past[:-1], future, self.done[:-1], undone)

    def forth(self, present: Recipe) -> tuple[Recipe, "History"]:
        """(the recipe that was undone last, the history then). Raises WorkbenchError where there is none."""
        if not self.future:
            raise WorkbenchError("there is nothing to redo; nothing was undone since the last change")
        past, done = (*self.past, present), (*self.done, self.undone[0])
        return self.future[0], History(past, self.future[1:], done, self.undone[1:])

    def mapped(self, change: Callable[[Recipe], Recipe]) -> "History":
        """Every recipe replaced by change(recipe)."""
        return replace(self, past=tuple(map(change, self.past)), future=tuple(map(change, self.future)))

    def to_json(self, present: Recipe) -> dict[str, Any]:
        """Steps away from `present`, each as the entries that differ; small however large the recipes are."""
        undo, redo = [], []
        recipe = present
        for earlier in reversed(self.past):
            undo.append(step_between(recipe, earlier))
            recipe = earlier
        recipe = present
        for later in self.future:
            redo.append(step_between(recipe, later))
            recipe = later
        return {"undo": undo, "redo": redo, "done": list(self.done), "undone": list(self.undone)}

    @classmethod
    def from_json(cls, document: Any, present: Recipe) -> "History":
        """The inverse of `to_json`. Raises WorkbenchError where it is something else."""
        if not isinstance(document, dict) or not all(isinstance(document.get(k), list) for k in ("undo", "redo")):
            raise WorkbenchError("field 'history' must hold the lists 'undo' and 'redo'")
        past, future = [], []
        recipe = present
        for step in document["undo"]:
            recipe = stepped(recipe, step)
            past.append(recipe)
        recipe = present
        for step in document["redo"]:
            recipe = stepped(recipe, step)
            future.append(recipe)
        done, undone = _lines(document, "done", len(past)), _lines(document, "undone", len(future))
        return cls(tuple(reversed(past)), tuple(future), done, undone)


def _lines(document: dict[str, Any], field: str, n: int) -> tuple[str, ...]:
    lines = document.get(field, [""] * n)
    if not isinstance(lines, list) or len(lines) != n or not all(isinstance(line, str) for line in lines):
        raise WorkbenchError(f"field {field!r} of the history must hold {n} lines of text")
    return tuple(lines)


def changed_tensors(before: Recipe, after: Recipe) -> tuple[str, ...]:
    """Names whose choices differ, in the order of the recipes."""
    if before.choices is after.choices:
        return ()
    names = dict.fromkeys([*before, *after])
    return tuple(n for n in names if not _same(before.choices.get(n), after.choices.get(n)))


def _same(one: TensorChoice | None, other: TensorChoice | None) -> bool:
    return one is other or (one is not None and other is not None and one == other)


def step_between(before: Recipe, after: Recipe) -> dict[str, Any]:
    """Tensor name -> its entry in `after`, None where it has none; only where choice, note or name differ."""
    said = [(before.notes, after.notes), (before.names, after.names)]
    worded = (n for old, new in said for n in {**old, **new} if old.get(n) != new.get(n))
    return {name: after.entry(name) for name in dict.fromkeys((*changed_tensors(before, after), *worded))}


def stepped(recipe: Recipe, step: Any) -> Recipe:
    """The recipe with the entries of a step put in or, where None, taken out."""
    if not isinstance(step, Mapping):
        raise WorkbenchError(f"a step of the history must map tensor names to entries, got {step!r:.80}")
    return recipe.with_entries(step)
