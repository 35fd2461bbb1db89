"""Recipes from files: our own, or the ranges of another tool."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.messages import Notice
    from workbench.models.model import Model
    from workbench.workflow.recipe import Recipe


def recipe_of(path: Path, model: "Model") -> "tuple[Recipe, tuple[Notice, ...]]":
    """The recipe in a file, or one with the ranges that it holds, and remarks. WorkbenchError where it is neither."""
    from workbench.messages import WorkbenchError
    from workbench.workflow.files import read_json
    from workbench.workflow.ranges.importing import read_ranges, recipe_from_ranges
    from workbench.workflow.recipe import Recipe

    try:
        document = read_json(path)
    except WorkbenchError:
        document = None
    if isinstance(document, dict) and "workbench_recipe" in document:
        return Recipe.load(path), ()
    return recipe_from_ranges(model, read_ranges(path))
