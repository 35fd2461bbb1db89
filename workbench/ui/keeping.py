"""`Keeping`: recipes that are kept under a name, and the work so far as a script."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from workbench.messages import WorkbenchError
from workbench.ui.choosing import Choosing
from workbench.ui.code import action, script
from workbench.ui.history import stepped
from workbench.ui.limits import DEFAULT_TARGET
from workbench.ui.state import State
from workbench.workflow.recipe import Recipe


class Keeping(Choosing):
    """Named snapshots of the recipe, whole recipes put in place of the present one, and `code`."""

    def set_recipe(self, recipe: Recipe) -> None:
        """Take a whole recipe, for example a loaded one. Raises WorkbenchError for a recipe of another model."""
        self.apply(recipe)

    @action
    def change(self, entries: Mapping[str, Any]) -> None:
        """Put in entries as they stand in a recipe's JSON, tensor name -> entry; None leaves a tensor float.

        Raises WorkbenchError naming the field that is wrong, and for tensors that the model does not have.
        """
        for name in entries:
            _ = self.model.tensors[name]
        self._change(lambda recipe: stepped(recipe, entries))

    def snapshot(self, name: str = "") -> str:
        """Keep the present recipe under a name, by default the next free number; returns the name.

        An older snapshot of the same name is replaced. It is saved with the choices.
        """

        def kept(state: State) -> State:
            nonlocal name
            name = name.strip() or _free_name(state.snapshots)
            others = {each: recipe for each, recipe in state.snapshots.items() if each != name}
            return dataclasses.replace(state, snapshots={**others, name: state.recipe})

        self.update(kept)
        return name

    def restore(self, name: str) -> None:
        """Go back to a snapshot, as one step that can be undone. Raises WorkbenchError where there is none."""
        self.apply(self._snapshot(name))

    def forget(self, name: str) -> None:
        """Drop a snapshot. Raises WorkbenchError where there is none."""
        self._snapshot(name)
        rest = {each: recipe for each, recipe in self.state.snapshots.items() if each != name}
        self.update(lambda state: dataclasses.replace(state, snapshots=rest))

    def code(self) -> str:
        """The changes that can be undone as a Python script; run on the same data it ends at the present recipe."""
        history = self.state.history
        state = self.state
        seen = [f"study.set_target({state.target!r})"] if state.target != DEFAULT_TARGET else []
        seen += [f"study.select({state.selected!r})"] if state.selected else []
        recipes, began = (*history.past, state.recipe), self.began_with_recipe
        return script(recipes, history.done, seen, state=self.fed_back, with_recipe=began)

    def _snapshot(self, name: str) -> Recipe:
        snapshots = self.state.snapshots
        if name not in snapshots:
            there = ", ".join(map(repr, snapshots)) or "none so far; study.snapshot() makes one"
            raise WorkbenchError(f"there is no snapshot {name!r}; expected one of: {there}")
        return snapshots[name]


def _free_name(snapshots: Mapping[str, Recipe]) -> str:
    number = len(snapshots) + 1
    while f"snapshot {number}" in snapshots:
        number += 1
    return f"snapshot {number}"
