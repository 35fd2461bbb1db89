"""`Settings`: a recipe as the segment chain runs it, and where two of them begin to differ."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.workflow.plan import Activation, Plan, Replacements, plan, same
from workbench.workflow.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Settings:
    """What replaces the float network's values.

    weights: initializer -> float32 array of its shape. sources: initializer -> what its array follows from; equal
    sources mean equal arrays. activations: tensor -> its quantizer. plan: what it was made from, if it was a recipe.
    """

    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    sources: Mapping[str, object] = field(default_factory=dict)
    activations: Mapping[str, Activation] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    plan: Plan | None = None

    @classmethod
    def of(cls, model: Model, recipe: Recipe, reuse: Replacements, former: "Settings | None" = None) -> "Settings":
        """A recipe worked out.

        reuse: see `Plan.replacements`. former: what is equal in it need not be worked out again.
        Raises WorkbenchError where the recipe does not fit the model.
        """
        worked_out = plan(model, recipe, former.plan if former is not None else None)
        weights = worked_out.replacements(model, reuse)
        sources = {**worked_out.weights, **worked_out.biases}
        notices = worked_out.notices + _other_file(model, recipe)
        return cls(weights, sources, worked_out.activations, notices, worked_out)

    @property
    def is_float(self) -> bool:
        """Whether nothing is replaced."""
        return not self.weights and not self.activations

    @cached_property
    def transforms(self) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        """Activation -> the function its readers see it through."""
        return {name: quantizer.fake_quantize for name, quantizer in self.activations.items()}

    def with_weight(self, name: str, values: np.ndarray) -> "Settings":
        """The same with other values for one initializer."""
        weights, sources = {**self.weights, name: values}, {**self.sources, name: object()}
        return replace(self, weights=weights, sources=sources, plan=None)

    def touched(self, model: Model, former: "Settings") -> int:
        """The first segment that computes something else than under `former`; the number of segments if none does."""
        chain = model.chain
        names = [*_differing(self.sources, former.sources), *_differing(self.activations, former.activations)]
        return min((chain.segment_reading(name) for name in names), default=chain.n_segments)


def _other_file(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    if recipe.model_sha256 == model.sha256 or not len(recipe):
        return ()
    words = f"The recipe was made for another file ({recipe.model_name}); its ranges are not those of {model.name}."
    return (Notice("recipe", words),)


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> list[str]:
    return [name for name in one.keys() | other.keys() if not same(one.get(name), other.get(name))]
