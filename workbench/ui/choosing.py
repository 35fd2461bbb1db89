"""`Choosing`: the verbs that choose how tensors are quantized; each is one step that can be undone."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Layer
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.presets import PRESETS, Preset
from workbench.numerics.formats.rounding import OVERFLOWS, ROUNDINGS, Overflow, Rounding
from workbench.ui.background import Background
from workbench.ui.books import default_method, source_of
from workbench.ui.channel_ranges import is_mirrored, with_channel
from workbench.ui.code import action, said_by_entries
from workbench.ui.scopes import Scope, tensors_in_scope
from workbench.workflow.choice import Bound, Dynamic, TensorChoice
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.profiles.fitting import tied_with
from workbench.workflow.recipe import Recipe

Change = Callable[[str, TensorChoice | None], TensorChoice | None]


class Choosing(Background):
    """Format, rounding, overflow, pruning, range, method and grouping of tensors.

    scope, where a verb has one: "tensor", "layer" (the one `name` is looked at in), "operator" (all layers with that
    operator), "network", or a tuple of layers' names. same_kind: only weights where `name` is a weight, else only
    activations. What a tensor of a wider scope cannot have is left out and said in a notice; for one tensor it is a
    WorkbenchError.
    """

    @action
    def set_format(self, name: str, format: str, scope: Scope = "tensor", *, same_kind: bool = False) -> None:
        """Choose a number format.

        A range set by hand is kept; others are chosen anew by the tensor's method. Rounding, overflow, pruning and a
        dynamic range stay where the format can have them. Raises WorkbenchError for unknown names, and where no range
        can be chosen.
        """
        _ = FORMATS[format]

        def changed(each: str, present: TensorChoice | None) -> TensorChoice | None:
            return self.choices.reformatted(self.state.calibration, each, format, present)

        self._change_in(name, scope, same_kind, changed)

    @action
    def set_preset(self, name: str, preset: str, scope: Scope = "tensor", *, same_kind: bool = False) -> None:
        """Choose what another tool does: format, rounding, overflow and range of a member of `PRESETS`."""
        wanted = PRESETS[preset]

        def changed(each: str, present: TensorChoice | None) -> TensorChoice:
            return self._preset(each, wanted)

        self._change_in(name, scope, same_kind, changed)

    @action
    def set_rounding(self, name: str, rounding: Rounding, scope: Scope = "tensor", *, same_kind: bool = False) -> None:
        """Choose how values between two levels are rounded, a key of `ROUNDINGS`. Float tensors have none."""
        if rounding not in ROUNDINGS:
            raise WorkbenchError(f"unknown rounding {rounding!r}; expected one of {', '.join(ROUNDINGS)}")
        self._vary(name, scope, same_kind, rounding=rounding)

    @action
    def set_overflow(
        self, name: str, overflow: Overflow | None, scope: Scope = "tensor", *, same_kind: bool = False
    ) -> None:
        """Choose what becomes of values beyond the end levels, a key of `OVERFLOWS`; None: the format's own policy.

        Raises WorkbenchError for a policy that the format cannot have: codes without infinity saturate.
        """
        if overflow is not None and overflow not in OVERFLOWS:
            raise WorkbenchError(f"unknown overflow {overflow!r}; expected one of {', '.join(OVERFLOWS)}")
        self._vary(name, scope, same_kind, overflow=overflow)

    @action
    def set_sparsity(self, name: str, share: float, scope: Scope = "tensor", *, same_kind: bool = True) -> None:
        """Set the share of smallest magnitudes of a weight to zero before it is quantized, in [0, 1); 0 ends it.

        A float weight becomes "pruned" (float32 with zeros). Codebooks are fitted anew. Raises WorkbenchError for an
        activation, and for a format without a level at 0.
        """
        if not 0 <= share < 1:
            raise WorkbenchError(f"sparsity is {share}; expected a share of the values in [0, 1)")

        def changed(each: str, present: TensorChoice | None) -> TensorChoice | None:
            if share and self.model.tensors[each].values is None:
                raise WorkbenchError(f"activation {each!r} is not pruned; setting small values to zero is for weights")
            calibration = self.state.calibration
            if present is None or (present.format == "pruned" and not share):
                if not share:
                    return None
                return self.choices.choose(calibration, each, format="pruned", method="min_max", sparsity=share)
            return self.choices.varied(calibration, present, sparsity=share)

        self._change_in(name, scope, same_kind, changed)

    @action
    def set_dynamic(
        self, name: str, dynamic: Dynamic | None, scope: Scope = "tensor", *, same_kind: bool = True
    ) -> None:
        """Let an activation find its range anew in each "batch" or "sample" while the network runs; None: fixed again.

        Raises WorkbenchError for a weight, a float tensor and a format without a scale.
        """

        def changed(each: str, present: TensorChoice | None) -> TensorChoice | None:
            if present is None and each != name:
                return None
            chosen = self._named(each, present)
            if not chosen.variation.has_scale:
                raise WorkbenchError(f"tensor {each!r} as {chosen.format} has the format's own range; none to be found")
            if dynamic is None:
                if chosen.dynamic is None:
                    return chosen
                method = default_method(False, chosen.format)
                return self.choices.again(self.state.calibration, chosen, method=method)
            return self.choices.again(self.state.calibration, chosen, dynamic=dynamic)

        self._change_in(name, scope, same_kind, changed)

    @action
    def set_range(self, name: str, low: Bound, high: Bound) -> None:
        """Saturate a tensor below `low` and above `high`: floats, or float32 (groups,) where channels have their own.

        Floats make a grouped tensor one group. What the target holds together with it gets the same range, see
        `tied_with`. Raises WorkbenchError for a float tensor and a range that is none.
        """

        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if not present.variation.has_scale:
                raise WorkbenchError(f"tensor {name!r} as {present.format} has the format's own range; no threshold")
            mirrored = np.array_equal(-np.asarray(low), np.asarray(high)) or not present.variation.signed
            new = recipe.with_tensor(name, low=low, high=high, symmetric=is_mirrored(present) and mirrored)
            return self._with_tied(new, name)

        self._change(changed)

    @action
    def set_channel_range(self, name: str, channel: int, low: float, high: float) -> None:
        """Saturate one channel of a tensor that is quantized per channel; the others keep their ranges.

        channel: index along the channel axis. A symmetric tensor stays symmetric: low is -high, or 0 where its codes
        are unsigned. Raises WorkbenchError for a tensor without ranges of channels, for an index that is none of its
        channels, and for a range that is none.
        """

        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            lows, highs = with_channel(present, channel, low, high)
            return recipe.with_tensor(name, low=lows, high=highs, symmetric=present.symmetric)

        self._change(changed)

    @action
    def set_method(self, name: str, method: str) -> None:
        """Let a clipping method choose the range of a tensor; a dynamic range becomes a fixed one."""
        _ = CLIPPING[method]
        self._rechoose(name, method=method)

    @action
    def set_symmetric(self, name: str, symmetric: bool) -> None:
        """Symmetric: zero point 0 and one mirrored threshold. Otherwise affine: two thresholds.

        A range set by hand is kept (mirrored at its larger end); any other is chosen anew.
        """

        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if present.method != "hand":
                again = self.choices.again(self.state.calibration, present, symmetric=symmetric)
                return self._with_tied(recipe.with_choice(again), name)
            low, high = present.low, present.high
            if symmetric:
                high = np.maximum(np.abs(low), np.abs(high))
                low = -high
            mirrored = dataclasses.replace(present, symmetric=symmetric, low=low, high=high)
            return self._with_tied(recipe.with_choice(mirrored), name)

        self._change(changed)

    @action
    def set_per_channel(self, name: str, per_channel: bool, *, block_size: int | None = None) -> None:
        """One range for each output channel of a weight, for each block of `block_size` inputs, or one for all.

        Raises WorkbenchError where a shared weight's users need different axes, and for a size that does not divide.
        """
        self._rechoose(name, per_channel=per_channel, block_size=block_size)

    @action
    def set_note(self, name: str, text: str) -> None:
        """Keep a few words of one's own about a tensor, a float one too; "" takes them out. No figure changes."""
        _ = self.model.tensors[name]
        self._change(lambda recipe: recipe.with_note(name, " ".join(text.split())))

    def layer_named(self, name: str) -> Layer | None:
        """A layer by its name."""
        return next((each for each in self.model.layers if each.name == name), None)

    def layer_of(self, name: str) -> Layer | None:
        """The layer in which a tensor is looked at: the selected one if it has it, else the first that reads it."""
        readers = [each for each in self.model.layers if name in (each.weight, *each.inputs)]
        present = self.layer_named(self.state.layer)
        return present if present in readers else next(iter(readers), None)

    def _preset(self, name: str, preset: Preset) -> TensorChoice:
        """The choice that a preset makes of one tensor."""
        is_weight = self.model.tensors[name].values is not None
        options: dict[str, Any] = {"format": preset.format, "rounding": preset.rounding}
        options["method"] = preset.method or default_method(is_weight, preset.format)
        if preset.overflow is not None:
            options["overflow"] = preset.overflow
        if FORMATS[preset.format].has_scale:
            options["symmetric"] = is_weight if preset.symmetric is None else preset.symmetric
            if is_weight:
                options["per_channel"] = preset.per_channel is not False
        return self.choices.choose(self.state.calibration, name, **options)

    def _vary(self, name: str, scope: Scope, same_kind: bool, **fields: Any) -> None:
        """Rounding or overflow of all tensors in a scope that have a format; a float tensor is refused by name only."""

        def changed(each: str, present: TensorChoice | None) -> TensorChoice | None:
            if present is None and each != name:
                return None
            return self.choices.varied(self.state.calibration, self._named(each, present), **fields)

        self._change_in(name, scope, same_kind, changed)

    def _change_in(self, name: str, scope: Scope, same_kind: bool, change: Change) -> None:
        """change(tensor, present choice) -> its new choice, for all tensors in a scope, as one step."""
        _ = self.model.tensors[name]

        def changed(recipe: Recipe) -> Recipe:
            names = tensors_in_scope(self.model, recipe, name, self.layer_of(name), scope, same_kind=same_kind)
            choices, left_out = [], []
            for each in names:
                try:
                    choices.append((each, change(each, recipe.choices.get(each))))
                except WorkbenchError as refusal:
                    if scope == "tensor":
                        raise
                    left_out.append(refusal)
            if left_out and not choices:
                raise left_out[0]
            if left_out:
                more = f" ({len(left_out)} tensors in all)" if len(left_out) > 1 else ""
                self.say(Notice("range", str(left_out[0]) + more))
            return recipe.without(*(n for n, c in choices if c is None)).with_choices(*(c for _, c in choices if c))

        self._change(changed)

    def _chosen(self, recipe: Recipe, name: str) -> TensorChoice:
        _ = self.model.tensors[name].name
        return self._named(name, recipe.choices.get(name))

    def _named(self, name: str, present: TensorChoice | None) -> TensorChoice:
        if present is None:
            raise WorkbenchError(f"tensor {name!r} is float; choose a format first: study.set_format({name!r}, 'int8')")
        return present

    def _rechoose(self, name: str, **changes: Any) -> None:
        def changed(recipe: Recipe) -> Recipe:
            present = self._chosen(recipe, name)
            if not present.variation.has_scale:
                raise WorkbenchError(f"tensor {name!r} as {present.format} has the format's own range and no groups")
            return self._with_tied(
                recipe.with_choice(self.choices.again(self.state.calibration, present, **changes)), name
            )

        self._change(changed)

    def tied_with(self, name: str) -> tuple[str, ...]:
        """Tensors that share one scale with this one on the target's device, in graph order; () without such a tie."""
        return self._tied(self.state.recipe, name)

    def _tied(self, recipe: Recipe, name: str) -> tuple[str, ...]:
        target = self.state.target
        profile = TARGETS[target].profile if target in TARGETS else target
        return tied_with(self.model, recipe, profile, name) if profile in PROFILES and name in recipe else ()

    def _with_tied(self, recipe: Recipe, name: str) -> Recipe:
        """The recipe with the range of one tensor on all that share its scale; their formats stay."""
        present = recipe[name]
        others = [recipe[each] for each in self._tied(recipe, name) if recipe[each].levels is None]
        if not others:
            return recipe
        said_by_entries()  # the verb alone would do something else under another target
        fields: dict[str, Any] = {"low": present.low, "high": present.high, "symmetric": present.symmetric}
        return recipe.with_choices(*(dataclasses.replace(c, method="hand", estimated=False, **fields) for c in others))

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
