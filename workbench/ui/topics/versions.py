"""`Versions`: what the network's output is with each kept recipe."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.worker import Turn
from workbench.workflow.comparison import Comparison
from workbench.workflow.recipe import Recipe

KEPT = 64  # comparisons that are remembered
BEGINNING = "as it began"
PRESENT = "present choices"


@dataclass(frozen=True, eq=False)
class VersionFigures:
    """by_name: name of a version -> its comparison, as far as they were made."""

    by_name: Mapping[str, Comparison]


def versions_of(state: State) -> dict[str, Recipe]:
    """The present recipe, the one that the work began with where it is another, and the snapshots, the newest first."""
    versions = {PRESENT: state.recipe}
    if state.history.past:
        versions[BEGINNING] = state.history.past[0]
    return versions | dict(reversed(list(state.snapshots.items())))


class Versions(Topic):
    """Runs the network with every version that was not run yet."""

    name = "versions"
    what = "comparing versions"
    urgency = 10

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._known: list[tuple[Recipe, Comparison]] = []

    def about(self, state: State) -> tuple | None:
        if self.means.network is None or not (state.whole and state.calibrated):
            return None
        versions = versions_of(state)
        return (*versions, *versions.values())

    def answer(self, state: State, turn: Turn) -> Any:
        assert self.means.network is not None
        found: dict[str, Comparison] = {}
        versions = versions_of(state)
        for done, (name, recipe) in enumerate(versions.items()):
            turn.report(done, len(versions))
            found[name] = self._comparison(recipe, state, turn)
            turn.publish(VersionFigures(dict(found)))
        return VersionFigures(found)

    def _comparison(self, recipe: Recipe, state: State, turn: Turn) -> Comparison:
        if state.measured is not None and state.measured.recipe is recipe and state.measured.complete:
            return state.measured.comparison
        for known, comparison in self._known:
            if known is recipe:
                return comparison
        assert self.means.network is not None
        comparison = self.means.network.simulator.compare(recipe, tensors=False, cancelled=turn.cancelled)
        self._known = [*self._known, (recipe, comparison)][-KEPT:]
        return comparison
