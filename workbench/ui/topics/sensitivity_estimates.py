"""`SensitivityEstimates`: what each tensor or layer costs the network's output, as far as no run is needed to tell."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from workbench.ui.state import State
from workbench.ui.topics.topic import Means, Topic
from workbench.ui.worker import Turn
from workbench.workflow.choice import TensorChoice
from workbench.workflow.comparison import OutputError
from workbench.workflow.noise_gains import NoiseModel
from workbench.workflow.ranking import Ranking
from workbench.workflow.sensitivity_cases import By, Case, Direction, Half, cases, digest_of, uniform_choices
from workbench.workflow.sensitivity_sweep import Sweep
from workbench.workflow.simulate import Simulator

CACHE_BYTES = 256_000_000  # for values between segments, beside those of the network's figures
Base = tuple[int, str]


class Options(NamedTuple):
    """What is asked.

    by: "tensor" or "layer". formats: tried on everything; empty: the recipe's own choices. direction, half: as
    `workbench.sensitivity` takes them. n_samples: the first so many of the evaluation data; 0: all. measure: whether to
    run the network; None: where it takes a few seconds.
    """

    by: By = "tensor"
    formats: tuple[str, ...] = ()
    direction: Direction = "alone"
    half: tuple[Half, ...] = ()
    n_samples: int = 256
    measure: bool | None = None


@dataclass(eq=False)
class Known:
    """What was measured or estimated before, for the worker alone.

    A base is the number of samples and what all rows are compared with. errors: (base, tensors, digest) -> error.
    bases: base -> its error. estimates: base -> (tensors, digest) -> dB.
    """

    errors: dict[tuple[Base, tuple[str, ...], str], OutputError] = field(default_factory=dict)
    bases: dict[Base, OutputError] = field(default_factory=dict)
    estimates: dict[Base, dict[Any, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Sensitivities:
    """What is known. ranking: every row, measured or estimated. estimated_base_db: output SQNR of the whole recipe, dB,
    where rows are all but one; None where each is tried alone. refused: (tensor, format) -> why it cannot have it.

    n_missing: rows that were not run. seconds: how long that will take. running: whether they are being run.
    sweep, base, known: what runs go on with, for the worker alone.
    """

    options: Options
    ranking: Ranking
    estimated_base_db: float | None
    refused: Mapping[tuple[str, str], str]
    n_missing: int
    seconds: float
    sweep: Sweep
    base: Base
    known: Known
    running: bool = False


class FirstSamples:
    """A simulator on the first so many evaluation samples; one number of samples is kept at a time.

    n_samples: as it was asked last; 0: all. simulator: None where none was asked yet.
    """

    def __init__(self, means: Means) -> None:
        self._means = means
        self.n_samples = 0
        self.simulator: Simulator | None = None

    def simulator_on(self, n_samples: int) -> Simulator:
        """The same one as long as the number is the same."""
        evaluation = self._means.evaluation
        assert evaluation is not None
        if self.simulator is None or self.n_samples != n_samples:
            batches = evaluation.first(n_samples) if n_samples else evaluation
            self.n_samples, self.simulator = n_samples, Simulator(self._means.model, batches, cache_bytes=CACHE_BYTES)
        return self.simulator


class SensitivityEstimates(Topic):
    """A closed form, and what was measured before. It is asked with the options of `Sensitivity`.

    Runs are made by a simulator of its own: that of the network's figures keeps what follows the present recipe.
    """

    name = "sensitivity_estimates"
    urgency = 7

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._catalogues = 0
        self._known = Known()
        self._first = FirstSamples(means)
        self._noise: NoiseModel | None = None
        self._uniform: dict[str, tuple[dict[str, TensorChoice], dict[str, str]]] = {}
        self._uniform_for: tuple[object, object] = None, ()
        self._seconds_a_sample: float | None = None

    def about(self, state: State) -> tuple | None:
        if self.means.evaluation is None or not (state.calibrated and state.whole):
            return None
        options = options_of(state)._replace(measure=None)
        return state.recipe, options, state.catalogues, state.calibration if options.formats else None

    def answer(self, state: State, turn: Turn) -> Sensitivities:
        options = options_of(state)
        if state.catalogues != self._catalogues:  # a format of the same name may be another one
            self._catalogues, self._known, self._uniform = state.catalogues, Known(), {}
        known, simulator = self._known, self._first.simulator_on(options.n_samples)
        refused: dict[tuple[str, str], str] = {}
        found = self._cases(state, options, refused, turn)
        output = simulator.batches.answers(self.means.model)[0]
        sweep = Sweep(simulator, state.recipe, found, output, options.direction, cancelled=turn.cancelled)
        base = options.n_samples, digest_of(sweep.base.values())
        noise = self._noise = self._noise or sweep.noise_model()
        sweep.estimate(noise, known.estimates.setdefault(base, {}))
        sweep.take(lambda row: known.errors.get((base, row.tensors, row.digest)))
        sweep.base_error = known.bases.get(base)
        base_db = noise.sqnr_db(simulator.settings(sweep.base)) if options.direction == "all_but" else None
        missing = sweep.missing()
        seconds = self._seconds(sweep, missing, turn)
        return Sensitivities(options, sweep.ranking(), base_db, refused, len(missing), seconds, sweep, base, known)

    def _cases(self, state: State, options: Options, refused: dict[tuple[str, str], str], turn: Turn) -> list[Case]:
        model, recipe, by_format = self.means.model, state.recipe, self._uniform
        adds = tuple(name for name in model.residual_inputs if name in recipe)
        if self._uniform_for[0] is not state.calibration or self._uniform_for[1] != adds:
            self._uniform_for = state.calibration, adds
            by_format.clear()

        def uniform(format: str) -> dict[str, TensorChoice]:
            if format not in by_format:
                why: dict[str, str] = {}
                chosen = uniform_choices(
                    model, recipe, state.calibration, format, refused=why, cancelled=turn.cancelled
                )
                by_format[format] = chosen, why
            chosen, why = by_format[format]
            refused.update({(tensor, format): words for tensor, words in why.items()})
            return chosen

        formats, half = options.formats or None, options.half
        return cases(
            model, recipe, uniform=uniform, formats=formats, by=options.by, direction=options.direction, half=half
        )

    def _seconds(self, sweep: Sweep, missing: list[Case], turn: Turn) -> float:
        """About how long the runs will take: by a run of the float network on a few samples."""
        chain, batches = self.means.model.chain, sweep.simulator.batches
        if self._seconds_a_sample is None:
            feeds = batches.one_feed()
            chain.run(feeds, cancelled=turn.cancelled)  # the first run builds sessions
            start = time.perf_counter()
            chain.run(feeds)
            self._seconds_a_sample = (time.perf_counter() - start) * batches.n_steps / batches.n_samples
        runs = sweep.work(missing) / chain.n_segments + (2 if missing else 0)  # both runs that it begins with
        return self._seconds_a_sample * batches.n_samples * runs


def options_of(state: State) -> Options:
    """What the question "sensitivity" was asked with."""
    asked = state.asked.get("sensitivity")
    return asked if isinstance(asked, Options) else Options()


def estimates_of(state: State) -> Sensitivities | None:
    """The estimates that were found last."""
    answer = state.answers.get(SensitivityEstimates.name)
    value: Any = None if answer is None else answer.value
    return value
