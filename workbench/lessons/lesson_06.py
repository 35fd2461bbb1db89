"""Judges of lesson 06, beyond uniform levels: codebooks, their size, logarithmic and binary codes, an own format."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workbench.demo import model
from workbench.lessons.exercise import Exercise, Wrong
from workbench.lessons.judging import array, close, not_this, number, whole
from workbench.numerics.arithmetic.binary import binary_scale
from workbench.numerics.arithmetic.logarithmic import PRINTED_Z, LogarithmicCode
from workbench.numerics.clipping.sweep import sweep
from workbench.numerics.codebooks.entropy_coding import code_entropy
from workbench.numerics.codebooks.finetuning import compression_ratio
from workbench.numerics.codebooks.lloyd import lloyd
from workbench.numerics.errors.measured import measured_error
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format
from workbench.numerics.quantizer import Quantizer
from workbench.numerics.statistics.sorted_sums import SortedSums

WEIGHT = "blocks.1.project.conv.weight"
DRAGGED = "nf4"
NEAR_DB = 0.15  # a hand on the handle needs no more
BITS = 4
COUNTS = (16, 8, 4, 2, 2)
LOGARITHMIC_VALUE = 5.0
BINARY_WEIGHTS = (0.9, -0.1, 0.3, -0.7)
ROUNDS = (
    ((1.0, 2.0, 3.0, 10.0, 12.0), (2.0, 9.0)),
    ((-1.0, -0.8, 0.1, 0.2, 0.4, 5.0), (-1.0, 0.0, 1.0, 5.0)),  # nothing is nearest to 1
)


def best_db(format: Format | str) -> float:
    """SQNR at the best threshold of a sweep over the lesson's weight."""
    return float(sweep(model().tensors[WEIGHT].distribution(), format).sqnr_db.max())


def ratio() -> float:
    """How many times smaller codes and codebook are than the weight in float32."""
    return compression_ratio(model().tensors[WEIGHT].array().size, BITS, 2**BITS)


def one_round(values: Sequence[float], levels: Sequence[float]) -> np.ndarray:
    """float64: levels after one round of k-means."""
    return lloyd(SortedSums.of(np.asarray(values, np.float32)), np.asarray(levels, np.float64), most_rounds=1).levels


def _dragged(answer: Any) -> None:
    quantizer = getattr(answer, "quantizer", answer)
    if not isinstance(quantizer, Quantizer):
        raise Wrong("The explorer's quantizer is wanted: explorer.quantizer, after dragging.")
    if quantizer.format.name != DRAGGED:
        raise Wrong(f"This quantizer has the format {quantizer.format.title}; the explorer of {DRAGGED} is meant.")
    weight = model().tensors[WEIGHT].array()
    top, threshold = float(np.abs(weight).max()), float(max(abs(quantizer.low), quantizer.high))
    if measured_error(weight, quantizer).sqnr_db >= best_db(DRAGGED) - NEAR_DB:
        return
    if threshold >= 0.99 * top:
        raise Wrong("The handle is still at the largest weight: drag it inwards, and watch the SQNR.")
    curve = sweep(model().tensors[WEIGHT].distribution(), DRAGGED)
    if threshold < curve.thresholds[curve.mse.argmin()]:
        raise Wrong("Too far in: the clipping error has grown beyond what the closer levels win.")
    raise Wrong("The right way, but not far enough: the SQNR still rises.")


def _ratio(answer: Any) -> None:
    value, right = number(answer), ratio()
    n, k = model().tensors[WEIGHT].array().size, 2**BITS
    not_this(value, 32 / BITS, "The codes alone: the levels have to be stored as well.")
    not_this(value, 32 * n / (n * BITS + k), "The levels are float32 numbers, of 32 bits each, not of one.", rel=1e-4)
    not_this(value, 1 / right, "Upside down: how many times smaller, so more than 1.", rel=1e-3)
    not_this(value, compression_ratio(n, k, k), "16 levels need no 16 bits: how many bits tell 16 apart?", rel=1e-3)
    close(value, right, rel=5e-3, near="Close, but not within 0.5%: count 2048 codes of 4 bits, and 16 levels of 32.")


def _one_round(answer: Any) -> None:
    if not callable(answer):
        raise Wrong("The function itself is wanted, without brackets: one_round.")
    for values, levels in ROUNDS:
        given = np.array(values), np.array(levels)
        try:
            found = array(answer(*given), (len(levels),))
        except Wrong as wrong:
            raise Wrong(
                f"one_round({list(values)}, {list(levels)}): {wrong} A level that nothing is near stays."
            ) from None
        except Exception as error:  # whatever a learner's function does
            raise Wrong(f"one_round({list(values)}, {list(levels)}) failed: {error}") from None
        _moved(found, *given)


def _moved(found: np.ndarray, values: np.ndarray, levels: np.ndarray) -> None:
    right = one_round(values.tolist(), levels.tolist())
    nearest = np.abs(values[:, None] - levels).argmin(axis=1)
    sums = np.bincount(nearest, values, levels.size)
    used = np.bincount(nearest, minlength=levels.size) > 0
    if np.allclose(found, right, atol=1e-6):
        return
    if np.allclose(found, levels):
        raise Wrong("The levels have not moved: each goes to the mean of the values that are nearest to it.")
    if np.allclose(found, sums):
        raise Wrong("These are sums; the mean of the values that share a level is wanted.")
    if np.allclose(found[used], right[used], atol=1e-6):
        raise Wrong("Nearly: a level that no value is nearest to stays where it is.")
    raise Wrong("Not yet. First the nearest level of each value, then the mean of the values of each level.")


def _entropy(answer: Any) -> None:
    value, right = number(answer), code_entropy(COUNTS)
    not_this(value, np.log2(len(COUNTS)), "That would be so if all five codes were equally frequent.", rel=1e-2)
    not_this(value, np.ceil(np.log2(len(COUNTS))), "These are the bits of a fixed code; frequent codes can have fewer.")
    not_this(value, right * np.log(2), "The natural logarithm gives nats; bits need the logarithm to base 2.", rel=1e-2)
    not_this(value, -right, "The shares are below 1, their logarithms negative: mind the minus in front.", rel=1e-2)
    not_this(value, right * sum(COUNTS), "This is for all codes together; bits per code are wanted.", rel=1e-2)
    close(value, right, rel=5e-3)


def _exponent(answer: Any) -> None:
    value, code = whole(answer), LogarithmicCode(PRINTED_Z)
    right = int(code.exponents(LOGARITHMIC_VALUE))
    not_this(value, right + code.z, "This is round(16 log2 x); z is still to be taken away, and z is negative.")
    not_this(
        value, right + 2 * code.z, "z was added; the level is 2^((k + z)/16), so k is the rest after taking z away."
    )
    natural = round(16 * np.log(LOGARITHMIC_VALUE)) - code.z
    not_this(value, natural, "That is the natural logarithm; the steps are sixteenths of powers of two.")
    octaves = round(float(np.log2(LOGARITHMIC_VALUE))) - code.z
    not_this(value, octaves, "Each power of two has 16 steps: multiply the logarithm by 16 first.")
    if value != right:
        raise Wrong("Not yet: k = round(16 log2 x) - z.")


def _binary(answer: Any) -> None:
    weights = np.array(BINARY_WEIGHTS)
    value, right = number(answer), float(binary_scale(weights))
    not_this(value, np.abs(weights).max(), "With the largest magnitude all other weights are made too large.")
    not_this(value, weights.mean(), "The signs are kept apart: take the magnitudes.", rel=1e-3)
    not_this(value, np.sqrt((weights**2).mean()), "This keeps the energy; the error is least elsewhere.", rel=1e-3)
    not_this(value, np.median(weights), "This is the middle of the weights with sign.", rel=1e-3)
    close(value, right)


def _own_format(answer: Any) -> None:
    name = getattr(answer, "name", answer)
    if not isinstance(name, str):
        raise Wrong('The name of your format is wanted, in quotes: "mine".')
    if name in FORMATS.built_in:
        raise Wrong(f"{name} comes with the workbench. Register one of your own.")
    if name not in FORMATS:
        raise Wrong(f"{name} is not registered yet: wb.FORMATS.register(wb.format_from_levels(...)).")
    format = FORMATS[name]
    if format.bits > BITS:
        raise Wrong(f"It has more levels than {BITS} bits can tell apart; at most {2**BITS}.")
    if format.needs_values or not format.has_scale:
        raise Wrong("A format with a scale is wanted, so that a threshold can stretch it.")
    found, least = best_db(format), best_db("int4")
    if found <= least:
        raise Wrong(f"It reaches {found:.2f} dB on this weight, int4 {least:.2f} dB. Where are most of the weights?")


EXERCISES = (
    Exercise(
        "06.1",
        "Drag the handle to the best threshold for NF4.",
        _dragged,
        "A little clipping pays: closer levels for many weights, an error for a few.",
    ),
    Exercise(
        "06.2",
        "How many times smaller does weight sharing make this weight?",
        _ratio,
        "The codebook costs little for a large weight, and a lot for a small one.",
    ),
    Exercise(
        "06.3",
        "Write one round of k-means.",
        _one_round,
        "Repeat it until nothing moves, and you have the whole method.",
    ),
    Exercise(
        "06.4",
        "How many bits a code take these counts after entropy coding?",
        _entropy,
        "All counts are powers of two here, so that a Huffman code gets there exactly.",
    ),
    Exercise(
        "06.5",
        "Which exponent k does GFPQ store for 5?",
        _exponent,
        "One code for the exponent, none for a mantissa.",
    ),
    Exercise(
        "06.6",
        "Which scale do these binary weights get?",
        _binary,
        "Its square error is least: that is what setting the derivative to 0 gives.",
    ),
    Exercise(
        "06.7",
        "Register a 4-bit format that is better than int4 on this weight.",
        _own_format,
        "It is now in sweeps, recipes and menus like any other.",
    ),
)
