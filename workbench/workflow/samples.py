"""`changed_samples`: the samples whose answer a recipe changed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.models.model import Model
from workbench.workflow.batches import Batches
from workbench.workflow.data import as_batches
from workbench.workflow.recipe import Recipe
from workbench.workflow.sequences import by_sample
from workbench.workflow.simulate import quantized_outputs
from workbench.workflow.tasks.answers import NOT_GUESSED
from workbench.workflow.tasks.catalogue import as_outputs, as_task
from workbench.workflow.tasks.task import Change, Output, Task, TaskFigures


@dataclass(frozen=True)
class ChangedSamples(Sequence[Change]):
    """The samples whose answer changed, the greatest loss first.

    figures: what the task counts over all samples; `figures.means` says what agreement is. task: with `because`.
    """

    changes: tuple[Change, ...]
    task: Task
    figures: TaskFigures
    notices: tuple[Notice, ...] = ()

    def __getitem__(self, index: Any) -> Any:
        return self.changes[index]

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __str__(self) -> str:
        lines = [f"{len(self)} of {self.figures.n_samples} answers changed ({self.task.name}). {self.figures.means}"]
        return "\n".join(lines + [f"sample {change.sample}: {change.words}" for change in self.changes[:10]])

    def table(self) -> list[dict[str, Any]]:
        """One record a sample."""
        return [change.record() for change in self.changes]


def changed_samples(
    model: Model,
    recipe: Recipe,
    data: Any,
    *,
    labels: Any = None,
    task: Task | str | None = None,
    preprocess: Callable[[np.ndarray], np.ndarray] | None = None,
    state: Mapping[str, str] | None = None,
) -> ChangedSamples:
    """Run both networks on the data and list the samples whose answer changed.

    data, state: anything `as_batches` takes; of a recurrent network a sequence is a sample, and its answers are those
    of all its steps. labels: what the task takes: class indices (samples,), for places and pixels
    (samples, ...); for boxes one array (n, 5) a sample; for quantities the values. task: a name of `TASKS`, a Task, or
    None: guessed from the float outputs. Raises WorkbenchError where recipe, data, labels or task do not fit.
    """
    if labels is None:
        labels = getattr(data, "labels", None)
    batches = as_batches(model, data, preprocess=preprocess, state=state)
    if task is None and batches.has_state:
        raise WorkbenchError(NOT_GUESSED)
    float_outputs = gathered(model, (batches.whole(item, model.chain.run) for item in batches), batches)
    chosen_outputs = gathered(model, quantized_outputs(model, recipe, batches), batches)
    found = changes_between(float_outputs, chosen_outputs, labels, task=task, numbers=batches.sample_numbers)
    return ChangedSamples(found.changes, found.task, found.figures, batches.notices)


def changes_between(
    float_outputs: Any,
    chosen_outputs: Any,
    labels: Any = None,
    *,
    task: Task | str | None = None,
    numbers: Sequence[int] | None = None,
) -> ChangedSamples:
    """The same for outputs that are there already.

    float_outputs, chosen_outputs: output name -> array (samples, ...), or a sequence of one array a sample, or a single
    array. numbers: of the samples in the data; None: from 0 on.
    """
    first, second = as_outputs(float_outputs), as_outputs(chosen_outputs)
    _check_alike(first, second)
    meaning = as_task(task, first)
    figures = meaning.figures(first, second, labels)
    known = range(figures.n_samples) if numbers is None else numbers
    found = meaning.changes(first, second, labels, known)
    return ChangedSamples(tuple(sorted(found, key=lambda one: (-one.lost, one.row))), meaning, figures)


def _check_alike(first: dict[str, Output], second: dict[str, Output]) -> None:
    if first.keys() != second.keys():
        raise WorkbenchError(f"outputs {', '.join(first)} and {', '.join(second)} are not those of one network")
    for name in first:
        if len(first[name]) != len(second[name]):
            raise WorkbenchError(
                f"output {name!r} has {len(first[name])} samples of the float and {len(second[name])} of the chosen "
                "network; run both on the same data"
            )


def gathered(model: Model, runs: Iterable[Mapping[str, np.ndarray]], batches: Batches) -> dict[str, Output]:
    """Outputs of all feeds: (samples, ...), or a list of one array a feed where their shapes differ.

    The latter needs feeds of one sample each; WorkbenchError where there are more.
    """
    parts = list(runs)
    found: dict[str, Output] = {}
    for name in batches.answers(model):
        arrays = [np.atleast_1d(part[name]) for part in parts]
        if batches.has_state:
            found[name] = by_sample(arrays)
        elif len({array.shape[1:] for array in arrays}) == 1 and sum(map(len, arrays)) == batches.n_samples:
            found[name] = np.concatenate(arrays)
        elif len(arrays) == batches.n_samples:
            apart = all(len(array) == 1 for array in arrays)  # axis 0 is that of the samples
            found[name] = [array[0] for array in arrays] if apart else arrays
        else:
            raise WorkbenchError(
                f"output {name!r} gives {arrays[0].shape} for a feed, of which nothing tells the samples apart; "
                "give the data as feeds of one sample each"
            )
    return found
