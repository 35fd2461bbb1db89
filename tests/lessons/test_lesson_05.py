"""Lesson 05: right answers pass, typical wrong ones get the hint that names the mistake; its pictures are true."""

import math

import numpy as np
import pytest

import workbench as wb
from tests.lessons.cases import exercise_tests
from workbench.lessons import lesson_05
from workbench.lessons.pictures.channel_sizes import channel_sizes
from workbench.lessons.pictures.depth import depth
from workbench.lessons.unfolded import before_folding

JUDGES = {each.name: each.judge for each in lesson_05.EXERCISES}


def fold(weight, gamma, beta, mean, variance, epsilon):
    f = gamma / math.sqrt(variance + epsilon)
    return f * weight, beta - f * mean


def fold_as_list(weight, gamma, beta, mean, variance, epsilon):
    weight, bias = fold(weight, gamma, beta, mean, variance, epsilon)
    return [weight.tolist(), np.array([bias])]


def not_rooted(weight, gamma, beta, mean, variance, epsilon):
    f = gamma / (variance + epsilon)
    return f * weight, beta - f * mean


def without_epsilon(weight, gamma, beta, mean, variance, epsilon):
    return fold(weight, gamma, beta, mean, variance, 0.0)


def weight_untouched(weight, *rest):
    return weight, fold(weight, *rest)[1]


def without_mean(weight, gamma, beta, *rest):
    return fold(weight, gamma, beta, *rest)[0], beta


def mean_as_it_is(weight, gamma, beta, mean, *rest):
    return fold(weight, gamma, beta, mean, *rest)[0], beta - mean


def mean_added(weight, gamma, beta, mean, *rest):
    return fold(weight, gamma, beta, -mean, *rest)


def upside_down(weight, gamma, beta, mean, variance, epsilon):
    return fold(weight, variance, beta, mean, gamma, epsilon)


def failing(*_):
    return 1 / 0


def to(top):
    return wb.Quantizer.covering("int8", -top, top)


RIGHT = [
    ("05.1", fold),
    ("05.1", fold_as_list),
    ("05.2", lesson_05.zero_channels()),
    ("05.2", np.int64(12)),
    ("05.3", to(2.0)),
    ("05.3", to(0.5)),
    ("05.4", lesson_05.with_channels(*lesson_05.DEPTHWISE)),
    ("05.4", 13.8),
    ("05.5", 13.85),
    ("05.5", 14.02),  # the error at a right angle to the quantized values
    ("05.6", 2),
    ("05.6", lesson_05.new_tensors()),
]
WRONG = [
    ("05.1", not_rooted, "square root"),
    ("05.1", without_epsilon, "epsilon is missing"),
    ("05.1", weight_untouched, "as it was"),
    ("05.1", without_mean, "lacks the mean"),
    ("05.1", mean_as_it_is, "passes through f"),
    ("05.1", mean_added, "subtracted"),
    ("05.1", upside_down, "the one factor f"),
    ("05.1", failing, "division by zero"),
    ("05.1", lambda *_: (None, None), "given a value"),
    ("05.1", (1, 2), "function itself"),
    ("05.2", None, "given a value"),
    ("05.2", lesson_05.zero_channels(lesson_05.DEPTHWISE[0]), "first block"),
    ("05.2", int((lesson_05._codes(lesson_05.DEPTHWISE[1]) == 0).sum()), "single weights"),
    ("05.2", 52, "live"),
    ("05.2", 0, "one scale for the whole tensor"),
    ("05.2", 7, "Not this number"),
    ("05.3", to(29.127), "still at the largest"),
    ("05.3", to(15.0), "further to the left"),
    ("05.3", to(0.05), "too far"),
    ("05.3", wb.Quantizer.covering("int16", -29.0, 29.0), "Stay with int8"),
    ("05.3", wb.Quantizer.covering("int8", -np.ones(32), np.ones(32), axis=0), "One threshold"),
    ("05.3", 2.0, "explorer.quantizer"),
    ("05.4", lesson_05.with_channels(lesson_05.DEPTHWISE[0]), "alone"),
    ("05.4", lesson_05.with_channels(lesson_05.DEPTHWISE[1]), "alone"),
    ("05.4", lesson_05.with_channels(), "only the two"),
    ("05.4", 3.65, "do not add up"),
    ("05.4", 14.52, "the gain"),
    ("05.4", 8.0, "Not this value"),
    ("05.5", 17.0, "square the cosine"),
    ("05.5", 27.7, "10 log10, not 20"),
    ("05.5", -13.85, "more than 1"),
    ("05.5", 24.25, "the ratio"),
    ("05.5", 50.0, "right triangle"),
    ("05.6", 4, "quantized already"),
    ("05.6", 26, "all of them"),
    ("05.6", 0, "Some are new"),
    ("05.6", 3, "Compare the two recipes"),
]


test_right_answers, test_wrong_answers_are_told_why, test_every_exercise_is_tried = exercise_tests(JUDGES, RIGHT, WRONG)


@pytest.mark.parametrize("layer", ["stem.conv", "blocks.1.depthwise.conv"])
def test_before_folding_leads_to_the_loaded_weights(layer):
    model = wb.demo.model()
    norm = before_folding(model, layer)
    for channel, weight in enumerate(norm.weight):
        numbers = (norm.gamma[channel], norm.beta[channel], norm.mean[channel], norm.variance[channel], norm.epsilon)
        new_weight, new_bias = lesson_05.folded(weight.astype(np.float64), *numbers)
        assert np.allclose(new_weight, model.tensors[f"{layer}.weight"].array()[channel], rtol=1e-6)
        assert math.isclose(new_bias, model.tensors[f"{layer}.bias"].array()[channel], rel_tol=1e-5, abs_tol=1e-6)


@pytest.mark.parametrize(("layer", "words"), [("nowhere", "no layer"), ("head.classifier", "no BatchNormalization")])
def test_what_was_not_folded(layer, words):
    with pytest.raises(wb.WorkbenchError, match=words):
        before_folding(wb.demo.model(), layer)


def test_lost_channels_are_those_without_a_code():
    weight = wb.demo.model(hard=True).tensors[lesson_05.DEPTHWISE[1]].array()
    living, lost = channel_sizes(weight).data
    assert sorted([*living.x, *lost.x]) == list(range(len(weight)))
    assert set(lost.x) == set(np.flatnonzero(~lesson_05._codes(lesson_05.DEPTHWISE[1]).any(axis=1)))
    assert np.array_equal(living.y, np.abs(weight).max(axis=(1, 2, 3))[living.x])


@pytest.mark.parametrize("nothing", [np.ones(4), np.zeros((2, 3))])
def test_what_has_no_channels(nothing):
    with pytest.raises(wb.WorkbenchError, match="expected"):
        channel_sizes(nothing)


def test_the_depth_is_drawn_with_low_tensors_marked():
    model, calibration = lesson_05.network(True)
    whole, channels = (wb.choose(model, calibration, per_channel=each) for each in (False, True))
    along = wb.error_along_depth(model, whole, wb.demo.data()[1][:32], before=channels)
    traces = {trace.name: trace for trace in depth(along).data}
    assert list(traces["now"].y) == [error.sqnr_db for error in along.tensors.values()]
    assert list(traces["before"].y) == [error.sqnr_db for error in along.before.values()]
    assert len(traces["cosine below 0.98"].x) == len(along.low_cosine) > 0
