"""Judges of lesson 09, your own model: pictures, preprocessing, metric, number of samples, state."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, text
from workbench.lessons.materials import strange_digits
from workbench.workflow.check_inputs import check_inputs
from workbench.workflow.comparison import wilson_interval

PIXEL, CHANNEL = 200, 1  # green
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
N_PICTURES = 64
ACCURACY, WIDTH = 0.98, 0.02
STATE = {"h": "h_next"}
NEAR_PIXELS = 0.01


def normalised() -> float:
    """The pixel as the network reads it."""
    return (PIXEL / 255 - MEAN[CHANNEL]) / STD[CHANNEL]


def variants() -> dict[str, np.ndarray]:
    """The four preprocessings of the notebook."""
    x = data()[1][:N_PICTURES]
    return {"a": x * 255, "b": 1 - x, "c": x.transpose(0, 1, 3, 2), "d": (x - 0.5) / 0.5}


@cache
def found_by_labels_alone() -> str:
    """The variant that `check_inputs` accepts without labels and refuses with them."""
    network, labels = model(), data()[2][:N_PICTURES]
    for name, inputs in variants().items():
        if check_inputs(network, inputs).ok and not check_inputs(network, inputs, labels).ok:
            return name
    raise AssertionError("no variant needs labels; expected one")


def samples_needed() -> int:
    """Least number of samples for which the 95 % interval of the accuracy is narrower than WIDTH."""
    return next(n for n in range(10, 10**6) if np.ptp(wilson_interval(ACCURACY, n)) < WIDTH)


def _pixel(answer: Any) -> None:
    value = number(answer)
    not_this(value, (PIXEL - MEAN[1]) / STD[1], "The pixel is still 0..255; the mean is one of 0..1.", rel=0.01)
    not_this(value, PIXEL / 255 - MEAN[1], "The mean is subtracted; the division by std is missing.", rel=0.01)
    not_this(value, PIXEL / 255 / STD[1] - MEAN[1], "First subtract the mean, then divide.", rel=0.01)
    not_this(value, PIXEL / 255, "That is the scale alone; mean and std come after it.", rel=0.01)
    for channel, colour in ((0, "red"), (2, "blue")):
        other = (PIXEL / 255 - MEAN[channel]) / STD[channel]
        not_this(value, other, f"Those are mean and std of {colour}; green is the middle one.", rel=0.005)
    close(value, normalised(), rel=0.005, far="(pixel * scale - mean) / std, with scale 1/255.")


def _variant(answer: Any) -> None:
    said, right = text(answer, tuple(variants())), found_by_labels_alone()
    if said == right:
        return
    report = check_inputs(model(), variants()[said])
    raise Wrong(f"{said!r} is found without labels too: {report.sentences[0]}")


def _repair(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: repair.")
    try:
        found = answer(strange_digits())
    except Exception as error:  # whatever a learner's function does
        raise Wrong(f"repair(strange) should return an array: {error}") from None
    right = data()[1][:N_PICTURES]
    values = array(found, right.shape)
    if np.abs(values - right).max() < NEAR_PIXELS:
        return
    if values.max() > 1.5:
        raise Wrong(f"The largest value is {values.max():g}; the network reads 0..1.")
    if np.abs(values - (1 - right)).max() < NEAR_PIXELS:
        raise Wrong("The range is right. Now look at one of them: is the ink high, or the paper?")
    if np.abs(values - right.transpose(0, 1, 3, 2)).max() < NEAR_PIXELS:
        raise Wrong("Rows and columns have changed places: the picture is mirrored along its diagonal.")
    report = check_inputs(model(), values.astype(np.float32), data()[2][:N_PICTURES])
    raise Wrong(f"Not yet. {report.sentences[0]}")


def _metric(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: top2.")
    random = np.random.default_rng(9)
    scores, labels = random.standard_normal((200, 10)).astype(np.float32), random.integers(0, 10, 200)
    order = np.argsort(scores, axis=1)
    try:
        value = number(answer(scores, labels))
    except Wrong:
        raise
    except Exception as error:  # whatever a learner's function does
        raise Wrong(f"top2(outputs, labels) should return a number: {error}") from None
    right = float((order[:, -2:] == labels[:, None]).any(axis=1).mean())
    not_this(value, 0.0, "Nothing is counted yet: compare the labels with the best two of each row.")
    not_this(value, float((order[:, -1] == labels).mean()), "That counts the best answer alone.")
    not_this(value, float((order[:, -2] == labels).mean()), "That counts the second best alone.")
    not_this(value, right * len(labels), "That is how many; the share is wanted.")
    not_this(value, right * 100, "That is in per cent; a share lies in 0..1.")
    not_this(value, float((order[:, :2] == labels[:, None]).any(axis=1).mean()), "Those are the two smallest scores.")
    close(value, right, rel=1e-6, near="Not yet: which two classes have the largest scores of each row?")


def _samples(answer: Any) -> None:
    value, right = number(answer), samples_needed()
    plain = 4 * ACCURACY * (1 - ACCURACY) / WIDTH**2
    close_to = {
        plain * 1.96**2 * 4: "Four times too many: the whole interval is to be that wide, not each side of it.",
        plain * 1.96**2 / 4: "Too few: half of the interval lies on each side of the accuracy.",
        plain: "That is one standard error on each side; 95 % are about two, and samples count squared.",
        math.sqrt(right): "That is the square root of it: the interval shrinks with the root of the samples.",
    }
    for mistake, words in close_to.items():
        not_this(value, mistake, words, rel=0.02)
    if not 0.9 * right <= value <= 1.15 * right:
        raise Wrong("Too few: the interval is wider." if value < right else "That is enough, but far fewer are too.")


def _state(answer: Any) -> None:
    if not isinstance(answer, Mapping):
        raise Wrong("A dict is wanted: name of an input -> name of an output.")
    given = dict(answer)
    if given == {output: taken for taken, output in STATE.items()}:
        raise Wrong("Both names are right, the wrong way round: input first, then the output that feeds it.")
    if "row" in given or "logits" in given or "logits" in given.values():
        raise Wrong("The row comes from the data, and logits is the answer; neither is carried from step to step.")
    if given != STATE:
        raise Wrong("Look at model.inputs and model.outputs: which two have the same shape?")


EXERCISES = (
    Exercise("09.1", "What does the network read for a green pixel?", _pixel, "Scale, mean, std, in this order."),
    Exercise(
        "09.2",
        "Which wrong preprocessing is found with labels alone?",
        _variant,
        "The same values at other places: only the answers can tell.",
    ),
    Exercise("09.3", "Repair strange inputs.", _repair, "Layout, range, sign: three small things, each fatal."),
    Exercise("09.4", "Write a metric.", _metric, "Any function of outputs and labels will do."),
    Exercise(
        "09.5",
        "How many evaluation samples make an accuracy sure to 2 points?",
        _samples,
        "Half the width costs four times the samples.",
    ),
    Exercise("09.6", "Say which output feeds which input.", _state, "Float and quantized network each keep their own."),
)
