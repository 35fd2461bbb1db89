"""One class at every position: of a sequence (tokens), or of a picture (segmentation)."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import named, top_agreement, wilson_interval
from workbench.workflow.tasks.scores import as_labels, comparable, is_distribution, margins
from workbench.workflow.tasks.task import Change, Outputs, Task, TaskFigures, output_named

N_POSITIONS = 3


@dataclass(frozen=True)
class PositionChange:
    """One position. position: one index, or (row, column). Margins as in `ClassChange`; None where there are none."""

    position: tuple[int, ...]
    before: int
    after: int
    margin_before: float | None
    margin_after: float | None


@dataclass(frozen=True)
class PositionsChange(Change):
    """lost: share of positions that changed. worst: up to three of them, by margin lost. *_right: of all positions."""

    n_changed: int
    n_positions: int
    worst: tuple[PositionChange, ...]

    @property
    def words(self) -> str:
        first = self.worst[0]
        place = first.position[0] if len(first.position) == 1 else first.position
        return (
            f"{self.n_changed:,} of {self.n_positions:,} positions changed, "
            f"most clearly position {place}: class {first.before} became {first.after}."
        )


@dataclass(frozen=True)
class _Positions(Task):
    """output: its name. axis: that of the classes; None where the output holds indices."""

    output: str
    axis: int | None
    because: str = ""
    noun: ClassVar[str]

    @classmethod
    def of(cls, outputs: Outputs) -> Self | None:
        """The first output of scores or of indices."""
        for name, values in outputs.items():
            if not isinstance(values, np.ndarray) or not values.size:
                continue
            if values.dtype.kind in "iu" and cls.places(values):
                return cls(name, None)
            axis = cls.class_axis(values) if values.dtype.kind == "f" else None
            if axis is not None:
                return cls(name, axis)
        return None

    @classmethod
    @abstractmethod
    def places(cls, values: np.ndarray) -> bool:
        """Whether indices lie at positions."""

    @classmethod
    @abstractmethod
    def class_axis(cls, values: np.ndarray) -> int | None:
        """The axis of the classes of scores; None where these are none."""

    def figures(self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any = None) -> TaskFigures:
        reference, values = self._scores(float_outputs), self._scores(chosen_outputs)
        expected, got = self._answers(reference), self._answers(values)
        if expected.shape != got.shape:
            raise WorkbenchError(f"output {self.output!r} has shapes {expected.shape} and {got.shape}; expected one")
        known = as_labels(labels, expected.shape)
        equal = expected == got
        unchanged = float(equal.reshape(len(equal), -1).all(axis=1).mean())
        return TaskFigures(
            task=self.name,
            means=f"Agreement: share of all {self.noun} for which both networks name the same class.",
            n_samples=len(got),
            agreement=float(equal.mean()),
            unchanged=unchanged,
            unchanged_interval=wilson_interval(unchanged, len(got)),
            agreement_top5=None if self.axis is None else top_agreement(reference, values),
            score=_accuracy(got, known),
            float_score=_accuracy(expected, known),
            score_name="" if known is None else f"accuracy of {self.noun}",
        )

    def changes(
        self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any, numbers: Sequence[int]
    ) -> list[Change]:
        reference, values = self._scores(float_outputs), self._scores(chosen_outputs)
        expected, got = self._answers(reference), self._answers(values)
        known, found = as_labels(labels, expected.shape), []
        for row in np.flatnonzero((expected != got).reshape(len(got), -1).any(axis=1)).tolist():
            places = np.argwhere(expected[row] != got[row])
            worst = _worst(reference[row], values[row], places, self.axis is None)
            found.append(
                PositionsChange(
                    sample=int(numbers[row]),
                    row=row,
                    lost=len(places) / expected[row].size,
                    float_right=_all_right(expected, known, row),
                    chosen_right=_all_right(got, known, row),
                    n_changed=len(places),
                    n_positions=expected[row].size,
                    worst=worst,
                )
            )
        return list(found)

    def _scores(self, outputs: Outputs) -> np.ndarray:
        """(samples, positions ..., classes), or indices (samples, positions ...)."""
        values = np.asarray(output_named(outputs, self.output))
        if self.axis is None:
            return values
        if not -values.ndim < self.axis < values.ndim:
            raise WorkbenchError(f"output {self.output!r} of shape {values.shape} has no axis {self.axis} of classes")
        return np.moveaxis(values, self.axis, -1)

    def _answers(self, scores: np.ndarray) -> np.ndarray:
        return scores if self.axis is None else named(scores, scores.ndim - 1)


@dataclass(frozen=True)
class Sequences(_Positions):
    """A class at each place of a sequence: tokens, frames."""

    name: ClassVar[str] = "sequences"
    noun: ClassVar[str] = "positions"

    @classmethod
    def places(cls, values: np.ndarray) -> bool:
        return values.ndim == 2 and values.shape[1] > 1

    @classmethod
    def class_axis(cls, values: np.ndarray) -> int | None:
        """(samples, places, classes), but where only along axis 1 the values add up to 1."""
        if values.ndim != 3 or min(values.shape[1:]) == 1:
            return None
        return 1 if is_distribution(np.moveaxis(values, 1, -1)) and not is_distribution(values) else 2


@dataclass(frozen=True)
class Segmentation(_Positions):
    """A class at each pixel."""

    name: ClassVar[str] = "segmentation"
    noun: ClassVar[str] = "pixels"

    @classmethod
    def places(cls, values: np.ndarray) -> bool:
        return values.ndim >= 3 and min(values.shape[-2:]) > 1

    @classmethod
    def class_axis(cls, values: np.ndarray) -> int | None:
        """(samples, classes, height, width), or (samples, height, width, classes)."""
        if values.ndim != 4 or values.shape[1] == 1 or min(values.shape[2:]) == 1:
            return None
        last = is_distribution(values) and not is_distribution(np.moveaxis(values, 1, -1))
        return 3 if last or values.shape[-1] < values.shape[1] == values.shape[2] else 1


def _accuracy(answers: np.ndarray, labels: np.ndarray | None) -> float | None:
    """Share of right positions; those with a negative label do not count."""
    if labels is None or not (labels >= 0).any():
        return None
    return float((answers == labels)[labels >= 0].mean())


def _all_right(answers: np.ndarray, labels: np.ndarray | None, row: int) -> bool | None:
    return None if labels is None else bool(((answers[row] == labels[row]) | (labels[row] < 0)).all())


def _worst(reference: np.ndarray, values: np.ndarray, places: np.ndarray, indices: bool) -> tuple[PositionChange, ...]:
    """The places (n, axes) of one sample whose answer lost most of its margin; the first ones of indices."""
    at = tuple(places.T)
    if indices:
        pairs = zip(places[:N_POSITIONS].tolist(), reference[at], values[at], strict=False)
        return tuple(PositionChange(tuple(p), int(f), int(q), None, None) for p, f, q in pairs)
    answers = reference[at].argmax(axis=-1)
    before = margins(comparable(reference[at], reference), answers)
    after = margins(comparable(values[at], reference), answers)
    order = np.argsort(after - before, kind="stable")[:N_POSITIONS]
    return tuple(
        PositionChange(
            tuple(places[i].tolist()), int(answers[i]), int(values[at][i].argmax()), float(before[i]), float(after[i])
        )
        for i in order
    )
