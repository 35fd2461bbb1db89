"""`SidesPanel`: weights and activations of the selected layer next to one another, with what is chosen for each."""

from typing import Any

import numpy as np

from workbench.ui.panel import Panel, script, styles
from workbench.ui.state import State
from workbench.ui.topics.side_by_side import SideBySide, Spread
from workbench.ui.words import method_title, plain
from workbench.workflow.choice import TensorChoice


class SidesPanel(Panel):
    """A picture a tensor in the place of the plot, while "side_by_side" is asked; a click shows it alone."""

    _esm = script("figures.js", "sides.js")
    _css = styles("panels/sides.css")
    parts = ("layer", "selected", "recipe", "errors", "asked", "answers", "trouble", "calibrated")

    def look(self, state: State) -> dict[str, Any]:
        if SideBySide.name not in state.asked:
            return {"open": False}
        answer = state.answers.get(SideBySide.name)
        known = answer is not None and bool(answer.about) and answer.about[0] == state.layer
        spreads: tuple[Spread, ...] = answer.value if answer is not None and known else ()
        return {
            "open": True,
            "sides": [self._side(state, spread) for spread in spreads],
            "missing": "" if spreads else state.trouble.get(SideBySide.name, "Counting the values of this layer."),
            "waiting": "" if state.calibrated or self.study.data is None else "Calibrating: more is on its way.",
        }

    def _side(self, state: State, spread: Spread) -> dict[str, Any]:
        tensor, choice = self.study.model.tensors[spread.tensor], state.recipe.choices.get(spread.tensor)
        error = state.errors.get(spread.tensor)
        figures = ("sqnr_db", "mse", "saturated_fraction")
        return {
            "tensor": spread.tensor,
            "title": "Activations" if tensor.values is None else "Weights",
            "selected": spread.tensor == state.selected,
            "n": spread.count,
            "low": spread.low,
            "high": spread.high,
            "counts": spread.counts.tolist(),
            "choice": _words(choice),
            "bounds": _bounds(choice),
            "groups": "blocks'" if choice is not None and choice.block_size is not None else "channels'",
            **{name: None if error is None or choice is None else plain(getattr(error, name)) for name in figures},
        }

    def on_select(self, content: Any) -> None:
        """Show one of them alone."""
        self.study.select(str(content["tensor"]))
        self.study.ask(SideBySide.name, False)


def _words(choice: TensorChoice | None) -> str:
    if choice is None:
        return "FP32"
    groups = "" if choice.axis is None else " a block" if choice.block_size is not None else " a channel"
    return f"{choice.format} · {method_title(choice.method)}{groups}"


def _bounds(choice: TensorChoice | None) -> list[float] | None:
    """[low, low, high, high]: the widest and the narrowest of all groups; None where there is no threshold."""
    if choice is None or not choice.variation.has_scale:
        return None
    low, high = np.asarray(choice.low, np.float64), np.asarray(choice.high, np.float64)
    return [float(low.min()), float(low.max()), float(high.min()), float(high.max())]
