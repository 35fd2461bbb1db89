"""`ChoicePanel`: format, range, rounding, overflow and pruning of the selected tensor, and how far a click reaches."""

from collections.abc import Callable
from typing import Any

from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS
from workbench.ui.alternatives import ALWAYS_SHOWN
from workbench.ui.books import can_prune, source_of, sparsity_of
from workbench.ui.coded import worth_coding
from workbench.ui.limits import GROUPINGS
from workbench.ui.panel import Panel, script
from workbench.ui.sampled import needs_samples
from workbench.ui.scopes import PICKED
from workbench.ui.state import State, TensorDetails
from workbench.ui.words import (
    DYNAMIC,
    METHOD_GROUPS,
    ROUNDING_TITLES,
    first_line,
    method_group,
    method_title,
    plain,
    short_title,
    span_text,
)
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_axis, weight_names
from workbench.workflow.estimate import estimated_range

BLOCK = 32
LONGEST_NOTE = 300  # letters
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)  # of a weight's values that are offered to be set to zero
Control = dict[str, Any]  # value, options [{value, title, disabled, why}], disabled


class ChoicePanel(Panel):
    """Each of FP32, FP16, BF16 and INT8 always shows its bits and its SQNR on this tensor."""

    _esm = script("popup.js", "choice.js")
    parts = (
        *("recipe", "selected", "layer", "details", "errors", "calibration", "coded_bits", "catalogues", "picked"),
        "target",
    )

    def look(self, state: State) -> dict[str, Any]:
        name = state.selected
        if not name:
            return {"tensor": ""}
        choice = state.recipe.choices.get(name)
        present = "fp32" if choice is None else choice.format
        weights = set(weight_names(self.study.model))
        layer = self.study.layer_named(state.layer)
        kind = "weights" if name in weights else "activations"
        other = None if present in ALWAYS_SHOWN or choice is None else self._format(state, choice.variation, present)
        note, why = self._note(state, choice)
        return {
            "tensor": name,
            "own_note": state.recipe.notes.get(name, ""),
            "kind": kind,
            "format": present,
            "segments": [self._format(state, FORMATS[each], present) for each in ALWAYS_SHOWN],
            "other": other,
            "n_more": len(FORMATS) - len(ALWAYS_SHOWN),
            "scopes": _scopes(kind, "" if layer is None else layer.op_type, len(state.picked)),
            "scheme": self._within(state, choice, _scheme(choice), lambda v: {"symmetric": v == "symmetric"}),
            "grouping": self._within(state, choice, self._grouping(choice, name in weights), GROUPINGS.get),
            "method": self._method(state, choice),
            "rounding": self._within(state, choice, _rounding(choice), lambda v: {"rounding": v}),
            "overflow": self._within(state, choice, _overflow(choice), lambda v: {"overflow": v}),
            "sparsity": self._sparsity(state, choice),
            "coded": self._coded(state, choice),
            "note": note,
            "note_why": why,
        }

    def _format(self, state: State, format: Format, present: str) -> dict[str, Any]:
        details = _details(state)
        sqnr = details.sqnr_db.get(format.name) if details is not None else None
        if format.name == present:  # a row, the panel and this never disagree
            error = state.errors.get(state.selected)
            sqnr = sqnr if error is None else error.sqnr_db
        no_range = details is not None and format.name in details.sqnr_db and sqnr is None
        unknown = source_of(self.study.model, state.calibration, state.selected) is None
        if unknown and format.has_scale:
            no_range = estimated_range(self.study.model, state.selected) is None
        return {
            "name": format.name,
            "title": format.title,
            "short": short_title(format.title),
            "bits": format.bits,
            "sqnr_db": "inf" if format.name == "fp32" else plain(sqnr),
            "unknown": unknown and not no_range,
            "why": "needs data: no range is known" if no_range and format.name in ALWAYS_SHOWN else "",
            "refused": self._refused(state, format.name, present),
        }

    def _refused(self, state: State, format: str, present: str) -> str:
        """Why the target cannot express the tensor in a format; in the present one: as it is chosen."""
        limits, target, name = self.study.limits, state.target, state.selected
        if format == present:
            return limits.misfits(target, state.recipe).get(name, "")
        return limits.of_format(target, name, format)

    def _within(
        self, state: State, choice: TensorChoice | None, control: Control, change: Callable[[str], dict | None]
    ) -> Control:
        """A control without what the target cannot express, which says why. change(value): fields of a choice."""
        if choice is None:
            return control
        for option in control["options"]:
            changes = change(option["value"])
            why = self.study.limits.of_option(state.target, choice.tensor, choice.format, **changes) if changes else ""
            if why:
                option |= {"disabled": option["value"] != control["value"], "why": why}
        return control

    def _grouping(self, choice: TensorChoice | None, is_weight: bool) -> Control:
        scaled = choice is not None and choice.variation.has_scale
        value = "tensor"
        if choice is not None and choice.axis is not None and scaled:
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
        if choice is not None and choice.variation.block_size is not None:
            why = f"blocks of {choice.variation.block_size} values, the format's own"
            return {"value": "own", "options": [{"value": "own", "title": "per block", "why": why}], "disabled": True}
        return {"value": value, "options": options, "disabled": not scaled or len(options) == 1}

    def _method(self, state: State, choice: TensorChoice | None) -> dict[str, Any]:
        if choice is None or not choice.variation.has_scale:
            words = "nothing is cut off" if choice is None else "the format's own range"
            if choice is not None and choice.levels is not None:
                words = f"{len(choice.levels)} levels fitted to it"
            elif choice is not None and choice.variation.block_size is not None:
                words = "each block finds its own"
            return {"value": "own", "title": words, "figure": "", "groups": [], "disabled": True}
        details, grouped = _details(state), choice.quantizer.axis is not None
        marks = {} if details is None else details.marks
        refused = {} if details is None else details.refused
        mirrored = choice.symmetric is not False or not choice.variation.affine

        def option(method: str) -> dict[str, Any]:
            span = marks.get(method)
            figure = "" if span is None else span_text(*span, mirrored=mirrored, grouped=grouped)
            hint = first_line(CLIPPING[method])
            if grouped:
                hint += "\nIn the middle group, as a share of its own maximum."
            words = {"hint": hint, "why": refused.get(method, "")}
            return {"value": method, "title": method_title(method), "figure": figure, **words}

        groups = [
            {"title": group, "options": [option(m) for m in CLIPPING if method_group(m) == group]}
            for group in METHOD_GROUPS
        ]
        is_weight = self.study.model.tensors[choice.tensor].values is not None
        if not is_weight:
            limits, about = self.study.limits, (state.target, choice.tensor, choice.format)
            asked: dict[str, Any] = {"symmetric": choice.symmetric}
            dynamic = [
                {"value": f"dynamic {k}", "title": t, "hint": hint, "figure": "", "why": ""}
                | {"refused": limits.of_option(*about, **asked, dynamic=k)}
                for k, (t, hint) in DYNAMIC.items()
            ]
            groups.append({"title": "while the network runs", "options": dynamic})
        value = choice.method if choice.dynamic is None else f"dynamic {choice.dynamic}"
        title = method_title(choice.method) if choice.dynamic is None else DYNAMIC[choice.dynamic][0]
        span = marks.get(choice.method)
        if choice.method == "hand":
            title, span = "by hand", None if grouped else (float(choice.low), float(choice.high))
        elif choice.method not in CLIPPING:
            title += " (not registered)"
        shown = "" if span is None or choice.dynamic else span_text(*span, mirrored=mirrored, grouped=grouped)
        return {
            "value": value,
            "title": title,
            "figure": shown,
            "groups": [group for group in groups if group["options"]],
            "disabled": source_of(self.study.model, state.calibration, choice.tensor) is None,
        }

    def _sparsity(self, state: State, choice: TensorChoice | None) -> dict[str, Any]:
        """Shares of a weight that can be set to zero; of an activation that a script has pruned, only to end it."""
        is_weight = self.study.model.tensors[state.selected].values is not None
        present = sparsity_of(choice, source_of(self.study.model, state.calibration, state.selected))
        shares = list(SHARES) if is_weight else [0.0]
        if min(abs(share - present) for share in shares) > 5e-3:
            shares.append(present)
        options = [{"value": str(share), "title": f"{100 * share:.3g} %"} for share in shares]
        value = str(min(shares, key=lambda share: abs(share - present)))
        possible = choice is None or can_prune(choice.variation)
        why = "" if possible or choice is None else f"{choice.variation.title} has no level at 0"
        hidden = not is_weight and not present
        return {"hidden": hidden, "options": options, "value": value, "disabled": not possible, "why": why}

    def _coded(self, state: State, choice: TensorChoice | None) -> dict[str, Any] | None:
        """Plain and entropy-coded bits a value, where people store it so."""
        if choice is None or not worth_coding(choice):
            return None
        details = _details(state)
        bits = state.coded_bits.get(choice.tensor, None if details is None else details.coded_bits)
        return {"bits": choice.variation.bits, "coded": plain(bits)}

    def _note(self, state: State, choice: TensorChoice | None) -> tuple[str, str]:
        """What is special about the range or the error, and why."""
        if choice is None:
            return "", ""
        if choice.estimated:
            return "range estimated, not measured", "it follows from BatchNorm statistics; give data to measure it"
        if not needs_samples(choice) or self.study.model.tensors[choice.tensor].values is not None:
            return "", ""
        why = "blocks find their scale in the values" if choice.dynamic is None else "the range follows the data"
        why += ", so that the error is measured on samples instead of read off the distribution"
        details = _details(state)
        if details is not None and details.n_samples:
            return f"error of {details.n_samples} samples ± 2 std. errors", why
        if not self.study.samples.has_data:
            return "error not known without data", why
        return "error is being measured on samples…", why

    def on_format(self, content: Any) -> None:
        study, name, format = self.study, self.study.state.selected, str(content["format"])
        scope, same_kind = study.scope(str(content["scope"])), bool(content.get("same_kind"))
        if scope == "tensor":
            study.set_format(name, format)
            return
        title = FORMATS[format].title
        study.in_background(
            f"choosing {title}", lambda: study.set_format(name, format, scope, same_kind=same_kind), of=name
        )

    def on_scheme(self, content: Any) -> None:
        self.study.set_symmetric(self.study.state.selected, content["value"] == "symmetric")

    def on_grouping(self, content: Any) -> None:
        value = content["value"]
        block_size = BLOCK if value == "block" else None
        self.study.set_per_channel(self.study.state.selected, value != "tensor", block_size=block_size)

    def on_method(self, content: Any) -> None:
        study, name, value = self.study, self.study.state.selected, str(content["value"])
        if value.startswith("dynamic "):
            dynamic: Any = value.removeprefix("dynamic ")
            study.in_background("choosing the threshold", lambda: study.set_dynamic(name, dynamic), of=name)
        elif value in CLIPPING:
            study.in_background("choosing the threshold", lambda: study.set_method(name, value), of=name)

    def on_rounding(self, content: Any) -> None:
        study, name, value = self.study, self.study.state.selected, content["value"]
        study.in_background("choosing the rounding", lambda: study.set_rounding(name, value), of=name)

    def on_overflow(self, content: Any) -> None:
        self.study.set_overflow(self.study.state.selected, content["value"])

    def on_note(self, content: Any) -> None:
        self.study.set_note(str(content["tensor"]), str(content["text"])[:LONGEST_NOTE])

    def on_sparsity(self, content: Any) -> None:
        study, name, share = self.study, self.study.state.selected, float(content["value"])
        study.in_background("setting small weights to zero", lambda: study.set_sparsity(name, share), of=name)

    def on_look(self, content: Any) -> None:
        """The list of methods was opened or closed."""
        self.study.ask("methods", bool(content["open"]))


def _details(state: State) -> TensorDetails | None:
    """Details that belong to the present choice."""
    details = state.details
    same = details is not None and details.choice is state.recipe.choices.get(state.selected)
    return details if same else None


def _scopes(kind: str, op_type: str, n_picked: int) -> list[dict[str, str]]:
    scopes = [("tensor", "this tensor"), ("layer", "this layer")]
    if n_picked > 1:
        scopes += [(PICKED, f"the {n_picked:,} picked layers"), (f"{PICKED}=", f"{kind} of the {n_picked:,} picked")]
    if op_type:
        scopes += [("operator", f"all {op_type} layers"), ("operator=", f"{kind} of all {op_type}")]
    scopes += [("network", "the whole network"), ("network=", f"all {kind}")]
    return [{"value": value, "title": title} for value, title in scopes]


def _scheme(choice: TensorChoice | None) -> Control:
    options: list[dict[str, Any]] = [
        {"value": "symmetric", "title": "symmetric"},
        {"value": "affine", "title": "affine"},
    ]
    if choice is None or not choice.variation.has_scale:
        return {"value": "symmetric", "options": options, "disabled": True}
    affine = choice.variation.affine
    options[1] |= {"disabled": not affine, "why": "" if affine else f"{choice.format} has no zero point"}
    value = "affine" if affine and not choice.symmetric else "symmetric"
    return {"value": value, "options": options, "disabled": False}


def _rounding(choice: TensorChoice | None) -> Control:
    options = [{"value": n, "title": ROUNDING_TITLES.get(n, n), "why": words} for n, words in ROUNDINGS.items()]
    exact = choice is None or choice.variation.family in ("identity", "pruning")
    value = "nearest_even" if choice is None else choice.rounding
    return {"value": value, "options": options, "disabled": exact, "why": ROUNDINGS[value]}


def _overflow(choice: TensorChoice | None) -> Control:
    if choice is None:
        return {"value": "", "options": [{"value": "", "title": "no overflow"}], "disabled": True, "why": ""}
    format = choice.variation
    options = [{"value": n, "title": n, "why": OVERFLOWS[n]} for n in format.overflows]
    return {
        "value": format.overflow,
        "options": options,
        "disabled": len(options) == 1,
        "why": OVERFLOWS[format.overflow],
    }
