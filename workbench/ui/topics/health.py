"""`HealthOf`: what to know of the recipe before it is exported."""

from workbench.ui.state import State
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn
from workbench.workflow.export.catalogue import TARGETS
from workbench.workflow.health import Ailment, Health, health


class HealthOf(Topic):
    """A `Health`. Asked with (name of a target, name of a profile or "").

    The evaluation data are not run for it: what they would show, the figures of the network show already.
    """

    name = "health"
    what = "looking for what an export would suffer from"
    urgency = 10

    def about(self, state: State) -> tuple | None:
        asked = self.options(state)
        return (state.recipe, state.calibration, *asked) if isinstance(asked, tuple) else None

    def answer(self, state: State, turn: Turn) -> Health:
        target, profile = self.options(state)
        recipe, calibration, model = state.recipe, state.calibration, self.means.model
        found = health(model, recipe, calibration, target, profile=profile or None, names=recipe.names)
        foretold = (Ailment(said.topic, "", said.sentence) for said in TARGETS[target].foretold(model, recipe))
        return Health((*found.fatal, *foretold, *(one for one in found.findings if not one.fatal)))
