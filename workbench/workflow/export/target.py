"""`Target`: a kind of file a recipe can be exported to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.messages import Notice
from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.comparison import OutputError
from workbench.workflow.recipe import Recipe


@dataclass(frozen=True)
class SelfCheck:
    """What reading a written file back has shown; see `ExportReport` for the fields."""

    bit_equal: float | None = None
    simulated: OutputError | None = None
    deployed: OutputError | None = None
    notices: tuple[Notice, ...] = ()


class Refusal(Protocol):
    """Why a target cannot express one tensor, without a full stop; None where it can."""

    def __call__(self, choice: TensorChoice | None, *, is_weight: bool) -> str | None:
        """choice: of the tensor; None: it stays float32."""


@dataclass(frozen=True)
class Target:
    """One export target.

    name: the key in TARGETS. title: what menus show. runs_on: the same in a word or two. suffix: usual ending of the
    file. refusal(choice, is_weight=...): why this target cannot express a tensor, None where it can.
    write(model, recipe, path): writes the file, returns remarks.
    check(model, recipe, path, batches): reads the file back; batches is None without data.
    """

    name: str
    title: str
    runs_on: str
    suffix: str
    refusal: Refusal
    write: Callable[[Model, Recipe, Path], tuple[Notice, ...]]
    check: Callable[[Model, Recipe, Path, Batches | None], SelfCheck]

    def misfits(self, model: Model, recipe: Recipe) -> dict[str, str]:
        """Tensor -> why this target cannot express it; the recipe's tensors first, then weights that stay float."""
        weights = dict.fromkeys(weight_names(model))
        found = {}
        for name in {**dict.fromkeys(recipe), **weights}:
            reason = self.refusal(recipe.choices.get(name), is_weight=name in weights)
            if reason is not None:
                found[name] = reason
        return found

    def refusals(self, model: Model, recipe: Recipe) -> tuple[str, ...]:
        """Sentences naming what this target cannot express; empty when it can express all."""
        weights = set(weight_names(model))
        kinds = {True: "Weight", False: "Activation"}
        found = self.misfits(model, recipe)
        return tuple(f"{kinds[name in weights]} {name!r}: {reason}." for name, reason in found.items())
