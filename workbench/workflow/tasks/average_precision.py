"""Average precision of detections against true boxes."""

from collections.abc import Sequence

import numpy as np

from workbench.workflow.tasks.detections import Detections, overlaps


def mean_average_precision(found: Sequence[Detections], truth: Sequence[Detections], iou: float = 0.5) -> float | None:
    """Mean over the classes that occur in `truth` of the area under precision against recall; None without any.

    found, truth: one a sample; scores of `truth` mean nothing. Detections are taken by falling score over all samples;
    each claims the true box of its class that it overlaps most, if that is still free and the overlap is at least
    `iou`. Precision is made falling before the area is taken, at every recall, not at 11 of them.
    Source: Everingham et al. 2010, The PASCAL Visual Object Classes Challenge, in its form since 2010.
    """
    classes = np.unique(np.concatenate([one.classes for one in truth])) if len(truth) else np.zeros(0)
    areas = [_average_precision(found, truth, int(index), iou) for index in classes]
    return float(np.mean(areas)) if areas else None


def _average_precision(found: Sequence[Detections], truth: Sequence[Detections], index: int, iou: float) -> float:
    scores, right, n_true = [], [], 0
    for detected, true in zip(found, truth, strict=True):
        detected, true = (one[one.classes == index] for one in (detected, true))
        detected = detected[np.argsort(-detected.scores, kind="stable")]
        n_true += len(true)
        scores.append(detected.scores)
        right.append(_claims(overlaps(detected.boxes, true.boxes), iou))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hits = np.cumsum(np.concatenate(right)[order])
    precision = hits / np.arange(1, hits.size + 1)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    return float((falling * np.diff(hits, prepend=0)).sum() / n_true)


def _claims(found: np.ndarray, iou: float) -> np.ndarray:
    """Which detections (n,), by falling score, claim a true box; found: overlaps (n, m)."""
    right, free = np.zeros(len(found), bool), np.ones(found.shape[1], bool)
    for i, row in enumerate(found):
        best = int(np.argmax(row)) if row.size else -1
        if best >= 0 and row[best] >= iou and free[best]:
            right[i], free[best] = True, False
    return right
