"""Judges of lesson 02, numbers: patterns, range and precision, overflow, subnormals, loss scaling, Flexpoint."""

from functools import cache
from typing import Any

import numpy as np

from workbench.demo import data, model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, whole
from workbench.numerics.arithmetic.flexpoint import shared_exponent
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.quantizer import Quantizer

PATTERN = ("0", "10001", "1010000000")  # fp16: sign, exponent, mantissa
LARGEST_BESIDE = 1000.0


def rounded(name: str, values: Any) -> np.ndarray:
    """float32: what a format without a scale makes of values."""
    return Quantizer.covering(name, -1.0, 1.0).fake_quantize(np.asarray(values, np.float32))


def first_lost(name: str) -> int:
    """The smallest positive whole number that a format cannot hold."""
    numbers = np.arange(1, 2**13)
    return int(numbers[rounded(name, numbers) != numbers][0])


def first_infinite() -> int:
    """The smallest whole number that fp16 makes infinite."""
    numbers = np.arange(2**16 + 1)
    return int(numbers[np.isinf(rounded("fp16", numbers))][0])


def subnormals() -> int:
    """How many positive subnormal numbers fp16 has."""
    levels = FORMATS["fp16"].unit_levels()
    assert levels is not None
    return int(((levels > 0) & (levels < 2.0**-14)).sum())


@cache
def squared_gradients() -> np.ndarray:
    """float32 (450, 10): squares of the loss gradient at the logits of the built-in network, as the lesson has them."""
    _, evaluation, labels = data()
    logits = model().chain.run({"image": evaluation})["logits"]
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    return np.asarray(((share - np.eye(10, dtype=np.float32)[labels]) / np.float32(len(labels))) ** 2)


def vanishing_border() -> float:
    """Beside `LARGEST_BESIDE`, numbers up to this one become 0 in Flexpoint's shared exponent: half a step."""
    return float(np.ldexp(0.5, shared_exponent([LARGEST_BESIDE])))


def _pattern(answer: Any) -> None:
    value = number(getattr(answer, "value", answer))
    sign, exponent, mantissa = (int(bits, 2) for bits in PATTERN)
    right = float(np.array([sign << 15 | exponent << 10 | mantissa], np.uint16).view(np.float16)[0])
    power = 2.0 ** (exponent - 15)
    not_this(value, 0.1, "This is the number that the explorer began with: type or drag another one.", rel=1e-3)
    not_this(value, mantissa / 1024 * power, "The leading 1 is missing: it is not stored, but it counts.")
    not_this(value, (1 + mantissa / 1024) * 2.0**exponent, "The bias is missing: the exponent field is 15 too large.")
    not_this(value, 1 + mantissa / 1024, "The exponent is missing: multiply by a power of two.")
    close(value, right, rel=1e-6, near="The power of two may be right; look at the mantissa's share again.")


def _first_lost(answer: Any) -> None:
    fp16, bf16 = array(answer, (2,))
    right = first_lost("fp16"), first_lost("bf16")
    if (fp16, bf16) == right[::-1]:
        raise Wrong("Both numbers are there, in the other order: fp16 first.")
    for value, wanted, name in ((fp16, right[0], "fp16"), (bf16, right[1], "bf16")):
        not_this(value, wanted - 1, f"{name}: this one is still held, being a power of two. What comes next?")
        not_this(value, (wanted - 1) / 2 + 1, f"{name}: count the leading 1 too; there is one more bit of precision.")
        if value > 60000:
            raise Wrong(f"{name}: this is about the range. Long before it ends, whole numbers are left out.")
        if value != wanted:
            raise Wrong(
                f"{name} is not right yet. Its neighbours around 2^p are 2 apart, p being its bits of precision."
            )


def _first_infinite(answer: Any) -> None:
    value, right = whole(answer), first_infinite()
    largest = int(FORMATS["fp16"].largest)
    not_this(value, largest, "This is the largest finite number itself: it stays.")
    not_this(value, largest + 1, "This one is nearer to the largest finite number, and is rounded down to it.")
    not_this(value, 2**16, "This one does become infinity, but smaller ones do too.")
    not_this(value, right - 1, "Very close: this one still goes down. What does the tie do?")
    if value != right:
        raise Wrong("Not yet. Where is the middle between the largest number and the one that would come next?")


def _subnormals(answer: Any) -> None:
    value, right = whole(answer), subnormals()
    not_this(value, right + 1, "Zero has exponent field 0 as well, but it is no positive number.")
    not_this(value, 2 * right, "Only the positive ones are asked for.")
    not_this(value, right + 2**10, "Two exponents are in this: subnormals have the field 0 alone.")
    if value != right:
        raise Wrong("Not yet: the exponent field is 0, so how many different mantissas are left?")


def _loss_scale(answer: Any) -> None:
    exponent = whole(answer)
    if exponent > 126:
        raise Wrong("The exponent k of the factor 2^k is wanted, not the factor.")
    if exponent < 0:
        raise Wrong("With a negative exponent the values become even smaller.")
    with np.errstate(over="ignore"):
        scaled = squared_gradients() * np.float32(2.0**exponent)
        held = rounded("fp16", scaled)
    zeros, infinite = int((held == 0).sum()), int(np.isinf(held).sum())
    if zeros:
        raise Wrong(f"{zeros} of {held.size} values still become 0: they need a larger factor.")
    if infinite:
        raise Wrong(
            f"Nothing becomes 0, but {infinite} of {held.size} values become infinite: the factor is too large."
        )


def _vanishing(answer: Any) -> None:
    value, right = number(answer), vanishing_border()
    not_this(value, 2 * right, "This is the step. What lies above half of it is rounded up, and survives.", rel=1e-2)
    top = LARGEST_BESIDE / 32767
    words = "The step is no quotient of 1000: it is a power of two, the smallest that lets 1000 fit into 16 bits."
    not_this(value, top, words, rel=1e-3)
    not_this(value, top / 2, words, rel=1e-3)
    if 0 < value < 1e-6:
        raise Wrong("That would be a float with an exponent of its own. Here 1000 decides for all.")
    close(value, right, rel=1e-2, near="Close: half of a step is wanted, and the step is a power of two.")


EXERCISES = (
    Exercise(
        "02.1",
        "Which number has this fp16 pattern?",
        _pattern,
        "Sign, power of two, and a one in front of the mantissa: that is every normal float.",
    ),
    Exercise(
        "02.2",
        "Which is the first whole number that fp16, and that bfloat16, cannot hold?",
        _first_lost,
        "Precision is the number of bits with the hidden one: 11 and 8.",
    ),
    Exercise(
        "02.3",
        "Which is the smallest whole number that becomes infinity in fp16?",
        _first_infinite,
        "The tie goes to the even neighbour, and that would be the power of two which does not exist any more.",
    ),
    Exercise(
        "02.4",
        "How many positive subnormal numbers does fp16 have?",
        _subnormals,
        "They fill the gap around zero with even steps.",
    ),
    Exercise(
        "02.5",
        "Which power of two lets fp16 hold every squared gradient?",
        _loss_scale,
        "This is loss scaling. With bfloat16 there is nothing to be tuned.",
    ),
    Exercise(
        "02.6",
        "Beside 1000, up to which size do numbers become 0 in Flexpoint?",
        _vanishing,
        "One large value decides what becomes of all the small ones.",
    ),
)
