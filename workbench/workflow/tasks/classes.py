"""One class a sample: the largest of its scores, yes or no, or the index itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import OutputError, named, share_right, top_agreement, wilson_interval
from workbench.workflow.tasks.scores import as_labels, comparable, margins, unit_of
from workbench.workflow.tasks.task import Change, Outputs, Task, TaskFigures, output_named

TOP = 3


@dataclass(frozen=True)
class ClassScore:
    """A class and its score."""

    index: int
    score: float


@dataclass(frozen=True)
class ClassChange(Change):
    """lost: margin_before - margin_after, the margin of the float network's answer over the best other class.

    before, after: the three largest of the float and of the chosen network. unit: "probability" or "score".
    """

    before: tuple[ClassScore, ...]
    after: tuple[ClassScore, ...]
    margin_before: float
    margin_after: float
    unit: str

    @property
    def words(self) -> str:
        was, now = self.before[0], self.after[0]
        if was.index == now.index:
            return f"class {was.index} is named by one network alone: scores of the other hold NaN."
        kept = next((s.score for s in self.after if s.index == was.index), now.score + self.margin_after)
        verdict = "; it was right" if self.float_right else "; it is right now" if self.chosen_right else ""
        return (
            f"class {was.index} became {now.index}: its {self.unit} went from {was.score:.3g} to {kept:.3g}, "
            f"that of {now.index} is {now.score:.3g} now{verdict}."
        )


@dataclass(frozen=True)
class Classes(Task):
    """One class a sample. output: its name."""

    output: str
    because: str = ""
    name: ClassVar[str] = "classes"

    @classmethod
    def of(cls, outputs: Outputs) -> "Classes | None":
        """The first output with one axis of scores, one value or one index a sample."""
        fits = (name for name, values in outputs.items() if isinstance(values, np.ndarray) and _fits(values))
        found = next(fits, None)
        return None if found is None else cls(found)

    def figures(self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any = None) -> TaskFigures:
        reference, values = self._scores(float_outputs, chosen_outputs)
        expected, got = named(reference, 1), named(values, 1)
        known = as_labels(labels, expected.shape)
        return self._figures(
            len(got),
            float((expected == got).mean()),
            None if self._are_indices(float_outputs) else top_agreement(reference, values),
            None if known is None else (share_right(expected, known), share_right(got, known)),
        )

    def figures_told(self, error: OutputError, n_samples: int) -> TaskFigures | None:
        """The same from what the error of the output has counted already; None where it has not."""
        if error.agreement is None:
            return None
        right = None
        if error.accuracy is not None and error.float_accuracy is not None:
            right = error.float_accuracy, error.accuracy
        return self._figures(n_samples, error.agreement, error.agreement_top5, right)

    def _figures(
        self, n_samples: int, same: float, top5: float | None, right: tuple[float, float] | None
    ) -> TaskFigures:
        """right: accuracies of the float and of the chosen network."""
        return TaskFigures(
            task=self.name,
            means="Agreement: share of samples for which both networks name the same class.",
            n_samples=n_samples,
            agreement=same,
            unchanged=same,
            unchanged_interval=wilson_interval(same, n_samples),
            agreement_top5=top5,
            score=None if right is None else right[1],
            float_score=None if right is None else right[0],
            score_name="" if right is None else "accuracy",
        )

    def changes(
        self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any, numbers: Sequence[int]
    ) -> list[Change]:
        reference, values = self._scores(float_outputs, chosen_outputs)
        expected, got = named(reference, 1), named(values, 1)
        known, unit = as_labels(labels, expected.shape), unit_of(reference)
        rows = np.flatnonzero(expected != got)
        if not rows.size:
            return []
        # which unit it is was told by all samples
        before, after = comparable(reference, reference)[rows], comparable(values, reference)[rows]
        first = reference[rows].argmax(axis=1)
        margin_before, margin_after = margins(before, first), margins(after, first)
        return [
            ClassChange(
                sample=int(numbers[row]),
                row=row,
                lost=float(margin_before[i] - margin_after[i]),
                float_right=None if known is None else bool(0 <= expected[row] == known[row]),
                chosen_right=None if known is None else bool(0 <= got[row] == known[row]),
                before=_largest(reference[row], before[i]),
                after=_largest(values[row], after[i]),
                margin_before=float(margin_before[i]),
                margin_after=float(margin_after[i]),
                unit=unit,
            )
            for i, row in enumerate(rows.tolist())
        ]

    def _are_indices(self, outputs: Outputs) -> bool:
        return np.asarray(output_named(outputs, self.output)).dtype.kind in "iub"

    def _scores(self, float_outputs: Outputs, chosen_outputs: Outputs) -> tuple[np.ndarray, np.ndarray]:
        """Scores (samples, classes) of both networks. Raises WorkbenchError where they are none."""
        reference, values = (
            np.asarray(output_named(outputs, self.output)) for outputs in (float_outputs, chosen_outputs)
        )
        if not _fits(reference) or reference.shape != values.shape:
            raise WorkbenchError(
                f"output {self.output!r} of shapes {reference.shape} and {values.shape} has no class a sample; "
                "expected (samples, classes) of both networks"
            )
        reference, values = (array.reshape(len(array), -1) for array in (reference, values))
        if reference.dtype.kind in "iub":
            n_classes = int(max(reference.max(initial=0), values.max(initial=0))) + 1
            reference, values = ((a == np.arange(n_classes)).astype(np.float32) for a in (reference, values))
        elif reference.shape[1] == 1:
            is_share = ((reference >= 0) & (reference <= 1)).all()
            reference, values = (_yes_or_no(array, bool(is_share)) for array in (reference, values))
        return reference, values


def _fits(values: np.ndarray) -> bool:
    """Whether at most one axis besides that of the samples is longer than 1; indices: none."""
    n_long = sum(length > 1 for length in values.shape[1:])
    return values.ndim > 0 and values.size > 0 and n_long <= (values.dtype.kind == "f")


def _yes_or_no(values: np.ndarray, is_share: bool) -> np.ndarray:
    """Scores float64 (samples, 2) of no and yes from one value each: a share in [0, 1], or a logit."""
    logit = values.astype(np.float64)
    yes = np.clip(logit, 0, 1) if is_share else 1 / (1 + np.exp(-np.clip(logit, -700, 700)))
    return np.concatenate([1 - yes, yes], axis=1)


def _largest(order: np.ndarray, scores: np.ndarray) -> tuple[ClassScore, ...]:
    """The largest three; the network's own values tell the order, where rounding has made probabilities equal."""
    first = np.argsort(-np.nan_to_num(order.astype(np.float64), nan=-np.inf), kind="stable")[:TOP]
    return tuple(ClassScore(int(index), float(scores[index])) for index in first)
