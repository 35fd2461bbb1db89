"""Target `recipe`: the recipe itself, as `Recipe.save` writes it; it holds everything that can be chosen."""

import dataclasses
from pathlib import Path

from workbench.messages import Notice
from workbench.workflow.choice import TensorChoice
from workbench.workflow.export.range_check import check_read_back
from workbench.workflow.export.target import Order, SelfCheck, Target
from workbench.workflow.ranges import recipe_file


def no_refusal(choice: TensorChoice | None, *, is_weight: bool) -> str | None:
    """Everything can be said."""
    return None


def write(order: Order, path: Path) -> tuple[Notice, ...]:
    """The recipe, with the names that are given for a target's tool."""
    order.recipe.with_names(order.names).save(path)
    return ()


def check(order: Order, path: Path) -> SelfCheck:
    return check_read_back(dataclasses.replace(order, names={}), path, recipe_file.read)


RECIPE = Target(
    name="recipe",
    title="Workbench recipe",
    runs_on="the workbench",
    suffix=".recipe.json",
    refusal=no_refusal,
    write=write,
    check=check,
    kind="ranges",
    read=recipe_file.read,
)
