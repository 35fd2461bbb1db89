"""What outputs mean: guessed tasks, and agreement counted by hand."""

import numpy as np
import pytest

from workbench.messages import WorkbenchError
from workbench.workflow.samples import changes_between
from workbench.workflow.tasks.catalogue import TASKS, as_task, guess_task
from workbench.workflow.tasks.classes import Classes
from workbench.workflow.tasks.positions import Segmentation, Sequences
from workbench.workflow.tasks.regression import Regression


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def softmax(scores: np.ndarray, axis: int = -1) -> np.ndarray:
    e = np.exp(scores.astype(np.float64))
    return (e / e.sum(axis=axis, keepdims=True)).astype(np.float32)


def detections(n: int, columns: int) -> np.ndarray:
    """Centre, size and shares, in pixels."""
    rng = np.random.default_rng(n)
    boxes = np.concatenate([rng.uniform(50, 600, (2, n, 2)), rng.uniform(5, 40, (2, n, 2))], axis=2)
    return np.concatenate([boxes, rng.uniform(0, 1, (2, n, columns - 4))], axis=2).astype(np.float32)


GUESSES = {
    "logits": ({"logits": normal(6, 10)}, "classes"),
    "squeezed": ({"prob": softmax(normal(6, 10))[:, :, None, None]}, "classes"),
    "two classes": ({"y": normal(6, 2)}, "classes"),
    "indices": ({"label": np.arange(6)}, "classes"),
    "yes or no": ({"y": np.array([[0.01], [0.99], [0.999], [0.3]], np.float32)}, "classes"),
    "one value": ({"y": normal(6, 1)}, "regression"),
    "one value between": ({"y": np.linspace(0, 1, 20, dtype=np.float32)[:, None]}, "regression"),
    "no second axis": ({"y": normal(6)}, "regression"),
    "tokens": ({"logits": normal(3, 12, 30)}, "sequences"),
    "token shares": ({"y": softmax(normal(3, 12, 30))}, "sequences"),
    "token indices": ({"y": np.ones((3, 12), np.int64)}, "sequences"),
    "colour picture": ({"output": normal(2, 3, 16, 16)}, "regression"),
    "grey picture": ({"output": normal(2, 1, 16, 16)}, "regression"),
    "flow": ({"flow": normal(2, 2, 16, 16)}, "regression"),
    "pixels": ({"out": normal(2, 21, 16, 16)}, "segmentation"),
    "two classes of pixels": ({"out": normal(2, 2, 16, 16)}, "segmentation"),
    "three classes of pixels": ({"out": softmax(normal(2, 3, 16, 16), 1)}, "segmentation"),
    "pixel indices": ({"out": np.ones((2, 16, 16), np.int64)}, "segmentation"),
    "yolo": ({"output0": detections(50, 25)}, "boxes"),
    "yolo turned": ({"output0": np.moveaxis(detections(50, 24), 1, 2)}, "boxes"),
    "heads": ({"big": normal(1, 24, 16, 16), "small": normal(1, 24, 8, 8)}, "regression"),
    "aux": ({"main": normal(4, 5), "aux": normal(4, 5, 8, 8)}, "classes"),
}


@pytest.mark.parametrize("case", GUESSES)
def test_the_task_is_guessed_and_says_why(case):
    outputs, name = GUESSES[case]
    task = guess_task(outputs)
    assert task.name == name and TASKS[name] is type(task)
    assert task.because.startswith("Guessed from output") and repr(next(iter(outputs))) in task.because


@pytest.mark.parametrize("case", GUESSES)
def test_a_network_agrees_with_itself(case):
    outputs, _ = GUESSES[case]
    found = changes_between(outputs, outputs)
    assert found.figures.agreement == 1.0 and found.figures.unchanged == 1.0 and len(found) == 0
    assert found.figures.means.startswith("Agreement: ") and found.figures.means.endswith(".")


def test_a_task_can_be_set():
    tokens = {"y": normal(3, 12, 30)}
    assert as_task("regression", tokens) == Regression("y", 0.01 * float(np.ptp(tokens["y"])))
    mine = Sequences("y", 1)
    assert as_task(mine, tokens) is mine
    with pytest.raises(WorkbenchError, match="unknown task 'word'; expected one of classes, boxes"):
        as_task("word", tokens)
    with pytest.raises(WorkbenchError, match=r"'y' \(N, 12, 30\) cannot be meant as 'classes'; guessed is 'sequences'"):
        as_task("classes", tokens)
    with pytest.raises(WorkbenchError, match="outputs without samples"):
        guess_task({})


def test_the_axis_of_probabilities_is_found():
    assert Sequences.of({"y": softmax(normal(3, 7, 12), 1)}) == Sequences("y", 1)
    assert Sequences.of({"y": softmax(normal(3, 12, 7))}) == Sequences("y", 2)
    assert Segmentation.of({"y": softmax(normal(2, 9, 9, 5))}) == Segmentation("y", 3)
    assert Segmentation.of({"y": normal(2, 5, 9, 9)}) == Segmentation("y", 1)
    assert Segmentation.of({"y": normal(2, 9, 9, 5)}) == Segmentation("y", 3)


# four samples of three classes: kept, changed a little, changed a lot, changed to the right one
BEFORE = np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1], [0.9, 0.05, 0.05], [0.3, 0.25, 0.45]], np.float32)
AFTER = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.1, 0.8], [0.5, 0.2, 0.3]], np.float32)
LABELS = np.array([0, 0, 1, 0])


def test_classes_by_hand():
    found = changes_between(BEFORE, AFTER, LABELS, numbers=[10, 20, 30, 40])
    figures = found.figures
    assert (figures.agreement, figures.score, figures.float_score) == (0.25, 0.5, 0.5)
    assert figures.score_name == "accuracy" and figures.agreement_top5 is None and figures.n_samples == 4
    assert [change.sample for change in found] == [30, 40, 20]
    worst, gained, slight = found
    assert worst.row == 2 and worst.unit == "probability"
    assert [(s.index, s.score) for s in worst.before] == [
        (0, pytest.approx(0.9)),
        (1, pytest.approx(0.05)),
        (2, pytest.approx(0.05)),
    ]
    assert [s.index for s in worst.after] == [2, 0, 1]
    assert (worst.margin_before, worst.margin_after) == (pytest.approx(0.85), pytest.approx(-0.7))
    assert worst.lost == pytest.approx(1.55)
    assert (worst.float_right, worst.chosen_right) == (False, False)
    assert (gained.float_right, gained.chosen_right) == (False, True) and gained.words.endswith("it is right now.")
    assert (slight.float_right, slight.chosen_right) == (True, False) and slight.lost == pytest.approx(0.2)
    assert slight.words.startswith("class 0 became 1: its probability went from 0.5 to 0.4, that of 1 is 0.5")
    assert found.table()[0]["words"] == worst.words and "3 of 4 answers changed" in str(found)


def test_logits_and_their_probabilities_give_the_same_margins():
    f, q = normal(200, 7) * 3, normal(7, 200).T * 3
    logits, shares = changes_between(f, q), changes_between(softmax(f), softmax(q))
    assert {one.sample for one in logits} == {one.sample for one in shares} and len(logits) > 100
    np.testing.assert_allclose([one.lost for one in logits], [one.lost for one in shares], atol=1e-5)
    p, r = softmax(f), softmax(q)
    for one in logits:
        a = p[one.row].argmax()
        before, after = (v[one.row][a] - np.delete(v[one.row], a).max() for v in (p, r))
        assert (one.margin_before, one.margin_after) == (
            pytest.approx(before, abs=1e-5),
            pytest.approx(after, abs=1e-5),
        )


def test_shares_that_do_not_add_up_stay_scores():
    f = np.array([[0.9, 0.8], [0.2, 0.1]], np.float32)
    (change,) = changes_between(f, np.array([[0.7, 0.8], [0.2, 0.1]], np.float32))
    assert change.unit == "score" and change.margin_before == pytest.approx(0.1)


def test_top_five_looks_for_the_float_answer():
    f = np.zeros((2, 8), np.float32)
    f[:, 0] = 1
    q = np.tile(np.arange(8, dtype=np.float32), (2, 1))
    q[0, 0] = 3.5  # fifth
    assert changes_between(f, q).figures.agreement_top5 == 0.5


def test_yes_or_no_and_indices():
    f = np.array([[0.01], [0.99], [0.98]], np.float32)
    found = changes_between(f, np.array([[0.02], [0.4], [0.9]], np.float32), [0, 1, 1], task="classes")
    assert found.figures.agreement == found.figures.score == pytest.approx(2 / 3)
    assert found[0].sample == 1 and found[0].lost == pytest.approx(0.98 + 0.2)
    logits = changes_between(
        np.array([[3.0], [-2.0]], np.float32), np.array([[-1.0], [-2.0]], np.float32), task="classes"
    )
    assert [change.sample for change in logits] == [0]
    indices = changes_between(np.array([3, 1, 2]), np.array([3, 2, 2]))
    assert [(one.before[0].index, one.after[0].index) for one in indices] == [(1, 2)]
    assert changes_between(np.array([9, 1, 2]), np.array([3, 2, 2])).figures.agreement_top5 is None


def test_a_network_that_overflows_is_compared_all_the_same():
    f, q = normal(3, 4), np.full((3, 4), np.nan, np.float32)
    q[1] = [np.inf, 0, 0, 0]
    found = changes_between(f, q)
    assert all(np.isfinite(one.lost) for one in found)
    assert changes_between(f[:, :1], q[:, :1], task="regression").figures.agreement == 0.0
    f[:, 0], q[1] = 9, f[1]
    found = changes_between(f, q, np.zeros(3, int))
    assert found.figures.agreement == found.figures.score == 1 / 3 and found.figures.float_score == 1.0
    assert {one.sample for one in found} == {0, 2} and not any(one.chosen_right for one in found)
    assert "named by one network alone" in found[0].words
    places, lost = normal(2, 5, 7), np.full((2, 5, 7), np.nan, np.float32)
    assert changes_between(places, lost, task="sequences").figures.agreement_top5 == 0.0
    assert len(changes_between(places, lost, task="sequences")) == 2


def test_without_samples_nothing_is_guessed():
    with pytest.raises(WorkbenchError, match="outputs without samples"):
        changes_between(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))


def test_places_of_a_sequence_by_hand():
    f = np.eye(4, dtype=np.float32)[[[0, 1, 2], [3, 3, 3], [1, 1, 1]]] * 4
    q = f.copy()
    q[0, 1] = [5, 4, 0, 0]  # place 1: class 1 becomes 0, closely
    q[0, 2] = [9, 0, 0, 0]  # place 2: class 2 becomes 0, clearly
    q[2, 0] = [0, 0, 9, 0]
    found = changes_between(f, q, [[0, 1, 2], [3, 3, -1], [0, 1, 1]], task="sequences")
    assert found.figures.agreement == pytest.approx(6 / 9) and found.figures.unchanged == pytest.approx(1 / 3)
    assert found.figures.float_score == pytest.approx(7 / 8) and found.figures.score == pytest.approx(5 / 8)
    assert [(one.sample, one.n_changed, one.lost) for one in found] == [(0, 2, 2 / 3), (2, 1, 1 / 3)]
    assert [place.position for place in found[0].worst] == [(2,), (1,)]
    assert [(place.before, place.after) for place in found[0].worst] == [(2, 0), (1, 0)]
    assert (found[0].float_right, found[0].chosen_right) == (True, False)
    assert found[0].words == "2 of 3 positions changed, most clearly position 2: class 2 became 0."


def test_pixels_by_hand():
    f = np.zeros((1, 5, 2, 3), np.float32)
    f[0, 1] = 1
    q = f.copy()
    q[0, 4, 1, 2] = 2
    found = changes_between({"mask": f}, {"mask": q}, np.ones((1, 2, 3), int))
    assert found.task == Segmentation("mask", 1, found.task.because)
    assert found.figures.agreement == found.figures.score == pytest.approx(5 / 6)
    assert found[0].worst[0].position == (1, 2) and found[0].words.endswith("position (1, 2): class 1 became 4.")
    indices = changes_between(f.argmax(axis=1), q.argmax(axis=1))
    assert indices.figures.agreement == pytest.approx(5 / 6) and indices[0].worst[0].margin_before is None


def test_quantities_by_hand():
    f = np.array([[0.0], [10.0], [5.0]], np.float32)
    q = np.array([[0.05], [10.0], [5.5]], np.float32)
    found = changes_between(f, q, [0.0, 10.0, 5.0])
    assert found.task.tolerance == pytest.approx(0.1) and "at most 0.1." in found.figures.means
    assert found.figures.agreement == pytest.approx(2 / 3)
    assert found.figures.sqnr_db == pytest.approx(10 * np.log10(125 / (0.05**2 + 0.25)), rel=1e-6)
    assert found.figures.score == pytest.approx(np.sqrt((0.05**2 + 0.25) / 3)) and found.figures.float_score == 0.0
    assert found.figures.smaller_is_better
    (change,) = found
    assert (change.sample, change.before, change.after) == (2, 5.0, 5.5)
    assert change.lost == change.largest_error == pytest.approx(0.5)
    assert (change.float_right, change.chosen_right) == (True, False)


def test_the_worst_place_of_a_map():
    f, q = np.zeros((2, 1, 4, 5), np.float32), np.zeros((2, 1, 4, 5), np.float32)
    q[1, 0, 2, 3] = 2.0
    found = changes_between({"depth": f}, {"depth": q}, task=Regression("depth", 0.1))
    assert [one.place for one in found] == [(0, 2, 3)] and found[0].lost == pytest.approx(2 / np.sqrt(20))


def test_what_does_not_fit_is_said():
    with pytest.raises(WorkbenchError, match="output '' has 4 samples of the float and 3 of the chosen"):
        changes_between(BEFORE, AFTER[:3])
    with pytest.raises(WorkbenchError, match="not those of one network"):
        changes_between({"a": BEFORE}, {"b": AFTER})
    with pytest.raises(WorkbenchError, match=r"labels of shape \(2,\).*expected class indices of shape \(4,\)"):
        changes_between(BEFORE, AFTER, [0, 1])
    with pytest.raises(WorkbenchError, match="no class a sample"):
        changes_between(normal(3, 4, 5), normal(3, 4, 5), task=Classes(""))
    with pytest.raises(WorkbenchError, match="no axis 4"):
        changes_between(normal(3, 4, 5), normal(3, 4, 5), task=Sequences("", 4))
    with pytest.raises(WorkbenchError, match="labels of shape"):
        changes_between(normal(3, 4), normal(3, 4), [1.0, 2.0, 3.0], task="regression")
