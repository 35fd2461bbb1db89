"""`LayersPanel`: all layers, sortable and searchable, with formats and the error of their worst tensor."""

from typing import Any

import traitlets

from workbench.models.model import Layer
from workbench.ui.panel import Panel, script
from workbench.ui.scopes import quantizable
from workbench.ui.state import State
from workbench.ui.study import Study
from workbench.ui.words import plain
from workbench.workflow.comparison import LOW_COSINE

FITS = [-1, -1]
AT_ONCE = 200  # rows that are sent with the widget; the rest follows when the list is scrolled, searched or sorted


class LayersPanel(Panel):
    """Rows [name, operator, formats of weight and activations, SQNR dB, cosine is low, misfits, notes], in model order.

    A format is "" where there is no such tensor; SQNR is None where nothing is known yet. misfits: why the target
    cannot express the weight and why it cannot express the activations: places in `view["reasons"]`, -1 where it can.
    notes: what the person wrote about its tensors, "" for nothing.
    """

    _esm = script("virtual.js", "names.js", "layers.js")
    parts = ("recipe", "errors", "layer", "calibration", "picked", "target")
    rows: traitlets.List[list[Any]] = traitlets.List().tag(sync=True)

    def __init__(self, study: Study) -> None:
        layers = study.model.layers
        self._tensors = [quantizable(study.model, layer) for layer in layers]
        self._places = {layer.name: i for i, layer in enumerate(layers)}
        self._limits, self._reasons = study.limits, dict[str, int]()
        self._rows = self._all_rows(study.state, layers)
        self._rest_sent = False
        super().__init__(study, rows=self._rows[:AT_ONCE])

    def look(self, state: State) -> dict[str, Any]:
        picked = [self._places[name] for name in state.picked]
        selected = self._places.get(state.layer, -1)
        return {"total": len(self._places), "selected": selected, "picked": picked, "reasons": list(self._reasons)}

    def moved(self, state: State) -> None:
        rows = self._all_rows(state, self.study.model.layers)
        changed = [i for i, (new, old) in enumerate(zip(rows, self._rows, strict=True)) if new != old]
        self._rows = rows
        if any(i < AT_ONCE for i in changed):
            self.rows = rows[:AT_ONCE]
        late = [i for i in changed if i >= AT_ONCE]
        if late and self._rest_sent:
            self.send({"kind": "patch", "rows": [[i, rows[i]] for i in late]})
        self.view = self.look(state)

    def on_rest(self, _content: Any) -> None:
        """The list was scrolled, sorted or searched: send what was not sent yet."""
        self._rest_sent = True
        self.send({"kind": "rest", "from": AT_ONCE, "rows": self._rows[AT_ONCE:]})

    def on_select(self, content: Any) -> None:
        self.study.select(self.study.model.layers[int(content["index"])].name)

    def on_pick(self, content: Any) -> None:
        layers = self.study.model.layers
        self.study.pick(layers[int(index)].name for index in content["indices"])

    def _all_rows(self, state: State, layers: tuple[Layer, ...]) -> list[list[Any]]:
        return [self._row(state, layer, tensors) for layer, tensors in zip(layers, self._tensors, strict=True)]

    def _row(self, state: State, layer: Layer, tensors: tuple[str, ...]) -> list[Any]:
        choices = state.recipe.choices
        formats = {name: choices[name].format if name in choices else "fp32" for name in tensors}
        weight = formats.get(layer.weight, "") if layer.weight is not None else ""
        others = list(dict.fromkeys(formats[name] for name in tensors if name != layer.weight))
        errors = [state.errors[name] for name in tensors if name in state.errors]
        known = len(errors) == len(tensors) or any(name in choices for name in tensors if name in state.errors)
        worst = min((error.sqnr_db for error in errors), default=None) if known else None
        low = any(error.cosine < LOW_COSINE for error in errors)
        return [
            layer.name,
            layer.op_type,
            weight,
            " ".join(others),
            plain(worst),  # as it is: rounded here and again on the page, 10.0488 would read 10.1
            low,
            self._misfits(state, layer, tensors),
            "\n".join(state.recipe.notes[name] for name in tensors if name in state.recipe.notes),
        ]

    def _misfits(self, state: State, layer: Layer, tensors: tuple[str, ...]) -> list[int]:
        found = self._limits.misfits(state.target, state.recipe)
        if not found:
            return FITS
        reasons = [
            next((found[n] for n in names if n in found), "")
            for names in ([layer.weight], [n for n in tensors if n != layer.weight])
        ]
        return [self._reasons.setdefault(reason, len(self._reasons)) if reason else -1 for reason in reasons]
