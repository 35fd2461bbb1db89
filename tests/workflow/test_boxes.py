"""Boxes: overlap, matches, average precision and layouts, against brute force and by hand."""

import numpy as np
import pytest

from tests.workflow.test_tasks import detections
from workbench.messages import WorkbenchError
from workbench.workflow.samples import changes_between
from workbench.workflow.tasks.average_precision import mean_average_precision
from workbench.workflow.tasks.box_layouts import Layout
from workbench.workflow.tasks.boxes import Boxes
from workbench.workflow.tasks.catalogue import guess_task
from workbench.workflow.tasks.detections import Detections, matched, overlaps, without_doubles


def some(rng: np.random.Generator, n: int, n_classes: int = 2) -> Detections:
    """Boxes with corners on a coarse grid, so that areas can be counted cell by cell."""
    low = rng.integers(0, 8, (n, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 6, (n, 2))], axis=1).astype(float)
    return Detections(boxes, rng.permutation(n) / n + 0.01, rng.integers(0, n_classes, n))


def counted_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Unit cells in both over unit cells in either."""
    cells = [{(x, y) for x in range(int(c[0]), int(c[2])) for y in range(int(c[1]), int(c[3]))} for c in (a, b)]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


def test_overlap_is_that_of_counted_cells():
    rng = np.random.default_rng(0)
    first, second = some(rng, 12).boxes, some(rng, 9).boxes
    expected = [[counted_iou(a, b) for b in second] for a in first]
    np.testing.assert_allclose(overlaps(first, second), expected, rtol=1e-12)
    assert overlaps(np.zeros((1, 4)), np.zeros((1, 4))) == [[0.0]]
    assert overlaps(np.zeros((0, 4)), first).shape == (0, 12)


@pytest.mark.parametrize("seed", range(20))
def test_matches_are_the_closest_pairs_taken_one_by_one(seed):
    rng = np.random.default_rng(seed)
    first, second = some(rng, 7), some(rng, 6)
    pairs, taken = matched(first, second), []
    while True:  # look through everything again for each pair
        open_pairs = [
            (counted_iou(first.boxes[i], second.boxes[j]), -i, -j)
            for i in range(7)
            for j in range(6)
            if first.classes[i] == second.classes[j]
            and all(i != a and j != b for a, b in taken)
            and counted_iou(first.boxes[i], second.boxes[j]) >= 0.5
        ]
        if not open_pairs:
            break
        _, i, j = max(open_pairs)
        taken.append((-i, -j))
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == taken
    assert len(matched(second, first)) == len(pairs)


def test_doubles_go_where_they_are_of_one_class():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [0, 0, 10, 9], [20, 20, 30, 30]], float)
    found = Detections(boxes, np.array([0.6, 0.9, 0.5, 0.3]), np.array([1, 1, 2, 1]))
    kept = without_doubles(found, 0.5)
    assert kept.scores.tolist() == [0.9, 0.5, 0.3] and kept.classes.tolist() == [1, 2, 1]


def brute_average_precision(found, truth, index):
    """Every score is a threshold; at each the detections above it are judged from scratch; the area is summed up."""
    n_true = sum(int((t.classes == index).sum()) for t in truth)
    points = [(0.0, 1.0)]
    for threshold in sorted({s for f in found for s in f.scores[f.classes == index]}, reverse=True):
        hits = n = 0
        for f, t in zip(found, truth, strict=True):
            rows = [i for i in np.argsort(-f.scores) if f.classes[i] == index and f.scores[i] >= threshold]
            used = set()
            for i in rows:
                n += 1
                over = [
                    counted_iou(f.boxes[i], b) if c == index else -1 for b, c in zip(t.boxes, t.classes, strict=True)
                ]
                best = int(np.argmax(over)) if over else -1
                if best >= 0 and over[best] >= 0.5 and best not in used:
                    used.add(best)
                    hits += 1
        points.append((hits / n_true, hits / n))
    area = 0.0
    for (before, _), (recall, _) in zip(points, points[1:], strict=False):
        area += (recall - before) * max(p for r, p in points[1:] if r >= recall)
    return area


@pytest.mark.parametrize("seed", range(8))
def test_mean_average_precision_against_brute_force(seed):
    rng = np.random.default_rng(seed)
    truth = [some(rng, 5), some(rng, 0), some(rng, 3)]
    found = [some(rng, 6), some(rng, 2), some(rng, 4)]
    for one, true in zip(found, truth, strict=True):  # some of them right
        n = min(len(one), len(true)) // 2
        one.boxes[:n], one.classes[:n] = true.boxes[:n], true.classes[:n]
        one.scores[:] += rng.uniform(0, 1e-3)  # no ties between samples
    classes = np.unique(np.concatenate([t.classes for t in truth]))
    expected = np.mean([brute_average_precision(found, truth, c) for c in classes])
    assert mean_average_precision(found, truth) == pytest.approx(expected, rel=1e-12)
    assert mean_average_precision(truth, truth) == 1.0
    assert mean_average_precision(found, [some(rng, 0)] * 3) is None


ROWS = np.array(
    [
        [[10, 10, 50, 50, 0.9, 1], [100, 100, 200, 150, 0.8, 2], [0, 0, 0, 0, 0, 0]],
        [[20, 20, 60, 80, 0.7, 1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]],
    ],
    np.float32,
)
CHANGED = np.array(
    [
        [[10, 10, 50, 52, 0.9, 1], [100, 100, 200, 150, 0.2, 2], [0, 0, 0, 0, 0, 0]],
        [[20, 20, 60, 80, 0.7, 1], [300, 300, 350, 350, 0.6, 5], [0, 0, 0, 0, 0, 0]],
    ],
    np.float32,
)


def test_agreement_by_hand():
    found = changes_between({"detections": ROWS}, {"detections": CHANGED}, numbers=[7, 8])
    assert isinstance(found.task, Boxes) and found.task.layout == Layout("score_class", "detections", True)
    # 3 boxes of the float network, 3 of the chosen one, 2 matches; the box at a score of 0.2 is below the least
    assert found.figures.agreement == pytest.approx(2 * 2 / 6) and found.figures.unchanged == 0.0
    assert "F1 of the boxes with a score of at least 0.25" in found.figures.means
    first, second = found
    iou = 40 * 40 / (40 * 42)
    assert (first.sample, first.lost) == (7, pytest.approx(1 - iou + 1))
    assert [box.index for box in first.gone] == [2] and first.new == () and first.mean_iou == pytest.approx(iou)
    assert first.words == "2 boxes became 1: 1 gone (class 2 at 0.80)."
    assert (second.sample, second.lost) == (8, 1.0) and second.new[0].corners == (300, 300, 350, 350)


def test_average_precision_with_labels():
    labels = [np.array([[10, 10, 50, 50, 1], [100, 100, 200, 150, 2]]), np.array([[20, 20, 60, 80, 1]])]
    found = changes_between({"detections": ROWS}, {"detections": CHANGED}, labels)
    assert found.figures.score_name == "mAP at IoU 0.5" and found.figures.float_score == 1.0
    assert found.figures.score == 1.0  # the box at 0.2 still counts there, and nothing is labelled 5
    assert (found[0].float_right, found[0].chosen_right) == (True, False)
    with pytest.raises(WorkbenchError, match=r"expected for each of 2 samples an array \(n, 5\)"):
        changes_between({"detections": ROWS}, {"detections": CHANGED}, labels[:1])


def test_rows_that_fill_up_true_boxes_do_not_count():
    output = np.zeros((1, 8, 6), np.float32)
    output[0, 0] = 0, 0, 10, 10, 0.9, 1
    true = np.full((1, 3, 5), -1.0)
    true[0, 0] = 0, 0, 10, 10, 1
    assert changes_between({"det": output}, {"det": output}, true, task="boxes").figures.score == 1.0
    true[0, 1] = np.nan
    with pytest.raises(WorkbenchError, match="not finite"):
        changes_between({"det": output}, {"det": output}, true, task="boxes")


def test_boxes_that_differ_in_number_come_as_lists():
    lists = [[one[one[:, 4] > 0] for one in rows] for rows in (ROWS, CHANGED)]
    found = changes_between({"detections": lists[0]}, {"detections": lists[1]})
    whole = changes_between({"detections": ROWS}, {"detections": CHANGED})
    assert found.figures == whole.figures and found.changes == whole.changes
    empty = [np.zeros((0, 6), np.float32)] * 2
    none = changes_between({"detections": empty}, {"detections": empty}, task=found.task)
    assert none.figures.agreement == 1.0 and len(none) == 0


def read(outputs):
    task = guess_task(outputs)
    assert isinstance(task, Boxes), task.because
    return task, task.layout.read(outputs)


def as_apart() -> dict[str, np.ndarray]:
    return {"detection_boxes": ROWS[..., :4], "scores": ROWS[..., 4], "labels": ROWS[..., 5].astype(np.int64)}


def as_ssd() -> dict[str, np.ndarray]:
    rows = [[i, c, s, *box] for i, sample in enumerate(ROWS) for *box, s, c in sample.tolist() if s > 0]
    return {"detection_out": np.array([[[*rows, [-1, 0, 0, 0, 0, 0, 0]]]], np.float32)}


def as_centres() -> np.ndarray:
    centre, size = (ROWS[..., :2] + ROWS[..., 2:4]) / 2, ROWS[..., 2:4] - ROWS[..., :2]
    return np.concatenate([centre, size], axis=2)


def class_scores() -> np.ndarray:
    return ROWS[..., 4:5] * np.eye(8, dtype=np.float32)[ROWS[..., 5].astype(int)]


def as_objectness() -> dict[str, np.ndarray]:
    return {"yolo": np.concatenate([as_centres(), ROWS[..., 4:5] ** 0, class_scores()], axis=2)}


def as_transposed() -> dict[str, np.ndarray]:
    padded = np.pad(np.concatenate([as_centres(), class_scores()], axis=2), ((0, 0), (0, 20), (0, 0)))
    return {"yolo": np.moveaxis(padded, 1, 2)}


def as_classes_apart() -> dict[str, np.ndarray]:
    shares = class_scores()
    shares[..., 0] = 1 - shares[..., 1:].sum(axis=2)  # class 0: background
    return {"boxes": ROWS[..., :4], "scores": np.ascontiguousarray(np.moveaxis(shares, 1, 2))}


def as_logits() -> dict[str, np.ndarray]:
    """Background last, as in detectors with a fixed number of queries."""
    scores, box = np.full((*ROWS.shape[:2], 9), -5.0, np.float32), as_centres() / 400
    for sample, place in np.argwhere(ROWS[..., 4] > 0):
        scores[sample, place, int(ROWS[sample, place, 5])] = 5
    scores[..., 8] = np.where(ROWS[..., 4] > 0, 0, 8)
    scores, box = (np.pad(one, ((0, 0), (0, 9), (0, 0)), mode="edge") for one in (scores, box))
    return {"pred_logits": scores, "pred_boxes": box}


LAYOUTS = {
    "apart": as_apart,
    "ssd": as_ssd,
    "objectness": as_objectness,
    "transposed": as_transposed,
    "classes_apart": as_classes_apart,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_tell_the_same_boxes(layout):
    task, found = read(LAYOUTS[layout]())
    assert task.layout.rows == ("apart" if layout == "classes_apart" else layout)
    for one, rows in zip(found, ROWS, strict=True):
        rows = rows[rows[:, 4] > 0]
        np.testing.assert_allclose(one.boxes, rows[:, :4], atol=1e-3)
        np.testing.assert_allclose(one.scores, rows[:, 4], rtol=1e-5)
        assert one.classes.tolist() == rows[:, 5].tolist()


def test_logits_with_a_background():
    task, found = read(as_logits())
    assert (task.layout.logits, task.layout.background, task.layout.corners) == ("softmax", 8, False)
    kept = [one.above(0.5) for one in found]
    assert [one.classes.tolist() for one in kept] == [[1, 2], [1]]
    np.testing.assert_allclose(kept[0].boxes[0] * 400, [10, 10, 50, 50], rtol=1e-5)


def test_what_is_no_box_is_not_taken_for_one():
    rng = np.random.default_rng(3)
    tokens = rng.standard_normal((2, 40, 6)).astype(np.float32)
    offsets = {"loc": rng.standard_normal((2, 40, 4)).astype(np.float32), "conf": tokens}
    assert guess_task({"y": tokens}).name == "sequences"
    assert guess_task(offsets).name == "sequences"  # offsets from anchors, which are not known
    assert guess_task({"start": tokens[..., 0], "end": tokens[..., 1]}).name == "classes"


def test_a_detector_that_moves_a_little_agrees_nearly_wholly():
    f = detections(60, 12)
    q = f + np.random.default_rng(0).normal(0, 0.05, f.shape).astype(np.float32) * (np.arange(12) < 4)
    found = changes_between({"output0": f}, {"output0": q.astype(np.float32)})
    assert found.task.layout.doubles and 0.95 < found.figures.agreement <= 1.0
