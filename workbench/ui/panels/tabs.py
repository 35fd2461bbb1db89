"""`TabsPanel`: which tensor of the selected layer the plot shows, and what is known of it."""

from collections.abc import Callable
from typing import Any

from workbench.ui.books import source_of
from workbench.ui.dropped import DroppedFile
from workbench.ui.panel import Panel, script
from workbench.ui.scopes import quantizable
from workbench.ui.state import State
from workbench.ui.subjects import measured_on
from workbench.ui.topics.channels import Channels
from workbench.ui.topics.side_by_side import SideBySide
from workbench.ui.words import caption

VIEWS = {"channels": Channels.name, "sides": SideBySide.name}  # what a view asks for; the plot asks nothing


class TabsPanel(Panel):
    """Weights and activations of one layer as tabs, seen as a plot, channel by channel or all at once.

    Where the plot cannot be shown, words stand in its place, and where data are missing, a field to drop a file on.
    give_data: takes the arrays of a file that was dropped.
    """

    _esm = script("tabs.js")
    give_data: Callable[[Any], None] = staticmethod(lambda data: None)
    _dropped: DroppedFile | None = None
    _coming = ""  # what is said of a file on its way
    parts = ("selected", "layer", "calibration", "calibrated", "details", "recipe", "asked", "target")

    def look(self, state: State) -> dict[str, Any]:
        model = self.study.model
        layer = self.study.layer_named(state.layer)
        tabs = []
        if layer is not None:
            activations = [name for name in quantizable(model, layer) if name != layer.weight]
            if layer.weight is not None:
                tabs.append({"tensor": layer.weight, "title": "Weights"})
            for i, name in enumerate(activations):
                title = "Activations" if len(activations) == 1 else f"Activations {i + 1}"
                tabs.append({"tensor": name, "title": title})
        tensor = model.tensors[state.selected] if state.selected else None
        shown = tensor is not None and source_of(model, state.calibration, tensor.name) is not None
        return {
            "layer": state.layer,
            "tabs": tabs,
            "selected": state.selected,
            "caption": "" if tensor is None else self._caption(state),
            "seen": next((view for view, question in VIEWS.items() if question in state.asked), "plot"),
            "missing": "" if shown else self._missing(state),
            "drop": not shown and bool(state.selected) and self.study.data is None,
            "coming": self._coming,
        }

    def _caption(self, state: State) -> str:
        known = state.calibration, state.calibrated, state.selected
        tied = self.study.tied_with(state.selected)
        link = f" · ⇌ one scale with {', '.join(tied)}" if tied else ""  # their ranges move together
        return caption(self.study.model, *known, measured_on=measured_on(state)) + link

    def _missing(self, state: State) -> str:
        """Why there is nothing to see."""
        if not state.selected:
            return "This network has no layer that can be quantized."
        if self.study.data is not None:
            return "Calibrating: the first batch is on its way."
        words = "they show what this layer reads. Weights, FP16 and BF16 need none."
        return f"No data yet.\nGive them to wb.App(model, data), or drop a file here: {words}"

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))

    def on_file(self, content: Any) -> None:
        """A file was dropped; its bytes follow."""
        self._say("")
        self._dropped = DroppedFile(str(content["name"]), int(content["size"]))
        self.send({"kind": "more", "at": 0})

    def on_piece(self, content: Any) -> None:
        """The next bytes of it."""
        dropped = self._dropped
        if dropped is None:
            return
        dropped.add(str(content["bytes"]))
        if not dropped.whole:
            self._say(f"Reading {dropped.name}: {dropped.n_bytes / dropped.size:.0%}")
            self.send({"kind": "more", "at": dropped.n_bytes})
            return
        self._dropped = None
        self._say(f"Looking at {dropped.name}")
        try:
            self.give_data(dropped.arrays())
        finally:
            dropped.close()
            self._say("")

    def _say(self, words: str) -> None:
        self._coming = words
        self.refresh()

    def on_view(self, content: Any) -> None:
        """Show the tensor as a plot, its channels, or all tensors of the layer."""
        for view, question in VIEWS.items():
            if view != content["view"]:
                self.study.ask(question, False)
        if content["view"] in VIEWS:
            self.study.ask(VIEWS[content["view"]])
