"""How detectors lay out their boxes: recognised by names, shapes and values, and read into `Detections`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from workbench.messages import WorkbenchError
from workbench.workflow.tasks.detections import Detections
from workbench.workflow.tasks.task import Output, Outputs, output_named

Rows = Literal["score_class", "ssd", "objectness", "transposed", "apart"]
WHOLE = 0.999  # share of rows that must look like boxes
_BOXES = re.compile(r"box|loc|rect", re.IGNORECASE)
_SCORES = re.compile(r"score|conf|logit|prob", re.IGNORECASE)
_CLASSES = re.compile(r"class|label|categor", re.IGNORECASE)
_DETECTOR = re.compile(r"det|box|yolo|ssd", re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    """Where boxes, scores and classes are.

    rows: "score_class": one output (samples, n, 6), box, score, class; "ssd": (1, 1, n, 7), sample, class, score, box;
    "objectness": (samples, n, 5 + classes), box, objectness, class scores; "transposed": (samples, 4 + classes, n);
    "apart": boxes (samples, n, 4), and scores (samples, n) with `classes` of the same shape, or (samples, n, classes).
    corners: x1 y1 x2 y2; False: centre, width, height. scores, classes: names of further outputs.
    doubles: whether many boxes may stand for one object, so that doubles must go.
    background: class that stands for nothing, None where there is none. logits: "softmax", "sigmoid" or None, what
    makes scores of them.
    """

    rows: Rows
    boxes: str
    corners: bool
    scores: str | None = None
    classes: str | None = None
    doubles: bool = False
    background: int | None = None
    logits: Literal["softmax", "sigmoid"] | None = None

    def read(self, outputs: Outputs) -> list[Detections]:
        """The detections of each sample. Raises WorkbenchError where an output has another layout."""
        samples = _per_sample(self.rows, output_named(outputs, self.boxes))
        further = [None if name is None else output_named(outputs, name) for name in (self.scores, self.classes)]
        found = []
        for i, rows in enumerate(samples):
            try:
                boxes, scores, classes = self._columns(rows, *(None if one is None else one[i] for one in further))
            except (IndexError, ValueError):
                raise WorkbenchError(
                    f"output {self.boxes!r}, sample {i}: an array of shape {rows.shape} holds no boxes laid out as "
                    f"{self.rows!r}"
                ) from None
            if not self.corners:
                boxes = np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)
            kept = (classes >= 0) & (scores > 0) & np.isfinite(boxes).all(axis=1)
            found.append(Detections(boxes, scores, classes)[kept])
        return found

    def _columns(
        self, rows: np.ndarray, scores: np.ndarray | None, classes: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (n, 4), scores (n,) and classes (n,) of one sample."""
        rows = rows.astype(np.float64)
        if self.rows == "score_class":
            return rows[:, :4], rows[:, 4], _whole(rows[:, 5])
        if self.rows == "ssd":
            return rows[:, 3:7], rows[:, 2], _whole(rows[:, 1])
        if self.rows == "transposed":
            rows = rows.T
            return rows[:, :4], *_best(rows[:, 4:])
        if self.rows == "objectness":
            return rows[:, :4], *_best(rows[:, 4:5] * rows[:, 5:])
        if scores is None:
            raise ValueError("no scores")
        boxes, table = rows.reshape(-1, 4), scores.astype(np.float64)
        if classes is not None:
            return boxes, table.reshape(len(boxes)), _whole(classes.reshape(len(boxes)).astype(np.float64))
        if table.shape[0] != len(boxes):
            table = table.T
        table = _scores(table.reshape(len(boxes), -1), self.logits)
        best, index = _best(np.delete(table, self.background, axis=1) if self.background is not None else table)
        return boxes, best, index + (self.background == 0)


def _per_sample(rows: Rows, output: Output) -> list[np.ndarray]:
    """One array a sample; rows of the SSD layout tell their sample themselves."""
    if rows != "ssd" or not isinstance(output, np.ndarray):
        return list(output)
    if output.shape[0] > 1:  # one such table a feed of one sample each
        return [table.reshape(-1, 7) for table in output]
    table = output.reshape(-1, 7)
    n_samples = int(table[:, 0].max(initial=0)) + 1
    return [table[table[:, 0] == i] for i in range(n_samples)]


def _whole(values: np.ndarray) -> np.ndarray:
    """Class indices; what is none becomes -1."""
    return np.where(np.abs(values) < 2**31, values, -1).astype(np.int64)


def _best(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest score of each row, and its class."""
    classes = scores.argmax(axis=1)
    return np.take_along_axis(scores, classes[:, None], 1)[:, 0], classes


def _scores(table: np.ndarray, logits: str | None) -> np.ndarray:
    if logits == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(table, -700, 700)))
    if logits == "softmax":
        table = np.exp(table - table.max(axis=1, keepdims=True))
        return table / table.sum(axis=1, keepdims=True)
    return table


def layout_of(outputs: Outputs) -> Layout | None:
    """The layout that the outputs of a float network fit; None where there is none of the known ones."""
    return next(_candidates(outputs), None)


def _candidates(outputs: Outputs) -> Iterator[Layout]:
    yield from _apart(outputs)
    for name, output in outputs.items():
        if not isinstance(output, np.ndarray):
            if len(output) and all(one.ndim == 2 and one.shape[1] == 6 for one in output):
                yield from _rows_of_six(name, np.concatenate(list(output)))
        elif output.ndim == 4 and output.shape[1] == 1 and output.shape[3] == 7:
            yield from _ssd(name, output.reshape(-1, 7))
        elif output.ndim == 3:
            yield from _one_array(name, output, named=bool(_DETECTOR.search(name)))


def _one_array(name: str, output: np.ndarray, named: bool) -> Iterator[Layout]:
    """One output (samples, n, columns) or (samples, columns, n)."""
    if output.shape[2] == 6:
        yield from _rows_of_six(name, output.reshape(-1, 6))
    if 5 <= output.shape[1] < output.shape[2]:  # there are more boxes than columns, nearly always
        turned = np.moveaxis(output, 1, 2).reshape(-1, output.shape[1])
        if _is_table(turned, named):
            yield Layout("transposed", name, _are_corners(turned[:, :4]), doubles=True)
    if output.shape[2] >= 6 and _is_table(output.reshape(-1, output.shape[2]), named):
        yield Layout("objectness", name, _are_corners(output[..., :4]), doubles=True)


def _rows_of_six(name: str, rows: np.ndarray) -> Iterator[Layout]:
    used = rows[rows[:, 4] > 0]
    classes = used[:, 5]
    if len(used) and (used[:, 4] <= 1).all() and (classes == np.rint(classes)).all() and (classes >= 0).all():
        if len(np.unique(used[:, 4])) > 1 or len(used) == 1 or classes.any():
            yield Layout("score_class", name, _are_corners(used[:, :4]))


def _ssd(name: str, rows: np.ndarray) -> Iterator[Layout]:
    used = rows[(rows[:, 0] >= 0) & (rows[:, 2] > 0)]
    whole = used[:, :2]
    if len(used) and (used[:, 2] <= 1).all() and (whole == np.rint(whole)).all():
        yield Layout("ssd", name, _are_corners(used[:, 3:7]))


def _is_table(rows: np.ndarray, named: bool) -> bool:
    """Whether rows are a box, then shares in [0, 1]; without a telling name boxes must be in pixels."""
    boxes, shares = rows[:, :4], rows[:, 4:]
    in_range = ((shares >= 0) & (shares <= 1)).all()
    positive = (boxes[:, 2:] >= 0).mean() >= WHOLE or _are_corners(boxes)
    return bool(in_range and positive and (named or boxes.max() > 1.5))


def _apart(outputs: Outputs) -> Iterator[Layout]:
    """Boxes in one output, scores in another."""
    arrays = {name: one for name, one in outputs.items() if len(one)}
    for name, boxes in arrays.items():
        one = boxes[0]
        if one.shape[-1:] != (4,) or one.ndim != 2 or (len(one) < 2 and not _BOXES.search(name)):
            continue
        others = {n: o for n, o in arrays.items() if n != name and len(o) == len(boxes)}
        flat = {n: o for n, o in others.items() if o[0].shape == one.shape[:1]}
        scores = _named(flat, _SCORES) or next((n for n in flat if _shares(flat[n])), None)
        classes = _named({n: flat[n] for n in flat if n != scores}, _CLASSES) or next(
            (n for n in flat if n != scores and _indices(flat[n])), None
        )
        corners = _are_corners(np.concatenate([np.asarray(b).reshape(-1, 4) for b in boxes]))
        if scores is not None and classes is not None:
            yield Layout("apart", name, corners, scores, classes)
        tables = {n: o for n, o in others.items() if o[0].ndim == 2 and len(one) in o[0].shape and o[0].size > len(one)}
        table = _named(tables, _SCORES) or _named(tables, _CLASSES) or next(iter(tables), None)
        telling = table is not None and (_BOXES.search(name) or _shares(tables[table]))
        if table is not None and telling and _plausible(boxes, corners):
            yield _with_table(name, table, tables[table], corners, len(one))


def _with_table(boxes: str, scores: str, table: Output, corners: bool, n_boxes: int) -> Layout:
    """Scores of every class for each box: shares, or logits of which the first or last class is the background."""
    rows = np.concatenate([np.asarray(t if t.shape[0] == n_boxes else t.T, np.float64) for t in table])
    if _shares([rows]):
        adds_up = np.allclose(rows.sum(axis=1), 1, atol=1e-3)
        logits: Literal["softmax", "sigmoid"] | None = None
    else:
        rows, logits, adds_up = _scores(rows, "softmax"), "softmax", True
        # a network trained with one sigmoid a class says no to nearly everything
        if (np.concatenate([np.asarray(t).reshape(-1) for t in table]) < 0).mean() > 0.9:
            logits, adds_up = "sigmoid", False
    background = None
    if adds_up and rows.shape[1] > 1:  # most boxes hold nothing: the class that most of them name
        background = max((0, rows.shape[1] - 1), key=lambda end: float(rows[:, end].mean()))
    return Layout("apart", boxes, corners, scores, doubles=True, background=background, logits=logits)


def _named(outputs: Outputs, pattern: re.Pattern[str]) -> str | None:
    return next((name for name in outputs if pattern.search(name)), None)


def _shares(output: Output) -> bool:
    return all(np.asarray(o).dtype.kind == "f" and bool(((o >= 0) & (o <= 1)).all()) for o in output)


def _indices(output: Output) -> bool:
    return all(bool((np.asarray(o) == np.rint(o)).all()) for o in output)


def _are_corners(boxes: np.ndarray) -> bool:
    """Whether the second pair lies above the first, as that of corners must."""
    rows = boxes.reshape(-1, 4)
    return bool((rows[:, 2:] >= rows[:, :2]).all(axis=1).mean() >= WHOLE)


def _plausible(boxes: Output, corners: bool) -> bool:
    """Whether boxes are corners or have a width and a height: offsets from anchors, not decoded yet, have not."""
    rows = np.concatenate([np.asarray(b).reshape(-1, 4) for b in boxes])
    return corners or bool((rows[:, 2:] >= 0).mean() >= WHOLE)
