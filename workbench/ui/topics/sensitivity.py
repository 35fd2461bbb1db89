"""`Sensitivity`: what each tensor or layer costs the network's output, measured one run after the other."""

import time
from dataclasses import replace
from typing import Any

from workbench.ui.state import State
from workbench.ui.topics.sensitivity_estimates import Sensitivities, estimates_of, options_of
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn
from workbench.workflow.ranking import Ranking

AT_ONCE = 5.0  # seconds: a sweep that takes less needs nobody to begin it
PAUSE = 0.4  # seconds between partial results


class Sensitivity(Topic):
    """Goes on from the estimates; a row that was measured once is never run again.

    Asked with `Options`, or True for those by default. To be asked together with "sensitivity_estimates".
    """

    name = "sensitivity"
    what = "measuring sensitivity"
    urgency = 14

    def about(self, state: State) -> tuple | None:
        estimates = estimates_of(state)
        return None if estimates is None else (estimates, options_of(state).measure)

    def answer(self, state: State, turn: Turn) -> Sensitivities:
        """Publishes what was measured a few times a second."""
        found, measure = estimates_of(state), options_of(state).measure
        assert found is not None
        sweep, missing = found.sweep, found.sweep.missing()
        wanted = found.seconds < AT_ONCE if measure is None else measure
        if not missing or not wanted:
            return replace(found, ranking=sweep.ranking(), n_missing=len(missing))

        def known(ranking: Ranking, n_missing: int, seconds: float, running: bool = True) -> Sensitivities:
            return replace(found, ranking=ranking, n_missing=n_missing, seconds=seconds, running=running)

        turn.publish(known(sweep.ranking(), len(missing), found.seconds))
        sweep.cancelled = turn.cancelled
        sweep.begin()
        if sweep.base_error is not None:
            found.known.bases[found.base] = sweep.base_error
        last = time.monotonic()
        for case, progress in zip(missing, sweep.steps(missing), strict=True):
            row = sweep.rows[case.key]
            assert row.error is not None
            found.known.errors[found.base, row.tensors, row.digest] = row.error
            turn.report(progress.done, progress.total, f"sensitivity: {progress}")
            if time.monotonic() - last > PAUSE:
                turn.publish(known(progress.ranking, progress.total - progress.done, progress.seconds_left))
                last = time.monotonic()
        return known(sweep.ranking(), 0, 0.0, running=False)


def sensitivities_of(state: State) -> Sensitivities | None:
    """What is known at a moment: measured as far as it goes, or the estimates of a newer question."""
    estimates, answer = estimates_of(state), state.answers.get(Sensitivity.name)
    if answer is None or estimates is None or answer.about[0] is not estimates:
        return estimates
    value: Any = answer.value
    return value
