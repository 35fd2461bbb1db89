"""`CalibrationQuality`: are the calibration data like the evaluation data, and are there enough of them?"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.clipping.catalogue import CLIPPING
from workbench.ui.state import State
from workbench.ui.topics.evaluation_distributions import MOST_SAMPLES, counted_of, spread
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.words import method_title
from workbench.ui.worker import Turn
from workbench.workflow.calibration import Calibration
from workbench.workflow.calibration_drift import CalibrationDrift, calibration_drift
from workbench.workflow.choice import TensorChoice
from workbench.workflow.common_bins import CommonBins, common_bins
from workbench.workflow.range_against_samples import RangeAgainstSamples, enough_samples, range_against_samples
from workbench.workflow.sample_groups import SampleGroups, sample_groups

N_BINS = 120
PAUSE = 0.4  # seconds between partial results


@dataclass(frozen=True, eq=False)
class Quality:
    """What is known so far. tensor: the activation that the figures are about.

    bins: calibration and evaluation; both are the calibration where there are no evaluation values. against: the range
    by `method` for more and more samples; note: why it is another method than the tensor's own. moving: the tensors
    whose whole range still moves, in words and one by one. drift: of all tensors; None until evaluation is counted.
    """

    tensor: str
    bins: CommonBins | None = None
    against: RangeAgainstSamples | None = None
    method: str = ""
    note: str = ""
    moving: tuple[str, Sequence[RangeAgainstSamples]] = ("", ())
    drift: CalibrationDrift | None = None
    n_evaluation: int = 0


class CalibrationQuality(Topic):
    """A `Quality`: what is read off the distributions first, what the method must be asked for last."""

    name = "calibration_quality"
    what = "looking at the calibration data"
    urgency = 13

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._about: tuple[object, object] = None, None
        self._drift: CalibrationDrift | None = None
        self._moving: tuple[str, Sequence[RangeAgainstSamples]] | None = None
        self._groups: SampleGroups | None = None
        self._against: dict[tuple[object, ...], RangeAgainstSamples] = {}

    def about(self, state: State) -> tuple | None:
        if not (state.calibrated and state.calibration):
            return None
        tensor = subject_of_quality(self.means.model, state)
        return tensor, state.recipe.choices.get(tensor), state.calibration, counted_of(state), state.catalogues

    def answer(self, state: State, turn: Turn) -> Quality:
        calibration, counted = state.calibration, counted_of(state)
        assert calibration is not None
        tensor = subject_of_quality(self.means.model, state)
        whole = counted.calibration if counted is not None and counted.whole else None
        if self._about[0] is not calibration:
            self._moving, self._groups, self._against = None, None, {}
        if self._about[0] is not calibration or self._about[1] is not whole:
            self._about, self._drift = (calibration, whole), None
        found = Quality(tensor, moving=self._moving or ("", ()), drift=self._drift)
        if counted is not None:
            found = replace(found, n_evaluation=counted.calibration.n_samples)
        if tensor:
            found = replace(found, bins=self._bins(calibration, counted.calibration if counted else None, tensor))
            turn.publish(found)
        if self._moving is None:
            self._moving = enough_samples(calibration, cancelled=turn.cancelled)
        if self._drift is None and whole is not None:
            self._drift = calibration_drift(calibration, whole, cancelled=turn.cancelled)
        found = replace(found, moving=self._moving, drift=self._drift)
        if not tensor:
            return found
        turn.publish(found)
        return self._with_range(found, calibration, state.recipe.choices.get(tensor), state.catalogues, turn)

    def _bins(self, calibration: Calibration, evaluation: Calibration | None, tensor: str) -> CommonBins | None:
        first = calibration[tensor]
        second = evaluation[tensor] if evaluation is not None and tensor in evaluation else first
        return common_bins(first, second if second.count else first, N_BINS) if first.count else None

    def _with_range(
        self, found: Quality, calibration: Calibration, choice: TensorChoice | None, catalogues: int, turn: Turn
    ) -> Quality:
        """The range against the number of samples, by the tensor's own method where it has one."""
        tensor, note = found.tensor, why_not_its_own(choice)
        if choice is None or note:
            return replace(found, against=range_against_samples(calibration, tensor), method="min_max", note=note)
        key = tensor, choice.method, choice.variation.name, choice.symmetric, catalogues
        try:
            if key not in self._against:
                self._against[key] = self._by_method(found, choice, turn)
        except WorkbenchError as refusal:  # of a method of the person's own
            return replace(
                found, against=range_against_samples(calibration, tensor), method="min_max", note=str(refusal)
            )
        return replace(found, against=self._against[key], method=choice.method)

    def _by_method(self, found: Quality, choice: TensorChoice, turn: Turn) -> RangeAgainstSamples:
        data, last = self.means.data, time.monotonic()
        assert data is not None
        if self._groups is None or self._groups.tensor != found.tensor:
            batches = spread(data, MOST_SAMPLES)
            self._groups = sample_groups(self.means.model, batches, found.tensor, cancelled=turn.cancelled)

        def show(so_far: Callable[[], RangeAgainstSamples]) -> None:
            nonlocal last
            if time.monotonic() - last > PAUSE:
                turn.publish(replace(found, against=so_far(), method=choice.method))
                last = time.monotonic()

        return self._groups.range_against_samples(
            choice.method, choice.variation, symmetric=bool(choice.symmetric), on_draw=show, cancelled=turn.cancelled
        )


def why_not_its_own(choice: TensorChoice | None) -> str:
    """Why the range of a tensor is not one that a method finds in the calibration data; "" where it is."""
    if choice is None:
        return "This tensor is float: its whole range is shown."
    if not choice.variation.has_scale:
        return f"{choice.format} has the format's own range: the data's whole range is shown."
    if choice.dynamic is not None:
        return "The range is found anew while the network runs: the data's whole range is shown."
    if choice.method not in CLIPPING:
        return f"The range was set by hand: {method_title('min_max')} is shown."
    return ""


def subject_of_quality(model: Model, state: State) -> str:
    """The selected activation; of a weight the first one that its layer reads; "" where none was counted."""
    counted: Collection[str] = state.calibration if state.calibration is not None else ()
    layer = next((each for each in model.layers if each.name == state.layer), None)
    names = (state.selected, *(layer.inputs if layer is not None else ()))
    return next((name for name in names if name in counted), "")
