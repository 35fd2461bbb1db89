"""`OverviewPanel`: every layer of the network at once, and where among its neighbours the selected one stands."""

import math
from functools import cached_property
from typing import Any

from workbench.models.model import Layer
from workbench.models.neighbours import LayerGraph
from workbench.numerics.errors.error import QuantizationError
from workbench.ui.charts.overview import overview_figure
from workbench.ui.panel import Panel, script, styles
from workbench.ui.scopes import quantizable
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.workflow.comparison import TensorError

FLOAT_BITS = 32


class OverviewPanel(Panel):
    """A heat map, one column a layer, one row a figure; below it two layers before and after the selected one.

    Nothing is sent while the page is not on the screen.
    """

    _esm = script("overview_neighbours.js", "overview.js")
    _css = styles("panels/overview.css")
    parts = ("recipe", "errors", "layer", "calibration", "measured")

    def __init__(self, study: Study) -> None:
        self._open = False
        self._tensors = [quantizable(study.model, layer) for layer in study.model.layers]
        self._places = {layer.name: place for place, layer in enumerate(study.model.layers)}
        super().__init__(study)

    @cached_property
    def _graph(self) -> LayerGraph:
        return LayerGraph.of(self.study.model)

    def look(self, state: State) -> dict[str, Any]:
        if not self._open:
            return {"open": False}
        layers = self.study.model.layers
        figures = self._all_figures(state)
        selected = self._places.get(state.layer, -1)
        around = self._graph.around(selected) if selected >= 0 else None
        return {
            "open": True,
            "names": [layer.name for layer in layers],
            "operators": [layer.op_type for layer in layers],
            "selected": selected,
            "figures": figures,
            "columns": [] if around is None else [[at, list(places)] for at, places in around.columns.items()],
            "edges": [] if around is None else [list(edge) for edge in around.edges],
        }

    def picture(self) -> dict[str, Any] | None:
        layers = self.study.model.layers
        title = f"{self.study.model.name}: overview of {len(layers)} layers"
        return overview_figure([layer.name for layer in layers], self._all_figures(self.study.state), title=title)

    def _all_figures(self, state: State) -> dict[str, list[float | None]]:
        """Each figure of `_figures` for every layer."""
        layers = self.study.model.layers
        rows = [self._figures(state, layer, names) for layer, names in zip(layers, self._tensors, strict=True)]
        return {name: [row[name] for row in rows] for name in (rows[0] if rows else {})}

    def _figures(self, state: State, layer: Layer, names: tuple[str, ...]) -> dict[str, float | None]:
        """SQNR, dB, capped at 99 (exact); share of saturated values; widest format, bits."""
        errors = {name: state.errors[name] for name in names if name in state.errors}
        inputs = [error for name, error in errors.items() if name != layer.weight]
        weight = errors.get(layer.weight) if layer.weight is not None else None
        measured = {} if state.comparison is None else state.comparison.tensors
        reached = [measured[name] for name in layer.inputs if name in measured]
        choices = state.recipe.choices
        bits = [choices[name].variation.bits if name in choices else FLOAT_BITS for name in names]
        return {
            "weight": None if weight is None else _decibels(weight.sqnr_db),
            "activation": _worst(inputs),
            "network": _worst(reached),
            "saturated": max((error.saturated_fraction for error in errors.values()), default=None),
            "bits": max(bits, default=None),
        }

    def on_open(self, content: Any) -> None:
        self._open = bool(content["open"])
        self.refresh()

    def on_select(self, content: Any) -> None:
        self.study.select(self.study.model.layers[int(content["index"])].name)


def _worst(errors: list[QuantizationError] | list[TensorError]) -> float | None:
    return min((_decibels(error.sqnr_db) for error in errors), default=None)


def _decibels(value: float) -> float:
    return 0.0 if math.isnan(value) else round(min(max(value, -99.0), 99.0), 1)
