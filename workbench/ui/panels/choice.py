"""`ChoicePanel`: format, symmetry, grouping and threshold method of the selected tensor, and how far they reach."""

from typing import Any

from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.jobs import ALWAYS_SHOWN
from workbench.ui.panel import Panel, script
from workbench.ui.state import State
from workbench.ui.words import method_title, plain
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_axis, weight_names
from workbench.workflow.estimate import estimated_range

BLOCK = 32


class ChoicePanel(Panel):
    """Each of FP32, FP16, BF16 and INT8 always shows its bits and its SQNR on this tensor."""

    _esm = script("choice.js")
    parts = ("recipe", "selected", "layer", "details", "errors", "calibration")

    def look(self, state: State) -> dict[str, Any]:
        name = state.selected
        if not name:
            return {"tensor": ""}
        choice = state.recipe.choices.get(name)
        present = "fp32" if choice is None else choice.format
        weights = set(weight_names(self.study.model))
        layer = self.study.layer_named(state.layer)
        kind = "weights" if name in weights else "activations"
        return {
            "tensor": name,
            "kind": kind,
            "format": present,
            "segments": [self._format(state, each, present) for each in ALWAYS_SHOWN],
            "more": [self._format(state, each, present) for each in FORMATS if each not in ALWAYS_SHOWN],
            "scopes": _scopes(kind, "" if layer is None else layer.op_type),
            "scheme": _scheme(choice),
            "grouping": self._grouping(choice, name in weights),
            "method": self._method(state, choice),
            "note": "range estimated from BatchNorm statistics, not measured" if choice and choice.estimated else "",
        }

    def _format(self, state: State, name: str, present: str) -> dict[str, Any]:
        format = FORMATS[name]
        details = state.details
        sqnr = details.sqnr_db.get(name) if details is not None else None
        if name == present and state.selected in state.errors:
            sqnr = state.errors[state.selected].sqnr_db  # a row, the panel and this never disagree
        tried = details is not None and name in details.sqnr_db
        no_range = tried and sqnr is None
        if details is not None and details.source is None and format.has_scale:
            no_range = estimated_range(self.study.model, state.selected) is None
        return {
            "name": name,
            "title": format.title,
            "bits": format.bits,
            "sqnr_db": "inf" if name == "fp32" else plain(sqnr),
            "unknown": details is not None and details.source is None and not no_range,
            "why": "needs data: no range is known" if no_range else "",
        }

    def _grouping(self, choice: TensorChoice | None, is_weight: bool) -> dict[str, Any]:
        scaled = choice is not None and FORMATS[choice.format].has_scale
        value = "tensor"
        if choice is not None and choice.axis is not None:
            value = "channel" if choice.block_size is None else "block"
        options: list[dict[str, Any]] = [{"value": "tensor", "title": "per tensor"}]
        if is_weight and choice is not None:
            axis = weight_axis(self.study.model, choice.tensor)
            shape = self.study.model.tensors[choice.tensor].array().shape
            why = "" if axis is not None else "its layers use different channel axes"
            options.append({"value": "channel", "title": "per channel", "disabled": axis is None, "why": why})
            inputs = 1 if axis is None else shape[0 if axis == len(shape) - 1 else 1]
            divides = axis is not None and inputs % BLOCK == 0
            why = "" if divides else f"{inputs} inputs are not a multiple of {BLOCK}"
            options.append({"value": "block", "title": f"blocks of {BLOCK}", "disabled": not divides, "why": why})
        return {"value": value, "options": options, "disabled": not scaled or len(options) == 1}

    def _method(self, state: State, choice: TensorChoice | None) -> dict[str, Any]:
        if choice is None or not FORMATS[choice.format].has_scale:
            words = "nothing is cut off" if choice is None else "the format's own range"
            return {"value": "own", "options": [{"value": "own", "title": words}], "disabled": True}
        options = [{"value": name, "title": method_title(name)} for name in CLIPPING]
        if choice.method not in CLIPPING:
            title = "by hand" if choice.method == "hand" else choice.method
            options.insert(0, {"value": choice.method, "title": title})
        known = state.calibration is not None and choice.tensor in state.calibration
        measured = self.study.model.tensors[choice.tensor].values is not None or known
        return {"value": choice.method, "options": options, "disabled": not measured}

    def on_format(self, content: Any) -> None:
        study, name, format = self.study, self.study.state.selected, str(content["format"])
        scope, same_kind = str(content["scope"]), bool(content.get("same_kind"))
        if scope == "tensor":
            study.set_format(name, format)
            return
        title = FORMATS[format].title
        study.in_background(f"choosing {title}", lambda: study.set_format(name, format, scope, same_kind=same_kind))  # type: ignore[arg-type]

    def on_scheme(self, content: Any) -> None:
        self.study.set_symmetric(self.study.state.selected, content["value"] == "symmetric")

    def on_grouping(self, content: Any) -> None:
        value = content["value"]
        block_size = BLOCK if value == "block" else None
        self.study.set_per_channel(self.study.state.selected, value != "tensor", block_size=block_size)

    def on_method(self, content: Any) -> None:
        if content["value"] in CLIPPING:
            study, name = self.study, self.study.state.selected
            study.in_background("choosing the threshold", lambda: study.set_method(name, str(content["value"])))


def _scopes(kind: str, op_type: str) -> list[dict[str, str]]:
    scopes = [("tensor", "this tensor"), ("layer", "this layer")]
    if op_type:
        scopes += [("operator", f"all {op_type} layers"), ("operator=", f"{kind} of all {op_type}")]
    scopes += [("network", "the whole network"), ("network=", f"all {kind}")]
    return [{"value": value, "title": title} for value, title in scopes]


def _scheme(choice: TensorChoice | None) -> dict[str, Any]:
    options: list[dict[str, Any]] = [
        {"value": "symmetric", "title": "symmetric"},
        {"value": "affine", "title": "affine"},
    ]
    if choice is None or not FORMATS[choice.format].has_scale:
        return {"value": "symmetric", "options": options, "disabled": True}
    affine = FORMATS[choice.format].affine
    options[1] |= {"disabled": not affine, "why": "" if affine else f"{choice.format} has no zero point"}
    value = "affine" if affine and not choice.symmetric else "symmetric"
    return {"value": value, "options": options, "disabled": False}
