"""All kinds of answers by name, and which of them the outputs of a network are."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workbench.catalogue import Catalogue
from workbench.messages import WorkbenchError
from workbench.workflow.tasks.boxes import Boxes
from workbench.workflow.tasks.classes import Classes
from workbench.workflow.tasks.positions import Segmentation, Sequences
from workbench.workflow.tasks.regression import Regression
from workbench.workflow.tasks.scores import is_distribution
from workbench.workflow.tasks.task import Output, Outputs, Task

TASKS: Catalogue[type[Task]] = Catalogue(
    "task", {kind.name: kind for kind in (Classes, Boxes, Sequences, Segmentation, Regression)}
)
MOST_COLOURS = 3
SURE = 0.1  # from 0 or 1: where most values of an output of yes and no lie
_MAP = re.compile(r"depth|flow|image|heat|disp|restor|recon|denois", re.IGNORECASE)


def as_task(task: Task | str | None, float_outputs: Any) -> Task:
    """The task itself, the one of a name fitted to the outputs of the float network, or for None the guessed one.

    Raises WorkbenchError for an unknown name, and where the outputs cannot be meant so.
    """
    if isinstance(task, Task):
        return task
    outputs = as_outputs(float_outputs)
    if task is None:
        return guess_task(outputs)
    found = TASKS[task].of(outputs)
    if found is None and not all(isinstance(values, np.ndarray) for values in outputs.values()):
        raise WorkbenchError(
            f"{_shapes(outputs)} differ in size from sample to sample and cannot be meant as {task!r}; give samples of "
            "one size (sequences of one length), or count with metric="
        )
    if found is None:
        raise WorkbenchError(f"{_shapes(outputs)} cannot be meant as {task!r}; guessed is {guess_task(outputs).name!r}")
    return found


def as_outputs(outputs: Any) -> dict[str, Output]:
    """Output name -> values; a single array is an output without a name. Raises WorkbenchError where there are none."""
    named = dict(outputs) if isinstance(outputs, Mapping) else {"": outputs}
    if not named or any(isinstance(one, np.ndarray) and one.ndim == 0 or not len(one) for one in named.values()):
        raise WorkbenchError("outputs without samples; expected output name -> array (samples, ...)")
    return named


def guess_task(float_outputs: Any) -> Task:
    """What the outputs of a float network seem to mean; `because` of the result says why.

    float_outputs: output name -> array (samples, ...), or one array. In this order: boxes where a known layout of
    detectors fits names, shapes and values; then the first output decides: pixel classes for (samples, classes,
    height, width) with more than 3 channels or with probabilities; a class at each place for (samples, places,
    classes); a class for (samples, classes), for whole numbers, and for one value that is nearly always close to 0 or
    to 1; everything else is a quantity, also maps of several sizes (of a detector whose boxes are not decoded yet).
    Raises WorkbenchError without outputs or samples.
    """
    outputs = as_outputs(float_outputs)
    boxes = Boxes.of(outputs)
    if boxes is not None:
        reason = f"Guessed from {_shapes(outputs)} laid out as boxes ({boxes.layout.rows})."
        return dataclasses.replace(boxes, because=reason)
    arrays = {name: values for name, values in outputs.items() if isinstance(values, np.ndarray)}
    if not arrays:
        raise WorkbenchError(f"{_shapes(outputs)} differ in size from sample to sample and are no known boxes")
    name, values = next(iter(arrays.items()))
    kind, words = _kind_of(name, values)
    first: Outputs = {name: values}
    told_by = first
    if _are_heads(outputs):
        kind, words, told_by = Regression, "maps of several sizes, of which nothing tells boxes", outputs
    task = kind.of(first)
    if task is None:
        raise WorkbenchError(f"{_shapes(first)} holds {values.dtype}, which is no known answer")
    return dataclasses.replace(task, because=f"Guessed from {_shapes(told_by)}: {words}.")  # type: ignore[type-var]


def _kind_of(name: str, values: np.ndarray) -> tuple[type[Task], str]:
    """What one output is, and in words."""
    whole, n_long = values.dtype.kind in "iub", sum(length > 1 for length in values.shape[1:])
    if (whole and n_long >= 2) or (n_long == 3 and _is_segmentation(name, values)):
        return Segmentation, "classes of pixels"
    if (whole and n_long == 1) or (n_long == 2 and values.ndim == 3):
        return Sequences, "a class at each place"
    if whole or n_long == 1:
        return Classes, "scores of classes" if n_long else "indices of classes"
    if not n_long and _is_yes_or_no(values):
        return Classes, "one value, nearly always close to 0 or to 1"
    return Regression, "quantities"


def _is_segmentation(name: str, values: np.ndarray) -> bool:
    if values.ndim != 4 or values.dtype.kind != "f" or _MAP.search(name):
        return False
    shares = is_distribution(values) or is_distribution(np.moveaxis(values, 1, -1))
    n_channels = min(values.shape[1], values.shape[3])
    return shares or n_channels == 2 or n_channels > MOST_COLOURS


def _are_heads(outputs: Outputs) -> bool:
    """Whether outputs are maps of one kind in several sizes."""
    maps = [values for values in outputs.values() if isinstance(values, np.ndarray) and values.ndim >= 4]
    return len(maps) == len(outputs) and len({m.shape[1] for m in maps}) == 1 < len({m.shape[-3:] for m in maps})


def _is_yes_or_no(values: np.ndarray) -> bool:
    if values.dtype.kind != "f" or not ((values >= 0) & (values <= 1)).all():
        return False
    return bool((np.minimum(values, 1 - values) <= SURE).mean() > 0.5)


def _shapes(outputs: Outputs) -> str:
    def one(name: str, values: Sequence[Any] | np.ndarray) -> str:
        shape: Any = values.shape[1:] if isinstance(values, np.ndarray) else np.shape(values[0])
        inner = ", ".join([*(["N"] if isinstance(values, np.ndarray) else []), *map(str, shape)])
        inner = inner if isinstance(values, np.ndarray) else f"one sample: {inner}"
        return f"{name!r} ({inner})" if name else f"({inner})"

    many = "outputs " if len(outputs) > 1 else "output "
    return many + ", ".join(one(name, values) for name, values in outputs.items())
