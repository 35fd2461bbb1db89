"""`Answers`: how many of a network's answers are left, as its outputs come in."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from workbench.messages import Notice, WorkbenchError
from workbench.workflow.comparison import OutputError, is_classes
from workbench.workflow.tasks.catalogue import TASKS, as_task
from workbench.workflow.tasks.classes import Classes
from workbench.workflow.tasks.task import Output, Outputs, Task, TaskFigures

NOT_GUESSED = "what the steps of a sequence answer is not guessed; say it with task="


class Answers:
    """Counts by a task. labels: as the task takes them, one entry a sample; see `given_labels`.

    task: a Task; or a name of `TASKS`, or None for a guess: fitted to the float outputs that are known, anew until
    those of all samples are. guesses: False where None means that nothing is counted. Raises WorkbenchError for an
    unknown name.
    """

    def __init__(self, task: Task | str | None, labels: Any = None, *, guesses: bool = True) -> None:
        if isinstance(task, str):
            TASKS[task]  # an unknown name is refused at once
        self.given, self.labels, self._guesses = task, labels, guesses
        self.task = task if isinstance(task, Task) else None  # None: not known for good

    def meaning(self, float_outputs: Outputs) -> Task:
        """The task as these outputs say it. Raises WorkbenchError where they cannot be meant so, or mean nothing."""
        if self.given is None and not self._guesses:
            raise WorkbenchError(NOT_GUESSED)
        return self.task or as_task(self.given, float_outputs)

    def figures(
        self,
        float_outputs: Outputs,
        chosen_outputs: Outputs,
        errors: Mapping[str, OutputError],
        n_samples: int,
        *,
        whole: bool,
    ) -> tuple[TaskFigures | None, tuple[Notice, ...]]:
        """Figures of the first `n_samples` samples; None, and why in a notice, where outputs hold no known answer.

        errors: of these outputs, none where one sample is several rows of them. whole: these are all samples. Raises
        WorkbenchError for labels that are not those of the task, once it is known.
        """
        labels = None if self.labels is None else self.labels[:n_samples]
        reference, values = (_by_sample(outputs, n_samples) for outputs in (float_outputs, chosen_outputs))
        try:
            if not reference:
                shapes = ", ".join(f"{name!r} has {len(values)} rows" for name, values in float_outputs.items())
                raise WorkbenchError(f"no output has one row for each of the {n_samples} samples ({shapes})")
            task = self.meaning(reference)
            if whole:
                self.task = task
            told = _told(task, reference, errors, n_samples) if labels is None or is_classes(labels) else None
            return told or _counted(task, reference, values, labels), _no_classes(task, reference, labels)
        except WorkbenchError as error:
            if self.task is not None and labels is not None and _fits(self.task, reference, values):
                raise WorkbenchError(f"{error}; the task is {self.task.name!r}, another one is set by task=") from None
            hint = "; task= or metric= says what they are" if self.given is None else " either, but by a metric="
            unused = "" if labels is None else f" The labels are not used{hint}."
            return None, (Notice("task", f"The answers are not counted: {error}.{unused}"),)


def given_labels(labels: Any, n_samples: int) -> Any:
    """Labels cut to the samples that run, one entry each: int64 (samples,) of class indices, another array, or a list.

    The list is of arrays of different shapes. Raises WorkbenchError where there are too few.
    """
    if labels is None:
        return None
    if isinstance(labels, Mapping):
        raise WorkbenchError("labels are a dict; expected an array or a list with one label a sample, in their order")
    n = len(labels) if hasattr(labels, "__len__") and np.ndim(labels[:1]) else 0
    if n < n_samples:
        raise WorkbenchError(f"{n} labels for {n_samples} samples; give one label a sample")
    try:
        array = np.asarray(labels[:n_samples])
    except ValueError:  # of different shapes
        return list(labels[:n_samples])
    return array.astype(np.int64) if is_classes(array) else array


def _by_sample(outputs: Outputs, n_samples: int) -> dict[str, Output]:
    """The outputs that have one row a sample."""
    return {name: values for name, values in outputs.items() if len(values) == n_samples}


def _told(task: Task, reference: Outputs, errors: Mapping[str, OutputError], n_samples: int) -> TaskFigures | None:
    """What needs no second count: scores of classes, one row a sample."""
    scores = reference.get(task.output) if isinstance(task, Classes) and task.output in errors else None
    if not isinstance(task, Classes) or not isinstance(scores, np.ndarray):
        return None
    each = scores.dtype.kind == "f" and scores.size // n_samples == max(scores.shape[1:], default=1) > 1
    return task.figures_told(errors[task.output], n_samples) if each else None


def _counted(task: Task, reference: Outputs, values: Outputs, labels: Any) -> TaskFigures:
    with np.errstate(invalid="ignore", over="ignore"):  # a network may overflow
        return task.figures(reference, values, labels)


def _no_classes(task: Task, reference: Outputs, labels: Any) -> tuple[Notice, ...]:
    """Says where labels cannot be right, whatever the network answers."""
    if not isinstance(task, Classes) or not is_classes(labels):
        return ()
    scores = reference[task.output]
    if not isinstance(scores, np.ndarray) or scores.dtype.kind != "f":
        return ()
    n_classes = max(2, scores.size // len(scores))
    n_wrong = int(((labels < 0) | (labels >= n_classes)).sum())
    if not n_wrong:
        return ()
    words = f"{n_wrong} of {len(labels)} labels are no class of output {task.output!r}, which has 0 to {n_classes - 1}"
    return (Notice("labels", f"{words}: they count as wrong. Labels are counted from 0, in the order of the output."),)


def _fits(task: Task, reference: Outputs, values: Outputs) -> bool:
    try:
        _counted(task, reference, values, None)
    except WorkbenchError:
        return False
    return True
