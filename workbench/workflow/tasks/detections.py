"""Detected boxes of one sample: how far they overlap, which of two sets belong together, which are doubles."""

from dataclasses import dataclass

import numpy as np

MOST = 1000  # boxes that doubles are looked for among, the highest scores first


@dataclass(frozen=True, eq=False)
class Detections:
    """boxes: float64 (n, 4), x1 y1 x2 y2 (or y and x swapped throughout); scores: float64 (n,); classes: int64 (n,)."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: np.ndarray) -> "Detections":
        return Detections(self.boxes[rows], self.scores[rows], self.classes[rows])

    def above(self, score: float) -> "Detections":
        """Those of at least this score."""
        return self[self.scores >= score]


@dataclass(frozen=True, eq=False)
class Matches:
    """first, second: int64 (pairs,), places in the two sets; iou: float64 (pairs,)."""

    first: np.ndarray
    second: np.ndarray
    iou: np.ndarray

    def __len__(self) -> int:
        return len(self.iou)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union, float64 (n, m), of boxes (n, 4) and (m, 4); 0 where both have no area."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    areas = (np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=-1) for boxes in (first, second))
    union = np.add.outer(*areas) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def matched(first: Detections, second: Detections, iou: float = 0.5) -> Matches:
    """Pairs of one class that overlap by at least `iou`, each box in one pair at most, the closest pairs first.

    Swapping the two sets swaps the pairs and changes nothing else (but for pairs of exactly equal overlap).
    """
    found = overlaps(first.boxes, second.boxes)
    found[first.classes[:, None] != second.classes[None, :]] = -1
    rows, columns = np.nonzero(found >= iou)
    order = np.argsort(-found[rows, columns], kind="stable")
    free_first, free_second = np.ones(len(first), bool), np.ones(len(second), bool)
    pairs = []
    for i, j in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if free_first[i] and free_second[j]:
            free_first[i] = free_second[j] = False
            pairs.append((i, j))
    left, right = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
    return Matches(left, right, found[left, right])


def without_doubles(found: Detections, iou: float) -> Detections:
    """Non-maximum suppression: of boxes of one class that overlap by more than `iou` the highest score stays.

    Source: Felzenszwalb et al. 2010, Object Detection with Discriminatively Trained Part-Based Models, section 7.2.
    """
    found = found[np.argsort(-found.scores, kind="stable")[:MOST]]
    close = (overlaps(found.boxes, found.boxes) > iou) & (found.classes[:, None] == found.classes[None, :])
    stays = np.ones(len(found), bool)
    for i in range(len(found)):
        if stays[i]:
            stays[i + 1 :] &= ~close[i, i + 1 :]
    return found[stays]
