"""`EvaluationDistributions`: what the network sees in the evaluation data, counted as calibration counts."""

import time
from typing import Any

from workbench.ui.jobs import PAUSE, Counted
from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.worker import Turn
from workbench.workflow.batches import Batches
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.progress import Progress, duration

MOST_SAMPLES = 1024  # more would take long and change little
AT_A_TIME = 128  # what is counted once is kept, if nobody asks any more


class EvaluationDistributions(Topic):
    """A `Counted`; published on the way. At most `MOST_SAMPLES` samples, from all over the data.

    Nothing where the evaluation data are those of the calibration. Memory: that of `calibrate`.
    """

    name = "evaluation_distributions"
    what = "counting the evaluation data"
    urgency = 14

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._waiting: list[Batches] | None = None
        self._counted: Calibration | None = None

    def about(self, state: State) -> tuple | None:
        separate = self.means.evaluation is not None and self.means.evaluation is not self.means.data
        return () if separate and state.calibrated else None

    def answer(self, state: State, turn: Turn) -> Counted:
        """Goes on where it was given up."""
        if self._waiting is None:
            assert self.means.evaluation is not None
            self._waiting = cut_up(spread(self.means.evaluation, MOST_SAMPLES), AT_A_TIME)
        while self._waiting:
            one = self._count(self._waiting[0], turn)
            self._waiting.pop(0)
            self._counted = self._together(one)
            turn.publish(Counted(self._counted, whole=False))
        assert self._counted is not None
        return Counted(self._counted, whole=True)

    def _count(self, batches: Batches, turn: Turn) -> Calibration:
        known = 0 if self._counted is None else self._counted.n_samples
        total = known + sum(each.n_samples for each in self._waiting or ())
        last = time.monotonic()

        def on_batch(progress: Progress, snapshot: Any) -> None:
            nonlocal last
            done = known + batches.n_samples * progress.done // progress.total
            left = (total - done) / max(progress.samples_per_second, 1e-9)
            turn.report(done, total, f"{self.what}, {done:,} of {total:,} samples, {duration(left)} left")
            if progress.done < progress.total and time.monotonic() - last > PAUSE:
                turn.publish(Counted(self._together(snapshot()), whole=False))
                last = time.monotonic()

        return calibrate(self.means.model, batches, on_batch=on_batch, cancelled=turn.cancelled)

    def _together(self, more: Calibration) -> Calibration:
        return more if self._counted is None else self._counted + more


def counted_of(state: State) -> Counted | None:
    """The distributions that are known at a moment, of all that will be counted or of the first batches."""
    answer = state.answers.get(EvaluationDistributions.name)
    value: Any = None if answer is None else answer.value
    return value


def spread(batches: Batches, most: int) -> Batches:
    """At most so many samples, at equal distances where the data can be cut; whole batches at the beginning if not."""
    if batches.n_samples <= most or batches.cut is None:
        return batches.first(most)
    numbers = batches.sample_numbers
    return batches.cut(batches.batch_size, [numbers[i * len(numbers) // most] for i in range(most)])


def cut_up(batches: Batches, size: int) -> list[Batches]:
    """The samples in parts of about so many, one part where the data cannot be cut."""
    if batches.cut is None:
        return [batches]
    whole = max(1, size // batches.batch_size) * batches.batch_size
    numbers = batches.sample_numbers
    return [batches.cut(batches.batch_size, numbers[at : at + whole]) for at in range(0, len(numbers), whole)]
