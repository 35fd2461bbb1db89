"""`Target`: a kind of file a recipe can be exported to; `Order`: what one is asked to write."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.calibration import Calibration
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import weight_names
from workbench.workflow.comparison import OutputError
from workbench.workflow.recipe import Recipe

if TYPE_CHECKING:
    from workbench.workflow.ranges.ranges import RangeFile

Kind = Literal["network", "ranges", "report"]
Named = Literal["nothing", "activations", "tensors"]


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be written.

    batches: what the self-check runs on; None without data. calibration: where ranges came from; None where it is not
    at hand. labels: what the data's task takes, see `workbench.simulate`; None without. names: tensor -> its name in
    the target's files, for those that have another one there. options: what this target alone takes, see its file.
    """

    model: Model
    recipe: Recipe
    batches: Batches | None = None
    calibration: Calibration | None = None
    labels: Any = None
    names: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def name(self, tensor: str) -> str:
        """What the target calls a tensor."""
        return self.names.get(tensor, tensor)


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


def any_name(name: str) -> str | None:
    """The `name_refusal` of a target that holds every name."""
    return None


def nothing_more(model: Model, recipe: Recipe, names: Mapping[str, str]) -> tuple[str, ...]:
    """The `recipe_refusals` of a target that takes tensors one by one."""
    return ()


def as_chosen(model: Model, recipe: Recipe) -> tuple[Notice, ...]:
    """The `foretold` of a target that deploys what the recipe says."""
    return ()


@dataclass(frozen=True)
class Target:
    """One export target.

    name: the key in TARGETS. title: what menus show. runs_on: the same in a word or two. suffix: usual ending of the
    file. kind: a network that runs, a file of ranges for a tool that has the network, or a report for people.
    refusal(choice, is_weight=...): why this target cannot express a tensor, None where it can.
    write(order, path): writes the file, returns remarks. It may write more files beside `path`, see `new_files`.
    check(order, path): reads the file back, and proves what can be proved.
    name_refusal(name): why a tensor cannot be called so there, None where it can.
    named: what stands in the file by its name alone, so that two tensors cannot have one.
    recipe_refusals(model, recipe, names): sentences on what only the layers show that tensors belong to.
    foretold(model, recipe): remarks of `write` that are worth knowing before, of what can be expressed.
    profile: name in PROFILES of what usually runs the file; "": anything. read: the importer of the same format.
    options: names that `Order.options` may hold, each with its meaning.
    """

    name: str
    title: str
    runs_on: str
    suffix: str
    refusal: Refusal
    write: Callable[[Order, Path], tuple[Notice, ...]]
    check: Callable[[Order, Path], SelfCheck]
    kind: Kind = "network"
    name_refusal: Callable[[str], str | None] = any_name
    named: Named = "nothing"
    recipe_refusals: Callable[[Model, Recipe, Mapping[str, str]], tuple[str, ...]] = nothing_more
    foretold: Callable[[Model, Recipe], tuple[Notice, ...]] = as_chosen
    profile: str = ""
    read: "Callable[[Path], RangeFile] | None" = None
    options: Mapping[str, str] = field(default_factory=dict)

    def misfits(self, model: Model, recipe: Recipe) -> dict[str, str]:
        """Tensor -> why this target cannot express it; the recipe's tensors first, then weights that stay float."""
        weights = dict.fromkeys(weight_names(model))
        found = {}
        for name in {**dict.fromkeys(recipe), **weights}:
            reason = self.refusal(recipe.choices.get(name), is_weight=name in weights)
            if reason is not None:
                found[name] = reason
        return found

    def refusals(self, model: Model, recipe: Recipe, names: Mapping[str, str] | None = None) -> tuple[str, ...]:
        """Sentences naming what this target cannot express; empty when it can express all.

        names: tensor -> its name in the target's files, where that is another.
        """
        weights, names = set(weight_names(model)), names or {}
        kinds = {True: "Weight", False: "Activation"}
        found = self.misfits(model, recipe)
        sentences = [f"{kinds[name in weights]} {name!r}: {reason}." for name, reason in found.items()]
        for name in recipe:
            called = names.get(name, name)
            reason = self.name_refusal(called) or self._taken(recipe, names, weights, name)
            if reason is not None:
                sentences.append(f"{kinds[name in weights]} {name!r}: {reason}; give it another name with names=.")
        return (*sentences, *self.recipe_refusals(model, recipe, names))

    def _taken(self, recipe: Recipe, names: Mapping[str, str], weights: Collection[str], tensor: str) -> str | None:
        """That the name which a tensor is given is that of another one in the file, which keeps it."""
        both = {tensor, names.get(tensor, tensor)}
        if self.named == "nothing" or len(both) < 2 or not all(name in recipe for name in both):
            return None
        if names[tensor] in names or (self.named == "activations" and not both.isdisjoint(weights)):
            return None
        return f"it would be called {names[tensor]!r} there, as is another tensor of the recipe"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """WorkbenchError for an option that this target does not take."""
        for name in options:
            if name not in self.options:
                known = ", ".join(self.options) or "none"
                raise WorkbenchError(f"target {self.name} takes no option {name!r}; its options: {known}")
