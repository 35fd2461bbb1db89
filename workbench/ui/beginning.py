"""A study that begins with a given recipe instead of default choices, or where another one ended."""

import dataclasses

from workbench.ui.core import Core
from workbench.ui.history import History
from workbench.ui.state import State
from workbench.workflow.recipe import Recipe

KEPT = ("recipe", "history", "decided", "snapshots", "target", "task", "selected", "layer")


def resume_from(study: Core, former: State) -> None:
    """Take over what a person decided and looks at; what nobody decided is chosen anew."""
    study.update(lambda s: dataclasses.replace(s, whole=False, **{name: getattr(former, name) for name in KEPT}))


def begin_with(study: Core, recipe: Recipe) -> bool:
    """Take a given recipe, as a step after what was saved from other work; whether all work began with it.

    Work that was saved from the same recipe stays as it is. What has no entry stays float.
    """
    past = (*study.state.history.past, study.state.recipe)
    if not any(recipe == each for each in past):
        study.apply(recipe)
        if len(past) == 1 and not len(past[0]):
            study.update(lambda s: dataclasses.replace(s, history=History()))
    study.update(lambda s: dataclasses.replace(s, whole=True))
    return recipe == (*study.state.history.past, study.state.recipe)[0]
