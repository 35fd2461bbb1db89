"""`Causes`: what costs the output most, why, and what would repair it."""

import time

from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic, same
from workbench.ui.worker import Turn
from workbench.workflow.diagnose import diagnose
from workbench.workflow.diagnosis.finding import Diagnosis

PAUSE = 0.25  # seconds between partial results
KEPT = 8  # diagnoses, so that an undo finds its own again
CACHE_BYTES = 256_000_000  # for values between segments, beside those of the network's figures


class Causes(Topic):
    """A `Diagnosis` of the present recipe: estimates first, then what each remedy was measured to give.

    It begins when the network's figures are done, so that it never makes them wait.
    """

    name = "causes"
    what = "looking for causes"
    urgency = 12

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._known: list[tuple[tuple, Diagnosis]] = []

    def about(self, state: State) -> tuple | None:
        """(recipe, calibration)."""
        measured = state.measured
        settled = measured is not None and measured.recipe is state.recipe and measured.complete
        if not state.whole or (self.means.evaluation is not None and not (state.calibrated and settled)):
            return None
        return state.recipe, state.calibration

    def answer(self, state: State, turn: Turn) -> Diagnosis:
        """Publishes the estimates at once, then what was measured, a few times a second."""
        about = self.about(state)
        assert about is not None
        for known, diagnosis in self._known:
            if same(known, about):
                return diagnosis
        found = self._diagnosis(state, turn)
        self._known = [*self._known[1 - KEPT :], (about, found)]
        return found

    def _diagnosis(self, state: State, turn: Turn) -> Diagnosis:
        last = -PAUSE

        def publish(so_far: Diagnosis) -> None:
            nonlocal last
            if time.monotonic() - last > PAUSE:
                turn.publish(so_far)
                last = time.monotonic()

        return diagnose(
            self.means.model,
            state.recipe,
            state.calibration or {},
            self.means.evaluation,
            inputs=state.input_report,
            cache_bytes=CACHE_BYTES,
            on_finding=publish,
            on_step=turn.report,
            cancelled=turn.cancelled,
        )
