"""Judges of lesson 03, uniform quantization: scale, zero point, s^2/12, rounding, Q formats, requantization."""

import math
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, whole
from workbench.numerics.arithmetic import tensorflow
from workbench.numerics.arithmetic.affine import affine_parameters
from workbench.numerics.arithmetic.q_format import QFormat, multiply_accumulate
from workbench.numerics.arithmetic.requantization import fixed_multiplier, requantize, unrounded
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.quantizer import Quantizer

RANGES = ((-1.0, 3.0), (-0.5, 0.25), (0.0, 6.0), (2.0, 5.0), (-4.0, -1.0))
TARGET_DB = 50.0
TF_RANGE = (-10.0, 30.0)
Q_INPUT, Q_WEIGHT, Q_BIAS, Q_OUTPUT = QFormat(3, 4), QFormat(0, 7), QFormat(2, 5), QFormat(4, 3)
LARGEST_X, LARGEST_W = 255, 127
ACCUMULATORS, FACTOR, ZERO_POINT = (9100, -6000), 0.0025, 12


def relu_gain_db() -> float:
    """dB that uint8 is better by than symmetric int8 on the first Relu of the built-in network, both min-max."""
    relu = model().chain.run({"image": data()[0][:64]}, keep=["stem.relu_out"])["stem.relu_out"]
    top = float(relu.max())
    signed, unsigned = Quantizer.covering("int8", -top, top), Quantizer.covering("uint8", 0.0, top)
    return measured_error(relu, unsigned).sqnr_db - measured_error(relu, signed).sqnr_db


def predicted_db(bits: int) -> float:
    """SQNR of evenly spread values in [-1, 1] under symmetric narrow codes of `bits` bits, from s^2 / 12."""
    step = 1 / (2 ** (bits - 1) - 1)
    return 10 * math.log10((1 / 3) / (step**2 / 12))


def fewest_bits() -> int:
    return next(bits for bits in range(2, 33) if predicted_db(bits) >= TARGET_DB)


def drift_in_steps() -> float:
    """Mean error in steps of the rule that subtracts first, read back with a minimum rounded to a whole step."""
    values = np.linspace(*TF_RANGE, 40_001)[200:-200]  # the ends, where codes are clamped, left out
    codes = tensorflow.min_first_drifting(values, *TF_RANGE)
    back = tensorflow.dequantize_min_rounded(codes, *TF_RANGE)
    return float((back - values).mean() / tensorflow.step(*TF_RANGE))


def _parameters(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: my_parameters.")
    for low, high in RANGES:
        try:
            scale, zero_point = answer(low, high)
        except Exception as error:  # whatever a learner's function does
            raise Wrong(f"my_parameters({low}, {high}) should return scale, zero_point: {error}") from None
        _one_range(low, high, number(scale), number(zero_point))


def _one_range(low: float, high: float, scale: float, zero_point: float) -> None:
    right, place = affine_parameters(low, high, 0, 255), f"For [{low:g}, {high:g}]: "
    width = high - low
    not_this(scale, right.scale * 255 / 256, f"{place}256 codes have only 255 steps between them.")
    if low > 0 or high < 0:
        not_this(scale, width / 255, f"{place}0 has to lie in the range; widen it first.")
    close(
        scale, right.scale, rel=1e-5, near=f"{place}the scale is not right yet.", far=f"{place}the scale is not right."
    )
    if zero_point != round(zero_point):
        raise Wrong(f"{place}the zero point is a code, so a whole number: round it.")
    if right.zero_point:
        not_this(zero_point, -right.zero_point, f"{place}the zero point has the wrong sign: which code means 0?")
    if abs(zero_point - right.unrounded) > 0.5 + 1e-9:
        raise Wrong(f"{place}the scale is right, the zero point is not. Which code does the real 0 get?")


def _relu_gain(answer: Any) -> None:
    value, right = number(answer), relu_gain_db()
    not_this(value, -right, "Uint8 is the better one: take it minus int8.", rel=0.05)
    not_this(value, 4.0, "This is the ratio of squared errors; in decibels it is 10 log10 of it.", rel=0.01)
    not_this(value, 2.0, "This is the ratio of the steps; the error is squared, and then in decibels.", rel=0.01)
    not_this(value, right / 2, "Half of it: the step halves, and the squared error falls to a quarter.", rel=0.05)
    close(value, right, rel=0.05)


def _bits(answer: Any) -> None:
    value, right = whole(answer), fewest_bits()
    if value == right - 1:
        raise Wrong(f"Almost: this gives {predicted_db(value):.1f} dB, and {TARGET_DB:g} are wanted.")
    if value > right:
        raise Wrong("That is enough, but fewer are enough too.")
    if value < right:
        raise Wrong("Too few: each bit is worth about 6 dB, and the signal is 1/3, not 1.")


def _drift(answer: Any) -> None:
    value, right = number(answer), drift_in_steps()
    not_this(value, right * tensorflow.step(*TF_RANGE), "This is in real units; in steps it is wanted.", rel=0.02)
    not_this(value, -right, "The size is right: do the values come out too small or too large?", rel=0.02)
    if abs(value) < 0.02:
        raise Wrong("That is the mean error of the rule that rounds both apart. The other one drifts.")
    close(value, right, rel=0.02, far="Compare the minimum in steps with what it is rounded to.")


def _shifts(answer: Any) -> None:
    left, right = array(answer, (2,))
    example = multiply_accumulate([1.0], [0.5], 0.5, Q_INPUT, Q_WEIGHT, Q_BIAS, Q_OUTPUT)
    wanted = float(example.bias_shift_left), float(example.output_shift_right)
    if (left, right) == wanted:
        return
    if (left, right) == wanted[::-1]:
        raise Wrong("Both numbers are there, in the other order: the bias first.")
    if left == Q_INPUT.fraction_bits - Q_BIAS.fraction_bits or left == Q_WEIGHT.fraction_bits - Q_BIAS.fraction_bits:
        raise Wrong("The bias is added to a product: that has the fraction bits of both factors.")
    if left == Q_INPUT.integer_bits + Q_WEIGHT.integer_bits - Q_BIAS.integer_bits:
        raise Wrong("Those are the integer bits, before the point. Shifts bring the fraction bits in line.")
    raise Wrong(f"The {'bias' if left != wanted[0] else 'output'} shift is not right yet: count fraction bits.")


def _terms(answer: Any) -> None:
    value, right = whole(answer), (2**31 - 1) // (LARGEST_X * LARGEST_W)
    not_this(value, (2**32 - 1) // (LARGEST_X * LARGEST_W), "An int32 has a sign, which leaves 31 bits for the size.")
    not_this(value, (2**15 - 1) // (LARGEST_X * LARGEST_W), "That is how many an int16 holds.")
    not_this(value, right + 1, "One too many: round down, or the last product overflows.")
    if value != right:
        raise Wrong("Divide the largest int32 by the largest product.")


def _requantized(answer: Any) -> None:
    first, second = array(answer, (2,))
    wanted = requantize(ACCUMULATORS, fixed_multiplier(FACTOR), ZERO_POINT).astype(np.float64)
    exact = unrounded(ACCUMULATORS, FACTOR, ZERO_POINT)
    if (first, second) == tuple(wanted):
        return
    if first == round(exact[0] - ZERO_POINT):
        raise Wrong("The zero point of the result is missing: it is added after the multiplication.")
    if first == math.floor(exact[0]):
        raise Wrong("The first one was cut off: round to the nearest.")
    if first != round(first) or second != round(second):
        raise Wrong("These are not rounded yet: codes are whole numbers.")
    if second < 0 or second > 255:
        raise Wrong("The second one is no code of uint8: it saturates at an end.")
    if second == round(exact[1]) % 256:
        raise Wrong("The second one has wrapped around. Kernels saturate: below the range comes its lowest code.")
    raise Wrong("Not yet: accumulator times M, plus the zero point, rounded, then clamped to 0..255.")


EXERCISES = (
    Exercise(
        "03.1",
        "Write the function that finds scale and zero point of uint8.",
        _parameters,
        "Zero has a code of its own in every range.",
    ),
    Exercise(
        "03.2",
        "How many dB does uint8 win over symmetric int8 on a Relu?",
        _relu_gain,
        "Half of the codes were for values that never come: one bit, 6 dB.",
    ),
    Exercise(
        "03.3",
        "How few bits give 50 dB on evenly spread values?",
        _bits,
        "6 dB a bit, and the formula says where to begin.",
    ),
    Exercise(
        "03.4",
        "By how many steps does the older TensorFlow rule drift?",
        _drift,
        "A small push, but the same for every value, and layers add it up.",
    ),
    Exercise(
        "03.5",
        "Which shifts bring bias and output in line?",
        _shifts,
        "Fraction bits add in a product; everything else follows.",
    ),
    Exercise(
        "03.6",
        "How many products does an int32 accumulator surely hold?",
        _terms,
        "A layer with that many inputs to one output is rare.",
    ),
    Exercise(
        "03.7",
        "Requantize two accumulators.",
        _requantized,
        "This is all that an integer kernel does after its sums.",
    ),
)
