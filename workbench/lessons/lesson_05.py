"""Lesson 05, layers: BatchNorm folded by hand, channels that vanish, one scale a channel, the cosine rule, Adds."""

import math
from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, whole
from workbench.lessons.unfolded import before_folding
from workbench.models.model import Model
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.calibrate import calibrate
from workbench.workflow.calibration import Calibration
from workbench.workflow.choose import choose
from workbench.workflow.recipe import Recipe
from workbench.workflow.simulate import simulate

DEPTHWISE = ("blocks.0.depthwise.conv.weight", "blocks.1.depthwise.conv.weight")
N_CALIBRATION, N_EVALUATION = 64, 200
SMALL_CHANNEL, WANTED_DB = 8, 20.0
COSINE = 0.98


@cache
def network(hard: bool) -> tuple[Model, Calibration]:
    """The built-in network or its hard twin, calibrated as in the notebook."""
    loaded = model(hard)
    return loaded, calibrate(loaded, data()[0][:N_CALIBRATION])


def output_db(hard: bool, recipe: Recipe) -> float:
    """SQNR of the logits, dB, on the notebook's pictures."""
    return simulate(network(hard)[0], recipe, data()[1][:N_EVALUATION]).outputs["logits"].sqnr_db


def folded(
    weight: np.ndarray, gamma: float, beta: float, mean: float, variance: float, epsilon: float
) -> tuple[np.ndarray, float]:
    """Weight and bias of one channel with its BatchNorm folded in.

    Source: Jacob et al. 2018 (arXiv:1712.05877), 3.2.
    """
    factor = gamma / math.sqrt(variance + epsilon)
    return factor * weight, beta - factor * mean


def zero_channels(name: str = DEPTHWISE[1]) -> int:
    """Channels of a weight of the hard twin that int8 with one scale for the tensor rounds to zeros."""
    return int((~_codes(name).any(axis=1)).sum())


def _codes(name: str) -> np.ndarray:
    weight = model(hard=True).tensors[name].array()
    top = float(np.abs(weight).max())
    return Quantizer.covering("int8", -top, top).encode(weight).reshape(len(weight), -1)


def with_channels(*names: str) -> float:
    """Output SQNR of the hard twin, dB, with one scale a channel for these weights only; all of them for none."""
    loaded, calibration = network(True)
    whole_tensors, channels = (choose(loaded, calibration, per_channel=each) for each in (False, True))
    return output_db(True, whole_tensors.with_choices(*(channels[name] for name in names)) if names else channels)


def new_tensors() -> int:
    """How many more tensors are quantized with `residual_adds=True`."""
    loaded, calibration = network(False)
    return len(choose(loaded, calibration, residual_adds=True)) - len(choose(loaded, calibration))


def _fold(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: my_fold.")
    norm = before_folding(network(False)[0], "stem.conv")
    parts = (norm.gamma, norm.beta, norm.mean, norm.variance)
    cases = [(norm.weight[c].astype(np.float64), [float(part[c]) for part in parts]) for c in (0, 7, 13)]
    cases.append((np.full((1, 3, 3), 0.5), [1.5, 0.25, -0.75, 0.0004]))  # epsilon shows
    for weight, (gamma, beta, mean, variance) in cases:
        _one_channel(answer, weight, gamma, beta, mean, variance, norm.epsilon)


def _one_channel(
    answer: Any, weight: np.ndarray, gamma: float, beta: float, mean: float, variance: float, epsilon: float
) -> None:
    try:
        found = answer(weight.copy(), gamma, beta, mean, variance, epsilon)
        new_weight, new_bias = found
    except Exception as error:  # whatever a learner's function does
        raise Wrong(f"my_fold should return the new weight and the new bias: {error}") from None
    values, bias = array(new_weight, weight.shape), number(new_bias)
    right_weight, right_bias = folded(weight, gamma, beta, mean, variance, epsilon)

    def is_weight(factor: float) -> bool:
        return bool(np.allclose(values, factor * weight, rtol=1e-6, atol=1e-12))

    if is_weight(gamma / (variance + epsilon)):
        raise Wrong("The weight is divided by the variance; the standard deviation is its square root.")
    if is_weight(gamma / math.sqrt(variance)):
        raise Wrong("Nearly: epsilon is missing under the root, and with a small variance that shows.")
    if is_weight(1.0):
        raise Wrong("The weight is as it was: it is multiplied by f, too.")
    if not np.allclose(values, right_weight, rtol=1e-6, atol=1e-12):
        raise Wrong("The new weight is not right: each value of the channel is multiplied by the one factor f.")
    not_this(bias, beta, "The bias lacks the mean: a convolution that gives exactly the mean comes out as beta.")
    not_this(bias, beta - mean, "The mean passes through f as everything before the BatchNorm does.")
    not_this(bias, beta + right_weight.flat[0] / weight.flat[0] * mean, "The mean is subtracted, not added.")
    close(bias, right_bias, rel=1e-6, near="The bias is not right yet.", far="The bias is not right.")


def _zeros(answer: Any) -> None:
    value = whole(answer)
    if value == zero_channels():
        return
    codes = _codes(DEPTHWISE[1])
    not_this(value, zero_channels(DEPTHWISE[0]), "That is the tensor of the first block; the second one is wanted.")
    not_this(value, int((codes == 0).sum()), "Those are single weights; channels with nothing but zeros are wanted.")
    not_this(value, int((codes == 0).any(axis=1).sum()), "Those have a zero somewhere; all codes have to be 0.")
    not_this(value, int(codes.any(axis=1).sum()), "Those are the channels that live.")
    if value == 0:
        raise Wrong("There are some: use one scale for the whole tensor, not one a channel.")
    raise Wrong("Not this number: encode the weight, then ask of each channel whether all codes are 0.")


def _dragged(answer: Any) -> None:
    if not isinstance(answer, Quantizer):
        raise Wrong("The quantizer of the picture is wanted: explorer.quantizer.")
    if answer.n_groups > 1:
        raise Wrong("One threshold for the whole tensor is wanted here, not one a channel.")
    if answer.format.bits != 8:
        raise Wrong("Stay with int8: the handle is what is to be moved.")
    weight = model(hard=True).tensors[DEPTHWISE[0]].array()
    top, size = float(np.abs(weight).max()), float(np.abs(weight[SMALL_CHANNEL]).max())
    reached = measured_error(weight[SMALL_CHANNEL], answer).sqnr_db
    if reached >= WANTED_DB:
        return
    said = f"Channel {SMALL_CHANNEL} has {reached:.1f} dB, {WANTED_DB:g} are wanted."
    if answer.high >= 0.99 * top:
        raise Wrong(f"{said} The handle is still at the largest weight: drag it to the left.")
    if answer.high < size:
        raise Wrong(f"{said} That was too far: now channel {SMALL_CHANNEL} itself is clipped.")
    raise Wrong(f"{said} The right way: further to the left.")


def _both(answer: Any) -> None:
    value, right = number(answer), with_channels(*DEPTHWISE)
    nothing, (first, second) = output_db(True, _per_tensor()), (with_channels(name) for name in DEPTHWISE)
    for one in (first, second):
        not_this(value, one, "That is one of the two alone; give both a scale for each channel.", rel=0.02)
    not_this(value, first + second - nothing, "Gains in dB do not add up; run the network with both.", rel=0.02)
    not_this(value, with_channels(), "That is with all weights per channel; only the two depthwise ones.", rel=0.02)
    not_this(value, right - nothing, "That is the gain; the SQNR itself is wanted.", rel=0.02)
    words = "Not this value: take both choices from `channels`, put them into `whole`, then simulate."
    close(value, right, rel=0.02, near=words, far=words)


def _per_tensor() -> Recipe:
    return choose(*network(True), per_channel=False)


def _decibels(answer: Any) -> None:
    value, signal = number(answer), COSINE**2 / (1 - COSINE**2)
    not_this(value, -10 * math.log10(signal), "The size is right; signal over error is more than 1.", rel=0.02)
    not_this(value, 20 * math.log10(signal), "These are powers already: 10 log10, not 20.", rel=0.02)
    not_this(value, -10 * math.log10(1 - COSINE), "1 - cosine is no power: square the cosine first.", rel=0.01)
    not_this(value, signal, "That is the ratio; in dB it is 10 log10 of it.", rel=0.02)
    words = "A right triangle: cosine² is the signal's share of the power. Take the ratio of both shares, in dB."
    close(value, 10 * math.log10(signal), rel=0.03, near=words, far=words)


def _adds(answer: Any) -> None:
    value, right = whole(answer), new_tensors()
    loaded, calibration = network(False)
    inputs = sum(len(layer.inputs) for layer in loaded.layers if layer.op_type == "Add")
    not_this(value, inputs, "So many inputs the Adds have; but some are quantized already, for a Conv that reads them.")
    not_this(value, len(choose(loaded, calibration, residual_adds=True)), "That is all of them; only the new ones.")
    if value == 0:
        raise Wrong("Some are new: compare the names in both recipes.")
    if value != right:
        raise Wrong("Compare the two recipes: names in the second that the first does not have.")


EXERCISES = (
    Exercise(
        "05.1",
        "Fold a BatchNorm into one channel of a convolution.",
        _fold,
        "Weight and bias of the file are now what the chip computes with.",
    ),
    Exercise(
        "05.2",
        "How many channels of the second depthwise weight vanish?",
        _zeros,
        "And the SQNR of the whole tensor does not tell.",
    ),
    Exercise(
        "05.3",
        "Drag until a small channel is well represented.",
        _dragged,
        "Now read what it does to the large ones: no single threshold serves both.",
    ),
    Exercise(
        "05.4",
        "What do two depthwise weights per channel give at the output?",
        _both,
        "Two faults that hide each other: each repair alone hardly helps.",
    ),
    Exercise(
        "05.5",
        "Which SQNR is a cosine of 0.98?",
        _decibels,
        "The rule and the decibels say the same thing.",
    ),
    Exercise(
        "05.6",
        "How many more tensors are quantized with residual Adds?",
        _adds,
        "A choice belongs to a tensor; all that read it see the same copy.",
    ),
)
