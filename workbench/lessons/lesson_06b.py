"""Judges of lesson 06b, training-aware: frozen codes, float copies, momentum, shared levels, a threshold."""

import math
from typing import Any

import numpy as np

from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, text, whole
from workbench.lessons.over_seeds import over_seeds, trained
from workbench.lessons.training import quantizers
from workbench.numerics.arithmetic.training import float_copy, momentum
from workbench.numerics.codebooks.finetuning import centroid_gradient
from workbench.numerics.quantizer import Quantizer

STEP, GRADIENT, RATE = 1 / 8, 0.5, 0.01  # a weight on levels 1/8 apart
DECAY, MOMENTUM_RATE = 0.9, 0.1
CODES, SLOPES, K = ((0, 0, 1), (1, 3, 3)), ((1.0, 2.0, -1.0), (0.5, 4.0, -6.0)), 4
FORMAT = "int2_narrow"
TABLE = {8: "int8", 4: "int4", 2: FORMAT}


def steps_to_change() -> int:
    """After how many steps the float copy of a weight at 0 is first rounded to another level."""
    values = float_copy(0.0, [GRADIENT] * 1000, RATE, lambda w: round(w / STEP) * STEP)
    return int(np.flatnonzero(values)[0]) + 1


def largest_change() -> float:
    """What the change of a step tends to under momentum where every gradient is 1."""
    return momentum(0.0, [1.0] * 1000, DECAY, MOMENTUM_RATE)[-1][0]


def gain(bits: int) -> float:
    """Mean share of test pictures that finetuning with a float copy wins, over the seeds."""
    return float((over_seeds(TABLE[bits], keep="float_copy") - over_seeds(TABLE[bits])).mean())


def accuracy_with(quantizer: Quantizer) -> float:
    """Of the pictures to learn from: seed 0, the first weight quantized, the second in float, nothing finetuned."""
    net, data = trained(0)
    return net.with_weights(quantizer.fake_quantize(net.weights[0]), net.weights[1]).accuracy(data.images, data.labels)


def _least_rate(answer: Any) -> None:
    value, right = number(answer), STEP / 2 / GRADIENT
    not_this(value, STEP / GRADIENT, "A whole step of the levels is more than is needed: rounding helps from the half.")
    not_this(value, STEP / 2, "This is how far the weight has to go; the gradient is not 1.")
    not_this(value, STEP / 2 * GRADIENT, "Divide by the gradient: a larger one needs a smaller rate.")
    close(value, right, rel=0.02)


def _steps(answer: Any) -> None:
    value, right = whole(answer), steps_to_change()
    not_this(value, right - 1, "One short: after so many steps the copy is still just below the middle.")
    whole_step = math.ceil(STEP / (RATE * GRADIENT))
    not_this(value, whole_step, "By then it has gone a whole step; rounding changes from the half.")
    not_this(value, math.ceil(STEP / 2 / RATE), "The gradient is not 1: a step is rate times gradient.")
    if value != right:
        raise Wrong("Not yet: a step is rate times gradient; how many of them are half a step of the levels?")


def _momentum(answer: Any) -> None:
    value, right = number(answer), largest_change()
    not_this(value, MOMENTUM_RATE, "This is the first change; each one adds nine tenths of the one before.")
    not_this(value, MOMENTUM_RATE * (1 + DECAY), "This is the second change; it goes on.")
    not_this(value, 1 / (1 - DECAY), "The sum of 1, 0.9, 0.81 ... is right; the rate is missing.", rel=1e-3)
    not_this(value, MOMENTUM_RATE / DECAY, "Divide by what is forgotten each time, not by what is kept.", rel=1e-3)
    close(value, right)


def _level_gradient(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: level_gradient.")
    codes, slopes = np.array(CODES), np.array(SLOPES)
    try:
        found = answer(codes, slopes, K)
    except Exception as error:  # whatever a learner's function does
        raise Wrong(f"level_gradient({codes.tolist()}, {slopes.tolist()}, {K}) failed: {error}") from None
    right = centroid_gradient(codes, slopes, K)
    counts = np.bincount(codes.ravel(), minlength=K)
    with np.errstate(invalid="ignore"):
        mean = right / counts
    raw = np.asarray(found, np.float64) if found is not None else np.zeros(0)
    if raw.shape == (K,) and np.allclose(raw[counts > 0], mean[counts > 0]):
        raise Wrong("This is the mean. Every weight moves with its level, so the gradients are summed.")
    value = array(found, (K,))
    last = np.zeros(K)
    last[codes] = slopes
    if np.allclose(value, last):
        raise Wrong("Only the last weight of each level counts here: g[codes] += ... adds once for each code.")
    if np.allclose(value, -right):
        raise Wrong("The sign: this is the step downhill, the gradient itself is wanted.")
    if not np.allclose(value, right):
        raise Wrong("Not yet: for each level, the sum of the gradients of the weights that have its code.")


def _what_moved(answer: Any) -> None:
    said = text(answer, ("weights", "scales", "biases", "pictures"))
    if said == "weights":
        raise Wrong("Look at the right plot again: how many weights have changed?")
    if said == "scales":
        raise Wrong("The quantizers stay as they are from the first step to the last.")
    if said == "pictures":
        raise Wrong("Both runs see the same pictures, and test with the same others.")


def _worth(answer: Any) -> None:
    value = whole(answer)
    if value not in TABLE:
        raise Wrong("One of 8, 4 and 2 is wanted.")
    gains = {bits: gain(bits) for bits in TABLE}
    best = max(gains, key=lambda bits: gains[bits])
    not_this(value, 8, "At 8 bits nothing was lost, so that there is nothing to win back.")
    if value != best:
        raise Wrong("Something is won here, but at another width the two rows do not even overlap.")


def _threshold(answer: Any) -> None:
    quantizer = getattr(answer, "quantizer", answer)
    if not isinstance(quantizer, Quantizer):
        raise Wrong("The explorer's quantizer is wanted: explorer.quantizer, after dragging.")
    if quantizer.format.name != FORMAT:
        raise Wrong(f"This quantizer has the format {quantizer.format.title}; the one of the explorer is meant.")
    least = quantizers(trained(0)[0], FORMAT)[0]
    found, wanted = accuracy_with(quantizer), accuracy_with(least)
    if found > wanted:
        return
    shares = f"{found:.1%} are right; more than {wanted:.1%} are wanted."
    if math.isclose(quantizer.high, least.high, rel_tol=0.01):
        raise Wrong(f"{shares} This is the threshold of least squared error itself.")
    if quantizer.high > least.high:
        raise Wrong(f"{shares} Too wide: too many weights become 0.")
    raise Wrong(f"{shares} Too narrow: try the other side of the least squared error.")


EXERCISES = (
    Exercise(
        "06b.1",
        "From which rate on does an overwritten code move?",
        _least_rate,
        "Below it every step is lost, however many there are.",
    ),
    Exercise(
        "06b.2",
        "After how many steps does the float copy change its code?",
        _steps,
        "Small steps add up where nothing rounds them away.",
    ),
    Exercise(
        "06b.3",
        "What moved in the run whose codes were frozen?",
        _what_moved,
        "Ten plus thirty-two numbers in float did that.",
    ),
    Exercise(
        "06b.4",
        "What does the change tend to under momentum?",
        _momentum,
        "Momentum makes steady steps ten times as long here, so it also unfreezes a few codes.",
    ),
    Exercise(
        "06b.5",
        "Write the gradient of shared levels.",
        _level_gradient,
        "A level without weights has the gradient 0, and stays.",
    ),
    Exercise(
        "06b.6",
        "Drag to a threshold that is better than the one of least squared error.",
        _threshold,
        "The squared error of weights is a good guide, but it is not the loss.",
    ),
    Exercise(
        "06b.7",
        "At which width does finetuning win most?",
        _worth,
        "Where rounding does little harm, there is little to be repaired.",
    ),
)
