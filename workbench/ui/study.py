"""`Study`: the one thing that changes; what is clicked in the app and what a script says both go through it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Layer
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.errors.error import QuantizationError
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.background import Background
from workbench.ui.books import source_of
from workbench.ui.scopes import Scope, tensors_in_scope
from workbench.ui.state import Exported
from workbench.ui.worker import Request
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.choose import NoRange
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.export.exporting import ExportReport, export
from workbench.workflow.recipe import Recipe

VERIFIED = 128  # samples that the self-check of an export runs on
URGENT = 0


class Study(Background):
    """A model, what is known of it, and what was chosen for it.

    model: Model. data: for calibration, anything `as_batches` takes; None without. evaluation: data for the network's
    figures (default: `data`). labels: class indices (samples,) of the evaluation data. autosave: folder, or None.
    Raises WorkbenchError for data that do not fit the model.

    `study.start()` begins the background work (default choices, calibration, network figures); `study.wait()` blocks
    until it is done. Each verb below is one action of the app. All can be undone; all may be called from any thread.
    """

    def select(self, name: str) -> None:
        """Look at a tensor, or at a layer by its name (its weight first, else what it reads)."""
        layer = next((each for each in self.model.layers if each.name == name), None)
        if layer is not None:
            tensor = next((n for n in (layer.weight, *layer.inputs) if n is not None), "")
        else:
            tensor, present = self.model.tensors[name].name, self.layer_named(self.state.layer)
            readers = (each for each in self.model.layers if name in (each.weight, *each.inputs))
            layer = present if present and name in (present.weight, *present.inputs) else next(readers, None)
        place = "" if layer is None else layer.name
        self.error(tensor)  # known before observers ask for it
        self.update(lambda s: dataclasses.replace(s, selected=tensor, layer=place))

    def set_format(self, name: str, format: str, scope: Scope = "tensor", *, same_kind: bool = False) -> None:
        """Choose a number format. scope: "tensor", "layer", "operator" (all layers with that operator) or "network".

        A range set by hand is kept; others are chosen anew by the tensor's method. same_kind: only weights where `name`
        is a weight, else only activations. Raises WorkbenchError for unknown names, and where no range can be chosen.
        """
        _ = FORMATS[format], self.model.tensors[name]

        def changed(recipe: Recipe) -> Recipe:
            layer = self.layer_of(name)
            names = tensors_in_scope(self.model, recipe, name, layer, scope, same_kind=same_kind)
            choices, left_out = [], []
            for each in names:
                try:
                    present = recipe.choices.get(each)
                    choices.append((each, self.choices.reformatted(self.state.calibration, each, format, present)))
                except NoRange as missing:
                    if scope == "tensor":
                        raise
                    left_out.append(str(missing))
            if left_out:
                more = f" ({len(left_out)} tensors in all)" if len(left_out) > 1 else ""
                self.say(Notice("range", left_out[0] + more))
            return recipe.without(*(n for n, c in choices if c is None)).with_choices(*(c for _, c in choices if c))

        self._change(changed)

    def set_range(self, name: str, low: Bound, high: Bound) -> None:
        """Saturate a tensor below `low` and above `high`: floats, or float32 (groups,) where channels have their own.

        Floats make a grouped tensor one group. Raises WorkbenchError for a float tensor and a range that is none.
        """

        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if not FORMATS[present.format].has_scale:
                raise WorkbenchError(f"tensor {name!r} as {present.format} has the format's own range; no threshold")
            mirrored = np.array_equal(-np.asarray(low), np.asarray(high)) or not FORMATS[present.format].signed
            return recipe.with_tensor(name, low=low, high=high, symmetric=bool(present.symmetric and mirrored))

        self._change(changed)

    def set_method(self, name: str, method: str) -> None:
        """Let a clipping method choose the range of a tensor."""
        _ = CLIPPING[method]
        self._rechoose(name, method=method)

    def set_symmetric(self, name: str, symmetric: bool) -> None:
        """Symmetric: zero point 0 and one mirrored threshold. Otherwise affine: two thresholds.

        A range set by hand is kept (mirrored at its larger end); any other is chosen anew.
        """

        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if present.method != "hand":
                return recipe.with_choice(self.choices.again(self.state.calibration, present, symmetric=symmetric))
            low, high = present.low, present.high
            if symmetric:
                high = np.maximum(np.abs(low), np.abs(high))
                low = -high
            return recipe.with_choice(dataclasses.replace(present, symmetric=symmetric, low=low, high=high))

        self._change(changed)

    def set_per_channel(self, name: str, per_channel: bool, *, block_size: int | None = None) -> None:
        """One range for each output channel of a weight, for each block of `block_size` inputs, or one for all.

        Raises WorkbenchError where a shared weight's users need different axes, and for a size that does not divide.
        """
        self._rechoose(name, per_channel=per_channel, block_size=block_size)

    def set_recipe(self, recipe: Recipe) -> None:
        """Take a whole recipe, for example a loaded one."""
        self.apply(recipe)

    def export(self, path: str | Path, target: str = "onnx_qdq") -> ExportReport:
        """Write the present recipe for a target and prove the file; see `workbench.export`."""
        data = None if self.evaluation is None else self.evaluation.first(VERIFIED)
        return export(self.model, self.state.recipe, path, target=target, data=data)

    def save_recipe(self, path: str | Path) -> Path:
        """Write the present recipe as JSON; `workbench.Recipe.load` reads it."""
        return self.state.recipe.save(path)

    def refusals(self, target: str) -> tuple[str, ...]:
        """What a target cannot express of the present recipe, in sentences."""
        return TARGETS[target].refusals(self.model, self.state.recipe)

    def export_in_background(self, path: str, target: str, *, with_recipe: bool = True) -> None:
        """As `export`, and the recipe beside it; `state.exported` tells how it went."""

        def compute(_turn: Any) -> Exported:
            try:
                report = self.export(path, target)
                recipe = str(self.save_recipe(f"{path}.recipe.json")) if with_recipe else ""
                n_samples = 0 if self.evaluation is None else self.evaluation.first(VERIFIED).n_samples
                return Exported(path, target, report=report, recipe_path=recipe, n_samples=n_samples)
            except WorkbenchError as refusal:
                return Exported(path, target, refused=str(refusal))

        self.update(lambda s: dataclasses.replace(s, exported=Exported(path, target, running=True)))
        self.worker.submit(Request("export", compute, "exporting and checking the file", URGENT))

    def in_background(self, what: str, verb: Callable[[], None]) -> None:
        """Run a verb that may take long without keeping the caller; its errors become `status`."""
        self.worker.submit(Request("verb", lambda _turn: verb(), what, URGENT))

    def error(self, name: str) -> QuantizationError | None:
        """The exact figures of a tensor at its present choice; None for an activation without data."""
        state = self.state
        source = source_of(self.model, state.calibration, name)
        return self.errors.error(name, state.recipe.choices.get(name), source)

    def layer_named(self, name: str) -> Layer | None:
        """A layer by its name."""
        return next((each for each in self.model.layers if each.name == name), None)

    def layer_of(self, name: str) -> Layer | None:
        """The layer in which a tensor is looked at: the selected one if it has it, else the first that reads it."""
        present = self.layer_named(self.state.layer)
        if present is not None and name in (present.weight, *present.inputs):
            return present
        return next((each for each in self.model.layers if name in (each.weight, *each.inputs)), None)

    def _chosen(self, recipe: Recipe, name: str) -> TensorChoice:
        _ = self.model.tensors[name]
        if name not in recipe:
            raise WorkbenchError(f"tensor {name!r} is float; choose a format first: study.set_format({name!r}, 'int8')")
        return recipe[name]

    def _rechoose(self, name: str, **changes: Any) -> None:
        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if not FORMATS[present.format].has_scale:
                raise WorkbenchError(f"tensor {name!r} as {present.format} has the format's own range and no groups")
            return recipe.with_choice(self.choices.again(self.state.calibration, present, **changes))

        self._change(changed)

    def _change(self, changed: Callable[[Recipe], Recipe]) -> None:
        """Apply changed(present recipe); made anew where somebody else was faster."""
        while True:
            old = self.state.recipe
            new = changed(old)
            selected = self.state.selected
            if selected and new.choices.get(selected) is not old.choices.get(selected):
                source = source_of(self.model, self.state.calibration, selected)
                self.errors.error(selected, new.choices.get(selected), source)  # known before observers ask for it
            if self.apply(new, expected=old):
                return
