"""`NetworkPanel`: what the choices do to the network's output, and where along its depth the error grows."""

import math
from typing import Any

import traitlets

from workbench.ui.panel import Panel, script
from workbench.ui.state import Measured, State
from workbench.ui.study import Study
from workbench.ui.words import plain


class NetworkPanel(Panel):
    """Output figures, their change by the last change, and the SQNR of every observed tensor in order."""

    _esm = script("network.js")
    parts = ("measured", "before", "recipe", "selected", "calibrated")
    names: traitlets.List[str] = traitlets.List().tag(sync=True)  # apart from `view`: they stay the same

    def __init__(self, study: Study) -> None:
        super().__init__(study)
        self._name(study.state)

    def moved(self, state: State) -> None:
        self._name(state)
        super().moved(state)

    def _name(self, state: State) -> None:
        if state.comparison is not None:
            self.names = list(state.comparison.tensors)

    def look(self, state: State) -> dict[str, Any]:
        view: dict[str, Any] = {
            "has_data": self.study.evaluation is not None,
            "updating": state.updating,
            "output": None,
            "selected": state.selected,
            "depth": [],
            "before": None,
        }
        if state.measured is None:
            return view
        comparison = state.measured.comparison
        name, error = next(iter(comparison.outputs.items()))
        view["output"] = {
            "name": name,
            "others": len(comparison.outputs) - 1,
            "n": comparison.n_samples,
            "of": state.measured.n_samples,
            "sqnr_db": plain(error.sqnr_db),
            "kl": plain(error.kl),
            "cosine": plain(error.cosine),
            "agreement": plain(error.agreement),
            "change_db": plain(state.change_db),
        }
        view["depth"] = _depth(state.measured, comparison.n_samples)
        if state.before is not None and state.measured.recipe is state.recipe:
            view["before"] = _depth(state.before, comparison.n_samples)
        return view

    def on_select(self, content: Any) -> None:
        self.study.select(str(content["tensor"]))


def _depth(measured: Measured, size: int) -> list[float | None] | None:
    """SQNR of each tensor in graph order, dB; None for a tensor without error and where `size` was not measured."""
    comparison = measured.by_size.get(size)
    if comparison is None:
        return None
    values = (error.sqnr_db for error in comparison.tensors.values())
    return [round(value, 2) if math.isfinite(value) else None for value in values]
