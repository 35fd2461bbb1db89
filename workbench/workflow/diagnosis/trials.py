"""`Trials`: what a change of the recipe does to the noise at the output, measured by running the network."""

import math
from collections.abc import Iterable

from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel
from workbench.workflow.simulate import Simulator


class Trials:
    """Runs of recipes on a few samples, resumed where they begin to differ from the one that is diagnosed.

    recipe: the one that is diagnosed. noise: its noise-to-signal ratio at the outputs, summed over them; infinite where
    an output is not finite. sqnr_db: of the first output that is an answer.
    """

    def __init__(
        self, model: Model, recipe: Recipe, batches: Batches, cache_bytes: int, cancelled: Cancel | None = None
    ) -> None:
        self._simulator = Simulator(model, batches, cache_bytes=cache_bytes)
        self.recipe, self.n_samples, self._cancelled = recipe, batches.n_samples, cancelled
        comparison = self._simulator.compare(recipe, tensors=False, cancelled=cancelled)
        self.sqnr_db = comparison.outputs[batches.answers(model)[0]].sqnr_db
        self.noise = _noise(error.sqnr_db for error in comparison.outputs.values())

    def noise_of(self, recipe: Recipe) -> float:
        """The same of another recipe."""
        settings = self._simulator.settings(recipe)
        comparison = self._simulator.trial(settings, cancelled=self._cancelled)
        return _noise(error.sqnr_db for error in comparison.outputs.values())


def _noise(sqnrs_db: Iterable[float]) -> float:
    ratios = [math.inf if math.isnan(db) or db == -math.inf else 10 ** (-db / 10) for db in sqnrs_db]
    return sum(ratios)


def gain_db(before: float, after: float) -> float:
    """What is gained where noise falls from before to after, dB; 0 where both are infinite or nothing."""
    if before == after:
        return 0.0
    if after == 0 or math.isinf(before):
        return math.inf
    return -math.inf if before == 0 or math.isinf(after) else 10 * math.log10(before / after)
