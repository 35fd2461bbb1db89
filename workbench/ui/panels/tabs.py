"""`TabsPanel`: which tensor of the selected layer the plot shows, and what is known of it."""

from typing import Any

from workbench.ui.books import source_of
from workbench.ui.panel import Panel, script
from workbench.ui.scopes import quantizable
from workbench.ui.state import State
from workbench.ui.subjects import measured_on
from workbench.ui.topics.channels import Channels
from workbench.ui.words import caption


class TabsPanel(Panel):
    """Weights and activations of one layer as tabs, seen as a plot or channel by channel.

    Where the plot cannot be shown, words stand in its place.
    """

    _esm = script("tabs.js")
    parts = ("selected", "layer", "calibration", "calibrated", "details", "recipe", "asked")

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
            "channels": Channels.name in state.asked,
            "missing": "" if shown else self._missing(state),
        }

    def _caption(self, state: State) -> str:
        known = state.calibration, state.calibrated, state.selected
        return caption(self.study.model, *known, measured_on=measured_on(state))

    def _missing(self, state: State) -> str:
        """Why there is nothing to see."""
        if not state.selected:
            return "This network has no layer that can be quantized."
        if self.study.data is not None:
            return "Calibrating: the first batch is on its way."
        words = "wb.App(model, data) shows what this layer reads. Weights, FP16 and BF16 need none."
        return f"No data yet.\nGive them: {words}"

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))

    def on_channels(self, content: Any) -> None:
        """Show the channels in the place of the plot, or the plot again."""
        self.study.ask(Channels.name, bool(content["open"]))
