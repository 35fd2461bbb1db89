"""Lesson 06b: right answers pass, typical wrong ones get the hint; training does what it says; the picture is true."""

import numpy as np
import pytest

import workbench as wb
from workbench.lessons import lesson_06b, training
from workbench.lessons.exercise import Wrong
from workbench.lessons.over_seeds import over_seeds, trained
from workbench.lessons.pictures.learning_curves import learning_curves

JUDGES = {each.name: each.judge for each in lesson_06b.EXERCISES}


def two_bits(share):
    """A quantizer whose threshold is a share of the largest weight of the lesson's first layer."""
    top = share * float(np.abs(trained(0)[0].weights[0]).max())
    return wb.Quantizer.covering("int2_narrow", -top, top)


def of_least_error():
    return training.quantizers(trained(0)[0], "int2_narrow")[0]


def summed(codes, gradient, k):
    return [gradient[codes == i].sum() for i in range(k)]


def mean(codes, gradient, k):
    return [gradient[codes == i].sum() / max(1, (codes == i).sum()) for i in range(k)]


def last(codes, gradient, k):
    found = np.zeros(k)
    found[codes] += gradient
    return found


RIGHT = [
    ("06b.1", 0.125),
    ("06b.1", np.float32(0.1251)),
    ("06b.2", 13),
    ("06b.3", "biases"),
    ("06b.3", " Biases"),
    ("06b.4", 1.0),
    ("06b.4", [0.99999]),
    ("06b.5", summed),
    ("06b.5", lambda codes, g, k: np.bincount(codes.ravel(), g.ravel(), k)),
    ("06b.6", lambda: two_bits(0.55)),
    ("06b.7", 2),
]
WRONG = [
    ("06b.1", 0.25, "whole step"),
    ("06b.1", 0.0625, "gradient is not 1"),
    ("06b.1", 0.03125, "Divide"),
    ("06b.1", 5.0, "size"),
    ("06b.2", 12, "One short"),
    ("06b.2", 25, "whole step"),
    ("06b.2", 7, "gradient is not 1"),
    ("06b.2", 100, "Not yet"),
    ("06b.3", "weights", "right plot"),
    ("06b.3", "scales", "stay as they are"),
    ("06b.3", "pictures", "same pictures"),
    ("06b.3", 42, "in quotes"),
    ("06b.4", 0.1, "first change"),
    ("06b.4", 0.19, "second change"),
    ("06b.4", 10, "rate is missing"),
    ("06b.4", 0.1 / 0.9, "what is forgotten"),
    ("06b.5", mean, "This is the mean"),
    ("06b.5", last, "last weight"),
    ("06b.5", lambda codes, g, k: -np.array(summed(codes, g, k)), "sign"),
    ("06b.5", lambda codes, g, k: np.zeros(k), "Not yet"),
    ("06b.5", lambda codes, g, k: None, "array"),
    ("06b.5", lambda codes: codes, "failed"),
    ("06b.5", [0.0], "without brackets"),
    ("06b.6", lambda: two_bits(1.0), "Too wide"),
    ("06b.6", lambda: two_bits(0.01), "Too narrow"),
    ("06b.6", of_least_error, "itself"),
    ("06b.6", lambda: wb.Quantizer.covering("int8", -1, 1), "the one of the explorer"),
    ("06b.6", lambda: 0.5, "explorer's quantizer"),
    ("06b.7", 8, "nothing was lost"),
    ("06b.7", 4, "another width"),
    ("06b.7", 3, "One of 8, 4 and 2"),
]


def asked(name, answer):
    """Quantizers take a moment, so that they are made where they are needed; functions are the answer of 06b.5."""
    return answer() if name == "06b.6" else answer


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_right_answers(name, answer):
    JUDGES[name](asked(name, answer))


@pytest.mark.parametrize(("name", "answer", "hint"), WRONG)
def test_wrong_answers_are_told_why(name, answer, hint):
    with pytest.raises(Wrong, match=hint):
        JUDGES[name](asked(name, answer))


def test_every_exercise_is_tried():
    for name in JUDGES:
        assert [case for case in RIGHT if case[0] == name]
        assert len([case for case in WRONG if case[0] == name]) >= 3


def test_a_threshold_found_by_hand_need_not_be_hit_exactly():
    wanted = lesson_06b.accuracy_with(of_least_error())
    better = [lesson_06b.accuracy_with(two_bits(share)) > wanted for share in np.linspace(0.4, 0.65, 11)]
    assert sum(better) >= 5


def test_pictures_are_split_without_overlap():
    data = training.digits(3)
    assert data.images.shape == (300, 64) and data.test_images.shape == (150, 64)
    together = np.concatenate([data.images, data.test_images])
    _, evaluation, labels = wb.demo.data()
    assert np.array_equal(np.sort(together, axis=0), np.sort(evaluation.reshape(450, 64), axis=0))
    assert np.array_equal(np.sort(np.concatenate([data.labels, data.test_labels])), np.sort(labels))
    assert not np.array_equal(data.labels, training.digits(4).labels)


def test_gradients_are_those_of_the_loss():
    net, data = training.untrained(1), training.digits(1)
    wide = training.Net(
        tuple(w.astype(np.float64) for w in net.weights), tuple(b.astype(np.float64) + 0.1 for b in net.biases)
    )
    images, labels = data.images[:40].astype(np.float64), data.labels[:40]
    of_weights, of_biases = wide.gradients(images, labels)
    for i, place in ((0, (20, 3)), (0, (37, 30)), (1, (5, 9))):
        step = np.zeros_like(wide.weights[i])
        step[place] = 1e-5
        ends = [
            training.Net(tuple(w + s * step if j == i else w for j, w in enumerate(wide.weights)), wide.biases)
            for s in (1, -1)
        ]
        slope = (ends[0].loss(images, labels) - ends[1].loss(images, labels)) / 2e-5
        assert slope == pytest.approx(of_weights[i][place], rel=1e-4, abs=1e-8)
    assert of_biases[1].sum() == pytest.approx(0, abs=1e-12)  # chances add up to 1 whatever the biases


def test_training_in_float_learns_and_repeats_itself():
    net, data = trained(0)
    assert net.accuracy(data.test_images, data.test_labels) > 0.85
    again = training.train(training.untrained(0), data, epochs=30, seed=0)
    assert np.array_equal(again.net.weights[0], net.weights[0])
    assert again.losses[0] > 1 > 0.1 > again.losses[-1] and len(again.losses) == len(again.changed) + 1 == 31


@pytest.mark.parametrize("format", ["int2_narrow", "int4", "kmeans2"])
@pytest.mark.parametrize("keep", ["float_copy", "codes", "levels"])
def test_weights_stay_on_levels(format, keep):
    net, data = trained(0)
    pair = training.quantizers(net, format)
    start = net.quantized(pair)
    run = training.train(net, data, epochs=2, rate=0.02, quantizers=pair, keep=keep, biases=False)
    assert run.losses[0] == pytest.approx(start.loss(data.images, data.labels), rel=1e-5)
    assert all(np.array_equal(a, b) for a, b in zip(run.net.biases, net.biases, strict=True))
    for quantizer, before, after in zip(pair, start.weights, run.net.weights, strict=True):
        assert len(np.unique(after)) <= len(quantizer.levels)
        if keep == "levels":  # weights that shared a level still share one
            assert len(np.unique(np.stack([before.ravel(), after.ravel()]), axis=1).T) == len(np.unique(before))
        else:
            assert np.isin(after, quantizer.levels).all()


def test_codes_that_are_written_back_freeze():
    net, data = trained(0)
    options = {"epochs": 5, "rate": 0.02, "quantizers": training.quantizers(net, "int2_narrow"), "biases": False}
    frozen = training.train(net, data, keep="codes", **options)
    moving = training.train(net, data, keep="float_copy", **options)
    assert frozen.changed.sum() < 0.1 * moving.changed.sum()
    assert moving.losses[-1] < 0.5 * frozen.losses[-1]


def test_what_cannot_be_trained():
    net, data = trained(0)
    with pytest.raises(wb.WorkbenchError, match="float_copy, codes, levels"):
        training.train(net, data, epochs=1, keep="everything")
    with pytest.raises(wb.WorkbenchError, match="give quantizers"):
        training.train(net, data, epochs=1, keep="levels")


def test_over_seeds_is_what_one_run_gives():
    net, data = trained(1)
    plain = over_seeds("int2_narrow", seeds=2)
    assert plain.shape == (2,) and plain[1] == net.quantized(training.quantizers(net, "int2_narrow")).accuracy(
        data.test_images, data.test_labels
    )
    assert over_seeds(None, seeds=2)[1] == net.accuracy(data.test_images, data.test_labels)


def test_learning_curves_show_the_runs():
    net, data = trained(0)
    run = training.train(net, data, epochs=3)
    picture = learning_curves({"one": run, "two": run})
    assert np.array_equal(picture.data[0].y, run.losses) and np.array_equal(picture.data[3].y, 100 * run.changed)
    for runs in ({}, dict.fromkeys("abcde", run)):
        with pytest.raises(wb.WorkbenchError, match="1 to 4"):
            learning_curves(runs)
