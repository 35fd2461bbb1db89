"""`simulate`: what a recipe does to the network's output, computed as the exported file computes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.batches import Batches, Outputs, Run, joined
from workbench.workflow.comparison import Comparison, Metric, OutputError, TensorError, not_finite_notices, output_error
from workbench.workflow.data import as_batches
from workbench.workflow.memory import observed_tensors
from workbench.workflow.one_sample import one_sample
from workbench.workflow.plan import Replacements, plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel, Done, Part, Runs
from workbench.workflow.sequence_runs import runs_of
from workbench.workflow.sequences import by_sample
from workbench.workflow.settings import Settings
from workbench.workflow.tasks.answers import Answers, given_labels
from workbench.workflow.tasks.task import Output, Task


def quantized_run(model: Model, recipe: Recipe, *, float_biases: bool = False) -> Run:
    """The quantized network as a function of a feed; WorkbenchError where the recipe does not fit the model.

    float_biases: leave the biases as they are, for files that hold them so.
    """
    worked_out = plan(model, recipe, float_biases=float_biases)
    weights, transforms = worked_out.replacements(model), worked_out.transforms()
    return lambda feeds: model.chain.run(feeds, weights=weights, transforms=transforms)


def quantized_outputs(model: Model, recipe: Recipe, data: Any) -> Iterator[Outputs]:
    """For each feed or sequence, the answers of the quantized network. data: anything `as_batches` takes."""
    run, batches = quantized_run(model, recipe), as_batches(model, data)
    return (batches.whole(item, run) for item in batches)


@dataclass
class _Gathered:
    """What the batches so far gave: answers as they are, of tensors and of states the sums."""

    reference: dict[str, list[np.ndarray]]
    values: dict[str, list[np.ndarray]]
    sums: dict[str, ErrorSums]
    states: dict[str, ErrorSums] = field(default_factory=dict)
    n_samples: int = 0

    @classmethod
    def of(cls, outputs: Iterable[str], names: Iterable[str]) -> "_Gathered":
        outputs = tuple(outputs)
        return cls({n: [] for n in outputs}, {n: [] for n in outputs}, {n: ErrorSums() for n in names})

    def add(self, reference: Mapping[str, np.ndarray], done: Done, n_samples: int) -> None:
        for name in self.values:
            if reference[name].shape != done.outputs[name].shape:
                raise WorkbenchError(
                    f"output {name!r} has the shape {reference[name].shape} in the float and "
                    f"{done.outputs[name].shape} in the quantized network for the same feed, so that its values cannot "
                    "be compared; take a network that ends before it picks them out (as NonMaxSuppression does), or "
                    "count boxes with changed_samples"
                )
            self.reference[name].append(reference[name])
            self.values[name].append(done.outputs[name])
        for name, total in self.sums.items():
            total.include(done.sums[name])
        for name, sums in done.states.items():
            self.states.setdefault(name, ErrorSums()).include(sums)
        self.n_samples += n_samples


class Simulator:
    """Compares recipes on the same samples; each run begins where its recipe differs from the last one.

    Float outputs are computed once and kept. Values between segments are kept as far as `cache_bytes` go, and each
    batch begins at the last kept place before the first change. Every figure is that of a fresh Simulator, bit for
    bit. To be used from one thread; a comparison inside `cancelled` of another is allowed. Sequences of a recurrent
    network run from their first step each time (`SequenceRuns`): nothing is resumed, and nothing cached but answers.
    labels: what the task takes: class indices (samples,), for places and pixels (samples, ...), for boxes one array
    (n, 5) a sample, for quantities the values. task: what `Comparison.answers` counts: a Task, a name of `TASKS`, or
    None: guessed from the float outputs, but not of sequences. metric: function of (values of one output, labels) that
    gives a number, called for each output of both networks. cache_bytes: default 1 GB.
    Raises WorkbenchError for an unknown task and fewer labels than samples, comparisons for labels of another task.
    """

    def __init__(
        self,
        model: Model,
        batches: Batches,
        labels: Any = None,
        *,
        task: Task | str | None = None,
        metric: Metric | None = None,
        cache_bytes: int = 1_000_000_000,
    ) -> None:
        if metric is not None and not callable(metric):
            raise WorkbenchError(f"metric={metric!r}; expected a function of (outputs, labels) that gives one number")
        self.model, self.batches, self.metric = model, batches, metric
        self._outputs = batches.answers(model)
        self.labels = given_labels(labels, batches.n_samples)
        self._answers = Answers(task, self.labels, guesses=not batches.has_state)
        self.runs = runs_of(model, batches, cache_bytes)
        self._reuse: Replacements = {}
        self._last: Settings | None = None
        self._alone: tuple[int, Simulator] | None = None

    @property
    def resumed(self) -> Runs:
        """Runs that may begin in the middle of the network. Raises WorkbenchError for sequences, which have none."""
        self.batches.without_state("a run that begins in the middle of the network")
        assert isinstance(self.runs, Runs)
        return self.runs

    @property
    def cache_bytes(self) -> int:
        """Memory for values between segments; another size empties the cache."""
        return self.runs.cache_bytes

    @cache_bytes.setter
    def cache_bytes(self, size: int) -> None:
        self.runs = runs_of(self.model, self.batches, size)

    @property
    def cached_bytes(self) -> int:
        """How much of it is in use."""
        return self.runs.cached_bytes

    @property
    def task(self) -> Task:
        """What the answers are; float outputs that are not there yet are computed for the guess.

        Raises WorkbenchError where they cannot be meant so, or mean nothing known.
        """
        if self._answers.task is None:
            self._answers.task = self._answers.meaning(self.float_answers())
        return self._answers.task

    @task.setter
    def task(self, task: Task | str | None) -> None:
        self._answers = Answers(task, self.labels, guesses=not self.batches.has_state)

    def float_outputs(self, cancelled: Cancel | None = None) -> dict[str, np.ndarray]:
        """Output name -> float32 (samples, ...) of the folded float network; of sequences (steps of all, ...)."""
        return self._joined(self._float_parts(cancelled))

    def chosen_outputs(self, recipe: Recipe, cancelled: Cancel | None = None) -> dict[str, np.ndarray]:
        """The same of the quantized network; nothing is run again where the recipe is the last compared one."""
        return self._joined(self._chosen_parts(recipe, cancelled))

    def float_answers(self, cancelled: Cancel | None = None) -> dict[str, Output]:
        """The outputs of the float network that have one entry a sample; of sequences one array each."""
        return self._by_sample(self._float_parts(cancelled))

    def chosen_answers(self, recipe: Recipe, cancelled: Cancel | None = None) -> dict[str, Output]:
        """The same of the quantized network."""
        return self._by_sample(self._chosen_parts(recipe, cancelled))

    def _float_parts(self, cancelled: Cancel | None) -> Iterator[Outputs]:
        return (self.runs.float_outputs(part, cancelled) for part in self.whole_parts())

    def _chosen_parts(self, recipe: Recipe, cancelled: Cancel | None) -> Iterator[Outputs]:
        settings = self.settings(recipe, keep=True)
        return (self.runs.run(part, settings, (), cancelled).outputs for part in self.whole_parts())

    def _by_sample(self, results: Iterable[Outputs]) -> dict[str, Output]:
        if not self.batches.has_state:
            found = self._joined(results)
            return {name: values for name, values in found.items() if len(values) == self.batches.n_samples}
        parts = list(results)
        return {name: by_sample([part[name] for part in parts]) for name in self._outputs}

    def settings(self, recipe: Recipe, *, keep: bool = False) -> Settings:
        """A recipe worked out. keep: the next ones share with it what they have in common."""
        settings = Settings.of(self.model, recipe, self._reuse if keep else dict(self._reuse), self._last)
        if keep:
            self._last = settings
        return settings

    def compare(self, recipe: Recipe, *, tensors: bool = True, cancelled: Cancel | None = None) -> Comparison:
        """The quantized network against the float one on all samples. Raises `Cancelled` when cancelled() is true.

        `Comparison.tensors` holds the inputs of weighted operators and the inputs of residual Adds that the recipe
        quantizes: looking at another value would cut the network where the exported file is not cut.
        tensors=False leaves them out and saves the time.
        """
        settings = self.settings(recipe, keep=True)
        gathered = self._gathered(self._observed(settings) if tensors else ())
        for part in self.whole_parts():
            self._run(part, settings, gathered, cancelled)
        return self._comparison(gathered, settings)

    def compare_sample(self, recipe: Recipe, sample: int, cancelled: Cancel | None = None) -> Comparison:
        """One sample alone, by its number in the data; what is kept for all samples stays in place.

        A network of a fixed batch is given it as often as that takes; dynamic ranges are those of this sample alone.
        Raises WorkbenchError where it is not there, and `Cancelled`.
        """
        if self._alone is None or self._alone[0] != sample:
            batches = one_sample(self.model, self.batches, sample)
            task = self._answers.task or self._answers.given
            self._alone = sample, Simulator(self.model, batches, task=task, cache_bytes=0)
        return self._alone[1].compare(recipe, cancelled=cancelled)

    def trial(self, settings: Settings, *, joined: int | None = None, cancelled: Cancel | None = None) -> Comparison:
        """Other settings on all samples, without tensors and answers; the last compared recipe's values stay in place.

        joined: see `Runs.trial`.
        """
        parts = self.whole_parts()
        done = ((part, self.runs.attempt(part, settings, cancelled, joined=joined)) for part in parts)
        return self.outcome(settings, done, cancelled)

    def outcome(
        self, settings: Settings, done: Iterable[tuple[Part, Done]], cancelled: Cancel | None = None
    ) -> Comparison:
        """What runs of all samples say together, without tensors and answers. done: of each of `whole_parts`."""
        gathered = self._gathered(())
        for part, one in done:
            gathered.add(self.runs.float_outputs(part, cancelled), one, part.n_samples)
        return self._comparison(gathered, settings, answers=False)

    def progress(
        self, recipe: Recipe, *, tensors: bool = False, cancelled: Cancel | None = None
    ) -> Iterator[Comparison]:
        """The same over a growing number of samples: the first few, then about twice as many each time, then all.

        The last Comparison is that of `compare`. Raises `Cancelled`.
        """
        settings = self.settings(recipe, keep=True)
        names = self._observed(settings) if tensors else ()
        gathered, said = self._gathered(names), 0
        for part in self.runs.parts():
            if part.look:
                look = self._gathered(names)
                self._run(part, settings, look, cancelled)
                yield self._comparison(look, settings)
                said = look.n_samples
                continue
            self._run(part, settings, gathered, cancelled)
            if 2 * said <= gathered.n_samples < self.batches.n_samples:
                yield self._comparison(gathered, settings)
                said = gathered.n_samples
        yield self._comparison(gathered, settings)

    def prepare(self, segment: int, cancelled: Cancel | None = None) -> None:
        """Have the last recipe's values ready for changes that begin at a segment, where the memory allows it."""
        for part in self.runs.parts():
            self.runs.prepare(part, segment, cancelled)

    def error_of(self, output: str, values: np.ndarray) -> OutputError:
        """Any values (samples, ...) of an output against the float network's."""
        return output_error(self.float_outputs()[output], values, self.labels, self.metric)

    def _as_samples(
        self, parts: Mapping[str, list[np.ndarray]], whole: Mapping[str, np.ndarray]
    ) -> Mapping[str, Output]:
        """One entry a sample: of the joined outputs, or of the sequences one by one."""
        return {name: by_sample(one) for name, one in parts.items()} if self.batches.has_state else whole

    def whole_parts(self) -> Iterator[Part]:
        """The batches; first looks at samples that come again in one are left out."""
        return (part for part in self.runs.parts() if not part.look)

    def _joined(self, results: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        parts = list(results)
        return {name: joined(name, [one[name] for one in parts]) for name in self._outputs}

    def _observed(self, settings: Settings) -> tuple[str, ...]:
        seen = settings.activations
        return tuple(n for n in observed_tensors(self.model) if n in self.model.observed or n in seen)

    def _gathered(self, names: tuple[str, ...]) -> _Gathered:
        return _Gathered.of(self._outputs, names)

    def _run(self, part: Part, settings: Settings, gathered: _Gathered, cancelled: Cancel | None) -> None:
        done = self.runs.run(part, settings, tuple(gathered.sums), cancelled)
        gathered.add(self.runs.float_outputs(part, cancelled), done, part.n_samples)

    def _comparison(self, gathered: _Gathered, settings: Settings, *, answers: bool = True) -> Comparison:
        total = self.batches.n_samples
        n = min(gathered.n_samples, total)
        reference, values = (
            {name: joined(name, parts) for name, parts in one.items()} for one in (gathered.reference, gathered.values)
        )
        labels = None if self.labels is None else self.labels[:n]
        errors_of = {name: output_error(reference[name], values[name], labels, self.metric) for name in values}
        unusable = not_finite_notices(errors_of, reference, values)
        errors_of |= {name: OutputError.of(sums) for name, sums in gathered.states.items()}
        outputs = {port.name: errors_of[port.name] for port in self.model.outputs}
        errors = {name: TensorError.of(total) for name, total in gathered.sums.items()}
        notices, figures = self.batches.notices + settings.notices + unusable, None
        if answers:
            told: Mapping[str, OutputError] = {} if self.batches.has_state else outputs
            figures, said = self._answers.figures(
                self._as_samples(gathered.reference, reference),
                self._as_samples(gathered.values, values),
                told,
                n,
                whole=n == total,
            )
            notices += said
        return Comparison(outputs, errors, n, notices, None if n == total else total, figures)


def simulate(
    model: Model,
    recipe: Recipe,
    data: Any,
    *,
    labels: Any = None,
    task: Task | str | None = None,
    metric: Metric | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
) -> Comparison:
    """Run the float and the quantized network on the same data and compare.

    data: anything `as_batches` takes. labels, task, metric: as `Simulator` takes them.
    state: input -> output, for sequences of a recurrent network, see `as_batches`; float and quantized network each
    feed back their own. Sums run over all steps of all sequences; an output that is fed back has no kl and no
    agreement: it is no answer. Nothing is held for a step but the answers.
    Weights, activations and int32 biases are quantized exactly as `export` writes them.
    Raises WorkbenchError where the recipe does not fit the model, or data or labels do not fit what it takes and gives,
    for a metric that gives no number, and where the two networks give arrays of different shapes.
    """
    if labels is None:
        labels = getattr(data, "labels", None)
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    return Simulator(model, batches, labels, task=task, metric=metric, cache_bytes=0).compare(recipe)
