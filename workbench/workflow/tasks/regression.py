"""Quantities: one value a sample, a vector, a picture, a map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.messages import WorkbenchError
from workbench.numerics.errors.sums import ErrorSums
from workbench.workflow.comparison import wilson_interval
from workbench.workflow.tasks.task import Change, Outputs, Task, TaskFigures, as_array, output_named

SHARE = 0.01  # of the range of the float network's values


@dataclass(frozen=True)
class ValueChange(Change):
    """lost: root-mean-square error of the sample, in units of the output.

    largest_error: |float - chosen| at its worst place, before and after: both values there. *_right: within the
    tolerance of the label.
    """

    largest_error: float
    place: tuple[int, ...]
    before: float
    after: float

    @property
    def words(self) -> str:
        where = f" at {self.place}" if self.place else ""
        return f"{self.before:.4g} became {self.after:.4g}{where}; root-mean-square error {self.lost:.3g}."


@dataclass(frozen=True)
class Regression(Task):
    """Quantities. output: its name. tolerance: error of a sample that still counts as equal, in units of the output."""

    output: str
    tolerance: float
    because: str = ""
    name: ClassVar[str] = "regression"

    @classmethod
    def of(cls, outputs: Outputs) -> "Regression | None":
        """The first output of numbers; the tolerance is 1 % of the range of its values."""
        for name, values in outputs.items():
            if isinstance(values, np.ndarray) and values.dtype.kind == "f" and values.size:
                finite = values[np.isfinite(values)]
                width = float(finite.max() - finite.min()) if finite.size else 0.0
                return cls(name, SHARE * (width or float(np.abs(finite).max(initial=0.0))))
        return None

    def figures(self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any = None) -> TaskFigures:
        reference, values = self._values(float_outputs), self._values(chosen_outputs)
        sums = ErrorSums()
        sums.add(reference, values)
        same = float((_sample_errors(reference, values) <= self.tolerance).mean())
        known = self._labels(labels, values.shape)
        return TaskFigures(
            task=self.name,
            means=(
                "Agreement: share of samples whose root-mean-square difference to the float network is at most "
                f"{self.tolerance:.3g}."
            ),
            n_samples=len(values),
            agreement=same,
            unchanged=same,
            unchanged_interval=wilson_interval(same, len(values)),
            score=None if known is None else _distance(values, known),
            float_score=None if known is None else _distance(reference, known),
            score_name="" if known is None else "root-mean-square error",
            smaller_is_better=True,
            sqnr_db=sums.sqnr_db,
        )

    def changes(
        self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any, numbers: Sequence[int]
    ) -> list[Change]:
        reference, values = self._values(float_outputs), self._values(chosen_outputs)
        errors, known = _sample_errors(reference, values), self._labels(labels, values.shape)
        found = []
        for row in np.flatnonzero(~(errors <= self.tolerance)).tolist():
            distance = np.abs(reference[row].astype(np.float64) - values[row])
            distance = np.where(np.isnan(distance), np.inf, distance)
            place = tuple(int(i) for i in np.unravel_index(int(np.argmax(distance)), distance.shape))
            found.append(
                ValueChange(
                    sample=int(numbers[row]),
                    row=row,
                    lost=float(errors[row]),
                    float_right=self._right(reference, known, row),
                    chosen_right=self._right(values, known, row),
                    largest_error=float(distance[place]),
                    place=place if distance.size > 1 else (),
                    before=float(reference[row][place]),
                    after=float(values[row][place]),
                )
            )
        return list(found)

    def _values(self, outputs: Outputs) -> np.ndarray:
        return np.asarray(output_named(outputs, self.output))

    def _labels(self, labels: Any, shape: tuple[int, ...]) -> np.ndarray | None:
        """Wanted values, float64 (samples, ...); length-1 axes may be missing. Raises WorkbenchError."""
        if labels is None:
            return None
        found = as_array(labels)
        if found.dtype.kind not in "iuf" or found.ndim == 0 or len(found) < shape[0]:
            raise WorkbenchError(f"labels of shape {found.shape} and dtype {found.dtype}; expected values {shape}")
        found = found[: shape[0]].astype(np.float64)
        if found.size != np.prod(shape):
            raise WorkbenchError(f"labels of shape {np.shape(labels)} for output {self.output!r}; expected {shape}")
        return found.reshape(shape)

    def _right(self, values: np.ndarray, labels: np.ndarray | None, row: int) -> bool | None:
        if labels is None:
            return None
        return bool(_sample_errors(values[row : row + 1], labels[row : row + 1])[0] <= self.tolerance)


def _sample_errors(reference: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Root-mean-square difference of each sample, float64 (samples,); infinite where a value is not finite."""
    if reference.shape != values.shape:
        raise WorkbenchError(f"outputs of shapes {reference.shape} and {values.shape} cannot be compared")
    with np.errstate(invalid="ignore", over="ignore"):  # a network may overflow
        difference = (reference.astype(np.float64) - values).reshape(len(values), -1)
        errors = np.sqrt((difference**2).mean(axis=1))
    return np.where(np.isnan(errors), np.inf, errors)


def _distance(values: np.ndarray, labels: np.ndarray) -> float:
    return float(np.sqrt((_sample_errors(values, labels) ** 2).mean()))
