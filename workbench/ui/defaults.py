"""What `choose` would choose, put where nobody has decided."""

import dataclasses
from collections.abc import Iterable

from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.ui.books import ChoiceBook, Distributions, default_grouping, default_method
from workbench.ui.state import State
from workbench.ui.worker import Turn
from workbench.workflow.choice import TensorChoice
from workbench.workflow.choose import NoRange, weight_names
from workbench.workflow.recipe import Recipe


def default_choices(
    book: ChoiceBook, model: Model, calibration: Distributions | None, names: Iterable[str], turn: Turn | None = None
) -> tuple[list[TensorChoice], list[str]]:
    """(int8 choices, why tensors were left out), with the defaults of `choose`."""
    choices, left_out = [], []
    weights = set(weight_names(model))
    for name in names:
        if turn is not None and turn.cancelled():
            raise Cancelled
        is_weight = name in weights
        method = default_method(is_weight, "int8")
        try:
            choices.append(book.choose(calibration, name, format="int8", method=method, **default_grouping(is_weight)))
        except NoRange as missing:
            left_out.append(str(missing))
    return choices, left_out


def with_defaults(state: State, choices: list[TensorChoice]) -> State:
    """Default choices put into the present recipe and every recipe of the history, where nobody has decided."""

    def filled(recipe: Recipe) -> Recipe:
        new = [c for c in choices if c.tensor not in recipe and c.tensor not in state.decided]
        return recipe.with_choices(*new) if new else recipe

    recipe = filled(state.recipe)
    if recipe is state.recipe:
        return state
    return dataclasses.replace(state, recipe=recipe, history=state.history.mapped(filled))
