"""`Profile`: what a device or runtime can express and how it computes, as data over a small vocabulary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.profiles.nearest import in_words, nearest
from workbench.workflow.profiles.rules import Rule, Tie
from workbench.workflow.profiles.saturation import saturation_notices
from workbench.workflow.profiles.side import Side, reasons
from workbench.workflow.profiles.ties import broken, ties
from workbench.workflow.recipe import Recipe

Bias = Literal["int32", "int16", "float"]
Requantize = Callable[[Any, float, int], np.ndarray]


@dataclass(frozen=True)
class Accumulation:
    """How products are added up. bits: of an integer accumulator; None: float32.

    saturating_pairs: uint8 * int8 products are first added two by two in int16, which saturates.
    """

    bits: int | None = 32
    saturating_pairs: bool = False


@dataclass(frozen=True)
class Requantization:
    """How an accumulator becomes a code of the next tensor.

    rounding: in words. multiplier_bits: of the integer that stands for the real factor; None: float32, or unpublished.
    codes(accumulators, factor, zero_point): the same as a function, int64 codes; None where it is not published.
    """

    rounding: str
    multiplier_bits: int | None = None
    codes: Requantize | None = None


@dataclass(frozen=True)
class Profile:
    """What a device can express, and how it computes; everything else is worked out from these fields.

    name: the key in PROFILES. title: what menus show. runs_on: the same in a word or two.
    weights, activations: the numbers of both sides. accumulation, requantization: how a layer computes. bias: what a
    bias is added as. rules: what tensors share, and bounds on scales. sources: where the facts come from.
    """

    name: str
    title: str
    runs_on: str
    weights: Side
    activations: Side
    accumulation: Accumulation
    requantization: Requantization
    bias: Bias = "int32"
    rules: tuple[Rule, ...] = ()
    sources: tuple[str, ...] = ()

    def side(self, *, is_weight: bool) -> Side:
        """The numbers of weights, or of activations."""
        return self.weights if is_weight else self.activations

    def nearest(self, choice: TensorChoice, *, is_weight: bool) -> TensorChoice | None:
        """The nearest choice that can be expressed, the same one where it can; None: leave the tensor float."""
        return nearest(self.side(is_weight=is_weight), choice, is_weight=is_weight)

    def refusal(self, choice: TensorChoice | None, *, is_weight: bool) -> str | None:
        """Why the device cannot express one tensor, and what comes nearest; None where it can, and for a float one."""
        if choice is None:
            return None
        found = reasons(self.side(is_weight=is_weight), choice, is_weight=is_weight)
        if not found:
            return None
        return f"{', and '.join(found)}; nearest is {in_words(choice, self.nearest(choice, is_weight=is_weight))}"

    def ties(self, model: Model, recipe: Recipe) -> tuple[Tie, ...]:
        """What the device demands of several quantized tensors together, kept or broken."""
        return ties(model, recipe, self.rules) if self.rules else ()

    def violations(self, model: Model, recipe: Recipe) -> dict[Tie, str]:
        """Broken tie -> how, in words without a full stop."""
        found = {tie: broken(tie, recipe) for tie in self.ties(model, recipe)}
        return {tie: reason for tie, reason in found.items() if reason is not None}

    def misfits(self, model: Model, recipe: Recipe) -> dict[str, str]:
        """Tensor -> why the device cannot express it; tensors of a broken tie last, the bound's under its output."""
        weights, found = set(weight_names(model)), {}
        for name, choice in recipe.items():
            reason = self.refusal(choice, is_weight=name in weights)
            if reason is not None:
                found[name] = reason
        for tie, reason in self.violations(model, recipe).items():
            for name in tie.tensors if len(tie.tensors) != 3 or tie.tensors[1] not in weights else tie.tensors[2:]:
                found.setdefault(name, f"{reason}; wb.tied makes it so")
        return found

    def refusals(self, model: Model, recipe: Recipe) -> tuple[str, ...]:
        """Sentences naming what the device cannot express; empty when it can express all."""
        weights, kinds = set(weight_names(model)), {True: "Weight", False: "Activation"}
        found = self.misfits(model, recipe)
        return tuple(f"{kinds[name in weights]} {name!r}: {reason}." for name, reason in found.items())

    def predictions(self, model: Model, recipe: Recipe, data: Any = None) -> tuple[Notice, ...]:
        """What the device computes otherwise than the simulation, as far as it can be foreseen.

        data: anything `as_batches` takes; with the first samples of it, how many sums saturate and what it costs.
        """
        found = saturation_notices(model, recipe, data) if self.accumulation.saturating_pairs else ()
        return (*found, *self._on_biases(model, recipe), *self._on_ties(model, recipe))

    def _on_biases(self, model: Model, recipe: Recipe) -> tuple[Notice, ...]:
        """The simulation adds int32 biases to integer products."""
        if self.bias == "int32" or not any(layer.bias and layer.weight in recipe for layer in model.layers):
            return ()
        words = f"{self.title} adds biases as {self.bias}; the simulation rounds them to int32 at the products' scale."
        return (Notice("bias", words),)

    def _on_ties(self, model: Model, recipe: Recipe) -> tuple[Notice, ...]:
        """Exact halves that the device rounds otherwise."""
        weights, wanted = set(weight_names(model)), self.activations.rounding
        other = {c.rounding for name, c in recipe.items() if name not in weights and c.variation.has_scale} - {wanted}
        if wanted is None or not other:
            return ()
        words = f"{self.title} rounds activations by {wanted}, the recipe by {', '.join(sorted(other))}"
        return (Notice("rounding", f"{words}: values exactly between two codes may differ by one step."),)
