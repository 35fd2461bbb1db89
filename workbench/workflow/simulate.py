"""`simulate`: what a recipe does to the network's output, computed as the exported file computes it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from workbench.messages import WorkbenchError
from workbench.models.model import Model
from workbench.models.segments import Cancelled
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.calibrate import observed_tensors
from workbench.workflow.comparison import (
    Comparison,
    OutputError,
    TensorError,
    answers,
    output_divergence,
    wilson_interval,
)
from workbench.workflow.data import Batches, as_batches
from workbench.workflow.plan import Replacements, plan
from workbench.workflow.recipe import Recipe

Metric = Callable[[np.ndarray, np.ndarray | None], float]
Cancel = Callable[[], bool]


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


class Simulator:
    """Compares recipes on the same samples; the float outputs are computed once and kept.

    cache_bytes: float values of observed tensors are kept up to this size (default 1 GB) and computed again beyond.
    """

    def __init__(
        self,
        model: Model,
        batches: Batches,
        labels: np.ndarray | None = None,
        *,
        metric: Metric | None = None,
        cache_bytes: int = 1_000_000_000,
    ) -> None:
        self.model, self.batches, self.metric = model, batches, metric
        self.labels = _checked_labels(labels, batches.n_samples)
        self._budget = cache_bytes
        self._float_outputs: dict[str, np.ndarray] | None = None
        self._float_tensors: dict[tuple[str, ...], list[dict[str, np.ndarray]] | None] = {}
        self._reuse: Replacements = {}

    def float_outputs(self, cancelled: Cancel | None = None) -> dict[str, np.ndarray]:
        """Output name -> float32 (samples, ...) of the folded float network."""
        if self._float_outputs is None:
            self._float_outputs = self._float_run(self.model.observed, cancelled)
        return self._float_outputs

    def _float_run(self, names: tuple[str, ...], cancelled: Cancel | None) -> dict[str, np.ndarray]:
        """One pass of the float network; keeps the tensors `names` where they fit the budget."""
        parts: dict[str, list[np.ndarray]] = {port.name: [] for port in self.model.outputs}
        kept: list[dict[str, np.ndarray]] | None = []
        size = 0
        for feeds in self.batches:
            result = self._run(feeds, {}, {}, names, cancelled)
            for name, values in parts.items():
                values.append(result[name])
            if kept is not None:
                kept.append({name: result[name] for name in names})
                size += sum(values.nbytes for values in kept[-1].values())
                kept = kept if size <= self._budget else None
        self._float_tensors = {names: kept}
        return {name: joined(name, values) for name, values in parts.items()}

    def _run(
        self, feeds: Any, weights: Any, transforms: Any, keep: tuple[str, ...], cancelled: Cancel | None
    ) -> dict[str, np.ndarray]:
        if cancelled is not None and cancelled():
            raise Cancelled
        return self.model.chain.run(feeds, weights=weights, transforms=transforms, keep=keep, cancelled=cancelled)

    def compare(self, recipe: Recipe, *, tensors: bool = True, cancelled: Cancel | None = None) -> Comparison:
        """The quantized network against the float one on all samples. Raises `Cancelled` when cancelled() is true.

        `Comparison.tensors` holds the inputs of weighted operators and the inputs of residual Adds that the recipe
        quantizes: looking at another value would cut the network where the exported file is not cut.
        tensors=False leaves them out and saves the time.
        """
        worked_out = plan(self.model, recipe)
        weights, transforms = worked_out.replacements(self.model, self._reuse), worked_out.transforms()
        reference = self.float_outputs(cancelled)
        names = tuple(n for n in observed_tensors(self.model) if n in self.model.observed or n in transforms)
        if tensors and names not in self._float_tensors:
            self._float_run(names, cancelled)
        known = self._float_tensors.get(names)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in reference}
        sums = {name: ErrorSums() for name in (names if tensors else ())}
        for i, feeds in enumerate(self.batches):
            result = self._run(feeds, weights, transforms, names if tensors else (), cancelled)
            for name, values in parts.items():
                values.append(result[name])
            if not tensors:
                continue
            float_values = known[i] if known is not None else self._run(feeds, {}, {}, names, cancelled)
            for name, total in sums.items():
                seen = transforms[name](result[name]) if name in transforms else result[name]
                total.add(float_values[name], seen)
        outputs = {name: self._output_error(reference[name], joined(name, values)) for name, values in parts.items()}
        notices = self.batches.notices + worked_out.notices
        errors = {name: TensorError.of(total) for name, total in sums.items()}
        return Comparison(outputs, errors, self.batches.n_samples, notices)

    def error_of(self, output: str, values: np.ndarray) -> OutputError:
        """Any values (samples, ...) of an output against the float network's."""
        return self._output_error(self.float_outputs()[output], values)

    def _output_error(self, reference: np.ndarray, values: np.ndarray) -> OutputError:
        sums = ErrorSums()
        sums.add(reference, values)
        expected, got = answers(reference), answers(values)
        agreement = None if expected is None or got is None else float((expected == got).mean())
        accuracy = float_accuracy = interval = None
        labels = self.labels
        if labels is not None and got is not None and expected is not None and got.reshape(-1).shape == labels.shape:
            accuracy = float((got.reshape(-1) == labels).mean())
            float_accuracy = float((expected.reshape(-1) == labels).mean())
            interval = wilson_interval(accuracy, labels.size)
        own = None if self.metric is None else (self.metric(reference, labels), self.metric(values, labels))
        return OutputError(
            sqnr_db=sums.sqnr_db,
            cosine=sums.cosine,
            kl=output_divergence(reference, values),
            mse=sums.mse,
            agreement=agreement,
            accuracy=accuracy,
            float_accuracy=float_accuracy,
            accuracy_interval=interval,
            metric=own,
        )


def _checked_labels(labels: Any, n_samples: int) -> np.ndarray | None:
    """Labels as int64 (samples,), cut to the samples that run; WorkbenchError where there are too few."""
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise WorkbenchError(
            f"labels of shape {array.shape} and dtype {array.dtype}; expected class indices (samples,)"
        )
    if array.size < n_samples:
        raise WorkbenchError(f"{array.size} labels for {n_samples} samples; give one label a sample")
    return array[:n_samples].astype(np.int64)


def simulate(
    model: Model,
    recipe: Recipe,
    data: Any,
    *,
    labels: Any = None,
    metric: Metric | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Comparison:
    """Run the float and the quantized network on the same data and compare.

    data: anything `as_batches` takes. labels: class indices (samples,). metric: function of (outputs, labels) -> float.
    Weights, activations and int32 biases are quantized exactly as `export` writes them.
    Raises WorkbenchError where the recipe does not fit the model or the data do not fit its inputs.
    """
    if labels is None:
        labels = getattr(data, "labels", None)
    batches = as_batches(model, data, preprocess=preprocess)
    return Simulator(model, batches, labels, metric=metric).compare(recipe)
