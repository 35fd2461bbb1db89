"""`SampleLines`: the selected activation, sample by sample of the calibration."""

from workbench.ui.state import State
from workbench.ui.threshold.samples import EachSample, name_of
from workbench.ui.topics.evaluation_distributions import spread
from workbench.ui.topics.topic import Topic
from workbench.ui.worker import Turn
from workbench.workflow.batches import Batches
from workbench.workflow.sample_groups import sample_groups

MOST_LINES = 32


class SampleLines(Topic):
    """An `EachSample` of at most `MOST_LINES` lines, of samples from all over the calibration data.

    A line is one sample wherever the data can be cut; elsewhere it may be a few. Samples set aside are left out.
    """

    name, what, urgency = "sample_lines", "counting single samples", 5

    def about(self, state: State) -> tuple | None:
        return None if self.why_not(state) else (state.selected, state.set_aside)

    def why_not(self, state: State) -> str:
        """Why the selected tensor cannot be counted by samples at present; "" where it can."""
        if not state.selected:
            return "no tensor is selected"
        if self.means.model.tensors[state.selected].values is not None:
            return "a weight is the same for all samples"
        if self.means.data is None:
            return "there are no calibration data"
        if not state.calibrated or state.calibration is None:
            return "the calibration is not done yet"
        return "" if state.selected in state.calibration else "calibration does not observe this tensor"

    def answer(self, state: State, turn: Turn) -> EachSample:
        data = self.means.data
        assert data is not None
        batches = spread(data.without(state.set_aside), MOST_LINES).recut(1)
        found = sample_groups(
            self.means.model, batches, state.selected, n_groups=MOST_LINES, cancelled=turn.cancelled
        ).groups
        return EachSample(tuple(name_of(numbers) for numbers in dealt(batches, len(found))), found)


def dealt(batches: Batches, n_groups: int) -> list[list[int]]:
    """The numbers of the samples in each group of `sample_groups`, which deals single samples or whole feeds."""
    numbers = list(batches.sample_numbers)
    if n_groups == min(MOST_LINES, len(numbers)):
        return [numbers[i::MOST_LINES] for i in range(n_groups)]
    feeds = [numbers[i : i + batches.batch_size] for i in range(0, len(numbers), batches.batch_size)]
    return [sum(feeds[i::MOST_LINES], []) for i in range(n_groups)]
