"""`VersionsPanel`: kept recipes side by side, what differs between two of them, and the work as a script."""

from typing import Any

from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.topics.versions import BEGINNING, PRESENT, VersionFigures, versions_of
from workbench.ui.words import plain
from workbench.workflow.recipe import Difference, Recipe
from workbench.workflow.sizes import size_bytes

MOST = 1000  # differences that are spelled out


class VersionsPanel(Panel):
    """A dialog; nothing is worked out while it is closed."""

    _esm = script("popup.js", "dialog.js", "copying.js", "versions.js")
    _css = styles("panels/versions.css")
    parts = ("recipe", "history", "snapshots", "answers", "measured")

    def __init__(self, study: Study) -> None:
        self._open = False
        self._against = BEGINNING
        super().__init__(study)

    def look(self, state: State) -> dict[str, Any]:
        if not self._open:
            return {"open": False}
        versions = versions_of(state)
        against = self._against if self._against in versions else PRESENT
        differences = versions[against].diff(state.recipe)
        return {
            "open": True,
            "rows": [self._row(state, name, recipe) for name, recipe in versions.items()],
            "against": against,
            "differences": [_difference(each) for each in differences[:MOST]],
            "n_differences": len(differences),
            "n_tensors": len({each.tensor for each in differences}),
            "code": self.study.code(),
        }

    def _row(self, state: State, name: str, recipe: Recipe) -> dict[str, Any]:
        known = state.answers.get("versions")
        figures: VersionFigures | None = None if known is None else known.value
        comparison = None if figures is None else figures.by_name.get(name)
        if name == PRESENT and state.measured is not None:
            comparison = state.measured.comparison if state.measured.recipe is recipe else None
        row: dict[str, Any] = {
            "name": name,
            "kept": name in state.snapshots,
            "kb": size_bytes(self.study.model, recipe)[1] / 1000,
            "tensors": len({each.tensor for each in recipe.diff(state.recipe)}),
            "waits": comparison is None and self.study.evaluation is not None,
        }
        if comparison is not None:
            error = next(iter(comparison.outputs.values()))
            row |= {"sqnr_db": plain(error.sqnr_db), "agreement": error.agreement, "accuracy": error.accuracy}
        return row

    def on_open(self, content: Any) -> None:
        self._open = bool(content["open"])
        self.study.ask("versions", self._open)
        self.refresh()

    def on_against(self, content: Any) -> None:
        self._against = str(content["name"])
        self.refresh()

    def on_keep(self, content: Any) -> None:
        self._against = self.study.snapshot(str(content["name"]))
        self.refresh()

    def on_restore(self, content: Any) -> None:
        name = str(content["name"])
        if name == BEGINNING:
            self.study.set_recipe(self.study.state.history.past[0])
        else:
            self.study.restore(name)

    def on_forget(self, content: Any) -> None:
        self.study.forget(str(content["name"]))


def _difference(one: Difference) -> dict[str, str]:
    return {"tensor": one.tensor, "field": one.field, "before": _words(one.before), "after": _words(one.after)}


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} values, {_words(value[0])} to {_words(value[-1])}"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
