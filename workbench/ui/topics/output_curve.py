"""`OutputCurves`: the network's output at other ranges of the selected tensor, measured as soon as it is selected."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workbench.messages import WorkbenchError
from workbench.models.segments import Cancelled
from workbench.models.tensors import Tensor
from workbench.numerics.errors.sums import ErrorSums
from workbench.numerics.formats.catalogue import FORMATS
from workbench.ui.books import Source, source_of
from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic, same
from workbench.ui.worker import Turn
from workbench.workflow.choice import Bound, TensorChoice
from workbench.workflow.output_curve import OutputCurve, has_threshold, is_mirrored, output_curve
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import Simulator

NAME = "output_curve"
BEST_AT_OUTPUT = "best at the output"  # the title of the optimum's mark
LEAST_SAMPLES, MOST_SAMPLES = 2, 256
EFFORT, A_SAMPLE = 1e9, 4e6  # multiplications: for one run, of which a curve takes 40 to 80; what else a sample costs
CACHE = 200_000_000  # bytes for values between segments, where there are more samples than a curve takes
KEPT = 256  # curves, of about 10 kB
BETWEEN_POINTS = 0.1  # seconds from one picture to the next


@dataclass(frozen=True, eq=False)
class Found:
    """A curve as far as it is measured, and by how much the figure on all samples lies above that on its own.

    shift_db: to be added to what the curve says, dB, so that it begins where the network's figures are.
    """

    curve: OutputCurve
    shift_db: float = 0.0


@dataclass(frozen=True, eq=False)
class Looked:
    """What is known of a tensor at a moment. now: of this moment, maybe not whole yet; done: it is whole.

    before: the last whole curve before other tensors were chosen anew, where there is none of this moment.
    """

    now: Found | None = None
    done: bool = False
    before: Found | None = None


class OutputCurves(Topic):
    """Answers a `Found` for the selected tensor, the coarse points first.

    It depends on the way the tensor is quantized and on the choices of all others, not on the tensor's own range:
    moving that starts nothing. Whole curves are kept, the latest `KEPT`.
    """

    name, urgency, idle = NAME, 11, True

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._kept: list[tuple[tuple, Found]] = []
        self._simulator: Simulator | None = None

    def about(self, state: State) -> tuple | None:
        """None where the tensor has no threshold, and before the network was measured."""
        return self._about(state, state.selected) if state.measured is not None else None

    def answer(self, state: State, turn: Turn) -> Found:
        about, recipe, tensor = self.about(state), state.recipe, state.selected
        assert about is not None
        if recipe[tensor].format not in FORMATS:  # taken out in a cell: no other range of it can be made
            raise Cancelled
        kept = next((found for known, found in self._of(tensor) if same(known, about)), None)
        if kept is not None:
            return kept
        simulator = self._simulator = self._simulator or self._few_samples()
        shift, last = self._shift(simulator, recipe, turn), 0.0

        def on_point(curve: OutputCurve) -> None:
            nonlocal last
            if time.monotonic() - last > BETWEEN_POINTS:
                turn.publish(Found(curve, shift))
                last = time.monotonic()

        ends = _ends(source_of(self.means.model, state.calibration, tensor))
        curve = output_curve(simulator, recipe, tensor, data_range=ends, on_point=on_point, cancelled=turn.cancelled)
        found = Found(curve, shift)
        self._kept = [*self._kept, (about, found)][-KEPT:]
        return found

    def look(self, state: State) -> Looked:
        """What can be shown of the selected tensor."""
        about = self._about(state, state.selected)
        if about is None:
            return Looked()
        answer = state.answers.get(self.name)
        known = [(about, found, True) for about, found in self._of(state.selected)]
        if answer is not None and answer.about[0] == state.selected:
            known.append((answer.about, answer.value, answer.done))
        now = [(found, done) for each, found, done in known if same(each, about)]
        now.sort(key=lambda one: one[1])
        found, done = now[-1] if now else (None, False)
        earlier = [found for each, found, done in known if done and same(each[:-1], about[:-1])]
        return Looked(found, done, earlier[-1] if earlier and not done else None)

    def best_choice(self, state: State, tensor: str) -> TensorChoice:
        """The entry of a tensor at which the network's output is best. Raises WorkbenchError without a whole curve."""
        if self.means.evaluation is not None:
            self.means.evaluation.without_state("the output curve of a tensor")
        about = self._about(state, tensor)
        known = [found for each, found in self._of(tensor) if same(each, about)]
        if not known:
            raise WorkbenchError(
                f"the output curve of tensor {tensor!r} is not measured yet; select it, with data for the network's "
                "figures, and wait for the curve's last point"
            )
        return known[-1].curve.best_choice

    def _about(self, state: State, tensor: str) -> tuple | None:
        choice = state.recipe.choices.get(tensor)
        if self._no_runs() or choice is None or not has_threshold(choice):
            return None
        source = source_of(self.means.model, state.calibration, tensor)
        if source is None or _ends(source) == (0.0, 0.0) or not (state.calibrated and state.whole):
            return None
        return tensor, _way(choice), source, state.catalogues, _others(state.recipe, tensor)

    def _no_runs(self) -> bool:
        """Whether nothing can be run, or nothing from the middle of the network: sequences."""
        return self.means.network is None or self.means.evaluation is None or self.means.evaluation.has_state

    def _of(self, tensor: str) -> Sequence[tuple[tuple, Found]]:
        return [one for one in self._kept if one[0][0] == tensor]

    def _few_samples(self) -> Simulator:
        """The network's own simulator where its samples are few enough, else another one of the first of them."""
        assert self.means.network is not None and self.means.evaluation is not None
        evaluation, model = self.means.evaluation, self.means.model
        n = int(min(max(EFFORT / (A_SAMPLE + model.n_macs), LEAST_SAMPLES), MOST_SAMPLES))
        if evaluation.n_samples <= n:
            return self.means.network.simulator
        few = evaluation.recut(min(n, evaluation.batch_size)).first(n)
        return Simulator(model, few, cache_bytes=CACHE)

    def _shift(self, simulator: Simulator, recipe: Recipe, turn: Turn) -> float:
        """Output SQNR on all samples minus that on a few, dB; all were just run with this recipe."""
        assert self.means.network is not None
        whole = self.means.network.simulator
        if simulator is whole:
            return 0.0
        figures = _sqnr_db(whole, recipe, turn), _sqnr_db(simulator, recipe, turn)
        return figures[0] - figures[1] if all(map(math.isfinite, figures)) else 0.0


def _sqnr_db(simulator: Simulator, recipe: Recipe, turn: Turn) -> float:
    chosen, exact = simulator.chosen_outputs(recipe, turn.cancelled), simulator.float_outputs(turn.cancelled)
    first, sums = next(iter(exact)), ErrorSums()
    sums.add(exact[first], chosen[first])
    return sums.sqnr_db


def _way(choice: TensorChoice) -> tuple[Any, ...]:
    """How a tensor is quantized, but for its range."""
    format = choice.format, choice.levels, choice.rounding, choice.overflow, choice.zero_band
    return *format, is_mirrored(choice), choice.axis, choice.block_size


def _others(recipe: Recipe, tensor: str) -> tuple[TensorChoice, ...]:
    return tuple(choice for name, choice in recipe.choices.items() if name != tensor)


def _ends(source: Source | None) -> tuple[Bound, Bound] | None:
    """The range of an activation's calibration data, as the plot's axis has it; None for a weight."""
    if source is None or isinstance(source, Tensor):
        return None
    return min(source.low, 0.0), max(source.high, 0.0)
