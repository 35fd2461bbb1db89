"""Boxes of objects: two answers are the same where every box has its match."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.comparison import wilson_interval
from workbench.workflow.tasks.average_precision import mean_average_precision
from workbench.workflow.tasks.box_layouts import Layout, layout_of
from workbench.workflow.tasks.detections import Detections, Matches, matched, without_doubles
from workbench.workflow.tasks.task import Change, Outputs, Task, TaskFigures

LEAST_SCORE = 0.01  # detections that average precision looks at


@dataclass(frozen=True)
class Box:
    """corners: x1 y1 x2 y2, in the units of the output."""

    corners: tuple[float, float, float, float]
    index: int
    score: float


@dataclass(frozen=True)
class BoxesChange(Change):
    """lost: sum over the float network's boxes of 1 - IoU with their match (1 without), plus the number of new boxes.

    gone, new: boxes without a match, of the float and of the chosen network, highest score first. n_float, n_chosen:
    how many there are in all; mean_iou: of the matched ones, None where there are none.
    """

    gone: tuple[Box, ...]
    new: tuple[Box, ...]
    n_float: int
    n_chosen: int
    mean_iou: float | None

    @property
    def words(self) -> str:
        parts = [
            f"{len(boxes)} {verb} ({', '.join(f'class {b.index} at {b.score:.2f}' for b in boxes[:3])})"
            for boxes, verb in ((self.gone, "gone"), (self.new, "new"))
            if boxes
        ]
        return f"{self.n_float} boxes became {self.n_chosen}: {', '.join(parts)}."


@dataclass(frozen=True)
class Boxes(Task):
    """Boxes of objects.

    layout: where they are in the outputs. score: least score of a box that counts as an answer. iou: least overlap of
    a match. doubles_iou: overlap from which two boxes of a class are one object, where the network has not removed
    doubles itself.
    """

    layout: Layout
    score: float = 0.25
    iou: float = 0.5
    doubles_iou: float = 0.45
    because: str = ""
    name: ClassVar[str] = "boxes"

    @classmethod
    def of(cls, outputs: Outputs) -> "Boxes | None":
        """With the first known layout that names, shapes and values fit."""
        layout = layout_of(outputs)
        return None if layout is None else cls(layout)

    def read(self, outputs: Outputs, least_score: float | None = None) -> list[Detections]:
        """What was detected in each sample, doubles removed. least_score: None means `score`."""
        least = self.score if least_score is None else least_score
        found = [one.above(least) for one in self.layout.read(outputs)]
        return [without_doubles(one, self.doubles_iou) for one in found] if self.layout.doubles else found

    def figures(self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any = None) -> TaskFigures:
        reference, values = self._pair(float_outputs, chosen_outputs, self.score)
        pairs = [matched(f, q, self.iou) for f, q in zip(reference, values, strict=True)]
        unchanged = float(np.mean([_complete(*three) for three in zip(reference, values, pairs, strict=True)]))
        truth = self._truth(labels, len(values))
        score = float_score = None
        if truth is not None:
            everything = self._pair(float_outputs, chosen_outputs, min(LEAST_SCORE, self.score))
            float_score, score = (mean_average_precision(found, truth, self.iou) for found in everything)
        return TaskFigures(
            task=self.name,
            means=(
                f"Agreement: F1 of the boxes with a score of at least {self.score:g}; a box of one network and a box "
                f"of the other match where they have the same class and an IoU of at least {self.iou:g}."
            ),
            n_samples=len(values),
            agreement=f1(reference, values, pairs),
            unchanged=unchanged,
            unchanged_interval=wilson_interval(unchanged, len(values)),
            score=score,
            float_score=float_score,
            score_name="" if score is None else f"mAP at IoU {self.iou:g}",
        )

    def changes(
        self, float_outputs: Outputs, chosen_outputs: Outputs, labels: Any, numbers: Sequence[int]
    ) -> list[Change]:
        reference, values = self._pair(float_outputs, chosen_outputs, self.score)
        truth, found = self._truth(labels, len(values)), []
        for row, (f, q) in enumerate(zip(reference, values, strict=True)):
            pairs = matched(f, q, self.iou)
            if _complete(f, q, pairs):
                continue
            gone, new = _others(f, pairs.first), _others(q, pairs.second)
            found.append(
                BoxesChange(
                    sample=int(numbers[row]),
                    row=row,
                    lost=float((1 - pairs.iou).sum()) + len(gone) + len(new),
                    float_right=self._right(f, truth, row),
                    chosen_right=self._right(q, truth, row),
                    gone=gone,
                    new=new,
                    n_float=len(f),
                    n_chosen=len(q),
                    mean_iou=float(pairs.iou.mean()) if len(pairs) else None,
                )
            )
        return list(found)

    def _pair(
        self, float_outputs: Outputs, chosen_outputs: Outputs, least: float
    ) -> tuple[list[Detections], list[Detections]]:
        reference, values = self.read(float_outputs, least), self.read(chosen_outputs, least)
        if self.layout.rows == "ssd":  # a sample in which nothing was found has no row
            longer = max(len(reference), len(values))
            for one in (reference, values):
                one += [_nothing()] * (longer - len(one))
        if len(reference) != len(values):
            raise WorkbenchError(f"boxes of {len(reference)} and of {len(values)} samples cannot be compared")
        return reference, values

    def _truth(self, labels: Any, n_samples: int) -> list[Detections] | None:
        """True boxes; rows of a negative class do not count. Raises WorkbenchError for what is no (n, 5) arrays."""
        if labels is None:
            return None
        arrays = [np.asarray(one, np.float64).reshape(-1, 5) if np.size(one) == 0 else one for one in labels]
        shapes = {np.shape(one)[1:] for one in arrays}
        if len(arrays) < n_samples or shapes != {(5,)}:
            raise WorkbenchError(
                f"labels of {len(arrays)} samples with rows of shapes {sorted(shapes)}; expected for each of "
                f"{n_samples} samples an array (n, 5): x1, y1, x2, y2 in the units of the outputs, class"
            )
        tables = [np.asarray(one, np.float64) for one in arrays[:n_samples]]
        if not all(np.isfinite(one).all() for one in tables):
            raise WorkbenchError("labels hold values that are not finite; leave such rows out, or give them class -1")
        tables = [one[one[:, 4] >= 0] for one in tables]  # the others fill up samples with fewer boxes
        return [Detections(one[:, :4], np.ones(len(one)), one[:, 4].astype(np.int64)) for one in tables]

    def _right(self, found: Detections, truth: list[Detections] | None, row: int) -> bool | None:
        return None if truth is None else _complete(found, truth[row], matched(found, truth[row], self.iou))


def f1(first: Sequence[Detections], second: Sequence[Detections], pairs: Sequence[Matches]) -> float:
    """2 matches / (boxes of both), over all samples; 1 where neither has a box."""
    n_boxes = sum(map(len, first)) + sum(map(len, second))
    return 2 * sum(map(len, pairs)) / n_boxes if n_boxes else 1.0


def _complete(first: Detections, second: Detections, pairs: Matches) -> bool:
    return len(first) == len(second) == len(pairs)


def _nothing() -> Detections:
    return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))


def _others(found: Detections, rows: np.ndarray) -> tuple[Box, ...]:
    """The boxes that are in no pair, highest score first."""
    rest = np.delete(np.arange(len(found)), rows)
    rest = rest[np.argsort(-found.scores[rest], kind="stable")]
    columns = zip(found.boxes[rest].tolist(), found.classes[rest].tolist(), found.scores[rest].tolist(), strict=True)
    return tuple(Box((x1, y1, x2, y2), index, score) for (x1, y1, x2, y2), index, score in columns)
