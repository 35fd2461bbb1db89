"""Reader `recipe`: a saved recipe as a file of ranges, for a model other than the one it was made for."""

from pathlib import Path

from workbench.workflow.choice import TensorChoice
from workbench.workflow.ranges.ranges import RangeFile, Reader, TensorRange
from workbench.workflow.recipe import Recipe

_OWN = ("tensor", "format", "low", "high", "symmetric", "axis")


def read(path: Path) -> RangeFile:
    """Every field of every choice, the notes and the names for targets. Raises WorkbenchError where it is no recipe."""
    recipe = Recipe.load(path)
    tensors = {name: range_of_choice(choice) for name, choice in recipe.items()}
    return RangeFile("recipe", path, tensors, notes=recipe.notes, names=recipe.names)


def range_of_choice(choice: TensorChoice) -> TensorRange:
    """A choice as what a file says of a tensor; nothing is lost."""
    others = {field: getattr(choice, field) for field in TensorChoice.__dataclass_fields__ if field not in _OWN}
    return TensorRange(
        choice.tensor, choice.format, choice.low, choice.high, choice.symmetric, choice.axis, others=others
    )


RECIPE_FILE = Reader(
    name="recipe",
    title="Workbench recipe",
    suffixes=(".recipe.json",),
    recognizes=lambda head, path: b'"workbench_recipe"' in head,
    read=read,
)
