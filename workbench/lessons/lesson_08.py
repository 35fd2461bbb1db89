"""Judges of lesson 08, export and deploy: what is in a file, how devices compute, what they can express."""

import math
from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import close, not_this, number, whole
from workbench.models.model import Model
from workbench.numerics.quantizer import Quantizer
from workbench.workflow.calibrate import calibrate
from workbench.workflow.choose import choose
from workbench.workflow.profiles.catalogue import PROFILES
from workbench.workflow.recipe import Recipe

N_SAMPLES = 64
CODE_AT = (5, 0, 1, 1)  # in the first weight
BIAS_OF = 3  # class
HALF_AT = (0, 0, 0, 0)
FACTOR_OF_HALVES = 1 / 8
MOUSE_TENSOR = "blocks.0.expand.relu_out"
FACTOR, SHIFTER, LARGEST_SCALING = 0.0025, 22, 2**15 - 1


@cache
def network() -> Model:
    return model()


@cache
def recipe(symmetric: bool = False) -> Recipe:
    """The one of the notebook."""
    return choose(network(), calibrate(network(), data()[0][:N_SAMPLES]), symmetric=symmetric)


def stored_value() -> float:
    """The real number that the asked code of the first weight stands for."""
    weight = network().tensors["stem.conv.weight"].array()
    return float(recipe()["stem.conv.weight"].quantizer.fake_quantize(weight)[CODE_AT])


def bias_scale() -> float:
    """Of the asked class: scale of the layer's input times scale of its weights for that class."""
    s_x, s_w = recipe()["head.flatten_out"].quantizer.scale, recipe()["head.classifier.weight"].quantizer.scale
    return float(s_x) * float(s_w[BIAS_OF])


def half_bits() -> int:
    """Bits of the asked weight in float16, as a whole number."""
    return int(np.float16(network().tensors["stem.conv.weight"].array()[HALF_AT]).view(np.uint16))


def written_threshold() -> float:
    """The largest value that the cache's line lets through: 127 times its scale."""
    return 127 * float(recipe(symmetric=True)[MOUSE_TENSOR].quantizer.scale)


def scaling() -> int:
    return round(FACTOR * 2**SHIFTER)


def _stored(answer: Any) -> None:
    value, right = number(answer), stored_value()
    quantizer = recipe()["stem.conv.weight"].quantizer
    float_weight = float(network().tensors["stem.conv.weight"].array()[CODE_AT])
    scales = quantizer.scale.astype(np.float64)
    code = right / scales[CODE_AT[0]]
    not_this(value, code, "That is the code. What real number does it stand for?", rel=1e-4)
    not_this(value, float_weight, "That is the weight before it was quantized; the file does not hold it.")
    for channel, scale in enumerate(scales):
        if channel != CODE_AT[0]:
            not_this(value, code * scale, "The code is right, the scale is that of another channel.", rel=1e-4)
    formula = "Not yet: real = scale * (code - zero point); the zero point of weights is 0 here."
    close(value, right, rel=1e-4, near=formula, far=formula)


def _bias(answer: Any) -> None:
    value, scale = number(answer), bias_scale()
    bias = float(network().tensors["head.classifier.bias"].array()[BIAS_OF])
    s_x = float(recipe()["head.flatten_out"].quantizer.scale)
    right = round(bias / scale)
    not_this(value, bias, "That is the bias itself. How many steps of its scale is it?", rel=1e-3)
    not_this(value, round(bias / (scale / s_x)), "Only the weights' scale was taken; the input has one too.")
    not_this(value, round(bias / s_x), "Only the input's scale was taken; the weights of the class have one too.")
    not_this(value, -right, "The size is right, the sign is not.")
    if value != round(value):
        raise Wrong("This is not rounded yet: a code is a whole number.")
    if abs(value - right) > 1:  # the last bit of a float32 scale may tip a half
        raise Wrong("Divide the bias by the scale of the products, input scale times weight scale, then round.")


def _half(answer: Any) -> None:
    value = whole(answer)
    exact = value * FACTOR_OF_HALVES
    if not math.isclose(exact % 1, 0.5):
        raise Wrong(f"{value} / 8 = {exact:g} is no half: both rules give the same code.")
    if math.floor(exact + 0.5) != round(exact) if exact > 0 else math.ceil(exact - 0.5) != round(exact):
        return
    raise Wrong(f"{value} / 8 = {exact:g} is a half, but here both rules go the same way. Which way is even?")


def _bits(answer: Any) -> None:
    if isinstance(answer, str):
        raise Wrong("Without quotes: Python takes 0x... (hexadecimal) and 0b... (bits) for whole numbers.")
    value, right = whole(answer), half_bits()
    weight = np.float32(network().tensors["stem.conv.weight"].array()[HALF_AT])
    upper = int(weight.view(np.uint32)) >> 16
    not_this(value, upper, "Those are the upper 16 bits of the float32: that would be bfloat16.")
    not_this(value, int(weight.view(np.uint32)), "Those are the 32 bits of the float32.")
    not_this(value, right ^ 0x8000, "All right but the sign, the first of the 16 bits.")
    swapped = (right & 255) << 8 | right >> 8
    not_this(value, swapped, "The two bytes are the wrong way round: little endian, the low one comes first.")
    if abs(value - right) == 1:
        raise Wrong("Nearly: the last bit. Round to the nearest float16.")
    if value != right:
        raise Wrong("Not these bits: np.float16(...).view(np.uint16) shows them, or wb.numbers.")


def _threshold(answer: Any) -> None:
    value = float(np.max(answer.high)) if isinstance(answer, Quantizer) else number(answer)
    right, largest = written_threshold(), _largest()
    not_this(value, largest, "The handle is still at the largest value; the cache lets less through.", rel=0.005)
    not_this(value, right / 127, "That is the scale of the line. The threshold is what code 127 means.", rel=0.02)
    not_this(value, right * 127, "127 times too often: the line holds a scale, not a threshold.", rel=0.02)
    if not math.isclose(value, right, rel_tol=0.02):
        side = "left" if value > right else "right"
        raise Wrong(f"{value:.2f} is not within 2 % of what the line says. Drag to the {side}.")


@cache
def _largest() -> float:
    values = network().chain.run({"image": data()[0][:N_SAMPLES]}, keep=[MOUSE_TENSOR])[MOUSE_TENSOR]
    return float(values.max())


def _for_nvdla(answer: Any) -> None:
    if isinstance(answer, tuple) and answer and isinstance(answer[0], Recipe):
        raise Wrong("These are a recipe and remarks, as wb.fitted_to gives them; the recipe alone is wanted.")
    if not isinstance(answer, Recipe):
        raise Wrong("A recipe is wanted, as wb.choose, wb.tied and wb.fitted_to give it.")
    missing = [name for name in recipe() if name not in answer]
    if missing:
        raise Wrong(
            f"{len(missing)} tensors are left float (first: {missing[0]!r}); all that were int8 are to stay so."
        )
    refused = PROFILES["nvdla"].refusals(network(), answer)
    if any("zero point" in sentence and "symmetric" in sentence for sentence in refused):
        raise Wrong(f"NVDLA refuses {len(refused)} tensors: it has no zero points.")
    if refused:
        raise Wrong(f"Nearly; NVDLA still refuses {len(refused)} tensors: {refused[0]}")


def _converter(answer: Any) -> None:
    value, right = number(answer), scaling()
    not_this(value, FACTOR * 2**SHIFTER, "The register holds whole numbers: round it.")
    not_this(value, math.floor(FACTOR * 2**SHIFTER), "Cut off; the nearest whole number is closer to the factor.")
    if value > LARGEST_SCALING:
        raise Wrong(f"This does not fit: 16 bits with a sign end at {LARGEST_SCALING}.")
    not_this(
        value, round(1 / FACTOR), "That is 1 / M. The product is shifted right by the shifter: divided by a power."
    )
    for shift in range(SHIFTER):
        not_this(value, round(FACTOR * 2**shift), f"That belongs to a shift of {shift}; here it is {SHIFTER}.")
    if value != right:
        raise Wrong("scaling / 2^shifter is to come as near to M as it can.")


EXERCISES = (
    Exercise("08.1", "Which real number does a stored code stand for?", _stored, "One scale for each output channel."),
    Exercise(
        "08.2",
        "Which int32 code does a bias get?",
        _bias,
        "The bias has no scale of its own: it has that of the products.",
    ),
    Exercise(
        "08.3",
        "For which accumulator do two rules of rounding halves differ?",
        _half,
        "Every second half, and nothing else, depends on the rule.",
    ),
    Exercise("08.4", "Which 16 bits is a weight stored as?", _bits, "A true float16: two bytes in the file."),
    Exercise(
        "08.5",
        "Drag the handle to the threshold that a line of a cache stands for.",
        _threshold,
        "Four bytes, most significant first, times 127.",
    ),
    Exercise("08.6", "Make a recipe that NVDLA takes.", _for_nvdla, "No zero points, and pooling keeps one scale."),
    Exercise(
        "08.7",
        "Which scaling does NVDLA's converter need?",
        _converter,
        "A whole number and a shift: the device has no real factor.",
    ),
)
