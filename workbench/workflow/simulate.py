"""`simulate`: what a recipe does to the network's output, computed as the exported file computes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.comparison import Comparison, Metric, OutputError, TensorError, output_error
from workbench.workflow.data import Batches, as_batches
from workbench.workflow.memory import observed_tensors
from workbench.workflow.one_sample import one_sample
from workbench.workflow.plan import Replacements, plan
from workbench.workflow.recipe import Recipe
from workbench.workflow.runs import Cancel, Part, Runs
from workbench.workflow.settings import Settings
from workbench.workflow.tasks.answers import Answers, given_labels
from workbench.workflow.tasks.catalogue import as_task
from workbench.workflow.tasks.task import Task


def quantized_outputs(
    model: Model, recipe: Recipe, batches: Iterable[Mapping[str, np.ndarray]], *, keep: Iterable[str] = ()
) -> Iterator[dict[str, np.ndarray]]:
    """For each feed, the outputs (and the tensors of `keep`, before their own quantizer) of the quantized network."""
    worked_out = plan(model, recipe)
    weights, transforms = worked_out.replacements(model), worked_out.transforms()
    for feeds in batches:
        yield model.chain.run(feeds, weights=weights, transforms=transforms, keep=tuple(keep))


def joined(name: str, parts: list[np.ndarray]) -> np.ndarray:
    """Outputs of all feeds along the sample axis; scalars become one value a feed."""
    try:
        return np.concatenate([np.atleast_1d(part) for part in parts])
    except ValueError as error:
        raise WorkbenchError(f"output {name!r} changes its shape from feed to feed ({error})") from None


@dataclass
class _Gathered:
    """What the batches so far gave."""

    reference: dict[str, list[np.ndarray]]
    values: dict[str, list[np.ndarray]]
    sums: dict[str, ErrorSums]
    n_samples: int = 0

    @classmethod
    def of(cls, outputs: Iterable[str], names: Iterable[str]) -> "_Gathered":
        outputs = tuple(outputs)
        return cls({n: [] for n in outputs}, {n: [] for n in outputs}, {n: ErrorSums() for n in names})

    def add(
        self,
        reference: Mapping[str, np.ndarray],
        outputs: Mapping[str, np.ndarray],
        sums: Mapping[str, ErrorSums],
        n_samples: int,
    ) -> None:
        for name in self.values:
            self.reference[name].append(reference[name])
            self.values[name].append(outputs[name])
        for name, total in self.sums.items():
            total.include(sums[name])
        self.n_samples += n_samples


class Simulator:
    """Compares recipes on the same samples; each run begins where its recipe differs from the last one.

    Float outputs are computed once and kept. Values between segments are kept as far as `cache_bytes` go, and each
    batch begins at the last kept place before the first change. Every figure is that of a fresh Simulator, bit for
    bit. To be used from one thread; a comparison inside `cancelled` of another is allowed.
    labels: what the task takes: class indices (samples,), for places and pixels (samples, ...), for boxes one array
    (n, 5) a sample, for quantities the values. task: what `Comparison.answers` counts: a Task, a name of `TASKS`, or
    None: guessed from the float outputs. metric: function of (outputs, labels) -> float. cache_bytes: default 1 GB.
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
        self.model, self.batches, self.metric = model, batches, metric
        self.labels = given_labels(labels, batches.n_samples)
        self._answers = Answers(task, self.labels)
        self.runs = Runs(model, batches, cache_bytes)
        self._reuse: Replacements = {}
        self._last: Settings | None = None
        self._alone: tuple[int, Simulator] | None = None

    @property
    def cache_bytes(self) -> int:
        """Memory for values between segments; another size empties the cache."""
        return self.runs.cache_bytes

    @cache_bytes.setter
    def cache_bytes(self, size: int) -> None:
        self.runs = Runs(self.model, self.batches, size)

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
            self._answers.task = as_task(self._answers.given, self.float_outputs())
        return self._answers.task

    @task.setter
    def task(self, task: Task | str | None) -> None:
        self._answers = Answers(task, self.labels)

    def float_outputs(self, cancelled: Cancel | None = None) -> dict[str, np.ndarray]:
        """Output name -> float32 (samples, ...) of the folded float network."""
        return self._joined(self.runs.float_outputs(part, cancelled) for part in self._whole_parts())

    def chosen_outputs(self, recipe: Recipe, cancelled: Cancel | None = None) -> dict[str, np.ndarray]:
        """The same of the quantized network; nothing is run again where the recipe is the last compared one."""
        settings = self.settings(recipe, keep=True)
        return self._joined(self.runs.run(part, settings, (), cancelled).outputs for part in self._whole_parts())

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
        for part in self._whole_parts():
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

    def trial(
        self,
        settings: Settings,
        *,
        joined: int | None = None,
        workers: Executor | None = None,
        cancelled: Cancel | None = None,
    ) -> Comparison:
        """Other settings on all samples, without tensors and answers; the last compared recipe's values stay in place.

        joined: see `Runs.trial`. workers: run batches at the same time; `cancelled` is then asked by all of them.
        """

        def run(part: Part) -> Mapping[str, np.ndarray]:
            return self.runs.trial(part, settings, cancelled, joined=joined)

        parts = list(self._whole_parts())
        gathered = self._gathered(())
        results = map(run, parts) if workers is None else workers.map(run, parts)
        for part, outputs in zip(parts, results, strict=True):
            gathered.add(self.runs.float_outputs(part, cancelled), outputs, {}, part.n_samples)
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

    def _whole_parts(self) -> Iterator[Part]:
        return (part for part in self.runs.parts() if not part.look)

    def _joined(self, results: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        parts = list(results)
        return {port.name: joined(port.name, [one[port.name] for one in parts]) for port in self.model.outputs}

    def _observed(self, settings: Settings) -> tuple[str, ...]:
        seen = settings.activations
        return tuple(n for n in observed_tensors(self.model) if n in self.model.observed or n in seen)

    def _gathered(self, names: tuple[str, ...]) -> _Gathered:
        return _Gathered.of((port.name for port in self.model.outputs), names)

    def _run(self, part: Part, settings: Settings, gathered: _Gathered, cancelled: Cancel | None) -> None:
        done = self.runs.run(part, settings, tuple(gathered.sums), cancelled)
        gathered.add(self.runs.float_outputs(part, cancelled), done.outputs, done.sums, part.n_samples)

    def _comparison(self, gathered: _Gathered, settings: Settings, *, answers: bool = True) -> Comparison:
        total = self.batches.n_samples
        n = min(gathered.n_samples, total)
        reference, values = (
            {name: joined(name, parts) for name, parts in one.items()} for one in (gathered.reference, gathered.values)
        )
        labels = None if self.labels is None else self.labels[:n]
        outputs = {name: output_error(reference[name], values[name], labels, self.metric) for name in values}
        errors = {name: TensorError.of(total) for name, total in gathered.sums.items()}
        notices, figures = self.batches.notices + settings.notices, None
        if answers:
            figures, said = self._answers.figures(reference, values, outputs, n, whole=n == total)
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
) -> Comparison:
    """Run the float and the quantized network on the same data and compare.

    data: anything `as_batches` takes. labels, task, metric: as `Simulator` takes them.
    Weights, activations and int32 biases are quantized exactly as `export` writes them.
    Raises WorkbenchError where the recipe does not fit the model, or data or labels do not fit what it takes and gives.
    """
    if labels is None:
        labels = getattr(data, "labels", None)
    batches = as_batches(model, data, preprocess=preprocess)
    return Simulator(model, batches, labels, task=task, metric=metric, cache_bytes=0).compare(recipe)
